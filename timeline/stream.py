"""Take the events of many sources side by side in the order of time, a slice at a time: they need not fit into memory.

A source is opened when its time comes and read as far as the others are. What lies below the horizon, the time before
which nothing more is to be expected from any of them, can be taken. Evidence that is small is one slice.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd

from timeline import arrays, schema, seek
from timeline.arrays import NEVER, Ints
from timeline.containers import Memory
from timeline.reading import UNSORTED, Reader, Reading, date_events, find_stamps, read_part, starts_anywhere, within
from timeline.sources import Source
from timeline.window import Window

ALWAYS: Final = np.iinfo(np.int64).min

LATE: Final = "not in the order of time: what it has in common with other files may stand twice"


@dataclass(frozen=True)
class Scale:
    """How much is held in memory.

    Attributes:
        at_once: events that are read before any is given out; evidence that has no more is one slice.
        of_source: events of a source that are read when it is opened; a source that has no more is dated as a whole.
        of_slice: events of a slice, at least.
        disorder: how far an event may lie behind the latest before it in its source, microseconds.
        of_part: bytes of a large file that are read at once, since the window lies in them.
    """

    at_once: int = 600_000
    of_source: int = 150_000
    of_slice: int = 250_000
    disorder: int = seek.SCALE.disorder
    of_part: int = 1 << 28


SCALE: Final = Scale()
BLOCK_SIZE: Final = 1 << 22
"""Bytes of a source that are read ahead, where not all of it is held."""


@dataclass
class Piece:
    """Some events of a source in the order of time, and their times."""

    events: pd.DataFrame
    times: Ints

    def split(self, cut: int) -> pd.DataFrame:
        """Take the events before *cut* out."""
        rows = int(np.searchsorted(self.times, cut))
        taken = self.events.iloc[:rows]
        self.events, self.times = self.events.iloc[rows:], self.times[rows:]
        return taken


@dataclass
class Feed:
    """A source, and how far it was read.

    Attributes:
        reader: reads it.
        horizon: the time before which nothing more is to be expected of it, microseconds since 1970.
        batches: its further records; None before it is opened, and at its end.
    """

    reader: Reader
    horizon: int = ALWAYS
    batches: Iterator[pd.DataFrame] | None = None
    waiting: list[pd.DataFrame] = field(default_factory=list)


class Stream:
    """The events of many sources.

    Args:
        window: what is kept.
        scale: how much is held in memory.
    """

    def __init__(self, window: Window, scale: Scale = SCALE) -> None:
        self._window = window
        self._scale = scale
        self._whole: list[Reading] = []
        self._running: list[Feed] = []
        self._pieces: list[Piece] = []
        self._undated: list[pd.DataFrame] = []
        self._taken = ALWAYS
        self._held = 0
        self._started = False

    def add(self, reader: Reader) -> None:
        """Add a source; it is opened at once while little is held, else when its time comes."""
        begin = find_begin(reader) if self._held > self._scale.at_once else None
        if begin is None:
            self._open(Feed(reader))
        else:
            self._running.append(Feed(reader, begin - self._scale.disorder))

    def slices(self) -> Iterator[list[pd.DataFrame]]:
        """Yield the events of all sources, in slices of which each is later than the one before."""
        self._started = True
        whole, self._whole = self._whole, []
        for events in date_events(whole):
            self._hold(events)
        while self._running:
            horizon = min(feed.horizon for feed in self._running)
            ready = self._times_before(horizon)
            if len(ready) >= self._scale.of_slice:
                yield self._take(find_quiet(ready, horizon))
            else:
                self._advance(min(self._running, key=lambda feed: feed.horizon))
        yield self._take(NEVER)

    def _times_before(self, horizon: int) -> Ints:
        times = [piece.times[: np.searchsorted(piece.times, horizon)] for piece in self._pieces]
        return np.concatenate([np.zeros(0, np.int64), *times])

    def _open(self, feed: Feed) -> None:
        """Read the beginning of a source, and all of it if it is small or its records do not come in order."""
        reader = feed.reader
        reading = self._read_part(reader)
        if reading is None:
            batches, rows = reader.batches(), 0
            for records in batches:
                feed.waiting.append(records)
                rows += len(records)
                if rows >= self._scale.of_source and not reader.yearless and comes_in_order(reader):
                    feed.batches = batches
                    break
        if feed.batches is not None:
            self._running.append(feed)
            self._held += rows
            self._date(feed)
            return
        reading = reading or reader.hold(schema.concat(feed.waiting))
        self._held += len(reading.records)
        if self._started:
            self._hold(date_events([reading])[0], feed)
        else:
            self._whole.append(reading)

    def _read_part(self, reader: Reader) -> Reading | None:
        scale = dataclasses.replace(seek.SCALE, largest=self._scale.of_part)
        try:
            return read_part(reader, self._window, scale)
        except seek.UnsortedError:
            reader.account.add_note(UNSORTED)
            return None

    def _advance(self, feed: Feed) -> None:
        """Read on in a source."""
        if feed.batches is None:
            self._running.remove(feed)
            self._open(feed)
            return
        records = next(feed.batches, None)
        if records is None:
            self._running.remove(feed)
            self._date(feed, at_end=True)
        else:
            feed.waiting.append(records)
            self._date(feed)

    def _date(self, feed: Feed, *, at_end: bool = False) -> None:
        """Make UTC of the stamps that wait; not yet where a time may follow from what comes next."""
        if not feed.waiting or (feed.reader.yearless and not at_end):
            return
        reading = feed.reader.hold(schema.concat(feed.waiting))
        if not at_end and find_stamps(reading) is None:
            feed.waiting = [reading.records]
            return
        feed.waiting = []
        self._hold(date_events([reading])[0], feed)

    def _hold(self, events: pd.DataFrame, feed: Feed | None = None) -> None:
        """Keep *events* until their slice is taken."""
        times = arrays.micros(events[schema.TIMESTAMP])
        known = times[times != NEVER]
        if feed is not None and len(known):
            feed.horizon = max(feed.horizon, int(known.max()) - self._scale.disorder)
            if known.min() < self._taken:
                feed.reader.account.add_note(LATE)
        events = within(events, self._window)
        times = arrays.micros(events[schema.TIMESTAMP])
        if (times == NEVER).any():
            self._undated.append(arrays.take(events, np.flatnonzero(times == NEVER)))
        order = np.argsort(times, kind="stable")[: int((times != NEVER).sum())]
        if len(order):
            in_order = len(order) == len(times) and bool((times[1:] >= times[:-1]).all())
            self._pieces.append(Piece(events if in_order else arrays.take(events, order), times[order]))

    def _take(self, cut: int) -> list[pd.DataFrame]:
        """Take the events before *cut* out, and the undated ones if they are many."""
        self._taken = cut
        taken = [piece.split(cut) for piece in self._pieces]
        self._pieces = [piece for piece in self._pieces if len(piece.times)]
        if sum(map(len, self._undated)) > self._scale.of_slice or cut == NEVER:
            taken, self._undated = [*taken, *self._undated], []
        return [events for events in taken if len(events)]


def find_begin(reader: Reader) -> int | None:
    """Return a time that no record of the source should lie much before, microseconds since 1970; None if not known.

    The parser may tell (`begins_at`); else the first lines are dated.
    """
    tell = getattr(reader.parser, "begins_at", None)
    begin = tell(reader.source) if tell is not None else None
    if begin is not None or not starts_anywhere(reader):
        return begin
    head = reader.source.head
    lines = head[: head.rfind(b"\n") + 1]
    stamps = find_stamps(reader.over(Source(Memory(reader.source.label, lines), "")).read_all())
    known = stamps.times[stamps.times != NEVER] if stamps is not None else np.zeros(0, np.int64)
    return int(known.min()) if len(known) else None


def comes_in_order(reader: Reader) -> bool:
    """Ask the parser whether the records of the source come in the order of time, so that it may be read bit by bit."""
    tell = getattr(reader.parser, "comes_in_order", None)
    return starts_anywhere(reader) if tell is None else bool(tell(reader.source))


def find_quiet(times: Ints, horizon: int) -> int:
    """Return where to cut: at the longest pause in the last quarter of *times*, so that copies stay together.

    Args:
        times: of the events that can be taken, microseconds.
        horizon: a time after all of them.
    """
    late = np.sort(times)[-max(len(times) // 4, 2) :]
    cut = int(late[1:][np.argmax(np.diff(late))])
    return cut if cut > times.min() else horizon
