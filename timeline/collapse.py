"""Fold runs of look-alike events into one entry each."""

from __future__ import annotations

import pandas as pd

from timeline.cells import entries_of, reduce_events


def collapse(events: pd.DataFrame) -> pd.DataFrame:
    """Fold each run of look-alike events into its first one; messages of people are never folded.

    Two events look alike if they differ in numbers, addresses and the like only (see `timeline.templates`), and are
    equal in source, host, service, severity and kind; requests, if route and class of status are equal; messages of
    programs in a chat, if their texts are equal. A run ends after a pause of 60 s, or of ten times its median gap where
    nine events show one; changes of state always after 60 s, requests that did not fail never. Events of kind `noise`
    are left out.

    Adds `count` (events in the run), `until` (time of the last one, if there are more than one; where it stands and
    what it says are `last_file`, `last_line` and `last_message`), `peak_at` (first event of the densest ten seconds)
    and `template`. The first event's own text is shown, but for failed requests, whose
    message is composed: "502 on POST /checkout: 43 % of 2,986 requests". Their kind is `http-errors`, and a further
    entry `http-errors-end` with a count of 0 stands where the last of them does. The sum of `count` is the number of
    events that are not noise. The order of rows does not matter.

    Args:
        events: an event frame.

    Raises:
        SchemaError: *events* lacks a column of the event frame.
    """
    return entries_of(reduce_events(events))
