"""Read what people type for times, durations and windows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, Final

from timeline import zones
from timeline.errors import UnknownNameError, UsageError

# Units and their lengths as in systemd.time(7): m is a minute, M a month of 30.44 days.
_UNITS: Final = {
    name: length
    for names, length in (
        ("us usec", timedelta(microseconds=1)), ("ms msec", timedelta(milliseconds=1)),
        ("s sec secs second seconds", timedelta(seconds=1)), ("m min mins minute minutes", timedelta(minutes=1)),
        ("h hr hrs hour hours", timedelta(hours=1)), ("d day days", timedelta(days=1)),
        ("w week weeks", timedelta(weeks=1)), ("M month months", timedelta(seconds=2_629_800)),
        ("y year years", timedelta(seconds=31_557_600)),
    )
    for name in names.split()
}  # fmt: skip
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*")
_ZONE: Final = r"(?P<zone>Z|UTC|[+-]\d{2}:?\d{2}|[A-Za-z]+(?:/[A-Za-z0-9_+-]+)+)?"
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(\.\d{1,6})?)?\s*" + _ZONE)
_STAMP: Final = re.compile(
    r"(?P<date>\d{4}([-/])\d{2}\2\d{2})(?:[T ](?P<clock>\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?))?\s*" + _ZONE
)
_HALF_DAY: Final = re.compile(r"\d\s*[ap]\.?m\b", re.IGNORECASE)
_HELP: Final = (
    "examples: 2026-06-15T14:03Z, '2026-06-15 14:03 Europe/Berlin', 14:03, 90m, '2h ago', yesterday, @1781532180"
)

Bound = datetime | time
"""A moment, or a time of day whose date the evidence gives."""


@dataclass(frozen=True)
class Window:
    """A span of time, both ends included; None is open."""

    since: datetime | None = None
    until: datetime | None = None

    def __str__(self) -> str:
        """Say the window in UTC."""
        ends = [
            end.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if end else "open" for end in (self.since, self.until)
        ]
        return f"{ends[0]} to {ends[1]} UTC"


def parse_duration(text: str) -> timedelta:
    """Read a duration such as "90m", "1h30min", "-95s" or "+2.5 s".

    Raises:
        UsageError: it is no duration.
    """
    if not isinstance(text, str):
        raise UsageError(f"{text!r} is not a duration", help="a timedelta, or text such as '95s', '15m', '1h30m'")
    body = text.strip().removeprefix("+")
    sign = -1 if body.startswith("-") else 1
    body = body.removeprefix("-").strip()
    total, place = timedelta(), 0
    while found := _PART.match(body, place):
        unit = _UNITS.get(found[2])
        if unit is None:
            break
        total += float(found[1]) * unit if "." in found[1] else int(found[1]) * unit
        place = found.end()
    if not body or place != len(body):
        raise UsageError(f"{text!r} is not a duration", help="examples: 95s, -95s, 15m, 1h30m, 2d")
    return sign * total


def parse_time(text: str | datetime | time | date, *, zone: str | None = None, now: datetime | None = None) -> Bound:
    """Read a moment.

    Args:
        text: RFC 3339; a date with or without time and zone; a time of day; a duration before now, or with "+" after
            it; "now", "today", "yesterday"; "@" and seconds since 1970; else what python-dateutil understands, if it
            names a whole date that can be read in one way. A `datetime` is taken as it is.
        zone: of values that name none; UTC by default.
        now: what relative values refer to.

    Returns:
        An aware UTC datetime, or a `time` when the date must come from the evidence.

    Raises:
        UsageError: it cannot be read.
    """
    home = zones.get_zone(zone or "UTC")
    if not isinstance(text, (str, date, time)) or text != text:  # noqa: PLR0124 - NaT is a datetime that is not equal to itself
        raise UsageError(f"{text!r} is not a time", help=_HELP)
    if isinstance(text, datetime):
        return text.astimezone(UTC) if text.tzinfo else _localize(text, home, str(text))
    if isinstance(text, time):
        return text
    if isinstance(text, date):
        return _localize(datetime.combine(text, time()), home, str(text))
    return _parse_text(text.strip(), home, now or datetime.now(UTC))


def _parse_text(text: str, home: tzinfo, now: datetime) -> Bound:
    if text.startswith("@"):
        return _from_epoch(text)
    if found := _CLOCK.fullmatch(text):
        return _clock(text, found)
    if found := _STAMP.fullmatch(text):
        return _from_stamp(text, found, home)
    if (named := _named_day(text, home, now)) is not None:
        return named
    try:
        length = parse_duration(text.removesuffix("ago"))
        return now + length if text.startswith("+") else now - abs(length)
    except UsageError:
        return _from_words(text, home)


def _from_epoch(text: str) -> datetime:
    try:
        seconds, _, fraction = text[1:].partition(".")
        micro = int((fraction + "000000")[:6])
        return datetime.fromtimestamp(int(seconds), UTC) + timedelta(microseconds=micro)
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(f"{text!r} is not @ and seconds since 1970", help=_HELP) from error


def _clock(text: str, found: re.Match[str]) -> time:
    try:
        micro = int(((found[4] or ".0")[1:] + "000000")[:6])
        zone = zones.get_zone(found["zone"]) if found["zone"] else None
        return time(int(found[1]), int(found[2]), int(found[3] or 0), micro, zone)
    except UnknownNameError:
        raise
    except ValueError as error:
        raise UsageError(f"{text!r} is not a time of day", help=_HELP) from error


def _from_stamp(text: str, found: re.Match[str], home: tzinfo) -> datetime:
    day, clock, zone = found["date"], found["clock"] or "00:00", found["zone"]
    try:
        moment = datetime.fromisoformat(f"{day.replace('/', '-')}T{clock.replace(',', '.').rjust(5, '0')}")
    except ValueError as error:
        raise UsageError(f"{text!r} is not a date and time: {error}", help=_HELP) from error
    return _localize(moment, zones.get_zone(zone) if zone else home, text)


def _named_day(text: str, home: tzinfo, now: datetime) -> datetime | None:
    if text == "now":
        return now
    days = {"today": 0, "yesterday": 1}.get(text)
    if days is None:
        return None
    day = now.astimezone(home).date() - timedelta(days=days)
    return _localize(datetime.combine(day, time()), home, text)


def _from_words(text: str, home: tzinfo) -> Bound:
    """Let python-dateutil read it, but never guess: what it takes from its default must not decide the date."""
    # nginx's access logs have a colon between date and time.
    plain = re.sub(r"(?<=/\d{4}):", " ", text)
    starts = datetime(2001, 2, 3), datetime(2004, 5, 6)  # noqa: DTZ001 - the zone comes from the text
    readings = [_read_words(plain, start, day_first=first) for start in starts for first in (False, True)]
    if all(reading == readings[0] for reading in readings):
        return readings[0].astimezone(UTC) if readings[0].tzinfo else _localize(readings[0], home, text)
    dates = [reading.date() for reading in readings]
    if dates == [start.date() for start in starts for _ in range(2)] and _HALF_DAY.search(text):
        return readings[0].timetz()
    if dates[0] != dates[1]:
        raise UsageError(f"{text!r} can be read as {dates[0]} and as {dates[1]}", help="write YYYY-MM-DD")
    raise UsageError(f"{text!r} names no whole date", help=_HELP)


def _read_words(text: str, start: datetime, *, day_first: bool) -> datetime:
    """Read text with what is absent taken from *start*, always with our zones: else EST is read by the machine's."""
    from dateutil import parser

    def resolve(name: str | None, offset: int | None) -> tzinfo | int | None:
        if name is None and offset is None:
            return None  # dateutil asks even if the text has no zone
        if name is None or name in zones.UTC_NAMES:
            return UTC if offset in (None, 0) else offset
        meaning = zones.ABBREVIATIONS.get(name)
        if name in zones.AMBIGUOUS or not isinstance(meaning, int):
            raise UsageError(f"{text!r}: the zone {name} means several things", help="use an offset such as +02:00")
        return meaning * 60

    try:
        return parser.parse(text, default=start, tzinfos=resolve, dayfirst=day_first)
    except (ValueError, OverflowError, TypeError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{text!r} is not a time", help=_HELP) from error


def _localize(moment: datetime, zone: tzinfo, text: str) -> datetime:
    """Attach a zone; a time that the zone has twice or never is refused, since it is one that a person chose."""
    import pytz

    if moment.tzinfo is not None:
        return moment.astimezone(UTC)
    if not hasattr(zone, "localize"):
        return moment.replace(tzinfo=zone).astimezone(UTC)
    try:
        local: datetime = zone.localize(moment, is_dst=None)
    except pytz.InvalidTimeError as error:
        kind = "twice" if isinstance(error, pytz.AmbiguousTimeError) else "never"
        raise UsageError(f"{text!r} comes {kind} in {zone}", help="add an offset such as +02:00") from error
    return local.astimezone(UTC)


def resolve(
    *,
    since: Bound | None = None,
    until: Bound | None = None,
    around: Bound | None = None,
    before: timedelta = timedelta(minutes=15),
    after: timedelta = timedelta(hours=1),
    zone: str | None = None,
    span: tuple[datetime, datetime] | None = None,
) -> Window:
    """Put a window together.

    Args:
        since: its begin.
        until: its end.
        around: a moment inside, instead of the two.
        before: how long before *around* it begins.
        after: how long after *around* it ends.
        zone: of times of day.
        span: first and last stamp of the evidence, which dates a time of day.

    Raises:
        UsageError: the begin is after the end, or a time of day has no single date.
    """
    home = zones.get_zone(zone or "UTC")
    if around is not None:
        if since is not None or until is not None:
            raise UsageError("--around cannot stand beside --since or --until", help="use --before and --after")
        middle = _on_day(around, home, span)
        return Window(middle - before, middle + after)
    ends = [None if bound is None else _on_day(bound, home, span) for bound in (since, until)]
    if ends[0] and ends[1] and ends[0] > ends[1]:
        raise UsageError(f"the window is empty: {Window(*ends)}", help="--since must be before --until")
    return Window(*ends)


def _on_day(bound: Bound, home: tzinfo, span: tuple[datetime, datetime] | None) -> datetime:
    if isinstance(bound, datetime):
        return bound
    if span is None:
        raise UsageError(f"{bound:%H:%M} has no date and the evidence has no times", help=_HELP)
    home, bound = bound.tzinfo or home, bound.replace(tzinfo=None)
    days = {end.astimezone(home).date() for end in span}
    if len(days) > 1:
        first, last = sorted(days)
        raise UsageError(
            f"{bound:%H:%M} has no date and the evidence spans {first} to {last}",
            help=f"say for example '{first} {bound:%H:%M}'",
        )
    return _localize(datetime.combine(days.pop(), bound), home, str(bound))


@dataclass(frozen=True)
class WindowRequest:
    """A window as it was asked for; times of day wait for the evidence's date."""

    since: Bound | None
    until: Bound | None
    around: Bound | None
    before: timedelta
    after: timedelta
    zone: str | None

    @property
    def at_once(self) -> Window | None:
        """The window, if it can be said without the evidence; None if it is open, or has a time of day in it."""
        bounds = [bound for bound in (self.since, self.until, self.around) if bound is not None]
        return self.resolve(None) if bounds and all(isinstance(bound, datetime) for bound in bounds) else None

    def resolve(self, span: tuple[datetime, datetime] | None) -> Window:
        """Date it by the evidence; see `resolve`."""
        return resolve(**vars(self), span=span)


def request_window(given: Mapping[str, Any], asked: Mapping[str, Any], zone: str | None) -> WindowRequest:
    """Put together what was given for a run and what a settings file asks for; what was given wins.

    Args:
        given: `since`, `until`, `around`, `before`, `after`, None where nothing was given.
        asked: the same from a settings file, and its `tz`, in which its times are.
        zone: of the given times that name none.

    Raises:
        UsageError: a time or duration cannot be read, or a length has no moment that it belongs to.
    """
    told = {name: given.get(name) for name in _ENDS}
    home = zone
    if all(value is None for value in told.values()):
        told = {name: asked.get(name) for name in _ENDS}
        home = asked.get("tz") or zone
    lengths: dict[str, Any] = {}
    for name, usual in _LENGTHS.items():
        if given.get(name) is not None and told["around"] is None:
            raise UsageError(f"--{name} belongs to --around", help=f"--around 14:03 --{name} {given[name]}")
        value = next((value for value in (given.get(name), asked.get(name)) if value is not None), usual)
        lengths[name] = value if isinstance(value, timedelta) else parse_duration(value)
    ends: dict[str, Any] = {
        name: None if value is None else parse_time(value, zone=home) for name, value in told.items()
    }
    return WindowRequest(**ends, **lengths, zone=home)


_ENDS: Final = ("since", "until", "around")
_LENGTHS: Final = {"before": timedelta(minutes=15), "after": timedelta(hours=1)}
