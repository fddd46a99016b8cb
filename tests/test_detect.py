"""What only many lines together show is an entry of its own, and points to the line that shows it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import timeline
from timeline import schema
from timeline.collapse import collapse
from timeline.crashes import tell_crashes
from timeline.detect import detect
from timeline.headline import describe_outages
from timeline.outages import find_pauses
from timeline.traffic import FIRST, LAST, TOTAL, add_traffic, count_requests

NOON = pd.Timestamp("2026-06-15T12:00:00Z")


def at(seconds: float) -> pd.Timestamp:
    return NOON + pd.Timedelta(round(seconds * 1e6), "us")


def frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame([{"file": "a.log", "line": line, **row} for line, row in enumerate(rows, 1)]).drop(columns="t")
    table["timestamp"] = pd.array([at(row["t"]) for row in rows], dtype=schema.TIME_DTYPE)
    types = {"http.response.status_code": "Int64"}
    return schema.conform(table.astype({name: dtype for name, dtype in types.items() if name in table}))


def requests() -> list[dict[str, Any]]:
    """One request a second; between 200 and 400 every second one fails."""
    return [ask(second, status=502 if 200 <= second <= 400 and second % 2 == 0 else 200) for second in range(600)]


def ask(
    second: float, *, status: int = 200, path: str = "/checkout", took: float = 0.01, file: str = "a.log"
) -> dict[str, Any]:
    return {
        "t": second, "source": "nginx-access", "service": "nginx", "host": "web-01", "file": file, "severity": "info",
        "message": f"POST {path}", "http.response.status_code": status, "url.path": path, "http.request.method": "POST",
        "nginx.request_time": took,
    }  # fmt: skip


def derived(rows: list[dict[str, Any]]) -> pd.DataFrame:
    entries = detect(frame(rows))
    return entries[entries["source"] == "derived"].reset_index(drop=True)


def steady(until: int, **fields: Any) -> list[dict[str, Any]]:
    return [ask(second, **fields) for second in range(until)]


def test_an_outage_begins_and_ends_at_the_first_and_last_failure() -> None:
    rows = steady(1200)
    for second in range(403, 598):
        rows[second]["http.response.status_code"] = 502

    begin, end = derived(rows).to_dict("records")

    assert ("outage-begin", at(403), 404) == (begin["kind"], begin["timestamp"], begin["line"])
    assert "5xx on POST /checkout rise from 0 % to 100 % (195 of 195 requests until 12:09:57)" == begin["message"]
    assert ("outage-end", at(597), 598) == (end["kind"], end["timestamp"], end["line"])
    assert "last 5xx on POST /checkout, 3 min 14 s after the first" == end["message"]
    assert "195 of 195 requests failed" in begin["evidence"]


def test_failures_on_several_routes_are_one_outage() -> None:
    rows = [ask(second, path=path) for second in range(900) for path in ("/a", "/b", "/c")]
    for row in rows:
        if 300 <= row["t"] < 400 and row["url.path"] != "/c":
            row["http.response.status_code"] = 503

    begin, _ = derived(rows).to_dict("records")

    assert begin["message"].startswith(
        "5xx rise from 0 % to 67 % (200 of 300 requests until 12:06:39), most on POST /a"
    )


def test_a_route_with_few_requests_is_not_drowned() -> None:
    rows = [
        *(ask(second / 10, path="/busy") for second in range(18_000)),
        *(ask(second, path="/rare") for second in range(0, 1800, 10)),
    ]
    for row in rows:
        if row["url.path"] == "/rare" and 600 <= row["t"] < 900:
            row["http.response.status_code"] = 500

    begin, end = derived(rows).to_dict("records")

    assert at(600) == begin["timestamp"]
    assert at(890) == end["timestamp"]
    assert begin["message"].startswith("5xx on POST /rare rise")


def test_two_outages_are_told_apart() -> None:
    rows = steady(3600)
    for second in [*range(400, 500), *range(2000, 2100)]:
        rows[second]["http.response.status_code"] = 500

    assert [at(400), at(499), at(2000), at(2099)] == derived(rows)["timestamp"].tolist()


def test_a_higher_share_that_is_small_is_no_outage() -> None:
    rows = [ask(second / 20) for second in range(72_000)]
    for place in range(24_000, 30_000, 60):
        rows[place]["http.response.status_code"] = 500

    (rise,) = derived(rows).to_dict("records")

    assert "errors-rise" == rise["kind"]
    assert rise["message"].startswith("5xx on POST /checkout rise from 0 % to 1.7 % (100 of ")


@pytest.mark.parametrize("every", [50, 97])
def test_a_trickle_says_nothing(every: int) -> None:
    rows = steady(3600)
    for second in range(0, 3600, every):
        rows[second]["http.response.status_code"] = 500

    assert 0 == len(derived(rows))


def test_evidence_of_the_outage_alone_is_still_an_outage() -> None:
    begin, _ = derived([ask(second, status=502) for second in range(120)]).to_dict("records")

    assert begin["message"].startswith("5xx on POST /checkout rise to 100 % (120 of 120 requests")


def test_slow_responses_that_do_not_fail_are_told() -> None:
    rows = steady(1200)
    for second in range(500, 620):
        rows[second]["nginx.request_time"] = 3.0

    begin, end = derived(rows).to_dict("records")

    assert ["slow-begin", "slow-end"] == [begin["kind"], end["kind"]]
    assert [at(500), at(619)] == [begin["timestamp"], end["timestamp"]]
    assert begin["message"].startswith("responses slower than 0.5 s on POST /checkout rise from 0 % to")


def test_slow_responses_that_fail_are_told_once() -> None:
    rows = steady(1200)
    for second in range(500, 620):
        rows[second] |= {"nginx.request_time": 3.0, "http.response.status_code": 504}

    assert ["outage-begin", "outage-end"] == derived(rows)["kind"].tolist()


def test_a_pause_of_all_requests_is_told() -> None:
    rows = [row for row in steady(1200) if not 600 < row["t"] < 720]

    (pause,) = derived(rows).to_dict("records")

    assert ("silence", at(600)) == (pause["kind"], pause["timestamp"])
    assert "no requests for 2 min, until 12:12:00 (about 1 a second otherwise)" == pause["message"]


def test_a_pause_between_two_files_is_a_missing_piece_and_no_silence() -> None:
    rows = [*steady(600, file="a.log.1"), *(ask(second, file="a.log") for second in range(720, 1200))]

    assert 0 == len(derived(rows))
    (pause,) = find_pauses(count_requests(frame(rows)))
    assert pause.is_between_files


def test_a_stamp_that_is_centuries_off_costs_nothing() -> None:
    rows = [*requests(), {**ask(0), "t": -8_000_000_000}]

    assert ["outage-begin", "outage-end"] == derived(rows)["kind"].tolist()


def test_the_counts_of_parts_add_up_to_those_of_the_whole() -> None:
    events = frame(
        [ask(second / 3, status=500 if second % 7 == 0 else 200, path=f"/{second % 5 % 3}x") for second in range(900)]
    )
    random = np.random.default_rng(3)
    parts = np.array_split(random.permutation(len(events)), 5)

    whole = count_requests(events)
    added = add_traffic([count_requests(events.iloc[part].reset_index(drop=True)) for part in parts])

    pd.testing.assert_frame_equal(whole, added, check_categorical=False)
    assert 900 == whole.loc[whole["bin"] < 0, TOTAL].sum()
    assert {*FIRST, *LAST} <= set(whole.columns)


def beat(second: float, message: str = "INFO batch sent", **more: Any) -> dict[str, Any]:
    return {"t": second, "source": "journald", "service": "worker", "host": "web-01", "message": message, **more}


def others(until: int) -> list[dict[str, Any]]:
    return [beat(second, "INFO something else", service="cron") for second in range(0, until, 7)]


def test_a_heartbeat_that_stops_is_told_at_its_last_beat() -> None:
    rows = [*(beat(30 * n) for n in range(20)), *others(1200)]

    found = detect(collapse(frame(rows)))

    (stop,) = found[found["kind"] == "silence"].to_dict("records")
    assert (at(570), 20) == (stop["timestamp"], stop["line"])
    # The other lines end at 1,197 s.
    assert (
        "\u201cbatch sent\u201d for the last time: about every 30 s until then, nothing for 10 min" == stop["message"]
    )


@pytest.mark.parametrize(
    "rows",
    [
        [*(beat(30 * n) for n in range(40)), *others(1200)],  # goes on to the end
        [*(beat(30 * n, severity="err") for n in range(20)), *others(1200)],  # errors that stop are good news
        [*(beat(30 * n) for n in range(20)), *others(590)],  # the whole machine ends
        [*(beat(30 * n) for n in range(5)), *others(1200)],  # too few to be steady
    ],
)
def test_what_goes_on_or_may_stop_is_no_silence(rows: list[dict[str, Any]]) -> None:
    assert "silence" not in set(detect(collapse(frame(rows)))["kind"].dropna())


def test_detecting_needs_no_requests_and_no_rows() -> None:
    assert 0 == len(detect(schema.empty()))
    assert 0 == len(detect(collapse(schema.empty())))


def test_detect_is_public_and_keeps_every_entry() -> None:
    entries = collapse(frame(requests()))

    found = timeline.detect(entries, requests=count_requests(frame(requests())))

    assert entries["count"].sum() == found["count"].sum()
    assert {"outage-begin", "outage-end"} <= set(found["kind"].dropna())


def unit(second: float, message: str, kind: str) -> dict[str, Any]:
    return {
        "t": second,
        "source": "journald",
        "service": "x.service",
        "host": "web-01",
        "message": message,
        "kind": kind,
    }


def crash(second: float, number: int, status: str = "code=exited, status=1/FAILURE") -> list[dict[str, Any]]:
    return [
        unit(second, f"x.service: Main process exited, {status}", "unit-process-exit"),
        unit(second, "x.service: Failed with result 'exit-code'.", "unit-failed"),
        unit(
            second + 1, f"x.service: Scheduled restart job, restart counter is at {number}.", "unit-restart-scheduled"
        ),
    ]


def test_a_crash_loop_is_one_sentence() -> None:
    rows = [row for number in range(12) for row in crash(10 * number, number + 1)]

    told = tell_crashes(collapse(frame(rows)))

    assert "x.service failed (exit code 1), restarted 12 times until 12:01:51" in told["message"].tolist()
    row = told[told["kind"] == "unit-failed"].iloc[0]
    assert ("x.service: Failed with result 'exit-code'.", 12) == (row["evidence"], row["count"])


def test_a_signal_is_named() -> None:
    told = tell_crashes(collapse(frame(crash(0, 1, "code=killed, status=9/KILL"))))

    assert "x.service failed (signal 9, KILL), restarted" in told["message"].tolist()


def test_a_rollback_soon_after_the_deploy_is_a_line_of_its_own() -> None:
    rows = [unit(second, "Started x.service - X.", "unit-started") for second in (0, 43)]

    found = detect(collapse(frame(rows)))

    assert [at(0), at(43)] == found["timestamp"].tolist()
    assert [1, 2] == found["line"].tolist()
    assert 2 == found["count"].sum()


def test_the_times_to_detect_mitigate_and_recover_are_told() -> None:
    entries = pd.DataFrame({
        "timestamp": pd.array([at(0), at(49), at(200), at(277)], dtype=schema.TIME_DTYPE),
        "phase": ["OUTAGE BEGINS", "DETECTED", "MITIGATED", "OUTAGE ENDS"],
    })  # fmt: skip

    assert [
        "Outage from 12:00:00 to 12:04:37: detected after 49 s, mitigated after 3 min 20 s and over after 4 min 37 s."
    ] == describe_outages(entries)
    assert [] == describe_outages(entries.iloc[:1])
    assert pd.Timestamp("2026-06-15T12:00:00Z") == NOON
