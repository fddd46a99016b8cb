"""Decode JSON of Slack as far as it is readable, and find the line on which each element starts."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

# A well-formed pair is kept, an escaped backslash is passed over, what remains is half a pair, which orjson,
# Arrow and UTF-8 refuse.
_SURROGATE: Final = re.compile(r"\\\\|\\u[dD][89abAB]..\\u[dD][c-fC-F]..|(\\u[dD][89a-fA-F]..)")
_BLANK: Final = re.compile(r"[\s,]*")
_ARRAY: Final = re.compile(r"\[")
_MESSAGES: Final = re.compile(r'"(?:messages|m)"\s*:\s*\[')
_FIRST_OBJECT: Final = re.compile(rb"\[[ \t\r]*(?:\n([ \t]*))?\{")
# Not strict: a raw tab or line end inside a string is no reason to lose the rest.
_DECODER: Final = json.JSONDecoder(strict=False)


@dataclass
class Document:
    """What could be decoded.

    Attributes:
        values: the top-level values; more than one if the file holds one a line.
        lines: the line on which each of `values` starts, if there is more than one.
        cut: elements of the last, unfinished array, and the line of each; None if nothing is unfinished.
        frame: the keys that stood before the unfinished array.
        damage: the line where decoding stopped, 0 if it did not.
    """

    values: list[Any] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    cut: list[tuple[Any, int]] | None = None
    frame: dict[str, Any] = field(default_factory=dict)
    damage: int = 0


def decode(data: bytes) -> Document:
    """Decode *data*; damage ends it and is told, it never raises."""
    if not data.strip():
        return Document()
    try:
        return Document([orjson.loads(data)], [1])
    except orjson.JSONDecodeError:
        text = _SURROGATE.sub(lambda found: "\\ufffd" if found[1] else found[0], data.decode("utf-8", "replace"))
    try:
        return Document([orjson.loads(text)], [1])
    except (orjson.JSONDecodeError, UnicodeEncodeError):
        return _decode_in_steps(text)


def find_object_lines(data: bytes, array: re.Pattern[bytes] | None, count: int) -> list[int] | None:
    """Return the line on which each object of an array starts, None unless exactly *count* starts are found.

    In JSON a line never ends inside a string, so in a laid-out file the objects of an array are those that
    open at the indentation of its first.

    Args:
        data: the file.
        array: what comes before the array, None if the file begins with it.
        count: how many objects the array has.
    """
    before = array.search(data) if array else None
    if array and before is None:
        return None
    first = _FIRST_OBJECT.search(data, before.end() - 1 if before else 0)
    if first is None:
        return None
    place, line = first.end() - 1, data.count(b"\n", 0, first.end()) + 1
    lines = [line]
    opening = b"\n" + (first[1] or b"") + b"{"
    while (found := data.find(opening, place)) >= 0 and len(lines) <= count:
        line += data.count(b"\n", place, found + 1)
        lines.append(line)
        place = found + 1
    return lines if len(lines) == count else None


def _decode_in_steps(text: str) -> Document:
    document, place, line, counted = Document(), _skip_blank(text, 0), 1, 0
    while place < len(text):
        line, counted = line + text.count("\n", counted, place), place
        decoded = _decode_one(text, place)
        if decoded is None:
            _decode_cut(text, place, document)
            return document
        value, place = decoded
        document.values.append(value)
        document.lines.append(line)
        place = _skip_blank(text, place)
    return document


def _decode_cut(text: str, place: int, document: Document) -> None:
    """Read the elements of the array that begins at *place*, or of the messages in the object there."""
    start = (_ARRAY.match if text[place] == "[" else _MESSAGES.search)(text, place)
    document.damage = text.count("\n", 0, place) + 1
    if start is None:
        return
    document.frame = _decode_frame(text[place : start.start()])
    document.cut, line, counted, place = [], document.damage, place, start.end()
    while True:
        place = _skip_blank(text, place)
        line, counted = line + text.count("\n", counted, place), place
        decoded = _decode_one(text, place)
        document.damage = line
        if decoded is None:
            return
        document.cut.append((decoded[0], line))
        place = decoded[1]


def _skip_blank(text: str, place: int) -> int:
    found = _BLANK.match(text, place)
    return found.end() if found else place


def _decode_frame(text: str) -> dict[str, Any]:
    """Read the keys before a messages array, which stand complete in front of it."""
    decoded = _decode_one(text.rstrip().removesuffix(",") + "}", 0)
    return decoded[0] if decoded and isinstance(decoded[0], dict) else {}


def _decode_one(text: str, place: int) -> tuple[Any, int] | None:
    try:
        return _DECODER.raw_decode(text, place)
    except (ValueError, RecursionError):
        return None
