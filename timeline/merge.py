"""Interleave frames of events into one."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from timeline import schema
from timeline.arrays import take, time_order


def merge(frames: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Put the events of all *frames* into one frame, in order of time.

    Events of one instant are ordered by file name, then by line; events without a time come last. The order in
    which the frames are given does not matter.

    Args:
        frames: event frames (see `timeline.schema`).
    """
    events = schema.concat(frames)
    order = time_order(events)
    return events if order is None else take(events, order)
