"""Find the same event in two kinds of evidence: nginx's error log and the journal, PostgreSQL's log and the journal.

Two lines mean one event if they say the same once everything that a transport adds is taken away, on hosts that do
not differ, at times that agree as far as their precision goes. Each line is paired with one line only, in order, so
that a hundred equal lines on both sides stay a hundred.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from timeline.arrays import NEVER, Flags, Ints, encode, group, lines, micros, ranks, strings
from timeline.schema import FILE, HOST, MESSAGE, REF, SERVICE, SOURCE, TIMESTAMP

SECOND_US: Final = 1_000_000
MILLISECOND_US: Final = 1_000

SLACK_US: Final = SECOND_US
"""How far the copies of one event may lie apart beyond their precision, in microseconds."""

RELAYS: Final = ("journald", "syslog")
"""Parsers of what others wrote: the parser of the writer's own file knows more about the same line."""

PID: Final = "process.pid"

_PG_LABEL = r"(?:DEBUG[1-5]?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC)"
TRANSPORT: Final = (
    # rsyslog writes control bytes as octal; only these, since nginx's 24656#24656 holds a `#246`.
    (r"#011", "\t"),
    (r"#012", "\n"),
    (r"(?s), client: .*$", ""),  # nginx: what its parser keeps as attributes
    (r"^\w{3} [ \d]\d \d\d:\d\d:\d\d [\w.-]+ ", ""),  # syslog's stamp and host
    (r"^[\w./@-]+\[\d+\]: ", ""),  # ident[pid]:
    (r"^nginx: (\[)", r"\1"),
    # PostgreSQL: stamp, whatever log_line_prefix adds, severity
    (rf"^(?:< ?)?\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [^\n]*?\b{_PG_LABEL}: +", ""),
    (r"^\[?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?\]?[ :]*", ""),
    (r"^\[?(?i:debug\d?|info|log|notice|warn|warning|error|err|crit|critical|alert|emerg|fatal|panic)\]?:? +", ""),
    (r"^\d+#\d+: (?:\*\d+ )?", ""),  # nginx: process, thread, connection
    (r"^\s+|\s+$", ""),
)
"""What transports add to a message, in the order in which it is taken away."""


def pair_echoes(events: pd.DataFrame, alive: Flags) -> tuple[Ints, Ints, Ints]:
    """Return rows to drop, the rows that stand for them, and the rows whose time these should carry.

    Args:
        events: an event frame.
        alive: the rows that are still there.
    """
    rows = _candidates(events, alive)
    if not len(rows):
        return rows, rows, rows
    found = _Candidates(events, rows)
    clusters = [cluster for members in found.by_text() for cluster in found.match(members)]
    triples: list[tuple[int, int, int]] = []
    for cluster in clusters:
        keep, clock = found.richest(cluster), found.clock(cluster)
        triples += [(member, keep, clock) for member in cluster if member != keep]
    table = rows[np.array(triples, "int64").reshape(-1, 3)]
    return table[:, 0], table[:, 1], table[:, 2]


def _candidates(events: pd.DataFrame, alive: Flags) -> Ints:
    """Return the rows that have a row of another channel near them, in order of time, file and line."""
    channels = _channels(events)
    eligible = np.flatnonzero(alive & _may_echo(events))
    if len(np.unique(channels[eligible])) < 2:  # noqa: PLR2004 - nothing to pair
        return np.empty(0, "int64")
    times = micros(events[TIMESTAMP])
    order = np.lexsort((lines(events)[eligible], ranks(events[FILE])[eligible], times[eligible]))
    rows = eligible[order]
    return rows[_near_another(times[rows], channels[rows])]


def _may_echo(events: pd.DataFrame) -> Flags:
    """Mark what may have a copy elsewhere: neither requests nor chat, both of which repeat themselves honestly."""
    chat_services = np.array([str(name).startswith("#") for name in events[SERVICE].cat.categories], bool)
    flags = ~np.append(chat_services, False)[events[SERVICE].cat.codes.to_numpy()]
    flags &= events[TIMESTAMP].notna().to_numpy() & events[MESSAGE].notna().to_numpy()
    for name in ("http.response.status_code", "slack.channel_id"):
        if name in events:
            flags &= events[name].isna().to_numpy()
    return flags


def _channels(events: pd.DataFrame) -> Ints:
    """Number the ways by which an event can have come: parser, and whether the record has an identity of its own.

    Two files of one parser are one channel, since two log files of one program hold different events; but a journal
    saved as text and the journal itself are two.
    """
    return group(encode(events[SOURCE]), events[REF].notna().to_numpy().astype("int64"))


def _near_another(times: Ints, channels: Ints) -> Flags:
    """Mark rows (in order of time) within reach of a row of another channel."""
    reach = SLACK_US + SECOND_US
    edges = np.flatnonzero(np.append(channels[1:] != channels[:-1], True)) + 1
    runs = np.repeat(np.arange(len(edges)), np.diff(np.append(0, edges)))
    begins = np.append(0, edges[:-1])
    before = np.where(runs > 0, times - times[np.maximum(begins[runs] - 1, 0)], reach + 1)
    after = np.where(runs < len(edges) - 1, times[np.minimum(edges[runs], len(times) - 1)] - times, reach + 1)
    return (before <= reach) | (after <= reach)


