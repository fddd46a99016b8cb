"""The same event in two kinds of evidence becomes one row."""

from __future__ import annotations

import pandas as pd
import pytest
from event_frames import IN_JOURNAL, TIMED_OUT, at, frame, journal, log, places

from timeline import schema
from timeline.arrays import strings
from timeline.cores import strip_transport
from timeline.dedupe import dedupe
from timeline.merge import merge


def test_an_nginx_error_in_file_and_journal_is_one_with_the_finer_time_and_the_host() -> None:
    kept = dedupe(merge([log("error.log", [7], service="nginx", severity="err"), journal([7.25])]))

    assert ["error.log:1"] == places(kept)
    assert [at(7.25)] == kept["timestamp"].tolist()
    assert ["system.journal:1"] == kept["also_in"].tolist()
    assert ["same event"] == kept["dedupe_rule"].tolist()
    assert [TIMED_OUT] == kept["message"].tolist()
    assert ["web-01"] == kept["host"].tolist()


def test_of_a_journal_and_its_text_the_journal_entry_stays() -> None:
    text = log("a-copy.txt", [7], source="journald", message="worker gave up", host="web-01")
    kept = dedupe(merge([text, journal([7.25], message="worker gave up")]))

    assert ["system.journal:1"] == places(kept)
    assert ["a-copy.txt:1"] == kept["also_in"].tolist()


def test_a_file_that_writes_parts_of_seconds_keeps_its_own_time() -> None:
    in_journal = journal(
        [7.9], message="2026-06-15 14:00:07.250 CEST [4711] shop@shop FATAL:  sorry, too many clients already"
    )
    kept = dedupe(
        merge([log("pg.log", [7.25], source="postgresql", message="sorry, too many clients already"), in_journal])
    )

    assert [at(7.25)] == kept["timestamp"].tolist()


def test_a_time_that_the_journal_settles_takes_over_its_basis() -> None:
    in_file = log("error.log", [7], time_basis="declared", time_note="zone Europe/Berlin")

    kept = dedupe(
        merge([in_file, journal([7.25]).assign(time_basis=pd.Categorical(["explicit"], dtype=schema.BASIS_DTYPE))])
    )

    assert ["explicit"] == kept["time_basis"].tolist()
    assert [""] == kept["time_note"].tolist()


@pytest.mark.parametrize("twins", [1, 2, 3, 17, 1000])
def test_twins_stay_alone_and_beside_a_full_copy(twins: int) -> None:
    alone, copy = log("error.log", [7] * twins), journal([7 + place / 1100 for place in range(twins)])

    assert twins == len(dedupe(alone))
    assert [2] * twins == dedupe(merge([alone, copy]))["copies"].tolist()


def test_more_twins_on_one_side_stay_beside_those_that_pair() -> None:
    kept = dedupe(merge([log("error.log", [7, 7]), journal([7.1, 7.2, 7.3])]))

    assert 3 == len(kept)
    assert [1, 2, 2] == sorted(kept["copies"])


@pytest.mark.parametrize(("delay", "rows"), [(1.99, 1), (2.01, 2), (-1, 1), (-1.01, 2)])
def test_a_copy_may_be_a_second_off_beyond_the_precision(delay: float, rows: int) -> None:
    assert rows == len(dedupe(merge([log("error.log", [7]), journal([7 + delay])])))


def test_hosts_that_differ_are_never_joined() -> None:
    kept = dedupe(merge([log("error.log", [7], host="web-01"), journal([7.25], host="web-02")]))

    assert 2 == len(kept)


def test_an_event_is_joined_with_the_host_that_fits() -> None:
    files = [log("web-02/error.log", [7], host="web-02"), log("web-01/error.log", [7], host="web-01")]

    kept = dedupe(
        merge([*files, journal([7.25], host="web-01"), journal([7.1], host="web-03", file="other.journal", seqnum="9")])
    )

    assert {"web-01/error.log:1": 2, "web-02/error.log:1": 1, "other.journal:1": 1} == dict(
        zip(places(kept), kept["copies"], strict=True)
    )


def test_two_files_of_one_program_hold_different_events() -> None:
    kept = dedupe(merge([log("shop.error.log", [7, 9]), log("api.error.log", [7, 8]), journal([7.1])]))

    assert 4 == len(kept)


def test_requests_and_chat_are_never_joined() -> None:
    request = {"message": TIMED_OUT, "http.response.status_code": 504}
    chat = {"message": TIMED_OUT, "service": "#incident"}

    kept = dedupe(
        frame(
            [
                {"t": 7, "source": "nginx-access", "file": "access.log", "line": 1, **request},
                {"t": 7, "source": "teams", "file": "x.json", "line": 1, **chat},
                {"t": 7, "source": "nginx-error", "file": "error.log", "line": 1, "message": "other"},
                {"t": 7, "source": "journald", "file": "system.journal", "line": 1, "message": IN_JOURNAL},
            ]
        )
    )

    assert 4 == len(kept)


@pytest.mark.parametrize(
    "message",
    [
        TIMED_OUT,
        IN_JOURNAL,
        f"nginx: 2026/06/15 14:00:00 [error] 12#12: *5 {TIMED_OUT}".removeprefix("nginx: "),
        f"[error] 24656#24656: *1 {TIMED_OUT}, client: 10.0.0.1",
        f"Jun 15 14:00:00 web-01 nginx[12]: 2026/06/15 14:00:00 [error] 12#12: *5 {TIMED_OUT}, client: 10.0.0.1",
        f"2026-06-15T14:00:00.123+02:00 ERROR: {TIMED_OUT} ",
        f"2026-06-15 10:00:00.123 EDT [4711] shop@shop FATAL:  {TIMED_OUT}",
        f"FATAL:  {TIMED_OUT}",
    ],
)
def test_what_transports_add_is_taken_away(message: str) -> None:
    assert [TIMED_OUT] == strip_transport(strings(pd.Series([message], dtype="str"))).to_pylist()


@pytest.mark.parametrize("message", ["12 workers started", "started 2026-06-15", "errors: 5", "loading (12#12)"])
def test_other_text_is_left_alone(message: str) -> None:
    assert [message] == strip_transport(strings(pd.Series([message], dtype="str"))).to_pylist()
