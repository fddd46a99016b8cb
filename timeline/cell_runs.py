"""Make entries of cells: join what looks alike once all is known, and cut it into runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from timeline import schema
from timeline.arrays import NEVER, Flags, Ints, encode, group, starts, strings, take
from timeline.cell_keys import (
    FAILED,
    FAMILY,
    FORM,
    PLAIN,
    PROGRAM,
    REQUEST,
    TEXT,
    first_rows,
    number_keys,
    status_class,
)
from timeline.cell_limits import EXPONENT, LEVEL, REST, is_alone
from timeline.cell_requests import word_requests
from timeline.cell_table import BUCKET_US, PAUSE_US, Table, add_up, gaps_before, order_rows, rank_rows, widen
from timeline.schema import (
    COUNT,
    FILE,
    HOST,
    KIND,
    LAST_FILE,
    LAST_LINE,
    LAST_MESSAGE,
    LINE,
    MESSAGE,
    PEAK_AT,
    SERVICE,
    SOURCE,
    TEMPLATE,
    TIME_DTYPE,
    UNTIL,
)
from timeline.templates import merge_slots

if TYPE_CHECKING:
    from timeline.cells import Cells

GAPS: Final = 10
STEADY: Final = 8
"""A run ends after a pause of a minute, or of ten times its usual gap if that is longer and eight gaps show it."""
STATES: Final = (
    "unit-", "server-", "machine-", "boot", "deploy", "promotion", "crash-recovery", "process-crashed",
)  # fmt: skip
"""Beginnings of the kinds that change a state: a second start is another event, whatever the usual gap is."""
OTHERS: Final = "\u2026 other messages of {}"
"""Stands for messages of a service that have more different texts than can be counted."""


@dataclass(frozen=True)
class Groups:
    """Cells of what looks alike.

    Attributes:
        keys: one row a group: what its events have in common, and its template.
        table: the cells of the groups, in order of group and time.
        of_key: for each key of the cells, its group.
    """

    keys: pd.DataFrame
    table: Table
    of_key: Ints


@dataclass(frozen=True)
class Runs:
    """Runs of events: each from cell `begin` to cell `end` of a table."""

    table: Table
    begin: Ints
    end: Ints
    count: Ints
    peak: Ints

    @property
    def group(self) -> Ints:
        """Group of each run."""
        return self.table.key[self.begin]

    @property
    def first(self) -> Ints:
        """Row of the first event of each run."""
        return self.table.first[self.begin]

    @property
    def last(self) -> Ints:
        """Row of the last event of each run."""
        return self.table.last[self.end]

    @property
    def until(self) -> Ints:
        """Time of the last event of each run."""
        return self.table.end[self.end]


def entries_of(cells: Cells) -> pd.DataFrame:
    """Make entries of counted events: what `timeline.collapse` returns.

    Args:
        cells: what `reduce_events` or `combine` gave.
    """
    ranks = rank_rows(cells.rows)
    groups = _join(cells.keys, cells.table, ranks)
    runs = _find_runs(groups)
    several = runs.count > 1
    entries = take(cells.rows, runs.first)
    entries[COUNT] = pd.array(runs.count, dtype="Int64")
    entries[UNTIL] = _stamps(runs.until, several)
    entries[PEAK_AT] = _stamps(runs.peak, several)
    entries[TEMPLATE] = take(groups.keys[[TEMPLATE]], runs.group)[TEMPLATE]
    last = take(cells.rows[[FILE, LINE, MESSAGE]], runs.last)
    for name, column in zip((LAST_FILE, LAST_LINE, LAST_MESSAGE), last, strict=True):
        entries[name] = last[column].where(several)
    cut = (groups.keys[LEVEL] > 0) & (groups.keys[TEXT] == REST)
    entries = _name_others(entries, cut.to_numpy(dtype=bool)[runs.group] & several, has_places=cells.share > 0)
    entries = word_requests(entries, cells, groups, runs)
    return _settle(take(entries, order_rows(entries)))


def _join(keys: pd.DataFrame, table: Table, row_ranks: Ints) -> Groups:
    """Give the keys that look alike one group, and add up their cells."""
    looks = _find_looks(keys)
    of_key = group(number_keys(keys, FAMILY), encode(looks))
    shown = first_rows(of_key)
    # What programs write in a chat is told apart by its text, but has nothing in common with other texts.
    templates = looks.where((keys[FORM] != PROGRAM).to_numpy())
    joined = take(keys.assign(**{TEMPLATE: templates}), shown)
    wide = np.zeros(len(shown), "int64")
    np.maximum.at(wide, of_key, keys[EXPONENT].to_numpy())
    steps = wide[of_key] - keys[EXPONENT].to_numpy()
    bucket = widen(table.bucket, steps[table.key], wide[of_key[table.key]]) if steps.any() else table.bucket
    table = add_up(table.with_(key=of_key[table.key], bucket=bucket), is_alone(joined), row_ranks)
    return Groups(joined.assign(**{EXPONENT: wide}), table, of_key)


def _find_looks(keys: pd.DataFrame) -> pd.Series:
    """Return the template of each key, of requests as "5xx /checkout"; of programs in a chat their text."""
    forms = keys[FORM].to_numpy()
    texts = strings(keys[TEXT]).combine_chunks()
    plain = (forms == PLAIN) & (keys[TEXT] != REST).to_numpy(dtype=bool)
    coded = texts.filter(pa.array(plain)).dictionary_encode()
    merged = merge_slots(coded.dictionary.to_pylist())
    names = pa.array(list(merged.values()), pa.large_string()).take(coded.indices)
    every: list[str | None] = texts.to_pylist()
    for place, name in zip(np.flatnonzero(plain).tolist(), names.to_pylist(), strict=True):
        every[place] = name
    for place in np.flatnonzero(forms >= REQUEST).tolist():
        every[place] = f"{status_class(forms[place])}xx {every[place]}"
    return pd.Series(pd.array(every, dtype="str"))


def _find_runs(groups: Groups) -> Runs:
    """Cut the groups into runs. Pauses within one cell are not seen: they matter only where buckets became wide."""
    table, forms = groups.table, groups.keys[FORM].to_numpy()
    states = np.array([str(kind).startswith(STATES) for kind in groups.keys[KIND]], bool)
    endless = (forms >= REQUEST) & (forms != FAILED)
    gaps = gaps_before(table)
    usual = np.where(states, 0, GAPS * _usual_gaps(table, gaps, len(groups.keys)))
    first = starts(table.key) | (gaps > np.maximum(PAUSE_US, usual[table.key])) & ~endless[table.key]
    first |= is_alone(groups.keys)[table.key]
    begin = np.flatnonzero(first)
    end = np.append(begin[1:], len(table))[: len(begin)] - 1
    count = np.add.reduceat(table.count, begin) if len(begin) else table.count
    return Runs(table, begin, end, count, _find_peaks(table, np.cumsum(first)))


def _usual_gaps(table: Table, gaps: Ints, groups: int) -> Ints:
    """Return for each group the median of its gaps, the lower one of two; 0 where there are only a few.

    The events of one cell are taken to be spread evenly from its first to its last.
    """
    inside = (table.end - table.begin) // np.maximum(table.count - 1, 1)
    key = np.concatenate([table.key, table.key])
    gap = np.concatenate([gaps, inside])
    often = np.concatenate([(~starts(table.key)).astype("int64"), table.count - 1])
    order = np.lexsort((gap, key))
    key, gap, seen = key[order], gap[order], np.cumsum(often[order])
    sizes = np.bincount(table.key, weights=table.count, minlength=groups).astype("int64")
    before = np.cumsum(sizes - 1) - (sizes - 1)
    middle = np.searchsorted(seen, before + np.where(sizes > 1, 1 + (sizes - 2) // 2, 0))
    medians = np.minimum(gap[np.minimum(middle, len(gap) - 1)], NEVER // (2 * GAPS)) if len(gap) else sizes
    return np.where(sizes > STEADY, medians, 0)


def _find_peaks(table: Table, runs: Ints) -> Ints:
    """Return for each run the time of the first event of its fullest ten seconds, the earliest of equal ones."""
    begin = np.flatnonzero(starts(runs, table.begin // BUCKET_US))
    if not len(begin):
        return table.begin
    best = np.lexsort((begin, -np.add.reduceat(table.count, begin), runs[begin]))
    return table.begin[begin[best[starts(runs[begin][best])]]]


def _stamps(times: Ints, wanted: Flags) -> pd.Series:
    """Make times of microseconds, none where they are not *wanted* or not known."""
    known = np.where(wanted & (times != NEVER), times, np.iinfo("int64").min)
    return pd.Series(pd.DatetimeIndex(known.view("datetime64[us]"), tz="UTC")).astype(TIME_DTYPE)


def _name_others(entries: pd.DataFrame, stands_for_all: Flags, *, has_places: bool) -> pd.DataFrame:
    """Say of entries that stand for all sorts of messages that they do; the first one's text would mislead."""
    others = np.flatnonzero(stands_for_all)
    if not len(others):
        return entries
    if not has_places:
        entries = entries.assign(**{name: entries[name].where(~stands_for_all) for name in (HOST, SERVICE)})
    services = entries[SERVICE].astype("str").fillna(entries[SOURCE].astype("str"))
    messages = entries[MESSAGE].astype(object)
    messages.iloc[others] = [OTHERS.format(name) for name in services.iloc[others]]
    return entries.assign(**{MESSAGE: messages.astype("str")})


def _settle(entries: pd.DataFrame) -> pd.DataFrame:
    """Give columns and categories an order that does not depend on which part of the evidence came first."""
    known = [name for name in (*schema.DTYPES, *schema.STAGE_DTYPES) if name in entries]
    entries = entries[[*known, *sorted(set(entries.columns) - set(known))]]
    free = [
        name
        for name, column in entries.items()
        if isinstance(column.dtype, pd.CategoricalDtype)
        and not isinstance(schema.DTYPES.get(str(name)), pd.CategoricalDtype)
    ]
    return entries.assign(**{str(name): _sort_categories(entries[name]) for name in free})


def _sort_categories(column: pd.Series) -> pd.Series:
    used = column.cat.remove_unused_categories()
    return used.cat.set_categories(sorted(used.cat.categories.astype("str")))
