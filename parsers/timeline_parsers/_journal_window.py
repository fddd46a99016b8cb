"""The entries of a journal file that lie in a window, found without decoding the others.

The head of an entry has the time of reception. The sender's time, which counts where there is one, is a field: its DATA
objects are found by their first bytes, and name the entries that have them. The two may differ by any amount.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from timeline_parsers._journal_binary import read_numbers
from timeline_parsers._journal_fields import LATEST
from timeline_parsers._journal_objects import ARRAY_HEAD, ENTRY_ARRAY, JournalFile

Span = tuple[int | None, int | None]
"""Begin and end of a window, microseconds since 1970; None where it is open."""

_NAME: Final = b"_SOURCE_REALTIME_TIMESTAMP="
_WORDS: Final = [int.from_bytes(_NAME[at : at + 8], "little") for at in range(0, len(_NAME), 8)]
_ALL: Final = np.uint64((1 << 64) - 1)
_REST: Final = np.uint64((1 << 8 * (len(_NAME) % 8)) - 1)
# Words that are compared at once.
_PIECE: Final = 1 << 20


@dataclass(frozen=True)
class Choice:
    """Which entries are read.

    Attributes:
        wanted: whether each entry of the file is.
        sent: how many of them have a sender's time in the window.
    """

    wanted: np.ndarray
    sent: int


def lies_in(times: np.ndarray, span: Span) -> np.ndarray:
    """Tell which of *times*, microseconds since 1970, lie in a window."""
    since, until = span
    inside = np.ones(len(times), bool)
    if since is not None:
        inside &= times >= since
    if until is not None:
        inside &= times <= until
    return inside


def choose_entries(file: JournalFile, offsets: np.ndarray, span: Span) -> Choice | None:
    """Choose the entries that were sent or received in a window, and those without a time; None if links are damaged.

    Args:
        file: the journal.
        offsets: of its entries, which must be sound.
        span: the window.
    """
    realtime = np.minimum(file.words[offsets // 8 + 3], LATEST).astype(np.int64)
    wanted = lies_in(realtime, span) | (realtime < 1) | (realtime >= LATEST)
    sent = find_senders(file, span, len(offsets))
    if sent is None or not (np.diff(offsets) > 0).all():
        return None
    places = np.searchsorted(offsets, sent)
    if not np.array_equal(np.append(offsets, -1)[places], sent):
        return None
    wanted[places] = True
    return Choice(wanted, len(sent))


def find_senders(file: JournalFile, span: Span, entries: int) -> np.ndarray | None:
    """Return the offsets of the entries whose sender's time lies in a window.

    Args:
        file: the journal.
        span: the window.
        entries: how many the file has; each has one such time at most.

    Returns:
        Offsets, int64, or None if links are damaged.
    """
    places = find_stamps(file)
    good, flags, sizes = file.look_at_data(places)
    places, ends = places[good & (flags == 0)], (places * 8 + sizes)[good & (flags == 0)]
    times = read_numbers(file.data, places * 8 + file.payload_offset + len(_NAME), ends)
    places = places[lies_in(times, span) & (times >= 1) & (times < LATEST)]
    # DATA objects name the first entry that has them, and an array of the others.
    counts = file.words[places + 7]
    if int(counts.max(initial=0)) > entries or int(counts.sum()) > entries:
        return None
    others = _follow_arrays(file, file.words[places + 6], 8 * entries)
    if others is None:
        return None
    found = np.concatenate((file.words[places + 5], others))
    found = found[found != 0]
    return np.minimum(found, 1 << 62).astype(np.int64) if len(found) == int(counts.sum()) else None


def find_stamps(file: JournalFile) -> np.ndarray:
    """Return the places (offset / 8) of what may be a DATA object with a sender's time."""
    words, head = file.words, file.payload_offset // 8
    starts = range(0, len(words) - len(_WORDS) + 1, _PIECE)
    firsts = [np.flatnonzero(words[start : start + _PIECE] == _WORDS[0]) + start for start in starts]
    found = np.concatenate([np.zeros(0, np.int64), *firsts])
    found = found[(found >= head) & (found <= len(words) - len(_WORDS))]
    for step, word in enumerate(_WORDS):
        mask = _REST if step == len(_WORDS) - 1 else _ALL
        found = found[(words[found + step] & mask) == word]
    return found - head


def _follow_arrays(file: JournalFile, arrays: np.ndarray, most: int) -> np.ndarray | None:
    """Return the slots of chains of ENTRY_ARRAY objects that begin at *arrays*, 0 for none; None if one is damaged."""
    slots = file.halves if file.compact else file.words
    found = [np.zeros(0, np.uint64)]
    while len(arrays := arrays[arrays != 0]):
        if (arrays & np.uint64(7)).any() or int(arrays.max()) > len(file.data) - ARRAY_HEAD:
            return None
        at = (arrays >> np.uint64(3)).astype(np.int64)
        sizes, following = file.words[at + 1], file.words[at + 2]
        good = (file.words[at] & np.uint64(0xFF)) == ENTRY_ARRAY
        good &= (sizes >= ARRAY_HEAD) & (sizes <= len(file.data) - arrays) & ((following == 0) | (following > arrays))
        if not good.all():
            return None
        counts = (sizes.astype(np.int64) - ARRAY_HEAD) // file.slot_size
        most -= int(counts.sum())
        if most < 0:
            return None
        for count in np.unique(counts).tolist():
            first = (at[counts == count] * 8 + ARRAY_HEAD) // file.slot_size
            found.append(slots[first[:, None] + np.arange(count)].ravel())
        arrays = following
    return np.concatenate(found).astype(np.uint64)
