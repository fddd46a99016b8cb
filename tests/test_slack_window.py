"""A window over a Slack export: each message is judged by its own ts, and what is left out is counted."""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from timeline_parsers import _slack_export
from timeline_parsers.slack import parser

import timeline
from timeline.containers import Memory
from timeline.sources import Source

# `date -u -d 2026-06-15T14:00:00 +%s` prints 1781532000.
AT_1400 = 1781532000
SINCE, UNTIL = "2026-06-15T14:00:00Z", "2026-06-15T15:00:00Z"
USERS = [{"id": "U1", "name": "alice"}]
CHANNELS = [{"id": "C1", "name": "general"}]


def say(text: str, seconds: int, **more: Any) -> dict[str, Any]:
    return {"type": "message", "user": "U1", "text": text, "ts": f"{AT_1400 + seconds}.000100"} | more


def pack(path: Path, days: dict[str, list[dict[str, Any]]]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, value in {"users.json": USERS, "channels.json": CHANNELS, **days}.items():
            archive.writestr(name, json.dumps(value, indent=4))
    return path


@pytest.fixture
def export(tmp_path: Path) -> Path:
    pin = say("pinned a message", 90_000, subtype="pinned_item", item={"message": {"ts": f"{AT_1400 + 10}.000100"}})
    return pack(
        tmp_path / "export.zip",
        {
            "general/2026-06-15.json": [say("too early", -1), say("root", 10), say("too late", 3601)],
            "general/2026-06-16.json": [say("tomorrow", 86_400), pin],
            "general/2020-01-01.json": [say("in a file of another year", 20)],
            "general/2026-06-17.json": [say("reply in a later file", 30, thread_ts=f"{AT_1400 + 10}.000100")],
        },
    )


def test_the_name_of_a_day_file_decides_nothing(export: Path) -> None:
    events = timeline.read(export, since=SINCE, until=UNTIL).events
    assert events["message"].to_list() == ["root", "in a file of another year", "reply in a later file"]


def test_a_message_keeps_what_a_message_outside_of_the_window_says_of_it(export: Path) -> None:
    events = timeline.read(export, since=SINCE, until=UNTIL).events
    assert events.loc[events["slack.pinned"], "message"].to_list() == ["root"]


def test_messages_left_out_are_counted(export: Path) -> None:
    account = timeline.read(export, since=SINCE, until=UNTIL).account.set_index("file")
    days = account[account.index.str.contains("general/")]
    assert days["skipped"].to_dict() == {
        f"{export}!general/2020-01-01.json": 0,
        f"{export}!general/2026-06-15.json": 2,
        f"{export}!general/2026-06-16.json": 2,
        f"{export}!general/2026-06-17.json": 0,
    }
    assert (days["lines"] == days["records"] + days["skipped"]).all()


@pytest.mark.parametrize(
    ("since", "until", "texts"),
    [(0, 0, ["at"]), (1, None, ["after"]), (None, -1, ["before"]), (None, None, ["before", "at", "after"])],
)
def test_both_ends_belong_to_the_window(since: int | None, until: int | None, texts: list[str]) -> None:
    messages = [say("before", -1), say("at", 0), say("after", 1)]
    data = json.dumps([{**one, "ts": one["ts"].replace(".000100", ".000000")} for one in messages]).encode()
    ends = (None if end is None else (AT_1400 + end) * 1_000_000 for end in (since, until))
    (batch,) = parser.parse_window(Source(Memory("day.json", data), "day.json"), *ends)
    assert batch.records["message"].to_list() == texts
    assert (batch.lines, batch.skipped) == (3, 3 - len(texts))


def test_a_message_without_a_time_is_told_whatever_the_window() -> None:
    data = json.dumps([say("before", -1), {"type": "message", "text": "when?", "ts": "soon", "user": "U1"}]).encode()
    (batch,) = parser.parse_window(Source(Memory("day.json", data), "day.json"), AT_1400 * 1_000_000, None)
    assert (batch.unparsed, batch.skipped, len(batch.records)) == (1, 1, 0)


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count how many times each member of an archive is read to its end."""
    read: Counter[str] = Counter()
    plain = Source.read

    def count(self: Source) -> bytes:
        read[self.member] += 1
        return plain(self)

    monkeypatch.setattr(Source, "read", count)
    return read


def test_day_files_behind_the_first_are_read_once(export: Path, readings: Counter[str]) -> None:
    assert len(timeline.read(export).events) == 7
    assert {member: count for member, count in readings.items() if member.startswith("general/2026")} == dict.fromkeys(
        (f"general/{day}.json" for day in ("2026-06-15", "2026-06-16", "2026-06-17")), 1
    )


def test_what_is_held_is_bounded(export: Path, readings: Counter[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_slack_export, "HELD_LIMIT", 0)
    assert len(timeline.read(export).events) == 7
    assert readings["general/2026-06-17.json"] == 2


def test_damage_is_told_although_the_file_was_read_before(tmp_path: Path) -> None:
    path = pack(tmp_path / "torn.zip", {"general/2026-06-15.json": [say("one", 0)], "general/2026-06-16.json": []})
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("general/2026-06-15.json")
        data_begins = info.header_offset + 30 + len(info.filename)
    raw = bytearray(path.read_bytes())
    raw[data_begins + raw[data_begins:].index(b"one")] = ord("O")  # stored, so that only the checksum is wrong now
    path.write_bytes(raw)
    evidence = timeline.read(path)
    assert any("2026-06-15.json" in text and "CRC" in text for text in evidence.warnings)
