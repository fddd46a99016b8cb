"""What is asked of a run holds for it, and what is misspelled is said: expected values by hand."""

from __future__ import annotations

import os
import re
from datetime import datetime, timedelta
from inspect import signature
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import timeline
from timeline.plan import make_plan

ACCESS = '192.0.2.7 - - [15/Jun/2026:14:03:{second:02d} +0000] "GET /checkout HTTP/1.1" {status} 5 "-" "curl"\n'
# In Berlin it is 16:03 when it is 14:03 UTC, in New York 10:03.
ERROR = "2026/06/15 16:03:10 [error] 12#12: *5 upstream timed out (110: Connection timed out), client: 192.0.2.7\n"
POSTGRES = "2026-06-15 10:03:05.123 EDT [77] app@shop FATAL:  sorry, too many clients already\n"


@pytest.fixture
def incident(tmp_path: Path) -> Path:
    folder = tmp_path / "incident"
    folder.mkdir()
    (folder / "access.log").write_text("".join(ACCESS.format(second=second, status=200) for second in range(30)))
    (folder / "error.log").write_text(ERROR)
    (folder / "pg.log").write_text(POSTGRES)
    return folder


def times(evidence: timeline.Evidence, source: str) -> list[str]:
    events = evidence.events
    return [f"{stamp:%H:%M:%S}" for stamp in events.loc[events["source"] == source, "timestamp"]]


@pytest.mark.parametrize("tz", ["Europe/Berlin", {"*": "Europe/Berlin"}, {"": "Europe/Berlin"}])
@pytest.mark.parametrize("since", ["2026-06-15 16:03:28", "16:03:28", datetime(2026, 6, 15, 16, 3, 28)])  # noqa: DTZ001
def test_times_of_a_window_are_in_the_zone_that_is_told_for_all(incident: Path, tz: Any, since: Any) -> None:
    evidence = timeline.read(incident, tz=tz, since=since)

    assert ["14:03:28", "14:03:29"] == times(evidence, "nginx-access")
    assert "2026-06-15 14:03:28 to open UTC" == str(evidence.window)


def test_the_zone_of_one_file_does_not_move_the_window(incident: Path) -> None:
    evidence = timeline.read(incident, tz={"error.log": "Europe/Berlin"}, since="14:03:28")

    assert ["14:03:28", "14:03:29"] == times(evidence, "nginx-access")


def test_the_window_of_a_settings_file_is_in_its_own_zone(incident: Path) -> None:
    (incident / "timeline-build.toml").write_text('[timeline]\ntz = "Europe/Berlin"\nsince = "16:03:28"\n')

    assert ["14:03:28", "14:03:29"] == times(timeline.read(incident, tz="America/New_York"), "nginx-access")


def test_the_zone_of_one_folder_does_not_hold_for_another(incident: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "error.log").write_text(ERROR)
    (other / "timeline-build.toml").write_text('[timeline]\ntz = "Europe/Berlin"\n')
    events = timeline.read(incident / "error.log", other, incident, dedupe=False, source="nginx-error").events

    assert [("14:03", "declared"), ("16:03", "assumed")] == [
        (f"{stamp:%H:%M}", basis) for stamp, basis in zip(events["timestamp"], events["time_basis"], strict=True)
    ]


def test_what_is_given_wins_over_the_settings_file(incident: Path) -> None:
    (incident / "timeline-build.toml").write_text(
        '[timeline]\naround = "14:03:20"\nbefore = "1s"\nafter = "1s"\nsource = "nginx-access"\n'
    )

    assert ["14:03:19", "14:03:20", "14:03:21"] == times(timeline.read(incident), "nginx-access")
    assert ["14:03:20", "14:03:21"] == times(timeline.read(incident, before="0s"), "nginx-access")
    assert ["14:03:09", "14:03:10", "14:03:11", "14:03:12"] == times(
        timeline.read(incident, around="14:03:10", after=timedelta(seconds=2)), "nginx-access"
    )


def test_a_length_without_its_moment_is_refused(incident: Path) -> None:
    with pytest.raises(timeline.UsageError, match="around"):
        timeline.read(incident, since="14:03:10", before="5m")


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"shift": {"eror.log": "-95s"}}, "shift"),
        ({"tz": {"eror.log": "Europe/Berlin"}}, "tz"),
        ({"host": {"eror.log": "web-01"}}, "host"),
        ({"year": {"eror.log": 2026}}, "year"),
    ],
)
def test_a_glob_that_fits_nothing_is_said(incident: Path, how: dict[str, Any], told: str) -> None:
    [warning] = [text for text in timeline.read(incident, **how).warnings if "eror.log" in text]

    assert f"no source fits 'eror.log': {told} told for it is not used" in warning


def test_a_glob_that_fits_is_not_spoken_of(incident: Path) -> None:
    how: dict[str, Any] = {"tz": {"error.log": "Europe/Berlin"}, "shift": {"pg.*": "1s"}, "host": {"*": "web-01"}}

    assert [] == timeline.read(incident, **how).warnings


