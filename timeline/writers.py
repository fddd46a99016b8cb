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


def write_jsonl(frame: pd.DataFrame) -> Iterator[str]:
    """Yield one JSON object a row in pieces of text; missing values and empty time notes are left out.

    Times are written as `2026-06-15T14:03:11.000000Z`.
    """
    for start in range(0, len(frame), ROWS):
        yield _objects(frame.iloc[start : start + ROWS])


def _objects(frame: pd.DataFrame) -> str:
    # The first column is never missing, so that every later field can begin with a comma.
    parts = [pa.array(np.zeros(len(frame), np.int8)).cast(pa.large_string())]
    parts[0] = pa.repeat(pa.scalar("{", pa.large_string()), len(frame))
    for name in frame.columns:
        values = _json_values(frame[name], name)
        if values.null_count == len(values):
            continue
        key = pa.scalar(f",{orjson.dumps(name).decode()}:", pa.large_string())
        field = pc.binary_join_element_wise(key, values, pa.scalar("", pa.large_string()))
        parts.append(pc.fill_null(field, ""))
    parts.append(pa.repeat(pa.scalar("}\n", pa.large_string()), len(frame)))
    rows = pc.binary_join_element_wise(*parts, pa.scalar("", pa.large_string()))
    rows = pc.replace_substring(rows, "{,", "{", max_replacements=1)
    return _text_of(rows)


def _text_of(strings: pa.Array) -> str:
    """Return the joined text of an Arrow string array: its data buffer, in one piece."""
    array = strings.combine_chunks() if isinstance(strings, pa.ChunkedArray) else strings
    if not len(array):
        return ""
    offsets = np.frombuffer(array.buffers()[1], np.int64)[array.offset : array.offset + len(array) + 1]
    return bytes(memoryview(array.buffers()[2])[offsets[0] : offsets[-1]]).decode("utf-8")


def _json_values(column: pd.Series, name: str) -> pa.Array:
    """Return the JSON text of each value as Arrow strings, null where the value is missing."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        words = pa.array([orjson.dumps(str(value)).decode() for value in dtype.categories], pa.large_string())
        codes = column.cat.codes.to_numpy()
        return words.take(pa.array(codes.astype(np.int64), mask=codes < 0))
    if isinstance(dtype, pd.DatetimeTZDtype):
        return _quoted(_stamps(column))
    if isinstance(dtype, pd.StringDtype):
        text = pa.array(column).cast(pa.large_string())
        text = text.combine_chunks() if isinstance(text, pa.ChunkedArray) else text
        if name == schema.TIME_NOTE:
            text = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.large_string()), text)
        return _quoted(text)
    if pd.api.types.is_bool_dtype(dtype) or pd.api.types.is_numeric_dtype(dtype):
        if pd.api.types.is_float_dtype(dtype):
            column = column.where(np.isfinite(column.to_numpy(dtype=float, na_value=np.nan)))  # JSON has no infinity
        return pa.array(column, from_pandas=True).cast(pa.large_string())
    return pa.array([None if value is None else _dump(value) for value in column], pa.large_string())


def _dump(value: Any) -> str | None:
    if isinstance(value, float) and np.isnan(value):
        return None
    return orjson.dumps(value, default=str, option=orjson.OPT_SERIALIZE_NUMPY).decode()


def _quoted(text: pa.Array) -> pa.Array:
    if pc.any(pc.match_substring_regex(text, _NEEDS_ESCAPE)).as_py():
        text = _escape(text)
    quote = pa.scalar('"', pa.large_string())
    return pc.binary_join_element_wise(quote, text, quote, pa.scalar("", pa.large_string()))


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
    text = pc.binary_join_element_wise(
        pc.replace_substring(text, " ", "T"), pa.scalar("Z", pa.large_string()), pa.scalar("", pa.large_string())
    )
    return pc.if_else(pc.is_valid(micro), text, pa.scalar(None, pa.large_string()))


def write_csv(frame: pd.DataFrame) -> Iterator[str]:
    """Yield CSV with a header; times as in JSON Lines, missing values empty."""
    plain = {name: _csv_column(frame[name]) for name in frame.columns}
    table = pd.DataFrame(plain, index=frame.index)
    yield table.iloc[:0].to_csv(index=False, lineterminator="\n")
    for start in range(0, len(table), ROWS):
        yield table.iloc[start : start + ROWS].to_csv(index=False, header=False, lineterminator="\n")


def _csv_column(column: pd.Series) -> pd.Series:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return pd.Series(schema.string_column(_stamps(column)), index=column.index)
    return column


def write_table(frame: pd.DataFrame) -> Iterator[str]:
    """Yield a plain table for a terminal: time, source, host, service, severity, actor, message."""
    names = [name for name in _TABLE if name in frame and frame[name].notna().any()]
    cells = [[_cell(value) for value in frame[name].astype(object)] for name in names]
    widths = [min(max([len(name), *map(len, values)]), 40) for name, values in zip(names, cells, strict=True)]
    widths[-1:] = [0]
    yield _row(names, widths)
    for row in zip(*cells, strict=True):
        yield _row(row, widths)


def _row(values: Any, widths: list[int]) -> str:
    return "  ".join(value.ljust(width) for value, width in zip(values, widths, strict=True)).rstrip() + "\n"


def _cell(value: Any) -> str:
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d %H:%M:%S}"
    return shorten(flatten(str(value)))


WRITERS: Final[dict[str, Callable[[pd.DataFrame], Iterator[str]]]] = {
    "jsonl": write_jsonl,
    "csv": write_csv,
    "table": write_table,
}
"""Output formats by name; each takes a frame and yields text."""
