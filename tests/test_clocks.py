"""A clock that was off is told with the shift that sets it right, and what shows it."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

import timeline
from timeline import schema
from timeline.clocks import Coverages, find_skew

NOON = pd.Timestamp("2026-06-15T12:00:00Z")


def cover(*files: tuple[str, str, int, int], source: str = "journald") -> Coverages:
    """Make coverages of (file, host, first second, last second)."""
    rows = [(file, host, second) for file, host, first, last in files for second in (first, last)]
    events = schema.conform(
        pd.DataFrame(
            {
                "timestamp": pd.array(
                    [NOON + pd.Timedelta(second, "s") for *_, second in rows], dtype=schema.TIME_DTYPE
                ),
                "file": [row[0] for row in rows],
                "host": [row[1] for row in rows],
                "source": source,
            }
        )
    )
    found = Coverages()
    for row in range(len(events)):  # slice by slice
        found.add(events.iloc[[row]].reset_index(drop=True))
    return found


def written(second: int) -> float:
    return NOON.timestamp() + second


WEB = ("web-01/journal.json", "web-01", 0, 3600)
DB = ("db-01/postgresql.log", "db-01", 2, 3598)


def test_a_stamp_after_the_file_was_written_is_a_clock_ahead() -> None:
    found = cover(WEB, ("pay-01/journal.json", "pay-01", 95, 3695))

    (warning,) = find_skew(found, {"pay-01/journal.json": written(3600)}, whole=False)

    assert "pay-01/journal.json: its last stamp, 13:01:35, is 1 min 35 s after it was last written, 13:00:00" in warning
    assert "--shift 'pay-01/journal.json=-95s'" in warning


def test_begin_and_end_on_other_hosts_make_the_shift_exact() -> None:
    found = cover(WEB, ("pay-01/journal.json", "pay-01", 430, 4010))

    (warning,) = find_skew(found, {"pay-01/journal.json": written(3610)}, whole=True)

    assert "it begins 7 min 10 s and ends 6 min 50 s later than other hosts" in warning
    assert "--shift 'pay-01/journal.json=-420s'" in warning


def test_a_host_apart_from_two_others_is_suspected_without_the_time_of_its_file() -> None:
    (warning,) = find_skew(cover(WEB, DB, ("pay-01/a.log", "pay-01", -299, 3301)), {}, whole=True)

    assert "it begins 5 min and ends 4 min 58 s earlier than other hosts" in warning
    assert "--shift 'pay-01/a.log=+299s'" in warning  # the mean of 300 and 298


def test_whole_hours_are_a_zone() -> None:
    found = cover(WEB, ("db-01/postgresql.log", "db-01", 7200, 10_800))

    (warning,) = find_skew(found, {"db-01/postgresql.log": written(3601)}, whole=True)

    assert "--tz 'db-01/postgresql.log=ZONE'" in warning


@pytest.mark.parametrize(
    "found",
    [
        cover(WEB, DB),
        cover(WEB, DB, ("late/a.log", "late", 600, 3600)),  # began later, ended with the others
        cover(WEB, ("two/a.log", "two", 300, 3900)),  # of two hosts nobody knows which is off
        cover(WEB, DB, ("day/a.log", "day", 200_000, 203_600)),  # another day
        cover(WEB, DB, ("chat/a.json", "", 400, 4000), source="slack"),
    ],
)
def test_what_may_well_be_is_not_suspected(found: Coverages) -> None:
    assert [] == [*find_skew(found, {"web-01/journal.json": written(3590)}, whole=True)]


def test_part_of_a_file_tells_nothing_about_its_begin() -> None:
    assert [] == [*find_skew(cover(WEB, DB, ("pay-01/a.log", "pay-01", 300, 3900)), {}, whole=False)]


def test_reading_warns_and_shifts_nothing(tmp_path: Path) -> None:
    log = tmp_path / "web-01.log"
    log.write_text(
        '198.51.100.7 - - [15/Jun/2026:12:01:35 +0000] "GET / HTTP/1.1" 200 5 "-" "curl"\n' * 3, encoding="utf-8"
    )
    os.utime(log, (NOON.timestamp(), NOON.timestamp()))

    evidence = timeline.read(log)

    assert NOON + pd.Timedelta(95, "s") == evidence.events["timestamp"].iloc[0]
    assert [True] == ["=-95s'" in warning for warning in evidence.warnings]
    assert [] == timeline.read(log, shift={"web-01.log": "-95s"}).warnings
