"""Turn Slack's control sequences and entities into plain text, and take tokens out of links."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

# Slack escapes exactly these three, and a `<` that people typed never stands bare.
# Reference: https://docs.slack.dev/messaging/formatting-message-text
ENTITIES: Final = {"amp": "&", "lt": "<", "gt": ">"}

# One pass over both, so that `&amp;lt;` becomes `&lt;` and nothing that was put in is looked at again.
_MARKUP: Final = re.compile(r"<([^<>\s][^<>]*)>|&(amp|lt|gt);")
_ENTITY: Final = re.compile(r"&(amp|lt|gt);")
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_NAMED_SCHEMES: Final = ("mailto:", "tel:")
_EVERYBODY: Final = frozenset({"here", "channel", "everyone", "group"})
_PLACEHOLDERS: Final = re.compile(r"\{.*\}", re.DOTALL)

# The query of a file link is the export's own key to every file of the workspace.
_FILE_LINK: Final = re.compile(
    r"((?:\bfiles[\w-]*\.slack(?:-gov)?\.com|\bslack-files\.com)(?::\d+)?[^\s<>|?#\"']*)[?#][^\s<>|\"')\]]+",
    re.IGNORECASE,
)
# The same key in a link that carries another link, whatever its host.
_KEY_PARAMETER: Final = re.compile(r"(?:[?&;]|%3F|%26)(?:\w*token|t)(?:=|%3D)xox[a-z]-[\w.%-]*", re.IGNORECASE)

_TS_WIDTH: Final = len("1452837318.000002")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TS: Final = re.compile(r"(\d{10})(?:\.(\d{1,9}))?")


@dataclass(frozen=True)
class Names:
    """Who and what the ids of an export stand for.

    Attributes:
        users: name by user id.
        bots: name by bot id.
        robots: ids of users that are bots.
        channels: name by channel id.
        pins: (channel id, ts) of the messages that the lists of channels call pinned.
    """

    users: Mapping[str, str] = field(default_factory=dict)
    bots: Mapping[str, str] = field(default_factory=dict)
    robots: frozenset[str] = frozenset()
    channels: Mapping[str, str] = field(default_factory=dict)
    pins: frozenset[tuple[str, str]] = frozenset()


def resolve(text: str, names: Names) -> str:
    """Replace mentions, links, dates and entities of mrkdwn by what people see.

    Everywhere, also inside code: Slack puts its links there too.
    """
    if "<" not in text and "&" not in text:
        return text

    def replace(found: re.Match[str]) -> str:
        inner, entity = found.groups()
        return ENTITIES[entity] if inner is None else _resolve_control(inner, names)

    return _MARKUP.sub(replace, text)


def unescape(text: str) -> str:
    """Decode Slack's three entities, once."""
    return _ENTITY.sub(lambda found: ENTITIES[found[1]], text) if "&" in text else text


def strip_tokens(text: str) -> str:
    """Take the query off every link to a Slack file, and export keys off every other link."""
    if "slack" in text.lower():
        text = _FILE_LINK.sub(r"\1", text)
    return _KEY_PARAMETER.sub("", text) if "xox" in text.lower() else text


def _resolve_control(inner: str, names: Names) -> str:
    head, _, label = inner.partition("|")
    label = unescape(label)
    match head[0]:
        case "@":
            return "@" + (names.users.get(head[1:]) or label.removeprefix("@") or head[1:])
        case "#":
            return "#" + (label.removeprefix("#") or names.channels.get(head[1:]) or head[1:])
        case "!":
            return _resolve_command(head[1:], label)
    head = unescape(head)
    if not _URL.match(head):
        return unescape(inner)
    return label or next((head.removeprefix(scheme) for scheme in _NAMED_SCHEMES if head.startswith(scheme)), head)


def _resolve_command(command: str, label: str) -> str:
    name, *arguments = command.split("^")
    if name in _EVERYBODY:
        return f"@{name}"
    if name == "subteam" and arguments:
        return "@" + (label.removeprefix("@") or arguments[0])
    if name == "date" and arguments:
        return _resolve_date(arguments, label)
    return label or f"!{command}"


def _resolve_date(arguments: list[str], fallback: str) -> str:
    """Give the instant in UTC: the fallback is in the sender's zone."""
    micros = micros_of(arguments[0])
    if micros is None:
        return fallback or arguments[0]
    form = unescape(arguments[1]) if len(arguments) > 1 else ""
    stamp = isoformat(micros, "seconds")
    return _PLACEHOLDERS.sub(lambda _: stamp, form) if _PLACEHOLDERS.search(form) else stamp


def micros_of(ts: object) -> int | None:
    """Read a ts ("1452837318.000002") as microseconds since 1970, never through a float; None if it is none.

    A JSON number is read from its shortest text, which has all six digits: below 2**31 seconds, floats are
    closer together than a microsecond. Anything before 2001 is no message of Slack.
    """
    if type(ts) is str and len(ts) == _TS_WIDTH and ts[10] == ".":  # as Slack writes it: the fast way
        digits = ts[:10] + ts[11:]
        return int(digits) if digits.isascii() and digits.isdigit() and ts[0] != "0" else None
    if isinstance(ts, bool) or not isinstance(ts, (str, int, float)):
        return None
    found = _TS.fullmatch(ts if isinstance(ts, str) else repr(ts))
    if found is None or found[1][0] == "0":
        return None
    return int(found[1]) * 1_000_000 + int((found[2] or "0")[:6].ljust(6, "0"))


def ts_of(micros: int) -> str:
    """Write microseconds since 1970 as Slack writes a ts."""
    return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"


def normal_ts(ts: object) -> str | None:
    """Write a ts of any spelling as Slack does; None if it is none."""
    micros = micros_of(ts)
    return None if micros is None else spell_ts(ts, micros)


def spell_ts(ts: object, micros: int) -> str:
    """Write a ts that was read as *micros* as Slack does: mostly it is written so already."""
    return ts if type(ts) is str and len(ts) == _TS_WIDTH else ts_of(micros)


def isoformat(micros: int, precision: str = "microseconds") -> str:
    """Write microseconds since 1970 as ISO 8601 in UTC."""
    return (_EPOCH + timedelta(microseconds=micros)).isoformat(timespec=precision).replace("+00:00", "Z")
