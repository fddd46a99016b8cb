"""Which lines start a record and which continue one, within blocks and across them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from timeline import schema
from timeline.parser import EXAMPLES, Tally
from timeline.sources import Source
from timeline.textlog import Block, RawBlock, clean, read_raw_blocks
from timeline_parsers import _wrappers
from timeline_parsers._nginx_cut import Lines, Mask
from timeline_parsers._nginx_head import whole_lines

Starts = Callable[[pa.LargeStringArray], Mask]

BEHIND_SYSLOG: Final = 0.99
"""Such a file is also one of syslog: who reads all programs comes before who reads one."""

_MOST_MOVED: Final = 1 << 22
_ENOUGH: Final = 0.5


def whole_records(source: Source, starts: Starts) -> Iterator[Callable[[], Block]]:
    """Yield what makes each block of a source, so that a worker may do it; no record is divided between two blocks.

    Lines are out of their wrappers, if they have any.

    Args:
        source: the source.
        starts: tells which of some lines start a record.
    """
    first = whole_lines(source.head)
    wrapper = _wrappers.find_wrapper(first, starts) if first is not None else None
    blocks = read_raw_blocks(source)
    if wrapper is None:
        yield from (block.clean for block in join_records(blocks, starts))
        return
    for unwrapped in _wrappers.unwrap_blocks((block.clean() for block in blocks), wrapper, starts):
        yield partial(_same, unwrapped)


def _same(block: Block) -> Block:
    return block


def open_head(head: bytes, starts: Starts) -> tuple[Block | None, float]:
    """Return the first complete lines of a source, out of their wrappers, and the weight for `weigh`."""
    block = whole_lines(head)
    wrapper = _wrappers.find_wrapper(block, starts) if block is not None else None
    if block is None or wrapper is None:
        return block, 1.0
    weight = 1.0
    if wrapper is _wrappers.read_syslog and not _wrappers.has_priorities(block):
        # With process ids it is a text of journalctl.
        weight = 0.0 if _wrappers.has_pids(block) else BEHIND_SYSLOG
    return _wrappers.unwrap(block, wrapper, starts), weight


def join_records(blocks: Iterable[RawBlock], starts: Starts) -> Iterator[RawBlock]:
    """Move lines that continue a record from the beginning of a block to the end of the one before.

    Args:
        blocks: the blocks of a source.
        starts: tells which of some lines start a record.
    """
    held: RawBlock | None = None
    moved = 0
    for block in blocks:
        if held is None:
            held = block
            continue
        size, lines = _leading(block, starts, _MOST_MOVED - moved)
        if lines:
            held = RawBlock(held.data + block.data[:size], held.first_line)
            moved += size
        if size < len(block.data):
            yield held
            held, moved = (RawBlock(block.data[size:], block.first_line + lines) if lines else block), 0
    if held is not None:
        yield held


def _leading(block: RawBlock, starts: Starts, most: int) -> tuple[int, int]:
    """Return bytes and number of the lines before the first one that starts a record, about *most* bytes."""
    place = lines = 0
    while place < min(len(block.data), most):
        end = block.data.index(b"\n", place) + 1
        if starts(clean(block.data[place:end]).lines)[0]:
            break
        place, lines = end, lines + 1
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


def weigh(share: float, weight: float) -> float:
    """Return how sure a share of understood lines makes; a few in the log of another program make nothing sure."""
    return float(share) if weight == 1.0 else float(share) * weight * (share >= _ENOUGH)


def find_alone(block: Block) -> Mask:
    """Tell which lines continue no record because their wrapper says so."""
    return block.alone if isinstance(block, _wrappers.Unwrapped) else np.zeros(len(block.ends), bool)


def count_lines(block: Block, owned: Mask) -> Tally:
    """Count the lines of *block*, of which *owned* continue a record."""
    joined = block.joined if isinstance(block, _wrappers.Unwrapped) else 0
    return Tally(
        lines=len(block.ends) + joined,
        continuation=int(owned.sum()) + joined,
        blank=int((block.blank & ~owned).sum()),
    )


def settle(frame: pd.DataFrame, block: Block) -> pd.DataFrame:
    """Put records of wrapped lines into the order of the file and add the host that the wrapper names."""
    if not isinstance(block, _wrappers.Unwrapped) or not len(frame):
        return frame
    numbers = frame[schema.LINE].to_numpy(np.int64)
    order = np.argsort(numbers, kind="stable")
    frame = frame.take(order).reset_index(drop=True)
    hosts = block.find_hosts(numbers[order])
    return frame if hosts is None else frame.assign(**{schema.HOST: hosts})


def reject_rows(tally: Tally, lines: Lines, rows: np.ndarray) -> None:
    """Count *rows* as not understood and keep the first few as examples."""
    shown = rows[:EXAMPLES]
    for number, text in zip(lines.numbers[shown].tolist(), lines.texts(shown).to_pylist(), strict=True):
        tally.reject(number, text)
    tally.unparsed += len(rows) - len(shown)
