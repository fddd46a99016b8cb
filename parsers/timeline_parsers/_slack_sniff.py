"""Tell Slack's files from all others, and messages from the lists of an export."""

from __future__ import annotations

import re
from json import JSONDecoder
from typing import Any, Final

from timeline_parsers._slack_archive import is_archive
from timeline_parsers._slack_chunks import is_chunk
from timeline_parsers._slack_content import string, things
from timeline_parsers._slack_lists import LISTS
from timeline_parsers._slack_paste import sniff_paste
from timeline_parsers._slack_text import micros_of

MESSAGES_KEY: Final = "messages"

# The elements of an export's lists, told by an id and a key beside it.
LIST_SHAPES: Final = (
    (re.compile(r"[UW][A-Z0-9]+"), ("profile", "real_name", "name"), LISTS["users.json"]),
    (re.compile(r"[CG][A-Z0-9]+"), ("members", "created", "name", "creator"), LISTS["channels.json"]),
    (re.compile(r"D[A-Z0-9]+"), ("members", "created"), LISTS["dms.json"]),
    (re.compile(r"F[A-Z0-9]+"), ("filetype", "mimetype", "title", "url_private"), LISTS["canvases.json"]),
)
_CHANNEL_ID: Final = re.compile(r"[CDG][A-Z0-9]+")
API_LISTS: Final = {"members": LISTS["users.json"], "channels": LISTS["channels.json"]}

_TYPE_IN_HEAD: Final = re.compile(r'"type"\s*:\s*"message"')
_TS_IN_HEAD: Final = re.compile(r'"ts"\s*:\s*"?\d{10}\.\d{1,6}\b')
_API_HEAD: Final = re.compile(r'\{\s*"(?:ok"\s*:\s*true\b|channel_id"\s*:\s*"[CDG][A-Z0-9]+"|messages"\s*:\s*\[)')
_CHUNK_HEAD: Final = re.compile(r'\{\s*"t"\s*:\s*\d{1,2}\s*,\s*"ts"\s*:\s*\d{18,19}\s*,')
_EMPTY_LIST: Final = re.compile(r"\[\s*\]")

_CHUNK_KEYS: Final = frozenset({"m", "u", "ch", "ci", "f", "p", "w", "cu", "l"})

CERTAIN, LIKELY, POSSIBLE = 1.0, 0.9, 0.1


def sniff(head: bytes) -> float:
    """Say how sure *head* is Slack's: by the keys of the first object, or by speakers and times."""
    if is_archive(head):
        return CERTAIN
    text = head.decode("utf-8", "ignore").lstrip("\ufeff \t\r\n")
    if _EMPTY_LIST.fullmatch(text.rstrip()):
        return POSSIBLE  # a day without messages, or a list without entries
    if not text.startswith(("[", "{")):
        return sniff_paste(head)
    start = text.find("{")
    if start < 0 or (text[0] == "[" and text[1:start].strip()):
        return 0.0
    try:
        first, _ = JSONDecoder(strict=False).raw_decode(text, start)
    except (ValueError, RecursionError):
        return _sniff_cut(text)
    return _sniff_element(first) if text[0] == "[" else _sniff_object(first)


def _sniff_cut(text: str) -> float:
    """Judge a first object that is longer than the head."""
    if _CHUNK_HEAD.match(text):
        return LIKELY
    if text[0] == "{" and not _API_HEAD.match(text) and not _TYPE_IN_HEAD.search(text[:200]):
        return 0.0
    return LIKELY if _TYPE_IN_HEAD.search(text) and _TS_IN_HEAD.search(text) else 0.0


def _sniff_element(value: Any) -> float:
    if not isinstance(value, dict):
        return 0.0
    if value.get("type") == "message" and "ts" in value:
        return CERTAIN
    return LIKELY if name_listing(value) or is_message(value) else 0.0


def _sniff_object(value: Any) -> float:
    if not isinstance(value, dict):
        return 0.0
    if is_chunk(value):
        return CERTAIN if _CHUNK_KEYS & value.keys() else 0.0
    if value.get("type") == "message" and micros_of(value.get("ts")) is not None:
        return CERTAIN
    if isinstance(value.get("ok"), bool):
        known = any(key in value for key in (MESSAGES_KEY, *API_LISTS))
        return LIKELY if (known if value["ok"] else isinstance(value.get("error"), str)) else 0.0
    messages = things(value.get(MESSAGES_KEY))
    if not messages:
        said = "has_edits" in value or _CHANNEL_ID.fullmatch(string(value.get("channel_id")))
        return LIKELY if value.get(MESSAGES_KEY) == [] and said else 0.0
    return CERTAIN if is_message(messages[0]) else 0.0


def is_message(value: Any) -> bool:
    """Tell a message, also one whose ts is damaged, from the elements of the other files."""
    if not isinstance(value, dict):
        return False
    if value.get("type") == "message":
        return True
    return micros_of(value.get("ts")) is not None and any(
        key in value for key in ("text", "user", "bot_id", "attachments")
    )


def name_listing(value: dict[str, Any]) -> str:
    """Say which list of an export *value* is an element of; empty if of none."""
    if "user_id" in value and "date" in value and ("change_type" in value or "service_type" in value):
        return LISTS["integration_logs.json"]
    identity = string(value.get("id"))
    return next(
        (note for shape, keys, note in LIST_SHAPES if shape.fullmatch(identity) and any(key in value for key in keys)),
        "",
    )
