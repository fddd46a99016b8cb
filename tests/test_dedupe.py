"""Copies become one row; equal lines of one file never do."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pandas as pd
import pytest
from event_frames import frame, journal, log, places
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from timeline import schema
from timeline.dedupe import dedupe
from timeline.echoes import REACH_US
from timeline.errors import SchemaError
from timeline.merge import merge

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


# Properties --------------------------------------------------------------------------------------------------------

TEXTS = ("a failed", "b failed")


def written(file: str, entries: list[tuple[int, str]], **rest: Any) -> pd.DataFrame:
    rows = [
        {"t": t / 1e6, "source": "journald", "file": file, "line": n, "message": text, **rest}
        for n, (t, text) in enumerate(entries, 1)
    ]
    return frame(rows)


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
    stamps = st.sampled_from([*range(0, 4_000_000, 250_001)])
    for number in range(draw(st.integers(0, 2))):
        entries = sorted(draw(st.lists(st.tuples(stamps, st.sampled_from(TEXTS)), max_size=6, unique=True)))
        refs = [f"s={number};i={n};b=b;m={t};t={t};x={text[0]}" for n, (t, text) in enumerate(entries)]
        told = written(f"{number}.journal", entries, host="a")
        frames += [told.assign(ref=pd.array(refs, dtype="str"))] if entries else []
    repeated = [f"message repeated {n} times: [ {text}]" for n in (1, 2, 3) for text in TEXTS]
    for name in draw(st.lists(st.sampled_from(["syslog", "syslog.1", "short.txt"]), unique=True, max_size=2)):
        entries = sorted(draw(st.lists(st.tuples(stamps, st.sampled_from([*TEXTS, *TEXTS, *repeated])), max_size=6)))
        tick = draw(st.sampled_from([1, 1_000_000]))
        frames += [written(name, [(t // tick * tick, text) for t, text in entries], host="a")] if entries else []
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
    """But for lines that stand for several events, which two lines of another file may tell of."""
    events = merge(frames)
    hosts = dict(zip(places(events), events["host"], strict=True))
    kept = dedupe(events)
    single = kept[~kept["message"].str.startswith("message repeated")]
    for place, others in zip(places(single), single["also_in"].fillna(""), strict=True):
        members = [place, *filter(None, others.split(", "))]

        assert len(members) == len({member.rpartition(":")[0] for member in members})
        assert len({hosts[member] for member in members if isinstance(hosts[member], str)}) <= 1


@relaxed
@given(folders(), folders())
def test_parts_before_and_after_a_pause_can_be_done_one_by_one(
    early: list[pd.DataFrame], late: list[pd.DataFrame]
) -> None:
    """Without overlapping files, which only whole files show."""
    names = {"x.log", "0.journal", "1.journal", "syslog"}
    first, second = (merge([table for table in part if table["file"].iloc[0] in names]) for part in (early, late))
    # The last row of the first part lies at 4 s at most, the first row of the second so much and a little later.
    second["timestamp"] += pd.Timedelta(REACH_US + 4_000_001, "us")
    second["line"] += 100
    second["ref"] += ";later"
    both = dedupe(merge([first, second]))

    assert summary(dedupe(first)) + summary(dedupe(second)) == summary(both)


def test_one_large_file_costs_nothing_to_speak_of() -> None:
    """A bound that only a quadratic or per-row way would break."""
    count = 200_000
    events = log("access.log", [0.0], source="nginx-access").loc[np.zeros(count, int)].reset_index(drop=True)
    events["line"] = pd.array(np.arange(1, count + 1), dtype="Int64")
    begin = time.process_time()
    kept = dedupe(events)

    assert count == len(kept)
    assert time.process_time() - begin < 2
