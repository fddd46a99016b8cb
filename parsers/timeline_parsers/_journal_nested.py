"""Lines of nginx and PostgreSQL inside a journal message: they tell a severity that the journal does not know.

What a service prints to stdout gets PRIORITY 6, whatever it says. A journal may hold hundreds of thousands of such
lines, so the place of the level is computed from the layout instead of searched by a regular expression.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from timeline import schema
from timeline.stamps import gather
from timeline_parsers._journal_entries import Words

# nginx error log: `2026/06/15 14:03:11 [error] 12#12: …`; ? is a digit.
NGINX_STAMP: Final = b"????/??/?? ??:??:?? ["
NGINX_LEVELS: Final = {
    "debug": "debug", "info": "info", "notice": "notice", "warn": "warning",
    "error": "err", "crit": "crit", "alert": "alert", "emerg": "emerg",
}  # fmt: skip

# PostgreSQL: any log_line_prefix that begins with a stamp, or `[pid]`; two blanks follow the level and its colon.
POSTGRESQL_STAMP: Final = b"????-??-?? ??:??:??"
POSTGRESQL_END: Final = ":  "
POSTGRESQL_LEVELS: Final = {
    "LOG": "info", "INFO": "info", "NOTICE": "notice", "WARNING": "warning", "ERROR": "err", "FATAL": "crit",
    "PANIC": "alert", **{f"DEBUG{level}": "debug" for level in range(1, 6)},
}  # fmt: skip

# nginx access log, combined or alike: the status stands between the request and the size.
ACCESS: Final = r'^\S+ \S+ .{0,100}?\[[^\]]{20,40}\] "[^"]*" (?P<level>[45])\d\d '
ACCESS_LEVELS: Final = {"4": "notice", "5": "err"}
STATUS: Final = b"??? "

_NONE: Final = len(schema.SEVERITIES)
_LEVEL_WIDTH: Final = 8


def raise_severity(
    severity: np.ndarray, messages: pa.LargeStringArray, service: Words, identifier: Words
) -> np.ndarray:
    """Return *severity* (codes, -1 missing), raised where the message is a line of nginx or PostgreSQL that is worse.

    Args:
        severity: codes of `schema.SEVERITIES`.
        messages: the texts.
        service: unit or identifier of each entry.
        identifier: SYSLOG_IDENTIFIER of each entry.
    """
    starts, ends, data = text_bytes(messages)
    if not len(data):
        return severity
    first, fifth = _byte_at(data, starts, ends, 0), _byte_at(data, starts, ends, 4)
    by_nginx = _named(service, "nginx") | _named(identifier, "nginx")
    by_postgresql = _named(service, "postgres") | _named(identifier, "postgres")
    error_log = (first == ord("2")) & (fifth == ord("/"))
    postgresql = (first == ord("2")) & (fifth == ord("-")) | by_postgresql & (first == ord("["))
    raised = severity.copy()
    for read_levels, chosen in (
        (_nginx_levels, error_log),
        (_postgresql_levels, postgresql),
        (_access_levels, by_nginx & ~error_log),
    ):
        rows = np.flatnonzero(chosen)
        if len(rows):
            _raise(raised, rows, read_levels(messages.take(pa.array(rows))))
    return raised


def text_bytes(texts: pa.LargeStringArray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return where each text begins and ends (int64), and the bytes (uint8) they lie in."""
    if not len(texts) or texts.buffers()[2] is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.uint8)
    offsets = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset : texts.offset + len(texts) + 1]
    return offsets[:-1], offsets[1:], np.frombuffer(texts.buffers()[2], np.uint8)


def _raise(severity: np.ndarray, rows: np.ndarray, nested: np.ndarray) -> None:
    before = severity[rows]
    worse = (nested < _NONE) & ((before < 0) | (nested < before))
    severity[rows[worse]] = nested[worse]


