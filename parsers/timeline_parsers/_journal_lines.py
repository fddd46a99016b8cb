"""What the texts of journalctl have in common: records of several lines, told apart by their indent."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from timeline.parser import Tally
from timeline.sources import Source
from timeline.textlog import Block, read_blocks
from timeline_parsers._journal_entries import as_text, slices
from timeline_parsers._journal_sniff import without_colours

BLANK, RECORD, DECORATION, INDENTED, OTHER, CONTINUATION, FIELD = range(7)
_SPACE, _TAB = 32, 9


def read_records(source: Source, classify: Callable[[Block], np.ndarray]) -> Iterator[tuple[Block, np.ndarray]]:
    """Yield blocks of whole records, and what *classify* says of each line; a record is never divided between two."""
    carried, first = b"", 1
    blocks = read_blocks(source)
    block = next(blocks, None)
    while block is not None:
        following = next(blocks, None)
        data = carried + without_colours(block.data)
        whole = Block(data, first)
        kinds = classify(whole)
        rows = len(kinds) if following is None else _last_record(kinds)
        cut = int(whole.ends[rows - 1]) + 1 if rows else 0
        if rows:
            yield Block(data[:cut], first), kinds[:rows]
        carried, first, block = data[cut:], first + rows, following


def _last_record(kinds: np.ndarray) -> int:
    """Return the row where the last record begins, 0 if none does: it may go on in the next block."""
    rows = np.flatnonzero((kinds == RECORD) | (kinds == DECORATION))
    return int(rows[-1]) if len(rows) else 0


def classify_plain(block: Block) -> np.ndarray:
    """Tell blank and indented lines from others."""
    first = np.frombuffer(block.data, np.uint8)[block.starts]
    kinds = np.full(len(first), OTHER, np.int8)
    kinds[(first == _SPACE) | (first == _TAB)] = INDENTED
    kinds[block.blank] = BLANK
    return kinds


def settle(kinds: np.ndarray, block: Block, rows: np.ndarray, indents: np.ndarray) -> None:
    """Decide for each indented and blank line whether it belongs to the one of *rows* above it.

    Args:
        kinds: of each line; changed in place.
        block: the lines.
        rows: those that further lines may belong to.
        indents: how many blanks a further line of each has at least.
    """
    lines = np.arange(len(kinds))
    owner = owners(kinds)
    indent = np.full(len(kinds) + 1, len(block.data), np.int64)
    indent[rows] = indents
    indented = np.flatnonzero(kinds == INDENTED)
    belongs = _leading_blanks(block, indented) >= indent[owner[indented]]
    decorated = (owner[indented] >= 0) & (kinds[owner[indented]] == DECORATION)
    kinds[indented] = np.where(belongs, CONTINUATION, np.where(decorated, DECORATION, OTHER))
    # An empty line inside a message has lost its blanks to an editor; one that nothing follows is no part of it.
    blank = np.flatnonzero(kinds == BLANK)
    following = np.minimum.accumulate(np.where(kinds != BLANK, lines, len(kinds))[::-1])[::-1][blank]
    inside = np.append(kinds, BLANK)[following] == CONTINUATION
    kinds[blank[inside]] = CONTINUATION


def owners(kinds: np.ndarray) -> np.ndarray:
    """Return for each line the last one up to it that is neither indented further text nor blank, -1 if none is."""
    own = (kinds != INDENTED) & (kinds != BLANK) & (kinds != CONTINUATION)
    return np.asarray(np.maximum.accumulate(np.where(own, np.arange(len(kinds)), -1)))


def _leading_blanks(block: Block, rows: np.ndarray) -> np.ndarray:
    lines = block.lines.take(pa.array(rows))
    trimmed = pc.ascii_ltrim(lines, characters=" ")
    return np.asarray(pc.binary_length(lines)) - np.asarray(pc.binary_length(trimmed))


def count(kinds: np.ndarray, block: Block) -> Tally:
    """Count the lines that are no records."""
    tally = Tally(
        lines=len(kinds),
        continuation=int(np.count_nonzero((kinds == CONTINUATION) | (kinds == FIELD))),
        blank=int(np.count_nonzero(kinds == BLANK)),
        decoration=int(np.count_nonzero(kinds == DECORATION)),
    )
    others = np.flatnonzero(kinds == OTHER)
    for row in others[:5].tolist():
        tally.reject(int(block.numbers[row]), block.lines[row].as_py())
    tally.unparsed = len(others)
    return tally


def join_lines(block: Block, kept: np.ndarray, rows: np.ndarray, indents: np.ndarray) -> pa.LargeStringArray:
    r"""Return the texts that begin at *rows*, with their further lines, joined by `\n`.

    Args:
        block: the lines.
        kept: *rows* and their further lines, ascending.
        rows: the lines that the texts begin in.
        indents: how many bytes stand before each text; its further lines have as many blanks.
    """
    record = np.searchsorted(rows, kept, "right") - 1
    starts, ends = block.starts[kept], block.ends[kept]
    starts = np.minimum(starts + indents[record], ends)
    texts = as_text(slices(np.frombuffer(block.data, np.uint8), starts, ends))
    if len(kept) == len(rows):
        return texts
    offsets = np.append(np.searchsorted(kept, rows), len(kept))
    lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), texts)
    return pc.binary_join(lists, pa.scalar("\n", pa.large_string()))
