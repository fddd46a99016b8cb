"""From columns in PostgreSQL's words to the event frame: what stderr, csvlog and jsonlog have in common."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from timeline.schema import (
    ACTOR,
    HOST,
    KIND,
    LINE,
    MESSAGE,
    REF,
    SERVICE,
    SEVERITIES,
    SEVERITY,
    SEVERITY_DTYPE,
    WALL,
    ZONE,
    category_column,
    full,
    string_column,
)  # fmt: skip
from timeline.stamps import SECOND, Bytes, cells, decode
from timeline.textlog import Block
from timeline_parsers._pg_kinds import find_kinds
from timeline_parsers._pg_labels import SEVERITY_OF
from timeline_parsers._pg_prefix import STAMP

NAME: Final = "postgresql"

# Our field to the column of the event frame.
CATEGORIES: Final[Mapping[str, str]] = {
    "database": "db.namespace",
    "state": "db.response.status_code",
    "application": "postgresql.application_name",
    "backend": "postgresql.backend_type",
    "command": "postgresql.command_tag",
    "label": "postgresql.severity",
}
STRINGS: Final[Mapping[str, str]] = {
    "user": "user.name",
    "client": "client.address",
    "session": "postgresql.session_id",
    "detail": "postgresql.detail",
    "hint": "postgresql.hint",
    "context": "postgresql.context",
    "statement": "postgresql.statement",
    "query": "postgresql.query",
    "location": "postgresql.location",
    "backtrace": "postgresql.backtrace",
}
NUMBERS: Final[Mapping[str, str]] = {
    "pid": "process.pid",
    "session_line": "postgresql.session_line",
    "query_id": "postgresql.query_id",
    "position": "postgresql.position",
}

STAMP_WIDTH: Final = 23
_SLASH: Final = pa.scalar("/", pa.large_string())
STAMP_END: Final = rf"^{STAMP}(?:\.\d+)? ?"
_TEN: Final = 10
_NUMBERS: Final = {_TEN: re.compile("-?[0-9]{1,20}"), 16: re.compile("[0-9a-f]{1,16}")}
_SECONDS, _MILLIS = "YYYY-MM-DD hh:mm:ss", "YYYY-MM-DD hh:mm:ss.fff"


@dataclass
class Fields:
    """Records as columns, one element a record.

    Attributes:
        line: number of the first physical line, int64.
        wall: microseconds of the stamp's digits.
        dated: whether `wall` means anything.
        text: Arrow strings or dictionaries by our field names; "message" and "label" always.
        number: Arrow integers by our field names.
    """

    line: np.ndarray
    wall: np.ndarray
    dated: np.ndarray
    text: dict[str, pa.Array] = field(default_factory=dict)
    number: dict[str, pa.Array] = field(default_factory=dict)

    def take(self, places: np.ndarray) -> Fields:
        """Return some of the records."""
        rows = pa.array(places)
        text = {name: column.take(rows) for name, column in self.text.items()}
        number = {name: column.take(rows) for name, column in self.number.items()}
        return Fields(self.line[places], self.wall[places], self.dated[places], text, number)


def behind(held: Block, block: Block) -> Block:
    """Put *block* behind the lines that were *held* back; NULs at the start of a file, left by copytruncate, go."""
    data = block.data.lstrip(b"\0") if block.first_line == 1 else block.data
    if not held.data and data is block.data:
        return block
    return Block(held.data + data, held.first_line if held.data else block.first_line)


def build_frame(fields: Fields) -> pd.DataFrame:
    """Make a frame with the columns that a parser gives."""
    index = pd.RangeIndex(len(fields.line))
    text = {name: column for name, column in fields.text.items() if column is not None}
    number = {name: column for name, column in fields.number.items() if column is not None}
    if "query_id" in number:  # 0 says that none was computed
        number["query_id"] = pc.if_else(pc.equal(number["query_id"], 0), None, number["query_id"])
    if "state" in text:  # written for every record by some forms, left out by others
        text["state"] = _without_success(as_dictionary(text["state"]))
    label = as_dictionary(text["label"])
    wall = pa.array(fields.wall, mask=~fields.dated)
    columns: dict[str, object] = {
        WALL: _integers(wall),
        ZONE: _category(text.get("zone"), len(index)),
        SERVICE: full(NAME, "category", index),
        SEVERITY: _severities(label),
        ACTOR: _strings(text.get("user"), len(index)),
        MESSAGE: string_column(text["message"]),
        KIND: find_kinds(text["message"], as_dictionary(_or_missing(text.get("state"), len(index)))),
        LINE: _integers(pa.array(fields.line)),
        REF: string_column(_references(text, number, len(index))),
    }
    if "host" in text:
        columns[HOST] = _category(text["host"], len(index))
    columns |= {column: _number(number.get(name), len(index)) for name, column in NUMBERS.items()}
    columns |= {column: _category(text.get(name), len(index)) for name, column in CATEGORIES.items()}
    columns |= {column: _strings(text.get(name), len(index)) for name, column in STRINGS.items()}
    return pd.DataFrame(columns, index=index)


def read_stamps(stamps: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Read `2026-06-15 14:03:11.123 UTC`, with or without milliseconds; what follows is not looked at.

    Returns:
        Microseconds as int64, and whether each is a real time.
    """
    return decode_stamps(cells(stamps.fill_null(""), STAMP_WIDTH))


