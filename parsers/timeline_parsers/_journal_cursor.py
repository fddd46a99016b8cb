"""Spell journal cursors as journalctl does, for whole columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa

from timeline_parsers._journal_entries import slices

_HEX_PAIRS: Final = np.array([f"{byte:02x}".encode() for byte in range(256)], "S2").view(np.uint16)
# Four digits at once, by the number that two bytes are in the memory of this machine.
_TWO_BYTES: Final = np.arange(1 << 16, dtype=np.uint16).view(np.uint8).reshape(-1, 2)
_HEX_QUADS: Final = _HEX_PAIRS[_TWO_BYTES].view(np.uint32).ravel()


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
    if not len(seqnum):
        return pa.array([], pa.large_string())
    codes, ids = boots
    numbers = {"i": seqnum, "m": monotonic, "t": realtime, "x": xor_hash}
    widths = {name: _width(column) for name, column in numbers.items()}
    # Rows of one boot differ in their numbers only: each is copied whole, then the digits are laid over it.
    texts = [_spell(seqnum_id, boot, widths) for boot in ids]
    matrix = np.frombuffer("".join(texts).encode(), np.uint8).reshape(len(ids), -1).take(codes, axis=0)
    lengths = np.full(len(seqnum), matrix.shape[1], np.int64)
    for name, column in numbers.items():
        begin = texts[0].index(f"{name}=") + 2
        lengths -= _lay_digits(matrix[:, begin : begin + widths[name]], column)
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths)))
    return pa.LargeStringArray.from_buffers(len(seqnum), pa.py_buffer(offsets), _without_zeros(matrix.ravel()))


def _width(numbers: np.ndarray) -> int:
    """Return how many hexadecimal digits the largest of *numbers* has."""
    return max(1, (int(numbers.max()).bit_length() + 3) // 4)


def _spell(seqnum_id: str, boot: str, widths: dict[str, int]) -> str:
    i, m, t, x = ("0" * widths[name] for name in "imtx")
    return f"s={seqnum_id};i={i};b={boot};m={m};t={t};x={x}"


def _lay_digits(matrix: np.ndarray, numbers: np.ndarray) -> np.ndarray | int:
    """Write *numbers* into the rows of *matrix*, 0 bytes for leading zeros; return how many of those each row has."""
    width = matrix.shape[1]
    quads = (width + 3) // 4
    raw = np.ascontiguousarray(numbers.astype(">u8").view(np.uint16).reshape(-1, 4)[:, 4 - quads :])
    matrix[:] = _HEX_QUADS[raw].view(np.uint8)[:, 4 * quads - width :]
    skipped: np.ndarray | int = 0
    for place in range(width - 1, 0, -1):
        short = numbers < (1 << (4 * place))
        if not short.any():
            break
        matrix[short, width - 1 - place] = 0
        skipped = skipped + short
    return skipped


def _without_zeros(flat: np.ndarray) -> pa.Buffer:
    """Leave the 0 bytes out; what lies between them is copied in one piece, since they are few."""
    zeros = np.flatnonzero(flat == 0)
    if not len(zeros):
        return pa.py_buffer(flat)
    starts, ends = np.append(0, zeros + 1), np.append(zeros, len(flat))
    return slices(flat, starts, ends).buffers()[2]
