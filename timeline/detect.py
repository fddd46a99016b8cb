"""Find what no single line says: when requests failed, became slow or stopped, each as an entry of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from timeline import schema
from timeline.arrays import Flags, lines, take, time_order
from timeline.crashes import tell_crashes
from timeline.happenings import (
    DERIVED,
    ERRORS_RISE,
    OUTAGE_BEGIN,
    OUTAGE_END,
    OUTAGE_PEAK,
    SILENCE,
    SLOW_BEGIN,
    SLOW_END,
)
from timeline.heartbeats import Stop, find_stops
from timeline.lasts import make_last_entries
from timeline.markdown_text import flatten, shorten
from timeline.outages import MANY, Pause, Place, Shift, find_outages, find_pauses, find_slow
from timeline.phrases import say_clock, say_length, say_list, say_rate, say_share
from timeline.schema import COUNT, FILE, HOST, KIND, MESSAGE, SERVICE, SOURCE, TIMESTAMP
from timeline.traffic import count_requests
from timeline.wording import say

MAIN_SHARE: Final = 0.8
"""A route is told alone if it has this part of the failures."""
NAMED_ROUTES: Final = 2
PEAK_TIMES: Final = 1.5
PEAK_AWAY_US: Final = 60_000_000
"""A peak is told if it is so much higher than the mean and so far from the begin."""
LONGEST_QUOTE: Final = 60
ALIKE_US: Final = 30_000_000


@dataclass(frozen=True)
class Finding:
    """Something that was found: where it is shown, what it is, and in words."""

    place: Place
    kind: str
    message: str
    evidence: str
    host: str
    service: str


def detect(entries: pd.DataFrame, *, requests: pd.DataFrame | None = None) -> pd.DataFrame:
    """Add entries for what only many events together show: when requests failed, became slow or stopped.

    Each added entry has the source `derived`, points to file and line of the first (or last) of the requests that it
    speaks of, says them in one sentence, and counts 0. Kinds: `outage-begin`, `outage-peak`, `outage-end` where so many
    requests failed that there is no doubt; `errors-rise`; `slow-begin`, `slow-end`; `silence`. The column `evidence`
    holds the figures.

    Args:
        entries: an event frame, collapsed or not; the order of its rows does not matter.
        requests: what `timeline.traffic.count_requests` gave for the events, where *entries* no longer holds them.

    Raises:
        SchemaError: *entries* lacks a column of the event frame.
    """
    schema.check(entries)
    found = [*find_all(count_requests(entries) if requests is None else requests)]
    found += [_tell_stop(stop) for stop in find_stops(entries)]
    parts = [entries, *([_make_entries(found, entries)] if found else []), make_last_entries(entries)]
    both = schema.concat([part for part in parts if len(part)]) if len(entries) else entries
    order = time_order(both)
    return tell_crashes(both if order is None else take(both, order))


def find_all(traffic: pd.DataFrame) -> Iterator[Finding]:
    """Yield what was found in counted requests, in no order.

    Args:
        traffic: what `timeline.traffic` counted.
    """
    outages = find_outages(traffic)
    for outage in outages:
        yield from _tell_outage(outage)
    slow, least = find_slow(traffic)
    for shift in slow:
        yield from _tell_slow(shift, least, outages)
    for pause in find_pauses(traffic):
        if not pause.is_between_files:
            yield _tell_pause(pause)


def _tell_outage(outage: Shift) -> Iterator[Finding]:
    evidence = f"{outage.bad:,} of {outage.total:,} requests failed"
    if outage.ratio:
        evidence += f", likelihood ratio {outage.ratio:.0f}"
    host, service = _whose(outage)
    kind = OUTAGE_BEGIN if outage.certain else ERRORS_RISE
    yield Finding(outage.first, kind, _say_rise(outage, "5xx"), evidence, host, service)
    if not outage.certain:
        return
    at, bad, total = outage.peak
    away = min(at.at - outage.first.at, outage.last.at - at.at)
    if bad / total > PEAK_TIMES * outage.share and away > PEAK_AWAY_US:
        message = f"5xx reach {say_share(bad, total)} of requests ({bad:,} of {total:,} in 10 s)"
        yield Finding(at, OUTAGE_PEAK, message, evidence, host, service)
    length = say_length(outage.last.at - outage.first.at)
    yield Finding(
        outage.last, OUTAGE_END, f"last 5xx{_on_main(outage)}, {length} after the first", evidence, host, service
    )


def _say_rise(shift: Shift, what: str) -> str:
    """Return "5xx on POST /checkout rise from 0.2 % to 43 % (1,284 of 2,986 requests until 14:07:48)"."""
    until = say_clock(shift.last.at, day_of=shift.first.at)
    main = _main_route(shift)
    route, bad, total = main or ("", shift.bad, shift.total)
    before = "" if shift.before is None else f" from {say_rate(shift.before)}"
    figures = f"{bad:,} of {total:,} requests until {until}"
    subject = f"{what} on {route}" if route else what
    named = [_say_route(found) for found in shift.routes[:NAMED_ROUTES] if found[0]]
    if main:
        named = [_say_route(found) for found in shift.routes[1:NAMED_ROUTES] if found[1] >= MANY]
    more = f", {'also' if main else 'most'} on {say_list(named)}" if named else ""
    return f"{subject} rise{before} to {say_share(bad, total)} ({figures}){more}"


def _say_route(route: tuple[str, int, int]) -> str:
    name, bad, total = route
    return f"{name} ({say_share(bad, total)})"


def _main_route(shift: Shift) -> tuple[str, int, int] | None:
    """Return the route on which nearly all of it happened, if there is one with a name."""
    best = shift.routes[0]
    return best if best[0] and best[1] >= MAIN_SHARE * shift.bad else None


def _on_main(shift: Shift) -> str:
    main = _main_route(shift)
    return f" on {main[0]}" if main else ""


def _tell_slow(shift: Shift, least: float, outages: list[Shift]) -> Iterator[Finding]:
    """Tell that requests were slow, unless they failed at the same time."""
    host, service = _whose(shift)
    evidence = f"{shift.bad:,} of {shift.total:,} requests took {least:.2g} s or more"
    if not any(abs(outage.first.at - shift.first.at) <= ALIKE_US for outage in outages):
        said = _say_rise(shift, f"responses slower than {least:.2g} s")
        yield Finding(shift.first, SLOW_BEGIN, said, evidence, host, service)
    if not any(abs(outage.last.at - shift.last.at) <= ALIKE_US for outage in outages):
        length = say_length(shift.last.at - shift.first.at)
        said = f"last response slower than {least:.2g} s{_on_main(shift)}, {length} after the first"
        yield Finding(shift.last, SLOW_END, said, evidence, host, service)


def _tell_pause(pause: Pause) -> Finding:
    length = say_length(pause.next.at - pause.last.at)
    until = say_clock(pause.next.at, day_of=pause.last.at)
    said = f"no requests for {length}, until {until} (about {pause.rate:.2g} a second otherwise)"
    return Finding(pause.last, SILENCE, said, f"{pause.rate:.2g} a second expected", pause.host, pause.service)


def _tell_stop(stop: Stop) -> Finding:
    words = shorten(flatten(say(stop.message)), LONGEST_QUOTE)
    said = f"\u201c{words}\u201d for the last time: about every {say_length(stop.every)} until then, nothing for "
    evidence = f"every {say_length(stop.every)} before"
    return Finding(stop.last, SILENCE, said + say_length(stop.silent), evidence, stop.host, stop.service)


def _whose(shift: Shift) -> tuple[str, str]:
    """Return host and service if all of it happened on one, else what they have in common."""
    hosts, services = {host for host, _ in shift.hosts}, {service for _, service in shift.hosts}
    return (hosts.pop() if len(hosts) == 1 else "", services.pop() if len(services) == 1 else "requests")


def _make_entries(found: list[Finding], entries: pd.DataFrame) -> pd.DataFrame:
    """Make the entries; how a time was known is taken over from the file that they point to."""
    index = pd.RangeIndex(len(found))
    at = np.array([finding.place.at for finding in found], "int64")
    made = pd.DataFrame(
        {
            TIMESTAMP: pd.Series(pd.DatetimeIndex(at.view("datetime64[us]"), tz="UTC")).astype(schema.TIME_DTYPE),
            SOURCE: schema.full(DERIVED, "category", index),
            HOST: _categories([finding.host for finding in found]),
            SERVICE: _categories([finding.service for finding in found]),
            MESSAGE: pd.array([finding.message for finding in found], dtype="str"),
            KIND: _categories([finding.kind for finding in found]),
            FILE: _categories([finding.place.file for finding in found]),
            schema.LINE: pd.array([finding.place.line for finding in found], dtype="Int64"),
            schema.EVIDENCE: pd.array([finding.evidence for finding in found], dtype="str"),
        }
    )
    rows = [_find_shown(finding.place, entries) for finding in found]
    known = np.array([row >= 0 for row in rows])
    for name in (schema.TIME_BASIS, schema.TIME_NOTE):
        column = entries[name].take(np.maximum(rows, 0)).reset_index(drop=True)
        made[name] = column.where(known) if name == schema.TIME_BASIS else column.where(known, "")
    made = schema.conform(made)
    made[COUNT] = pd.array([0] * len(found), dtype="Int64")
    return made


def _find_shown(place: Place, entries: pd.DataFrame) -> int:
    """Return the row that shows the same line, else one of the same file, else -1."""
    same: Flags = (entries[FILE] == place.file).to_numpy(dtype=bool)
    rows = np.flatnonzero(same & (lines(entries) == place.line))
    rows = rows if len(rows) else np.flatnonzero(same)
    return int(rows[0]) if len(rows) else -1


def _categories(values: list[str]) -> pd.Categorical:
    names = [value for value in dict.fromkeys(values) if value]
    return schema.category_column(np.array([names.index(value) if value else -1 for value in values], int), names)
