"""Events counted in cells: what `timeline.collapse` needs to know of them, in memory that does not grow with them.

A cell is what look-alike events of ten seconds have in common: how many there are, when the first and the last were,
and the rows of those two where a run may begin or end. Cells of two parts of the evidence can be combined, in any
order, and give the same entries, byte for byte, as all of the events at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from timeline import schema
from timeline.arrays import NEVER, Ints, group, micros, take
from timeline.cell_keys import FAILED, FORM, LOOKS, REQUEST, look
from timeline.cell_limits import EXPONENT, LEVEL, LIMIT, first_share, is_alone, keep_within
from timeline.cell_runs import entries_of
from timeline.cell_table import BUCKET_US, NO_ROW, SECOND_US, Table, forget_rows, order_rows, rank_rows, stack
from timeline.schema import FILE, KIND, LINE, MESSAGE, REF, TIMESTAMP

__all__ = ["Cells", "combine", "entries_of", "reduce_events"]

NOISE: Final = "noise"
PLACED_BY: Final = (TIMESTAMP, FILE, LINE, MESSAGE, REF)
LOOKED_AT: Final = tuple(dict.fromkeys((*PLACED_BY, *LOOKS)))
"""Columns by which events are put in order, and those that decide what they have in common."""
ENOUGH: Final = 1 << 16
"""So many cells are worth being combined with those before them."""


@dataclass(frozen=True, eq=False)
class Cells:
    """Events, counted; made by `reduce_events` and `combine`.

    Attributes:
        keys: what the events of a cell have in common, one row a key.
        table: the cells.
        rows: the events that are kept whole.
        share: how many cells each family of keys may have (see `timeline.cell_limits`).
        limit: how many cells there may be.
    """

    keys: pd.DataFrame
    table: Table
    rows: pd.DataFrame
    share: int
    limit: int

    def __len__(self) -> int:
        return len(self.table)


def reduce_events(events: pd.DataFrame, *, limit: int = LIMIT) -> Cells:
    """Count the events of a frame in cells; those of kind `noise` are left out.

    Args:
        events: an event frame, or any part of one; the order of its rows does not matter.
        limit: how many cells there may be. Beyond it, buckets become wider, and texts that never repeat are cut.

    Raises:
        SchemaError: *events* lacks a column of the event frame.
    """
    schema.check(events)
    looked_at = events[[name for name in LOOKED_AT if name in events]]
    wanted = np.flatnonzero((events[KIND] != NOISE).to_numpy())
    looked_at = take(looked_at, wanted) if len(wanted) < len(events) else looked_at
    keys, numbers = look(looked_at)
    keys[LEVEL], keys[EXPONENT] = 0, 0
    table = _count(keys, numbers, micros(looked_at[TIMESTAMP]), order_rows(looked_at))
    table = table.with_(first=wanted[table.first], last=wanted[table.last])
    return _settle(keys, table, events, first_share(limit), limit)


def combine(parts: Iterable[Cells]) -> Cells:
    """Combine the cells of several parts of the evidence; the order of the parts does not matter.

    The parts are taken one after the other, so that an iterator of cells needs memory for a few of them only.

    Args:
        parts: what `reduce_events` or `combine` gave, all with one limit.
    """
    waiting: list[Cells] = []
    for part in parts:
        waiting.append(part)
        # The first is what was combined already: it is gone through again only when there is as much that is new.
        if sum(map(len, waiting[1:])) >= max(len(waiting[0]), ENOUGH):
            waiting = [_unite(waiting)]
    if not waiting:
        return reduce_events(schema.empty())
    return waiting[0] if len(waiting) == 1 else _unite(waiting)


def _unite(parts: list[Cells]) -> Cells:
    rows = schema.concat([part.rows for part in parts])
    keys = schema.concat([part.keys for part in parts])
    tables, seen, kept = [], 0, 0
    for part in parts:
        table = part.table
        first = np.where(table.first == NO_ROW, NO_ROW, table.first + kept)
        last = np.where(table.last == NO_ROW, NO_ROW, table.last + kept)
        tables.append(table.with_(key=table.key + seen, first=first, last=last))
        seen, kept = seen + len(part.keys), kept + len(part.rows)
    limit = min(part.limit for part in parts)
    return _settle(keys, stack(tables), rows, min(part.share for part in parts), limit)


def _settle(keys: pd.DataFrame, table: Table, rows: pd.DataFrame, share: int, limit: int) -> Cells:
    """Bring cells within the limit, and keep of *rows* only those at which a run may begin or end."""
    pointed = _find_needed(table, len(rows))
    ranks = np.full(len(rows), NO_ROW)
    ranks[pointed] = rank_rows(take(rows[[*PLACED_BY]], pointed))
    limited = keep_within(keys, table, ranks, share, limit)
    forms = limited.keys[FORM].to_numpy()
    endless = (forms > REQUEST) & (forms != FAILED)
    table = forget_rows(limited.table, is_alone(limited.keys), endless)
    kept = _find_needed(table, len(rows))
    places = np.full(len(rows) + 1, NO_ROW)
    places[kept] = np.arange(len(kept))
    table = table.with_(first=places[table.first], last=places[table.last])
    return Cells(limited.keys, table, take(rows, kept), limited.share, limit)


def _find_needed(table: Table, rows: int) -> Ints:
    """Return which of so many rows the cells point to."""
    marks = np.zeros(rows + 1, bool)
    marks[table.first] = marks[table.last] = True
    return np.flatnonzero(marks[:-1])  # NO_ROW is the one behind the last


def _count(keys: pd.DataFrame, numbers: Ints, times: Ints, order: Ints) -> Table:
    """Count events by key and bucket; *order* holds the rows in order of time."""
    width = np.where(keys[FORM].to_numpy() > REQUEST, SECOND_US, BUCKET_US)
    bucket = np.where(times == NEVER, 0, times // width[numbers])
    alone = is_alone(keys)[numbers]
    single, many = order[alone[order]], order[~alone[order]]
    codes = group(numbers[many], bucket[many])
    found = int(codes.max(initial=-1)) + 1
    first, last = np.empty(found, "int64"), np.empty(found, "int64")
    first[codes[::-1]] = many[::-1]
    last[codes] = many
    first, last = np.concatenate([first, single]), np.concatenate([last, single])
    count = np.concatenate([np.bincount(codes, minlength=found), np.ones(len(single), "int64")])
    return Table(numbers[first], bucket[first], count, times[first], times[last], first, last)
