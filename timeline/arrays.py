"""Columns of an event frame as plain arrays: integers, codes, ranks, order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from timeline.schema import FILE, LINE, TIMESTAMP

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

THREADS: Final = 2
MANY: Final = 50_000
"""From so many rows on a second thread is worth its while; Arrow and numpy leave the interpreter free."""

NEVER: Final = np.iinfo(np.int64).max
"""What `micros` gives for a missing time: it sorts last."""


def strings(column: pd.Series) -> pa.ChunkedArray:
    """Return a text or category column as Arrow strings, without copying text."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype("str")
    found = pa.array(column.array) if not hasattr(column.array, "__arrow_array__") else column.array.__arrow_array__()
    return found if isinstance(found, pa.ChunkedArray) else pa.chunked_array([found])


def micros(column: pd.Series) -> Ints:
    """Return times as microseconds since 1970, `NEVER` where there is none."""
    values: Ints = column.array.asi8
    return np.where(values == np.iinfo(np.int64).min, NEVER, values)


def encode(column: pd.Series) -> Ints:
    """Return whole numbers that are equal exactly where the values are equal; missing is -1."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy().astype("int64")
    if isinstance(column.dtype, pd.StringDtype) and hasattr(column.array, "__arrow_array__"):
        coded = strings(column).combine_chunks().dictionary_encode().indices
        return coded.fill_null(-1).to_numpy(zero_copy_only=False).astype("int64")
    return pd.factorize(column)[0].astype("int64")


def ranks(column: pd.Series) -> Ints:
    """Return whole numbers that sort as the texts of a category column do, whatever the order of its categories.

    Missing is -1.
    """
    names = column.cat.categories.astype("str")
    places = np.empty(len(names) + 1, "int64")
    places[np.argsort(names.to_numpy(dtype=object), kind="stable")] = np.arange(len(names))
    places[-1] = -1
    return places[column.cat.codes.to_numpy()]


def lines(frame: pd.DataFrame) -> Ints:
    """Return the line numbers, 0 where there is none."""
    return frame[LINE].to_numpy(dtype="int64", na_value=0)


def group(*keys: Ints) -> Ints:
    """Number the distinct combinations of *keys*, from 0 in order of appearance."""
    found, size = np.zeros(len(keys[0]), "int64"), 1
    for key in keys:
        low, high = int(key.min(initial=0)), int(key.max(initial=0))
        width = high - low + 1
        if size * width > NEVER:
            found = pd.factorize(found)[0].astype("int64")
            size = int(found.max(initial=0)) + 1
        if size * width > NEVER:
            key, width = pd.factorize(key)[0].astype("int64"), len(key)  # noqa: PLW2901 - the same key, packed
            low = 0
        if width > 1:
            found = found * width + (key - low)
            size *= width
    return pd.factorize(found)[0].astype("int64")


def time_order(frame: pd.DataFrame) -> Ints | None:
    """Return the rows in order of time, file and line, rows without a time last; None if they lie so already."""
    keys = (lines(frame), ranks(frame[FILE]), micros(frame[TIMESTAMP]))
    if _is_sorted(keys):
        return None
    return np.lexsort(keys)


def _is_sorted(keys: tuple[Ints, ...]) -> bool:
    """Tell whether *keys*, the last one first, never fall."""
    falls = np.zeros(max(len(keys[0]) - 1, 0), bool)
    for key in keys:
        falls = (key[1:] < key[:-1]) | ((key[1:] == key[:-1]) & falls)
    return not falls.any()


def starts(*sorted_keys: Ints) -> Flags:
    """Mark the first row of each run of equal keys."""
    first = np.ones(len(sorted_keys[0]), bool)
    if len(first):
        first[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in sorted_keys])
    return first


def count_within(sorted_group: Ints) -> Ints:
    """Number the rows of each run of equal values from 0."""
    first = np.flatnonzero(starts(sorted_group))
    sizes = np.diff(np.append(first, len(sorted_group)))
    return np.arange(len(sorted_group)) - np.repeat(first, sizes)


def take(frame: pd.DataFrame, rows: Any) -> pd.DataFrame:
    """Return these rows of *frame*, numbered from 0; of a large one, two columns at the same time."""
    if len(rows) < MANY:
        return frame.take(rows).reset_index(drop=True)
    with ThreadPoolExecutor(THREADS) as pool:
        columns = pool.map(lambda name: frame[name].array.take(rows), frame.columns)
        return pd.DataFrame(dict(zip(frame.columns, columns, strict=True)), copy=False)
