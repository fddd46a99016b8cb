"""The recorded Slack exports: what the recording script says it did is found, to the microsecond."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from timeline_parsers.slack import parser

from timeline.parser import Batch
from timeline.sources import Source, discover

FIXTURES = Path(__file__).parent.parent / "fixtures"
INCIDENT = FIXTURES / "checkout-outage" / "slack-export.zip"
TRUTH = FIXTURES / "checkout-outage.truth.json"


def read(path: Path) -> dict[str, Batch]:
    sources = [source for source in discover(path) if isinstance(source, Source)]
    return {source.member: batch for source in sources if parser.sniff(source.head) for batch in parser.parse(source)}


def rows_of(path: Path) -> pd.DataFrame:
    return pd.concat([batch.records for batch in read(path).values() if len(batch.records)], ignore_index=True)


@pytest.fixture(scope="module")
def small() -> pd.DataFrame:
    return rows_of(FIXTURES / "slack")


@pytest.mark.parametrize("path", [INCIDENT, FIXTURES / "slack"], ids=["incident", "small"])
def test_every_file_of_an_export_is_taken_and_accounted_for(path: Path) -> None:
    labels = [found.member for found in discover(path) if isinstance(found, Source)]
    batches = read(path)

    assert sorted(labels) == sorted(batches)
    assert all(batch.lines == len(batch.records) + batch.decoration + batch.unparsed for batch in batches.values())


def test_every_act_in_chat_is_found_at_its_own_time() -> None:
    rows = rows_of(INCIDENT)
    facts = [fact for fact in json.loads(TRUTH.read_text())["facts"] if fact["source"] == "slack"]

    assert len(facts) > 5
    for fact in facts:
        there = rows[rows["message"].str.contains(fact["pattern"], case=False, regex=True)]
        assert int(pd.Timestamp(fact["t"]).value // 1000) in there["wall"].tolist(), fact["what"]


def test_alerts_and_deploys_of_the_incident() -> None:
    rows = rows_of(INCIDENT).dropna(subset=["kind"]).sort_values("wall", ignore_index=True)
    wanted = rows[rows["kind"].isin(["deploy", "alert-firing", "alert-resolved"])]

    assert ["deploy", "deploy", "alert-firing", "alert-resolved"] == wanted["kind"].tolist()
    assert [None, "info", "err", "info"] == [None if pd.isna(value) else value for value in wanted["severity"]]
    assert ["deploybot", "deploybot", "Alertmanager", "Alertmanager"] == wanted["actor"].tolist()


def test_people_are_named_and_texts_are_plain(small: pd.DataFrame) -> None:
    said = dict(zip(small["slack.ts"], small["message"], strict=True))

    assert {"alice", "Bob Tanaka", "guest (hoster)", "Slackbot", "Alertmanager", "deploybot", "B06NAMELES"} == set(
        small["actor"]
    )
    assert said["1795572005.000129"] == (
        "@here ask @alice, @guest (hoster) or @sre in #alerts and #C06GONE009; runbook db full, https://status.shop.example.com, "
        "dba@shop.example.com, since 2026-11-25T01:55:00Z"
    )
    assert said["1795572010.000139"] == "quota < 5% & shrinking, `a &lt; b`, bold it no"
    assert said["1795571940.000409"] == "[FIRING:1] DiskFull shop-db\nDisk of shop-db is 98% full\nSeverity: critical"
    assert (
        said["1795571950.000419"]
        == "shop-db 1.9.0 deployed\nto production by @Bob Tanaka\nCommit\n`4f2a91c`\ntook 41 s"
    )
    assert said["1795571960.000429"] == "see https://wiki.shop.example.com/disk"
    assert said["1795571970.000439"] == "[RESOLVED] DiskFull shop-db"
    assert said["1795572150.000199"] == "[file: df on shop-db]\n[file: deleted]"


def test_marks_of_people_are_kept(small: pd.DataFrame) -> None:
    root = small[small["slack.ts"] == "1795572000.123459"].iloc[0]

    assert ("pushpin×1, clap×3", True) == (root["slack.reactions"], root["slack.pinned"])
    assert ["2026-11-25T02:01:21.000000Z"] == small["slack.edited"].dropna().tolist()


def test_both_copies_of_a_broadcast_reply_are_rows(small: pd.DataFrame) -> None:
    copies = small[small["slack.broadcast"]]

    assert ["C06OPS0001/1795572190.000209"] * 2 == copies["ref"].tolist()
    assert 1 == (small["message"] == "declaring SEV2: orders fail").sum()


def test_no_token_and_no_uploaded_message_gets_through(small: pd.DataFrame) -> None:
    text = small.to_json() + repr([batch.unparsed_examples for batch in read(FIXTURES / "slack").values()])

    assert "xoxe" not in text
    assert "not a message: a file" not in text
