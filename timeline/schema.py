"""The event frame: its columns, their types, and how frames are brought into that form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from timeline.errors import SchemaError

TIMESTAMP: Final = "timestamp"
TIME_BASIS: Final = "time_basis"
TIME_NOTE: Final = "time_note"
SOURCE: Final = "source"
HOST: Final = "host"
SERVICE: Final = "service"
SEVERITY: Final = "severity"
ACTOR: Final = "actor"
MESSAGE: Final = "message"
KIND: Final = "kind"
FILE: Final = "file"
LINE: Final = "line"
REF: Final = "ref"

COPIES: Final = "copies"
ALSO_IN: Final = "also_in"
DEDUPE_RULE: Final = "dedupe_rule"
COUNT: Final = "count"
UNTIL: Final = "until"
PEAK_AT: Final = "peak_at"
TEMPLATE: Final = "template"
EVIDENCE: Final = "evidence"
LAST_FILE: Final = "last_file"
LAST_LINE: Final = "last_line"
LAST_MESSAGE: Final = "last_message"
WHY: Final = "why"
SCORE: Final = "score"
PHASE: Final = "phase"

# What a parser gives instead of TIMESTAMP, TIME_BASIS and TIME_NOTE: the digits of the stamp read as if they
# were UTC, in microseconds, and the zone as the record writes it. Only `timeline.normalize` makes times of them.
WALL: Final = "wall"
ZONE: Final = "zone"

SEVERITIES: Final = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
BASES: Final = ("explicit", "declared", "inferred", "assumed")

TO_THE_MINUTE: Final = "told to the minute"
"""The `time_note` of a parser whose stamps have no seconds: none are shown then."""

TIME_DTYPE: Final = pd.DatetimeTZDtype("us", "UTC")
SEVERITY_DTYPE: Final = pd.CategoricalDtype(list(SEVERITIES), ordered=True)
BASIS_DTYPE: Final = pd.CategoricalDtype(list(BASES))

DTYPES: Final[Mapping[str, object]] = {
    TIMESTAMP: TIME_DTYPE,
    TIME_BASIS: BASIS_DTYPE,
    TIME_NOTE: "str",
    SOURCE: "category",
    HOST: "category",
    SERVICE: "category",
    SEVERITY: SEVERITY_DTYPE,
    ACTOR: "str",
    MESSAGE: "str",
    KIND: "category",
    FILE: "category",
    LINE: "Int64",
    REF: "str",
}
"""Columns of every event frame, in order, with their pandas types."""

STAGE_DTYPES: Final[Mapping[str, object]] = {
    COPIES: "Int64",
    ALSO_IN: "str",
    DEDUPE_RULE: "category",
    COUNT: "Int64",
    UNTIL: TIME_DTYPE,
    PEAK_AT: TIME_DTYPE,
    TEMPLATE: "str",
    EVIDENCE: "str",
    LAST_FILE: "category",
    LAST_LINE: "Int64",
    LAST_MESSAGE: "str",
    WHY: "str",
    SCORE: "float64",
    PHASE: "category",
}
"""Columns that the stages add."""

FEW_CATEGORIES: Final = 200
"""Up to so many a dictionary of Python is quicker than Arrow."""
_TEXT: Final = pa.large_string()

RAW_DTYPES: Final[Mapping[str, object]] = {WALL: "Int64", ZONE: "category"}
"""Columns that a parser gives for `normalize`."""


def empty() -> pd.DataFrame:
    """Return an event frame without rows."""
    return _empty().copy(deep=False)  # making one takes some ms, and an export may have a thousand days without any


@cache
def _empty() -> pd.DataFrame:
    return pd.DataFrame({name: missing(dtype, pd.RangeIndex(0)) for name, dtype in DTYPES.items()})


def conform(frame: pd.DataFrame) -> pd.DataFrame:
    """Return *frame* with every column of the schema, in order and of its type; further columns follow.

    Raises:
        SchemaError: a column cannot be converted to its type.
    """
    columns = {name: _convert(frame, name, dtype) for name, dtype in DTYPES.items()}
    for name in frame.columns:
        if name not in columns:
            dtype = STAGE_DTYPES.get(name)
            columns[name] = frame[name] if dtype is None else _convert(frame, name, dtype)
    return pd.DataFrame(columns, index=frame.index)


def _convert(frame: pd.DataFrame, name: str, dtype: object) -> pd.Series:
    if name not in frame:
        return missing(dtype, frame.index) if name != TIME_NOTE else full("", "str", frame.index)
    return _cast(frame[name], name, dtype)


def typed(column: pd.Series, name: str) -> pd.Series:
    """Give a column of a parser the type that the schema has for *name*; one that it does not know stays as it is.

    Raises:
        SchemaError: it cannot be converted, or only a stage may give it.
    """
    if name in STAGE_DTYPES:
        raise SchemaError(
            f"column {name!r} is one that the stages add", help="name it after your format: tickets.count"
        )
    dtype = RAW_DTYPES.get(name, DTYPES.get(name))
    return column if dtype is None or name == TIMESTAMP else _cast(column, name, dtype)


def _cast(column: pd.Series, name: str, dtype: object) -> pd.Series:
    try:
        if not (isinstance(dtype, str) and dtype == "category"):
            return column if column.dtype == dtype else column.astype(dtype)  # type: ignore[call-overload]
        if not isinstance(column.dtype, pd.CategoricalDtype):
            column = column.astype("str").astype("category")
        names = column.cat.categories
        return column if names.dtype == "str" else column.cat.rename_categories([str(name) for name in names])
    except (TypeError, ValueError) as error:
        raise SchemaError(
            f"column {name!r} cannot become {dtype}: {error}", help="see docs/library.md, the event frame"
        ) from error


def check(frame: pd.DataFrame) -> None:
    """Raise `SchemaError` unless *frame* has every column of the schema with its type."""
    absent = [name for name in DTYPES if name not in frame]
    if absent:
        raise SchemaError(f"columns missing: {', '.join(absent)}", help="pass it through timeline.schema.conform")
    for name, dtype in DTYPES.items():
        actual = frame[name].dtype
        fits = (
            isinstance(actual, pd.CategoricalDtype)
            if isinstance(dtype, str) and dtype == "category"
            else actual == dtype
        )
        if not fits:
            raise SchemaError(f"column {name!r} is {actual}, not {dtype}", help="see timeline.schema.conform")


def missing(dtype: object, index: pd.Index) -> pd.Series:
    """Return a column of missing values of *dtype*."""
    # Not `dtype == "category"` alone: that holds for SEVERITY_DTYPE as well.
    if isinstance(dtype, str) and dtype == "category":
        return pd.Series(
            pd.Categorical.from_codes(np.full(len(index), -1, "int8"), pd.Index([], dtype="str")), index=index
        )
    return pd.Series(index=index, dtype=dtype)  # type: ignore[call-overload]


def full(value: str, dtype: object, index: pd.Index) -> pd.Series:
    """Return a column that holds *value* in every row, without making one object a row.

    Args:
        value: the value.
        dtype: "str", "category" or a CategoricalDtype that contains *value*.
        index: the rows.
    """
    if dtype == "str":
        codes = pa.DictionaryArray.from_arrays(
            pa.array(np.zeros(len(index), "int8")), pa.array([value], pa.large_string())
        )
        return pd.Series(string_column(codes.cast(pa.large_string())), index=index)
    kind = dtype if isinstance(dtype, pd.CategoricalDtype) else pd.CategoricalDtype([value])
    code = kind.categories.get_loc(value)
    return pd.Series(pd.Categorical.from_codes(np.full(len(index), code, "int8"), dtype=kind), index=index)


def string_column(values: pa.Array | pa.ChunkedArray) -> pd.api.extensions.ExtensionArray:
    """Wrap Arrow strings as a pandas `str` array without copying."""
    dtype = pd.StringDtype("pyarrow", na_value=np.nan)
    if not pa.types.is_large_string(values.type):
        values = values.cast(pa.large_string())
    return dtype.__from_arrow__(values)  # type: ignore[attr-defined]


def integer_column(values: pa.Array | pa.ChunkedArray) -> pd.api.extensions.ExtensionArray:
    """Wrap Arrow integers as a nullable Int64 array."""
    return pd.Int64Dtype().__from_arrow__(values.cast(pa.int64()))  # type: ignore[attr-defined]


def category_column(codes: np.ndarray, values: Sequence[str]) -> pd.Categorical:
    """Make a category column of *codes* into *values*; -1 is missing, unused and repeated values are allowed."""
    order = {value: place for place, value in enumerate(dict.fromkeys(values))}
    places = np.array([order[value] for value in values] or [0], dtype="int32")
    codes = np.asarray(codes)
    return pd.Categorical.from_codes(
        np.where(codes < 0, -1, places[codes]), categories=pd.Index(list(order), dtype="str")
    )


def from_arrow(table: pa.Table) -> pd.DataFrame:
    """Turn an Arrow table into a frame with our types: `str`, category, Int64, boolean, UTC microseconds.

    Dictionary columns become categories, integers become nullable Int64, strings stay in Arrow memory.
    """
    return pd.DataFrame({name: _from_arrow(table.column(name)) for name in table.column_names})


def _from_arrow(column: pa.ChunkedArray) -> object:
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return string_column(column)
    if pa.types.is_integer(kind):
        return integer_column(column)
    if pa.types.is_boolean(kind):
        return pd.BooleanDtype().__from_arrow__(column)  # type: ignore[attr-defined]
    return column.to_pandas()


def concat(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Stack *frames*, keeping categories as categories and filling absent columns with missing values.

    Categories are united in order of appearance and never fall back to objects.
    """
    parts = [frame for frame in frames if len(frame.columns)]
    if len(parts) < 2:  # noqa: PLR2004 - nothing to stack
        return parts[0].reset_index(drop=True) if parts else empty()
    kept = [part for part in parts if len(part)] or parts[:1]
    names = dict.fromkeys(name for part in parts for name in part.columns)
    return pd.DataFrame({name: _stack(name, kept, parts) for name in names})


