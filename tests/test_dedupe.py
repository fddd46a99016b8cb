"""Copies become one row; equal lines of one file never do."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from timeline import schema
from timeline.arrays import strings
from timeline.cores import strip_transport
from timeline.dedupe import dedupe
from timeline.errors import SchemaError
from timeline.merge import merge

NOON = pd.Timestamp("2026-06-15T12:00:00Z")
TIMED_OUT = "upstream timed out (110: Connection timed out) while reading response header from upstream"
IN_JOURNAL = f"2026/06/15 14:00:00 [error] 12#12: *5 {TIMED_OUT}, client: 203.0.113.9, server: shop.example.com"


def at(seconds: float) -> pd.Timestamp:
    return NOON + pd.Timedelta(round(seconds * 1e6), "us")


def frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Make an event frame of rows with `t` in seconds after noon."""
    table = pd.DataFrame([{key: value for key, value in row.items() if key != "t"} for row in rows])
    table["timestamp"] = pd.array(
        [pd.NaT if row["t"] is None else at(row["t"]) for row in rows], dtype=schema.TIME_DTYPE
    )
    return schema.conform(table)


def log(
    file: str, seconds: list[float | None], *, source: str = "nginx-error", message: str = TIMED_OUT, **rest: Any
) -> pd.DataFrame:
    rows = [
        {"t": t, "source": source, "file": file, "line": line, "message": message, **rest}
        for line, t in enumerate(seconds, 1)
    ]
    return frame(rows) if rows else schema.empty()


def journal(
    seconds: list[float | None],
    *,
    message: str = IN_JOURNAL,
    file: str = "system.journal",
    seqnum: str = "1",
    host: str = "web-01",
) -> pd.DataFrame:
    table = log(file, seconds, source="journald", message=message, host=host)
    refs = [f"s={seqnum}{line};i={seqnum}{line};b=b0;m={t};t={t};x={line}" for line, t in enumerate(seconds, 1)]
    return table.assign(ref=pd.array(refs, dtype="str"))


def places(events: pd.DataFrame) -> list[str]:
    return [f"{file}:{line}" for file, line in zip(events["file"], events["line"], strict=True)]


# Every row -------------------------------------------------------------------------------------------------------


def test_a_row_without_copies_says_so() -> None:
    kept = dedupe(log("error.log", [1, 2, 2]))

    assert [1, 1, 1] == kept["copies"].tolist()
    assert kept["also_in"].isna().all()
    assert kept["dedupe_rule"].isna().all()
    assert kept["copies"].dtype == "Int64"
    assert kept["also_in"].dtype == "str"


@pytest.mark.parametrize("events", [schema.empty(), merge([])])
def test_nothing_stays_nothing(events: pd.DataFrame) -> None:
    assert len(dedupe(events)) == 0
    assert {"copies", "also_in", "dedupe_rule"} <= set(dedupe(events).columns)


def test_a_frame_without_the_columns_is_refused() -> None:
    with pytest.raises(SchemaError):
        dedupe(pd.DataFrame({"message": ["x"]}))


def test_rows_without_time_host_line_and_text_pass_through() -> None:
    kept = dedupe(
        frame([{"t": None, "source": "journald", "file": "a"}, {"t": None, "source": "nginx-error", "file": "b"}])
    )

    assert 2 == len(kept)


# Native identity -------------------------------------------------------------------------------------------------


def test_an_entry_in_two_journal_files_is_one_though_the_cursor_differs() -> None:
    kept = dedupe(merge([journal([1, 2]), journal([1, 2], file="user-1000@x.journal", seqnum="77")]))

    assert ["system.journal:1", "system.journal:2"] == places(kept)
    assert ["user-1000@x.journal:1", "user-1000@x.journal:2"] == kept["also_in"].tolist()
    assert ["same identity"] * 2 == kept["dedupe_rule"].tolist()


def test_a_chat_message_is_one_within_and_across_exports() -> None:
    message = {
        "t": 1.5,
        "source": "slack",
        "service": "#incident",
        "message": "on it",
        "ref": "C1/1.5",
        "slack.channel_id": "C1",
    }
    rows = [
        {**message, "file": file, "line": line}
        for file, line in (("a.zip!x.json", 1), ("a.zip!x.json", 4), ("b.zip!x.json", 1))
    ]

    kept = dedupe(frame(rows))

    assert ["a.zip!x.json:1"] == places(kept)
    assert ["a.zip!x.json:4, b.zip!x.json:1"] == kept["also_in"].tolist()
    assert [3] == kept["copies"].tolist()


def test_equal_chat_messages_with_different_ts_stay() -> None:
    rows = [
        {
            "t": 1,
            "source": "slack",
            "service": "#a",
            "message": "+1",
            "file": "x",
            "line": n,
            "ref": f"C1/{n}",
            "slack.channel_id": "C1",
        }
        for n in (1, 2)
    ]

    assert 2 == len(dedupe(frame(rows)))


