"""Find the same event in two kinds of evidence: nginx's error log and the journal, PostgreSQL's log and the journal.

Two lines mean one event if they say the same once everything that a transport adds is taken away, on hosts that do
not differ, at times that agree as far as their precision goes. Each line is paired with one line only, in order, so
that a hundred equal lines on both sides stay a hundred.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from timeline.arrays import Flags, Ints, encode, group, lines, micros, ranks, starts, strings
from timeline.cores import find_cores
from timeline.crowds import SECOND_US, SLACK_US, Crowd
from timeline.rotation import stream_of
from timeline.schema import FILE, HOST, MESSAGE, REF, SERVICE, SOURCE, TIMESTAMP

MILLISECOND_US: Final = 1_000

REPEAT_US: Final = 3 * SECOND_US
"""How long before its stamp the lines may have come that "message repeated 3 times" stands for."""

REACH_US: Final = REPEAT_US + SLACK_US + SECOND_US
"""Rows further apart are never paired and do not matter to each other's pairs: at a longer pause of all that
`may_echo`, between two different times, pairs may be sought on each side alone."""

RELAYS: Final = ("journald", "syslog")
"""Parsers of what others wrote: the parser of the writer's own file knows more about the same line."""

PID: Final = "process.pid"
CONNECTION: Final = "nginx.connection"

IN_TEXT: Final = r"^(?:nginx: )?(?:\S+ \S+ )?\[\w+\] \d+#\d+: \*(?P<number>\d{1,18}) "
"""Where nginx writes the number of a connection."""


def pair_echoes(events: pd.DataFrame, alive: Flags, *, aligned: Flags) -> tuple[Ints, Ints, Ints]:
    """Return rows to drop, the rows that stand for them, and the rows whose time these should carry.

    Args:
        events: an event frame.
        alive: the rows that are still there.
        aligned: those of them that stand for lines of another file already.
    """
    rows, channels = _candidates(events, alive)
    if not len(rows):
        return rows, rows, rows
    slots = _Slots(events, rows, channels, aligned[rows])
    table = np.concatenate([slots.pair_lone(), *slots.pair_crowded()])
    table = slots.drop_whole_rows(table)
    return rows[table[:, 0]], rows[table[:, 1]], rows[table[:, 2]]


def _candidates(events: pd.DataFrame, alive: Flags) -> tuple[Ints, Ints]:
    """Return the rows that have a row of another channel near them, in order of time, file and line; and channels."""
    eligible = np.flatnonzero(alive & may_echo(events))
    near = events[[SOURCE, FILE, REF]].take(eligible)
    channels = _channels(near)
    if not len(eligible) or (channels == channels[0]).all():
        return eligible[:0], channels[:0]
    times = micros(events[TIMESTAMP])[eligible]
    order = np.lexsort((lines(events)[eligible], ranks(near[FILE]), times))
    channels, times = channels[order], times[order]
    close = _near_another(times, channels)
    return eligible[order][close], channels[close]


def may_echo(events: pd.DataFrame) -> Flags:
    """Mark what may have a copy elsewhere: no chat, and requests only where they stand in a journal.

    Both repeat themselves honestly; but texts of one journal tell its requests as they tell the rest.
    """
    chat_services = np.array([str(name).startswith("#") for name in events[SERVICE].cat.categories], bool)
    flags = ~np.append(chat_services, False)[events[SERVICE].cat.codes.to_numpy()]
    flags &= events[TIMESTAMP].notna().to_numpy() & events[MESSAGE].notna().to_numpy()
    if "slack.channel_id" in events:
        flags &= events["slack.channel_id"].isna().to_numpy()
    if "http.response.status_code" in events:
        is_relay = events[SOURCE].isin(RELAYS).to_numpy(bool)
        flags &= events["http.response.status_code"].isna().to_numpy() | is_relay
    return flags


def _channels(events: pd.DataFrame) -> Ints:
    """Number the ways by which an event can have come; writers first, then by name, whatever else is in the frame.

    Two log files of one program hold different events and are one channel, and so are all journals. A text of the
    journal, or what syslog wrote, is a channel of its own with its rotations.
    """
    native = events[REF].notna().to_numpy().astype("int64")
    own, files = encode(events[SOURCE]), encode(events[FILE])
    codes = group(own, files, native)
    first = np.empty(int(codes.max(initial=-1)) + 1, "int64")
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    sources, labels = events[SOURCE].cat.categories, events[FILE].cat.categories
    names = []
    for source, file, is_native in np.stack([own, files, native], axis=1)[first].tolist():
        name = str(sources[source]) if source >= 0 else ""
        is_text = name in RELAYS and not is_native and file >= 0
        names.append((name in RELAYS, name, not is_native, stream_of(str(labels[file])) if is_text else ""))
    places = {name: place for place, name in enumerate(sorted(set(names)))}
    return np.array([places[name] for name in names], "int64")[codes]


