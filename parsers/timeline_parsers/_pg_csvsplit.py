"""Find the records of a csvlog: where each begins, and what lies between them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from timeline.stamps import gather
from timeline.textlog import Block

FEWEST: Final = 22
"""Columns of the oldest csvlog that is read."""

_FIELD: Final = rb'(?:"[^"]*+(?:""[^"]*+)*+"|[^",\n]*+)'
RECORD: Final = re.compile(rb"%b(?:,%b){%d,}+\n" % (_FIELD, _FIELD, FEWEST - 1))
"""A whole record with its end of line."""

RECORD_START: Final = re.compile(
    rb'^"?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?(?: [^",\n]{1,40})?"?,', re.MULTILINE
)
"""How one begins. Exports by tools quote the time."""

# What has no end in the data: fields, then a quote that is still open.
_OPEN_RECORD: Final = re.compile(rb'%b(?:,%b)*+(?:,|(?<=,))"[^"]*+(?:""[^"]*+)*+"?\Z' % (_FIELD, _FIELD))

_START_WIDTH: Final = 20
_PUNCTUATION: Final = ((4, "-"), (7, "-"), (10, " "), (13, ":"), (16, ":"))
_DIGITS: Final = (0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18)
_QUOTE, _COMMA, _ZERO, _TEN = ord('"'), ord(","), ord("0"), 10
_IS_BESIDE: Final = np.isin(np.arange(256), [*b'",\n'])

Flat = np.ndarray[Any, np.dtype[np.uint8]]


@dataclass(frozen=True)
class Split:
    """Where the lines of a block belong.

    Attributes:
        cut: lines before this one are settled; the others may be the start of a record that goes on.
        begins: the first line of each record, ascending.
        lasts: the last line of each record.
        stray: lines of no record.
    """

    cut: int
    begins: np.ndarray
    lasts: np.ndarray
    stray: np.ndarray


def split_records(block: Block, *, last: bool = False) -> Split:
    """Find the records of *block*, whatever they begin with; `split_damaged` is for what does not read as records.

    Args:
        block: begins outside of a record.
        last: nothing follows the block, so that a record without an end is damaged.
    """
    flat = np.frombuffer(block.data, np.uint8)
    quotes = np.flatnonzero(flat == _QUOTE)
    outside = np.searchsorted(quotes, block.starts) % 2 == 0
    closed = len(quotes) % 2 == 0
    begins = np.flatnonzero(outside & ~block.blank)
    if last and not closed:
        return split_damaged(block, last=last)
    cut = len(block.ends) if closed or not len(begins) else int(begins[-1])
    begins = begins[begins < cut]
    # A record lasts until the next line outside of it, blank ones included.
    every = np.append(np.flatnonzero(outside[:cut]), cut)
    lasts = every[np.searchsorted(every, begins) + 1] - 1
    if not _are_whole(flat, quotes, block.ends[lasts]):
        return split_damaged(block, last=last)
    return Split(cut, begins, lasts, np.zeros(0, np.int64))


def _are_whole(flat: Flat, quotes: np.ndarray, ends: np.ndarray) -> bool:
    """Tell whether the quotes before the last of *ends* enclose whole fields."""
    if not len(ends):
        return True
    quotes = quotes[: np.searchsorted(quotes, ends[-1])]
    before, behind = flat[quotes[::2] - 1], flat[quotes[1::2] + 1]
    # A quote at the very start has the last byte before it, an end of line.
    return bool(_IS_BESIDE[before].all() and _IS_BESIDE[behind].all())


def looks_like_stamp(data: bytes, starts: np.ndarray) -> np.ndarray:
    """Tell whether a stamp, perhaps quoted, stands at each of *starts*."""
    quoted = gather(data, starts, 1)[:, 0] == _QUOTE if len(starts) else np.zeros(0, bool)
    head = np.asfortranarray(gather(data, starts + quoted, _START_WIDTH))
    good = np.ones(len(starts), bool)
    for place, byte in _PUNCTUATION:
        good &= head[:, place] == ord(byte)
    for place in _DIGITS:
        good &= head[:, place] - np.uint8(_ZERO) < _TEN
    return good


def split_damaged(block: Block, *, last: bool) -> Split:
    """Find the records of *block* one by one; a line where none begins, or one without a proper end, is stray."""
    starts = looks_like_stamp(block.data, block.starts).tolist()
    offsets, blank = block.starts.tolist(), block.blank.tolist()
    ends = block.ends
    begins: list[int] = []
    lasts: list[int] = []
    stray: list[int] = []
    line = 0
    while line < len(offsets):
        found = RECORD.match(block.data, offsets[line]) if starts[line] else None
        if found:
            begins.append(line)
            line = int(np.searchsorted(ends, found.end() - 1))
            lasts.append(line)
        elif starts[line] and not last and _OPEN_RECORD.match(block.data, offsets[line]):
            break
        elif not blank[line]:
            stray.append(line)
        line += 1
    return Split(line, np.array(begins, np.int64), np.array(lasts, np.int64), np.array(stray, np.int64))


def count_columns(data: bytes, ends: np.ndarray) -> np.ndarray:
    """Return the number of columns of records that lie one behind the other in *data*, ending before *ends*."""
    flat = np.frombuffer(data, np.uint8)
    inside = np.bitwise_xor.accumulate((flat == _QUOTE).view(np.uint8)).view(bool)
    commas = np.flatnonzero((flat == _COMMA) & ~inside)
    return np.diff(np.searchsorted(commas, ends), prepend=0) + 1
