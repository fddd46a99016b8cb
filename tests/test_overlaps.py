"""Files that are there twice, whole or in part, count once; all else is put one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from event_frames import NOON, at, frame, log, places
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from timeline import schema
from timeline.dedupe import dedupe
from timeline.merge import merge

relaxed = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


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


def numbered(file: str, begin: int, end: int, **rest: Any) -> pd.DataFrame:
    """A log with two different requests a second."""
    rows = [
        {"t": n // 2, "source": "nginx-access", "file": file, "line": place, "message": f"GET /{n % 9}", **rest}
        for place, n in enumerate(range(begin, end), 1)
    ]
    return frame(rows)


def judged(*frames: pd.DataFrame) -> tuple[pd.DataFrame, list[str], list[tuple[str, str]]]:
    warnings: list[str] = []
    notes: list[tuple[str, str]] = []
    kept = dedupe(merge(frames), warn=warnings.append, note=lambda file, text: notes.append((file, text)))
    return kept, warnings, notes


@pytest.mark.parametrize(
    ("begin", "end", "note"),
    [
        (0, 40, "copy of x/access.log"),
        (0, 3, "copy of lines 1 to 3 of x/access.log"),
        (7, 30, "copy of lines 8 to 30 of x/access.log"),
        (36, 40, "copy of lines 37 to 40 of x/access.log"),
        (36, 44, "lines 1 to 4 also in x/access.log"),
    ],
)
def test_a_piece_under_another_name_is_a_copy(begin: int, end: int, note: str) -> None:
    kept, warnings, notes = judged(numbered("x/access.log", 0, 40), numbered("y/cut-out.log", begin, end))

    assert max(end, 40) == len(kept)
    assert [("y/cut-out.log", note)] == notes
    assert not warnings


def test_a_file_that_was_copied_as_it_grew_ends_in_a_torn_line() -> None:
    torn = log("copy.log", [0, 1, 2], source="app", message="connection lost")
    torn.loc[2, "message"] = "connec"
    torn.loc[0, "message"] = "started"
    whole = log("app.log", [0, 1, 2, 3], source="app", message="connection lost")
    whole.loc[0, "message"] = "started"

    kept, warnings, notes = judged(whole, torn)

    assert ["app.log:1", "app.log:2", "app.log:3", "app.log:4"] == places(kept)
    assert ["connection lost"] * 3 == kept["message"].tolist()[1:]
    assert [("copy.log", "copy of lines 1 to 3 of app.log")] == notes
    assert not warnings


def test_the_torn_copy_goes_though_both_have_as_many_lines() -> None:
    torn, whole = (log(name, [0, 1], source="app", message="went down") for name in ("a.log", "app.log"))
    torn.loc[1, "message"] = "went"

    assert ["app.log:1", "app.log:2"] == places(dedupe(merge([torn, whole])))


@pytest.mark.parametrize(
    ("one", "other", "reason"),
    [
        # Two halves of a burst, or a copy: a rotation cuts where it wants.
        (log("error.log.1", [1, 2, 2]), log("error.log", [2, 2, 2, 3]), "equal lines of one instant"),
        (log("error.log.1", [2, 2]), log("error.log", [2, 2]), "equal lines of one instant"),
        # Two pods that start in one second say the same.
        (log("pod-a.log", [2, 2, 3]), log("pod-b.log", [2]), "equal lines of one instant"),
        (log("a/error.log", [2, 2]), log("b/error.log", [2, 2]), "logs of two hosts"),
        # A load balancer asks both of them every second.
        (log("a/access.log", [0, 1, 2, 3]), log("b/access.log", [1, 2, 3]), "logs of two hosts"),
        (log("a/shop.log", [0, 1, 2, 3]), log("a/api.log", [1, 2, 3]), "differ in their times only"),
    ],
)
def test_what_may_be_a_copy_stays_with_a_warning_that_names_both(
    one: pd.DataFrame, other: pd.DataFrame, reason: str
) -> None:
    kept, warnings, notes = judged(one, other)

    assert len(one) + len(other) == len(kept)
    assert not notes
    assert 1 == len(warnings)
    for expected in (one["file"].iloc[0], other["file"].iloc[0], reason, "both are kept"):
        assert expected in warnings[0]


def test_many_different_requests_are_a_copy_in_another_folder_too() -> None:
    assert 100 == len(dedupe(merge([numbered("a/access.log", 0, 100), numbered("b/access.log", 10, 60)])))
    assert 130 == len(dedupe(merge([numbered("a/access.log", 0, 100), numbered("b/access.log", 10, 40)])))


def test_three_different_requests_of_one_second_are_a_copy() -> None:
    def requests(file: str, clients: str) -> pd.DataFrame:
        rows = [{"t": 1, "source": "nginx-access", "file": file, "line": n, "message": "GET /", "client.address": client,
                 "http.response.status_code": 200} for n, client in enumerate(clients, 1)]  # fmt: skip
        return frame(rows)

    assert 5 == len(dedupe(merge([requests("x.log", "abcde"), requests("head.log", "abc")])))
    assert 7 == len(dedupe(merge([requests("x.log", "abcde"), requests("head.log", "ab")])))
    assert 8 == len(dedupe(merge([requests("x.log", "aaaaa"), requests("head.log", "aaa")])))


def test_a_rotated_copy_and_a_log_that_goes_on_are_whole_again() -> None:
    """The copy was made a little later than the rest was written on."""
    whole = [("access.log.1", 0, 50), ("access.log", 46, 90)]

    assert 90 == len(dedupe(merge([numbered(*piece) for piece in whole])))


@relaxed
@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from("xyz")), min_size=1, max_size=20), st.data())
def test_pieces_under_any_name_never_lose_an_event(rows: list[tuple[int, str]], data: st.DataObject) -> None:
    """Write a log and pieces of it: every line is there at least as often as in the log, and no line that is not."""
    rows.sort(key=lambda row: row[0])
    files = [("app.log", rows)]
    for name in ("cut.log", "old/app.log", "app.log.2"):
        begin, end = sorted(data.draw(st.tuples(st.integers(0, len(rows)), st.integers(0, len(rows)))))
        files += [(name, rows[begin:end])] if begin < end else []
    frames = [
        frame([{"t": t, "source": "app", "file": name, "line": n, "message": text} for n, (t, text) in enumerate(piece, 1)])
        for name, piece in files
    ]  # fmt: skip
    kept = dedupe(merge(frames))
    found = list(zip(kept["timestamp"], kept["message"], strict=True))

    for row in set(rows):
        assert rows.count(row) <= found.count((at(row[0]), row[1]))
    assert sum(len(piece) for _, piece in files) == kept["copies"].sum()


def test_equal_lines_cost_no_square() -> None:
    """A hundred thousand equal lines of one second in two rotations: each pair of places cannot be looked at."""
    count = 100_000
    one, other = (log(name, [2.0]).loc[np.zeros(count, int)].reset_index(drop=True) for name in ("x.log", "x.log.1"))
    for table in (one, other):
        table["line"] = pd.array(np.arange(1, count + 1), dtype="Int64")

    assert 2 * count == len(dedupe(merge([one, other])))