def test_postgresql_rows_that_share_session_and_line_but_not_the_text_stay() -> None:
    def rows(file: str) -> list[dict[str, Any]]:
        return [
            {"t": 1, "source": "postgresql", "file": file, "line": n, "message": text, "ref": "64f.1a/1"}
            for n, text in enumerate(("one", "two", "two"), 1)
        ]

    kept = dedupe(frame([*rows("pg.csv"), *rows("pg.csv.gz")]))

    assert ["pg.csv:1", "pg.csv:2", "pg.csv:3"] == places(kept)
    assert [2, 2, 2] == kept["copies"].tolist()


# Files that are there twice --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second"), [("access.log", "access.log.gz"), ("a/x.log", "b/copy.log"), ("a.log", "a.log.1")]
)
def test_a_file_under_two_names_counts_once(first: str, second: str) -> None:
    kept = dedupe(merge([log(second, [1, 2, 2]), log(first, [1, 2, 2])]))

    assert [f"{first}:{line}" for line in (1, 2, 3)] == places(kept)
    assert [f"{second}:{line}" for line in (1, 2, 3)] == kept["also_in"].tolist()
    assert ["same lines"] * 3 == kept["dedupe_rule"].tolist()


def test_three_copies_of_a_file_count_once() -> None:
    kept = dedupe(merge([log(name, [1, 2]) for name in ("x.log", "x.log.gz", "old/x.log")]))

    assert [3, 3] == kept["copies"].tolist()
    assert ["old/x.log:1, x.log.gz:1", "old/x.log:2, x.log.gz:2"] == kept["also_in"].tolist()


def test_files_that_differ_in_one_line_both_stay() -> None:
    other = log("b.log", [1, 2, 3])
    other.loc[2, "message"] = "connect() failed"

    assert 6 == len(dedupe(merge([log("a.log", [1, 2, 3]), other])))


def test_equal_files_of_two_hosts_both_stay() -> None:
    assert 4 == len(dedupe(merge([log("a/x.log", [1, 2], host="a"), log("b/x.log", [1, 2], host="b")])))


def test_a_piece_of_a_file_is_dropped() -> None:
    kept = dedupe(merge([log("access.log", [1, 2, 3, 4, 5]), log("access.log.1", [2, 3, 4])]))

    assert 5 == len(kept)
    assert [1, 2, 2, 2, 1] == kept["copies"].tolist()
    assert ["access.log.1:1", "access.log.1:2", "access.log.1:3"] == kept["also_in"].dropna().tolist()


def test_overlapping_rotations_are_joined_where_they_overlap() -> None:
    kept = dedupe(merge([log("access.log", [3, 3, 4, 5]), log("access.log-20260615.gz", [1, 2, 3, 3, 4])]))

    assert [1, 2, 3, 3, 4, 5] == [(moment - NOON).total_seconds() for moment in kept["timestamp"]]
    assert [1, 1, 2, 2, 2, 1] == kept["copies"].tolist()


def test_a_rotation_that_cuts_a_second_loses_nothing() -> None:
    assert 9 == len(dedupe(merge([log("access.log.1", [1, 2, 2, 2]), log("access.log", [2, 2, 2, 3, 4])])))


def test_two_halves_of_one_instant_both_stay() -> None:
    assert 4 == len(dedupe(merge([log("error.log.1", [2, 2]), log("error.log", [2, 2])])))


def test_logs_of_two_folders_are_no_rotations_of_each_other() -> None:
    assert 7 == len(dedupe(merge([log("web-1/access.log", [1, 2, 3, 4]), log("web-2/access.log", [2, 3, 4])])))


# The same event in two kinds of evidence ---------------------------------------------------------------------------


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


# Properties --------------------------------------------------------------------------------------------------------

TEXTS = ("a failed", "b failed")


@st.composite
def folders(draw: st.DrawFn) -> list[pd.DataFrame]:
    """Draw a small folder: rotated logs, a copy, journals, with few texts and few seconds so that twins abound."""
    frames = []
    for name in draw(
        st.lists(st.sampled_from(["x.log", "x.log.1", "x.log.gz", "y.log", "d/x.log"]), unique=True, max_size=4)
    ):
        rows = draw(st.lists(st.tuples(st.integers(0, 4), st.sampled_from(TEXTS)), max_size=6))
        host = draw(st.sampled_from([None, "a", "b"]))
        rows.sort()
        frames += (
            [
                frame(
                    [
                        {"t": t, "source": "nginx-error", "file": name, "line": n, "message": text, "host": host}
                        for n, (t, text) in enumerate(rows, 1)
                    ]
                )
            ]
            if rows
            else []
        )
    for number in range(draw(st.integers(0, 2))):
        rows = draw(
            st.lists(
                st.tuples(st.sampled_from([*range(0, 4_000_000, 250_001)]), st.sampled_from(TEXTS)),
                max_size=6,
                unique=True,
            )
        )
        rows.sort()
        frames += [
            frame(
                [
                    {"t": t / 1e6, "source": "journald", "file": f"{number}.journal", "line": n, "message": text, "host": "a", "ref": f"s={number};i={n};b=b;m={t};t={t};x={text[0]}"}
                    for n, (t, text) in enumerate(rows, 1)
                ]
            )
        ] if rows else []  # fmt: skip
    return frames


