"""What the shapes of a journal have in common: entries as columns, before any rule is applied to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

MESSAGE: Final = "MESSAGE"

WORD_FIELDS: Final = (
    "PRIORITY", "_HOSTNAME", "_MACHINE_ID", "_TRANSPORT", "SYSLOG_IDENTIFIER", "_COMM", "_SYSTEMD_UNIT",
    "_UID", "_AUDIT_LOGINUID", "MESSAGE_ID", "UNIT", "USER_UNIT", "_SYSTEMD_USER_UNIT", "OBJECT_SYSTEMD_UNIT",
    "COREDUMP_UNIT", "CONTAINER_NAME",
)  # fmt: skip
"""Fields of few distinct values, kept as codes."""

NUMBER_FIELDS: Final = ("_SOURCE_REALTIME_TIMESTAMP", "_PID", "SYSLOG_PID")
"""Fields that are decimal numbers, kept as int64 with -1 for missing."""

FIELDS: Final = (MESSAGE, *NUMBER_FIELDS, *WORD_FIELDS)
"""Every field that is read; the first value of a repeated field counts."""

_COMPACT_ABOVE: Final = 1024


@dataclass(frozen=True)
class Words:
    """A column of few distinct strings: codes into *values*, -1 for missing."""

    codes: np.ndarray
    values: Sequence[str]

    @classmethod
    def missing(cls, rows: int) -> Words:
        """Return a column without any value."""
        return cls(np.full(rows, -1, np.int32), ())

    def used(self) -> Words:
        """Return the column without values that no row has."""
        codes = np.unique(self.codes[self.codes >= 0])
        places = np.full(len(self.values) + 1, -1, np.int32)
        places[codes] = np.arange(len(codes))
        return Words(places[self.codes], [self.values[code] for code in codes])

    def where(self, keep: np.ndarray) -> Words:
        """Return the column with the values outside of *keep* missing."""
        return Words(np.where(keep, self.codes, -1), self.values)

    def test(self, values: frozenset[str]) -> np.ndarray:
        """Tell for each row whether its value is one of *values*."""
        return self.pick(np.array([value in values for value in self.values], bool), default=False)

    def pick(self, table: np.ndarray, *, default: object) -> np.ndarray:
        """Look up each row's code in *table* (one item a distinct value); missing rows get *default*."""
        extended = np.append(table, np.array([default], table.dtype if len(table) else None))
        return extended[self.codes]


@dataclass(frozen=True)
class Entries:
    """Some journal entries, in the order of their file.

    Attributes:
        lines: where each begins: line number or ordinal, int64.
        realtime: `__REALTIME_TIMESTAMP` in microseconds, int64, -1 if it has none.
        cursors: `__CURSOR` as journalctl prints it; null if the shape has none.
        boots: `_BOOT_ID`, 32 hexadecimal digits.
        messages: `MESSAGE` as large strings; null if the entry has none.
        words: the columns of `WORD_FIELDS`; absent ones are missing everywhere.
        numbers: the columns of `NUMBER_FIELDS`, likewise.
    """

    lines: np.ndarray
    realtime: np.ndarray
    cursors: pa.LargeStringArray
    boots: Words
    messages: pa.LargeStringArray
    words: Mapping[str, Words]
    numbers: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self.lines)

    def word(self, name: str) -> Words:
        """Return the column *name* of `WORD_FIELDS`."""
        return self.words[name] if name in self.words else Words.missing(len(self))

    def number(self, name: str) -> np.ndarray:
        """Return the column *name* of `NUMBER_FIELDS`."""
        return self.numbers[name] if name in self.numbers else np.full(len(self), -1, np.int64)


def combine(columns: Sequence[Words]) -> Words:
    """Take for each row the first of *columns* that has a value, over one common table of values."""
    values: list[str] = []
    codes = np.full(len(columns[0].codes), -1, np.int32)
    for column in columns:
        codes = np.where((codes < 0) & (column.codes >= 0), column.codes + len(values), codes)
        values += column.values
    return shrink(Words(codes, values))


def shrink(column: Words) -> Words:
    """Drop unused values if there are many, so that a table that grows with a file does not slow each batch."""
    return column if len(column.values) <= _COMPACT_ABOVE else column.used()