def decode_stamps(matrix: Bytes) -> tuple[np.ndarray, np.ndarray]:
    """Read stamps out of rows of `STAMP_WIDTH` bytes; see `read_stamps`."""
    wall, good = decode(matrix, _MILLIS)
    if not good.all():
        rows = np.flatnonzero(~good & (matrix[:, STAMP_WIDTH - 4] != ord(".")))
        wall[rows], good[rows] = decode(matrix[rows], _SECONDS)
    return wall, good


def read_epochs(epochs: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Read `1741944413.123` as microseconds since 1970, without a float."""
    parts = pc.extract_regex(epochs, r"^(?P<seconds>\d{9,11})\.(?P<millis>\d{3})$")
    seconds = pc.struct_field(parts, "seconds").cast(pa.int64())
    millis = pc.struct_field(parts, "millis").cast(pa.int64())
    micros = pc.add(pc.multiply(seconds, SECOND), pc.multiply(millis, 1000))
    return micros.fill_null(0).to_numpy(zero_copy_only=False), micros.is_valid().to_numpy(zero_copy_only=False)


def to_numbers(values: pa.Array, base: int = 10) -> pa.Array:
    """Read strings as int64; what is no such number is missing."""
    if base == _TEN:
        short = pc.match_substring_regex(values, "^-?[0-9]{1,18}$")
        if pc.all(short, min_count=0).as_py():
            return values.cast(pa.int64())
    found = [int(text, base) if text and _NUMBERS[base].fullmatch(text) else None for text in values.to_pylist()]
    return pa.array(
        [number if number is not None and -(2**63) <= number < 2**63 else None for number in found], pa.int64()
    )


def without(values: pa.Array, *absent: str) -> pa.Array:
    """Turn empty strings and the words *absent*, such as `[unknown]`, into missing values."""
    return pc.if_else(pc.is_in(values, pa.array(["", *absent], values.type)), None, values)


def as_dictionary(values: pa.Array) -> pa.DictionaryArray:
    """Return *values* as one dictionary array."""
    return values if pa.types.is_dictionary(values.type) else values.dictionary_encode()


def with_values(encoded: pa.DictionaryArray, values: pa.Array) -> pa.DictionaryArray:
    """Return *encoded* with *values* for those of its dictionary; a missing one makes its rows missing."""
    distinct = values.dictionary_encode()
    return pa.DictionaryArray.from_arrays(distinct.indices.take(encoded.indices), distinct.dictionary)


def _without_success(states: pa.DictionaryArray) -> pa.DictionaryArray:
    return with_values(states, without(states.dictionary, "00000"))


def _or_missing(values: pa.Array | None, rows: int) -> pa.Array:
    return pa.nulls(rows, pa.large_string()) if values is None else values


def _severities(label: pa.DictionaryArray) -> pd.Categorical:
    """Map the words to severities; an unknown word gives a missing one, since none is ever invented."""
    words = label.dictionary.to_pylist()
    known = [SEVERITIES.index(SEVERITY_OF[word]) if word in SEVERITY_OF else -1 for word in words]
    places = label.indices.fill_null(len(words)).to_numpy(zero_copy_only=False)
    return pd.Categorical.from_codes(np.array([*known, -1], "int8")[places], dtype=SEVERITY_DTYPE)


def _references(text: Mapping[str, pa.Array], number: Mapping[str, pa.Array], rows: int) -> pa.Array:
    session, line = text.get("session"), number.get("session_line")
    if session is None or line is None:
        return pa.nulls(rows, pa.large_string())
    return pc.binary_join_element_wise(session.cast(pa.large_string()), line.cast(pa.large_string()), _SLASH)


def _category(values: pa.Array | None, rows: int) -> pd.Categorical:
    if values is None:
        return category_column(np.full(rows, -1, "int8"), [])
    encoded = as_dictionary(values)
    names = encoded.dictionary.to_pylist()
    codes = encoded.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)
    # Only what occurs: the dictionary was made for all lines, further lines of records included.
    used = np.bincount(codes, minlength=len(names) + 1)[:-1].astype(bool)
    order: dict[str, int] = {}
    places = [order.setdefault(name, len(order)) if occurs else -1 for name, occurs in zip(names, used, strict=True)]
    narrow = np.array([*places, -1], np.min_scalar_type(-len(names) - 1))
    return pd.Categorical.from_codes(narrow[codes], categories=pd.Index(list(order), dtype="str"))


def _strings(values: pa.Array | None, rows: int) -> object:
    return string_column(_or_missing(values, rows).cast(pa.large_string()))


def _number(values: pa.Array | None, rows: int) -> object:
    return _integers(pa.nulls(rows, pa.int64()) if values is None else values.cast(pa.int64()))


def _integers(values: pa.Array) -> object:
    return pd.Int64Dtype().__from_arrow__(values)  # type: ignore[attr-defined]
