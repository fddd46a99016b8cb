"""Write frames as JSON Lines, CSV or a plain table, column by column."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from timeline import schema
from timeline.markdown_text import flatten, shorten

ROWS: Final = 50_000
"""Rows that are written at a time, so that the text in memory stays small."""

_NEEDS_ESCAPE: Final = r'["\\\x00-\x1f\x7f]'
_TABLE: Final = (
    schema.TIMESTAMP,
    schema.SOURCE,
    schema.HOST,
    schema.SERVICE,
    schema.SEVERITY,
    schema.ACTOR,
    schema.MESSAGE,
)


def write_jsonl(frame: pd.DataFrame) -> Iterator[bytes]:
    """Yield one JSON object a row in pieces of UTF-8; missing values and empty time notes are left out.

    Times are written as `2026-06-15T14:03:11.000000Z`.
    """
    for start in range(0, len(frame), ROWS):
        yield _objects(frame.iloc[start : start + ROWS])


def _objects(frame: pd.DataFrame) -> bytes:
    """Join the pieces of all rows in one go: every field is a key, a value and what closes it."""
    parts: list[pa.Array | pa.Scalar] = [pa.repeat(_text("{"), len(frame))]
    full = not frame.iloc[:, 0].isna().any()
    for place, name in enumerate(frame.columns):
        parts += _field(frame[name], name, comma="" if full and not place else ",")
    rows = pc.binary_join_element_wise(*parts, _text("}\n"), _text(""))
    # Where the first column has gaps, a row may begin with the comma of a later one.
    return _bytes_of(rows if full else pc.replace_substring(rows, "{,", "{", max_replacements=1))


def _text(value: str) -> pa.Scalar:
    return pa.scalar(value, pa.large_string())


def _bytes_of(strings: pa.Array) -> bytes:
    """Return the joined text of an Arrow string array: its data buffer, in one piece."""
    if not len(strings):
        return b""
    offsets = np.frombuffer(strings.buffers()[1], np.int64)[strings.offset : strings.offset + len(strings) + 1]
    return bytes(memoryview(strings.buffers()[2])[offsets[0] : offsets[-1]])


def _field(column: pd.Series, name: str, *, comma: str) -> list[pa.Array | pa.Scalar]:
    """Return the pieces that write one column, each field with *comma* in front; none if all is missing."""
    key = f"{comma}{orjson.dumps(name).decode()}:"
    if isinstance(column.dtype, pd.CategoricalDtype):
        # Written once a category; the last word stands for what is missing.
        words = [key + orjson.dumps(str(value)).decode() for value in column.dtype.categories] + [""]
        codes = column.cat.codes.to_numpy().astype(np.int64)
        codes[codes < 0] = len(words) - 1
        return [pa.array(words, pa.large_string()).take(pa.array(codes))] if len(words) > 1 else []
    values, quote = _json_values(column, name)
    if values.null_count == len(values):
        return []
    pieces = [_text(key + quote), values, _text(quote)] if quote else [_text(key), values]
    if not values.null_count:
        return pieces
    return [pc.fill_null(pc.binary_join_element_wise(*pieces, _text("")), "")]


def _json_values(column: pd.Series, name: str) -> tuple[pa.Array, str]:
    """Return the JSON text of each value as Arrow strings, null where it is missing, and the quote around it."""
    dtype = column.dtype
    if isinstance(dtype, pd.DatetimeTZDtype):
        return _stamps(column), '"'
    if isinstance(dtype, pd.StringDtype):
        text = pa.array(column).cast(pa.large_string())
        text = text.combine_chunks() if isinstance(text, pa.ChunkedArray) else text
        if name == schema.TIME_NOTE:
            text = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.large_string()), text)
        return (_escape(text) if _needs_escape(text) else text), '"'
    if pd.api.types.is_bool_dtype(dtype) or pd.api.types.is_numeric_dtype(dtype):
        if pd.api.types.is_float_dtype(dtype):
            column = column.where(np.isfinite(column.to_numpy(dtype=float, na_value=np.nan)))  # JSON has no infinity
        return pa.array(column, from_pandas=True).cast(pa.large_string()), ""
    return pa.array([None if value is None else _dump(value) for value in column], pa.large_string()), ""


def _dump(value: Any) -> str | None:
    if isinstance(value, float) and np.isnan(value):
        return None
    return orjson.dumps(value, default=str, option=orjson.OPT_SERIALIZE_NUMPY).decode()


def _needs_escape(text: pa.Array) -> bool:
    return bool(pc.any(pc.match_substring_regex(text, _NEEDS_ESCAPE)).as_py())


def _escape(text: pa.Array) -> pa.Array:
    """Escape as JSON wants; the rare controls go one by one through orjson."""
    for plain, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\t", "\\t"), ("\r", "\\r")):
        text = pc.replace_substring(text, plain, escaped)
    rest = pc.fill_null(pc.match_substring_regex(text, r"[\x00-\x1f]"), False).to_numpy(zero_copy_only=False)
    if not rest.any():
        return text
    values = text.to_pylist()
    for row in np.flatnonzero(rest):
        values[row] = "".join(letter if letter >= " " else f"\\u{ord(letter):04x}" for letter in values[row])
    return pa.array(values, pa.large_string())


def _stamps(column: pd.Series) -> pa.Array:
    """Write UTC microseconds as ISO 8601 with a Z."""
    micro = pa.array(column).cast(pa.int64())
    text = pa.array(column.dt.tz_localize(None)).cast(pa.timestamp("us")).cast(pa.large_string())
    text = pc.binary_join_element_wise(pc.replace_substring(text, " ", "T"), _text("Z"), _text(""))
    return pc.if_else(pc.is_valid(micro), text, pa.scalar(None, pa.large_string()))


def write_csv(frame: pd.DataFrame) -> Iterator[bytes]:
    """Yield CSV with a header; times as in JSON Lines, missing values empty."""
    plain = {name: _csv_column(frame[name]) for name in frame.columns}
    table = pd.DataFrame(plain, index=frame.index)
    yield table.iloc[:0].to_csv(index=False, lineterminator="\n").encode()
    for start in range(0, len(table), ROWS):
        yield table.iloc[start : start + ROWS].to_csv(index=False, header=False, lineterminator="\n").encode()


def _csv_column(column: pd.Series) -> pd.Series:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return pd.Series(schema.string_column(_stamps(column)), index=column.index)
    return column


def write_table(frame: pd.DataFrame) -> Iterator[bytes]:
    """Yield a plain table for a terminal: time, source, host, service, severity, actor, message."""
    names = [name for name in _TABLE if name in frame and frame[name].notna().any()]
    cells = [[_cell(value) for value in frame[name].astype(object)] for name in names]
    widths = [min(max([len(name), *map(len, values)]), 40) for name, values in zip(names, cells, strict=True)]
    if not names:
        return
    widths[-1] = 0
    yield _row(names, widths)
    for row in zip(*cells, strict=True):
        yield _row(row, widths)


def _row(values: Any, widths: list[int]) -> bytes:
    cells = (value.ljust(width) for value, width in zip(values, widths, strict=True))
    return f"{'  '.join(cells).rstrip()}\n".encode("utf-8", "replace")


def _cell(value: Any) -> str:
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return shorten(flatten(str(value)))


WRITERS: Final[dict[str, Callable[[pd.DataFrame], Iterator[bytes]]]] = {
    "jsonl": write_jsonl,
    "csv": write_csv,
    "table": write_table,
}
"""Output formats by name; each takes a frame and yields UTF-8."""
