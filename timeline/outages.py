"""Find when requests failed, became slow or stopped, out of their counts per bucket, and say it in numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import log
from typing import Final

import numpy as np
import pandas as pd

from timeline import scan
from timeline.arrays import Flags, Ints, encode, group, ranks
from timeline.schema import HOST, SERVICE
from timeline.traffic import BAD, BIN, BUCKET, BUCKET_US, COUNTED, FIRST, LAST, ROUTE, SECOND_US, TOTAL, seconds_of

PAUSE: Final = 6
"""Buckets without failures that end an outage, where requests did not fail."""
MANY: Final = 10
SHARE: Final = 0.05
"""An outage is certain from so many failures that are this part of the requests, in all or on one route."""
ALL_THE_TIME: Final = 0.2
"""Evidence that holds nothing but the outage has no other time to compare with; then this share is enough."""
MOST_ROUTES: Final = 40
SLOW_S: Final = 0.5
SLOW_TIMES: Final = 5
SLOW_SHARE: Final = 0.1
LONGEST_PAUSE: Final = 24 * 360
"""Buckets; a longer one is no outage but a stamp that is wrong, or logs of different days."""
STOPPED: Final = 20.0
"""A pause is no chance if so many requests would have been expected in it."""


@dataclass(frozen=True)
class Place:
    """Where something stands in the evidence: microseconds, file and line."""

    at: int
    file: str
    line: int


@dataclass(frozen=True)
class Shift:
    """A stretch of time in which a larger part of the requests was bad than otherwise.

    Attributes:
        first: the first bad request.
        last: the last one.
        bad: how many were bad between the buckets of the two.
        total: of how many.
        before: the share of bad ones outside of all such stretches; None if there is no outside.
        ratio: log-likelihood ratio of the scan, 0 where it could not be compared.
        hosts: hosts and services.
        routes: (route, bad, total), the most affected first.
        peak: the first bad request of the worst bucket, how many were bad in it, of how many.
        certain: whether so many were bad that there is no doubt.
    """

    first: Place
    last: Place
    bad: int
    total: int
    before: float | None
    ratio: float
    hosts: tuple[tuple[str, str], ...]
    routes: tuple[tuple[str, int, int], ...]
    peak: tuple[Place, int, int]
    certain: bool

    @property
    def share(self) -> float:
        """Return which part was bad."""
        return self.bad / self.total


@dataclass(frozen=True)
class Pause:
    """A time without requests where many would have come.

    Attributes:
        last: the last request before it.
        next: the first after it.
        rate: requests a second in the rest of the time.
        host: whose.
        service: whose.
    """

    last: Place
    next: Place
    rate: float
    host: str
    service: str

    @property
    def is_between_files(self) -> bool:
        """Whether it lies between two files: then a piece is missing rather than requests."""
        return self.last.file != self.next.file


@dataclass(frozen=True)
class _Hit:
    begin: int
    end: int
    ratio: float
    before: float | None
    stream: int


def find_outages(traffic: pd.DataFrame) -> list[Shift]:
    """Return the stretches in which requests failed more often than otherwise, in order of time.

    Args:
        traffic: what `timeline.traffic` counted.
    """
    counted = traffic[(traffic[BIN] == COUNTED).to_numpy()].reset_index(drop=True)
    shifts = _find_shifts(counted, (counted[BAD] == 1).to_numpy(), SECOND_US)
    return [_check_certainty(shift) for shift in shifts]


def find_slow(traffic: pd.DataFrame) -> tuple[list[Shift], float]:
    """Return the stretches in which more requests than otherwise were slow, and from how many seconds they are.

    Args:
        traffic: what `timeline.traffic` counted.
    """
    timed = traffic[(traffic[BIN] != COUNTED).to_numpy()].reset_index(drop=True)
    if not len(timed):
        return [], SLOW_S
    order = np.argsort(timed[BIN].to_numpy(), kind="stable")
    sums = np.cumsum(timed[TOTAL].to_numpy()[order])
    usual = [
        seconds_of(int(timed[BIN].to_numpy()[order][np.searchsorted(sums, part * sums[-1])])) for part in (0.5, 0.9)
    ]
    least = max(SLOW_S, min(SLOW_TIMES * usual[1], 2 * SLOW_TIMES * usual[0]))
    slow = seconds_of(1) / seconds_of(0) * least  # the whole bin lies above
    shifts = _find_shifts(timed, np.array([seconds_of(int(place)) >= least for place in timed[BIN]], bool), BUCKET_US)
    return [shift for shift in shifts if shift.bad >= MANY and shift.share >= SLOW_SHARE], min(slow, least)


def find_pauses(traffic: pd.DataFrame) -> Iterator[Pause]:
    """Yield the times in which a server that is always asked was not asked at all.

    Args:
        traffic: what `timeline.traffic` counted.
    """
    traffic = traffic[(traffic[BIN] == COUNTED).to_numpy()]
    streams = group(ranks(traffic[HOST]), ranks(traffic[SERVICE]))
    for stream in range(int(streams.max(initial=-1)) + 1):
        rows = traffic[streams == stream].assign(**{BUCKET: lambda part: part[BUCKET] * SECOND_US // BUCKET_US})
        rows = rows.iloc[np.argsort(rows[LAST[0]].to_numpy(), kind="stable")]
        buckets, counts = _sum_up(rows[BUCKET].to_numpy(), rows[TOTAL].to_numpy())
        if len(buckets) < PAUSE:
            continue
        rate = float(np.median(counts)) / BUCKET_US
        for place in np.flatnonzero((np.diff(buckets) > PAUSE) & (np.diff(buckets) <= LONGEST_PAUSE)).tolist():
            before = rows[(rows[BUCKET] == buckets[place]).to_numpy()].iloc[-1]
            later = rows[(rows[BUCKET] == buckets[place + 1]).to_numpy()]
            after = later.iloc[int(np.argmin(later[FIRST[0]].to_numpy()))]
            if rate * (int(after[FIRST[0]]) - int(before[LAST[0]])) >= STOPPED:
                names = ["" if pd.isna(before[name]) else str(before[name]) for name in (HOST, SERVICE)]
                yield Pause(_place(before, LAST), _place(after, FIRST), 1e6 * rate, *names)


def _find_shifts(traffic: pd.DataFrame, wanted: Flags, unit: int) -> list[Shift]:
    """Scan each server as a whole and each of its routes, and join what belongs together.

    Args:
        traffic: counts.
        wanted: which of them are bad.
        unit: microseconds of their buckets.
    """
    buckets = traffic[BUCKET].to_numpy() * unit // BUCKET_US
    bad = np.where(wanted, traffic[TOTAL].to_numpy(), 0)
    streams = group(ranks(traffic[HOST]), ranks(traffic[SERVICE]))
    routes = group(streams, encode(traffic[ROUTE]))
    sums = np.bincount(routes, bad) if len(routes) else np.zeros(0)
    busy = np.argsort(-sums, kind="stable")[:MOST_ROUTES]
    busy = busy[sums[busy] >= MANY]
    parts = [(streams == stream, scan.LEAST) for stream in range(int(streams.max(initial=-1)) + 1)]
    parts += [(routes == route, scan.LEAST + log(len(busy))) for route in busy.tolist()]
    hits = [
        replace(hit, stream=int(streams[np.argmax(part)]))
        for part, least in parts
        for hit in _scan(buckets[part], bad[part], traffic[TOTAL].to_numpy()[part], least)
    ]
    hits.sort(key=lambda hit: (hit.begin, hit.end))
    return [_describe(traffic, bad, streams, hits_of, unit) for hits_of in _join(hits)]


def _scan(buckets: Ints, bad: Ints, total: Ints, least: float) -> Iterator[_Hit]:
    places, bads = _sum_up(buckets, bad)
    _, totals = _sum_up(buckets, total)
    found = scan.find_elevated(bads, totals, least=least)
    spans = [
        (part, ratio)
        for span, ratio in found
        for part in scan.split_at_lulls(
            span, bads, totals, places, outside=scan.rate_outside(bads, totals, [span]), pause=PAUSE
        )
    ]
    if not found and bads.sum() >= max(MANY, ALL_THE_TIME * totals.sum()):
        span = scan.trim((0, len(bads) - 1), bads)
        spans = [(span, 0.0)] if span else []
    outside = scan.rate_outside(bads, totals, [span for span, _ in spans])
    rest = totals.sum() - sum(int(totals[first : last + 1].sum()) for (first, last), _ in spans)
    for (first, last), ratio in spans:
        yield _Hit(int(places[first]), int(places[last]), ratio, outside if rest else None, 0)


def _sum_up(keys: Ints, values: Ints) -> tuple[Ints, Ints]:
    """Return the distinct keys in order, and the sum of the values of each."""
    places, codes = np.unique(keys, return_inverse=True)
    return places, np.bincount(codes, values, len(places)).astype(np.int64)


def _join(hits: list[_Hit]) -> Iterator[list[_Hit]]:
    """Put hits together that overlap or follow each other within a minute."""
    together: list[_Hit] = []
    for hit in hits:
        if together and hit.begin > max(one.end for one in together) + PAUSE:
            yield together
            together = []
        together.append(hit)
    if together:
        yield together


def _describe(traffic: pd.DataFrame, bad: Ints, streams: Ints, hits: list[_Hit], unit: int) -> Shift:
    """Count again over the whole stretch that some hits cover, from its first to its last bad request."""
    begin, end = min(hit.begin for hit in hits), max(hit.end for hit in hits)
    times = traffic[BUCKET].to_numpy() * unit
    mine = np.isin(streams, [hit.stream for hit in hits])
    failing = traffic[mine & (bad > 0) & (times // BUCKET_US >= begin) & (times // BUCKET_US <= end)]
    order = np.lexsort((failing[FIRST[2]], ranks(failing[FIRST[1]]), failing[FIRST[0]]))
    back = np.lexsort((failing[LAST[2]], ranks(failing[LAST[1]]), failing[LAST[0]]))
    first, last = _place(failing.iloc[int(order[0])], FIRST), _place(failing.iloc[int(back[-1])], LAST)
    within = mine & (times >= first.at // unit * unit) & (times <= last.at)
    rows, bads, totals = traffic[within], bad[within], traffic[TOTAL].to_numpy()[within]
    codes = encode(rows[ROUTE])
    routes = [
        (
            str(rows[ROUTE].iloc[int(np.argmax(codes == code))]),
            int(bads[codes == code].sum()),
            int(totals[codes == code].sum()),
        )
        for code in np.unique(codes[bads > 0]).tolist()
    ]
    tens, sums = _sum_up(times[within] // BUCKET_US, bads)
    worst = int(np.argmax(sums))
    in_worst = failing.iloc[order][(failing[BUCKET].to_numpy()[order] * unit // BUCKET_US == tens[worst])]
    earlier = [hit.before for hit in hits if hit.before is not None]
    names = failing[[HOST, SERVICE]].drop_duplicates().astype("str").fillna("")
    return Shift(
        first=first,
        last=last,
        bad=int(bads.sum()),
        total=int(totals.sum()),
        before=earlier[0] if earlier else None,
        ratio=max(hit.ratio for hit in hits),
        hosts=tuple(sorted((str(host), str(service)) for host, service in names.itertuples(index=False))),
        routes=tuple(sorted(routes, key=lambda route: (-route[1], route[0]))),
        peak=(
            _place(in_worst.iloc[0], FIRST),
            int(sums[worst]),
            int(_sum_up(times[within] // BUCKET_US, totals)[1][worst]),
        ),
        certain=False,
    )


def _check_certainty(shift: Shift) -> Shift:
    shares = [shift.share, *(bad / total for _, bad, total in shift.routes if bad >= MANY)]
    # Failures of one moment have no begin and end that could be told.
    many = shift.bad >= MANY and max(shares) >= SHARE and shift.last.at > shift.first.at
    return replace(shift, certain=many)


def _place(row: pd.Series, names: tuple[str, str, str]) -> Place:
    at, file, line = names
    return Place(int(row[at]), str(row[file]), int(row[line]))
