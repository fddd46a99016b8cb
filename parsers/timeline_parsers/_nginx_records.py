"""Which lines start a record and which continue one, within blocks and across them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from timeline.parser import EXAMPLES, Tally
from timeline.textlog import Block
from timeline_parsers._nginx_cut import Lines, Mask

_MOST_MOVED: Final = 1 << 22


def join_records(blocks: Iterable[Block], starts: Callable[[pa.LargeStringArray], Mask]) -> Iterator[Block]:
    """Move lines that continue a record from the beginning of a block to the end of the one before.

    Args:
        blocks: the blocks of a source.
        starts: tells which of some lines start a record.
    """
    held: Block | None = None
    moved = 0
    for block in blocks:
        if held is None:
            held = block
            continue
        size, lines = _leading(block, starts, _MOST_MOVED - moved)
        if lines:
            held = Block(held.data + block.data[:size], held.first_line, held.cut)
            moved += size
        if size < len(block.data):
            yield held
            held, moved = (Block(block.data[size:], block.first_line + lines, block.cut) if lines else block), 0
    if held is not None:
        yield held


def _leading(block: Block, starts: Callable[[pa.LargeStringArray], Mask], most: int) -> tuple[int, int]:
    """Return bytes and number of the lines before the first one that starts a record, about *most* bytes."""
    place = lines = 0
    while place < min(len(block.data), most):
        end = block.data.index(b"\n", place)
        line = pa.array([block.data[place:end].decode()], pa.large_string())
        if starts(line)[0]:
            break
        place, lines = end + 1, lines + 1
    return place, lines


@dataclass(frozen=True)
class Extents:
    """Which rows belong to records of several lines.

    Attributes:
        first, last: first and last row of each record.
        owned: rows that continue a record, the blank ones between two of its lines included.
    """

    first: np.ndarray
    last: np.ndarray
    owned: Mask


def find_extents(starts: Mask, loose: Mask, blank: Mask) -> Extents:
    """Find the rows of each record.

    Args:
        starts: rows that start a record.
        loose: rows that continue the record above them, if there is one.
        blank: empty rows; they end nothing.
    """
    rows = np.arange(len(starts))
    opener = np.maximum.accumulate(np.where(loose | blank, -1, rows))
    belongs = (opener >= 0) & starts[opener]
    texts = np.flatnonzero(loose & belongs)
    last = rows.copy()
    last[opener[texts]] = texts  # the last assignment wins
    owned = belongs & ~starts & (rows <= last[opener])
    first = np.flatnonzero(starts)
    return Extents(first, last[first], owned)


def reject_rows(tally: Tally, lines: Lines, rows: np.ndarray) -> None:
    """Count *rows* as not understood and keep the first few as examples."""
    shown = rows[:EXAMPLES]
    for number, text in zip(lines.numbers[shown].tolist(), lines.texts(shown).to_pylist(), strict=True):
        tally.reject(number, text)
    tally.unparsed += len(rows) - len(shown)
