"""Read csvlog: plain CSV without a header, whose records span lines wherever a text does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from timeline.parser import EXAMPLES, Batch, Tally
from timeline.sources import Source
from timeline.stamps import gather, lay_out
from timeline.textlog import Block, read_blocks
from timeline_parsers._pg_csvsplit import FEWEST, Split, count_columns, split_damaged, split_records
from timeline_parsers._pg_frame import (
    STAMP_END,
    STAMP_WIDTH,
    Fields,
    as_dictionary,
    behind,
    build_frame,
    read_stamps,
    to_numbers,
    with_values,
    without,
)  # fmt: skip

# Columns by place; 22 in 8.4, 23 in 9.0, 24 in 13, 26 in 14. Further ones are ignored.
# Reference: https://www.postgresql.org/docs/current/runtime-config-logging.html, "Using CSV-Format Log Output".
COLUMNS: Final = (
    "time", "user", "database", "pid", "client", "session", "session_line", "command", "session_start", "vxid", "xid",
    "label", "state", "message", "detail", "hint", "query", "query_position", "context", "statement",
    "statement_position", "location", "application", "backend", "leader_pid", "query_id",
)  # fmt: skip
_UNREAD: Final = ("session_start", "vxid", "xid", "leader_pid")
_CATEGORIES: Final = ("user", "database", "client", "command", "label", "state", "application", "backend")
_NUMBERS: Final = ("pid", "session_line", "query_id", "statement_position", "query_position")

_POINT: Final = len("2026-06-15 14:03:11")

_PIECE: Final = 1 << 20

# A quote that never closes must not swallow the file: this much is searched for the end of one record.
HOLD_LIMIT: Final = 1 << 26


def parse_csvlog(source: Source, *, size: int | None = None) -> Iterator[Batch]:
    """Yield the records of *source*, a csvlog of any version.

    Args:
        source: the source.
        size: bytes a block has at least. The records are the same for every size.
    """
    held = Block(b"", 1)
    for block in read_blocks(source, size):
        whole = behind(held, block)
        cut, batch = _read(whole, last=len(whole.data) > HOLD_LIMIT)
        if cut:
            yield batch
        rest = whole.data[whole.starts[cut] :] if cut < len(whole.ends) else b""
        held = Block(rest, whole.first_line + cut)
    if held.data:
        yield _read(held, last=True)[1]


def _read(block: Block, *, last: bool) -> tuple[int, Batch]:
    """Return how many lines of *block* are settled, and their records."""
    split = split_records(block, last=last)
    table, kept = _parse_records(*_records_only(block, split))
    fields = _fields(table)
    if not kept.all() or not fields.dated.all():
        # Found one by one: how many records are lost must not depend on where a block begins.
        split = split_damaged(block, last=last)
        table, kept = _parse_records(*_records_only(block, split))
        fields = _fields(table)
    fields.line = block.first_line + split.begins[kept]
    return split.cut, _account(block, split, fields, kept)


def _account(block: Block, split: Split, fields: Fields, kept: np.ndarray) -> Batch:
    lost = np.concatenate((split.stray, split.begins[~kept]))
    spans = split.lasts - split.begins
    tally = Tally(lines=split.cut, continuation=int(spans[kept].sum()))
    for line in np.sort(lost)[:EXAMPLES].tolist():
        text = block.data[block.starts[line] : block.ends[line]].decode("utf-8", "replace")
        tally.reject(block.first_line + line, text)
    tally.unparsed = len(lost) + int(spans[~kept].sum())
    tally.blank = split.cut - len(fields.line) - tally.continuation - tally.unparsed
    return tally.batch(build_frame(fields))


def _records_only(block: Block, split: Split) -> tuple[bytes, np.ndarray]:
    """Return the bytes of the records one behind the other, and where each ends."""
    begins, ends = block.starts[split.begins], block.ends[split.lasts] + 1
    if len(begins) and begins[0] == 0 and (ends[:-1] == begins[1:]).all():
        return block.data[: ends[-1]], ends
    pieces = [block.data[begin:end] for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)]
    return b"".join(pieces), np.cumsum(ends - begins)


def _parse_records(data: bytes, ends: np.ndarray) -> tuple[pa.Table, np.ndarray]:
    """Read records of any number of columns; return them and which of the records they are."""
    kept = np.ones(len(ends), bool)
    if len(ends):
        first = int(count_columns(data[: ends[0]], ends[:1])[0])
        table = _parse_csv(data, first, int(np.diff(ends, prepend=0).max())) if first >= FEWEST else None
        if table is not None and table.num_rows == len(ends):
            return table, kept
    counts = count_columns(data, ends)
    begins = ends - np.diff(ends, prepend=0)
    tables, places = [_parse_strings(b"", len(COLUMNS))], [np.zeros(0, np.int64)]
    for count in np.unique(counts).tolist():
        rows = np.flatnonzero(counts == count)
        part = b"".join(
            [data[begin:end] for begin, end in zip(begins[rows].tolist(), ends[rows].tolist(), strict=True)]
        )
        table = _parse_strings(part, count) if count >= FEWEST else None
        if table is None or table.num_rows != len(rows):
            kept[rows] = False
            continue
        tables.append(table)
        places.append(rows)
    order = np.argsort(np.concatenate(places), kind="stable")
    return pa.concat_tables(tables, promote_options="default").take(pa.array(order)), kept


def _parse_csv(data: bytes, width: int, longest: int) -> pa.Table | None:
    """Read records of *width* columns, the longest of *longest* bytes; None if one of them does not fit."""
    types = dict.fromkeys(COLUMNS, pa.large_string())
    types |= dict.fromkeys(_CATEGORIES, pa.dictionary(pa.int32(), pa.string()))
    types |= dict.fromkeys(_NUMBERS, pa.int64())
    # Pieces that fit into the processor's cache are read twice as fast as the whole.
    return _parse(data, width, types, piece=max(_PIECE, 2 * longest))


def _parse_strings(data: bytes, width: int) -> pa.Table | None:
    """Read records of *width* columns as strings; odd numbers become missing."""
    table = _parse(data, width, dict.fromkeys(COLUMNS, pa.large_string()))
    if table is None:
        return None
    for name in _NUMBERS:
        if name in table.column_names:
            numbers = to_numbers(pc.utf8_trim_whitespace(table.column(name)).combine_chunks())
            table = table.set_column(table.column_names.index(name), name, numbers)
    return table


def _parse(data: bytes, width: int, types: dict[str, pa.DataType], piece: int = 0) -> pa.Table | None:
    names = [*COLUMNS[:width], *(f"further_{place}" for place in range(len(COLUMNS), width))]
    wanted = [name for name in names if name in types and name not in _UNREAD]
    if not data:
        return pa.table({name: pa.array([], types[name]) for name in wanted})
    try:
        return csv.read_csv(
            pa.BufferReader(data),
            # One thread: handing pieces of this size to others costs half as much again.
            csv.ReadOptions(column_names=names, block_size=piece or len(data) + 1, use_threads=False),
            csv.ParseOptions(newlines_in_values=True),
            # NULL is an empty field, the empty string two quotes.
            csv.ConvertOptions(
                column_types=types, include_columns=wanted, null_values=[""], strings_can_be_null=True,
                quoted_strings_can_be_null=False, check_utf8=False,
            ),
        )  # fmt: skip
    except pa.ArrowInvalid:
        return None


def _fields(table: pa.Table) -> Fields:
    """Return the records but for the lines they stand on."""
    columns = {name: _single(table.column(name)) for name in table.column_names}
    time = columns["time"].fill_null("")
    wall, dated = read_stamps(time)
    fields = Fields(np.zeros(len(wall), np.int64), wall, dated)
    fields.text = {name: columns[name] for name in columns if name not in ("time", *_NUMBERS)}
    for name in _CATEGORIES:
        if name in columns:
            fields.text[name] = _clean(columns[name])
    fields.text["client"] = _clean(columns["client"], r"^(.+):\d+$")
    fields.text["user"] = fields.text["user"].cast(pa.large_string())
    fields.text["client"] = fields.text["client"].cast(pa.large_string())
    fields.text["zone"] = _zones(time, dated)
    fields.text["session"] = pc.ascii_rtrim_whitespace(columns["session"])
    fields.text["message"] = columns["message"].fill_null("")
    fields.number = {name: columns[name] for name in _NUMBERS if name in columns}
    fields.number["position"] = pc.coalesce(columns["statement_position"], columns["query_position"])
    return fields


def _single(column: pa.ChunkedArray) -> pa.Array:
    if pa.types.is_dictionary(column.type) and column.num_chunks != 1:
        column = column.unify_dictionaries()
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _clean(column: pa.Array, pattern: str = "") -> pa.DictionaryArray:
    """Make empty and unknown names missing; keep group 1 of *pattern*."""
    encoded = as_dictionary(column)
    values = without(encoded.dictionary, "[unknown]")
    if pattern:
        values = pc.replace_substring_regex(values, pattern, r"\1")
    return with_values(encoded, values) if values.null_count or pattern else encoded


def _zones(time: pa.Array, dated: np.ndarray) -> pa.DictionaryArray:
    """Return what follows the digits of the stamps, a dictionary."""
    flat, offsets = lay_out(time)
    width = int(offsets[1] - offsets[0]) if len(time) else 0
    if width > _POINT and dated.all() and (np.diff(offsets) == width).all():
        ends = gather(flat, offsets[:-1] + _POINT, width - _POINT)
        same = (ends == ends[0]).all(axis=0)
        if ends[0, 0] == ord(".") and same[STAMP_WIDTH - _POINT :].all() and same[0]:
            return _cut_zones(time.slice(0, 1)).take(pa.array(np.zeros(len(time), np.int32)))
    return _cut_zones(time)


def _cut_zones(time: pa.Array) -> pa.DictionaryArray:
    return _clean(pc.replace_substring_regex(time, STAMP_END, ""))