def test_settings_that_fit_nothing_are_said_with_their_folder(incident: Path) -> None:
    (incident / "timeline-build.toml").write_text('[[source]]\nmatch = "nginx/*"\ntz = "UTC"\n')

    assert any("'nginx/*'" in text and str(incident) in text for text in timeline.read(incident).warnings)


def test_a_source_that_no_event_has_is_said(incident: Path) -> None:
    evidence = timeline.read(incident, source="nginx-acces", tz="UTC")

    assert 0 == len(evidence.events)
    assert ["no event has the source or service 'nginx-acces' (did you mean 'nginx-access'?)"] == evidence.warnings


@pytest.mark.parametrize(
    ("how", "rows"),
    [
        ({"source": "postgresql"}, 1), ({"source": ["postgresql", "nginx-error"]}, 2), ({"grep": "too many"}, 1),
        ({"grep": ["TOO many", "clients"]}, 1), ({"grep": r"(too) (?=many)"}, 1), ({"grep": r"(o)\1"}, 1),
        ({"exclude": "too many"}, 31), ({"exclude": ("too many", "timed out")}, 30), ({"grep": ""}, 32),
    ],
)  # fmt: skip
def test_filters_take_one_value_or_several(incident: Path, how: dict[str, Any], rows: int) -> None:
    assert rows == len(timeline.read(incident, tz="Europe/Berlin", **how).events)


@pytest.mark.parametrize(
    "how",
    [
        {"options": {"postgres": {"log_line_prefix": "%m"}}}, {"options": {"postgresql": {"log_line_prefx": "%m"}}},
        {"options": {"postgresql": "%m"}}, {"options": "x"}, {"since": 5}, {"since": pd.NaT}, {"before": 5, "around": "14:03"},
        {"grep": "("}, {"severity": "error"}, {"parser": "postgres"},
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_a_usage_error_with_help(incident: Path, how: dict[str, Any]) -> None:
    with pytest.raises(timeline.UsageError) as caught:
        timeline.read(incident, **how)

    assert caught.value.help


@pytest.mark.parametrize("path", [["a", "b"], b"a", 5, None])
def test_what_is_no_path_is_refused(path: Any) -> None:
    with pytest.raises(timeline.UsageError, match="not a path"):
        timeline.read(path)


def test_a_format_forced_for_a_file_holds_when_its_folder_is_named_too(incident: Path) -> None:
    # The journal's texts are not told from nothing, and PostgreSQL's parser would take the file.
    account = timeline.read(incident, f"nginx-access:{incident}/pg.log", tz="UTC").account

    assert ["nginx-access"] == account.loc[account["file"].str.endswith("pg.log"), "parser"].tolist()


def test_two_spellings_of_a_folder_are_one_source(incident: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(incident.parent)
    evidence = timeline.read("incident", "./incident/", "incident//pg.log", tz="UTC", dedupe=False)

    assert (3, 32) == (len(evidence.account), len(evidence.events))
    assert "incident/access.log" == evidence.events["file"].iloc[0]


def test_settings_hold_for_a_folder_whose_format_is_forced(incident: Path) -> None:
    (incident / "access.log").unlink()
    (incident / "pg.log").unlink()
    (incident / "timeline-build.toml").write_text('[[source]]\nmatch = "error.log"\ntz = "Europe/Berlin"\n')

    assert ["14:03:10"] == times(timeline.read(f"nginx-error:{incident}"), "nginx-error")


def test_style_and_citations_of_the_settings_file_are_used_unless_told_otherwise(incident: Path) -> None:
    (incident / "timeline-build.toml").write_text(
        '[timeline]\nstyle = "table"\ncitations = true\ntz = "Europe/Berlin"\n'
    )
    tl = timeline.build(incident)

    assert re.search(r"^\| Time \(UTC\) \| Event \| Evidence \|$", tl.to_markdown(), re.MULTILINE)
    assert tl.to_markdown() == tl._repr_markdown_()
    assert not re.search(r"^\||\[\^", tl.to_markdown(style="bullets", citations=False), re.MULTILINE)


def test_what_has_no_time_is_counted_also_when_a_window_leaves_it_out(incident: Path) -> None:
    (incident / "no-year.txt").write_text("Jun 15 14:03:11 web-01 app[1]: x\n")
    os.utime(incident / "no-year.txt", (0, 0))
    account = timeline.read(incident, tz="UTC", since="14:03:28").account.set_index("file")

    assert (1, 1, 0) == tuple(account.loc[f"{incident}/no-year.txt", ["undated", "out_of_window", "events"]])
    assert (0, 2) == tuple(account.loc[f"{incident}/access.log", ["undated", "events"]])


def test_reading_and_planning_take_the_same_arguments() -> None:
    asked, planned = (list(signature(function).parameters.values())[1:] for function in (timeline.read, make_plan))

    assert asked == planned