def _near_another(times: Ints, channels: Ints) -> Flags:
    """Mark rows (in order of time) within reach of a row of another channel."""
    edges = np.flatnonzero(np.append(channels[1:] != channels[:-1], True)) + 1
    runs = np.repeat(np.arange(len(edges)), np.diff(np.append(0, edges)))
    begins = np.append(0, edges[:-1])
    before = np.where(runs > 0, times - times[np.maximum(begins[runs] - 1, 0)], REACH_US + 1)
    after = np.where(runs < len(edges) - 1, times[np.minimum(edges[runs], len(times) - 1)] - times, REACH_US + 1)
    return (before <= REACH_US) | (after <= REACH_US)


class _Slots:
    """What pairing needs to know of the candidates: one slot a row, but three of "message repeated 3 times: [ … ]".

    The slots of each text lie side by side, in order of time.
    """

    def __init__(self, events: pd.DataFrame, rows: Ints, channels: Ints, aligned: Flags) -> None:
        near = events.take(rows)
        self.cores = find_cores(strings(near[MESSAGE]))
        self.repeats = self.cores.repeats
        times, texts = micros(near[TIMESTAMP]), self.cores.families
        begins = np.where(self.repeats > 1, times - REPEAT_US, times)
        order, self._edges = _islands(texts, times, _connections(near))
        self.rows = np.repeat(order, self.repeats[order])  # places in `rows`, not in the frame
        self._edges = np.append(0, np.cumsum(self.repeats[order]))[self._edges]
        self.begins, self.times = begins[self.rows], times[self.rows]
        self.codes = self.cores.codes[self.rows]
        self.channels = channels[self.rows]
        relays = near[SOURCE].isin(RELAYS).to_numpy(bool)
        native = near[REF].notna().to_numpy(bool)
        ticks = np.where(native & relays, 1, _ticks(times))
        ticks[self.repeats > 1] = SECOND_US
        self.ticks = ticks[self.rows]
        self.is_text = (relays & ~native)[self.rows]
        self.aligned = aligned[self.rows]
        self.hosts = encode(near[HOST])[self.rows]
        self.pids = (encode(near[PID]) if PID in near else np.full(len(rows), -1))[self.rows]
        self.sources = encode(near[SOURCE])[self.rows]
        # The writer's own file before a relay, a record before "repeated", one with an identity before its text.
        rank = np.empty(len(rows), "int64")
        keys = (np.arange(len(rows)), ranks(near[FILE]), ~native, relays, self.repeats > 1)
        rank[np.lexsort(keys)] = np.arange(len(rows))
        self.rank = rank[self.rows]

    def pair_lone(self) -> Ints:
        """Pair slots that have one slot near them, all at once; return rows: dropped, kept, and of the time."""
        first = self._edges[:-1][np.diff(self._edges) == 2]  # noqa: PLR2004 - one and one
        fits = self._are_near(first, first + 1) & self._are_alike(first, first + 1)
        fits &= self._share_a_tick(first, first + 1)
        first = first[fits & (self.channels[first] != self.channels[first + 1])]
        keep = np.where(self.rank[first] < self.rank[first + 1], first, first + 1)
        other = 2 * first + 1 - keep
        clock = np.where((self.ticks[keep] >= SECOND_US) & (self.ticks[other] < self.ticks[keep]), other, keep)
        return self.rows[np.stack([other, keep, clock], axis=1)]

    def pair_crowded(self) -> Iterator[Ints]:
        """Pair the slots of larger crowds, one by one; yield rows: dropped, kept, and of the time."""
        sizes = np.diff(self._edges)
        for begin, size in zip(self._edges[:-1][sizes > 2].tolist(), sizes[sizes > 2].tolist(), strict=True):  # noqa: PLR2004
            if (self.channels[begin : begin + size] != self.channels[begin]).any():
                triples = [triple for cluster in self._pair_crowd(begin, size) for triple in self._settle(cluster)]
                yield self.rows[np.array(triples, "int64").reshape(-1, 3)]

    def _pair_crowd(self, begin: int, size: int) -> Iterator[list[int]]:
        part = slice(begin, begin + size)
        columns = (self.codes, self.hosts, self.pids, self.sources, self.is_text)
        kinds: list[int] = group(*(column[part].astype("int64") for column in columns)).tolist()
        known: dict[tuple[int, int], bool] = {}

        def are_one(one: int, other: int) -> bool:
            """Ask once for what all slots of the crowd have in common with these: there may be thousands."""
            pair = np.array([begin + one]), np.array([begin + other])
            kind = kinds[one], kinds[other]
            if kind not in known:
                known[kind] = bool(self._are_alike(*pair)[0])
            is_seam = self.is_text[pair[0][0]] and self.is_text[pair[1][0]]
            return known[kind] and (not is_seam or bool(self._share_a_tick(*pair)[0]))

        ends = (self.times[part] + self.ticks[part]).tolist()
        begins, times = self.begins[part], self.times[part]
        early = int((times - begins).max())
        crowd = Crowd(begins.tolist(), ends, self.channels[part].tolist(), are_one, early)
        for cluster in crowd.pair():
            yield [begin + place for place in cluster]

    def _settle(self, cluster: list[int]) -> list[tuple[int, int, int]]:
        """Return for each slot of *cluster* but the richest: it, the richest, and the one whose time to keep.

        That is the kept one's own time, unless it has whole seconds and another is finer.
        """
        keep = min(cluster, key=lambda slot: int(self.rank[slot]))
        clock = keep
        if self.ticks[keep] >= SECOND_US:
            clock = min(cluster, key=lambda slot: (int(self.ticks[slot]), slot != keep, int(self.rank[slot])))
        return [(slot, keep, clock) for slot in cluster if slot != keep]

    def _are_near(self, one: Ints, other: Ints) -> Flags:
        early = self.begins[other] - self.times[one] - self.ticks[one]
        late = self.begins[one] - self.times[other] - self.ticks[other]
        return np.maximum(early, late) <= SLACK_US

    def _are_alike(self, one: Ints, other: Ints) -> Flags:
        """Tell which pairs can be one event but for their times: not of two hosts, nor two processes of one parser."""
        agree = (self.hosts[one] == self.hosts[other]) | (self.hosts[one] < 0) | (self.hosts[other] < 0)
        pids = (self.pids[one] == self.pids[other]) | (self.pids[one] < 0) | (self.pids[other] < 0)
        agree &= pids | (self.sources[one] != self.sources[other])
        differ = np.flatnonzero(agree & (self.codes[one] != self.codes[other]))
        if len(differ):
            agree[differ] = self.cores.is_cut(self.codes[one[differ]], self.codes[other[differ]])
        return agree

    def _share_a_tick(self, one: Ints, other: Ints) -> Flags:
        """Tell which pairs are no two texts of the journal of one form, or have one stamp.

        Two texts may be exports of one span after the other: equal lines at their seam are different events. Where
        they overlap, their lines have been aligned.
        """
        apart = self.is_text[one] & self.is_text[other] & (self.ticks[one] == self.ticks[other])
        repeated = (self.begins[one] != self.times[one]) | (self.begins[other] != self.times[other])
        same = repeated | (self.times[one] == self.times[other])
        return ~apart | (same & ~self.aligned[one] & ~self.aligned[other])

    def drop_whole_rows(self, table: Ints) -> Ints:
        """Keep of *table* only rows all slots of which have found a copy; each is dropped for the last of them.

        What has been paired else is dropped for itself, which does nothing but mark it: the next run leaves it alone.
        """
        if (self.repeats == 1).all():
            return table
        paired = np.bincount(table[:, 0], minlength=len(self.repeats))
        table = table[np.lexsort((table[:, 1], table[:, 0]))]
        stands = np.zeros(len(self.repeats), bool)
        stands[table[:, 1]] = True  # for another one, and so stays: else two lines of one file could become one
        is_whole = (paired[table[:, 0]] == self.repeats[table[:, 0]]) & ~stands[table[:, 0]]
        is_last = np.diff(table[:, 0], append=-1) != 0
        marked = np.concatenate([table[~(is_whole & is_last)][:, 1], table[~is_whole][:, 0]])
        return np.concatenate([np.stack([marked] * 3, axis=1), table[is_whole & is_last]])


