"""The lists of a Slack export: users, channels, pins, read once an export."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from timeline_parsers._slack_content import as_list, name_user, string, things
from timeline_parsers._slack_json import decode
from timeline_parsers._slack_text import Names

# What each list at the top of an export holds. The first six are the anchors: one of them makes an export.
LISTS: Final = {
    "channels.json": "channels of the export",
    "groups.json": "private channels of the export",
    "dms.json": "direct conversations of the export",
    "mpims.json": "group conversations of the export",
    "users.json": "users of the export",
    "org_users.json": "users of the export",
    "integration_logs.json": "integration log of the export",
    "canvases.json": "canvases of the export",
    "content_flags.json": "content flags of the export",
    "lists.json": "lists of the export",
    "huddle_transcripts.json": "huddle transcripts of the export",
    "file_conversations.json": "file conversations of the export",
}
ANCHORS: Final = tuple(LISTS)[:6]
CHANNEL_LISTS: Final = ("channels.json", "groups.json", "mpims.json", "dms.json")
CONVERSATION_ID: Final = re.compile(r"[CDG][A-Z0-9]{6,}")

ReadMember = Callable[[str], bytes | None]


@dataclass(frozen=True)
class Channel:
    """A conversation: its id and how a reader would call it, either missing if it is not known."""

    id: str | None = None
    name: str | None = None


class Export:
    """The lists of one workspace in an export, read when they are needed.

    Args:
        read: gives the bytes of a file by its path in the export, None if there is none.
        outer: the organization's export that this is a workspace of.
    """

    def __init__(self, read: ReadMember, outer: Export | None = None) -> None:
        self._read = read
        self._outer = outer

    @cached_property
    def names(self) -> Names:
        """Who and what the ids of this export stand for."""
        outer = self._outer.names if self._outer else Names()
        users = [user for name in ("org_users.json", "users.json") for user in self._list(name)]
        called = {identity: name_user(user) for user in users if (identity := string(user.get("id")))}
        profiles = ((user, user.get("profile")) for user in users)
        bots = {
            bot: name_user(user)
            for user, profile in profiles
            if isinstance(profile, dict) and (bot := string(profile.get("bot_id")))
        }
        channels = {
            key: (channel.name or key).removeprefix("#") for key, channel in self.channels.items() if channel.id == key
        }
        return Names(
            {**outer.users, **called},
            {**outer.bots, **bots},
            outer.robots | {string(user.get("id")) for user in users if user.get("is_bot")},
            {**outer.channels, **channels},
            outer.pins | frozenset(self._pins()),
        )

    @cached_property
    def channels(self) -> dict[str, Channel]:
        """The conversations, by id and by the name of their folder."""
        found: dict[str, Channel] = dict(self._outer.channels) if self._outer else {}
        own: dict[str, Channel] = {}
        for name in CHANNEL_LISTS:
            for entry in self._list(name):
                channel = _read_channel(entry)
                for key in (channel.id, string(entry.get("name"))):
                    if key:
                        own.setdefault(key, channel)
        for name in CHANNEL_LISTS:
            for entry in self._list(name):
                for former in filter(None, map(string, as_list(entry.get("previous_names")))):
                    own.setdefault(former, _read_channel(entry))
        return {**found, **own}

    def channel(self, folder: str) -> Channel:
        """Return the conversation whose messages lie in *folder*."""
        known = self.channels.get(folder)
        return known or (guess_channel(folder) if folder else Channel())

    def _pins(self) -> Iterator[tuple[str, str]]:
        for name in CHANNEL_LISTS:
            for entry in self._list(name):
                for pin in things(entry.get("pins")):
                    yield string(entry.get("id")), string(pin.get("id"))

    def _list(self, name: str) -> list[dict[str, Any]]:
        if name not in self._lists:
            self._lists[name] = list_elements(self._read(name) or b"")
        return self._lists[name]

    @cached_property
    def _lists(self) -> dict[str, list[dict[str, Any]]]:
        return {}


def list_elements(data: bytes) -> list[dict[str, Any]]:
    """Return the objects of an export's list, also of a damaged one and of an API answer."""
    document = decode(data)
    if document.cut is not None:
        return things([value for value, _ in document.cut])
    found: list[dict[str, Any]] = []
    for value in document.values:
        inner = (
            next((value[key] for key in ("members", "channels") if key in value), [])
            if isinstance(value, dict)
            else value
        )
        found += things(inner)
    return found


def _read_channel(entry: dict[str, Any]) -> Channel:
    identity, name = string(entry.get("id")) or None, string(entry.get("name"))
    return Channel(identity, show_channel(name or identity))


def show_channel(name: str | None) -> str | None:
    """Write a conversation's name or id as people do: `#general`, `DM`, `mpdm-ann--bob-1`."""
    if not name:
        return None
    if name.startswith("D") and CONVERSATION_ID.fullmatch(name):
        return "DM"
    return name if name.startswith(("mpdm-", "#")) or CONVERSATION_ID.fullmatch(name) else f"#{name}"


def guess_channel(folder: str) -> Channel:
    """Tell the channel by its folder's name alone: an id stands for itself, anything else is the channel's name."""
    is_id = CONVERSATION_ID.fullmatch(folder)
    return Channel(folder if is_id else None, show_channel(folder))
