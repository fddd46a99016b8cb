"""A journal file from its bytes to batches: what is damaged is said, what is readable is read."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Final

import numpy as np

from timeline.containers import Folder
from timeline.parser import Batch, Tally
from timeline.sources import Source
from timeline_parsers import _journal_salvage as salvage
from timeline_parsers import _journal_window as window
from timeline_parsers._journal_binary import Reader
from timeline_parsers._journal_fields import LATEST, no_records, to_frame
from timeline_parsers._journal_live import read_by_library
from timeline_parsers._journal_objects import ENTRY_HEAD, MAGIC, JournalFile

OUTSIDE: Final = "entries outside of the window were not read"


def read_binary(source: Source, span: window.Span = (None, None)) -> Iterator[Batch]:
    """Yield the entries of a journal file; systemd's own library reads it if it needs a feature that is new to us.

    Args:
        source: the file.
        span: a window; entries that surely lie outside may be left out.
    """
    file = JournalFile(load(source))
    problem = file.problem()
    if problem:
        yield Batch(no_records(), lines=0, warnings=(problem,))
    elif file.unknown_flags():
        yield from read_by_library(file)
    else:
        yield from read_file(file, span)


def load(source: Source) -> np.ndarray:
    """Read all of *source* into one array.

    Not mapped: journald may shorten a file while we read, and touching a mapped page behind its new end would kill the
    process. Not as bytes: numpy asks for huge pages, which makes reading three times faster.
    """
    if isinstance(source.container, Folder) and (plain := _load_plain(source)) is not None:
        return plain
    return np.frombuffer(source.read(), np.uint8)


def _load_plain(source: Source) -> np.ndarray | None:
    try:
        with source.container.open(source.member) as raw:
            if raw.read(len(MAGIC)) != MAGIC:
                return None
            data = np.empty(raw.seek(0, io.SEEK_END), np.uint8)
            raw.seek(0)
            return data[: raw.readinto(data.data)]  # type: ignore[attr-defined]
    except OSError:
        return None  # reading in pieces keeps what comes before the damage


def read_file(file: JournalFile, span: window.Span = (None, None)) -> Iterator[Batch]:
    """Yield the entries of *file* in the order they were written; the last batch carries the warnings."""
    offsets, lost, warnings = list_entries(file)
    reader = Reader(file)
    # Of a damaged file no link is relied on.
    found = None if span == (None, None) or warnings else _read_window(reader, offsets, span)
    if found is not None:
        yield from found
    else:
        reader = Reader(file)
        for entries in reader.read(offsets, np.arange(1, len(offsets) + 1)):
            yield Batch(to_frame(entries), lines=len(entries))
    tally = Tally(lines=lost)
    if lost:
        tally.reject(len(offsets) + 1, "entry that the file's index names and that cannot be read", lost)
    if reader.unreadable:
        warnings.append(f"{reader.unreadable:,} fields are damaged; their entries lack them")
    if reader.refused:
        warnings.append(f"{reader.refused:,} compressed fields are damaged or too large; their entries lack them")
    if lost or warnings or not len(offsets):
        yield tally.batch(no_records(), warnings=tuple(warnings))


def _read_window(reader: Reader, offsets: np.ndarray, span: window.Span) -> list[Batch] | None:
    """Read the entries that lie in a window; None if that cannot be told without reading all."""
    choice = window.choose_entries(reader.file, offsets, span)
    if choice is None or choice.wanted.all():
        return None
    batches, sent = [], 0
    ordinals = np.flatnonzero(choice.wanted)
    for entries in reader.read(offsets[ordinals], ordinals + 1):
        times = entries.number("_SOURCE_REALTIME_TIMESTAMP")
        sent += int(np.count_nonzero(window.lies_in(times, span) & (times >= 1) & (times < LATEST)))
        batches.append(Batch(to_frame(entries), lines=len(entries)))
    if sent != choice.sent:
        return None
    skipped = len(offsets) - len(ordinals)
    return [*batches, Batch(no_records(), lines=skipped, skipped=skipped, note=OUTSIDE)]


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
    claimed = file.claimed_entries
    # A count that the file could not hold is damaged itself.
    known = f" of {claimed:,}" if len(every) <= claimed <= file.claimed_size // ENTRY_HEAD else ""
    text = f"{', '.join(problems)}; {len(every):,}{known} entries read"
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
