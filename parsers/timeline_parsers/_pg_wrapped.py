"""Put records together again that travelled line by line, each line in a wrapper of its own: syslog, cloud logging.

The lines of a record may lie among those of other processes, and in exports the newest stands first. They are ordered
into the text that the server would have written to stderr, and that text is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from timeline.parser import EXAMPLES, Batch, Tally
from timeline.sources import Source
from timeline.stamps import cells
from timeline.textlog import Block, read_blocks
from timeline_parsers._pg_frame import Fields, behind, build_frame
from timeline_parsers._pg_labels import KNOWN_LABEL, PART_OF
from timeline_parsers._pg_match import extract, match_lines
from timeline_parsers._pg_prefix import Prefix
from timeline_parsers._pg_stderr import Records

REACH: Final = 2000
"""Lines of other processes that may stand between two lines of one record."""

# What is held back for the rest of its records must not grow without bound.
HOLD_LIMIT: Final = 1 << 26
_TAB: Final = ord("\t")


@dataclass(frozen=True)
class Pieces:
    """The wrapped lines of a block, ascending.

    Attributes:
        lines: their places in the block.
        texts: what was wrapped; may itself have several lines.
        process: a number for host, program and process; -1 where the wrapper does not tell.
        record: the number of the record in its process, or of the stream it came by; -1 where there is none.
        piece: the number of the piece in its record, from 1; 0 where there is none.
        stamps: time, zone and host of the wrapper, and the process id.
        tails: two rows: lines whose text goes on that of another one, because the wrapper divided it, and that one.
    """

    lines: np.ndarray
    texts: pa.LargeStringArray
    process: np.ndarray
    record: np.ndarray
    piece: np.ndarray
    stamps: Fields
    tails: np.ndarray = field(default_factory=lambda: np.zeros((2, 0), np.int64))

    def take(self, places: np.ndarray) -> Pieces:
        """Return some of the pieces."""
        arrays = (self.process[places], self.record[places], self.piece[places])
        texts, stamps = self.texts.take(pa.array(places)), self.stamps.take(places)
        return Pieces(self.lines[places], texts, *arrays, stamps, self.tails)


Unwrap = Callable[[Block], Pieces]


def parse_wrapped(
    source: Source,
    unwrap: Unwrap,
    prefix: Prefix,
    others: Sequence[Prefix] = (),
    *,
    newest_first: bool = False,
    yearless: bool = False,
    size: int | None = None,
) -> Iterator[Batch]:
    """Yield the records of *source*.

    Args:
        source: the source.
        unwrap: takes the wrappers off the lines of a block.
        prefix: the `log_line_prefix` of the wrapped text. Without a time in it, that of the wrapper is taken.
        others: prefixes that the text may have as well.
        newest_first: later lines stand above earlier ones.
        yearless: the stamps of the wrappers have no year.
        size: bytes a block has at least. The records are the same for every size.
    """
    reader = _Reader(unwrap, prefix, others if prefix.dated else (), newest_first, yearless and not prefix.dated)
    held = Block(b"", 1)
    for block in read_blocks(source, size):
        whole = behind(held, block)
        cut, batch = reader.read(whole, last=len(held.data) > HOLD_LIMIT)
        if batch is not None:
            yield batch
        rest = whole.data[whole.starts[cut] :] if cut < len(whole.ends) else b""
        held = Block(rest, whole.first_line + cut)
    if held.data:
        _, batch = reader.read(held, last=True)
        if batch is not None:
            yield batch


@dataclass(frozen=True)
class _Reader:
    """How the lines of a source are read."""

    unwrap: Unwrap
    prefix: Prefix
    others: Sequence[Prefix]
    newest_first: bool
    yearless: bool

    def read(self, block: Block, *, last: bool) -> tuple[int, Batch | None]:
        """Read the lines of *block* whose records are complete; return how many these are."""
        pieces = self.unwrap(block)
        if self.newest_first:
            pieces = pieces.take(np.arange(len(pieces.lines))[::-1])
        groups = _group(pieces, self.prefix)
        cut = len(block.ends) if last else _find_cut(*_with_tails(pieces, groups.of), len(block.ends))
        if not cut:
            return 0, None
        kept = np.flatnonzero((pieces.lines < cut) & groups.has_head)
        kept = kept[np.argsort(groups.head[kept], kind="stable")]
        text = _Text.of(pieces.take(kept), groups.new_line[kept], groups.of[kept])
        fields, lost = self._read_text(text)
        understood = pieces.lines[kept][~lost]
        tails = pieces.tails[0, np.isin(pieces.tails[1], understood)]
        tally = _count(block, cut, len(fields.line), np.concatenate((understood, tails)))
        fields.line = block.first_line + fields.line
        frame = build_frame(fields)
        if self.newest_first:
            frame = frame[::-1].reset_index(drop=True)
        return cut, tally.batch(frame, yearless=self.yearless)

    def _read_text(self, text: _Text) -> tuple[Fields, np.ndarray]:
        """Return the records of *text*, and which pieces belong to none."""
        matches = match_lines(text.block, self.prefix, self.others)
        begun = text.piece_of[matches.lines]
        # What follows in the same piece can only be a part of its record.
        good = np.flatnonzero((matches.parts != "") | (begun >= 0))
        matches = matches.take(good)
        own_pids = matches.pids
        records = Records(text.block, replace(matches, pids=text.group_of[matches.lines]))
        rows = np.flatnonzero(records.is_record)
        fields = records.fields(rows)
        places = text.piece_of[matches.lines[rows]]
        wrapper = text.pieces.stamps.take(places)
        fields.number["pid"] = wrapper.number["pid"]
        if own_pids is not None:
            own = pa.array(own_pids[rows], mask=own_pids[rows] < 0)
            fields.number["pid"] = pc.coalesce(own, wrapper.number["pid"])
        fields.text["host"] = wrapper.text["host"]
        if not self.prefix.dated:
            fields.wall, fields.dated = wrapper.wall, wrapper.dated
            fields.text["zone"] = wrapper.text["zone"]
        fields.line = text.pieces.lines[places]
        return fields, records.lost[text.line_of]


@dataclass(frozen=True)
class _Groups:
    """Which pieces make up a record.

    Attributes:
        of: number of the record of each piece.
        head: place of the first piece of that record.
        has_head: whether that is where the record begins; it may lie before the file.
        new_line: whether the piece begins a line of the text; else it goes on where the one before was cut.
    """

    of: np.ndarray
    head: np.ndarray
    has_head: np.ndarray
    new_line: np.ndarray


def _group(pieces: Pieces, prefix: Prefix) -> _Groups:
    count = len(pieces.lines)
    indented = cells(pieces.texts, 1)[:, 0] == _TAB
    numbered = pieces.piece > 0
    doubtful = np.flatnonzero(~indented & (pieces.piece != 1))
    table = extract(pieces.texts.take(pa.array(doubtful)), f"^{prefix.pattern}{KNOWN_LABEL}")
    part = np.zeros(count, bool)
    part[doubtful] = pc.is_in(table.column("label"), pa.array(list(PART_OF), pa.large_string())).to_numpy()
    follows = np.where(numbered, pieces.piece > 1, indented | part)
    process = _processes(pieces, doubtful, table)
    place = np.arange(count)
    order = np.lexsort((place, pieces.record, process))
    begins = np.ones(count, bool)
    if count > 1:
        one, two = order[:-1], order[1:]
        begins[1:] = (process[one] != process[two]) | (pieces.record[one] != pieces.record[two])
        begins[1:] |= np.abs(pieces.lines[two] - pieces.lines[one]) > REACH
        begins[1:] |= np.where(numbered[two], pieces.piece[two] <= pieces.piece[one], ~follows[two])
    numbers = np.cumsum(begins) - 1
    firsts = order[begins]
    of = np.empty(count, np.int64)
    of[order] = numbers
    head = firsts[of] if count else of
    return _Groups(of, head, ~follows[head] if count else begins, ~numbered | ~follows | indented | part)


def _processes(pieces: Pieces, rows: np.ndarray, table: pa.Table) -> np.ndarray:
    """Return the process of each piece: by the wrapper, else by the prefix of *rows*, else that of the piece before."""
    if not (pieces.process < 0).any() or "pid" not in table.column_names:
        return pieces.process
    pids = pc.fill_null(table.column("pid").combine_chunks().cast(pa.large_string()), "").dictionary_encode()
    codes = pids.indices.to_numpy()
    named = np.array([bool(text) for text in pids.dictionary.to_pylist()] or [False])[codes]
    last = np.full(len(pieces.lines), -1)
    last[rows[named]] = rows[named]
    last = np.maximum.accumulate(last) if len(last) else last
    of = np.full(len(pieces.lines) + 1, -1)
    of[rows[named]] = codes[named]
    return of[last]


def _with_tails(pieces: Pieces, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lines of all texts, also of divided ones, and the record of each."""
    order = np.argsort(pieces.lines)
    heads = order[np.searchsorted(pieces.lines[order], pieces.tails[1])]
    return np.concatenate((pieces.lines, pieces.tails[0])), np.concatenate((groups, groups[heads]))


