"""The lines worth reading are chosen, and each says why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timeline import schema
from timeline.collapse import collapse
from timeline.errors import UsageError
from timeline.select import select

NOON = pd.Timestamp("2026-06-15T12:00:00Z")
BEGIN, END = 200, 400


def at(seconds: float) -> pd.Timestamp:
    return NOON + pd.Timedelta(round(seconds * 1e6), "us")


def frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame([{"file": "a.log", "line": line, **row} for line, row in enumerate(rows, 1)]).drop(columns="t")
    table["timestamp"] = pd.array([at(row["t"]) for row in rows], dtype=schema.TIME_DTYPE)
    types = {"http.response.status_code": "Int64", "slack.is_bot": "boolean", "slack.pinned": "boolean"}
    return schema.conform(table.astype({name: dtype for name, dtype in types.items() if name in table}))


def requests(until: int = 600, *, failing: bool = True) -> list[dict[str, Any]]:
    """One request a second; between 200 and 400 every second one fails."""
    rows = []
    for second in range(until):
        status = 502 if failing and BEGIN <= second <= END and second % 2 == 0 else 200
        fields = {"http.response.status_code": status, "url.path": "/checkout", "http.request.method": "POST"}
        rows.append(
            {
                "t": second,
                "source": "nginx-access",
                "service": "nginx",
                "severity": "err" if status == 502 else "info",
                "message": f"POST /checkout HTTP/1.1 {status}",
                **fields,
            }
        )
    return rows


def says(
    second: float,
    message: str,
    *,
    channel: str = "#incident",
    kind: str | None = None,
    bot: bool = False,
    pinned: bool = False,
) -> dict[str, Any]:
    fields = {"slack.channel_id": channel, "slack.is_bot": bot, "slack.pinned": pinned}
    return {
        "t": second,
        "source": "slack",
        "service": channel,
        "actor": "ann",
        "message": message,
        "kind": kind,
        **fields,
    }


def logs(
    second: float,
    message: str,
    *,
    severity: str | None = "info",
    kind: str | None = None,
    source: str = "journald",
    service: str = "app",
) -> dict[str, Any]:
    return {"t": second, "source": source, "service": service, "severity": severity, "message": message, "kind": kind}


DEPLOY = says(190, "Deploying shop-api 2.14.0", channel="#deploys", kind="deploy", bot=True)
FIRING = says(240, "[FIRING] HighErrorRate", channel="#alerts", kind="alert-firing", bot=True)
RESOLVED = says(450, "[RESOLVED] HighErrorRate", channel="#alerts", kind="alert-resolved", bot=True)
DECLARED = says(260, "declaring SEV1: checkout is failing")
DECISION = says(300, "Decision: we build the index, no rollback")
CLEAR = says(500, "All clear, closing the incident")
DATABASE = logs(205, "sorry, too many clients already", severity="crit", source="postgresql", service="postgresql")


def incident(*more: dict[str, Any]) -> pd.DataFrame:
    return frame([*requests(), DEPLOY, FIRING, RESOLVED, DECLARED, DECISION, CLEAR, DATABASE, *more])


def chosen(events: pd.DataFrame, **how: Any) -> list[str]:
    return select(collapse(events), **how)["message"].tolist()


def test_an_incident_gives_its_story_in_order() -> None:
    assert [
        "Deploying shop-api 2.14.0",
        "502 on POST /checkout: 50 % of 201 requests",
        "sorry, too many clients already",
        "[FIRING] HighErrorRate",
        "declaring SEV1: checkout is failing",
        "Decision: we build the index, no rollback",
        "last 502 on POST /checkout",
        "[RESOLVED] HighErrorRate",
        "All clear, closing the incident",
    ] == chosen(incident())


def test_the_phases_of_an_outage_are_marked() -> None:
    entries = select(collapse(incident()))

    marks = entries.dropna(subset="phase")
    assert {"OUTAGE BEGINS": at(BEGIN), "DETECTED": at(240), "OUTAGE ENDS": at(END)} == dict(
        zip(marks["phase"], marks["timestamp"], strict=True)
    )


def test_every_line_says_why_and_has_a_score() -> None:
    entries = select(collapse(incident()))

    assert (entries["why"].str.len() > 0).all()
    assert entries["score"].dtype == "float64"
    reasons = dict(zip(entries["message"], entries["why"], strict=True))
    assert reasons["Decision: we build the index, no rollback"].startswith("decision; ")
    assert reasons["502 on POST /checkout: 50 % of 201 requests"].startswith("begin of the outage; requests failed")


@pytest.mark.parametrize("max_lines", [1, 2, 3, 5, 8])
def test_the_budget_holds_and_the_outage_comes_first(max_lines: int) -> None:
    entries = select(collapse(incident()), max_lines=max_lines)

    assert max_lines == len(entries)
    assert "OUTAGE BEGINS" in entries["phase"].tolist()
    assert entries["timestamp"].is_monotonic_increasing


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="max_lines is 0"):
        select(schema.empty(), max_lines=0)


def test_a_quiet_window_gives_nothing() -> None:
    rows = [
        *requests(failing=False),
        *(logs(n * 60, f"job {n} done") for n in range(10)),
        says(30, "morning :wave:"),
        says(50, "anyone up for lunch?"),
    ]

    assert [] == chosen(frame(rows))
    assert len(select(collapse(schema.empty()))) == 0


def test_chat_without_a_channel_id_is_chat() -> None:
    said = {**says(5, "declaring SEV1, checkout is down"), "slack.channel_id": None}

    assert ["declaring SEV1, checkout is down"] == select(collapse(frame([said])))["message"].tolist()


def test_failures_of_one_moment_have_no_begin_and_end() -> None:
    fields = {"http.response.status_code": 502, "url.path": "/checkout", "http.request.method": "POST"}
    rows = [
        {"t": 200, "source": "nginx-access", "severity": "err", "message": "POST /checkout HTTP/1.1 502", **fields}
        for _ in range(20)
    ]

    assert select(collapse(frame(rows)))["phase"].isna().all()


def test_a_steady_trickle_of_failures_is_no_outage() -> None:
    rows = requests(3600, failing=False)
    for second in range(0, 3600, 50):  # 2 %
        rows[second] |= {"http.response.status_code": 500, "severity": "err"}

    assert [] == chosen(frame(rows))


@pytest.mark.parametrize("text", [":tada:", "thanks all!", "ok", "+1", "lunch?", "good morning everyone"])
def test_small_talk_is_left_out_in_the_middle_of_an_incident(text: str) -> None:
    assert text not in chosen(incident(says(310, text)))


@pytest.mark.parametrize(
    "text",
    [
        "found it: no index on orders",
        "rolled back to 2.13.4",
        "paging the database team",
        "root cause is the new query",
        "restarted shop-api",
    ],
)
def test_what_people_do_and_find_is_kept(text: str) -> None:
    assert text in chosen(incident(says(310, text)))


def test_an_observation_counts_in_the_channel_of_the_incident_only() -> None:
    lines = chosen(
        incident(
            says(330, "looking at the dashboard"),
            says(330, "looking at my garden", channel="#random", pinned=False),
        )
    )

    assert "looking at the dashboard" in lines
    assert "looking at my garden" not in lines


def test_a_pinned_message_is_kept_anywhere() -> None:
    assert "the vendor confirms" in chosen(incident(says(330, "the vendor confirms", channel="#random", pinned=True)))


def test_state_changes_near_the_outage_are_kept_and_far_from_it_left_out() -> None:
    lines = chosen(
        incident(
            logs(203, "Started shop-api.service", kind="unit-started"),
            logs(3, "Started other.service", kind="unit-started"),
        )
    )

    assert "Started shop-api.service" in lines
    assert "Started other.service" not in lines


def test_further_lines_of_one_unit_and_of_one_template_fade() -> None:
    crash = [
        logs(210, "x.service: Main process exited, code=exited", kind="unit-process-exit", service="x.service"),
        logs(
            210,
            "x.service: Failed with result 'exit-code'.",
            kind="unit-failed",
            severity="warning",
            service="x.service",
        ),
        logs(
            212,
            "x.service: Scheduled restart job, restart counter is at 1.",
            kind="unit-restart-scheduled",
            service="x.service",
        ),
    ]

    assert ["x.service: Failed with result 'exit-code'."] == [
        line for line in chosen(incident(*crash)) if line.startswith("x.service")
    ]


def test_an_application_that_repeats_its_database_fades() -> None:
    full = "remaining connection slots are reserved for non-replication superuser connections"
    echo = logs(206, f"ERROR checkout failed: {full}")
    database = logs(205, full, severity="crit", source="postgresql", service="postgresql")

    assert echo["message"] in chosen(incident(echo))
    assert echo["message"] not in chosen(incident(echo, database))


def test_what_was_there_all_the_time_counts_less() -> None:
    always = [logs(second, "cannot reach the mail server", severity="warning") for second in range(0, 600, 10)]

    assert "cannot reach the mail server" not in chosen(incident(*always))
    assert "cannot reach the mail server" in chosen(incident(*always[20:25]))


def test_a_machine_that_boots_does_not_fill_the_timeline() -> None:
    boot = [logs(1, f"Started {name}.service", kind="unit-started", service=f"{name}.service") for name in "abcdefgh"]
    ready = logs(2, "database system is ready to accept connections", kind="server-ready", source="postgresql")

    assert ready["message"] not in chosen(frame([*boot, ready]))
    assert [ready["message"]] == chosen(frame([ready]))


def test_without_failed_requests_alerts_still_frame_the_window() -> None:
    entries = select(collapse(frame([FIRING, RESOLVED])))

    assert ["[FIRING] HighErrorRate", "[RESOLVED] HighErrorRate"] == entries["message"].tolist()
    assert entries["phase"].isna().all()


def test_two_outages_are_two() -> None:
    later = requests()
    rows = [*requests(), *({**row, "t": row["t"] + 3600} for row in later)]
    entries = select(collapse(frame(rows)))

    assert ["OUTAGE BEGINS", "OUTAGE ENDS"] * 2 == entries["phase"].dropna().tolist()


def test_events_that_were_not_collapsed_can_be_chosen_from() -> None:
    entries = select(frame([FIRING, logs(1, "x", severity="emerg")]))

    assert ["x", "[FIRING] HighErrorRate"] == entries["message"].tolist()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 12))
def test_the_choice_does_not_depend_on_the_order_of_rows(seed: int, max_lines: int) -> None:
    entries = collapse(incident(logs(203, "a failed", severity="err"), logs(203, "b failed", severity="err")))
    shuffled = entries.iloc[np.random.default_rng(seed).permutation(len(entries))].reset_index(drop=True)

    first, second = select(entries, max_lines=max_lines), select(shuffled, max_lines=max_lines)

    pd.testing.assert_frame_equal(first, second, check_categorical=False)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 600), st.sampled_from(schema.SEVERITIES), st.text(max_size=8)), max_size=12),
    st.integers(1, 6),
)
def test_any_events_keep_the_contract(rows: list[tuple[int, str, str]], max_lines: int) -> None:
    events = frame([logs(t, text, severity=severity) for t, severity, text in rows]) if rows else schema.empty()
    entries = select(collapse(events), max_lines=max_lines)

    schema.check(entries)
    assert len(entries) <= max_lines
    assert {"why", "score", "phase"} <= set(entries.columns)
    assert list(entries.index) == list(range(len(entries)))


def test_a_job_of_a_timer_is_no_line_however_close_to_the_outage_it_ends() -> None:
    assert "Finished backup.service" not in chosen(incident(logs(203, "Finished backup.service", kind="unit-started")))


def test_a_message_every_minute_is_background_though_each_is_an_entry() -> None:
    ticks = [logs(second, "cannot reach the mail server", severity="warning") for second in range(5, 600, 65)]

    assert 10 == len(ticks)
    assert "cannot reach the mail server" not in chosen(incident(*ticks))
