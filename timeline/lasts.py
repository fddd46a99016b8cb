"""Give the last event of a run of state changes a line of its own: a server that became ready for good, a rollback."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from timeline import schema
from timeline.arrays import NEVER, micros, take
from timeline.schema import (
    COUNT,
    FILE,
    KIND,
    LAST_FILE,
    LAST_LINE,
    LAST_MESSAGE,
    LINE,
    MESSAGE,
    PEAK_AT,
    TIMESTAMP,
    UNTIL,
)

LASTING_US: Final = 30_000_000
"""A run that lasted longer, three buckets, has an end of its own."""
CHANGES: Final = (
    "unit-started", "unit-stopped", "unit-reloaded", "server-start", "server-ready", "server-stop", "config-reload",
    "promotion", "machine-start", "boot",
)  # fmt: skip
"""What changes a state to another one that lasts; failures say themselves until when they went on."""


def make_last_entries(entries: pd.DataFrame) -> pd.DataFrame:
    """Return entries for the last events of long runs of state changes; they count 0.

    Args:
        entries: what `timeline.collapse` gives.
    """
    if LAST_LINE not in entries or not len(entries):
        return entries.iloc[:0]
    times, ends = micros(entries[TIMESTAMP]), micros(entries[UNTIL])
    lasting = (ends != NEVER) & (np.where(ends != NEVER, ends, times) - times > LASTING_US)
    made = take(entries, np.flatnonzero(lasting & entries[KIND].isin(CHANGES).to_numpy()))
    for name, last in ((TIMESTAMP, UNTIL), (FILE, LAST_FILE), (LINE, LAST_LINE), (MESSAGE, LAST_MESSAGE)):
        made[name] = made[last]
    for name in (UNTIL, PEAK_AT):
        made[name] = schema.missing(schema.TIME_DTYPE, made.index)
    made[schema.REF] = schema.missing("str", made.index)
    made[COUNT] = pd.array([0] * len(made), dtype="Int64")
    return made
