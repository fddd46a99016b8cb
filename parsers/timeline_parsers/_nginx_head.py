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
# Any line with a stamp and a whole request: too weak to recognise a file by, good enough to read a stray line.
LAST_RESORT: Final = (
    r"(?s)^(?:(?P<remote_addr>[0-9A-Fa-f.:]*[.:][0-9A-Fa-f.:]*) )?.*?"
    r"\[(?P<time_local>\d\d/[A-Za-z]{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\].*?"
    r'"(?P<request>[A-Z]+ [^" ]+ HTTP/[\d.]+)"(?: (?P<status>\d{3}))?(?: (?P<extra>.*))?$'
)


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
    counts = {format_.name: _match(texts, format_.pattern).sum() for format_ in known_formats()}
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