def _connections(events: pd.DataFrame) -> Ints:
    """Return the number that nginx gave to the connection, by which errors of many clients differ; -1 if unknown."""
    texts = strings(events[MESSAGE])
    found = np.full(len(events), -1)
    rows = np.flatnonzero(pc.match_substring(texts, ": *").to_numpy(zero_copy_only=False))
    if len(rows):
        numbers = pc.extract_regex(texts.take(pa.array(rows)), IN_TEXT).combine_chunks()
        known = numbers.is_valid().to_numpy(zero_copy_only=False)
        found[rows[known]] = numbers.drop_null().field("number").cast(pa.int64()).to_numpy(zero_copy_only=False)
    if CONNECTION in events:
        found = np.maximum(found, events[CONNECTION].to_numpy("int64", na_value=-1))
    return found


def _islands(texts: Ints, times: Ints, connections: Ints) -> tuple[Ints, Ints]:
    """Return an order of rows, and where runs begin in it that no other row can be paired with; their number is last.

    Rows of one text are near each other; if all of them have a connection, of one connection.
    """
    order = np.lexsort((np.arange(len(texts)), times, texts))
    pause = np.diff(times[order], prepend=times[order][:1]) > REACH_US
    island = np.empty(len(texts), "int64")
    island[order] = np.cumsum(starts(texts[order]) | pause)
    is_known = np.ones(len(texts) + 1, bool)
    is_known[island[connections < 0]] = False
    keys = np.where(is_known[island], connections, -1)
    order = np.lexsort((np.arange(len(texts)), times, keys, island))
    return order, np.append(np.flatnonzero(starts(island[order], keys[order])), len(texts))


def _ticks(times: Ints) -> Ints:
    """Return how fine each stamp is, in microseconds, as far as it shows.

    Not how fine those of its file are: that would depend on which part of the file is in the frame.
    """
    return np.where(times % SECOND_US == 0, SECOND_US, np.where(times % MILLISECOND_US == 0, MILLISECOND_US, 1))
