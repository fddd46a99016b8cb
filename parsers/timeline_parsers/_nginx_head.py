"""Find out from its first lines which format an access log has."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from timeline.sources import HEAD_SIZE
from timeline.textlog import Block, clean
from timeline_parsers._nginx_cut import Lines, Mask
from timeline_parsers._nginx_format import LineFormat, compile_format, known_formats
from timeline_parsers._nginx_json import OPENING, is_access_object

_SAMPLE: Final = 100

# Combined with quotes inside quoted fields (no nginx writes it, but other servers do), or an empty user and one
# blank where two are due: matched from both ends.
LENIENT: Final = (
    r"(?s)^(?P<remote_addr>[^ ]+) - (?:(?P<remote_user>.*?) )?"
    r"\[(?P<time_local>\d\d/[A-Za-z]{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "
    r'"(?P<request>.*)" (?P<status>\d{3}) (?P<body_bytes_sent>\d+|-)'
    r'(?: "(?P<http_referer>[^"]*)" "(?P<http_user_agent>.*)")?(?: (?P<extra>.*))?$'
)
_STAMPS: Final = {
    "time_local": r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}",
    "time_iso8601": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d",
    "msec": r"\b\d{10}\.\d{3}\b",
}
_REQUEST: Final = r"[A-Z]+ [^\s\"]+ HTTP/[\d.]+"
# Any line with a stamp and a whole request: too weak to be sure of a file, good enough to read a stray line.
LAST_RESORTS: Final = tuple(
    r"(?s)^(?:(?P<remote_addr>[0-9A-Fa-f.:]*[.:][0-9A-Fa-f.:]*) )?(?:.*[^\w.])??"
    rf"(?P<{name}>{stamp})\W.*?\b(?P<request>{_REQUEST})\"?(?: (?P<status>\d{{3}}))?(?: (?P<extra>.*))?$"
    for name, stamp in _STAMPS.items()
)
_ANY_STAMP: Final = "|".join(_STAMPS.values())
# A time as a whole value: the text of a message in another program's objects may hold one as well.
_STAMP_VALUE: Final = rf'":\s*"?\[?(?:{_ANY_STAMP})\]?"?\s*[,}}]'
# A format can leave the protocol out.
_ANY_REQUEST: Final = rf"{_REQUEST}|\b(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (?:/|https?://)"
# Lines that others wrote around one of nginx: journalctl, syslog, a journal export.
_WRITTEN_BY_OTHERS: Final = r"^(?:[A-Z][a-z]{2} [ 0-3]\d \d\d:|[A-Z_]+=|\d{4}-\d\d-\d\dT\S+ \S+ [^\s\[]+(?:\[\d+\])?: )"
WEAKLY: Final = 0.25
"""How sure a file of lines with a time and a request is, whose format nobody told."""


# What may stand first in such a line; `MESSAGE=203.0.113.9 - - [` of a journal export may not.
_FIRST_WORD: Final = r'^(?:"[^"]*"|\[[^\]]*\][\w:]*|[\w.:,-]*) '


def whole_lines(head: bytes) -> Block | None:
    """Return the complete lines of the start of a source; None if there are none."""
    if len(head) >= HEAD_SIZE:
        head = head[: head.rfind(b"\n") + 1]
    elif head and not head.endswith(b"\n"):
        head += b"\n"
    block = clean(head) if head else None
    return block if block is not None and not block.blank.all() else None


def rank_formats(lines: Lines, skip: Mask) -> list[LineFormat]:
    """Order the known formats by how many of *lines* they fit; those that fit as many keep their order.

    If there are lines and no format fits any, combined alone is left: trying all on each line of a large file of an
    unknown format would take minutes.
    """
    rows = np.flatnonzero(~skip)
    texts = lines.texts(rows[:: max(len(rows) // _SAMPLE, 1)])
    fits = {format_.name: _match(texts, format_.pattern) for format_ in known_formats()}
    loose = {format_.name for format_ in known_formats() if "extra" in format_.variables}
    # What stands behind a line is only unknown where no format knows it.
    exact = np.any([fit for name, fit in fits.items() if name not in loose], axis=0)
    counts = {name: int((fit & ~exact if name in loose else fit).sum()) for name, fit in fits.items()}
    ranked = sorted(known_formats(), key=lambda format_: -counts[format_.name])
    return ranked if any(counts.values()) or not len(rows) else [compile_format("combined", name="combined")]


def find_access_lines(lines: Lines, skip: Mask) -> Mask:
    """Tell which lines are of an access log: of a known format, or a JSON object with its keys."""
    fits = np.zeros(len(lines), bool)
    opening = (lines.first_bytes == OPENING) & ~skip
    rest = np.flatnonzero(~(skip | opening))
    rest = rest[_match(lines.texts(rest), _FIRST_WORD)]
    for pattern in [*(format_.pattern for format_ in known_formats()), LENIENT]:
        good = _match(lines.texts(rest), pattern)
        fits[rest[good]] = True
        rest = rest[~good]
        if not len(rest):
            break
    rows = np.flatnonzero(opening)
    for row, text in zip(rows.tolist(), lines.texts(rows).to_pylist(), strict=True):
        fits[row] = is_access_object(text)
    return fits


def _match(texts: pa.LargeStringArray, pattern: str) -> Mask:
    found: Mask = pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False)
    return found


def count_weak_lines(lines: Lines, skip: Mask) -> int:
    """Count the lines that hold a time as nginx writes it and a request, in whichever format."""
    texts = lines.texts(np.flatnonzero(~skip))
    own = ~_match(texts, _WRITTEN_BY_OTHERS)
    stamped = np.where(_match(texts, r"^\{"), _match(texts, _STAMP_VALUE), _match(texts, _ANY_STAMP))
    return int((own & stamped & _match(texts, _ANY_REQUEST)).sum())
