"""Slack files in their surroundings: exports in folders, zips and pieces, API answers, dumps, damage."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from slack_exports import (
    CHANNELS,
    EXPORT,
    FAKE,
    USERS,
    messages,
    read,
    read_bytes,
    say,
    write_folder,
    write_zip,
)

from timeline.parser import Batch
from timeline.sources import Source


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
