"""Decode columns of time stamps of a fixed layout into integers, without a Python object a row.

Nothing here knows zones: the result is the digits of the stamp read as if they were UTC ("wall").
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
import pyarrow as pa

Bytes = np.ndarray[tuple[int, int], np.dtype[np.uint8]]

SECOND: Final = 1_000_000
DAY: Final = 86_400 * SECOND
LEAP_YEAR: Final = 1972
"""The year given to stamps without one: a leap year, so that Feb 29 is read."""

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def gather(data: bytes | np.ndarray, starts: np.ndarray, width: int) -> Bytes:
    """Cut *width* bytes at each of *starts* out of *data*; what lies past the end reads as 0.

    Returns:
        uint8 matrix of shape (len(starts), width).
    """
    flat = np.frombuffer(data, np.uint8) if isinstance(data, (bytes, bytearray, memoryview)) else data
    if len(starts) and int(starts.max()) + width > len(flat):
        flat = np.concatenate((flat, np.zeros(int(starts.max()) + width - len(flat), np.uint8)))
    if not len(starts) or not width:
        return np.zeros((len(starts), width), np.uint8)
    # Rows of a sliding window are copied whole: 20 times faster than an index for each byte.
    return np.lib.stride_tricks.sliding_window_view(flat, width)[starts]


def cells(strings: pa.Array | pa.ChunkedArray, width: int) -> Bytes:
    """Return the first *width* bytes of each of *strings* as a uint8 matrix; shorter ones are filled with 0."""
    flat, offsets = lay_out(strings)
    matrix = gather(flat, offsets[:-1], width)
    lengths = offsets[1:] - offsets[:-1]
    if lengths.min(initial=width) >= width:
        return matrix
    return np.where(lengths[:, None] <= np.arange(width), 0, matrix).astype(np.uint8)


def lay_out(strings: pa.Array | pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray]:
    """Return the bytes of *strings*, and the offset at which each begins and the last one ends, without copying."""
    array = strings.combine_chunks() if isinstance(strings, pa.ChunkedArray) else strings
    array = array.cast(pa.large_binary())
    if not len(array):
        return np.zeros(0, np.uint8), np.zeros(1, np.int64)
    offsets = np.frombuffer(array.buffers()[1], np.int64)[array.offset : array.offset + len(array) + 1]
    data = array.buffers()[2]
    return np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8), offsets


def decode(matrix: Bytes, layout: str) -> tuple[np.ndarray, np.ndarray]:
    """Read stamps of one layout.

    Args:
        matrix: uint8, one stamp a row, at least as wide as *layout*.
        layout: `YYYY` year, `MM` month, `Mon` month name, `DD` day (a blank may stand for its first digit),
            `hh`, `mm`, `ss`, `f` digits of the fraction (up to six are kept), `?` any byte; other characters must
            stand there as they are.

    Returns:
        Microseconds since 1970 as int64, and a bool array: whether the row fits the layout and is a real date.
        The leap second 60 is read as the last microsecond of its minute.
    """
    valid = np.ones(len(matrix), bool)
    fields = {}
    matrix = np.asfortranarray(matrix)  # every step works on whole columns
    for name, start, width in _fields(layout):
        part = matrix[:, start : start + width]
        if name == "Mon":
            fields["MM"], good = _month(part)
        elif name in ("literal", "?"):
            good = np.ones(len(matrix), bool) if name == "?" else _literal(part, layout[start : start + width])
        else:
            fields[name], good = number(part, blank=name == "DD")
        valid &= good
    wall, real = _assemble(fields, len(matrix), sum(width for name, _, width in _fields(layout) if name == "f"))
    return wall, valid & real


def number(part: Bytes, *, blank: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Read digits as int64, row by row, and tell which rows are all digits; *blank* allows blanks in front."""
    total, good = np.zeros(len(part), np.int64), np.ones(len(part), bool)
    for place in range(part.shape[1]):
        digit = part[:, place] - np.uint8(48)
        if blank and place < part.shape[1] - 1:
            digit[part[:, place] == 32] = 0
        good &= digit <= 9
        total *= 10
        total += digit
    return total, good


def wall_from_parts(
    year: np.ndarray, month: np.ndarray, day: np.ndarray, second_of_day: np.ndarray, micro: np.ndarray
) -> np.ndarray:
    """Put calendar fields together as microseconds since 1970 (int64); the fields must be valid."""
    months = (year - 1970) * 12 + month - 1
    days = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) + day - 1
    return days * DAY + second_of_day * SECOND + micro


_NAMES: Final = ("YYYY", "Mon", "MM", "DD", "hh", "mm", "ss", "?")


@cache
def _fields(layout: str) -> tuple[tuple[str, int, int], ...]:
    """Split a layout into (name, start, width)."""
    fields: list[tuple[str, int, int]] = []
    place = 0
    while place < len(layout):
        name = next((name for name in _NAMES if layout.startswith(name, place)), "")
        width = len(name)
        if layout[place] == "f":
            name, width = "f", len(layout) - place - len(layout[place:].lstrip("f"))
        elif not name:
            name, width = "literal", 1
        fields.append((name, place, width))
        place += width
    return tuple(fields)


def _literal(part: Bytes, text: str) -> np.ndarray:
    good = part[:, 0] == ord(text[0])
    for place in range(1, part.shape[1]):
        good &= part[:, place] == ord(text[place])
    return good


_MONTH_KEYS: Final = np.array([int.from_bytes(name.encode().lower(), "big") for name in MONTHS])


def _month(part: Bytes) -> tuple[np.ndarray, np.ndarray]:
    """Read month names by their three letters; upper or lower case."""
    lower = part.astype(np.int64) | 0x20
    keys = (lower[:, 0] << 16) | (lower[:, 1] << 8) | lower[:, 2]
    order = np.argsort(_MONTH_KEYS)
    place = np.searchsorted(_MONTH_KEYS[order], keys).clip(max=11)
    month = order[place] + 1
    return month, _MONTH_KEYS[month - 1] == keys


def _assemble(fields: dict[str, np.ndarray], rows: int, fraction_width: int) -> tuple[np.ndarray, np.ndarray]:
    zero = np.zeros(rows, np.int64)
    year = fields.get("YYYY", zero + LEAP_YEAR)
    month, day = fields.get("MM", zero + 1), fields.get("DD", zero + 1)
    hour, minute, second = (fields.get(name, zero) for name in ("hh", "mm", "ss"))
    micro = fields.get("f", zero)
    micro = micro * 10 ** (6 - fraction_width) if fraction_width <= 6 else micro // 10 ** (fraction_width - 6)
    real = (year >= 1) & (year <= 9999) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    real &= (hour <= 23) & (minute <= 59) & (second <= 60)
    leap = second == 60
    micro, second = np.where(leap, SECOND - 1, micro), np.where(leap, 59, second)
    year, month = np.where(real, year, LEAP_YEAR), np.where(real, month, 1)
    wall = wall_from_parts(year, month, np.where(real, day, 1), hour * 3600 + minute * 60 + second, micro)
    # Feb 30 would slide into March: the month of the result tells.
    slid = wall.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64) != (year - 1970) * 12 + month - 1
    return wall, real & ~slid
