"""Find lines that are there twice because a file is: copied whole, or rotated and exported with an overlap.

Equal lines of one file are different events, and so are equal lines on both sides of a rotation; only blocks of lines
that follow each other in the same order in two files are one and the same.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
import pandas as pd

from timeline.arrays import Flags, Ints, encode, group, lines, micros
from timeline.schema import FILE, LINE, REF, SOURCE, STAGE_DTYPES, TIME_BASIS, TIME_NOTE, TIMESTAMP

PACKED: Final = re.compile(r"\.(?:gz|bz2|xz|zst|lz4)$")
ROTATION: Final = re.compile(r"[._-](?:\d{1,3}|\d{8}(?:[-_T]?\d{2,6}Z?)?|\d{4}-\d\d-\d\d(?:[-_T]\d{1,6}Z?)?|old)$")
"""`access.log.1`, `access.log-20260615`, `access.log.2026-06-15`: what logrotate and its like append."""

_PLACE: Final = frozenset({FILE, LINE, TIME_BASIS, TIME_NOTE, *STAGE_DTYPES})
"""Columns that may differ between two copies of a line: where it stands, and how its time was worked out."""


@dataclass(frozen=True)
class Piece:
    """The rows of one file by one parser, in the order of the file."""

    name: str
    source: int
    rows: Ints
    first: int
    last: int

    @property
    def stream(self) -> tuple[int, str]:
        """What rotations of one log have in common."""
        return self.source, ROTATION.sub("", PACKED.sub("", self.name))

    @property
    def turn(self) -> str:
        """What tells rotations of one log apart."""
        return PACKED.sub("", self.name).removeprefix(self.stream[1])


def find_copies(events: pd.DataFrame, alive: Flags) -> tuple[Ints, Ints, Ints]:
    """Return rows to drop, the rows of other files that stand for them, and again those: their times are equal.

    Args:
        events: an event frame.
        alive: the rows that are still there. Rows with an identity of their own are left out: they need no guess.
    """
    pieces = _pieces(events, alive & events[REF].isna().to_numpy())
    pairs = list(_pairs(pieces))
    if not pairs:
        return (np.empty(0, "int64"),) * 3
    codes = _row_codes(events, pairs)
    times = micros(events[TIMESTAMP])
    stands_for = np.arange(len(events))
    for early, late in pairs:
        dropped, kept = _align(early, late, codes, times)
        fresh = stands_for[dropped] == dropped
        stands_for[dropped[fresh]] = kept[fresh]
    dropped = np.flatnonzero(stands_for != np.arange(len(events)))
    return dropped, stands_for[dropped], stands_for[dropped]


def _pieces(events: pd.DataFrame, alive: Flags) -> list[Piece]:
    files = events[FILE].cat.codes.to_numpy()
    if np.count_nonzero(np.bincount(files[alive] + 1)) < 2:  # noqa: PLR2004 - nothing to compare
        return []
    rows = np.flatnonzero(alive)
    sources = encode(events[SOURCE])
    order = rows[np.lexsort((micros(events[TIMESTAMP])[rows], lines(events)[rows], sources[rows], files[rows]))]
    times = micros(events[TIMESTAMP])[order]
    edges = np.flatnonzero((np.diff(files[order]) != 0) | (np.diff(sources[order]) != 0)) + 1
    names = events[FILE].cat.categories.astype("str")
    pieces = [
        Piece(names[files[part[0]]], int(sources[part[0]]), part, int(stamps.min()), int(stamps.max()))
        for part, stamps in zip(np.split(order, edges), np.split(times, edges), strict=True)
        if files[part[0]] >= 0
    ]
    # A piece that holds another one comes before it, and of two equal ones the shorter name: access.log, access.log.1
    return sorted(pieces, key=lambda piece: (piece.first, -len(piece.rows), len(piece.name), piece.name))


def _pairs(pieces: list[Piece]) -> Iterator[tuple[Piece, Piece]]:
    """Yield the pieces that may share lines: equal in size and times, or rotations whose times overlap."""
    alike: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for place, piece in enumerate(pieces):
        alike["stream", *piece.stream].append(place)
        alike["size", piece.source, len(piece.rows), piece.first, piece.last].append(place)
    found = {
        (early, late)
        for (kind, *_), places in alike.items()
        for early, late in combinations(places, 2)
        if kind == "size" or pieces[late].first < pieces[early].last
    }
    for early, late in sorted(found):
        yield pieces[early], pieces[late]


def _row_codes(events: pd.DataFrame, pairs: list[tuple[Piece, Piece]]) -> Ints:
    """Give equal numbers to rows with equal content; rows that cannot be copies get numbers of their own."""
    times = micros(events[TIMESTAMP])
    within = np.zeros(len(events), bool)
    for early, late in pairs:
        begin, end = max(early.first, late.first), min(early.last, late.last)
        for piece in (early, late):
            within[piece.rows[(times[piece.rows] >= begin) & (times[piece.rows] <= end)]] = True
    rows = np.flatnonzero(within)
    near = events.take(rows)
    codes = np.arange(len(events)) + len(events)
    keys = [encode(near[name]) for name in near if name not in _PLACE]
    codes[rows] = group(*keys)
    return codes


def _align(early: Piece, late: Piece, codes: Ints, times: Ints) -> tuple[Ints, Ints]:
    """Return the rows of *late* that are copies, and the rows of *early* that they copy."""
    nothing = np.empty(0, "int64"), np.empty(0, "int64")
    if np.array_equal(codes[early.rows], codes[late.rows]):
        # Two rotations that hold the same one instant may be halves of a burst that the rotation cut.
        halves = early.first == early.last and early.stream == late.stream and early.turn != late.turn
        return nothing if halves else (late.rows, early.rows)
    if early.stream != late.stream:
        return nothing
    for begin in np.flatnonzero(codes[early.rows] == codes[late.rows[0]]):
        block = early.rows[begin : begin + len(late.rows)]
        copy = late.rows[: len(block)]  # all of it, or as much as the earlier piece still has
        if np.array_equal(codes[block], codes[copy]) and len(np.unique(times[block])) > 1:
            return copy, block
    return nothing
