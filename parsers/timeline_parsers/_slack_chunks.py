"""Read the chunks of slackdump's older archives: one answer of the API a line, each marked with its kind.

Reference: https://github.com/rusq/slackdump/blob/master/cmd/slackdump/internal/man/assets/chunk.md
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final
from weakref import WeakKeyDictionary

from timeline.containers import Container
from timeline.sources import Source
from timeline_parsers._slack_content import as_list, string, things
from timeline_parsers._slack_json import decode
from timeline_parsers._slack_lists import Export
from timeline_parsers._slack_text import Names

# What lies beside the file of a conversation.
NEIGHBOURS: Final = ("users.json.gz", "channels.json.gz", "users.json", "channels.json")
# A chunk is stamped in nanoseconds, unlike anything of Slack.
_NANOSECONDS: Final = 10**17
_HISTORY: Final = 0
_LISTS: Final = ("f", "u", "ch", "cu", "s", "b")


@dataclass
class Chunks:
    """What a file of chunks holds.

    Attributes:
        messages: the messages, each with the id of its channel.
        users: the people that it lists.
        channels: the conversations that it lists or that its messages are of.
        listed: how many list entries it holds.
    """

    messages: list[Any] = field(default_factory=list)
    users: list[dict[str, Any]] = field(default_factory=list)
    channels: list[dict[str, Any]] = field(default_factory=list)
    listed: int = 0


def is_chunk(value: object) -> bool:
    """Tell a chunk by its kind and the nanoseconds of its stamp."""
    if not isinstance(value, dict):
        return False
    kind, stamp = value.get("t"), value.get("ts")
    return type(kind) is int and type(stamp) is int and stamp > _NANOSECONDS


def read_chunks(values: Iterable[Any]) -> Chunks:
    """Take the messages and lists out of chunks; a value that is none counts as a message, to be refused as one."""
    found = Chunks()
    roots: list[dict[str, Any]] = []
    shown: set[str] = set()
    for value in values:
        if not is_chunk(value):
            found.messages.append(value)
            continue
        channel, about = string(value.get("id")), value.get("ci")
        messages = [_tell_channel(message, channel) for message in as_list(value.get("m"))]
        found.messages += messages
        if value["t"] == _HISTORY:
            shown |= {str(message.get("ts")) for message in things(messages)}
        roots += [_tell_channel(root, channel) for root in things([value.get("p")])]
        entries = [entry for key in _LISTS for entry in as_list(value.get(key))]
        found.users += things(value.get("u"))
        found.channels += [*things(value.get("ch")), *things([about])]
        # A chunk without messages is still something that was read.
        found.listed += len(entries) or int(not messages)
    # A thread that was fetched alone has its root nowhere else.
    missing = {str(root.get("ts")): root for root in roots if str(root.get("ts")) not in shown}
    found.messages += missing.values()
    return found


def name_chunks(chunks: Chunks, names: Names, source: Source) -> Names:
    """Add to *names* what the chunks and the files beside theirs list."""
    near = _read_neighbours(source)
    own = _names_of(chunks)
    return replace(
        names,
        users={**near.users, **own.users, **names.users},
        bots={**near.bots, **own.bots, **names.bots},
        robots=near.robots | own.robots | names.robots,
        channels={**near.channels, **own.channels, **names.channels},
    )


def _tell_channel(message: Any, channel: str) -> Any:
    return {**message, "channel": channel} if isinstance(message, dict) and channel else message


def _names_of(chunks: Chunks) -> Names:
    lists = {"users.json": chunks.users, "channels.json": chunks.channels}
    encoded = {name: json.dumps(entries).encode() for name, entries in lists.items()}
    return Export(encoded.get).names


_NEIGHBOURS_OF: Final[WeakKeyDictionary[Container, dict[str, Names]]] = WeakKeyDictionary()


def _read_neighbours(source: Source) -> Names:
    """Read the lists beside *source*, once a folder."""
    folder = source.member.rpartition("/")[0]
    known = _NEIGHBOURS_OF.setdefault(source.container, {})
    if folder not in known:
        beside = [source.sibling(f"{folder}/{name}" if folder else name) for name in NEIGHBOURS]
        values = [value for found in beside if found for value in decode(found.read()).values]
        known[folder] = _names_of(read_chunks(filter(is_chunk, values)))
    return known[folder]
