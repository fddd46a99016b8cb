"""Zone names and abbreviations: what they mean, and which mean more than one thing."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from typing import Final

from timeline.errors import UnknownNameError

MINUTE: Final = 60_000_000
"""A minute in microseconds."""

UTC_NAMES: Final = frozenset({"UTC", "GMT", "Z", "UT", "Etc/UTC", "+00", "+0000", "+00:00"})

# Minutes east of UTC, or the IANA zone in which the abbreviation changed its meaning over time.
# Source: PostgreSQL 18, timezonesets/Default; where that file marks CONFLICT, this is PostgreSQL's own choice.
ABBREVIATIONS: Final[dict[str, int | str]] = {
    "WET": 0, "WEST": 60, "BST": 60, "CET": 60, "CEST": 120, "MET": 60, "MEST": 120, "MEZ": 60, "MESZ": 120,
    "EET": 120, "EEST": 180, "IST": 120, "IDT": 180, "MSK": "Europe/Moscow", "MSD": 240,
    "SAST": 120, "WAT": 60, "CAT": 120, "EAT": 180, "PKT": 300, "PKST": 360,
    "HKT": 480, "KST": 540, "JST": 540, "WIB": 420, "WITA": 480, "WIT": 540,
    "AWST": 480, "ACST": 570, "ACDT": 630, "AEST": 600, "AEDT": 660, "NZST": 720, "NZDT": 780, "ChST": 600,
    "NST": -210, "NDT": -150, "AST": -240, "ADT": -180, "AMT": -240, "AMST": -180, "EST": -300, "EDT": -240,
    "CST": -360, "CDT": -300, "MST": -420, "MDT": -360, "PST": -480, "PDT": -420, "AKST": -540, "AKDT": -480,
    "HST": -600, "HDT": -540,
}  # fmt: skip

# Abbreviations that zones of today or of the last decades share, with the places they may mean: PostgreSQL's own
# choice first, where it has one.
# Source: tzdata 2025; PostgreSQL's CONFLICT marks.
AMBIGUOUS: Final[dict[str, tuple[str, ...]]] = {
    "CST": ("America/Chicago", "Asia/Shanghai", "America/Havana"),
    "CDT": ("America/Chicago", "America/Havana"),
    "PST": ("America/Los_Angeles", "Asia/Manila"),
    "IST": ("Asia/Jerusalem", "Asia/Kolkata", "Europe/Dublin"),
    "BST": ("Europe/London", "Pacific/Bougainville"),
    "AMT": ("America/Manaus", "Asia/Yerevan"),
    "AMST": ("America/Manaus", "Asia/Yerevan"),
    "SST": ("Pacific/Pago_Pago", "Asia/Singapore"),
}

_OFFSET: Final = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d{2}))?(?::?(\d{2}))?")


def offset_of(text: str) -> int | None:
    """Return the offset of a numeric zone in microseconds east of UTC, or None.

    "+0200", "+02:00", "-03", "+0545" are read with east positive, as ISO 8601 and the numeric abbreviations of tzdata
    have it. A name with the sign reversed ("UTC+3" for -03:00, POSIX) is not read: its meaning depends on who wrote it.
    """
    if text in UTC_NAMES:
        return 0
    found = _OFFSET.fullmatch(text)
    if found is None or text[0] not in "+-":
        return None
    hours, minutes = int(found[2]), int(found[3] or 0)
    if hours > 15 or minutes > 59:  # noqa: PLR2004 - no zone is further from UTC
        return None
    return (1 if found[1] == "+" else -1) * (hours * 60 + minutes) * MINUTE


@cache
def get_zone(name: str) -> tzinfo:
    """Return the zone *name*: IANA ("Europe/Berlin"), "UTC", or a fixed offset ("+02:00").

    Raises:
        UnknownNameError: there is no such zone; the help line offers the closest.
    """
    import pytz

    offset = offset_of(name)
    if offset is not None:
        return timezone(timedelta(microseconds=offset)) if offset else UTC
    try:
        return pytz.timezone(name)
    except (pytz.UnknownTimeZoneError, UnicodeEncodeError, AttributeError, ValueError):
        raise UnknownNameError("time zone", name, pytz.common_timezones) from None


@cache
def offsets_in(zone_name: str, abbreviation: str, first_year: int, last_year: int) -> tuple[int, ...]:
    """Return the offsets, in microseconds, at which a zone shows an abbreviation between two years."""
    zone = get_zone(zone_name)
    day = datetime(max(first_year, 1902), 1, 1, 12, tzinfo=UTC)
    end = datetime(min(last_year, 2100) + 1, 1, 1, tzinfo=UTC)
    found: dict[int, int] = {}
    while day < end:
        local = day.astimezone(zone)
        if local.tzname() == abbreviation and (offset := local.utcoffset()) is not None:
            micro = offset // timedelta(microseconds=1)
            found[micro] = found.get(micro, 0) + 1
        day += timedelta(days=7)
    return tuple(sorted(found, key=lambda offset: (-found[offset], offset)))
