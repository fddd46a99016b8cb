"""Chat that was copied out of Slack's window, in both layouts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timeline_parsers._slack_paste import read_paste
from timeline_parsers.slack import parser

from timeline import build
from timeline import read as read_evidence
from timeline.containers import Memory
from timeline.errors import UsageError
from timeline.parser import Batch
from timeline.sources import Source
from timeline.testing import check_parser

DESKTOP = """\
Saturday, June 15th
alice
  3:13 PM
the checkout is down
who is on call?
3:14
@bob
can you look?
:eyes:
2
Bob Smith
:pto:  3:20 PM
rolling back (edited)
1 reply
Last reply 16 days agoView thread
Alertmanager
APP  3:21 PM
[RESOLVED] HighErrorRate
"""
OLD = """\
alice [11:58 PM]
it is late
[11:59]
very

bob [00:02]
 good morning
[00:03] same line
"""


def read(text: str, **options: str) -> tuple[pd.DataFrame, Batch]:
    (batch,) = read_paste(Source(Memory("chat.txt", text.encode()), "", options))
    whole = [batch.lines, len(batch.records) + batch.continuation + batch.blank + batch.decoration + batch.unparsed]
    assert [text.count("\n") + (not text.endswith("\n"))] * 2 == whole
    return batch.records, batch


def walls(rows: pd.DataFrame) -> list[str]:
    return [str(pd.Timestamp(int(wall), unit="us"))[:16] for wall in rows["wall"]]


def test_the_layout_of_the_desktop() -> None:
    rows, batch = read(DESKTOP, date="2024-06-15")

    assert ["alice", "alice", "Bob Smith", "Alertmanager"] == rows["actor"].tolist()
    assert ["2024-06-15 15:13", "2024-06-15 15:14", "2024-06-15 15:20", "2024-06-15 15:21"] == walls(rows)
    assert [
        "the checkout is down\nwho is on call?",
        "@bob\ncan you look?",
        "rolling back (edited)",
        "[RESOLVED] HighErrorRate",
    ] == rows["message"].tolist()
    assert [2, 6, 11, 16] == rows["line"].tolist()
    assert "eyes×2" == rows["slack.reactions"][1]
    assert [False, False, False, True] == rows["slack.is_bot"].tolist()
    assert "alert-resolved" == rows["kind"][3]
    assert (3, 0) == (batch.decoration, batch.unparsed)


def test_the_older_layout_passes_midnight() -> None:
    rows, batch = read(OLD, date="2026-06-15", channel="incident")

    assert ["2026-06-15 23:58", "2026-06-15 23:59", "2026-06-16 00:02", "2026-06-16 00:03"] == walls(rows)
    assert ["it is late", "very", "good morning", "same line"] == rows["message"].tolist()
    assert {"#incident"} == set(rows["service"])
    assert "went back 1 times" in batch.warnings[0]


def test_a_time_without_its_half_is_the_next_that_the_clock_shows() -> None:
    rows, _ = read("alice\n  11:59 AM\na\n12:01\nb\n1:30\nc\n", date="2026-06-15")

    assert ["2026-06-15 11:59", "2026-06-15 12:01", "2026-06-15 13:30"] == walls(rows)


def test_a_clock_of_24_hours() -> None:
    rows, _ = read("alice\n  23:59\na\n0:01\nb\nbob\n  8:00\nc\n", date="2026-06-15")

    assert ["2026-06-15 23:59", "2026-06-16 00:01", "2026-06-16 08:00"] == walls(rows)


def test_a_divider_tells_the_day_of_what_follows() -> None:
    text = "alice  3:13 PM\na\nMonday, June 17th\nbob  9:00 AM\nb\nJanuary 2nd, 2027\nbob  9:00 AM\nc\n"

    assert ["2026-06-15 15:13", "2026-06-17 09:00", "2027-01-02 09:00"] == walls(read(text, date="2026-06-15")[0])


def test_without_a_date_the_messages_stay_undated_and_the_option_is_named() -> None:
    rows, batch = read(OLD)

    assert rows["wall"].isna().all()
    assert "4 messages stay undated (--set slack.date=YYYY-MM-DD" in batch.warnings[0]


def test_the_zone_is_told_as_for_every_log(tmp_path: Any) -> None:
    path = tmp_path / "chat.txt"
    path.write_text(DESKTOP)

    evidence = read_evidence(path, tz="America/New_York", options={"slack": {"date": "2024-06-15"}})

    assert "2024-06-15 19:13:00+00:00" == str(evidence.events["timestamp"].iloc[0])
    assert {"declared"} == set(evidence.events["time_basis"])


@pytest.mark.parametrize("options", [{"date": "yesterday"}, {"date": "2026-02-30"}, {"day": "2026-06-15"}])
def test_options_that_are_none_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        list(parser.parse(Source(Memory("chat.txt", OLD.encode()), "", options)))


@pytest.mark.parametrize("text", [DESKTOP, OLD, "alice\n  3:13\u202fPM\nhello\n", "Today\nalice  9:05 AM\nhello\n"])
def test_pasted_text_is_recognised(text: str) -> None:
    assert parser.sniff(text.encode()) > 0


@pytest.mark.parametrize(
    "text",
    [
        "2026-06-15 14:03:11 UTC [7] LOG:  ready\n",
        "Jun 15 14:03:11 web-01 app[7]: finished at 14:03\n",
        "meeting notes\nwe met at 3:13 PM\nand agreed\n",
        "14:03\n14:04\n",
        '10.0.0.1 - - [15/Jun/2026:14:03:11 +0000] "GET / HTTP/1.1" 200 1\n',
        "a;b;c\n1;2;3:13 PM\n",
    ],
)  # fmt: skip
def test_other_text_is_not_taken(text: str) -> None:
    assert 0 == parser.sniff(text.encode())


def test_lines_before_the_first_speaker_are_counted() -> None:
    rows, batch = read("half a message\nand more\nalice\n  3:13 PM\nhello\n", date="2026-06-15")

    assert (["hello"], 2) == (rows["message"].tolist(), batch.unparsed)
    assert [1, 2] == [line for line, _ in batch.unparsed_examples]


@pytest.mark.parametrize("text", [DESKTOP, OLD])
@pytest.mark.parametrize("options", [{}, {"date": "2026-06-15"}])
def test_pasted_text_keeps_the_contract_of_parsers(text: str, options: dict[str, str]) -> None:
    check_parser(parser, text.encode(), options=options)


pieces = st.sampled_from([*DESKTOP.splitlines(), *OLD.splitlines(), "", ":eyes:", "3", "12:30", "[12:31]", "June 40th"])


@settings(max_examples=150, deadline=None)
@given(st.lists(pieces | st.text(alphabet="a:[]123 PM\r\n", max_size=12), max_size=25), st.booleans())
def test_any_text_is_accounted_for(lines: list[str], dated: bool) -> None:  # noqa: FBT001
    text = "x\n" + "\n".join(lines)

    parser.sniff(text.encode())
    rows, _ = read(text, **({"date": "2026-06-15"} if dated else {}))

    assert all(rows["message"].str.len() > 0)


def test_no_second_is_shown_that_was_not_told(tmp_path: Path) -> None:
    path = tmp_path / "chat.txt"
    path.write_text("alice [11:58 AM]\nthe checkout is down\n[11:58]\nrolling back shop-api to 2.13.0\n", "utf-8")
    told: dict[str, Any] = {"tz": "UTC", "options": {"slack": {"date": "2026-06-15"}}}
    events = read_evidence(path, **told).events
    assert events["time_note"].to_list() == ["told to the minute; zone UTC as told"] * 2
    assert events["time_basis"].to_list() == ["declared"] * 2
    text = build(path, **told).to_markdown()
    assert "11:58†" in text
    assert "11:58:00" not in text
    assert "told to the minute" in text


def test_an_undated_message_has_no_minute_either(tmp_path: Path) -> None:
    path = tmp_path / "chat.txt"
    path.write_text(OLD, "utf-8")
    assert set(read_evidence(path).events["time_note"]) == {""}
