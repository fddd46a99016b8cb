"""Toolkit for parsers of line-based text: blocks of whole lines with their numbers, as Arrow columns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pyarrow as pa

from timeline.plain import drop_colours
from timeline.sources import Source

LINE_LIMIT: Final = 1 << 20
# What is held of a line that does not end; more of it is let go while it is read.
LINE_HELD: Final = 1 << 25
_NEWLINE: Final = 10
# Blocks that were never written when the machine stopped, or what was there before a log was truncated.
_HOLES: Final = re.compile(rb"^\0+", re.MULTILINE)
_STRETCH: Final = 1 << 18  # stays in the cache
_JSON_ARRAY: Final = re.compile(rb"\s*\[\s*\{")


@dataclass(frozen=True)
class Block:
    r"""Whole lines of a source. Split at `\n` only: other "line ends" occur inside messages.

    Attributes:
        data: UTF-8 with `\n` line ends, the last one always there; invalid bytes have become U+FFFD,
            one `\r` before each `\n` is gone, so are colours and zeros at the start of a line, and lines longer than
            the limit are cut.
        first_line: number of the first line, from 1.
        cut: numbers of the lines that were cut.
    """

    data: bytes
    first_line: int
    cut: tuple[int, ...] = ()

    @cached_property
    def ends(self) -> np.ndarray:
        r"""Offset of each line's `\n`, int64."""
        ends: np.ndarray = np.flatnonzero(np.frombuffer(self.data, np.uint8) == _NEWLINE)
        return ends

    @cached_property
    def starts(self) -> np.ndarray:
        """Offset of each line's first byte, int64."""
        starts: np.ndarray = (
            np.concatenate((np.zeros(1, np.int64), self.ends[:-1] + 1)) if len(self.ends) else self.ends
        )
        return starts

    @cached_property
    def numbers(self) -> np.ndarray:
        """Line numbers, int64, from 1 in the source."""
        return self.first_line + np.arange(len(self.ends))

    @cached_property
    def lines(self) -> pa.LargeStringArray:
        """The lines without their ends, as Arrow strings."""
        flat = np.frombuffer(self.data, np.uint8)
        text = flat[flat != _NEWLINE].tobytes()
        offsets = np.concatenate((self.starts - np.arange(len(self.ends)), [len(text)])).astype(np.int64)
        return pa.LargeStringArray.from_buffers(len(self.ends), pa.py_buffer(offsets), pa.py_buffer(text))

    @property
    def blank(self) -> np.ndarray:
        """Whether each line is empty, as bool."""
        return self.starts == self.ends


@dataclass(frozen=True)
class RawBlock:
    """Whole lines of a source as they are; to clean them is work that another thread can do.

    Attributes:
        data: bytes that end with a line.
        first_line: number of the first line, from 1.
    """

    data: bytes
    first_line: int = 1

    def clean(self, limit: int = LINE_LIMIT) -> Block:
        """Make a `Block` of them; see `clean`."""
        return clean(self.data, self.first_line, limit)


def is_json_array(head: bytes) -> bool:
    """Tell a JSON array of objects, such as a chat export, from lines of text: quicker than reading its lines."""
    return _JSON_ARRAY.match(head) is not None


def read_blocks(source: Source, size: int | None = None, limit: int = LINE_LIMIT) -> Iterator[Block]:
    """Yield the lines of *source* in blocks.

    Args:
        source: the source.
        size: bytes a block has at least, but for the last; whole lines. By default what the source asks for.
        limit: bytes of a line that are kept. A longer one is cut, so that no regular expression meets it.
    """
    number = 1
    for data in _whole_lines(source.chunks(), size or source.block_size):
        block = clean(data, number, limit)
        yield block
        number += len(block.ends)


def read_raw_blocks(source: Source, size: int | None = None) -> Iterator[RawBlock]:
    """Yield the lines of *source* in blocks that are not cleaned yet. See `read_blocks`."""
    number = 1
    for data in _whole_lines(source.chunks(), size or source.block_size):
        yield RawBlock(data, number)
        number += _count_lines(data)


def _count_lines(data: bytes) -> int:
    """Count line ends; other than `bytes.count` this leaves the interpreter to the threads that clean."""
    flat = np.frombuffer(data, np.uint8)
    return sum(int(np.count_nonzero(flat[at : at + _STRETCH] == _NEWLINE)) for at in range(0, len(flat), _STRETCH))


def clean(raw: bytes, first_line: int = 1, limit: int = LINE_LIMIT) -> Block:
    r"""Make a block of raw bytes that end with a line: cut, drop `\r`, repair UTF-8. See `Block`."""
    raw, cut = _cut_long_lines(raw, limit)
    if b"\0" in raw:
        raw = _HOLES.sub(b"", raw)
    raw = drop_colours(raw)
    if b"\r" in raw:  # one byte is found ten times faster than two
        raw = raw.replace(b"\r\n", b"\n")
    if not _is_utf8(raw):
        raw = raw.decode("utf-8", "replace").encode("utf-8")
    return Block(raw, first_line, tuple(first_line + place for place in cut))


def _is_utf8(raw: bytes) -> bool:
    """Tell whether *raw* is valid UTF-8; Arrow's check is a hundred times faster than decoding."""
    ends = pa.py_buffer(np.array([0, len(raw)], np.int64))
    text = pa.LargeBinaryArray.from_buffers(pa.large_binary(), 1, [None, ends, pa.py_buffer(raw)])
    try:
        text.cast(pa.large_string())
    except pa.ArrowInvalid:
        return False
    return True


def _whole_lines(chunks: Iterator[bytes], size: int) -> Iterator[bytes]:
    parts: list[bytes] = []
    held = 0
    open_line = 0
    for chunk in chunks:
        end = chunk.rfind(b"\n") + 1
        open_line = len(chunk) - end if end else open_line + len(chunk)
        if not end and open_line > LINE_HELD:
            continue
        parts.append(chunk)
        held += len(chunk)
        if held < size or not end:
            continue
        parts[-1] = chunk[:end]
        yield b"".join(parts)
        parts, held = ([chunk[end:]], len(chunk) - end) if end < len(chunk) else ([], 0)
    rest = b"".join(parts)
    if rest:
        yield rest if rest.endswith(b"\n") else rest + b"\n"


def _has_long_line(raw: bytes, limit: int) -> bool:
    """Tell whether a line is longer than *limit*, in leaps of that length."""
    place = 0
    while len(raw) - place > limit + 1:
        place = raw.rfind(b"\n", place, place + limit + 1) + 1
        if not place:
            return True
    return False


def _cut_long_lines(raw: bytes, limit: int) -> tuple[bytes, list[int]]:
    if not _has_long_line(raw, limit):
        return raw, []
    ends = np.flatnonzero(np.frombuffer(raw, np.uint8) == _NEWLINE)
    lengths = np.diff(ends, prepend=-1) - 1
    long = np.flatnonzero(lengths > limit)
    pieces, place = [], 0
    for row in long:
        keep = int(ends[row] - lengths[row]) + limit
        pieces += [raw[place:keep], "…".encode()]
        place = int(ends[row])
    return b"".join([*pieces, raw[place:]]), long.tolist()
