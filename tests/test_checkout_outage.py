"""The recorded incident: the timeline holds what the script that injected the fault says really happened."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import timeline
from timeline.results import Timeline

FIXTURE = Path(__file__).parent.parent / "fixtures" / "checkout-outage"
TRUTH: dict[str, Any] = json.loads(FIXTURE.with_suffix(".truth.json").read_text(encoding="utf-8"))
FACTS = {fact["id"]: fact for fact in TRUTH["facts"]}
# What the issue wants to see: onset, first database error, alert, human decision, fix and recovery.
MUST = ("deploy-started", "outage-begins", "first-database-error", "alert-firing", "incident-declared", "decision", "index-announced",
        "last-5xx", "alert-resolved")  # fmt: skip


@cache
def built() -> Timeline:
    return timeline.build(FIXTURE)


def lines() -> Iterator[tuple[pd.Timestamp, str]]:
    day = str(built().entries["timestamp"].iloc[0].date())
    for line in built().to_markdown().splitlines():
        if found := re.match(r"- (\d\d:\d\d(?::\d\d)?)\S* (.*)", line):
            yield pd.Timestamp(f"{day} {found[1]}Z"), found[2]


@pytest.mark.parametrize("name", MUST)
def test_the_timeline_has_the_fact_within_60_seconds(name: str) -> None:
    fact = FACTS[name]
    moment = pd.Timestamp(fact["t"])

    assert [
        text
        for stamp, text in lines()
        if abs(stamp - moment) <= pd.Timedelta("60s") and re.search(fact["pattern"], text, re.IGNORECASE)
    ], fact


def test_the_times_of_onset_and_end_are_right_to_the_second() -> None:
    stamps = {
        str(phase): stamp
        for phase, stamp in zip(built().entries["phase"], built().entries["timestamp"], strict=True)
        if not pd.isna(phase)
    }

    assert abs(stamps["OUTAGE BEGINS"] - pd.Timestamp(FACTS["outage-begins"]["t"])) < pd.Timedelta("2s")
    assert abs(stamps["OUTAGE ENDS"] - pd.Timestamp(FACTS["last-5xx"]["t"])) < pd.Timedelta("2s")
    assert abs(stamps["DETECTED"] - pd.Timestamp(FACTS["alert-firing"]["t"])) < pd.Timedelta("2s")


def test_it_is_10_to_40_lines_and_none_stands_twice() -> None:
    texts = [text for _, text in lines()]

    assert 10 <= len(texts) <= 40
    assert len(texts) == len(set(texts))


def test_the_folder_explains_itself() -> None:
    assert [] == built().warnings
    assert not (built().events["time_basis"] == "assumed").any()


def test_every_line_is_accounted_for() -> None:
    account = timeline.read(FIXTURE, dedupe=False).account.set_index("file")
    counts = TRUTH["counts"]

    for name, expected in counts["lines"].items():
        assert expected == account.loc[f"{FIXTURE}/{name}", "lines"], name
    journals = account[account["parser"] == "journald"]
    assert counts["journal_entries"] == journals["records"].sum()
    assert counts["postgresql_records"] == account[account["parser"] == "postgresql"]["records"].sum()
    assert counts["slack_rows"] == account[account["parser"] == "slack"]["records"].sum()
    assert 0 == account["unparsed"].sum()
    assert (
        account["lines"] == account[["records", "continuation", "blank", "decoration", "unparsed"]].sum(axis=1)
    ).all()


def test_there_is_one_event_for_each_distinct_record() -> None:
    events = built().events
    counts = TRUTH["counts"]

    assert counts["slack_messages"] == (events["source"] == "slack").sum()
    assert (
        counts["lines"]["nginx/access.log"] + counts["lines"]["nginx/access.log.1.gz"]
        == (events["source"] == "nginx-access").sum()
    )
    # nginx writes each error to its file and to the journal: they are told once.
    errors = events[events["message"].str.contains("upstream timed out", regex=False)]
    in_file = (FIXTURE / "nginx/error.log").read_text(encoding="utf-8").count("upstream timed out")
    assert in_file == len(errors)


def test_copies_add_up_to_what_was_read() -> None:
    assert timeline.read(FIXTURE, dedupe=False).account["records"].sum() == built().events["copies"].sum()


def test_nothing_is_out_of_order() -> None:
    assert built().events["timestamp"].is_monotonic_increasing
    assert built().entries["timestamp"].is_monotonic_increasing


def test_the_same_input_gives_the_same_bytes() -> None:
    assert built().to_markdown() == timeline.build(FIXTURE).to_markdown()
