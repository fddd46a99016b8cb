"""Turn Slack messages into rows of the event frame."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from timeline import schema
from timeline_parsers._slack_content import is_preview, read_content, read_profile, string, things
from timeline_parsers._slack_export import Place
from timeline_parsers._slack_kinds import kind_of, severity_of
from timeline_parsers._slack_lists import Channel, show_channel
from timeline_parsers._slack_text import Names, isoformat, micros_of, normal_ts, spell_ts

SLACKBOT: Final = "USLACKBOT"
# An export's own defect: renames of channels are written by a user that does not exist.
NOBODY: Final = "U00"
BOT_SUBTYPES: Final = frozenset({"bot_message", "slackbot_response"})
_SKIN_TONE: Final = re.compile(r"::skin-tone-\d$")


class Row(NamedTuple):
    """One message, in the order of `COLUMNS`."""

    wall: int | None
    service: str | None
    severity: str | None
    actor: str | None
    message: str
    kind: str | None
    line: int
    ref: str | None
    channel_id: str | None
    ts: str | None
    thread_ts: str | None
    user_id: str | None
    subtype: str | None
    edited: str | None
    reactions: str | None
    pinned: bool
    is_bot: bool
    broadcast: bool


COLUMNS: Final = (
    schema.WALL, schema.SERVICE, schema.SEVERITY, schema.ACTOR, schema.MESSAGE, schema.KIND, schema.LINE, schema.REF,
    "slack.channel_id", "slack.ts", "slack.thread_ts", "slack.user_id", "slack.subtype", "slack.edited",
    "slack.reactions", "slack.pinned", "slack.is_bot", "slack.broadcast",
)  # fmt: skip
_CATEGORIES: Final = frozenset({schema.SERVICE, schema.KIND})
_NUMBERS: Final = frozenset({schema.WALL, schema.LINE})
_FLAGS: Final = frozenset({"slack.pinned", "slack.is_bot", "slack.broadcast"})
_FILLED: Final = frozenset({schema.SERVICE, schema.SEVERITY, schema.KIND})
_STRING: Final = pd.StringDtype("pyarrow", na_value=np.nan)


def read_message(
    message: Mapping[str, Any], line: int, place: Place, pinned: frozenset[str] = frozenset()
) -> Row | None:
    """Read one message; None if it has no valid ts and so no time.

    Args:
        message: the JSON object.
        line: where it stands in its file.
        place: where its file stands in an export.
        pinned: ts of the messages that others in this file say are pinned.
    """
    given = message.get("ts")
    micros = micros_of(given)
    if micros is None:
        return None
    names, ts = place.names, spell_ts(given, micros)
    subtype = string(message["subtype"]) or None if "subtype" in message else None
    user = message.get("user")
    if type(user) is not str or not user.strip():
        user = _find_commenter(message)
    is_bot = bool(message.get("bot_id")) or subtype in BOT_SUBTYPES or user == SLACKBOT or user in names.robots
    actor = _name_bot(message, user, names) if is_bot else _name_person(message, user, names)
    record = _describe_record(message, subtype, names) if subtype else ""
    text = record or read_content(message, names, is_bot=is_bot)
    channel = place.channel if place.channel.id or place.channel.name else _find_channel(message, place)
    thread = message.get("thread_ts")
    attachments = [one for one in things(message.get("attachments")) if not is_preview(one)] if is_bot else []
    return Row(
        micros, channel.name, severity_of(attachments) if attachments else None, actor, text,
        kind_of(subtype, text, is_bot=is_bot, actor=actor), line, _make_ref(channel, ts), channel.id, ts,
        None if thread is None else ts if thread == given else normal_ts(thread), user, subtype,
        _edit_time(message) if "edited" in message else None,
        _count_reactions(message) if "reactions" in message else None,
        ts in pinned or _is_pinned(message, channel, ts, names), is_bot, subtype == "thread_broadcast",
    )  # fmt: skip


def make_frame(rows: Sequence[Row], zone: str | None = "UTC") -> pd.DataFrame:
    """Put rows together as the frame that a parser gives.

    Columns of the schema of which no row has a value are left out, those of Slack are always there.

    Args:
        rows: the messages.
        zone: the zone of their `wall`; None if they do not tell.
    """
    values: Iterable[Sequence[Any]] = zip(*rows, strict=True) if rows else ((),) * len(COLUMNS)
    columns = {
        name: _make_column(name, column)
        for name, column in zip(COLUMNS, values, strict=True)
        if name not in _FILLED or any(column)
    }
    zones = (zone,) if zone else ()
    columns[schema.ZONE] = _make_categorical((zone,) * len(rows), *_categories(zones))
    return pd.DataFrame(columns, copy=False)


def _make_column(name: str, values: Sequence[Any]) -> Any:
    if name in _NUMBERS:
        absent = np.fromiter((value is None for value in values), bool, len(values))
        known = np.array([value or 0 for value in values] if absent.any() else values, np.int64)
        return pd.arrays.IntegerArray(known, absent)
    if name in _FLAGS:
        return pd.arrays.BooleanArray(np.array(values, bool), np.zeros(len(values), bool))
    if name == schema.SEVERITY:
        return _make_categorical(values, schema.SEVERITY_DTYPE, _SEVERITY_CODES)
    if name in _CATEGORIES:
        return _make_categorical(values, *_categories(tuple(value for value in dict.fromkeys(values) if value)))
    texts = pa.array(values, pa.large_string()) if any(values) else _nothing(len(values))
    return _STRING.__from_arrow__(texts)  # type: ignore[attr-defined]


@lru_cache(maxsize=512)
def _nothing(rows: int) -> pa.Array:
    return pa.nulls(rows, pa.large_string())


def _make_categorical(
    values: Sequence[str | None], dtype: pd.CategoricalDtype, codes: Mapping[str | None, int]
) -> pd.Categorical:
    return pd.Categorical.from_codes(np.array([codes.get(value, -1) for value in values], "int32"), dtype=dtype)


@lru_cache(maxsize=512)
def _categories(values: tuple[str, ...]) -> tuple[pd.CategoricalDtype, dict[str | None, int]]:
    # Kept, because making a type takes longer than reading a day of a quiet channel.
    return pd.CategoricalDtype(pd.Index(values, dtype="str")), {value: code for code, value in enumerate(values)}


_SEVERITY_CODES: Final[Mapping[str | None, int]] = {value: code for code, value in enumerate(schema.SEVERITIES)}


def _find_commenter(message: Mapping[str, Any]) -> str | None:
    comment = message.get("comment")
    return string(comment.get("user")) or None if isinstance(comment, dict) else None


def _name_person(message: Mapping[str, Any], user: str | None, names: Names) -> str | None:
    if user and (known := names.users.get(user)):
        return known
    return read_profile(message) or string(message.get("username")) or (user if user != NOBODY else None)


def _name_bot(message: Mapping[str, Any], user: str | None, names: Names) -> str | None:
    profile, bot = message.get("bot_profile"), string(message.get("bot_id"))
    app = string(profile.get("name")) if isinstance(profile, dict) else ""
    if user == SLACKBOT and not bot:
        return "Slackbot"
    person = names.users.get(user) if user else None
    return string(message.get("username")) or app or person or names.bots.get(bot) or user or bot or None


def _find_channel(message: Mapping[str, Any], place: Place) -> Channel:
    """Return the conversation as the message names it, as API answers do."""
    said = message.get("channel")
    inner = said if isinstance(said, dict) else {}
    identity = string(said) or string(inner.get("id"))
    name = string(inner.get("name")) or place.names.channels.get(identity) or identity
    return Channel(identity or None, show_channel(name))


def _make_ref(channel: Channel, ts: str) -> str | None:
    """Name a message: a ts is unique only within its conversation."""
    within = channel.id or channel.name
    return f"{within}/{ts}" if within else None


def _edit_time(message: Mapping[str, Any]) -> str | None:
    edited = message.get("edited")
    micros = micros_of(edited.get("ts")) if isinstance(edited, dict) else None
    return None if micros is None else isoformat(micros)


def _count_reactions(message: Mapping[str, Any]) -> str | None:
    """Write reactions as `pushpin×2, eyes×1`; skin tones are counted together."""
    counts: dict[str, int] = {}
    for reaction in things(message.get("reactions")):
        name = _SKIN_TONE.sub("", string(reaction.get("name")))
        count, users = reaction.get("count"), reaction.get("users")
        # `users` may be shorter than `count`, which is right then.
        number = count if isinstance(count, int) else len(users) if isinstance(users, list) else 1
        if name:
            counts[name] = counts.get(name, 0) + number
    return ", ".join(f"{name}×{number}" for name, number in counts.items()) or None


def _is_pinned(message: Mapping[str, Any], channel: Channel, ts: str, names: Names) -> bool:
    return bool(message.get("pinned_to") or message.get("pinned_info")) or (channel.id or "", ts) in names.pins


def _describe_record(message: Mapping[str, Any], subtype: str | None, names: Names) -> str:
    """Say what a record about another message, or about a call, tells; empty for all others.

    What was deleted, or was there before an edit, is not repeated: somebody took it back. The newest text of
    an edited message stands at its own time.
    """
    match subtype:
        case "tombstone":
            return "This message was deleted."
        case "message_deleted":
            return "[deleted a message" + _of_time(message.get("deleted_ts"), message.get("previous_message")) + "]"
        case "message_changed":
            return "[edited a message" + _of_time(None, message.get("message")) + "]"
        case "huddle_thread":
            return _describe_huddle(message.get("room"), names)
    return ""


def _of_time(ts: object, other: object) -> str:
    micros = micros_of(ts)
    if micros is None and isinstance(other, dict):
        micros = micros_of(other.get("ts"))
    return "" if micros is None else f" of {isoformat(micros, 'seconds')}"


def _describe_huddle(room: object, names: Names) -> str:
    if not isinstance(room, dict):
        return ""
    who = string(room.get("created_by"))
    parts = ["huddle started" + (f" by {names.users.get(who, who)}" if who else "")]
    history = room.get("participant_history")
    if isinstance(history, list) and history:
        parts.append(f"{len(history)} took part")
    if (end := micros_of(room.get("date_end"))) is not None:
        parts.append(f"ended {isoformat(end, 'seconds')}")
    return ", ".join(parts)
