"""Find what a program used to say steadily and then said no more, while its machine went on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from timeline import scan
from timeline.arrays import NEVER, Flags, encode, group, micros, ranks
from timeline.outages import Place
from timeline.phrases import SECOND_US
from timeline.schema import (
    COUNT,
    HOST,
    LAST_FILE,
    LAST_LINE,
    MESSAGE,
    SERVICE,
    SEVERITIES,
    SEVERITY,
    SOURCE,
    TEMPLATE,
    TIMESTAMP,
    UNTIL,
)

CHAT: Final = "slack"
STEADY: Final = 8
"""So often it was said before."""
COVERED: Final = 0.3
"""For so long a part of the window."""
OFTEN_US: Final = 5 * SECOND_US
"""What comes more often is no heartbeat but work."""
TIMES: Final = 5
LEAST_US: Final = 60 * SECOND_US
"""Nothing is said for so many of its usual pauses, and for a minute."""


@dataclass(frozen=True)
class Stop:
    """What stopped.

    Attributes:
        last: where it was said for the last time.
        every: the usual pause, microseconds.
        silent: for how long it was not said while other lines came from its host, microseconds.
        message: what was said first.
        host: whose.
        service: whose.
    """

    last: Place
    every: int
    silent: int
    message: str
    host: str
    service: str


def find_stops(entries: pd.DataFrame) -> Iterator[Stop]:
    """Yield the lines of routine that stopped, beyond chance among so many kinds of lines.

    Args:
        entries: what `timeline.collapse` gives, in any order.
    """
    if LAST_LINE not in entries or TEMPLATE not in entries:
        return
    rows = entries[(entries[TIMESTAMP].notna() & (entries[SOURCE] != CHAT)).to_numpy()].reset_index(drop=True)
    if not len(rows):
        return
    times = micros(rows[TIMESTAMP])
    ends = np.where(micros(rows[UNTIL]) == NEVER, times, micros(rows[UNTIL]))
    hosts = ranks(rows[HOST])
    series = group(encode(rows[TEMPLATE]), hosts, ranks(rows[SERVICE]), ranks(rows[SOURCE]))
    counts = rows[COUNT].to_numpy("int64")
    begin, end = (int(place) for place in np.quantile(np.concatenate([times, ends]), (0.001, 0.999)))
    until = {host: int(np.minimum(ends[hosts == host], end).max()) for host in np.unique(hosts).tolist()}
    steady = _is_routine(rows) & (counts >= STEADY) & (ends - times >= COVERED * (end - begin))
    for row in np.flatnonzero(steady).tolist():
        later = times[(series == series[row]) & (times > ends[row])]
        silent = int(later.min() if len(later) else until[int(hosts[row])]) - int(ends[row])
        every = int(ends[row] - times[row]) // int(counts[row] - 1)
        share = np.array([(ends[row] - times[row]) / max(ends[row] - times[row] + silent, 1)])
        strength = scan.silence_strength(share, counts[[row]], int(series.max()) + 1)[0]
        if every >= OFTEN_US and silent >= max(TIMES * every, LEAST_US) and strength > 0:
            yield Stop(_last_place(rows, row, int(ends[row])), every, silent, *_names(rows, row))


def _is_routine(rows: pd.DataFrame) -> Flags:
    """Mark what is no complaint: errors that stop are good news."""
    codes = rows[SEVERITY].cat.codes.to_numpy()
    return (codes < 0) | (codes >= SEVERITIES.index("notice"))


def _last_place(rows: pd.DataFrame, row: int, at: int) -> Place:
    return Place(at, str(rows[LAST_FILE].iloc[row]), int(rows[LAST_LINE].iloc[row]))


def _names(rows: pd.DataFrame, row: int) -> tuple[str, str, str]:
    told = (rows[name].iloc[row] for name in (MESSAGE, HOST, SERVICE))
    message, host, service = ("" if pd.isna(value) else str(value) for value in told)
    return message, host, service