def _find_cut(lines: np.ndarray, groups: np.ndarray, count: int) -> int:
    """Return the line up to which every record is complete, whatever follows the block."""
    settled = max(count - REACH - 1, 0)
    if not len(lines) or not settled:
        return settled
    order = np.argsort(groups, kind="stable")
    bounds = np.flatnonzero(np.diff(groups[order], prepend=-1))
    first, last = np.minimum.reduceat(lines[order], bounds), np.maximum.reduceat(lines[order], bounds)
    while True:
        spanning = (first < settled) & (last >= settled)
        if not spanning.any():
            return int(settled)
        settled = first[spanning].min()


@dataclass(frozen=True)
class _Text:
    """The text that the server wrote.

    Attributes:
        block: its lines.
        pieces: what it was put together from, in order.
        line_of: the line in which each piece begins.
        piece_of: the piece with which each line begins, -1 if it begins within one.
        group_of: the record of each line.
    """

    block: Block
    pieces: Pieces
    line_of: np.ndarray
    piece_of: np.ndarray
    group_of: np.ndarray

    @classmethod
    def of(cls, pieces: Pieces, new_line: np.ndarray, groups: np.ndarray) -> _Text:
        """Put *pieces* together, which are in the order of their records."""
        ends = pa.array(["", "\n"], pa.large_string()).take(pa.array(new_line.astype(np.int64)))
        joined = pc.binary_join_element_wise(ends, pieces.texts, pa.scalar("", pa.large_string()))
        sizes = pc.binary_length(joined).to_numpy()
        data = joined.buffers()[2].to_pybytes()[: sizes.sum()] if len(sizes) else b""
        starts = np.cumsum(sizes) - sizes - 1 + new_line
        block = Block(data[1:] + b"\n" if data else b"", 1)
        line_of = np.searchsorted(block.ends, starts)
        piece_of = np.full(len(block.ends), -1)
        piece_of[line_of[new_line]] = np.flatnonzero(new_line)
        last = np.searchsorted(line_of, np.arange(len(block.ends)), "right") - 1
        return cls(block, pieces, line_of, piece_of, groups[last] if len(groups) else groups)


def _count(block: Block, cut: int, records: int, understood: np.ndarray) -> Tally:
    lost = ~block.blank[:cut]
    lost[understood] = False
    tally = Tally(lines=cut, blank=int(block.blank[:cut].sum()))
    for line in np.flatnonzero(lost)[:EXAMPLES].tolist():
        text = block.data[block.starts[line] : block.ends[line]].decode("utf-8", "replace")
        tally.reject(block.first_line + line, text)
    tally.unparsed = int(lost.sum())
    tally.continuation = cut - records - tally.blank - tally.unparsed
    return tally