def _nginx_levels(texts: pa.LargeStringArray) -> np.ndarray:
    starts, _, data = text_bytes(texts)
    good = _fits(gather(data, starts, len(NGINX_STAMP)), NGINX_STAMP)
    words = _as_numbers(gather(data, starts + len(NGINX_STAMP), _LEVEL_WIDTH))
    levels = np.full(len(texts), _NONE, np.int8)
    for name, meaning in NGINX_LEVELS.items():
        levels[_starts_with(words, f"{name}]") & good] = schema.SEVERITIES.index(meaning)
    return levels


def _postgresql_levels(texts: pa.LargeStringArray) -> np.ndarray:
    starts, _, data = text_bytes(texts)
    good = _fits(gather(data, starts, len(POSTGRESQL_STAMP)), POSTGRESQL_STAMP) | (data[starts] == ord("["))
    place = np.asarray(pc.find_substring(texts, POSTGRESQL_END)).astype(np.int64)
    good &= place >= _LEVEL_WIDTH
    at = np.where(good, starts + place - _LEVEL_WIDTH, 0)
    # Backwards, the level comes first.
    words = _as_numbers(gather(data, at, _LEVEL_WIDTH)[:, ::-1])
    levels = np.full(len(texts), _NONE, np.int8)
    for name, meaning in POSTGRESQL_LEVELS.items():
        levels[_starts_with(words, f" {name}"[::-1]) & good] = schema.SEVERITIES.index(meaning)
    return levels


def _access_levels(texts: pa.LargeStringArray) -> np.ndarray:
    levels = np.full(len(texts), _NONE, np.int8)
    rows = np.flatnonzero(_may_be_failed_requests(texts))
    found = pc.struct_field(pc.extract_regex(texts.take(pa.array(rows)), ACCESS), "level").dictionary_encode()
    values = found.dictionary.to_pylist()
    table = np.array([schema.SEVERITIES.index(ACCESS_LEVELS[value]) for value in values] + [_NONE], np.int8)
    levels[rows] = table[found.indices.fill_null(len(values)).to_numpy(zero_copy_only=False)]
    return levels


def _may_be_failed_requests(texts: pa.LargeStringArray) -> np.ndarray:
    """Tell the few lines that the exact pattern must look at: a status of 400 or more behind a closing quote."""
    starts, ends, data = text_bytes(texts)
    place = np.asarray(pc.find_substring(texts, '" ')).astype(np.int64)
    at = starts + place + 2
    inside = (place > 0) & (at + len(STATUS) <= ends)
    status = gather(data, np.where(inside, at, 0), len(STATUS))
    return np.asarray(inside & _fits(status, STATUS) & (status[:, 0] >= ord("4")))


def _fits(matrix: np.ndarray, layout: bytes) -> np.ndarray:
    """Tell which rows have digits where *layout* has `?`, and its characters elsewhere."""
    wanted = np.frombuffer(layout, np.uint8)
    digit = wanted == ord("?")
    numeric = matrix[:, digit] - ord("0")  # below 0 wraps round to above 9
    return np.asarray((numeric <= 9).all(axis=1) & (matrix[:, ~digit] == wanted[~digit]).all(axis=1))  # noqa: PLR2004


def _as_numbers(matrix: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(matrix).view("<u8")[:, 0]


def _starts_with(words: np.ndarray, text: str) -> np.ndarray:
    mask = np.uint64((1 << (8 * len(text))) - 1)
    return np.asarray((words & mask) == int.from_bytes(text.encode(), "little"))


def _named(column: Words, start: str) -> np.ndarray:
    return column.pick(np.array([value.startswith(start) for value in column.values], bool), default=False)


def _byte_at(data: np.ndarray, starts: np.ndarray, ends: np.ndarray, place: int) -> np.ndarray:
    """Return one byte of each text, 0 where it is shorter."""
    at = starts + place
    return np.where(at < ends, data[np.minimum(at, len(data) - 1)], 0)
