"""Clocks that were probably off, and pieces of logs that are probably missing: told as warnings, never corrected.

A file cannot hold a stamp that is later than the moment when it was last written, and what several hosts logged during
one incident begins and ends at about the same time on all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from statistics import median
from typing import Final

import numpy as np
import pandas as pd

from timeline.arrays import NEVER, micros
from timeline.outages import Pause
from timeline.phrases import SECOND_US, say_clock, say_length
from timeline.schema import FILE, HOST, SOURCE, TIMESTAMP

CHAT: Final = "slack"
LEAST_US: Final = 30 * SECOND_US
"""Less is no clock that is off, but a file that was closed late."""
MOST_US: Final = 26 * 3600 * SECOND_US
"""More is a stamp that is wrong, not a clock."""
AGREEING: Final = 0.1
"""Begin and end of what a host logged are off by the same, give or take this part of it."""
ZONE_STEP_US: Final = 1800 * SECOND_US
NEAR_ZONE_US: Final = 60 * SECOND_US


@dataclass
class Coverage:
    """From when to when a file holds events, in microseconds, and of which host."""

    host: str
    first: int
    last: int


class Coverages:
    """The coverage of each file, slice by slice."""

    def __init__(self) -> None:
        self.by_file: dict[str, Coverage] = {}

    def add(self, events: pd.DataFrame) -> None:
        """Add the events of a slice; chat has a clock of its own and does not count."""
        times = micros(events[TIMESTAMP])
        rows = np.flatnonzero((times != NEVER) & (events[SOURCE] != CHAT).to_numpy())
        table = pd.DataFrame(
            {FILE: events[FILE].take(rows).array, HOST: events[HOST].take(rows).array, "at": times[rows]}
        )
        for file, part in table.groupby(FILE, observed=True):
            host = part[HOST].iloc[0]
            name = "" if pd.isna(host) else str(host)
            new = Coverage(name, int(part["at"].min()), int(part["at"].max()))
            old = self.by_file.setdefault(str(file), new)
            old.first, old.last = min(old.first, new.first), max(old.last, new.last)


def find_skew(coverages: Coverages, written: Mapping[str, float], *, whole: bool) -> Iterator[str]:
    """Yield a warning for each file whose clock was probably off, with the shift to use and what shows it.

    Args:
        coverages: what each file holds.
        written: by file, when it was last written, seconds since 1970, where that is known.
        whole: whether all of each file was read, and not a window of it only.
    """
    for file, cover in sorted(coverages.by_file.items()):
        others = [other for other in coverages.by_file.values() if other.host != cover.host]
        offset = _offset_to(cover, others) if whole else None
        late = cover.last - int(written[file] * SECOND_US) if file in written else 0
        if LEAST_US <= late <= MOST_US:
            yield _warn_late(file, cover, late, offset)
        elif offset is not None and len({other.host for other in others}) > 1:
            yield _warn_apart(file, offset)


def _offset_to(cover: Coverage, others: list[Coverage]) -> tuple[int, int] | None:
    """Return by how much begin and end are later than those of other hosts, if both are by the same.

    None as well if the others do not agree: then nobody knows whose clock is off.
    """
    ends = [[other.first for other in others], [other.last for other in others]]
    if not others or any(max(times) - min(times) > LEAST_US for times in ends):
        return None
    begin = cover.first - int(median(other.first for other in others))
    end = cover.last - int(median(other.last for other in others))
    least = min(abs(begin), abs(end))
    same = abs(begin - end) <= AGREEING * least and (begin > 0) == (end > 0)
    return (begin, end) if same and LEAST_US <= least <= MOST_US else None


def _warn_late(file: str, cover: Coverage, late: int, offset: tuple[int, int] | None) -> str:
    written = say_clock(cover.last - late, day_of=cover.last)
    shown = f"its last stamp, {say_clock(cover.last)}, is {say_length(late)} after it was last written, {written}"
    best = late
    if offset and abs(sum(offset) // 2 - late) <= AGREEING * late:
        best = sum(offset) // 2
        shown += f", and it begins {say_length(offset[0])} and ends {say_length(offset[1])} later than other hosts"
    return f"{_short(file)}: {shown}: {_advise(file, best)}"


def _warn_apart(file: str, offset: tuple[int, int]) -> str:
    begin, end = offset
    how = "later" if begin > 0 else "earlier"
    shown = f"it begins {say_length(abs(begin))} and ends {say_length(abs(end))} {how} than other hosts"
    return f"{_short(file)}: {shown}: {_advise(file, (begin + end) // 2)}"


def _advise(file: str, ahead: int) -> str:
    steps = round(ahead / ZONE_STEP_US)
    if steps and abs(ahead - steps * ZONE_STEP_US) <= NEAR_ZONE_US:
        return f"its zone is probably another one (--tz '{_glob(file)}=ZONE')"
    how = "ahead" if ahead > 0 else "behind"
    return f"the clock was probably {how} (--shift '{_glob(file)}={-round(ahead / SECOND_US):+d}s')"


def find_missing_pieces(pauses: Iterator[Pause]) -> Iterator[str]:
    """Yield a warning for each pause in which a piece of a log is probably missing: it lies between two files.

    Args:
        pauses: times without requests.
    """
    for pause in pauses:
        if pause.is_between_files:
            begin, end = say_clock(pause.last.at), say_clock(pause.next.at, day_of=pause.last.at)
            first, last = (f"{_short(place.file)}:{place.line}" for place in (pause.last, pause.next))
            whose = pause.host or pause.service
            yield f"{whose}: no requests from {begin} ({first}) to {end} ({last}): is a piece of the log missing?"


def _short(file: str) -> str:
    return "/".join(PurePosixPath(file).parts[-2:])


def _glob(file: str) -> str:
    """Return a pattern for the folder of a host, or for the file where there is no folder."""
    parts = PurePosixPath(file.partition("!")[0]).parts[-2:]
    return f"{parts[0]}/{parts[1]}" if len(parts) > 1 and parts[0] != "/" else parts[-1]
