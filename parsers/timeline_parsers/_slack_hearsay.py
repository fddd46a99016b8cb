"""What messages say about others: who guests and bots are, what is pinned, what a channel was called."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Final

from timeline_parsers._slack_content import read_profile, string, things
from timeline_parsers._slack_json import decode
from timeline_parsers._slack_text import Names, normal_ts, unescape

Message = Mapping[str, Any]
SLACKBOT: Final = "USLACKBOT"

# Words without which a file says nothing of the kind, so that it need not be decoded for it.
_ABOUT_OTHERS: Final = (b"pinned_item", b"old_name")
_ABOUT_WRITERS: Final = (b"user_profile", b"bot_profile", b"bot_add")
_INTEGRATION: Final = re.compile(r"/services/(B[A-Z0-9]+)\|([^<>|]+)>")
_MENTION: Final = re.compile(rb"@([UW][A-Z0-9]{2,})(?:>|\\u003e)")


def find_pinned(messages: Iterable[Message]) -> frozenset[str]:
    """Return the ts of the messages that `pinned_item` messages point at."""
    items = (message.get("item") for message in messages if message.get("subtype") == "pinned_item")
    targets = (item.get("message", item) for item in items if isinstance(item, dict))
    return frozenset(ts for item in targets if isinstance(item, dict) and (ts := normal_ts(item.get("ts"))))


def learn_names(messages: Iterable[Message], names: Names) -> Names:
    """Add the people and bots that no list names but that brought their name along, or came with a `bot_add` line."""
    people: dict[str, str] = {}
    bots: dict[str, str] = {}
    for message in messages:
        user = message.get("user")
        if isinstance(user, str) and user not in names.users and user not in people and (name := read_profile(message)):
            people[user] = name
        if "bot_id" in message or message.get("subtype") == "bot_add":
            bots |= _find_bots(message)
    bots = {identity: name for identity, name in bots.items() if identity not in names.bots}
    if not people and not bots:
        return names
    return replace(names, users={**names.users, **people}, bots={**names.bots, **bots})


def _find_bots(message: Message) -> dict[str, str]:
    if message.get("subtype") == "bot_add":
        return {identity: unescape(name) for identity, name in _INTEGRATION.findall(string(message.get("text")))}
    profile, identity = message.get("bot_profile"), string(message.get("bot_id"))
    name = string(profile.get("name")) if isinstance(profile, dict) else ""
    return {identity: name} if name and identity else {}


class Hearsay:
    """What the day files of an export say about things of other files, read when it is needed.

    Args:
        days: the paths of the day files, `channel/day`.
        read: gives the bytes of one, None if it cannot be read.
    """

    def __init__(self, days: Sequence[str] = (), read: Callable[[str], bytes | None] = lambda _: None) -> None:
        self._days = days
        self._read = read

    def pinned(self, folder: str) -> frozenset[str]:
        """Return the ts of the messages in *folder* that messages of any day there say are pinned."""
        return self._about_others[0].get(folder, frozenset())

    def renamed(self, folder: str) -> str:
        """Return what the channel that was called *folder* was called last; *folder* if it was not renamed."""
        renames, seen = self._about_others[1], {folder}
        while (later := renames.get(folder, folder)) not in seen:
            seen.add(later)
            folder = later
        return folder

    def complete(self, names: Names, messages: Sequence[Message], data: bytes) -> Names:
        """Add to *names* those that other files know, if *messages*, decoded from *data*, need any."""
        known = learn_names(messages, names)
        if len(self._days) < 2 or not (_lacks_writers(messages, known) or _lacks_mentioned(data, known)):  # noqa: PLR2004
            return known
        users, bots = self._writers
        return replace(known, users={**users, **known.users}, bots={**bots, **known.bots})

    @cached_property
    def _about_others(self) -> tuple[dict[str, frozenset[str]], dict[str, str]]:
        pins: dict[str, frozenset[str]] = {}
        renames: dict[str, str] = {}
        for folder, messages in self._decode(_ABOUT_OTHERS):
            pins[folder] = pins.get(folder, frozenset()) | find_pinned(messages)
            for message in messages:
                old, new = string(message.get("old_name")), string(message.get("name"))
                if old and new and message.get("subtype") in ("channel_name", "group_name"):
                    renames[old] = new
        return pins, renames

    @cached_property
    def _writers(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        names = Names()
        for _, messages in self._decode(_ABOUT_WRITERS):
            names = learn_names(messages, names)
        return names.users, names.bots

    def _decode(self, needles: tuple[bytes, ...]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        for path in self._days:
            data = self._read(path) or b""
            if not any(needle in data for needle in needles):
                continue
            document = decode(data)
            found = document.values if document.cut is None else [[value for value, _ in document.cut]]
            yield path.rpartition("/")[0], [message for value in found for message in things(value)]


def _lacks_writers(messages: Sequence[Message], names: Names) -> bool:
    return any(
        not (user in names.users or "user_profile" in message or user == SLACKBOT)
        if isinstance(user := message.get("user"), str) and "bot_id" not in message
        else not (message.get("bot_id", "") in names.bots or message.get("username") or message.get("bot_profile"))
        for message in messages
    )


def _lacks_mentioned(data: bytes, names: Names) -> bool:
    return any(found.decode() not in names.users for found in set(_MENTION.findall(data)))
