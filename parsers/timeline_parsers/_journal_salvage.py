"""Find the entries of a damaged or truncated journal file by walking its objects instead of its index."""

from __future__ import annotations

from typing import Final

import numpy as np

from timeline_parsers._journal_objects import ENTRY_HEAD, TAG, JournalFile

_SMALLEST_OBJECT: Final = 16
_LATEST: Final = 1 << 55


def find_entries(file: JournalFile) -> np.ndarray:
    """Return the offsets of all ENTRY objects that can be recognised, ascending.

    Objects lie end to end, so the walk goes from each to the place behind it. Where no object begins there, the size
    was damaged, or the next object: the walk then goes on at the next place that looks like an object.
    """
    places = _candidates(file)
    if not len(places):
        return np.zeros(0, np.int64)
    behind = places + (file.words[places + 1].astype(np.int64) + 7) // 8
    following = np.searchsorted(places, behind)
    found = np.append(places, -1)[following] == behind
    # The last object is followed by the end of the file or by space that was never written.
    unused = np.append(file.words, np.uint64(0))[np.minimum(behind, len(file.words))] == 0
    steps = np.where(found | unused, following, np.arange(1, len(places) + 1)).tolist()
    visited, step = [], 0
    while step < len(steps):
        visited.append(step)
        step = steps[step]
    offsets = places[visited] * 8
    return offsets[_plausible(file, offsets)]


def _candidates(file: JournalFile) -> np.ndarray:
    """Return the places (offset / 8) of words that may begin an object: known type and flags, a size that fits."""
    heads = file.words[:-1]
    kind = heads & np.uint64(0xFF)
    flags = heads >> np.uint64(8)
    possible = (kind >= 1) & (kind <= TAG) & (flags <= 4) & (flags != 3)  # noqa: PLR2004 - one compression at most
    places = np.flatnonzero(possible)
    places = places[places >= file.header_size // 8]
    size = file.words[places + 1]
    return places[(size >= _SMALLEST_OBJECT) & (size <= (len(file.data) - places * 8).astype(np.uint64))]


def _plausible(file: JournalFile, offsets: np.ndarray) -> np.ndarray:
    """Tell which of *offsets* hold an entry: a possible time, a boot id, and items that were written before it."""
    good = file.sound_entries(offsets)
    at = np.where(good, offsets, 0) // 8
    size = np.where(good, file.words[at + 1], ENTRY_HEAD).astype(np.int64)
    realtime = file.words[np.where(good, at + 3, 0)]
    boot = file.words[np.where(good, at + 5, 0)] | file.words[np.where(good, at + 6, 0)]
    good &= (realtime >= 1) & (realtime < _LATEST) & (boot != 0) & (size > ENTRY_HEAD)
    items, unit = (file.halves, 4) if file.compact else (file.words, 8)
    first = np.where(good, (offsets + ENTRY_HEAD) // unit, 0)
    head = items[first].astype(np.uint64)
    return np.asarray(good & (head % 8 == 0) & (head < offsets.astype(np.uint64)))
