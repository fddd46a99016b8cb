"""Files that are there twice, whole or in part, count once; all else is put one after the other."""

from __future__ import annotations

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
