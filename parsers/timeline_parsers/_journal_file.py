"""A journal file from its bytes to batches: what is damaged is said, what is readable is read."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from timeline.parser import Batch, Tally
from timeline.sources import Source
from timeline_parsers import _journal_salvage as salvage
from timeline_parsers._journal_binary import Reader
from timeline_parsers._journal_fields import no_records, to_frame
from timeline_parsers._journal_live import read_by_library
from timeline_parsers._journal_objects import JournalFile


def read_binary(source: Source) -> Iterator[Batch]:
    """Yield the entries of a journal file; systemd's own library reads it if it needs a feature that is new to us."""
    file = JournalFile(source.read())
    problem = file.problem()
    if problem:
        yield Batch(no_records(), lines=0, warnings=(problem,))
    elif file.unknown_flags():
        yield from read_by_library(file)
    else:
        yield from read_file(file)


def read_file(file: JournalFile) -> Iterator[Batch]:
    """Yield the entries of *file* in the order they were written; the last batch carries the warnings."""
    offsets, lost, warnings = list_entries(file)
    reader = Reader(file)
    for entries in reader.read(offsets, np.arange(1, len(offsets) + 1)):
        yield Batch(to_frame(entries), lines=len(entries))
    tally = Tally(lines=lost)
    if lost:
        tally.reject(len(offsets) + 1, "entry that the file's index names and that cannot be read", lost)
    if reader.unreadable:
        warnings.append(f"{reader.unreadable:,} references to damaged fields; their entries lack those fields")
    if reader.refused:
        warnings.append(f"{reader.refused:,} compressed fields are damaged or too large; their entries lack them")
    yield tally.batch(no_records(), warnings=tuple(warnings))


def list_entries(file: JournalFile) -> tuple[np.ndarray, int, list[str]]:
    """Find the entries of *file* by its index, and by a search where the index is damaged.

    Returns:
        Offsets of entries that can be read, how many more the index names, and warnings.
    """
    linked, sound = file.chain()
    good = file.sound_entries(linked)
    offsets = linked[good]
    problems = _describe(file, linked, sound=sound, bad=int(np.count_nonzero(~good)))
    if not problems:
        return offsets, 0, []
    found = salvage.find_entries(file)
    every = np.union1d(offsets, found)
    extra = len(every) - len(np.unique(offsets))
    lost = max(0, len(linked) - len(every))
    text = f"{', '.join(problems)}; {len(every):,} entries read"
    if extra:
        text += f", {extra:,} of them found by searching the file"
    return every, lost, [text]


def _describe(file: JournalFile, linked: np.ndarray, *, sound: bool, bad: int) -> list[str]:
    problems = []
    if file.claimed_size > len(file.data):
        problems.append(f"truncated: {len(file.data):,} of {file.claimed_size:,} bytes")
    if not sound:
        problems.append("its index of entries is broken")
    if bad:
        problems.append(f"{bad:,} of {len(linked):,} places in its index hold no entry")
    if sound and file.claimed_entries > len(linked):
        problems.append(f"its header counts {file.claimed_entries:,} entries, its index {len(linked):,}")
    return problems
