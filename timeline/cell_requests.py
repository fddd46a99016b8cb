"""Word the entries of requests: what failed, how often of how many, and where the last failure stands."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from timeline import schema
from timeline.arrays import Ints, encode, group, strings, take
from timeline.cell_keys import CODE, FAILED, FORM, PLACE, REQUEST, TEXT, UNDATED, VERB
from timeline.cell_limits import EXPONENT
from timeline.cell_table import SECOND_US, Table, widen
from timeline.schema import COUNT, KIND, MESSAGE, PEAK_AT, TEMPLATE, TIME_DTYPE, UNTIL

if TYPE_CHECKING:
    from timeline.cell_runs import Groups, Runs
    from timeline.cells import Cells

HTTP_ERRORS: Final = "http-errors"
HTTP_ERRORS_END: Final = "http-errors-end"
REQUESTS: Final = "http.request.count"
"""Attribute of an entry of failed requests: how many requests its route had from the first to the last of them."""
NAMED_STATUSES: Final = 3


def word_requests(entries: pd.DataFrame, cells: Cells, groups: Groups, runs: Runs) -> pd.DataFrame:
    """Compose the messages of the runs of requests, and add the ends of those that failed.

    Args:
        entries: one row a run.
        cells: what the runs were made of.
        groups: what looks alike.
        runs: the runs.
    """
    forms = groups.keys[FORM].to_numpy()[runs.group]
    several = np.flatnonzero((forms > REQUEST) & (forms != FAILED) & (runs.count > 1))
    failed = np.flatnonzero(forms == FAILED)
    if not len(several) and not len(failed):
        return entries
    messages = dict(zip(several.tolist(), entries[TEMPLATE].take(several).str.replace(" ", " on ", n=1), strict=True))
    names = _name_failures(cells, groups, runs, failed)
    requests = dict(zip(failed.tolist(), _count_requests(cells, groups, runs, failed).tolist(), strict=True))
    for run, what in names.items():
        messages[run] = what + _describe_share(int(runs.count[run]), requests[run])
    lasting = [run for run in failed.tolist() if runs.until[run] > runs.table.begin[runs.begin[run]]]
    templates = entries[TEMPLATE]
    entries = _write(entries, messages, requests)
    if not lasting:
        return entries
    ends = take(cells.rows, runs.last[lasting])
    ends[TEMPLATE] = templates.take(lasting).array
    return schema.concat([entries, _make_ends(ends, [f"last {names[run]}" for run in lasting])])


def _name_failures(cells: Cells, groups: Groups, runs: Runs, failed: Ints) -> dict[int, str]:
    """Return what failed, such as "502 on POST /checkout" or "5xx on /checkout" if there is more than one kind."""
    table, keys = cells.table, cells.keys
    mine = np.flatnonzero((keys[FORM] == FAILED).to_numpy()[table.key])
    run_of = _find_run(groups.of_key[table.key[mine]], table.begin[mine], runs)
    pairs = np.unique(np.stack([run_of, table.key[mine]]), axis=1)
    codes, verbs = keys[CODE].tolist(), keys[VERB].astype(object).where(keys[VERB].notna(), None).tolist()
    statuses, methods = defaultdict(set), defaultdict(set)
    for run, key in pairs.T.tolist():
        statuses[run].add(codes[key])
        methods[run].add(verbs[key])
    routes = groups.keys[TEXT].tolist()
    names = {}
    for run in failed.tolist():
        route = routes[runs.group[run]] or "requests"
        told = sorted(statuses[run])
        known = sorted(methods[run] - {None})
        several = len(told) >= NAMED_STATUSES or 0 in told
        status = "5xx" if several else " and ".join(str(code) for code in told)
        names[run] = f"{status} on {known[0]} {route}" if len(known) == 1 else f"{status} on {route}"
    return names


def _find_run(group_of: Ints, begin: Ints, runs: Runs) -> Ints:
    """Return the run in which an event of a group at a time lies; runs are in order of group and time."""
    order = np.lexsort((begin, group_of))
    heads = runs.table.begin[runs.begin]
    both = np.concatenate([runs.group, group_of[order]])
    times = np.concatenate([heads, begin[order]])
    is_event = np.concatenate([np.zeros(len(heads), "int64"), np.ones(len(order), "int64")])
    merged = np.lexsort((is_event, times, both))
    place = np.cumsum(is_event[merged] == 0) - 1
    found = np.empty(len(begin), "int64")
    found[order[merged[is_event[merged] == 1] - len(heads)]] = place[is_event[merged] == 1]
    return found


def _count_requests(cells: Cells, groups: Groups, runs: Runs, failed: Ints) -> Ints:
    """Return how many requests the route of each failed run had in the buckets from its first to its last failure."""
    keys, table = cells.keys, cells.table
    route = group(*(encode(keys[name]) for name in PLACE), encode(keys[TEXT]), keys[UNDATED].to_numpy())
    asked = (keys[FORM] > REQUEST).to_numpy()
    wide = np.zeros(int(route.max(initial=-1)) + 1, "int64")
    np.maximum.at(wide, route[asked], keys[EXPONENT].to_numpy()[asked])
    routes, buckets, before = _sum_up(table.take(asked[table.key]), keys, route, wide)
    a_key = np.zeros(len(groups.keys), "int64")
    a_key[groups.of_key] = np.arange(len(keys))
    mine = route[a_key[runs.group[failed]]]
    found = np.empty(len(failed), "int64")
    begins, ends = runs.table.begin[runs.begin[failed]] // SECOND_US, runs.until[failed] // SECOND_US
    undated = groups.keys[UNDATED].to_numpy()[runs.group[failed]] > 0
    edges = np.searchsorted(routes, np.arange(len(wide) + 1))
    for place, number in enumerate(mine.tolist()):
        span = slice(edges[number], edges[number + 1])
        exponent = wide[[number]]
        begin, end = (widen(edge[[place]] * ~undated[place], exponent, exponent)[0] for edge in (begins, ends))
        low, high = np.searchsorted(buckets[span], [begin, end + 1])
        found[place] = before[span.start + high] - before[span.start + low]
    return found


def _sum_up(table: Table, keys: pd.DataFrame, route: Ints, wide: Ints) -> tuple[Ints, Ints, Ints]:
    """Return the routes and buckets of cells, in order, and how many events are before each, and in all."""
    routes = route[table.key]
    steps = wide[routes] - keys[EXPONENT].to_numpy()[table.key]
    buckets = widen(table.bucket, steps, wide[routes])
    order = np.lexsort((buckets, routes))
    return routes[order], buckets[order], np.append(0, np.cumsum(table.count[order]))


def _describe_share(failures: int, requests: int) -> str:
    """Return how large a part of the requests failed; nothing for a single failure."""
    if failures < 2:  # noqa: PLR2004 - one failure is no rate
        return ""
    share = 100 * failures / requests
    return f": {share:.0f} % of {requests:,} requests" if share >= 1 else f": {share:.1f} % of {requests:,} requests"


def _write(entries: pd.DataFrame, messages: dict[int, str], requests: dict[int, int]) -> pd.DataFrame:
    """Put the composed *messages* into *entries*, and kind and number of *requests* into those that failed."""
    chosen = np.full(len(entries), -1)
    chosen[list(messages)] = np.arange(len(messages))
    composed = pa.array(list(messages.values()), pa.large_string()).take(pa.array(chosen, mask=chosen < 0))
    entries[MESSAGE] = schema.string_column(pc.coalesce(composed, strings(entries[MESSAGE]).combine_chunks()))
    failed = list(requests)
    kinds = entries[KIND].astype("str")
    kinds.iloc[failed] = HTTP_ERRORS
    totals = np.zeros(len(entries), "int64")
    totals[failed] = list(requests.values())
    entries[REQUESTS] = pd.arrays.IntegerArray(totals, totals == 0)
    entries[KIND] = kinds.astype("category")
    return entries


def _make_ends(ends: pd.DataFrame, messages: list[str]) -> pd.DataFrame:
    """Make the entries that say when requests failed for the last time, out of the last failures."""
    ends[MESSAGE] = pd.array(messages, dtype="str")
    ends[KIND] = schema.full(HTTP_ERRORS_END, "category", ends.index)
    ends[COUNT] = pd.array([0] * len(ends), dtype="Int64")
    for name in (UNTIL, PEAK_AT):
        ends[name] = schema.missing(TIME_DTYPE, ends.index)
    return ends
