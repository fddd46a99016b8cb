"""Cut lines into variables by byte positions: columns of places first, strings only at the end.

A value is found by the next occurrence of the byte that ends it, for all lines of a block at once, and the literals
between are compared; what does not fit goes through the exact pattern, which gives places as well. Arrow's CSV
reader splits the same lines about as fast, but hides whether a quote was where the format has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from timeline.textlog import Block
from timeline_parsers._nginx_format import END_OF_LINE, LineFormat, Step

Places = np.ndarray[tuple[int], np.dtype[np.int64]]
Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]
Spans = dict[str, tuple[Places, Places]]

BACKSLASH: Final = 92
DASH: Final = 45
_BLANK: Final = 32
_QUOTE: Final = 34
_ZERO: Final = 48
_LONGEST_NUMBER: Final = 5  # digits of a port
_WINDOW_ROWS: Final = 8192


class Lines:
    """The lines of a block, and where bytes of interest stand in it."""

    def __init__(self, block: Block) -> None:
        self.data: bytes | memoryview = block.data
        self.flat = np.frombuffer(block.data, np.uint8)
        self.ends: Places = block.ends
        self.starts: Places = block.starts
        self.numbers: Places = block.numbers
        self._positions: dict[int, Places] = {}

    def __len__(self) -> int:
        return len(self.ends)

    def positions(self, byte: int) -> Places:
        """Return where *byte* stands, and the end of the block last."""
        if byte not in self._positions:
            found = np.flatnonzero(self.flat == byte)
            self._positions[byte] = np.append(found, len(self.flat))
        return self._positions[byte]

    def find(self, byte: int, places: Places, guess: Places | None = None) -> Places:
        """Return which of `positions(byte)` is the next one at or after each of *places*.

        Args:
            byte: the byte.
            places: from where to look.
            guess: what the result most likely is, at least 1; looking there first is five times faster.
        """
        found = self.positions(byte)
        if guess is None:
            return np.searchsorted(found, places)
        guess = np.minimum(guess, len(found) - 1)
        wrong = np.flatnonzero((found[guess] < places) | (found[guess - 1] >= places))
        guess[wrong] = np.searchsorted(found, places[wrong])
        return guess

    def byte_at(self, places: Places) -> np.ndarray:
        """Return the bytes at *places*; what lies outside the block gives its first or last byte."""
        return self.flat.take(places, mode="clip")

    def has_literal(self, places: Places, literal: bytes) -> Mask:
        """Tell at which of *places* the bytes of *literal* stand."""
        good = np.ones(len(places), bool)
        for offset, byte in enumerate(literal):
            good &= self.byte_at(places + offset) == byte
        return good

    def texts(self, rows: np.ndarray) -> pa.LargeStringArray:
        """Return whole lines."""
        return self.slices(self.starts[rows], self.ends[rows])

    def slices(self, begins: Places, ends: Places, missing: Mask | None = None) -> pa.LargeStringArray:
        """Return the text between *begins* and *ends*, which lie in the order of the lines."""
        return slice_text(pa.py_buffer(self.data), begins, ends, missing)

    @cached_property
    def first_bytes(self) -> np.ndarray:
        """The first byte of each line."""
        return self.byte_at(self.starts)

    @cached_property
    def with_backslash(self) -> np.ndarray:
        """Numbers of the rows in which a backslash stands."""
        return np.unique(np.searchsorted(self.ends, self.positions(BACKSLASH)[:-1]))


def slice_text(buffer: pa.Buffer, begins: Places, ends: Places, missing: Mask | None = None) -> pa.LargeStringArray:
    """Return the texts between *begins* and *ends* of *buffer*, null where *missing*.

    The cut points of all rows in one array of offsets make an array of twice as many strings, wanted ones and
    gaps by turns, without copying; `take` picks the wanted ones.
    """
    rows = len(begins)
    offsets = np.zeros(2 * rows + 1, np.int64)
    offsets[0:-1:2], offsets[1::2] = begins, ends
    offsets[-1] = ends[-1] if rows else 0
    both = pa.LargeStringArray.from_buffers(2 * rows, pa.py_buffer(offsets), buffer)
    return both.take(pa.array(np.arange(0, 2 * rows, 2), mask=missing))


@dataclass
class Cuts:
    """Where the variables of each line lie.

    Attributes:
        spans: begin and end of each variable, one place a line; -1 where a line has none.
        found: whether a format fits the line.
    """

    spans: Spans
    found: Mask

    def put(self, rows: np.ndarray, spans: Mapping[str, tuple[Places, Places]]) -> None:
        """Take over the spans of *rows*."""
        for name, (begins, ends) in spans.items():
            if name not in self.spans:
                self.spans[name] = (np.full(len(self.found), -1), np.full(len(self.found), -1))
            self.spans[name][0][rows], self.spans[name][1][rows] = begins, ends
        for name in self.spans.keys() - spans.keys():
            self.spans[name][0][rows] = -1
        self.found[rows] = True


def cut(lines: Lines, formats: Iterable[LineFormat], skip: Mask, patterns: Iterable[str] = ()) -> Cuts:
    """Find the variables of every line.

    Args:
        lines: the lines.
        formats: the first is tried by its steps, then all by their patterns, in order.
        skip: lines to leave alone.
        patterns: further patterns for what is left.
    """
    formats = list(formats)
    cuts = cut_by_steps(lines, formats[0]) if formats[0].steps else Cuts({}, np.zeros(len(lines), bool))
    cuts.found &= ~skip
    for pattern in [*(format_.pattern for format_ in formats), *patterns]:
        rows = np.flatnonzero(~(cuts.found | skip))
        if not len(rows):
            break
        cuts.put(*cut_by_pattern(lines, rows, pattern))
    return cuts


def cut_by_steps(lines: Lines, format_: LineFormat) -> Cuts:
    """Cut every line by the steps of *format_*; a line that does not fit exactly is not found."""
    rows = len(lines)
    places = np.zeros((2 * len(format_.steps), rows), np.int64)
    spans: Spans = {step.variable: (places[2 * at], places[2 * at + 1]) for at, step in enumerate(format_.steps)}
    cuts = Cuts(spans, np.zeros(rows, bool))
    for first in range(0, rows, _WINDOW_ROWS):
        window = _Window(lines, first, min(first + _WINDOW_ROWS, rows))
        window.cut(format_, places[:, first : first + _WINDOW_ROWS], cuts.found[first : first + _WINDOW_ROWS])
    return cuts


class _Window(Lines):
    """Some of the lines of a block: few enough that what is looked at again and again stays in the cache."""

    def __init__(self, lines: Lines, first: int, last: int) -> None:
        self._offset = int(lines.starts[first])
        self.data = memoryview(lines.data)[self._offset : int(lines.ends[last - 1]) + 1]
        self.flat = np.frombuffer(self.data, np.uint8)
        self.starts, self.ends = lines.starts[first:last] - self._offset, lines.ends[first:last] - self._offset
        self.numbers = lines.numbers[first:last]
        self._positions = {}

    def cut(self, format_: LineFormat, places: np.ndarray, good: Mask) -> None:
        """Write into *places* begin and end of each step's variable, and into *good* which lines fit."""
        place = self.starts
        good[:] = True
        finder = _Finder(self)
        for at, step in enumerate(format_.steps):
            good &= self.has_literal(place, step.literal)
            begin = np.minimum(place + len(step.literal), self.ends)
            end = finder.find_end(begin, step)
            good &= end <= self.ends
            end = np.minimum(end, self.ends)
            good &= _is_valid(self, begin, end, step)
            places[2 * at], places[2 * at + 1] = begin, end
            place = end
        good &= self.has_literal(place, format_.tail) & (place + len(format_.tail) == self.ends)
        places += self._offset


