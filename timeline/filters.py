"""Keep the events that the user asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from timeline import schema
from timeline.errors import UnknownNameError, UsageError


def keep(
    events: pd.DataFrame,
    *,
    source: Sequence[str] = (),
    severity: str | None = None,
    grep: Sequence[str] = (),
    exclude: Sequence[str] = (),
) -> pd.DataFrame:
    """Return the events that pass every filter.

    Args:
        events: an event frame.
        source: names of parsers ("nginx-access"), or services ("#incident", "nginx.service"); any may match.
        severity: the least severity, by syslog name; events without one (people, mostly) stay.
        grep: regular expressions; the message must contain each, in any case of letters.
        exclude: regular expressions; the message must contain none.

    Raises:
        UsageError: a severity or expression cannot be used.
    """
    passed = np.ones(len(events), bool)
    if source:
        passed &= (events[schema.SOURCE].isin(source) | events[schema.SERVICE].isin(source)).to_numpy(bool)
    if severity is not None:
        if severity not in schema.SEVERITIES:
            raise UnknownNameError("severity", severity, schema.SEVERITIES)
        codes = events[schema.SEVERITY].cat.codes.to_numpy()
        passed &= codes <= schema.SEVERITIES.index(severity)
    for pattern in grep:
        passed &= _contains(events[schema.MESSAGE], pattern)
    for pattern in exclude:
        passed &= ~_contains(events[schema.MESSAGE], pattern)
    return events if passed.all() else events[passed].reset_index(drop=True)


def _contains(messages: pd.Series, pattern: str) -> np.ndarray:
    try:
        re.compile(pattern)
    except re.error as error:
        raise UsageError(
            f"{pattern!r} is not a regular expression: {error}", help="escape . ( ) [ ] with a backslash"
        ) from error
    return messages.str.contains(f"(?:{pattern})", case=False, regex=True).fillna(False).to_numpy(bool)
