"""Keep one row of each event, and remember where its other copies stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from timeline import schema
from timeline.arrays import Flags, Ints, count_within, encode, group, lines, ranks, strings, take, time_order
from timeline.echoes import pair_echoes
from timeline.overlaps import find_copies
from timeline.schema import (
    ALSO_IN,
    COPIES,
    DEDUPE_RULE,
    FILE,
    HOST,
    LINE,
    MESSAGE,
    REF,
    SOURCE,
    TIME_BASIS,
    TIME_NOTE,
    TIMESTAMP,
)

CHAT: Final = "slack"
JOURNAL: Final = "journald"

CURSOR_FILE: Final = r"\b[si]=[^;]*;?"
"""The parts of a journal cursor that name a file and the place in it: they change when entries are copied."""


def dedupe(
    events: pd.DataFrame,
    *,
    warn: Callable[[str], None] = lambda _: None,
    note: Callable[[str, str], None] = lambda _, __: None,
) -> pd.DataFrame:
    """Return *events* without copies, in order of time; equal lines of one file are no copies.

    Three rules, each on what the one before left: rows of equal native identity (journal cursor, Slack channel and
    ts, PostgreSQL session and line); files that are there twice, and rotations that overlap; the same event in
    evidence of two kinds (nginx's error log and the journal).

    Adds `copies` (how many rows became this one, 1 if it was alone), `also_in` (where the others stand, as
    "file:line, file:line") and `dedupe_rule`. The sum of `copies` is the number of rows that came in. Of several
    kinds of evidence the row of the writer's own file stays, with the finer time of another if its own has whole
    seconds only. Running it again changes nothing.

    Args:
        events: an event frame; the order of its rows does not matter.
        warn: called with a text about lines that may be copies of another file's; they stay.
        note: called with a file and what of it is a copy of which other file.

    Raises:
        SchemaError: *events* lacks a column of the event frame.
    """
    schema.check(events)
    if _stands_alone(events):
        return _untouched(events)
    groups = _Groups(events)
    for rule, find in LAYERS.items():
        how: dict[str, Any] = {}
        if find is find_copies:
            how = {"warn": warn, "note": note}
        elif find is pair_echoes:
            how = {"aligned": groups.has("same lines")}
        groups.join(rule, *find(events, groups.alive(rule), **how))
    kept = groups.assemble()
    order = time_order(kept)
    return kept.reset_index(drop=True) if order is None else take(kept, order)


def _stands_alone(events: pd.DataFrame) -> bool:
    """Whether nothing can be a copy: one file, not deduped before, whose records bring no identity along."""
    files = events[FILE].cat.codes.to_numpy()
    return COPIES not in events and bool((files == files[:1]).all()) and bool(events[REF].isna().all())


def _untouched(events: pd.DataFrame) -> pd.DataFrame:
    order = time_order(events)
    frame = events.copy(deep=False) if order is None else take(events, order)
    frame[COPIES] = pd.array(np.ones(len(frame), "int64"), dtype="Int64")
    frame[ALSO_IN] = schema.missing("str", frame.index)
    frame[DEDUPE_RULE] = schema.missing("category", frame.index)
    return frame.reset_index(drop=True)


def find_same_identity(events: pd.DataFrame, alive: Flags) -> tuple[Ints, Ints, Ints]:
    """Return rows to drop and the rows that stand for them, by the identity that records bring along.

    The identities of journal entries and of Slack's messages are unique, within a file too. Of any other identity the
    k-th row in one file is the k-th row in another, so that a program that gives it to many rows loses none.

    Args:
        events: an event frame.
        alive: the rows that are still there.
    """
    # A copy has its original's time. Most events share theirs with none: their identity need not be looked at.
    rows = np.flatnonzero(alive & events[REF].notna().to_numpy() & _share_their_time(events))
    unique = _is_unique(events)[rows]
    if not unique.any() and len(np.unique(events[FILE].cat.codes.to_numpy()[rows])) < 2:  # noqa: PLR2004
        return _NOTHING
    near = events.take(rows)
    place = np.lexsort((lines(near), ranks(near[FILE])))
    near, rows, unique = near.take(place), rows[place], unique[place]
    keys = _identities(near)
    inside = group(keys, encode(near[FILE]))
    order = np.argsort(inside, kind="stable")
    turn = np.empty(len(rows), "int64")
    turn[order] = count_within(inside[order])
    turn[unique] = 0
    events_of = group(keys, turn)
    first = rows[np.unique(events_of, return_index=True)[1]][events_of]
    copies = rows != first
    return rows[copies], first[copies], first[copies]


def _identities(events: pd.DataFrame) -> Ints:
    """Number the identities of rows that have one.

    A journal entry copied into another file keeps boot, times and hash only. Any other identity but Slack's counts
    with time, host and text: PostgreSQL numbers lines per session, and forked loggers have been seen to repeat them.
    """
    refs = strings(events[REF])
    in_journal = (events[SOURCE] == JOURNAL).to_numpy(dtype=bool)
    bare = pc.if_else(pa.array(in_journal), pc.replace_substring_regex(refs, CURSOR_FILE, ""), refs)
    codes = bare.combine_chunks().dictionary_encode().indices.to_numpy(zero_copy_only=False).astype("int64")
    full = group(encode(events[TIMESTAMP]), encode(events[HOST]), encode(events[MESSAGE]))
    return group(encode(events[SOURCE]), codes, np.where(_is_unique(events), -1, full))


def _share_their_time(events: pd.DataFrame) -> Flags:
    """Tell which rows have another one at the same microsecond."""
    times = events[TIMESTAMP].astype("int64").to_numpy()
    order = None if (times[1:] >= times[:-1]).all() else np.argsort(times, kind="stable")
    ordered = times if order is None else times[order]
    same = np.concatenate(([False], ordered[1:] == ordered[:-1], [False]))
    shared = same[1:] | same[:-1]
    if order is not None:
        shared[order] = shared.copy()
    return np.asarray(shared, bool)


def _is_unique(events: pd.DataFrame) -> Flags:
    return events[SOURCE].isin((JOURNAL, CHAT)).to_numpy(dtype=bool)


_NOTHING: Final = (np.empty(0, "int64"),) * 3

LAYERS: Final[Mapping[str, Callable[..., tuple[Ints, Ints, Ints]]]] = {
    "same identity": find_same_identity,
    "same lines": find_copies,
    "same event": pair_echoes,
}
"""The rules by which rows become one, in order; the names are the values of `dedupe_rule`."""


class _Groups:
    """Which row stands for which, while the layers work."""

    def __init__(self, events: pd.DataFrame) -> None:
        self.events = events
        self.rows = np.arange(len(events))
        self.stands_for = self.rows.copy()
        self.clock = self.rows.copy()
        self.earlier = _earlier_rules(events)
        self.rules = self.earlier.copy()

    def alive(self, rule: str) -> Flags:
        """Mark the rows that *rule* may still join: those that stay, and were not paired by it in an earlier run.

        Where one row may have one partner only, a pair must not look for a third in the next run.
        """
        paired = (self.earlier & (1 << list(LAYERS).index(rule))) != 0
        if rule == "same identity":
            paired &= ~_is_unique(self.events)
        elif rule == "same lines":
            paired = self._is_of_a_rest()
        return (self.stands_for == self.rows) & ~paired

    def _is_of_a_rest(self) -> Flags:
        """Mark the rows of files that lost lines to pairs in an earlier run: the rest may look like a copied piece."""
        if ALSO_IN not in self.events:
            return np.zeros(len(self.events), bool)
        others = self.events[ALSO_IN][(self.earlier & (1 << list(LAYERS).index("same event"))) != 0].dropna()
        files = {place.rpartition(":")[0] for places in others.tolist() for place in places.split(", ")}
        return self.events[FILE].isin(files).to_numpy(bool)

    def has(self, rule: str) -> Flags:
        """Mark the rows that *rule* has joined with others, in this run or an earlier one."""
        return (self.rules & (1 << list(LAYERS).index(rule))) != 0

    def join(self, rule: str, dropped: Ints, kept: Ints, clock: Ints) -> None:
        """Let each of *kept* stand for the row of *dropped* beside it, with the time of *clock*."""
        self.stands_for[dropped] = kept
        self.clock[kept] = clock
        np.bitwise_or.at(self.rules, kept, 1 << list(LAYERS).index(rule))

    def assemble(self) -> pd.DataFrame:
        """Return the rows that stay, with the columns that this stage adds."""
        self._resolve()
        events, dropped = self.events, np.flatnonzero(self.stands_for != self.rows)
        stay = np.flatnonzero(self.stands_for == self.rows)
        frame = events.copy(deep=False) if not len(dropped) else events.take(stay)
        if len(dropped):
            np.bitwise_or.at(self.rules, self.stands_for[dropped], self.rules[dropped])
            for name in (TIMESTAMP, TIME_BASIS, TIME_NOTE):
                frame[name] = events[name].take(self.clock[stay]).array
            frame[HOST] = events[HOST].take(self._hosts(dropped)[stay]).array
        copies = _earlier_copies(events)
        np.add.at(copies, self.stands_for[dropped], copies[dropped])
        frame[COPIES] = pd.array(copies[stay], dtype="Int64")
        frame[ALSO_IN] = self._also_in(dropped).take(stay).array if len(dropped) else _earlier_places(events)
        frame[DEDUPE_RULE] = _name_rules(self.rules[stay])
        return frame

    def _resolve(self) -> None:
        """Follow the chain of copies of copies to the row that stays."""
        while not np.array_equal(self.stands_for, following := self.stands_for[self.stands_for]):
            self.stands_for = following

    def _hosts(self, dropped: Ints) -> Ints:
        """Return for each row the row whose host it shall have: its own, or that of a copy if it has none."""
        known = self.events[HOST].notna().to_numpy()
        donors = dropped[known[dropped] & ~known[self.stands_for[dropped]]]
        donors = donors[np.lexsort((lines(self.events)[donors], ranks(self.events[FILE])[donors]))[::-1]]
        hosts = self.rows.copy()
        hosts[self.stands_for[donors]] = donors  # the last one written wins: the first in order of file and line
        return hosts

    def _also_in(self, dropped: Ints) -> pd.Series:
        """Return for each row the places of its copies, in order of file and line."""
        events = self.events
        roots = self.stands_for[dropped]
        order = np.lexsort((lines(events)[dropped], ranks(events[FILE])[dropped], roots))
        dropped, roots = dropped[order], roots[order]
        gone = events.take(dropped)
        number = pc.cast(pa.array(gone[LINE].array), pa.large_string())
        places = _join([strings(gone[FILE]).combine_chunks(), number], ":")
        places = _join([places, strings(_earlier_places(gone)).combine_chunks()], ", ")
        heads = np.flatnonzero(np.diff(roots, prepend=-1))
        lists = pa.ListArray.from_arrays(np.append(heads, len(roots)).astype("int32"), places)
        joined = pc.binary_join(lists, pa.scalar(", ", pa.large_string()))
        where = np.full(len(events), -1)
        where[roots[heads]] = np.arange(len(heads))
        found = joined.take(pa.array(where, mask=where < 0))
        own = strings(_earlier_places(events)).combine_chunks()
        return pd.Series(schema.string_column(_join([own, found], ", ")), index=events.index)


def _join(parts: list[pa.Array], separator: str) -> pa.Array:
    """Join texts side by side, leaving out what is missing; missing where all are."""
    parts = [part.cast(pa.large_string()) for part in parts]
    # Not null_handling="skip": pyarrow 26 then leaves out rows in which everything is missing.
    joined = pc.binary_join_element_wise(*parts, pa.scalar(separator, pa.large_string()))
    return pc.coalesce(joined, *parts)


def _earlier_copies(events: pd.DataFrame) -> Ints:
    if COPIES not in events:
        return np.ones(len(events), "int64")
    return events[COPIES].to_numpy(dtype="int64", na_value=1)


def _earlier_places(events: pd.DataFrame) -> pd.Series:
    if ALSO_IN in events:
        return events[ALSO_IN]
    return pd.Series(schema.string_column(pa.nulls(len(events), pa.large_string())), index=events.index)


def _earlier_rules(events: pd.DataFrame) -> Ints:
    if DEDUPE_RULE not in events:
        return np.zeros(len(events), "int64")
    column = events[DEDUPE_RULE]
    names = column.cat.categories.astype("str")
    bits = [sum(1 << bit for bit, rule in enumerate(LAYERS) if rule in name.split(", ")) for name in names]
    return np.array([*bits, 0], "int64")[column.cat.codes.to_numpy()]


def _name_rules(bits: Ints) -> pd.Categorical:
    """Return the names of the rules of each row, missing where there is none."""
    used = np.unique(bits[bits > 0])
    names = [", ".join(rule for bit, rule in enumerate(LAYERS) if used_bits >> bit & 1) for used_bits in used.tolist()]
    return schema.category_column(np.where(bits > 0, np.searchsorted(used, bits), -1), names)
