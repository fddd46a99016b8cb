"""The same event in two kinds of evidence becomes one row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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


def test_an_event_takes_one_copy_though_others_of_its_host_fit() -> None:
    files = [log(f"web-0{n}/error.log", [7], host=f"web-0{n}") for n in (1, 2)]

    kept = dedupe(merge([*files, journal([7.1, 7.2, 7.3], host="web-02")]))

    assert [1, 2, 1, 1] == kept["copies"].tolist()


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


# Cut and repeated messages, texts of one journal -------------------------------------------------------------------

STATEMENT = "duration: 12.1 ms  statement: SELECT " + ", ".join(f"column_{n}" for n in range(60))


@pytest.mark.parametrize(("length", "rows"), [(len(STATEMENT), 1), (300, 1), (200, 1), (199, 2), (30, 2)])
def test_a_text_that_a_transport_cut_is_the_same_from_200_characters_on(length: int, rows: int) -> None:
    in_file = log("pg.log", [7.25], source="postgresql", message=STATEMENT)

    kept = dedupe(merge([in_file, journal([7.26], message=STATEMENT[:length])]))

    assert rows == len(kept)
    assert STATEMENT in kept["message"].tolist()


def test_a_cut_in_the_middle_of_a_letter_is_no_difference() -> None:
    in_file = log("app.log", [7.25], source="app", message="é" * 300)

    assert 1 == len(dedupe(merge([in_file, journal([7.26], message="é" * 250 + "\ufffd")])))


def test_cut_texts_are_paired_one_to_one_and_only_with_their_own_beginning() -> None:
    texts = [STATEMENT + ending for ending in (" FROM a", " FROM b")]
    whole = merge([log(f"{n}.log", [7.25], source="postgresql", message=text) for n, text in enumerate(texts)])

    assert 2 == len(dedupe(merge([whole, journal([7.3, 7.4], message=STATEMENT[:250])])))
    assert 3 == len(dedupe(merge([whole, journal([7.3, 7.4, 7.5], message=STATEMENT[:250])])))
    assert 3 == len(dedupe(merge([whole, journal([7.3], message=STATEMENT + " FROM c")])))


def syslog(seconds: Sequence[float], messages: list[str], file: str = "syslog", /, **rest: Any) -> pd.DataFrame:
    rows = [
        {"t": t, "source": "journald", "file": file, "line": n, "message": text, "host": "web-01", **rest}
        for n, (t, text) in enumerate(zip(seconds, messages, strict=True), 1)
    ]
    return frame(rows)


def test_a_line_that_says_how_often_a_message_was_repeated_stands_for_so_many() -> None:
    short = syslog([7, 9], ["gave up", "message repeated 3 times: [ gave up]"])

    kept = dedupe(merge([short, journal([7.1, 7.9, 8.4, 9.2], message="gave up")]))

    assert [f"system.journal:{line}" for line in (1, 2, 3, 4)] == places(kept)
    assert [2, 1, 1, 2] == kept["copies"].tolist()


@pytest.mark.parametrize("times", [[7.1, 8.4, 9.2], [7.1, 7.2, 7.3, 7.9, 9.2, 9.4]])
def test_a_repetition_that_the_journal_knows_otherwise_loses_nothing(times: list[float]) -> None:
    """journald drops what comes too fast: then the line of syslog tells of more than the journal has."""
    short = syslog([7, 9], ["gave up", "message repeated 3 times: [ gave up]"])

    kept = dedupe(merge([short, journal(times, message="gave up")]))

    expected = {f"system.journal:{line}" for line in range(1, len(times) + 1)}
    assert expected | ({"syslog:2"} if len(times) < 4 else set()) == set(places(kept))


@pytest.mark.parametrize(
    "claim", ["message repeated 99999 times: [ x]", "message repeated 0 times: [ x]", "message repeated"]
)
def test_a_claim_that_cannot_be_is_a_message_like_others(claim: str) -> None:
    assert 2 == len(dedupe(merge([syslog([7], [claim]), log("app.log", [7], source="app", message="y")])))


def test_texts_of_one_journal_in_different_forms_leave_no_duplicates() -> None:
    """`short`, `short-precise` and a text without identity of `verbose`, each of them in a file of its own."""
    texts = ["started", "gave up", "gave up", "gave up"]
    stamps = [7.1, 8.25, 8.5, 9.75]
    exact = syslog(stamps, texts, "precise.txt", **{"process.pid": "12"})
    coarse = syslog([7, 8, 8, 9], texts, "short.txt", **{"process.pid": "12"})
    third = syslog(stamps, texts, "verbose.txt")

    kept = dedupe(merge([coarse, exact, third]))

    assert stamps == [(moment - at(0)).total_seconds() for moment in kept["timestamp"]]
    assert [3] * 4 == kept["copies"].tolist()


def test_texts_of_a_journal_that_follow_each_other_both_stay() -> None:
    """`journalctl --until 12:00:08` and `--since 12:00:08`, and a rotation of syslog that cuts a second."""
    one, other = syslog([7.9], ["gave up"], "a.txt"), syslog([8.1], ["gave up"], "b.txt")
    assert 2 == len(dedupe(merge([one, other])))

    one, other = syslog([7, 8], ["on", "gave up"], "syslog.1"), syslog([8, 9], ["gave up", "off"], "syslog")
    assert 4 == len(dedupe(merge([one, other])))


def test_processes_of_one_program_are_told_apart_in_texts_of_a_journal() -> None:
    one = syslog([7], ["gave up"], "a.txt", **{"process.pid": "12"})
    other = syslog([7], ["gave up"], "b.txt", **{"process.pid": "13"})

    assert 2 == len(dedupe(merge([one, other])))


def test_requests_in_a_journal_are_in_its_texts_and_not_in_an_access_log() -> None:
    request = {"message": "GET /checkout", "http.response.status_code": 502}
    access = frame([{"t": 7, "source": "nginx-access", "file": "access.log", "line": 1, **request}])
    text = syslog([7], ["GET /checkout"], **{"http.response.status_code": 502})
    native = journal([7.25], message="GET /checkout").assign(**{"http.response.status_code": 502})

    assert ["access.log:1", "system.journal:1"] == places(dedupe(merge([access, text, native])))


@pytest.mark.parametrize(
    ("entry", "printed", "rows"),
    [
        ("\x1b[31mred\x1b[0m alert", "red alert", 1),
        ("a\tb", "a       b", 2),
        ("a\tb", "a        b", 1),
        ("null \x00 byte", "[11B blob data]", 1),
        ("latin-1 caf\ufffd", "[12B blob data]", 1),
        ("latin-1 caf\ufffd", "[13B blob data]", 2),
        ("no control", "[10B blob data]", 2),
    ],
)
def test_what_journalctl_prints_instead_of_control_characters_is_the_same(entry: str, printed: str, rows: int) -> None:
    assert rows == len(dedupe(merge([journal([7.25], message=entry), syslog([7], [printed])])))


def test_ten_thousand_twins_on_both_sides_stay_ten_thousand() -> None:
    """All of one minute, so that each has hundreds near it: pairs cannot be sought by looking at each."""
    times = [round(60 * place / 10_000, 6) for place in range(10_000)]

    kept = dedupe(merge([log("error.log", [float(int(t)) for t in times]), journal(times)]))

    assert [2] * 10_000 == kept["copies"].tolist()


def test_which_rows_pair_does_not_depend_on_what_is_far_away() -> None:
    """A file whose other stamps are finer, and a channel that is there later only, change nothing."""
    here = [log("b.log", [7], source="app"), log("a.log", [8], source="zeta"), journal([8.5])]
    later = [log("b.log", [100.25], source="app"), log("a.log", [101.5], source="zeta"), journal([102])]
    alone, both = dedupe(merge(here)), dedupe(merge([*here, *later]))

    assert alone["also_in"].tolist() == both["also_in"].tolist()[: len(alone)]
