"""Interleaving frames."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from timeline import schema
from timeline.merge import merge

NOON = pd.Timestamp("2026-06-15T12:00:00Z")


def events(file: str, seconds: list[float | None]) -> pd.DataFrame:
    times = [pd.NaT if second is None else NOON + pd.Timedelta(second, "s") for second in seconds]
    frame = {
        "timestamp": pd.array(times, dtype=schema.TIME_DTYPE),
        "file": file,
        "line": range(1, len(seconds) + 1),
        "message": file,
    }
    return schema.conform(pd.DataFrame(frame))


def places(frame: pd.DataFrame) -> list[str]:
    return [f"{file}:{line}" for file, line in zip(frame["file"], frame["line"], strict=True)]


def test_events_are_put_in_order_of_time() -> None:
    merged = merge([events("b.log", [3, 5]), events("a.log", [4, 1])])

    assert ["a.log:2", "b.log:1", "a.log:1", "b.log:2"] == places(merged)
    assert list(merged.index) == [0, 1, 2, 3]


def test_equal_times_are_ordered_by_file_then_line() -> None:
    merged = merge([events("b.log", [1, 1]), events("a.log", [1, 1])])

    assert ["a.log:1", "a.log:2", "b.log:1", "b.log:2"] == places(merged)


def test_events_without_a_time_come_last() -> None:
    merged = merge([events("a.log", [None, 2]), events("b.log", [1, None])])

    assert ["b.log:1", "a.log:2", "a.log:1", "b.log:2"] == places(merged)
    assert merged["timestamp"].isna().tolist() == [False, False, True, True]


def test_nothing_gives_an_empty_event_frame() -> None:
    schema.check(merge([]))
    assert len(merge([schema.empty()])) == 0


def test_columns_of_one_frame_only_are_missing_in_the_rows_of_others() -> None:
    merged = merge([events("a.log", [1]).assign(**{"url.path": pd.array(["/"], dtype="str")}), events("b.log", [2])])

    assert ["/", None] == merged["url.path"].astype(object).where(merged["url.path"].notna(), None).tolist()
    schema.check(merged)


@pytest.mark.parametrize("seconds", [[1, 2, 3], [3, 2, 1]])
def test_one_frame_is_sorted_too(seconds: list[float | None]) -> None:
    assert [1, 2, 3] == [(time - NOON).total_seconds() for time in merge([events("a.log", seconds)])["timestamp"]]


moments = st.lists(st.one_of(st.none(), st.integers(0, 5)), max_size=6)


@given(st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), moments), st.randoms(use_true_random=False))
def test_the_order_of_the_frames_does_not_matter(files: dict[str, list[float | None]], chance: object) -> None:
    frames = [events(name, seconds) for name, seconds in files.items()]
    shuffled = list(frames)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]

    assert places(merge(frames)) == places(merge(shuffled))


@given(moments)
def test_merging_again_changes_nothing(seconds: list[float | None]) -> None:
    merged = merge([events("a.log", seconds)])

    pd.testing.assert_frame_equal(merged, merge([merged]))
