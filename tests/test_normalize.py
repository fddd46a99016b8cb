"""Stamps become UTC by the rules; expected instants come from `date -u` and the tz database, or by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from timeline.normalize import normalize


def records(stamps: Sequence[str | None], zones: Sequence[Any] | None = None) -> pd.DataFrame:
    walls = [None if stamp is None else int(np.datetime64(stamp, "us").astype(int)) for stamp in stamps]
    return pd.DataFrame(
        {
            "wall": pd.array(walls, dtype="Int64"),
            "zone": pd.Series(zones or [None] * len(stamps), dtype="category"),
            "message": "x",
        }
    )


def dated(
    stamps: Sequence[str | None], zones: Sequence[str | None] | None = None, **how: Any
) -> tuple[list[Any], list[str], list[str]]:
    warnings: list[str] = []
    frame = normalize(records(stamps, zones), label="a.log", warn=warnings.append, **how)
    times = [None if pd.isna(stamp) else f"{stamp:%Y-%m-%d %H:%M:%S.%f}"[:-3] for stamp in frame["timestamp"]]
    return times, [str(basis) for basis in frame["time_basis"]], warnings


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("UTC", "2026-06-15 12:00:00.000"), ("Z", "2026-06-15 12:00:00.000"), ("+0200", "2026-06-15 10:00:00.000"),
        ("-03:30", "2026-06-15 15:30:00.000"), ("+0545", "2026-06-15 06:15:00.000"), ("+03", "2026-06-15 09:00:00.000"),
        ("-05", "2026-06-15 17:00:00.000"), ("CEST", "2026-06-15 10:00:00.000"), ("EDT", "2026-06-15 16:00:00.000"),
    ],
)  # fmt: skip
def test_a_zone_in_the_record_is_explicit(zone: str, expected: str) -> None:
    times, basis, warnings = dated(["2026-06-15T12:00:00"], [zone])

    assert ([expected], ["explicit"], []) == (times, basis, warnings)


def test_an_offset_in_the_record_beats_the_told_zone() -> None:
    times, basis, _ = dated(["2026-06-15T12:00:00"], ["+0200"], zone="America/New_York")

    assert (["2026-06-15 10:00:00.000"], ["explicit"]) == (times, basis)


def test_without_a_zone_utc_is_assumed_and_the_option_named() -> None:
    times, basis, warnings = dated(["2026-06-15T12:00:00"])

    assert (["2026-06-15 12:00:00.000"], ["assumed"]) == (times, basis)
    assert len(warnings) == 1
    assert "a.log" in warnings[0]
    assert "--tz 'a.log=AREA/CITY'" in warnings[0]


def test_a_told_zone_dates_stamps_without_one() -> None:
    times, basis, warnings = dated(["2026-06-15T12:00:00", "2026-01-15T12:00:00"], zone="Europe/Berlin")

    assert (["2026-06-15 10:00:00.000", "2026-01-15 11:00:00.000"], ["declared"] * 2, []) == (times, basis, warnings)


def test_a_step_back_in_the_repeated_hour_begins_its_second_pass() -> None:
    stamps = [
        "2025-10-26T01:59:59",
        "2025-10-26T02:59:51",
        "2025-10-26T02:59:50",
        "2025-10-26T02:10:00",
        "2025-10-26T03:00:00",
    ]
    times, basis, _ = dated(stamps, zone="Europe/Berlin")

    assert [
        "2025-10-25 23:59:59.000", "2025-10-26 00:59:51.000", "2025-10-26 00:59:50.000", "2025-10-26 01:10:00.000",
        "2025-10-26 02:00:00.000",
    ] == times  # fmt: skip
    assert ["declared", "inferred", "inferred", "inferred", "declared"] == basis


def test_an_unproven_repeated_hour_is_read_as_first_pass_and_said() -> None:
    times, basis, warnings = dated(["2025-10-26T02:30:00"], zone="Europe/Berlin")

    assert (["2025-10-26 00:30:00.000"], ["inferred"]) == (times, basis)
    assert "twice" in warnings[0]


def test_a_time_in_the_spring_gap_is_read_with_the_offset_before() -> None:
    times, basis, _ = dated(["2025-03-09T02:00:05"], zone="America/New_York")

    assert (["2025-03-09 07:00:05.000"], ["inferred"]) == (times, basis)


def test_the_gap_of_lord_howe_is_half_an_hour() -> None:
    # Lord Howe goes from +10:30 to +11 at 02:00 on 2025-10-05; 02:15 does not exist.
    times, _, _ = dated(["2025-10-05T02:15:00"], zone="Australia/Lord_Howe")

    assert ["2025-10-04 15:45:00.000"] == times


def test_letters_settle_the_repeated_hour() -> None:
    times, basis, _ = dated(["2025-10-26T02:15:00", "2025-10-26T02:15:00"], ["CEST", "CET"], zone="Europe/Berlin")

    assert (["2025-10-26 00:15:00.000", "2025-10-26 01:15:00.000"], ["explicit", "explicit"]) == (times, basis)


def test_ambiguous_letters_are_read_in_the_told_zone() -> None:
    times, basis, warnings = dated(["2026-06-15T12:00:00"], ["CST"], zone="Asia/Shanghai", postgresql=True)

    assert (["2026-06-15 04:00:00.000"], ["declared"], []) == (times, basis, warnings)


def test_ambiguous_letters_of_postgresql_follow_its_own_table_and_are_said() -> None:
    times, basis, warnings = dated(["2026-01-15T12:00:00", "2026-01-15T12:00:00"], ["CST", "IST"], postgresql=True)

    assert (["2026-01-15 18:00:00.000", "2026-01-15 10:00:00.000"], ["assumed", "assumed"]) == (times, basis)
    assert 2 == len(warnings)
    assert "Asia/Shanghai" in warnings[0]


def test_ambiguous_letters_of_others_stay_undated_and_name_the_candidates() -> None:
    times, _, warnings = dated(["2026-01-15T12:00:00"], ["IST"])

    assert [None] == times
    assert all(name in warnings[0] for name in ("Asia/Kolkata", "Asia/Jerusalem", "Europe/Dublin", "--tz"))


def test_a_told_zone_that_never_shows_the_letters_does_not_bend_them() -> None:
    times, _, _ = dated(["2026-01-15T12:00:00"], ["EST"], zone="Asia/Shanghai")

    assert ["2026-01-15 17:00:00.000"] == times


def test_moscow_time_knows_its_history() -> None:
    times, _, _ = dated(["2012-01-15T12:00:00", "2016-01-15T12:00:00"], ["MSK", "MSK"])

    assert ["2012-01-15 08:00:00.000", "2016-01-15 09:00:00.000"] == times


def test_a_shift_is_added_and_noted() -> None:
    frame = normalize(records(["2026-06-15T12:00:00"], ["Z"]), shift=timedelta(seconds=-95))

    assert pd.Timestamp("2026-06-15T11:58:25Z") == frame["timestamp"][0]
    assert ("declared", "shifted by -95 s") == (frame["time_basis"][0], frame["time_note"][0])


def test_a_missing_stamp_stays_missing() -> None:
    times, _, _ = dated([None, "2026-06-15T12:00:00"], ["Z", "Z"])

    assert [None, "2026-06-15 12:00:00.000"] == times


class TestYears:
    def test_the_last_record_is_not_after_the_file(self) -> None:
        modified = datetime(2025, 1, 2, tzinfo=UTC).timestamp()
        times, basis, _ = dated(
            ["1972-12-31T23:59:59", "1972-01-01T00:00:01"], ["Z", "Z"], yearless=True, modified=modified
        )

        assert (["2024-12-31 23:59:59.000", "2025-01-01 00:00:01.000"], ["inferred", "inferred"]) == (times, basis)

    def test_a_told_year_is_that_of_the_first_record(self) -> None:
        times, basis, _ = dated(["1972-12-31T23:00:00", "1972-01-01T01:00:00"], ["Z", "Z"], yearless=True, year=2019)

        assert (["2019-12-31 23:00:00.000", "2020-01-01 01:00:00.000"], ["declared"] * 2) == (times, basis)

    def test_reversed_output_goes_back_over_new_year(self) -> None:
        times, _, _ = dated(["1972-01-01T01:00:00", "1972-12-31T23:00:00"], ["Z", "Z"], yearless=True, year=2020)

        assert ["2020-01-01 01:00:00.000", "2019-12-31 23:00:00.000"] == times

    def test_a_leap_day_survives(self) -> None:
        times, _, _ = dated(["1972-02-29T10:00:00"], ["Z"], yearless=True, year=2024)

        assert ["2024-02-29 10:00:00.000"] == times

    def test_without_a_date_the_stamps_stay_undated(self) -> None:
        times, _, warnings = dated(["1972-02-29T10:00:00"], ["Z"], yearless=True)

        assert [None] == times
        assert "--year" in warnings[0]


def test_microseconds_are_exact() -> None:
    frame = normalize(
        pd.DataFrame({"wall": pd.array([1452837318000002], dtype="Int64"), "zone": pd.Categorical(["UTC"])})
    )

    assert 1452837318000002 * 1000 == frame["timestamp"][0].value


def stamped(values: Sequence[Any], dtype: Any = None) -> pd.DataFrame:
    return pd.DataFrame({"timestamp": pd.Series(values, dtype=dtype), "message": "x"})


def test_naive_stamps_of_a_parser_are_read_like_wall_times() -> None:
    naive = stamped([datetime(2026, 6, 15, 16, 3), None])  # noqa: DTZ001
    warnings: list[str] = []

    told = normalize(naive, zone="Europe/Berlin")
    assumed = normalize(naive, label="x.log", warn=warnings.append)

    assert (pd.Timestamp("2026-06-15T14:03Z"), "declared") == (told["timestamp"][0], told["time_basis"][0])
    assert (pd.Timestamp("2026-06-15T16:03Z"), "assumed") == (assumed["timestamp"][0], assumed["time_basis"][0])
    assert told["timestamp"].isna().tolist() == [False, True]
    assert 1 == len(warnings)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (["2026-06-15T14:03:00Z", "2026-06-15T16:04:00+02:00"], "object"),
        ([pd.Timestamp("2026-06-15T16:03+02:00"), pd.Timestamp("2026-06-15T14:04Z")], "object"),
        ([1781532180 * 10**9, 1781532240 * 10**9], "datetime64[ns, America/New_York]"),
        ([1781532180, 1781532240], "datetime64[s, UTC]"),
    ],
)
def test_aware_stamps_of_a_parser_are_shifted_too(values: list[object], dtype: str) -> None:
    dated = normalize(stamped(values, dtype), shift=timedelta(seconds=-95))

    assert "datetime64[us, UTC]" == dated["timestamp"].dtype
    assert [pd.Timestamp("2026-06-15T14:01:25Z"), pd.Timestamp("2026-06-15T14:02:25Z")] == dated["timestamp"].tolist()
    assert ["shifted by -95 s"] * 2 == dated["time_note"].tolist()
    assert ["declared"] * 2 == dated["time_basis"].tolist()


def test_what_a_parser_says_about_its_times_is_kept() -> None:
    own = stamped(["2026-06-15T14:03:00Z"]).assign(time_basis="inferred", time_note="by the neighbours")
    dated = normalize(own)

    assert ("inferred", "by the neighbours") == (dated["time_basis"][0], dated["time_note"][0])


@pytest.mark.parametrize("values", [["yesterday"], [5], ["2026-06-15T14:03:00", "2026-06-15T14:03:00Z"]])
def test_stamps_that_are_no_stamps_or_of_two_kinds_are_refused(values: list[object]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - pandas words it
        normalize(stamped(values, "object"))


def test_a_29th_of_february_tells_the_year() -> None:
    # Written in 2025 (file of 2025-03-05, 1741132800 s): the last year with that date is 2024.
    yearless = records(["1972-02-28T23:00", "1972-02-29T01:00"], ["UTC", "UTC"])
    dated = normalize(yearless, yearless=True, modified=1741132800.0)

    assert ["2024-02-28 23:00", "2024-02-29 01:00"] == dated["timestamp"].dt.strftime("%Y-%m-%d %H:%M").tolist()


def test_a_29th_of_february_in_a_told_year_without_one_is_said() -> None:
    warnings: list[str] = []
    yearless = records(["1972-02-28T23:00", "1972-02-29T01:00"], ["UTC", "UTC"])
    dated = normalize(yearless, yearless=True, year=2026, label="x.log", warn=warnings.append)

    assert [False, True] == dated["timestamp"].isna().tolist()
    assert ["x.log: 1 records stay undated: they are of February 29, which 2026 has not"] == warnings
