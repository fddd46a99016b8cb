"""The phases of an incident stand at the entries that show them, and only where they are certain."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

import timeline
from timeline import schema
from timeline.cli import command

NOON = pd.Timestamp("2026-06-15T12:00:00Z")
FIXTURE = Path(__file__).parent.parent / "fixtures" / "checkout-outage"


def frame(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame([{"file": "a.log", "line": line, **row} for line, row in enumerate(rows, 1)]).drop(columns="t")
    stamps = [NOON + pd.Timedelta(round(row["t"] * 1e6), "us") for row in rows]
    table["timestamp"] = pd.array(stamps, dtype=schema.TIME_DTYPE)
    types = {"http.response.status_code": "Int64", "slack.is_bot": "boolean"}
    return schema.conform(table.astype({name: dtype for name, dtype in types.items() if name in table}))


def requests(failing: range = range(0)) -> list[dict[str, Any]]:
    return [
        {
            "t": second, "source": "nginx-access", "service": "nginx", "host": "web-01", "severity": "info",
            "message": "GET /", "http.response.status_code": 502 if second in failing else 200, "url.path": "/",
            "http.request.method": "GET",
        }
        for second in range(900)
    ]  # fmt: skip


def says(second: float, message: str, **more: Any) -> dict[str, Any]:
    return {
        "t": second,
        "source": "slack",
        "service": "#incident",
        "slack.channel_id": "C1",
        "message": message,
        **more,
    }


def logs(second: float, message: str, **more: Any) -> dict[str, Any]:
    return {"t": second, "source": "journald", "service": "app.service", "host": "web-01", "message": message, **more}


def told(rows: Sequence[dict[str, Any]], **how: Any) -> pd.DataFrame:
    events = frame(rows)
    return timeline.select(
        timeline.detect(timeline.collapse(events), requests=None if how.pop("plain", 0) else count(events)), **how
    )


def count(events: pd.DataFrame) -> pd.DataFrame:
    from timeline.traffic import count_requests

    return count_requests(events)


def phases(entries: pd.DataFrame) -> dict[str, str]:
    marked = entries[entries["phase"].notna()]
    return dict(zip(marked["phase"].astype(str), marked["message"], strict=True))


OUTAGE = requests(range(300, 500))
FIRING = says(330, "[FIRING] Errors", kind="alert-firing", **{"slack.is_bot": True})


def test_the_last_action_before_the_end_mitigates() -> None:
    rows = [
        *OUTAGE,
        FIRING,
        says(400, "restarted the cache"),
        says(480, "rolled back to 1.4"),
        says(600, "fixed the docs"),
    ]

    assert "rolled back to 1.4" == phases(told(rows))["MITIGATED"]


def test_what_was_done_before_anybody_noticed_mitigates_nothing() -> None:
    rows = [*OUTAGE, FIRING, says(310, "deployed 1.5", kind="deploy", **{"slack.is_bot": True})]

    assert "MITIGATED" not in phases(told(rows))


def test_a_question_is_no_action() -> None:
    assert "MITIGATED" not in phases(told([*OUTAGE, FIRING, says(480, "should we have rolled back?")]))


def test_a_unit_that_restarts_itself_mitigates_nothing() -> None:
    itself = [
        logs(495, "app.service: Scheduled restart job, restart counter is at 3.", kind="unit-restart-scheduled"),
        logs(495.1, "Started app.service.", kind="unit-started"),
    ]

    assert "MITIGATED" not in phases(told([*OUTAGE, FIRING, *itself]))
    assert "Started app.service." == phases(told([*OUTAGE, FIRING, itself[1]]))["MITIGATED"]


def test_a_person_may_notice_before_the_alert() -> None:
    rows = [*OUTAGE, says(320, "declaring SEV1: the site is down"), FIRING]

    assert "declaring SEV1: the site is down" == phases(told(rows))["DETECTED"]


def crashes() -> list[dict[str, Any]]:
    texts = (("app.service: Failed with result 'exit-code'.", "unit-failed"), ("Started app.service.", "unit-started"))
    return [logs(300 + 20 * n + k, text, kind=kind) for n in range(6) for k, (text, kind) in enumerate(texts)]


CRASHED = says(350, "declaring an incident: app is down")


def test_a_crash_loop_without_requests_is_an_outage_if_a_person_confirms_it() -> None:
    assert phases(told([*crashes(), CRASHED]))["OUTAGE BEGINS"].startswith("app.service failed")
    assert {} == phases(told(crashes()))


def test_a_crash_loop_that_no_request_felt_is_no_outage() -> None:
    entries = told([*requests(), *crashes(), CRASHED])

    assert {} == phases(entries)
    assert any(text.startswith("app.service failed") for text in entries["message"])


def test_among_many_kinds_of_errors_those_of_other_hosts_are_left_out() -> None:
    kinds = "alpha bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november oscar papa".split()  # noqa: SIM905
    foreign = [
        logs(20 * place + 150 * turn, f"{name} lost its {other}", severity="err", host="hpc-01", service="hpc")
        for turn in range(5)
        for place, (name, other) in enumerate(zip(kinds, kinds[1:] + kinds[:1], strict=True))
    ]
    own = logs(301, "cannot reach the database", severity="err")

    messages = told([*OUTAGE, FIRING, *foreign, own])["message"].tolist()

    assert "cannot reach the database" in messages
    assert not [text for text in messages if "lost its" in text]


def test_the_first_and_the_last_word_in_the_channel_are_kept() -> None:
    talk = [says(310 + 9 * n, f"the graph number {n} moves a bit") for n in range(30)]

    messages = told([*OUTAGE, FIRING, *talk], max_lines=8)["message"].tolist()

    assert {"the graph number 0 moves a bit", "the graph number 29 moves a bit"} <= set(messages)


def test_every_figure_of_a_reason_can_be_counted_again() -> None:
    built = timeline.build(FIXTURE)
    checked = 0
    for entry in built.entries.to_dict("records"):
        for done, whole in re.findall(r"([\d,]+) of ([\d,]+) requests failed", entry["why"]):
            events = built.events[(built.events["source"] == "nginx-access")]
            inside = events[
                (events["timestamp"] >= "2026-11-25T02:45:08Z") & (events["timestamp"] < "2026-11-25T02:47:48Z")
            ]
            failed = int((inside["http.response.status_code"] >= 500).sum())
            assert [failed, len(inside)] == [int(text.replace(",", "")) for text in (done, whole)]
            checked += 1
        for times, _ in re.findall(r"×([\d,]+) in ([\w ]+)", entry["why"]):
            assert int(times.replace(",", "")) == entry["count"]
            checked += 1
    assert checked > 4


def test_why_stands_behind_each_line_and_a_higher_floor_takes_fewer() -> None:
    run = CliRunner()

    why = run.invoke(command, [str(FIXTURE), "--why", "-q"]).stdout
    few = run.invoke(command, [str(FIXTURE), "--floor", "55", "-q"]).stdout

    lines = [line for line in why.splitlines() if line.startswith("- ")]
    assert len(lines) > 20
    assert all(re.search(r" — why: .* \(score \d+\)$", line) for line in lines)
    assert 5 < few.count("\n- ") < len(lines)


@pytest.mark.parametrize("more", [["--all"], ["--format", "jsonl"], ["--into", "x.md"]])
def test_why_is_for_the_printed_timeline(more: list[str]) -> None:
    result = CliRunner().invoke(command, [str(FIXTURE), "--why", *more])

    assert "--why is for the printed timeline" in str(result.exception)
