"""How numbers are said in a sentence: shares, lengths of time, clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

SECOND_US: Final = 1_000_000
WHOLE: Final = 10
"""From ten percent on no decimals are told."""
LONG_S: Final = 600
"""From ten minutes on no seconds are told."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def say_share(part: int, whole: int) -> str:
    """Return a share in percent; "100 %" and "0 %" only if it is all or nothing."""
    percent = 100 * part / whole if whole else 0.0
    if 0 < percent < 0.05:  # noqa: PLR2004 - would be said as 0.0
        return "under 0.1 %"
    if percent < WHOLE:
        return f"{percent:.1f} %" if part else "0 %"
    return "over 99 %" if part < whole and round(percent) == 100 else f"{percent:.0f} %"  # noqa: PLR2004


def say_rate(rate: float) -> str:
    """Return a rate as a share in percent; see `say_share`."""
    return say_share(round(rate * 1_000_000), 1_000_000)


def say_length(micros: int) -> str:
    """Return a length of time: "48 s", "2 min 39 s", "3 h 5 min"."""
    seconds = round(micros / SECOND_US)
    minutes, rest = divmod(seconds, 60)
    if not minutes:
        return f"{seconds} s"
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min {rest} s" if rest and seconds < LONG_S else f"{minutes} min"


def say_clock(micros: int, *, day_of: int | None = None) -> str:
    """Return the time of day in UTC, with the date if that is another one than that of *day_of*."""
    moment = EPOCH + timedelta(microseconds=micros)
    same = day_of is None or (EPOCH + timedelta(microseconds=day_of)).date() == moment.date()
    return f"{moment:%H:%M:%S}" if same else f"{moment:%Y-%m-%d %H:%M:%S}"


def say_list(names: list[str]) -> str:
    """Return "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
