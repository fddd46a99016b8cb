"""Find lines that are there twice because a file is: copied whole or in part, or rotated and exported with an overlap.

Equal lines of one file are different events, and so are equal lines on both sides of a rotation; only blocks of lines
that follow each other in the same order in two files are one and the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

import numpy as np
import pandas as pd

from timeline.arrays import Flags, Ints, encode, group, lines, micros
from timeline.rotation import stream_of, turn_of
from timeline.schema import FILE, LINE, MESSAGE, REF, SOURCE, STAGE_DTYPES, TIME_BASIS, TIME_NOTE, TIMESTAMP

_PLACE: Final = frozenset({FILE, LINE, TIME_BASIS, TIME_NOTE, *STAGE_DTYPES})
"""Columns that may differ between two copies of a line: where it stands, and how its time was worked out."""

FEW: Final = 2
"""So many different times, and of logs of two names so many different texts, a block must have: less is chance."""

OF_TWO_FOLDERS: Final = (32, 8)
"""Lines and different texts of a block that is a copy though the files are called alike in two folders, as the logs of
two hosts are that a load balancer asks every second."""

DIFFERENT_REQUESTS: Final = 3
"""So many different requests are no chance, even at one instant: `head -3 access.log`."""

STATUS: Final = "http.response.status_code"

AT_ONCE: Final = "equal lines of one instant are no proof"
ALIKE: Final = "lines that differ in their times only are no proof"
TWO_HOSTS: Final = "logs of two hosts can have so many lines in common"

Tell = Callable[[str, str], None]
Warn = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Piece:
    """The rows of one file by one parser, in the order of the file."""

    name: str
    source: int
    rows: Ints
    first: int
    last: int

    @property
    def stream(self) -> str:
        """What rotations of one log have in common."""
        return stream_of(self.name)


@dataclass(frozen=True)
class Block:
    """Rows of *late*, from its first on, that say the same as as many rows of *early* one after the other."""

    early: Piece
    late: Piece
    begin: int
    size: int

    @property
    def kept(self) -> Ints:
        """The rows of *early*."""
        return self.early.rows[self.begin : self.begin + self.size]

    @property
    def dropped(self) -> Ints:
        """The rows of *late*."""
        return self.late.rows[: self.size]

    @property
    def is_piece(self) -> bool:
        """Whether it is all of *late*."""
        return self.size == len(self.late.rows)

    @property
    def is_whole(self) -> bool:
        """Whether the two are equal."""
        return self.is_piece and self.size == len(self.early.rows)


def find_copies(
    events: pd.DataFrame, alive: Flags, *, warn: Warn = lambda _: None, note: Tell = lambda _, __: None
) -> tuple[Ints, Ints, Ints]:
    """Return rows to drop, the rows of other files that stand for them, and again those: their times are equal.

    Args:
        events: an event frame.
        alive: the rows that are still there. Rows with an identity of their own are left out: they need no guess.
        warn: called with a text about each block of which it cannot be told whether it is a copy; it stays.
        note: called with a file and what it is a copy of.
    """
    pieces = _pieces(events, alive & events[REF].isna().to_numpy())
    pairs = list(_pairs(events, pieces))
    if not pairs:
        return (np.empty(0, "int64"),) * 3
    rows = _Rows(events, pairs)
    stands_for = np.arange(len(events))
    gone: set[Piece] = set()
    for early, late in pairs:
        blocks = [] if gone & {early, late} else list(rows.find_blocks(early, late))
        block = next((block for block in blocks if not rows.doubt(block)), None)
        if block is not None:
            note(late.name, rows.describe(block))
            fresh = stands_for[block.dropped] == block.dropped
            stands_for[block.dropped[fresh]] = block.kept[fresh]
            gone |= {late} if block.is_piece else set()
        elif blocks and (blocks[0].is_piece or early.stream == late.stream):
            warn(rows.describe_doubt(blocks[0]))
    dropped = np.flatnonzero(stands_for != np.arange(len(events)))
    return dropped, stands_for[dropped], stands_for[dropped]


def _pieces(events: pd.DataFrame, alive: Flags) -> list[Piece]:
    """Return the pieces of parsers that have read more than one file; of other rows none can be a copy."""
    rows = np.flatnonzero(alive & events[FILE].notna().to_numpy())
    files, sources = events[FILE].cat.codes.to_numpy()[rows].astype("int64"), encode(events[SOURCE])[rows]
    found = group(sources, files)
    first = np.unique(found, return_index=True)[1]
    several = np.bincount(sources[first] + 1)[sources + 1] > 1
    rows, files, sources, found = rows[several], files[several], sources[several], found[several]
    times, numbers = micros(events[TIMESTAMP])[rows], lines(events)[rows]
    order = np.lexsort((times, numbers, found))
    rows, times = rows[order], times[order]
    edges = np.flatnonzero(np.diff(found[order])) + 1
    names = events[FILE].cat.categories.astype("str")
    pieces = [
        Piece(str(names[files[place[0]]]), int(sources[place[0]]), part, int(stamps.min()), int(stamps.max()))
        for place, part, stamps in zip(*(np.split(column, edges) for column in (order, rows, times)), strict=True)
        if len(part)
    ]
    lasts = events[MESSAGE].iloc[[piece.rows[-1] for piece in pieces]].str.len().fillna(0).astype("int64")
    ends = dict(zip(pieces, lasts.tolist(), strict=True))
    # A piece that holds another one comes before it, and of two equal ones the shorter name: access.log, access.log.1
    return sorted(pieces, key=lambda it: (it.first, -len(it.rows), -ends[it], len(it.name), it.name))


def _pairs(events: pd.DataFrame, pieces: list[Piece]) -> Iterator[tuple[Piece, Piece]]:
    """Yield the pieces of which the later one begins with a line of the earlier one."""
    if not pieces:
        return
    rows = np.concatenate([piece.rows for piece in pieces])
    owners = np.repeat(np.arange(len(pieces)), [len(piece.rows) for piece in pieces])
    begins = np.array([piece.rows[0] for piece in pieces])
    times = micros(events[TIMESTAMP])
    near = np.isin(times[rows], times[begins])
    rows, owners = rows[near], owners[near]
    texts = events[[SOURCE, MESSAGE]].take(rows)
    keys = group(encode(texts[SOURCE]), encode(texts[MESSAGE]), times[rows])
    holders: dict[int, set[int]] = defaultdict(set)
    for key, owner in zip(keys.tolist(), owners.tolist(), strict=True):
        holders[key].add(owner)
    key_of = dict(zip(rows.tolist(), keys.tolist(), strict=True))
    for late, begin in enumerate(begins.tolist()):
        yield from ((pieces[early], pieces[late]) for early in sorted(holders[key_of[begin]]) if early < late)


class _Rows:
    """The content of the rows of *pairs*: equal numbers for equal rows."""

    def __init__(self, events: pd.DataFrame, pairs: list[tuple[Piece, Piece]]) -> None:
        self.times, self.lines = micros(events[TIMESTAMP]), lines(events)
        within = np.zeros(len(events), bool)
        for early, late in pairs:
            begin, end = max(early.first, late.first), min(early.last, late.last)
            for piece in (early, late):
                within[piece.rows[(self.times[piece.rows] >= begin) & (self.times[piece.rows] <= end)]] = True
        rows = np.flatnonzero(within)
        near = events.take(rows)
        # Rows that cannot be copies get numbers of their own.
        self.codes = np.arange(len(events)) + len(events)
        self.codes[rows] = group(*(encode(near[name]) for name in near if name not in _PLACE))
        self.messages = events[MESSAGE]
        self.is_request = np.zeros(len(events), bool)
        if STATUS in events:
            self.is_request = events[STATUS].notna().to_numpy(bool)
        self.texts = np.full(len(events), -1)
        self.texts[rows] = encode(near[MESSAGE])

    def find_blocks(self, early: Piece, late: Piece) -> Iterator[Block]:
        """Yield the blocks that are all of *late*, or its begin and the end of *early*."""
        ours, theirs = self.codes[early.rows], self.codes[late.rows]
        head = theirs[0]
        run = int(np.argmin(theirs == head)) or len(theirs)  # equal lines that *late* begins with
        for begin in np.flatnonzero(ours == head).tolist():
            size = min(len(theirs), len(ours) - begin)
            # Of a longer run in *early* only its end can go on as *late* does.
            if size > run and (ours[begin + run] == head or not self._is_same(early, late, begin, run)):
                continue
            if all(self._is_same(early, late, begin, place) for place in (size // 2, size - 1)) and np.array_equal(
                ours[begin : begin + size - 1], theirs[: size - 1]
            ):
                yield Block(early, late, begin, size)
                if size <= run:
                    return  # the others say no more

    def _is_same(self, early: Piece, late: Piece, begin: int, place: int) -> bool:
        """Tell whether the row at *place* is the same, or the torn last one of a file that was copied as it grew."""
        ours, theirs = early.rows[begin + place], late.rows[place]
        if self.codes[ours] == self.codes[theirs] or place == 0 or place < len(late.rows) - 1:
            return bool(self.codes[ours] == self.codes[theirs])
        texts = self.messages.iloc[[ours, theirs]].tolist()
        is_torn = all(isinstance(text, str) for text in texts) and texts[0].startswith(texts[1])
        return bool(is_torn and self.times[ours] == self.times[theirs])

    def doubt(self, block: Block) -> str:
        """Say why *block* may be no copy, "" if it certainly is one."""
        early, late = block.early, block.late
        at_once = len(np.unique(self.times[block.dropped])) < FEW
        texts = len(np.unique(self.texts[block.dropped]))
        if early.stream == late.stream:
            # Two rotations that hold the same one instant may be halves of a burst that the rotation cut.
            is_copy = block.is_whole and turn_of(early.name) == turn_of(late.name)
            return AT_ONCE if at_once and not is_copy else ""
        if PurePosixPath(early.name).name == PurePosixPath(late.name).name:
            few = block.size < OF_TWO_FOLDERS[0] or texts < OF_TWO_FOLDERS[1]
            return TWO_HOSTS if (at_once or few) and not (block.is_whole and not at_once) else ""
        if at_once:
            return "" if self._are_of_many_clients(block) else AT_ONCE
        return ALIKE if texts < FEW and not block.is_whole else ""

    def _are_of_many_clients(self, block: Block) -> bool:
        """Tell whether these are different requests, which two servers hardly get in the same order."""
        rows = block.dropped
        return bool(self.is_request[rows].all()) and len(np.unique(self.codes[rows])) >= DIFFERENT_REQUESTS

    def describe(self, block: Block) -> str:
        """Say what *late* is a copy of."""
        if block.is_whole:
            return f"copy of {block.early.name}"
        if block.is_piece:
            return f"copy of {self._span(block.kept)} of {block.early.name}"
        return f"{self._span(block.dropped)} also in {block.early.name}"

    def describe_doubt(self, block: Block) -> str:
        """Say which lines may be copies, and why they stay."""
        ours, theirs = self._span(block.kept), self._span(block.dropped)
        return (
            f"{block.late.name}: {theirs} may be copied from {ours} of {block.early.name}; both are kept, "
            f"since {self.doubt(block)}"
        )

    def _span(self, rows: Ints) -> str:
        first, last = self.lines[rows[0]], self.lines[rows[-1]]
        return f"line {first:,}" if first == last else f"lines {first:,} to {last:,}"
