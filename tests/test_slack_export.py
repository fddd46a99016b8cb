"""Slack files in their surroundings: exports in folders, zips and pieces, API answers, dumps, damage."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from timeline_parsers.slack import parser

from timeline.containers import Memory
from timeline.parser import Batch
from timeline.sources import Source, discover

USERS = [
    {"id": "U1", "name": "alice", "profile": {"display_name": "", "real_name": "Alice Liddell"}},
    {"id": "U2", "name": "bob", "profile": {"display_name": "bob", "real_name": "Bob"}},
]
CHANNELS = [
    {"id": "C0GENERAL", "name": "general", "members": ["U1"], "pins": [{"id": "1781532000.000100", "type": "C"}]}
]
FAKE = [{"type": "message", "user": "U1", "text": "forged", "ts": "1781532000.000200"}]


def say(text: str, ts: str = "1781532000.000100", user: str = "U1", **more: Any) -> dict[str, Any]:
    return {"type": "message", "user": user, "text": text, "ts": ts} | more


EXPORT: Mapping[str, Any] = {
    "users.json": USERS,
    "channels.json": CHANNELS,
    "groups.json": [{"id": "G0SECRET1", "name": "secret", "members": []}],
    "dms.json": [{"id": "D0ABCDEF1", "created": 1, "members": ["U1", "U2"]}],
    "mpims.json": [{"id": "G0MPDM001", "name": "mpdm-alice--bob-1", "members": []}],
    "integration_logs.json": [{"user_id": "U1", "user_name": "a", "date": "1718460191", "change_type": "added"}],
    "canvases.json": [{"id": "F1", "title": "runbook", "filetype": "quip"}],
    "general/2026-06-15.json": [say("hello <@U2>"), say("root", "1781532001.000100")],
    "general/2026-06-16.json": [say("late reply", "1781568000.000100", thread_ts="1781532001.000100")],
    "general/canvas_in_the_conversation.json": FAKE,
    "general/attachments/F0AAAAAAA-2026-06-15.json": FAKE,
    "__uploads/F0BBBBBBB/2026-06-15.json": FAKE,
    "__uploads/F0CCCCCCC/users.json": [{"id": "U1", "name": "mallory"}],
    "secret/2026-06-15.json": [say("psst")],
    "D0ABCDEF1/2026-06-15.json": [say("between us")],
    "mpdm-alice--bob-1/2026-06-15.json": [say("among us")],
    "random/2026-06-15.json": [],
}


def write_folder(root: Path, files: Mapping[str, Any] = EXPORT) -> Path:
    for name, value in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(value if isinstance(value, bytes) else json.dumps(value, indent=4).encode())
    return root


def write_zip(path: Path, files: Mapping[str, Any] = EXPORT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in files.items():
            archive.writestr(name, value if isinstance(value, bytes) else json.dumps(value, indent=4))
    return path


def read_source(source: Source) -> Batch:
    batches = list(parser.parse(source))
    for batch in batches:
        known = batch.continuation + batch.blank + batch.decoration + batch.unparsed
        assert batch.lines == len(batch.records) + known
    assert 1 == len(batches)
    return batches[0]


def read(path: Path) -> dict[str, Batch]:
    """Read every source that the parser takes, by the end of its label."""
    sources = [source for source in discover(path) if isinstance(source, Source)]
    return {source.member: read_source(source) for source in sources if parser.sniff(source.head)}


def read_bytes(data: bytes) -> Batch:
    return read_source(Source(Memory("x.json", data), ""))


def messages(batches: Mapping[str, Batch]) -> pd.DataFrame:
    return pd.concat([batch.records for batch in batches.values() if len(batch.records)], ignore_index=True)


@pytest.fixture(
    params=[
        write_folder,
        lambda path: write_zip(path / "export.zip"),
        lambda path: write_folder(path / "one" / "deeper").parents[1],
    ],
    ids=["folder", "zip", "deeper"],
)
def batches(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Batch]:
    make: Callable[[Path], Path] = request.param
    return {name.removeprefix("one/deeper/"): batch for name, batch in read(make(tmp_path)).items()}


def test_every_conversation_has_its_name_and_identity(batches: dict[str, Batch]) -> None:
    rows = messages(batches)

    assert {
        ("#general", "C0GENERAL/1781532000.000100"), ("#general", "C0GENERAL/1781532001.000100"),
        ("#general", "C0GENERAL/1781568000.000100"), ("#secret", "G0SECRET1/1781532000.000100"),
        ("DM", "D0ABCDEF1/1781532000.000100"), ("mpdm-alice--bob-1", "G0MPDM001/1781532000.000100"),
    } == set(zip(rows["service"], rows["ref"], strict=True))  # fmt: skip
    assert {"Alice Liddell"} == set(rows["actor"])
    assert "hello @bob" in set(rows["message"])


def test_pins_of_the_channel_list_count(batches: dict[str, Batch]) -> None:
    assert [True, False] == batches["general/2026-06-15.json"].records["slack.pinned"].tolist()


def test_a_reply_after_midnight_stands_at_its_own_time(batches: dict[str, Batch]) -> None:
    reply = batches["general/2026-06-16.json"].records.iloc[0]

    assert (1781568000000100, "1781532001.000100") == (reply["wall"], reply["slack.thread_ts"])


def test_lists_are_accounted_for_and_never_messages(batches: dict[str, Batch]) -> None:
    lists = {
        name: (len(batch.records), batch.decoration, batch.note) for name, batch in batches.items() if "/" not in name
    }

    assert lists == {
        "users.json": (0, 2, "users of the export"),
        "channels.json": (0, 1, "channels of the export"),
        "groups.json": (0, 1, "private channels of the export"),
        "dms.json": (0, 1, "direct conversations of the export"),
        "mpims.json": (0, 1, "group conversations of the export"),
        "integration_logs.json": (0, 1, "integration log of the export"),
        "canvases.json": (0, 1, "canvases of the export"),
    }


def test_what_people_uploaded_is_never_read_as_messages(batches: dict[str, Batch]) -> None:
    uploads = {
        name: batch for name, batch in batches.items() if "upload" in name or "attach" in name or "canvas_in" in name
    }

    assert 4 == len(uploads)
    assert {("attachment of the export, not read", 1, 0)} == {
        (batch.note, batch.decoration, len(batch.records)) for batch in uploads.values()
    }
    assert "forged" not in set(messages(batches)["message"])


def test_a_day_without_messages_is_no_error(batches: dict[str, Batch]) -> None:
    batch = batches["random/2026-06-15.json"]

    assert (0, 0, ()) == (batch.lines, batch.unparsed, batch.warnings)


def test_lines_are_those_of_the_file(batches: dict[str, Batch]) -> None:
    day = json.dumps(EXPORT["general/2026-06-15.json"], indent=4).splitlines()

    lines = batches["general/2026-06-15.json"].records["line"].tolist()

    assert [2, 8] == lines
    assert ["    {", "    {"] == [day[line - 1] for line in lines]


def test_users_are_decoded_once_an_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    days = {f"general/2026-06-{day:02d}.json": [say("x")] for day in range(1, 29)}
    path = write_zip(tmp_path / "e.zip", {"users.json": USERS, "channels.json": CHANNELS} | days)
    opened: list[str] = []
    read_member = Source.read

    def remember(source: Source) -> bytes:
        opened.append(source.member)
        return read_member(source)

    monkeypatch.setattr(Source, "read", remember)

    read(path)

    # Once as the names of the export and once as the source that it is, too.
    assert 2 == opened.count("users.json")
    assert 2 == opened.count("channels.json")


def test_a_channel_folder_alone_finds_the_users_beside_it(tmp_path: Path) -> None:
    rows = messages(read(write_folder(tmp_path) / "general"))

    assert ["hello @bob", "root", "late reply"] == rows["message"].tolist()
    assert {"#general"} == set(rows["service"])
    assert {"C0GENERAL"} == set(rows["slack.channel_id"])


def test_a_day_file_alone_finds_the_users_above_it(tmp_path: Path) -> None:
    rows = messages(read(write_folder(tmp_path) / "general" / "2026-06-15.json"))

    assert ["Alice Liddell"] * 2 == rows["actor"].tolist()
    assert "C0GENERAL/1781532000.000100" == rows["ref"][0]


@pytest.mark.parametrize(
    "name", ["general/attachments/F0AAAAAAA-2026-06-15.json", "__uploads/F0BBBBBBB/2026-06-15.json"]
)
def test_an_upload_given_alone_is_still_an_upload(tmp_path: Path, name: str) -> None:
    (batch,) = read(write_folder(tmp_path) / name).values()

    assert "attachment of the export, not read" == batch.note


def test_without_users_names_come_from_the_messages_else_ids(tmp_path: Path) -> None:
    day = [say("a", user_profile={"display_name": "", "real_name": "Ann"}), say("b <@U2>", user="W9")]

    rows = messages(read(write_folder(tmp_path / "x", {"general/2026-06-15.json": day}) / "general"))

    assert ["Ann", "W9"] == rows["actor"].tolist()
    assert ["a", "b @U2"] == rows["message"].tolist()
    assert ["#general/1781532000.000100"] * 2 == rows["ref"].tolist()


def test_a_guest_is_named_by_what_the_guest_wrote() -> None:
    guest = say("hello", user="U9", user_profile={"display_name": "guest (hoster)"})

    assert ["ask @guest (hoster)", "hello"] == read_bytes(json.dumps([say("ask <@U9>"), guest]).encode()).records[
        "message"
    ].tolist()


@pytest.mark.parametrize("lists", [{"users.json": USERS}, {}], ids=["export", "folders only"])
@pytest.mark.parametrize("make", [write_folder, lambda path, files: write_zip(path / "export.zip", files)])
def test_days_know_what_other_days_say(
    tmp_path: Path, lists: Mapping[str, Any], make: Callable[[Path, Mapping[str, Any]], Path]
) -> None:
    guest = say("hi", user="U9", user_profile={"display_name": "guest (hoster)"})
    pin = say("<@U1> pinned", "1781532900.000100", subtype="pinned_item", item={"message": {"ts": "1781532000.000100"}})
    bot = say("added: <https://x.slack.com/services/B0HOOK001|deploy hook>", subtype="bot_add")
    alert = {"type": "message", "subtype": "bot_message", "bot_id": "B0HOOK001", "text": "x", "ts": "1781532002.000100"}
    days = {
        "general/2026-06-14.json": [bot],
        "general/2026-06-15.json": [say("root <@U9>"), alert],
        "general/2026-06-16.json": [pin],
        "other/2026-06-15.json": [say("same ts")],
        "other/2026-06-16.json": [guest],
    }

    batches = read(make(tmp_path, {**lists, **days}))

    rows = batches["general/2026-06-15.json"].records
    assert ["root @guest (hoster)", "x"] == rows["message"].tolist()
    assert "deploy hook" == rows["actor"][1]
    assert [True, False] == rows["slack.pinned"].tolist()
    assert not batches["other/2026-06-15.json"].records["slack.pinned"].any()


def test_a_renamed_channel_is_one_channel(tmp_path: Path) -> None:
    renamed = say("renamed", user="U00", subtype="channel_name", old_name="outage", name="incident-7")
    files = {
        "channels.json": [
            {"id": "C0RENAMED", "name": "incident-7", "members": []},
            {"id": "C0FORMER1", "name": "new", "previous_names": ["old"], "members": []},
        ],
        "outage/2026-06-15.json": [say("a")],
        "incident-7/2026-06-16.json": [renamed],
        "old/2026-06-15.json": [say("b")],
    }

    rows = messages(read(write_folder(tmp_path, files)))

    assert {"C0RENAMED": "#incident-7", "C0FORMER1": "#new"} == dict(
        zip(rows["slack.channel_id"], rows["service"], strict=True)
    )


def test_a_workspace_of_an_organization_has_its_users(tmp_path: Path) -> None:
    files = {
        "org_users.json": USERS,
        "channels.json": [{"id": "C0SHARED1", "name": "shared"}],
        "shared/2026-06-15.json": [say("from <#C0SHARED1>")],
        "teams/T1/channels.json": [{"id": "C0TEAM001", "name": "general"}],
        "teams/T1/general/2026-06-15.json": [say("one")],
        "teams/T2/channels.json": [{"id": "C0TEAM002", "name": "general"}],
        "teams/T2/general/2026-06-15.json": [say("two in <#C0SHARED1>")],
    }

    rows = messages(
        read(write_zip(tmp_path / "grid.zip", {f"grid export/{name}": value for name, value in files.items()}))
    )

    assert {"Alice Liddell"} == set(rows["actor"])
    assert {"C0SHARED1", "C0TEAM001", "C0TEAM002"} == set(rows["slack.channel_id"])
    assert "two in #shared" in set(rows["message"])


def test_a_zip_that_somebody_uploaded_is_not_an_export_of_ours(tmp_path: Path) -> None:
    inner = write_zip(tmp_path / "inner.zip", {"users.json": USERS, "general/2026-06-15.json": FAKE}).read_bytes()
    outer = write_zip(
        tmp_path / "in" / "outer.zip", {"users.json": USERS, "general/attachments/F0AAAAAAA-e.zip": inner}
    )
    folder = write_folder(tmp_path / "folder", {"users.json": USERS, "__uploads/F0AAAAAAA/e.zip": inner})

    for path in (outer, folder):
        assert 0 == sum(len(batch.records) for batch in read(path).values())


def test_names_in_utf8_without_the_flag_are_read(tmp_path: Path) -> None:
    files = {"channels.json": [{"id": "C0CAFE001", "name": "café-été"}], "café-été/2026-06-15.json": [say("bonjour")]}
    path = write_zip(tmp_path / "e.zip", files)
    path.write_bytes(clear_utf8_flags(path.read_bytes()))

    rows = messages(read(path))

    assert ("#café-été", "C0CAFE001") == (rows["service"][0], rows["slack.channel_id"][0])


def clear_utf8_flags(data: bytes) -> bytes:
    """Write a zip's names as Slack does: UTF-8, and not saying so."""
    changed = bytearray(data)
    for signature, offset in ((b"PK\3\4", 7), (b"PK\1\2", 9)):
        place = data.find(signature)
        while place >= 0:
            changed[place + offset] &= ~0x08
            place = data.find(signature, place + 1)
    return bytes(changed)


def test_litter_of_macos_is_passed_over(tmp_path: Path) -> None:
    files = {f"slack export/{name}": value for name, value in EXPORT.items()}
    litter = {"__MACOSX/slack export/general/._2026-06-15.json": FAKE, "slack export/.DS_Store": b"\0\0\0\1Bud1"}

    rows = messages(read(write_zip(tmp_path / "Archive.zip", files | litter)))

    assert 6 == len(rows)
    assert {"Alice Liddell"} == set(rows["actor"])


# --- answers and dumps -------------------------------------------------------------------------------------------

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


# --- damage ------------------------------------------------------------------------------------------------------


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