def _stack(name: str, kept: Sequence[pd.DataFrame], parts: Sequence[pd.DataFrame]) -> pd.Series:
    dtype = next(part[name].dtype for part in (*kept, *parts) if name in part)
    columns = [part[name] if name in part else missing(_blank(dtype), part.index) for part in kept]
    if isinstance(dtype, pd.CategoricalDtype) and not dtype.ordered:
        return pd.Series(_unite([_as_category(column) for column in columns]))
    return pd.concat(columns, ignore_index=True)


def _unite(columns: Sequence[pd.Series]) -> pd.Categorical:
    """Stack category columns; Arrow unites their categories without an object for each."""
    if sum(len(column.cat.categories) for column in columns) <= FEW_CATEGORIES:
        names, places = _unite_few([column.cat.categories for column in columns])
    else:
        names, places = _unite_many([column.cat.categories for column in columns])
    codes = [place[column.cat.codes.to_numpy()] for column, place in zip(columns, places, strict=True)]
    return pd.Categorical.from_codes(np.concatenate(codes), categories=names)


def _unite_few(indexes: Sequence[pd.Index]) -> tuple[pd.Index, list[np.ndarray]]:
    order: dict[str, int] = {}
    numbers = [[order.setdefault(str(name), len(order)) for name in index] for index in indexes]
    places = [np.array([*codes, -1], "int32") for codes in numbers]
    return pd.Index(list(order), dtype="str"), places


def _unite_many(indexes: Sequence[pd.Index]) -> tuple[pd.Index, list[np.ndarray]]:
    chunks = [
        pa.DictionaryArray.from_arrays(pa.array(np.arange(len(index), dtype="int32")), pa.array(index.array, _TEXT))
        for index in indexes
    ]
    united = pa.chunked_array(chunks).unify_dictionaries()
    places = [np.append(chunk.indices.to_numpy(), np.int32(-1)) for chunk in united.chunks]
    return pd.Index(string_column(united.chunk(0).dictionary)), places


def _as_category(column: pd.Series) -> pd.Series:
    """Give a category column string categories, so that an all-missing one unites with the others."""
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return column.astype("category")
    if column.cat.categories.dtype != "str":
        return column.cat.set_categories(column.cat.categories.astype("str"))
    return column


def _blank(dtype: object) -> object:
    return "category" if isinstance(dtype, pd.CategoricalDtype) and not dtype.ordered else dtype