def strip_transport(messages: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return *messages* without what transports add: stamps, levels, process numbers, nginx's context."""
    for pattern, replacement in TRANSPORT:
        messages = pc.replace_substring_regex(messages, pattern, replacement)
    return messages


class _Candidates:
    """What pairing needs to know of the candidate rows, which lie in order of time, file and line."""

    def __init__(self, events: pd.DataFrame, rows: Ints) -> None:
        near = events.take(rows)
        self.times: list[int] = micros(near[TIMESTAMP]).tolist()
        self.ticks: list[int] = _ticks(events)[rows].tolist()
        self.hosts: list[int] = encode(near[HOST]).tolist()
        self.pids: list[int] = (encode(near[PID]) if PID in near else np.full(len(rows), -1)).tolist()
        self.sources: list[int] = encode(near[SOURCE]).tolist()
        self.relays: list[bool] = near[SOURCE].isin(RELAYS).tolist()
        self.native: list[bool] = near[REF].notna().tolist()
        self.files: list[int] = ranks(near[FILE]).tolist()
        self.channels = _channels(events)[rows]
        texts = strip_transport(strings(near[MESSAGE])).combine_chunks().dictionary_encode()
        self.cores = texts.indices.to_numpy(zero_copy_only=False).astype("int64")

    def by_text(self) -> list[Ints]:
        """Return the rows of each text that came by more than one channel."""
        order = np.argsort(self.cores, kind="stable")
        edges = np.flatnonzero(np.diff(self.cores[order])) + 1
        return [part for part in np.split(order, edges) if len(np.unique(self.channels[part])) > 1]

    def match(self, members: Ints) -> list[list[int]]:
        """Pair the rows of one text channel by channel; return the clusters of two and more."""
        own = [members[self.channels[members] == channel].tolist() for channel in set(self.channels[members].tolist())]
        # Writers before relays, then by file name: nothing here depends on how the rows happened to lie.
        own.sort(key=lambda rows: (self.relays[rows[0]], min(self.files[row] for row in rows), rows[0]))
        clusters: list[list[int]] = []
        for rows in own:
            clusters = sorted([*clusters, *self._join(clusters, rows)])
        return [cluster for cluster in clusters if len(cluster) > 1]

    def _join(self, clusters: list[list[int]], rows: list[int]) -> list[list[int]]:
        """Add each of *rows* to the first cluster that it fits and that got none of them yet; return the others."""
        alone: list[list[int]] = []
        taken: set[int] = set()
        begin = 0
        for row in rows:
            while begin < len(clusters) and (begin in taken or self._gap(clusters[begin][0], row) > SLACK_US):
                begin += 1
            place = self._first_fit(clusters, taken, begin, row)
            if place is None:
                alone.append([row])
            else:
                clusters[place].append(row)
                taken.add(place)
        return alone

    def _first_fit(self, clusters: list[list[int]], taken: set[int], begin: int, row: int) -> int | None:
        for place in range(begin, len(clusters)):
            if self._gap(row, clusters[place][0]) > SLACK_US:
                return None
            if place not in taken and all(self._agree(member, row) for member in clusters[place]):
                return place
        return None

    def _gap(self, early: int, late: int) -> int:
        """Return the microseconds from the end of one row's tick to the stamp of another; negative if they meet."""
        return self.times[late] - self.times[early] - self.ticks[early]

    def _agree(self, one: int, other: int) -> bool:
        """Tell whether two rows can be one event: near in time, no two hosts, no two processes of one parser."""
        if max(self._gap(one, other), self._gap(other, one)) > SLACK_US:
            return False
        if -1 not in (self.hosts[one], self.hosts[other]) and self.hosts[one] != self.hosts[other]:
            return False
        if self.sources[one] != self.sources[other]:
            return True
        return -1 in (self.pids[one], self.pids[other]) or self.pids[one] == self.pids[other]

    def richest(self, cluster: list[int]) -> int:
        """Return the row to keep: the writer's own file before a relay, a record with an identity before its text."""
        return min(cluster, key=lambda row: (self.relays[row], not self.native[row], self.files[row], row))

    def clock(self, cluster: list[int]) -> int:
        """Return the row whose time to keep: the kept row's own, unless it has whole seconds and another is finer."""
        keep = self.richest(cluster)
        if self.ticks[keep] < SECOND_US:
            return keep
        return min(cluster, key=lambda row: (self.ticks[row], row != keep, self.files[row], row))


def _ticks(events: pd.DataFrame) -> Ints:
    """Return how fine the clock of each row's file is, in microseconds: what all its stamps are multiples of."""
    files = events[FILE].cat.codes.to_numpy().astype("int64") + 1
    times = micros(events[TIMESTAMP])
    known = times != NEVER
    ticks = np.full(len(events[FILE].cat.categories) + 1, SECOND_US)
    for tick in (MILLISECOND_US, 1):
        coarser = SECOND_US if tick == MILLISECOND_US else MILLISECOND_US
        finer = np.bincount(files[known & (times % coarser != 0)], minlength=len(ticks)) > 0
        ticks[finer] = tick
    return ticks[files]
