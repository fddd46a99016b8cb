"""Requests counted per route and bucket of time: how many, how many failed, how long they took, and where that stands.

The counts of two parts of the evidence can be added (`add_traffic`): sums of numbers, first and last by time, file and
line. Buckets are those in which something happened, so that a stamp centuries off costs one row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from timeline.arrays import Ints, encode, group, lines, micros, ranks, starts, strings, take
from timeline.schema import FILE, HOST, SERVICE, TIMESTAMP, category_column, concat
from timeline.templates import mask_routes

STATUS: Final = "http.response.status_code"
METHOD: Final = "http.request.method"
PATH: Final = "url.path"
DURATION: Final = "nginx.request_time"
REQUESTS: Final = "http.request.count"
"""Attribute of a run of failed requests: how many its route had meanwhile."""

SECOND_US: Final = 1_000_000
BUCKET_US: Final = 10 * SECOND_US
FAILED: Final = 500
STEP: Final = float(np.log(1.1))
"""Durations are counted in bins of ten percent."""
SHORTEST: Final = 1e-3
COUNTED: Final = -1
"""Bin of the rows that count requests, however long they took: their buckets are seconds, so that what is said of a
stretch of time can be counted again. The rows that count durations have buckets of ten."""

ROUTE, BUCKET, BIN, BAD, TOTAL = "route", "bucket", "bin", "bad", "total"
FIRST, LAST = ("first_at", "first_file", "first_line"), ("last_at", "last_file", "last_line")
KEYS: Final = (HOST, SERVICE, ROUTE, BUCKET, BIN, BAD)


def count_requests(events: pd.DataFrame) -> pd.DataFrame:
    """Count the requests among *events*.

    Returns one row for each host, service, route, second and outcome that occurs: `total` requests, `first_at`,
    `first_file`, `first_line` of the first, the same of the last. Times are microseconds. Where durations are known,
    further rows count them by bins in buckets of ten seconds.

    Args:
        events: an event frame; rows without a status or a time are not counted.
    """
    rows = events if STATUS in events else events.iloc[:0]
    if STATUS in events:
        rows = take(events, np.flatnonzero((events[STATUS].notna() & events[TIMESTAMP].notna()).to_numpy()))
    if not len(rows):
        return _no_traffic()
    times = micros(rows[TIMESTAMP])
    status = rows[STATUS].to_numpy(dtype="int64")
    routes, names = _name_routes(rows)
    cells = pd.DataFrame(
        {
            HOST: rows[HOST],
            SERVICE: rows[SERVICE],
            ROUTE: category_column(routes, names),
            BUCKET: times // SECOND_US,
            BIN: np.full(len(rows), COUNTED),
            BAD: (status >= FAILED).astype("int64"),
            TOTAL: np.ones(len(rows), "int64"),
        }
    )
    for at, file, line in (FIRST, LAST):
        cells[at], cells[file], cells[line] = times, rows[FILE], lines(rows)
    bins = _find_bins(rows)
    timed = cells[bins != COUNTED].assign(**{BIN: bins[bins != COUNTED], BUCKET: (times // BUCKET_US)[bins != COUNTED]})
    return add_traffic([cells, timed])


def add_traffic(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Add the counts of several parts of the evidence; the order of the parts does not matter.

    Args:
        parts: what `count_requests` gave for each.
    """
    cells = concat([part for part in parts if len(part)] or [_no_traffic()])
    if not len(cells):
        return cells
    keys = [
        ranks(cells[HOST]),
        ranks(cells[SERVICE]),
        ranks(cells[ROUTE]),
        *(cells[name].to_numpy() for name in KEYS[3:]),
    ]
    firsts = [cells[FIRST[2]].to_numpy(), ranks(cells[FIRST[1]]), cells[FIRST[0]].to_numpy()]
    lasts = [cells[LAST[2]].to_numpy(), ranks(cells[LAST[1]]), cells[LAST[0]].to_numpy()]
    same = group(*keys)
    by_first, by_last = np.lexsort([*firsts, same]), np.lexsort([*lasts, same])
    begins = np.flatnonzero(starts(same[by_first]))
    ends = np.append(begins[1:], len(same)) - 1
    made = take(cells, by_first[begins])
    made[TOTAL] = np.add.reduceat(cells[TOTAL].to_numpy()[by_first], begins)
    last = take(cells[[*LAST]], by_last[ends])
    for name in LAST:
        made[name] = last[name]
    order = np.lexsort([key[by_first[begins]] for key in reversed(keys)])
    return take(made, order)


def _no_traffic() -> pd.DataFrame:
    whole = [BUCKET, BIN, BAD, TOTAL, FIRST[0], FIRST[2], LAST[0], LAST[2]]
    names = [HOST, SERVICE, ROUTE, FIRST[1], LAST[1]]
    empty = {name: category_column(np.zeros(0, int), []) for name in names}
    return pd.DataFrame({**empty, **{name: np.zeros(0, "int64") for name in whole}})


def _name_routes(rows: pd.DataFrame) -> tuple[Ints, list[str]]:
    """Number the routes: method and path with what varies in it masked."""
    if PATH not in rows:
        return np.zeros(len(rows), "int64"), [""]
    raw = strings(rows[PATH]).combine_chunks().dictionary_encode()
    masked = [*mask_routes(pa.chunked_array([raw.dictionary])).to_pylist(), ""]
    paths = raw.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    methods = encode(rows[METHOD]) if METHOD in rows else np.full(len(rows), -1)
    pairs = group(methods, paths)
    first = np.unique(pairs, return_index=True)[1]
    spoken = rows[METHOD].take(first).astype("str").fillna("").tolist() if METHOD in rows else [""] * len(first)
    names = [f"{method} {masked[paths[row]]}".strip() for method, row in zip(spoken, first.tolist(), strict=True)]
    return pairs, names


def _find_bins(rows: pd.DataFrame) -> Ints:
    if DURATION not in rows:
        return np.full(len(rows), COUNTED)
    seconds = pd.to_numeric(rows[DURATION], errors="coerce").to_numpy(dtype="float64", na_value=np.nan)
    bins = np.floor(np.log(np.maximum(np.nan_to_num(seconds), SHORTEST) / SHORTEST) / STEP)
    return np.where(np.isnan(seconds), COUNTED, bins).astype("int64")


def seconds_of(place: int) -> float:
    """Return the duration at which a bin begins."""
    return SHORTEST * float(np.exp(place * STEP))
