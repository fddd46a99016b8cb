"""Answers of Slack's API, dumps, and files that are damaged or none of Slack's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from slack_exports import (
    CHANNELS,
    USERS,
    messages,
    read,
    read_bytes,
    say,
    write_folder,
    write_zip,
)
from timeline_parsers.slack import parser

from timeline.containers import Memory
from timeline.sources import Source

PAGE = [say("newer", "1781532001.000100"), say("older", "1781532000.000100")]


@pytest.mark.parametrize(
    ("value", "lines"),
    [
        ({"ok": True, "messages": PAGE, "has_more": False}, [1, 2]),
        (PAGE, [1, 2]),
        ({"messages": PAGE}, [1, 2]),
        ({"ok": True, "query": "x", "messages": {"total": 2, "matches": PAGE}}, [1, 2]),
    ],
)
def test_answers_are_read_in_their_own_order(value: Any, lines: list[int]) -> None:
    data = json.dumps(value).encode()
    batch = read_bytes(data)

    assert parser.sniff(data) >= 0.9
    assert ["newer", "older"] == batch.records["message"].tolist()
    assert lines == batch.records["line"].tolist()


def test_a_laid_out_answer_has_real_lines() -> None:
    data = json.dumps({"ok": True, "messages": PAGE, "response_metadata": {"next_cursor": ""}}, indent=2).encode()

    assert [4, 10] == read_bytes(data).records["line"].tolist()
    assert [b"    {", b"    {"] == [data.split(b"\n")[3], data.split(b"\n")[9]]


@pytest.mark.parametrize("separator", ["\n", "\n\n", "\r\n"])
def test_one_value_a_line(separator: str) -> None:
    pages = separator.join(json.dumps({"ok": True, "messages": [message]}) for message in PAGE).encode()
    bare = separator.join(map(json.dumps, PAGE)).encode()

    assert ["newer", "older"] == read_bytes(pages).records["message"].tolist()
    assert [1, 1 + separator.count("\n")] == read_bytes(bare).records["line"].tolist()
    assert parser.sniff(bare) > 0.5


def test_a_dump_keeps_replies_after_their_root() -> None:
    root = say("root", thread_ts="1781532000.000100", slackdump_thread_replies=[say("reply", "1781532005.000100")])
    data = json.dumps(
        {"channel_id": "C0DUMP001", "name": "ops", "messages": [root, say("next", "1781532002.000100")]}
    ).encode()

    batch = read_bytes(data)

    assert parser.sniff(data) == 1
    assert ["root", "reply", "next"] == batch.records["message"].tolist()
    assert [1, 2, 3] == batch.records["line"].tolist()
    assert {"#ops"} == set(batch.records["service"])
    assert "C0DUMP001/1781532005.000100" == batch.records["ref"][1]


def test_an_answer_that_is_an_error_is_no_empty_channel() -> None:
    data = b'{"ok":false,"error":"not_in_channel"}'
    batch = read_bytes(data)

    assert parser.sniff(data) > 0
    assert (1, 1, 0) == (batch.lines, batch.unparsed, len(batch.records))
    assert "not_in_channel" in batch.warnings[0]


def test_users_and_channels_of_the_api_are_lists() -> None:
    for key, value, note in (
        ("members", USERS, "users of the export"),
        ("channels", CHANNELS, "channels of the export"),
    ):
        data = json.dumps({"ok": True, key: value}).encode()

        assert parser.sniff(data) > 0
        assert (note, len(value)) == (read_bytes(data).note, read_bytes(data).decoration)


def test_a_list_of_users_under_any_name_is_recognised() -> None:
    batch = read_bytes(json.dumps(USERS).encode())

    assert ("users of the export", 2, 2) == (batch.note, batch.decoration, batch.lines)


@pytest.mark.parametrize(
    ("name", "edits"),
    [
        ("discovery_conversations.json", {"has_edits": True, "edits": [{"text": "before"}]}),
        ("discovery_conversations_edits.json", {"has_edits": [{"text": "before"}]}),
    ],
)
def test_a_discovery_dump_has_the_channel_of_its_folder_and_never_the_text_before_an_edit(
    tmp_path: Path, name: str, edits: dict[str, Any]
) -> None:
    dump = {"ok": True, "messages": [say("now"), say("b")]} | edits
    twice = (json.dumps(dump, indent=4) * 2).encode()  # Slack's own example appends to its file
    folder = write_folder(tmp_path, {f"2026/06/15/U1/C0DISCOV1/{name}": dump, f"2026/06/15/U1/C0DISCOV2/{name}": twice})

    first, second = read(folder).values()

    assert ["now", "b"] == first.records["message"].tolist()
    assert {"C0DISCOV1/1781532000.000100"} == set(first.records["ref"])
    assert (3, 1) == (first.lines, first.decoration)
    assert (6, 4) == (second.lines, len(second.records))


@pytest.mark.parametrize("value", [{"channel_id": "C0DUMP001", "messages": []}, {"messages": [], "has_edits": False}])
def test_a_dump_without_messages_is_no_error(value: Any) -> None:
    data = json.dumps(value).encode()

    assert parser.sniff(data) > 0
    assert (0, ()) == (read_bytes(data).lines, read_bytes(data).warnings)


def test_a_cut_day_file_gives_its_whole_messages() -> None:
    data = json.dumps([say(f"message {number}", f"178153200{number}.000100") for number in range(5)], indent=4).encode()
    cut = data[: data.index(b"message 3") + 4]

    batch = read_bytes(cut)

    assert ["message 0", "message 1", "message 2"] == batch.records["message"].tolist()
    assert [2, 8, 14] == batch.records["line"].tolist()
    assert (4, 1) == (batch.lines, batch.unparsed)
    assert 20 == batch.unparsed_examples[0][0]
    assert "cut off or damaged at line 20; read 3 whole messages" in batch.warnings[0]


def test_a_cut_dump_keeps_its_channel() -> None:
    data = json.dumps({"channel_id": "C0DUMP001", "name": "ops", "messages": PAGE}).encode()

    batch = read_bytes(data[:-20])

    assert ["newer"] == batch.records["message"].tolist()
    assert "#ops" == batch.records["service"][0]
    assert 1 == batch.unparsed


def test_a_message_without_ts_is_counted_and_not_quoted() -> None:
    batch = read_bytes(json.dumps([say("good"), say("private words", "oops"), "no object", None]).encode())

    assert (4, 3, 1) == (batch.lines, batch.unparsed, len(batch.records))
    assert 2 == batch.unparsed_examples[0][0]
    assert "ts='oops'" in batch.unparsed_examples[0][1]
    assert "private" not in batch.unparsed_examples[0][1]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (rb"half a pair \ud83d.", "half a pair \ufffd."),
        (rb"a pair \ud83d\ude00", "a pair \U0001f600"),
        (rb"a path C:\\ud83d", r"a path C:\ud83d"),
        (b"latin-1 \xe9t\xe9", "latin-1 \ufffdt\ufffd"),
        (b"a raw\ttab", "a raw\ttab"),
        (rb"a NUL \u0000 and RTL \u202e", "a NUL \0 and RTL \u202e"),
    ],
)
def test_odd_characters_cost_nothing_else(raw: bytes, text: str) -> None:
    data = b'[{"type":"message","user":"U1","ts":"1781532000.000100","text":"' + raw + b'"}]'

    assert [text] == read_bytes(data).records["message"].tolist()


def test_a_mark_at_the_start_and_crlf() -> None:
    data = "\ufeff".encode() + json.dumps(PAGE, indent=4).replace("\n", "\r\n").encode()

    assert parser.sniff(data) == 1
    assert [2, 8] == read_bytes(data).records["line"].tolist()


def test_a_damaged_list_of_users_still_names_some(tmp_path: Path) -> None:
    users = json.dumps(USERS).encode()
    rows = messages(read(write_folder(tmp_path, {"users.json": users[:-10], "general/2026-06-15.json": [say("x")]})))

    assert ["Alice Liddell"] == rows["actor"].tolist()


@pytest.mark.parametrize(
    "text",
    [
        '{"time":"2026-06-15T14:03:11+00:00","status":502,"request":"GET / HTTP/1.1"}\n',
        '{"timestamp":"2026-06-15 14:03:11.123 UTC","pid":7,"error_severity":"LOG","message":"x","ts":"1781532000.000100"}\n',
        '{"__REALTIME_TIMESTAMP":"1781532000000100","MESSAGE":"x","_PID":"1","type":"message"}\n',
        '[{"id": 1, "name": "no slack id"}]',
        '[{"labels": {"alertname": "x"}, "startsAt": "2026-06-15T14:03:11Z"}]',
        '{"ok": 1}',
        '[1, 2, {"type": "message", "ts": "1781532000.000100"}]',
        "[crit] 7#7: *1 connect() failed",
        "2026-06-15 14:03:11 UTC [7] LOG:  ready",
        "",
        "[",
        '{"a":' * 20_000,
        '[{"a":' + "[" * 60_000,
    ],
)
def test_other_formats_are_not_taken(text: str) -> None:
    assert parser.sniff(text.encode()) == 0


def test_a_first_message_longer_than_the_head_is_recognised() -> None:
    long = json.dumps([say("x", blocks=["y" * 200_000])]).encode()[:65536]

    assert parser.sniff(long) > 0.5


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=6,
)
KEYS = ["type", "ts", "text", "user", "bot_id", "subtype", "attachments", "blocks", "files", "file", "reactions", "edited", "room", "channel", "comment", "user_profile", "bot_profile", "item", "thread_ts", "username", "pinned_to", "elements", "fields", "rows", "call", "messages", "ok", "message"]  # fmt: skip
odd_messages = st.dictionaries(
    st.sampled_from(KEYS),
    json_values | st.lists(st.dictionaries(st.sampled_from(KEYS), json_values, max_size=5), max_size=3),
    max_size=8,
).map(lambda value: {"type": "message", "ts": "1781532000.000100"} | value)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(odd_messages | json_values, max_size=4) | odd_messages | json_values)
def test_any_json_is_accounted_for(value: Any) -> None:
    data = json.dumps(value).encode()

    parser.sniff(data)
    batch = read_bytes(data)

    assert all(batch.records["message"].str.len() > 0)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400) | st.text(alphabet='[]{}",:\\ud8ts123.\n ', max_size=200).map(str.encode))
def test_any_bytes_are_accounted_for(data: bytes) -> None:
    parser.sniff(data)
    read_bytes(data)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_cut_or_flipped_file_is_accounted_for(data: st.DataObject) -> None:
    whole = bytearray(json.dumps([say(f"m{number}") for number in range(4)], indent=4).encode())
    whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))

    read_bytes(bytes(whole[: data.draw(st.integers(0, len(whole)))]))


def test_a_hundred_thousand_messages(tmp_path: Path) -> None:
    days = {
        f"general/2026-06-{day:02d}.json": json.dumps(
            [say("x <@U1>", f"{1781532000 + day * 10_000 + second}.000100") for second in range(10_000)]
        ).encode()
        for day in range(1, 11)
    }
    path = write_zip(tmp_path / "e.zip", {"users.json": USERS} | days)

    assert 100_000 == sum(len(batch.records) for batch in read(path).values())


def test_one_huge_file_comes_in_bounded_batches() -> None:
    data = json.dumps([say("x", f"{1781532000 + second}.000100") for second in range(60_000)]).encode()

    batches = list(parser.parse(Source(Memory("x.json", data), "")))

    assert [50_000, 10_000] == [batch.lines for batch in batches]
    assert 60_000 == batches[-1].records["line"].iloc[-1]
