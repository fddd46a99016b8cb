"""The entries of a window seen together: who speaks, when requests failed, which channel the incident was in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.compute as pc

from timeline import signals
from timeline.arrays import NEVER, Flags, Ints, encode, group, micros, strings
from timeline.happenings import (
    DEPLOY,
    ERRORS_RISE,
    FIRING,
    HTTP_ERRORS,
    HTTP_ERRORS_END,
    OUTAGE_BEGIN,
    OUTAGE_END,
    RESOLVED,
)
from timeline.schema import COUNT, HOST, KIND, MESSAGE, SERVICE, SOURCE, TEMPLATE, TIMESTAMP, UNTIL
from timeline.traffic import REQUESTS, STATUS

MINUTE_US: Final = 60_000_000
AROUND_US: Final = 10 * MINUTE_US
"""What happens this long before and after an outage may belong to it."""

Scores = npt.NDArray[np.float64]
Names = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Outage:
    """A stretch of time in which requests failed, in microseconds.

    Attributes:
        begin: the first failure.
        end: the last one.
        first: row of the entry that says the former.
        last: row of the entry that says the latter, None if there is none of its own.
        certain: whether so many failed that there is no doubt.
        seen: whether clients saw it, as far as there is evidence of requests.
    """

    begin: int
    end: int
    first: int
    last: int | None
    certain: bool
    seen: bool = True

    def surrounds(self, times: Ints, before: int = AROUND_US, after: int = AROUND_US) -> Flags:
        """Mark the times from *before* its begin to *after* its end."""
        return (times >= self.begin - before) & (times <= self.end + after)


class Scene:
    """The candidates for a line, and what is known about them together.

    Args:
        rows: entries with a time, in order of time, file and line.
    """

    def __init__(self, rows: pd.DataFrame) -> None:
        self.rows = rows
        self.times = micros(rows[TIMESTAMP])
        self.kinds: Names = rows[KIND].astype("str").fillna("").to_numpy(dtype=object)
        self.counts = rows[COUNT].to_numpy(dtype="int64", na_value=1) if COUNT in rows else np.ones(len(rows), "int64")
        ends = micros(rows[UNTIL]) if UNTIL in rows else self.times
        self.ends = np.where(ends == NEVER, self.times, ends)
        self.services = encode(rows[SERVICE])
        self.looks = self._number_looks()
        # Not by channel id: chat that was pasted, or exported without a list of channels, has none.
        self.chat = (rows[SOURCE] == "slack").to_numpy(dtype=bool)
        bots = self.flags("slack.is_bot")
        self.people = self.chat & ~bots
        self.sayings, self.said = self._hear(signals.STRONG_WORDS, self.people)
        self.noticed, self.notes = self._hear(signals.PROGRAM_WORDS, ~self.chat)
        self.outages = find_outages(self)
        self.in_incident_channel = self._find_channels()

    def _flags(self) -> Flags:
        return np.zeros(len(self.rows), bool)

    def _number_looks(self) -> Ints:
        """Number the templates; what has none looks like nothing else."""
        rows = np.arange(len(self.rows))
        if TEMPLATE not in self.rows:
            return rows
        codes = encode(self.rows[TEMPLATE])
        return np.where(codes < 0, rows, len(rows) + codes)

    def flags(self, name: str) -> Flags:
        """Return a column of yes and no, no where it is missing."""
        if name not in self.rows:
            return self._flags()
        return self.rows[name].fillna(False).to_numpy(dtype=bool)

    def matches(self, pattern: str) -> Flags:
        """Mark the messages that contain *pattern*."""
        found = pc.match_substring_regex(strings(self.rows[MESSAGE]), pattern).combine_chunks()
        return found.fill_null(False).to_numpy(zero_copy_only=False)

    def _hear(self, words: tuple[tuple[str, str, int], ...], who: Flags) -> tuple[Scores, Names]:
        """Return weight and name of the heaviest of *words* in each message of *who*."""
        weights, names = np.zeros(len(self.rows)), np.full(len(self.rows), "", dtype=object)
        for name, pattern, weight in words:
            better = who & (weights < weight) & self.matches(pattern)
            weights[better], names[better] = weight, name
        return weights, names

    def _find_channels(self) -> Flags:
        """Mark the messages in the channels of the incident, while it lasted.

        Those are the channels in which it was declared, decided on or closed, or that are named like one.
        """
        near = self.chat & self.near_outage()
        talk = np.isin(self.said, ("incident declared", "decision", "cause found", "all clear"))
        channels = np.unique(self.services[talk & near])
        names = self.rows[SERVICE].cat.categories
        by_name = [place for place, name in enumerate(names) if re.search(signals.INCIDENT_CHANNEL, str(name))]
        return near & np.isin(self.services, [*channels.tolist(), *by_name])

    def spans(self) -> list[tuple[int, int]]:
        """Return begin and end of the incident: of outages; else from the first alert or declaration to the last word.

        Empty if there was none.
        """
        spans = [(outage.begin, outage.end) for outage in self.outages if outage.certain]
        if spans:
            return spans
        words = np.isin(self.kinds, (FIRING, RESOLVED)) | np.isin(self.said, ("incident declared", "all clear"))
        first = np.isin(self.kinds, (FIRING,)) | (self.said == "incident declared")
        if not first.any():
            return []
        begin = int(self.times[first].min())
        return [(begin, int(self.times[words & (self.times >= begin)].max()))]

    def near_outage(self) -> Flags:
        """Mark what happened during or around the incident."""
        near = self._flags()
        for begin, end in self.spans():
            near |= (self.times >= begin - AROUND_US) & (self.times <= end + AROUND_US)
        return near

    def within_reach(self) -> Flags:
        """Mark what overlaps the incident or lies as long before or after it as it lasted; a minute to ten."""
        near = self._flags()
        for begin, end in self.spans():
            reach = min(max(end - begin, MINUTE_US), AROUND_US)
            near |= (self.ends >= begin - reach) & (self.times <= end + reach)
        return near

    def window(self) -> tuple[int, int]:
        """Return from when to when there is evidence; a few stamps far from all others do not count."""
        if not len(self.times):
            return 0, 0
        ends = np.sort(self.ends)
        edge = len(ends) // 1000
        return int(self.times[edge]), int(ends[len(ends) - 1 - edge])

    def anchors(self) -> Ints:
        """Return the instants that matter: begin and end of outages, alerts, deploys."""
        edges = [edge for outage in self.outages if outage.certain for edge in (outage.begin, outage.end)]
        return np.unique(
            np.append(np.array(edges, "int64"), self.times[np.isin(self.kinds, (FIRING, RESOLVED, DEPLOY))])
        )


def find_outages(scene: Scene) -> list[Outage]:
    """Return the outages that `detect` found; without them, those that the runs of failed requests make."""
    begins, ends = (np.flatnonzero(scene.kinds == kind) for kind in (OUTAGE_BEGIN, OUTAGE_END))
    if len(begins) and len(begins) == len(ends):
        times = scene.times
        return [Outage(int(times[begin]), int(times[end]), int(begin), int(end), certain=True)
                for begin, end in zip(begins, ends, strict=True)]  # fmt: skip
    runs = _join_runs(scene)
    return runs if any(run.certain for run in runs) else [*runs, *find_breakdowns(scene)]


def _join_runs(scene: Scene) -> list[Outage]:
    """Join the runs of failed requests that touch or follow each other within a minute."""
    failed = np.flatnonzero(scene.kinds == HTTP_ERRORS)
    if not len(failed):
        return []
    reach = np.maximum.accumulate(scene.ends[failed])
    cuts = np.flatnonzero(scene.times[failed][1:] > reach[:-1] + signals.OUTAGE_PAUSE_US) + 1
    return [_make_outage(scene, members) for members in np.split(failed, cuts)]


def _make_outage(scene: Scene, members: Ints) -> Outage:
    begin, end = int(scene.times[members[0]]), int(scene.ends[members].max())
    ends = np.flatnonzero((scene.kinds == HTTP_ERRORS_END) & (scene.times == end))
    if not len(ends):  # the last failure was one of its own
        ends = members[(scene.times[members] == end) & (members != members[0])]
    failures = int(scene.counts[members].sum())
    requests = scene.rows[REQUESTS].take(members).sum() if REQUESTS in scene.rows else 0
    many = failures >= signals.OUTAGE_COUNT and failures >= signals.OUTAGE_SHARE * max(requests, 1)
    # Failures of one moment have no begin and end that could be told.
    certain = bool(many and end > begin)
    return Outage(begin, end, int(members[0]), int(ends[-1]) if len(ends) else None, certain)


def find_breakdowns(scene: Scene) -> list[Outage]:
    """Return the stretches in which one service failed again and again, if a person or an alert confirms it.

    For evidence without requests, or whose requests hardly failed: a crash loop, a server that recovers from crashes.
    """
    failing = np.isin(scene.kinds, signals.FAILURES)
    confirmed = scene.times[np.isin(scene.kinds, (FIRING, ERRORS_RISE)) | (scene.said == "incident declared")]
    asked = STATUS in scene.rows and bool(scene.rows[STATUS].notna().any())
    services = group(encode(scene.rows[HOST]), scene.services)
    found = []
    for service in np.unique(services[failing]).tolist():
        rows = np.flatnonzero(failing & (services == service))
        begin, end = int(scene.times[rows].min()), int(scene.ends[rows].max())
        soon = (confirmed >= begin - MINUTE_US) & (confirmed <= end + AROUND_US)
        if scene.counts[rows].sum() < signals.BREAKDOWN_COUNT or end - begin > AROUND_US or not soon.any():
            continue
        again = np.isin(scene.kinds, ("server-ready", "unit-started")) & (services == service) & (scene.times >= end)
        after = np.flatnonzero(again & (scene.times <= end + MINUTE_US))
        found.append(
            Outage(begin, end, int(rows[0]), int(after[0]) if len(after) else None, certain=True, seen=not asked)
        )
    return found[:1] if len(found) == 1 else []
