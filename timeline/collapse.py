"""Fold runs of look-alike events into one entry each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from timeline import schema
from timeline.arrays import NEVER, Flags, Ints, encode, group, micros, starts, strings, take, time_order
from timeline.schema import (
    COUNT,
    HOST,
    KIND,
    LAST_FILE,
    LAST_LINE,
    LAST_MESSAGE,
    MESSAGE,
    PEAK_AT,
    SERVICE,
    SEVERITY,
    SOURCE,
    TEMPLATE,
    TIME_DTYPE,
    TIMESTAMP,
    UNTIL,
)
from timeline.templates import find_templates, mask_routes

NOISE: Final = "noise"
HTTP_ERRORS: Final = "http-errors"
HTTP_ERRORS_END: Final = "http-errors-end"

STATUS: Final = "http.response.status_code"
METHOD: Final = "http.request.method"
PATH: Final = "url.path"
CHANNEL: Final = "slack.channel_id"
IS_BOT: Final = "slack.is_bot"
REQUESTS: Final = "http.request.count"
"""Attribute of an entry of failed requests: how many requests its route had from the first to the last of them."""

SECOND_US: Final = 1_000_000
SHORTEST_GAP_US: Final = 60 * SECOND_US
GAPS: Final = 10
STEADY: Final = 8
"""A run ends after a pause of a minute, or of ten times its usual gap if that is longer and eight gaps show it."""
STATES: Final = (
    "unit-", "server-", "machine-", "boot", "deploy", "promotion", "crash-recovery", "process-crashed",
)  # fmt: skip
"""Beginnings of the kinds that change a state: a second start is another event, whatever the usual gap is."""
BUCKET_US: Final = 10 * SECOND_US
"""The peak of a run is the densest stretch of this length; a run of failed requests that lasts longer has an end."""
FAILED: Final = 5
NAMED_STATUSES: Final = 3


def collapse(events: pd.DataFrame) -> pd.DataFrame:
    """Fold each run of look-alike events into its first one; messages of people are never folded.

    Two events look alike if they differ in numbers, addresses and the like only (see `timeline.templates`), and are
    equal in source, host, service, severity and kind; requests, if route and class of status are equal; messages of
    programs in a chat, if their texts are equal. A run ends after a pause of 60 s, or of ten times its median gap where
    nine events show one; changes of state always after 60 s, requests that did not fail never. Events of kind `noise`
    are left out.

    Adds `count` (events in the run), `until` (time of the last one, if there are more than one; where it stands and
    what it says are `last_file`, `last_line` and `last_message`), `peak_at` (first event of the densest ten seconds)
    and `template`. The first event's own text is shown, but for failed requests, whose
    message is composed: "502 on POST /checkout: 43 % of 2,986 requests". Their kind is `http-errors`, and a further
    entry `http-errors-end` with a count of 0 stands where the last of them does. The sum of `count` is the number of
    events that are not noise. The order of rows does not matter.

    Args:
        events: an event frame.

    Raises:
        SchemaError: *events* lacks a column of the event frame.
    """
    schema.check(events)
    rows = take(events, np.flatnonzero((events[KIND] != NOISE).to_numpy()))
    order = time_order(rows)
    rows = rows if order is None else take(rows, order)
    looks = _look(rows)
    runs = _find_runs(looks, micros(rows[TIMESTAMP]))
    entries = take(rows, runs.first)
    entries[COUNT] = pd.array(runs.count, dtype="Int64")
    entries[UNTIL] = _stamps(runs.times[runs.end], runs.count > 1)
    entries[PEAK_AT] = _stamps(runs.peak, runs.count > 1)
    entries[TEMPLATE] = _name_templates(looks, runs.first)
    last = rows[[schema.FILE, schema.LINE, MESSAGE]].take(runs.last).reset_index(drop=True)
    for name, column in zip((LAST_FILE, LAST_LINE, LAST_MESSAGE), last, strict=True):
        entries[name] = last[column].where(runs.count > 1)
    entries = _word_requests(entries, rows, runs, looks)
    order = time_order(entries)
    return entries if order is None else take(entries, order)


@dataclass(frozen=True)
class Looks:
    """How each event looks: which group it falls into."""

    groups: Ints
    templates: Ints
    names: list[str]
    """Texts of the templates, to which `templates` points; -1 is none."""
    status_class: Ints
    """Hundreds of the HTTP status, 0 for what is no request."""
    routes: Ints
    """Number of the route of a request on one host and service."""
    states: Flags
    """Whether it changes a state."""


@dataclass(frozen=True)
class Runs:
    """Runs of events of one group: positions into `order`, which holds row numbers by group and time."""

    order: Ints
    times: Ints
    begin: Ints
    end: Ints
    peak: Ints

    @property
    def first(self) -> Ints:
        """Row of the first event of each run."""
        return self.order[self.begin]

    @property
    def last(self) -> Ints:
        """Row of the last event of each run."""
        return self.order[self.end]

    @property
    def count(self) -> Ints:
        """Number of events of each run."""
        return self.end - self.begin + 1


def _look(rows: pd.DataFrame) -> Looks:
    status = rows[STATUS].to_numpy(dtype="int64", na_value=0) // 100 if STATUS in rows else np.zeros(len(rows), "int64")
    chat, bot = _find_chat(rows)
    place = group(encode(rows[SOURCE]), encode(rows[HOST]), encode(rows[SERVICE]))
    texts, names = _find_texts(rows, (status == 0) & ~chat)
    texts[chat] = np.flatnonzero(chat)
    texts[bot] = encode(rows[MESSAGE].take(np.flatnonzero(bot)))
    routes, route_names = _find_routes(rows, status)
    form = np.where(status > 0, status + 3, np.where(bot, 2, np.where(chat, 1, 0)))
    severity = np.where(status > 0, -1, encode(rows[SEVERITY]))
    groups = group(place, form, texts, routes, severity, encode(rows[KIND]))
    names = [*names, *route_names]
    templates = np.where(status > 0, routes + len(names) - len(route_names), np.where(chat, -1, texts))
    states = [str(kind).startswith(STATES) for kind in rows[KIND].cat.categories]
    changes = np.array([*states, False])[rows[KIND].cat.codes.to_numpy()]
    return Looks(groups, templates, names, status, group(place, routes), changes)


def _find_chat(rows: pd.DataFrame) -> tuple[Flags, Flags]:
    """Mark the messages of a chat, and those of them that programs wrote."""
    chat = rows[CHANNEL].notna().to_numpy() if CHANNEL in rows else np.zeros(len(rows), bool)
    bot = rows[IS_BOT].fillna(False).to_numpy(dtype=bool) if IS_BOT in rows else np.zeros(len(rows), bool)
    return chat, chat & bot


def _find_texts(rows: pd.DataFrame, plain: Flags) -> tuple[Ints, list[str]]:
    """Number the templates of the *plain* rows; the others get -1."""
    texts = np.full(len(rows), -1)
    texts[plain], names = find_templates(strings(rows[MESSAGE].take(np.flatnonzero(plain))))
    return texts, names


def _find_routes(rows: pd.DataFrame, status: Ints) -> tuple[Ints, list[str]]:
    """Number the routes of the requests; the others get -1. An event without a path is on the route ""."""
    asked = np.flatnonzero(status > 0)
    routes = np.full(len(rows), -1)
    if not len(asked) or PATH not in rows:
        routes[asked] = 0
        return routes, [""] * bool(len(asked))
    raw = strings(rows[PATH].take(asked)).combine_chunks().dictionary_encode()
    masked = mask_routes(pa.chunked_array([raw.dictionary])).to_pylist()
    names = sorted({"", *masked})
    numbers = {name: number for number, name in enumerate(names)}
    places = np.array([*(numbers[name] for name in masked), numbers[""]], "int64")
    routes[asked] = places[raw.indices.fill_null(-1).to_numpy(zero_copy_only=False)]
    return routes, names


def _find_runs(looks: Looks, times: Ints) -> Runs:
    """Cut the groups into runs; *times* must be in order."""
    order = np.argsort(looks.groups, kind="stable")
    groups, ordered = looks.groups[order], times[order]
    first = starts(groups)
    gaps = np.where(first, 0, np.diff(ordered, prepend=ordered[:1]))
    usual = np.where(looks.states[order], 0, GAPS * _median_gaps(groups, gaps))
    whole = (looks.status_class[order] > 0) & (looks.status_class[order] != FAILED)
    first |= (gaps > np.maximum(SHORTEST_GAP_US, usual)) & ~whole
    begin = np.flatnonzero(first)
    end = np.append(begin[1:], len(order)) - 1
    return Runs(order, ordered, begin, end[: len(begin)], _find_peaks(np.cumsum(first), ordered))


def _median_gaps(groups: Ints, gaps: Ints) -> Ints:
    """Return for each row the median of the gaps of its group, the lower one of two; 0 where there are only a few."""
    first = np.flatnonzero(starts(groups))
    sizes = np.diff(np.append(first, len(groups)))
    ranked = gaps[np.lexsort((gaps, groups))] if len(first) < len(groups) else gaps
    # The gap of the first row is 0 and sorts first, so the k-th of the n - 1 real gaps is at place k.
    middle = first + np.where(sizes > 1, 1 + (sizes - 2) // 2, 0)
    medians = np.minimum(ranked[middle] if len(first) else gaps, NEVER // (2 * GAPS))
    return np.repeat(np.where(sizes > STEADY, medians, 0), sizes)


def _find_peaks(runs: Ints, times: Ints) -> Ints:
    """Return for each run the time of the first event of its densest bucket, the earliest of equal ones."""
    cells = np.flatnonzero(starts(runs, times // BUCKET_US))
    sizes = np.diff(np.append(cells, len(runs)))
    best = np.lexsort((cells, -sizes, runs[cells]))
    best = best[starts(runs[cells][best])]
    return times[cells[best]]


def _name_templates(looks: Looks, rows: Ints) -> pd.api.extensions.ExtensionArray:
    """Return the templates of *rows*, those of requests as "5xx /checkout"; missing where there is none."""
    codes = looks.templates[rows]
    texts = pa.array(looks.names, pa.large_string()).take(pa.array(codes, mask=codes < 0))
    classes = pa.array(["", *(f"{hundreds}xx " for hundreds in range(1, 10))], pa.large_string())
    return schema.string_column(
        pc.binary_join_element_wise(
            classes.take(pa.array(looks.status_class[rows])), texts, pa.scalar("", pa.large_string())
        )
    )


def _stamps(times: Ints, wanted: Flags) -> pd.Series:
    """Make times of microseconds, none where they are not *wanted* or not known."""
    known = np.where(wanted & (times != NEVER), times, np.iinfo("int64").min)
    return pd.Series(pd.DatetimeIndex(known.view("datetime64[us]"), tz="UTC")).astype(TIME_DTYPE)


def _word_requests(entries: pd.DataFrame, rows: pd.DataFrame, runs: Runs, looks: Looks) -> pd.DataFrame:
    """Compose the messages of the runs of requests, and add the ends of those that failed."""
    status = looks.status_class[runs.first]
    several = np.flatnonzero((status > 0) & (status != FAILED) & (runs.count > 1))
    failed = np.flatnonzero(status == FAILED)
    if not len(several) and not len(failed):
        return entries
    totals = _Totals(looks.routes, micros(rows[TIMESTAMP]))
    messages = dict(zip(several.tolist(), entries[TEMPLATE].take(several).str.replace(" ", " on ", n=1), strict=True))
    requests: dict[int, int] = {}
    ends = []
    for run in failed.tolist():
        members = runs.order[runs.begin[run] : runs.end[run] + 1]
        what = _name_failures(rows.take(members), entries[TEMPLATE].iloc[run])
        requests[run] = totals.between(members[0], members[-1])
        messages[run] = what + _describe_share(len(members), requests[run])
        if runs.times[runs.end[run]] > runs.times[runs.begin[run]]:
            ends.append((int(members[-1]), f"last {what}", run))
    entries = _write(entries, messages, requests)
    return schema.concat([entries, _make_ends(rows, ends, entries)]) if ends else entries


def _name_failures(members: pd.DataFrame, template: str) -> str:
    """Return what failed, such as "502 on POST /checkout" or "5xx on /checkout" if there is more than one kind."""
    route = template.partition(" ")[2] or "requests"
    statuses = sorted(members[STATUS].unique().tolist())
    methods = members[METHOD].dropna().unique().tolist() if METHOD in members else []
    status = " and ".join(str(code) for code in statuses) if len(statuses) < NAMED_STATUSES else f"{FAILED}xx"
    return f"{status} on {methods[0]} {route}" if len(methods) == 1 else f"{status} on {route}"


def _describe_share(failures: int, requests: int) -> str:
    """Return how large a part of the requests failed; nothing for a single failure."""
    if failures < 2:  # noqa: PLR2004 - one failure is no rate
        return ""
    share = 100 * failures / requests
    return f": {share:.0f} % of {requests:,} requests" if share >= 1 else f": {share:.1f} % of {requests:,} requests"


class _Totals:
    """How many requests a route had in all, while some of them failed."""

    def __init__(self, routes: Ints, times: Ints) -> None:
        order = np.argsort(routes, kind="stable")
        self.routes, self.row_times, self.times = routes, times, times[order]
        self.edges = np.searchsorted(routes[order], np.arange(routes.max() + 2))

    def between(self, first: int, last: int) -> int:
        """Return the number of requests on the route of these two rows, from the first to the last."""
        route = self.routes[first]
        mine = self.times[self.edges[route] : self.edges[route + 1]]
        begin, end = self.row_times[first], self.row_times[last]
        return int(np.searchsorted(mine, end, "right") - np.searchsorted(mine, begin, "left"))


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


def _make_ends(rows: pd.DataFrame, ends: list[tuple[int, str, int]], entries: pd.DataFrame) -> pd.DataFrame:
    """Make the entries that say when requests failed for the last time."""
    last, messages, runs = (list(part) for part in zip(*ends, strict=True))
    made = take(rows, last)
    made[MESSAGE] = pd.array(messages, dtype="str")
    made[KIND] = schema.full(HTTP_ERRORS_END, "category", made.index)
    made[COUNT] = pd.array([0] * len(ends), dtype="Int64")
    made[UNTIL] = schema.missing(TIME_DTYPE, made.index)
    made[PEAK_AT] = schema.missing(TIME_DTYPE, made.index)
    made[TEMPLATE] = entries[TEMPLATE].take(runs).array
    return made
