"""Decode JSON of Slack as far as it is readable, and find the line on which each element starts."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

import numpy as np
import orjson

# A well-formed pair is kept, an escaped backslash is passed over, what remains is half a pair, which orjson,
# Arrow and UTF-8 refuse.
_SURROGATE: Final = re.compile(r"\\\\|\\u[dD][89abAB]..\\u[dD][c-fC-F]..|(\\u[dD][89a-fA-F]..)")
_BLANK: Final = re.compile(r"[\s,]*")
_ARRAY: Final = re.compile(r"\[")
_MESSAGES: Final = re.compile(r'"(?P<key>messages|m)"\s*:\s*\[')
_FIRST_OBJECT: Final = re.compile(rb"\[[ \t\r]*(?:\n([ \t]*))?\{")
# The begin of an element of an array or of a line; in a string, its quotes would have backslashes.
_ELEMENT: Final = re.compile(r'(?:[\[,]|\}\s*\n)\s*(\{)\s*"(?:client_msg_id|type|subtype|user|ts|text|bot_id|id)"\s*:')
# Behind this stands what edits replaced: it is not searched for messages.
_TAKEN_BACK: Final = re.compile(r'"(?:has_)?edits"\s*:\s*\[')
_NEXT_OBJECT: Final = '\n{"'
# How many candidates are tried behind damage; more is no accident.
_TRIES: Final = 2000
_NEWLINE: Final = 10
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
        key: the key of the unfinished array in its frame.
        damage: the line of the first damage, 0 if there is none.
        holes: how many times decoding had to stop.
    """

    values: list[Any] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    cut: list[tuple[Any, int]] | None = None
    frame: dict[str, Any] = field(default_factory=dict)
    key: str = ""
    damage: int = 0
    holes: int = 0


def decode(data: bytes) -> Document:
    """Decode *data*; damage costs the element it is in and is told, it never raises."""
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
    begin = first.end() - 1
    opening = re.compile(re.escape(b"\n" + (first[1] or b"") + b"{"))
    starts = [begin, *(found.end() for found in islice(opening.finditer(data, begin), count))]
    if len(starts) != count:
        return None
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == _NEWLINE)
    lines: list[int] = (np.searchsorted(ends, starts) + 1).tolist()
    return lines


def _decode_in_steps(text: str) -> Document:
    document, place, line, counted = Document(), _skip_blank(text, 0), 1, 0
    while place < len(text):
        line, counted = line + text.count("\n", counted, place), place
        decoded = _decode_one(text, place)
        if decoded is not None:
            document.values.append(decoded[0])
            document.lines.append(line)
            place = _skip_blank(text, decoded[1])
            continue
        end = text.find(_NEXT_OBJECT, place) if text[place] != "[" else -1
        if end < 0:
            _decode_cut(text, place, document)
            return document
        _decode_torn_line(text[place:end], line, document)
        place = end + 1
    return document


def _decode_torn_line(text: str, line: int, document: Document) -> None:
    """Read what is whole in one of several lines: the messages in an answer or chunk."""
    torn = Document()
    _decode_cut(text, 0, torn)
    document.holes += torn.holes
    document.damage = document.damage or line
    if torn.cut:
        document.values.append({**torn.frame, torn.key: [value for value, _ in torn.cut]})
        document.lines.append(line)


def _decode_cut(text: str, place: int, document: Document) -> None:
    """Read the elements of the array that begins at *place*, or of the messages in the object there."""
    start = (_ARRAY.match if text[place] == "[" else _MESSAGES.search)(text, place)
    line, counted = text.count("\n", 0, place) + 1, place
    if start is not None:
        document.frame, document.key = _decode_frame(text[place : start.start()]), start.groupdict().get("key") or ""
        place = start.end()
    taken_back = _TAKEN_BACK.search(text, place)
    stop = taken_back.start() if taken_back else len(text)
    document.cut = []
    while True:
        place = _skip_blank(text, place)
        line, counted = line + text.count("\n", counted, place), place
        decoded = _decode_one(text, place) if start is not None or document.holes else None
        if decoded is not None:
            document.cut.append((decoded[0], line))
            place = decoded[1]
            continue
        if document.holes and (text.startswith("]", place) or place >= stop):
            return  # the end of the array, behind a hole in it
        document.holes += 1
        document.damage = document.damage or line
        place = _find_next(text, place, stop, document.cut)
        if place < 0:
            return


def _find_next(text: str, place: int, stop: int, before: list[tuple[Any, int]]) -> int:
    """Return where the next whole element begins behind damage at *place* and before *stop*, -1 if there is none.

    Only what stands in an array counts, so that nothing is taken out of a message: not what was there before an
    edit, not the root of a thread.
    """
    wanted = "id" if before and isinstance(before[0][0], dict) and "ts" not in before[0][0] else "ts"
    for _ in range(_TRIES):
        found = _ELEMENT.search(text, place, stop)
        if found is None:
            return -1
        decoded = _decode_one(text, found.start(1))
        if decoded and (decoded[0].get("type") == "message" or wanted == "id") and wanted in decoded[0]:
            return found.start(1)
        place = found.start(1)
    return -1


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