def summary(events: pd.DataFrame) -> list[tuple[Any, ...]]:
    texts = events["also_in"].fillna("").tolist()
    return list(zip(events["timestamp"].tolist(), places(events), events["copies"].tolist(), texts, strict=True))


relaxed = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@relaxed
@given(folders())
def test_no_row_is_lost(frames: list[pd.DataFrame]) -> None:
    events = merge(frames)
    kept = dedupe(events)

    assert len(events) == kept["copies"].sum()
    mentioned = places(kept) + [place for text in kept["also_in"].dropna() for place in text.split(", ")]
    assert sorted(places(events)) == sorted(mentioned)


@relaxed
@given(folders())
def test_again_changes_nothing(frames: list[pd.DataFrame]) -> None:
    kept = dedupe(merge(frames))

    pd.testing.assert_frame_equal(kept, dedupe(kept))


@relaxed
@given(folders(), st.integers(0, 10))
def test_order_does_not_matter(frames: list[pd.DataFrame], seed: int) -> None:
    events = merge(frames)
    shuffled = events.iloc[np.random.default_rng(seed).permutation(len(events))].reset_index(drop=True)

    assert summary(dedupe(events)) == summary(dedupe(shuffled))


@relaxed
@given(folders())
def test_no_group_holds_two_rows_of_one_file_or_of_two_hosts(frames: list[pd.DataFrame]) -> None:
    events = merge(frames)
    hosts = dict(zip(places(events), events["host"], strict=True))
    for place, others in zip(places(dedupe(events)), dedupe(events)["also_in"].fillna(""), strict=True):
        members = [place, *filter(None, others.split(", "))]

        assert len(members) == len({member.rpartition(":")[0] for member in members})
        assert len({hosts[member] for member in members if isinstance(hosts[member], str)}) <= 1


@relaxed
@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("xyz")), min_size=1, max_size=20), st.data())
def test_rotated_pieces_are_concatenated_without_loss(rows: list[tuple[int, str]], data: st.DataObject) -> None:
    """Cut a log anywhere, mid-second too: the pieces give back the log, even with one of them passed twice."""
    rows.sort(key=lambda row: row[0])
    cut = data.draw(st.integers(0, len(rows)))
    pieces = [("access.log.1", rows[:cut]), ("access.log", rows[cut:])]
    frames = [
        frame(
            [
                {"t": t, "source": "nginx-access", "file": name, "line": n, "message": text}
                for n, (t, text) in enumerate(piece, 1)
            ]
        )
        for name, piece in pieces
        if piece
    ]

    assert len(rows) == len(dedupe(merge(frames)))


@relaxed
@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from("xyz")), min_size=1, max_size=20), st.data())
def test_overlapping_exports_never_lose_an_event(rows: list[tuple[int, str]], data: st.DataObject) -> None:
    rows.sort(key=lambda row: row[0])
    begin, end = sorted(data.draw(st.tuples(st.integers(0, len(rows)), st.integers(0, len(rows)))))
    frames = [
        frame(
            [
                {"t": t, "source": "app", "file": name, "line": n, "message": text}
                for n, (t, text) in enumerate(piece, 1)
            ]
        )
        for name, piece in (("app.log.1", rows[:end]), ("app.log", rows[begin:]))
        if piece
    ]
    kept = dedupe(merge(frames)) if frames else schema.empty()

    assert len(rows) <= len(kept) if frames else not rows
    for row in set(rows):
        assert rows.count(row) <= sum(
            (moment, text) == (at(row[0]), row[1])
            for moment, text in zip(kept["timestamp"], kept["message"], strict=True)
        )


def test_one_large_file_costs_nothing_to_speak_of() -> None:
    """A bound that only a quadratic or per-row way would break."""
    count = 200_000
    events = log("access.log", [0.0], source="nginx-access").loc[np.zeros(count, int)].reset_index(drop=True)
    events["line"] = pd.array(np.arange(1, count + 1), dtype="Int64")
    begin = time.process_time()
    kept = dedupe(events)

    assert count == len(kept)
    assert time.process_time() - begin < 2