class _Finder:
    """Finds where values end, and guesses from the last place how many such bytes the literals have passed."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._last: dict[int, Places] = {}
        self._passed: dict[int, int] = {}

    def find_end(self, begin: Places, step: Step) -> Places:
        for byte in self._passed:
            self._passed[byte] += step.literal.count(byte)
        if step.width:
            return begin + step.width
        if step.until == END_OF_LINE:
            return self._lines.ends
        return self._lines.positions(step.until)[self._find(begin, step.until)]

    def _find(self, begin: Places, byte: int) -> Places:
        guess = self._last[byte] + self._passed[byte] if byte in self._last else None
        found = self._lines.find(byte, begin, guess)
        self._last = {_QUOTE: self._last[_QUOTE]} if _QUOTE in self._last else {}
        self._last[byte], self._passed[byte] = found, 0
        return found


def _is_valid(lines: Lines, begin: Places, end: Places, step: Step) -> Mask | bool:
    if step.check:
        return _fits_pattern(lines, begin, end, step.check)
    if step.digits:
        # A client on a Unix socket has no port.
        return _is_number(lines, begin, end, step.width or _LONGEST_NUMBER) | (not step.width) & (begin == end)
    if step.until == END_OF_LINE and not step.width and not step.anything:
        return lines.positions(_BLANK)[lines.find(_BLANK, begin)] >= end
    if step.until == _QUOTE:
        # An escaped quote does not end a value.
        return lines.byte_at(end - 1) != BACKSLASH
    return True


def _fits_pattern(lines: Lines, begin: Places, end: Places, pattern: str) -> Mask:
    fits: Mask = pc.match_substring_regex(lines.slices(begin, end), pattern).to_numpy(zero_copy_only=False)
    return fits


def _is_number(lines: Lines, begin: Places, end: Places, longest: int) -> Mask:
    good = (end > begin) & (end - begin <= longest)
    for place in range(longest):
        good &= lines.byte_at(np.minimum(begin + place, end - 1)) - np.uint8(_ZERO) < 10  # noqa: PLR2004 - digits
    return good


def cut_by_pattern(lines: Lines, rows: np.ndarray, pattern: str) -> tuple[np.ndarray, Spans]:
    """Match *rows* against *pattern*; return the rows that fit and the spans of its named groups."""
    found = pc.extract_regex_span(lines.texts(rows), pattern)
    fits = found.is_valid().to_numpy(zero_copy_only=False)
    rows, found = rows[fits], found.filter(pa.array(fits))
    spans: Spans = {}
    for field in found.type:
        column = found.field(field.name)
        pairs = column.values.fill_null(0).to_numpy().reshape(-1, 2)[column.offset :][: len(column)]
        present = column.is_valid().to_numpy(zero_copy_only=False)
        begin = np.where(present, lines.starts[rows] + pairs[:, 0], -1)
        spans[field.name] = (begin, np.where(present, begin + pairs[:, 1], -1))
    return rows, spans
