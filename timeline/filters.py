"""Keep the events that the user asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

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


def find_names(events: pd.DataFrame) -> set[str]:
    """Return the names by which `keep` knows sources: those of parsers and of services."""
    return {str(name) for column in (schema.SOURCE, schema.SERVICE) for name in events[column].dropna().unique()}


def unknown_sources(names: set[str], source: Sequence[str]) -> list[str]:
    """Say which of the sources that the user wants to keep are not among *names*, and what is close to them."""
    return [
        f"no event has the source or service {name!r}" + (f" (did you mean {near[0]!r}?)" if near else "")
        for name in source
        if name not in names and (near := get_close_matches(name, sorted(names), n=1)) is not None
    ]


def _contains(messages: pd.Series, pattern: str) -> np.ndarray:
    try:
        expression = re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise UsageError(
            f"{pattern!r} is not a regular expression: {error}", help="escape . ( ) [ ] with a backslash"
        ) from error
    text = pa.array(messages.astype("str"), pa.large_string(), from_pandas=True)
    try:
        found = pc.match_substring_regex(text, pattern, ignore_case=True)
    except pa.ArrowInvalid:  # RE2 has no look-around and no references back
        found = pa.array([None if value is None else bool(expression.search(value)) for value in text.to_pylist()])
    contained: np.ndarray = pc.fill_null(found, False).to_numpy(zero_copy_only=False)
    return contained
