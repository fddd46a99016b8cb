"""Read `journalctl -o export`, which is not a format of lines: a value may hold anything after its length.

Reference: systemd's docs/JOURNAL_EXPORT_FORMATS.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from timeline.parser import Batch, Tally
from timeline.sources import Source
from timeline_parsers._journal_entries import (
    MESSAGE,
    NUMBER_FIELDS,
    WORD_FIELDS,
    Entries,
    as_text,
    decode,
    match_prefixes,
    slices,
    to_numbers,
    to_words,
)
from timeline_parsers._journal_fields import no_records, to_frame

LARGEST_VALUE: Final = 256 << 20
_NEWLINE: Final = 10
_LENGTH_SIZE: Final = 8

_WANTED: Final = ("__REALTIME_TIMESTAMP", "__CURSOR", "_BOOT_ID", MESSAGE, *WORD_FIELDS, *NUMBER_FIELDS)
_PATTERNS: Final = [f"{name}=".encode() for name in _WANTED]
_NAME_LINE: Final = re.compile(rb"(?:^|\n)([A-Z0-9_]{1,64})\n\Z")
_LONGEST_NAME: Final = 64
_FIELD_LINE: Final = r"^[A-Z0-9_]{1,64}="


@dataclass(frozen=True)
class _Values:
    """The values that are given with a length: where each field begins, its value, and the line end behind it.

    Attributes:
        problem: the offset where a value does not fit, -1 if all do.
        open_at: the offset of a field whose end is not there yet, -1 if there is none.
    """

    fields: list[int]
    starts: list[int]
    ends: list[int]
    problem: int = -1
    open_at: int = -1


def read_export(source: Source) -> Iterator[Batch]:
    """Yield a batch for each block of whole entries."""
    carried, first, consumed = b"", 1, 0
    chunks = source.chunks()
    for chunk in chunks:
        carried += chunk
        if len(carried) < source.block_size:
            continue
        values = _find_values(carried)
        cut = _last_entry_end(carried, values)
        if values.problem >= 0:
            break
        if cut:
            batch = _parse(carried[:cut], values, first)
            first += batch.lines
            consumed += cut
            carried = carried[cut:]
            yield batch
    if carried:
        # Chunks are left after a damaged value only.
        yield _finish(carried, first, consumed, chunks)


def _finish(data: bytes, first: int, consumed: int, chunks: Iterator[bytes]) -> Batch:
    """Parse the last block. A value that is cut or damaged ends what can be read; the lines of *chunks* are counted."""
    complete = data.endswith(b"\n")
    if not complete:
        data += b"\n"
    values = _find_values(data)
    stop = values.problem if values.problem >= 0 else values.open_at
    if stop < 0:
        return _parse(data, values, first)
    batch = _parse(data[:stop], values, first) if stop else Batch(no_records(), 0)
    tally = Tally(batch.lines, batch.continuation, batch.blank, batch.decoration, batch.unparsed)
    tally.examples += batch.unparsed_examples
    rest = data.count(b"\n", stop) + _count_lines(chunks, open_line=not complete)
    tally.lines += rest
    tally.reject(first + batch.lines, decode(data[stop : stop + 200]), rest)
    warning = f"a value at byte {consumed + stop:,} is longer than the file or not closed; what follows is not read"
    return tally.batch(batch.records, warnings=(warning,))


def _count_lines(chunks: Iterator[bytes], *, open_line: bool) -> int:
    """Count the line ends of *chunks*, and a last line without one; *open_line*: the first line has been counted."""
    count, last = 0, b"\n"
    for chunk in chunks:
        count += chunk.count(b"\n")
        last = chunk[-1:]
        if open_line and b"\n" in chunk:
            count, open_line = count - 1, False
    return count + (last != b"\n" and not open_line)


def _find_values(data: bytes) -> _Values:
    """Find the values with a length: only these hold zero bytes, at the latest in the last byte of the length."""
    values = _Values([], [], [])
    place = data.find(b"\0")
    while place >= 0:
        start = _length_before(data, place)
        if start < 0:
            # No value with a length: a stray zero byte, which costs its line.
            line_end = data.find(b"\n", place)
            place = data.find(b"\0", line_end) if line_end >= 0 else -1
            continue
        size = int.from_bytes(data[start : start + _LENGTH_SIZE], "little")
        field = data.rfind(b"\n", 0, start - 1) + 1
        end = start + _LENGTH_SIZE + size
        if size > LARGEST_VALUE:
            return _Values(values.fields, values.starts, values.ends, problem=field)
        if end >= len(data):
            return _Values(values.fields, values.starts, values.ends, open_at=field)
        if data[end] != _NEWLINE:
            return _Values(values.fields, values.starts, values.ends, problem=field)
        values.fields.append(field)
        values.starts.append(start + _LENGTH_SIZE)
        values.ends.append(end)
        place = data.find(b"\0", end)
    return values


def _length_before(data: bytes, zero: int) -> int:
    """Return where the length that holds the zero byte at *zero* begins: behind a line that is only a name; -1."""
    for start in range(max(1, zero - _LENGTH_SIZE + 1), zero + 1):
        if data[start - 1] == _NEWLINE and _NAME_LINE.search(data, max(0, start - 66), start):
            return start
    return -1


def _last_entry_end(data: bytes, values: _Values) -> int:
    """Return the offset behind the last blank line that is not inside a value."""
    limit = values.open_at if values.open_at >= 0 else len(data)
    while (found := data.rfind(b"\n\n", 0, limit)) >= 0:
        place = int(np.searchsorted(values.starts, found, "right")) - 1
        if place < 0 or found + 1 > values.ends[place]:
            return found + 2
        limit = values.fields[place]
    return 0


@dataclass(frozen=True)
class _Fields:
    """The logical lines of a block: a field each, or empty.

    Attributes:
        begins: offset of each.
        ends: offset of the line end behind each.
        name: index into `_WANTED`, -1 for others.
        skip: bytes of the length in front of the value.
        good: whether it is a field at all.
    """

    begins: np.ndarray
    ends: np.ndarray
    name: np.ndarray
    skip: np.ndarray
    good: np.ndarray

    @property
    def blank(self) -> np.ndarray:
        """Whether each is the empty line that ends an entry."""
        return self.begins == self.ends


def _parse(data: bytes, values: _Values, first: int) -> Batch:
    """Parse whole entries; *values* may name further ones behind the end of *data*."""
    flat = np.frombuffer(data, np.uint8).copy()
    newlines = np.flatnonzero(flat == _NEWLINE)
    fields = _lay_out(flat, newlines, values)
    good = np.flatnonzero(fields.good)
    entry = (np.cumsum(fields.blank) - fields.blank)[good]
    is_first = np.diff(entry, prepend=-1) != 0
    rows = int(np.count_nonzero(is_first))
    numbers = first + np.searchsorted(newlines, fields.begins[good[is_first]])
    columns = _Columns(flat, fields, good, np.cumsum(is_first) - 1, rows)
    strange = np.flatnonzero(~fields.good & ~fields.blank)
    tally = Tally(lines=len(newlines), blank=int(np.count_nonzero(fields.blank)))
    for line in strange[:5].tolist():
        text = data[fields.begins[line] : min(fields.ends[line], fields.begins[line] + 200)]
        tally.reject(first + int(np.searchsorted(newlines, fields.begins[line])), decode(text))
    tally.unparsed = len(strange)
    tally.continuation = tally.lines - tally.blank - tally.unparsed - rows
    return tally.batch(to_frame(_to_entries(columns, numbers)))


def _lay_out(flat: np.ndarray, newlines: np.ndarray, values: _Values) -> _Fields:
    """Divide a block into fields. In *flat*, the line end between a name and a length becomes `=`."""
    count = int(np.searchsorted(values.fields, len(flat)))
    opened = np.array(values.starts[:count], np.int64) - _LENGTH_SIZE - 1
    closed = np.array(values.ends[:count], np.int64)
    # A line end inside a value: behind the name's and before the one that closes the value.
    owner = np.searchsorted(opened, newlines, "right") - 1
    inside = (owner >= 0) & (newlines < np.append(closed, 0)[owner])
    flat[opened] = ord("=")
    ends = newlines[~inside]
    begins = np.concatenate((np.zeros(1, np.int64), ends[:-1] + 1))[: len(ends)]
    skip = np.zeros(len(ends), np.int64)
    skip[np.searchsorted(ends, closed)] = _LENGTH_SIZE
    name = match_prefixes(flat, begins, ends - begins, _PATTERNS)
    good = name >= 0
    others = np.flatnonzero(~good & (ends > begins))
    heads = slices(flat, begins[others], np.minimum(ends[others], begins[others] + _LONGEST_NAME + 1))
    good[others] = np.asarray(pc.match_substring_regex(as_text(heads), _FIELD_LINE))
    return _Fields(begins, ends, name, skip, good)


@dataclass(frozen=True)
class _Columns:
    """The values of a block by field: `lines` are the good ones, each of an entry in `entry`."""

    flat: np.ndarray
    fields: _Fields
    lines: np.ndarray
    entry: np.ndarray
    rows: int

    def text(self, name: str) -> pa.LargeStringArray:
        """Return the first value of the field *name* of each entry, null where it has none."""
        place = _WANTED.index(name)
        found = np.flatnonzero(self.fields.name[self.lines] == place)
        found = found[np.diff(self.entry[found], prepend=-1) != 0]
        lines = self.lines[found]
        starts = self.fields.begins[lines] + len(_PATTERNS[place]) + self.fields.skip[lines]
        texts = as_text(slices(self.flat, starts, self.fields.ends[lines]))
        if len(found) == self.rows:
            return texts
        places = np.full(self.rows, -1, np.int64)
        places[self.entry[found]] = np.arange(len(found))
        return texts.take(pa.array(places, mask=places < 0))


def _to_entries(columns: _Columns, numbers: np.ndarray) -> Entries:
    return Entries(
        lines=numbers,
        realtime=to_numbers(columns.text("__REALTIME_TIMESTAMP")),
        cursors=columns.text("__CURSOR"),
        boots=to_words(columns.text("_BOOT_ID")),
        messages=columns.text(MESSAGE),
        words={name: to_words(columns.text(name)) for name in WORD_FIELDS},
        numbers={name: to_numbers(columns.text(name)) for name in NUMBER_FIELDS},
    )