def slices(data: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> pa.LargeBinaryArray:
    """Cut `data[starts[i]:ends[i]]` for every i, without a Python object a piece.

    Args:
        data: uint8.
        starts: offsets in ascending order.
        ends: each at least its start; one that reaches into the next piece is cut there.

    The gaps between the pieces are made values of an Arrow array of their own, of which every second is taken.
    """
    if not len(starts):
        return pa.array([], pa.large_binary())
    limits = np.append(starts[1:], len(data))
    offsets = np.column_stack((starts, np.minimum(ends, limits))).ravel().astype(np.int64)
    whole = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(offsets) - 1, [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    )
    return whole.take(pa.array(np.arange(0, len(offsets), 2)))


def pieces(data: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> pa.LargeBinaryArray:
    """Cut `data[starts[i]:ends[i]]` for every i as `slices` does, but in any order, and bytes may be cut twice."""
    total = int((ends - starts).sum())
    # Every second value is a piece. Those between them run backwards and are never looked at; the first and the last
    # offset say how much Arrow sets aside.
    offsets = np.zeros(2 * len(starts) + 2, np.int64)
    offsets[1:-1:2], offsets[2::2] = starts, ends
    offsets[-1] = min(2 * total, len(data))
    whole = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(offsets) - 1, [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    )
    return whole.take(pa.array(np.arange(1, len(offsets) - 1, 2)))


def as_text(values: pa.LargeBinaryArray) -> pa.LargeStringArray:
    """Read bytes as UTF-8; what is not becomes U+FFFD."""
    try:
        return values.cast(pa.large_string())
    except pa.ArrowInvalid:
        return pa.array([None if value is None else decode(value) for value in values.to_pylist()], pa.large_string())


def decode(value: bytes) -> str:
    """Read one value as UTF-8; what is not becomes U+FFFD."""
    return value.decode("utf-8", "replace")


def to_words(values: pa.LargeStringArray) -> Words:
    """Encode a column of strings, null for missing, as words."""
    encoded = values.dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    return Words(codes, encoded.dictionary.to_pylist())


def to_numbers(values: pa.LargeStringArray) -> np.ndarray:
    """Read decimal numbers below 10^18 as int64; anything else is -1."""
    good = pc.match_substring_regex(values, r"^[0-9]{1,18}$")
    numbers = pc.if_else(good, values, None).cast(pa.int64())
    return np.asarray(numbers.fill_null(-1).to_numpy(zero_copy_only=False), np.int64)


def matches(texts: pa.LargeStringArray, pattern: str) -> np.ndarray:
    """Tell which of *texts* contain *pattern*; a missing text does not."""
    found = pc.match_substring_regex(texts, pattern).fill_null(False)
    return np.asarray(found.to_numpy(zero_copy_only=False), bool)


def match_prefixes(data: np.ndarray, starts: np.ndarray, lengths: np.ndarray, prefixes: Sequence[bytes]) -> np.ndarray:
    """Find which of *prefixes* each piece of *data* begins with, comparing eight bytes at a time.

    Args:
        data: uint8.
        starts: offset of each piece.
        lengths: bytes of each piece.
        prefixes: texts of which none begins another.

    Returns:
        Index into *prefixes*, int8, -1 for none.
    """
    found = np.full(len(starts), -1, np.int8)
    if not len(starts):
        return found
    reach = max(len(prefix) for prefix in prefixes) + 8
    if int(starts.max()) + reach > len(data):
        data = np.append(data, np.zeros(reach, np.uint8))
    left, first = np.arange(len(starts)), read_words(data, starts)
    for place, prefix in enumerate(prefixes):
        rows = left[_begin_with(first, prefix[:8])]
        for step in range(8, len(prefix), 8):
            rows = rows[_begin_with(read_words(data, starts[rows] + step), prefix[step : step + 8])]
        found[rows[lengths[rows] >= len(prefix)]] = place
        if len(rows) * 4 > len(left):
            others = found[left] < 0
            left, first = left[others], first[others]
    return found


def read_words(data: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Return the eight bytes at each of *starts* as numbers; three times faster where all are multiples of 8."""
    if not len(starts) or np.bitwise_or.reduce(starts) & 7:
        return np.ndarray((len(data) - 7,), "<u8", buffer=data, strides=(1,))[starts]
    return np.frombuffer(data, "<u8", len(data) // 8)[starts >> 3]


def _begin_with(words: np.ndarray, text: bytes) -> np.ndarray:
    mask = np.uint64((1 << (8 * len(text))) - 1)
    return np.asarray((words & mask) == int.from_bytes(text, "little"))
