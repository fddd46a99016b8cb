"""What people type for times; expected values by hand."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pandas as pd
import pytest

from timeline.errors import UsageError
from timeline.window import parse_duration, parse_time, resolve

NOW = datetime(2026, 6, 15, 14, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2026-06-15T14:03:00Z", None, datetime(2026, 6, 15, 14, 3, tzinfo=UTC)),
        ("2026-06-15T14:03:00.250+02:00", None, datetime(2026, 6, 15, 12, 3, 0, 250000, tzinfo=UTC)),
        ("2026-06-15 14:03", None, datetime(2026, 6, 15, 14, 3, tzinfo=UTC)),
        ("2026-06-15 14:03", "Europe/Berlin", datetime(2026, 6, 15, 12, 3, tzinfo=UTC)),
        ("2026-06-15 14:03 America/New_York", "Europe/Berlin", datetime(2026, 6, 15, 18, 3, tzinfo=UTC)),
        ("2026-06-15", None, datetime(2026, 6, 15, tzinfo=UTC)),
        ("@1781532180", None, datetime(2026, 6, 15, 14, 3, tzinfo=UTC)),
        ("@1781532180.5", None, datetime(2026, 6, 15, 14, 3, 0, 500000, tzinfo=UTC)),
        ("now", None, NOW),
        ("today", "Europe/Berlin", datetime(2026, 6, 14, 22, 0, tzinfo=UTC)),
        ("yesterday", None, datetime(2026, 6, 14, tzinfo=UTC)),
        ("90m", None, datetime(2026, 6, 15, 12, 33, tzinfo=UTC)),
        ("-2h", None, datetime(2026, 6, 15, 12, 3, tzinfo=UTC)),
        ("2h ago", None, datetime(2026, 6, 15, 12, 3, tzinfo=UTC)),
        ("15 June 2026 14:03", "Europe/Berlin", datetime(2026, 6, 15, 12, 3, tzinfo=UTC)),
        ("15 June 2026 14:03 EST", None, datetime(2026, 6, 15, 19, 3, tzinfo=UTC)),
        ("14:03", None, time(14, 3)),
        ("9:05:30", None, time(9, 5, 30)),
    ],
)
def test_times_are_read(text: str, zone: str | None, expected: object) -> None:
    assert expected == parse_time(text, zone=zone, now=NOW)


@pytest.mark.parametrize(
    "text", ["", "soon", "25:00", "2026-13-01", "@abc", "15 June 2026 14:03 IST", "2025-10-26 02:30 Europe/Berlin"]
)
def test_what_is_no_single_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_time(text, now=NOW)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("95s", 95), ("-95s", -95), ("1h30m", 5400), ("1h30min", 5400), ("+2.5 s", 2.5), ("2d", 172800), ("100ms", 0.1)],
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert timedelta(seconds=seconds) == parse_duration(text)


@pytest.mark.parametrize("text", ["", "5", "5 parsecs", "m", "1h30"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_duration(text)


def test_a_time_of_day_takes_the_date_of_the_evidence() -> None:
    span = (datetime(2026, 6, 15, 8, tzinfo=UTC), datetime(2026, 6, 15, 20, tzinfo=UTC))

    window = resolve(since=time(14, 0), until=time(15, 0), span=span)

    assert (datetime(2026, 6, 15, 14, tzinfo=UTC), datetime(2026, 6, 15, 15, tzinfo=UTC)) == (
        window.since,
        window.until,
    )


def test_a_time_of_day_over_two_days_is_refused_with_an_example() -> None:
    span = (datetime(2026, 6, 15, 8, tzinfo=UTC), datetime(2026, 6, 16, 20, tzinfo=UTC))

    with pytest.raises(UsageError) as caught:
        resolve(since=time(14, 0), span=span)

    assert "2026-06-15 14:00" in caught.value.help


def test_around_makes_a_window() -> None:
    window = resolve(around=NOW, before=timedelta(minutes=15), after=timedelta(hours=2))

    assert (NOW - timedelta(minutes=15), NOW + timedelta(hours=2)) == (window.since, window.until)


def test_an_empty_window_is_refused() -> None:
    with pytest.raises(UsageError, match="empty"):
        resolve(since=NOW, until=NOW - timedelta(hours=1))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2 hours ago", datetime(2026, 6, 15, 12, 3, tzinfo=UTC)),
        ("1w", datetime(2026, 6, 8, 14, 3, tzinfo=UTC)),
        ("1M", datetime(2026, 5, 16, 3, 33, tzinfo=UTC)),  # systemd.time(7): 30.44 days, 2,629,800 s
        ("+2h", datetime(2026, 6, 15, 16, 3, tzinfo=UTC)),
        ("2026/06/05 16:03:11", datetime(2026, 6, 5, 16, 3, 11, tzinfo=UTC)),
        ("15/Jun/2026:14:03:11 +0200", datetime(2026, 6, 15, 12, 3, 11, tzinfo=UTC)),
        ("June 15 2026 2:03 PM", datetime(2026, 6, 15, 14, 3, tzinfo=UTC)),
        ("2:03 PM", time(14, 3)),
        ("14:03Z", time(14, 3, tzinfo=UTC)),
    ],
)
def test_what_is_copied_from_a_log_or_known_from_journalctl_is_read(text: str, expected: object) -> None:
    assert expected == parse_time(text, now=NOW)


@pytest.mark.parametrize(
    "text",
    [
        "10",
        "90",
        "may",
        "Mon",
        "15 Jun",
        "2026-06",
        "01/02/03",
        "05/06/2026",
        "2h30",
        "Mon 14:03",
        "14:03 Europe/Berln",
    ],
)
def test_a_date_is_never_guessed(text: str) -> None:
    with pytest.raises(UsageError):
        parse_time(text, now=NOW)


@pytest.mark.parametrize("value", [5, None, pd.NaT, b"14:03", ["14:03"]])
def test_what_is_neither_text_nor_a_time_is_refused(value: object) -> None:
    with pytest.raises(UsageError):
        parse_time(value)  # type: ignore[arg-type]


def test_a_duration_of_another_type_is_refused() -> None:
    with pytest.raises(UsageError):
        parse_duration(5)  # type: ignore[arg-type]


def test_a_time_of_day_with_a_zone_takes_the_date_of_the_evidence_in_that_zone() -> None:
    span = (datetime(2026, 6, 15, 22, 30, tzinfo=UTC), datetime(2026, 6, 15, 23, tzinfo=UTC))

    window = resolve(since=parse_time("00:45 Europe/Berlin"), span=span)

    assert datetime(2026, 6, 15, 22, 45, tzinfo=UTC) == window.since
