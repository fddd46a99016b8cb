"""Counts per key and bucket of time as plain arrays: add those of one bucket, widen buckets, forget rows not needed.

A bucket is ten seconds wide, or 20, 40, …: the exponent of a key tells. Those of requests begin with one second, so
that a share of them is right to the second. Buckets that hold nothing do not exist: a stamp centuries off costs one
cell.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import pandas as pd

from timeline.arrays import NEVER, Flags, Ints, encode, lines, micros, ranks, starts, time_order
from timeline.schema import FILE, MESSAGE, REF, TIMESTAMP

SECOND_US: Final = 1_000_000
BUCKET_US: Final = 10 * SECOND_US
PAUSE_US: Final = 60 * SECOND_US
"""No run ends without a pause that is longer."""
WIDEST: Final = 45
"""Exponent of a bucket that holds all times there are."""
NO_ROW: Final = -1


@dataclass(frozen=True)
class Table:
    """What happened in each bucket; one place in all arrays a cell.

    Attributes:
        key: number of the key.
        bucket: number of the bucket, in the width of the key.
        count: number of events.
        begin: time of the first one in microseconds, `NEVER` where events have no time.
        end: time of the last one.
        first: row of the first event, or NO_ROW where it is not needed any more.
        last: row of the last event, likewise.
    """

    key: Ints
    bucket: Ints
    count: Ints
    begin: Ints
    end: Ints
    first: Ints
    last: Ints

    def __len__(self) -> int:
        return len(self.key)

    def with_(self, **arrays: Ints) -> Table:
        """Return the table with some of its arrays replaced."""
        return Table(**{**vars(self), **arrays})

    def take(self, places: Ints | Flags) -> Table:
        """Return these cells."""
        return Table(**{field.name: getattr(self, field.name)[places] for field in fields(self)})


def stack(tables: list[Table]) -> Table:
    """Put tables one behind the other; keys and rows must be numbered alike already."""
    return Table(**{field.name: np.concatenate([getattr(t, field.name) for t in tables]) for field in fields(Table)})


def add_up(table: Table, alone: Flags, row_ranks: Ints) -> Table:
    """Make one cell of those of one key and bucket, and sort by key, then time.

    Args:
        table: cells in any order.
        alone: for each key, whether each of its cells stays for itself.
        row_ranks: for each row, its place in the order of rows.
    """
    first, last = _rank(table.first, row_ranks), _rank(table.last, row_ranks)
    order = np.lexsort((first, table.begin, table.bucket, table.key))
    table = table.take(order)
    head = starts(table.key, table.bucket) | alone[table.key]
    if head.all():
        return table
    begins = np.flatnonzero(head)
    cells = np.cumsum(head) - 1
    by_end = np.lexsort((last[order], table.end, cells))
    return Table(
        key=table.key[begins],
        bucket=table.bucket[begins],
        count=np.add.reduceat(table.count, begins),
        begin=table.begin[begins],
        end=table.end[by_end][np.append(begins[1:], len(table)) - 1],
        first=table.first[begins],
        last=table.last[by_end][np.append(begins[1:], len(table)) - 1],
    )


def widen(bucket: Ints, steps: Ints, exponent: Ints) -> Ints:
    """Return the numbers of the buckets that are 2 ** *steps* times as wide and have *exponent* then."""
    return np.where(exponent >= WIDEST, 0, bucket >> np.minimum(steps, WIDEST))


def gaps_before(table: Table) -> Ints:
    """Return the pause before each cell of a sorted table since the last event of its key; `NEVER` before the first."""
    # Half of what fits: times centuries off must not overflow.
    gaps = np.full(len(table), NEVER)
    same = ~starts(table.key)[1:]
    pauses = np.minimum(table.begin[1:], NEVER // 2) - np.maximum(np.minimum(table.end[:-1], NEVER // 2), -(NEVER // 2))
    gaps[1:][same] = np.maximum(pauses, 0)[same]
    return gaps


def forget_rows(table: Table, alone: Flags, endless: Flags) -> Table:
    """Drop the rows at which no run can begin or end, however many events are added.

    Those have another event of their key within a minute before or after them; more events only make pauses shorter.

    Args:
        table: sorted cells.
        alone: for each key, whether each of its cells stays for itself.
        endless: for each key, whether all of its events are one run.
    """
    gaps = gaps_before(table)
    after = np.append(gaps[1:], NEVER)
    apart, lasting = alone[table.key], endless[table.key]
    begins = apart | (gaps == NEVER) | ((gaps > PAUSE_US) & ~lasting)
    ends = apart | (after == NEVER) | ((after > PAUSE_US) & ~lasting)
    return table.with_(first=np.where(begins, table.first, NO_ROW), last=np.where(ends, table.last, NO_ROW))


def order_rows(rows: pd.DataFrame) -> Ints:
    """Return the rows in order of time, file and line; of one line in order of reference and text."""
    order = time_order(rows)
    order = np.arange(len(rows)) if order is None else order
    head = starts(*(key[order] for key in (micros(rows[TIMESTAMP]), encode(rows[FILE]), lines(rows))))
    if head.all():
        return order
    tied = np.flatnonzero(~head | ~np.append(head[1:], True))
    twins = rows[[REF, MESSAGE]].take(order[tied])
    texts = [ranks(twins[name].astype("category")) for name in (MESSAGE, REF)]
    order[tied] = order[tied][np.lexsort((*texts, np.cumsum(head)[tied]))]
    return order


def rank_rows(rows: pd.DataFrame) -> Ints:
    """Return for each row its place in the order of `order_rows`."""
    places = np.empty(len(rows), "int64")
    places[order_rows(rows)] = np.arange(len(rows))
    return places


def _rank(rows: Ints, row_ranks: Ints) -> Ints:
    return np.append(row_ranks, NO_ROW)[rows]
