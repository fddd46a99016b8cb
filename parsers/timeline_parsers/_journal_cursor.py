"""Spell journal cursors as journalctl does, for whole columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa

_HEX: Final = np.frombuffer(b"0123456789abcdef", np.uint8)
# Two digits a byte: one lookup gives both.
_HEX_PAIRS: Final = np.array([f"{byte:02x}".encode() for byte in range(256)], "S2").view(np.uint16)


def to_hex(raw: np.ndarray) -> np.ndarray:
    """Write rows of bytes (uint8 matrix) as rows of lower-case hexadecimal digits."""
    return _HEX_PAIRS[raw].view(np.uint8)


def id_texts(raw: np.ndarray) -> list[str]:
    """Write 128-bit ids (uint8 matrix of 16 columns) as journalctl does."""
    return [bytes(row).hex() for row in raw]


def build_cursors(
    seqnum_id: str,
    seqnum: np.ndarray,
    boots: tuple[np.ndarray, Sequence[str]],
    monotonic: np.ndarray,
    realtime: np.ndarray,
    xor_hash: np.ndarray,
) -> pa.LargeStringArray:
    """Return `s=…;i=…;b=…;m=…;t=…;x=…` for every row; numbers are hexadecimal without leading zeros.

    Args:
        seqnum_id: 32 digits.
        seqnum: uint64, as the other number columns.
        boots: codes and the ids they stand for, 32 digits each.
        monotonic: microseconds since boot.
        realtime: microseconds since 1970.
        xor_hash: of the entry.
    """
    rows = len(seqnum)
    if not rows:
        return pa.array([], pa.large_string())
    codes, ids = boots
    boot_table = np.frombuffer("".join(ids).encode(), np.uint8).reshape(len(ids), 32)
    parts: list[tuple[np.ndarray, np.ndarray | None]] = []
    for text, numbers in (
        (f"s={seqnum_id};i=", seqnum),
        (";m=", monotonic),
        (";t=", realtime),
        (";x=", xor_hash),
    ):
        if text == ";m=":
            parts += [(_repeat(";b=", rows), None), (boot_table[codes], None)]
        digits, skip = _digits(numbers)
        parts += [(_repeat(text, rows), None), (digits, skip)]
    return _pack(parts, rows)


def _repeat(text: str, rows: int) -> np.ndarray:
    return np.broadcast_to(np.frombuffer(text.encode(), np.uint8), (rows, len(text)))


def _digits(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the digits of each number, as wide as the longest, and how many leading zeros each row has."""
    numbers = numbers.astype("<u8")
    matrix = to_hex(numbers.astype(">u8").view(np.uint8).reshape(-1, 8))
    longest = max(1, (int(numbers.max()).bit_length() + 3) // 4)
    skip = np.zeros(len(numbers), np.int64)
    for place in range(longest - 1, 0, -1):
        short = numbers < (1 << (4 * place))
        if not short.any():
            break
        skip += short
    return matrix[:, 16 - longest :], skip


def _pack(parts: list[tuple[np.ndarray, np.ndarray | None]], rows: int) -> pa.LargeStringArray:
    """Lay the parts of each row side by side and leave the leading zeros out."""
    width = sum(part.shape[1] for part, _ in parts)
    matrix = np.empty((rows, width), np.uint8)
    lengths = np.full(rows, width, np.int64)
    place = 0
    for part, skip in parts:
        end = place + part.shape[1]
        matrix[:, place:end] = part
        if skip is not None and skip.any():
            for column in range(int(skip.max())):
                matrix[skip > column, place + column] = 0
            lengths -= skip
        place = end
    flat = matrix.ravel()
    data = flat if lengths.sum() == flat.size else flat[flat != 0]
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths)))
    return pa.LargeStringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(data)))
