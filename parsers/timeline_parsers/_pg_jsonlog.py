"""Read jsonlog (PostgreSQL 15+): one object a line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import json

from timeline.parser import Batch, Tally
from timeline.sources import Source
from timeline.textlog import Block, read_blocks
from timeline_parsers._pg_frame import STAMP_END, Fields, build_frame, read_stamps, without

# Key of the object to our field. Keys may come in any order, are left out when NULL, and unknown ones are to be
# ignored. Reference: https://www.postgresql.org/docs/current/runtime-config-logging.html, "JSON-Format Log Output".
KEYS: Final[Mapping[str, str]] = {
    "timestamp": "time",
    "user": "user",
    "dbname": "database",
    "remote_host": "client",
    "session_id": "session",
    "ps": "command",
    "error_severity": "label",
    "state_code": "state",
    "message": "message",
    "detail": "detail",
    "hint": "hint",
    "internal_query": "query",
    "context": "context",
    "statement": "statement",
    "application_name": "application",
    "backend_type": "backend",
    "func_name": "function",
    "file_name": "source_file",
    "logging_pod": "host",
}
NUMBER_KEYS: Final[Mapping[str, str]] = {
    "pid": "pid",
    "line_num": "session_line",
    "query_id": "query_id",
    "file_line_num": "source_line",
    "cursor_position": "statement_position",
    "internal_position": "query_position",
}
_REQUIRED: Final = ("timestamp", "error_severity")
_NAMES: Final = ("user", "database", "client", "application", "backend", "command", "state")

_SCHEMA: Final = pa.schema([*((key, pa.large_string()) for key in KEYS), *((key, pa.int64()) for key in NUMBER_KEYS)])
_BRACE: Final = ord("{")


Load = Callable[[bytes], dict[str, Any] | None]


def parse_jsonlog(source: Source, load: Load | None = None, *, size: int | None = None) -> Iterator[Batch]:
    """Yield the records of *source*, a jsonlog.

    Args:
        source: the source.
        load: reads one line of another form: returns the keys and types of a jsonlog, None for no record.
        size: bytes a block has at least. The records are the same for every size.
    """
    for block in read_blocks(source, size):
        yield _read(block, load)


def is_record(line: bytes) -> bool:
    """Tell whether *line* is a record of a jsonlog; invalid bytes do occur in it."""
    return _load(line.decode("utf-8", "replace").encode()) is not None


def _read(block: Block, load: Load | None) -> Batch:
    tally = Tally(lines=len(block.ends), blank=int(block.blank.sum()))
    table, lines = (None, None) if load else _read_fast(block)
    if table is None or lines is None:
        table, lines = _read_each(block, tally, load or _load)
    if b"\\r" in block.data:  # the other forms have lost it with the line ends of the file
        table = _without_returns(table)
    return tally.batch(build_frame(_fields(table, block.first_line + lines)))


def _without_returns(table: pa.Table) -> pa.Table:
    for key in KEYS:
        column = pc.replace_substring(table.column(key), "\r\n", "\n")
        table = table.set_column(table.column_names.index(key), key, column)
    return table


def _read_fast(block: Block) -> tuple[pa.Table | None, np.ndarray]:
    """Read all lines at once; None if one of them is no record."""
    lines = np.flatnonzero(~block.blank)
    flat = np.frombuffer(block.data, np.uint8)
    if not (flat[block.starts[lines]] == _BRACE).all():
        return None, lines
    try:
        table = json.read_json(
            pa.BufferReader(block.data),
            json.ReadOptions(block_size=len(block.data) + 1),
            json.ParseOptions(explicit_schema=_SCHEMA, unexpected_field_behavior="ignore"),
        )
    except pa.ArrowInvalid:
        return None, lines
    complete = table.num_rows == len(lines) and all(table.column(key).null_count == 0 for key in _REQUIRED)
    return (table if complete else None), lines


def _read_each(block: Block, tally: Tally, load: Load) -> tuple[pa.Table, np.ndarray]:
    """Read line by line, for blocks with lines that are no records."""
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    for line in np.flatnonzero(~block.blank).tolist():
        text = block.data[block.starts[line] : block.ends[line]]
        row = load(text)
        if row is None:
            tally.reject(block.first_line + line, text.decode("utf-8", "replace"))
        else:
            rows.append(row)
            lines.append(line)
    return pa.Table.from_pylist(rows, _SCHEMA), np.array(lines, np.int64)


def _load(line: bytes) -> dict[str, Any] | None:
    """Return the fields of one line with their types, None if it is no record."""
    try:
        found = orjson.loads(line.lstrip(b"\0"))
    except orjson.JSONDecodeError:
        return None
    if not isinstance(found, dict) or not all(isinstance(found.get(key), str) for key in _REQUIRED):
        return None
    row: dict[str, Any] = {key: str(found[key]) for key in KEYS if found.get(key) is not None}
    numbers = ((key, found.get(key)) for key in NUMBER_KEYS)
    return row | {key: value for key, value in numbers if isinstance(value, int) and abs(value) < 1 << 63}


def _fields(table: pa.Table, lines: np.ndarray) -> Fields:
    columns = {KEYS.get(key) or NUMBER_KEYS[key]: _single(table.column(key)) for key in _SCHEMA.names}
    time = columns.pop("time")
    wall, dated = read_stamps(time)
    fields = Fields(lines, wall, dated)
    fields.text = {name: columns[name] for name in columns if name not in NUMBER_KEYS.values()}
    fields.text["message"] = columns["message"].fill_null("")
    for name in _NAMES:
        fields.text[name] = without(columns[name], "[unknown]")
    fields.text["zone"] = without(pc.replace_substring_regex(time, STAMP_END, ""))
    fields.text["location"] = _locations(columns)
    if columns["host"].null_count == len(lines):
        del fields.text["host"]
    fields.number = {name: columns[name] for name in ("pid", "session_line", "query_id")}
    fields.number["position"] = pc.coalesce(columns["statement_position"], columns["query_position"])
    return fields


def _locations(columns: Mapping[str, pa.Array]) -> pa.Array:
    """Write places in the source as stderr and csvlog do: `func, file.c:line`."""
    line = columns["source_line"].cast(pa.large_string())
    place = pc.binary_join_element_wise(columns["source_file"], line, pa.scalar(":", pa.large_string()))
    both = pc.binary_join_element_wise(columns["function"], place, pa.scalar(", ", pa.large_string()))
    return pc.coalesce(both, place)


def _single(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
