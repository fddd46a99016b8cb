"""Lines of nginx and PostgreSQL inside a journal message: they tell what the journal does not know, but not the time.

What a service prints to stdout gets PRIORITY 6, whatever it says. A journal may hold hundreds of thousands of such
lines, so the place of the level is computed from the layout instead of searched by a regular expression.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from timeline import schema
from timeline.stamps import gather
from timeline_parsers import _nginx_kinds, _pg_kinds
from timeline_parsers._journal_entries import Words, as_text, combine, matches, slices, to_words

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

# Classes: PostgreSQL's appendix A. All digits may be a pid instead: they count only where another pid is in brackets.
STATE: Final = re.compile(r"(?:0[0-9ABFLPZ]|2[0-8BDF]|3[489BDF]|4[0-4]|5[3-8]|72|F0|HV|P0|XX)[0-9A-Z]{3}")
BRACKETED: Final = r"\[\d+(?:-\d+)?\]"
_STATE_WIDTH: Final = 5

# nginx access log, combined or alike: the status stands between the request and the size.
ACCESS: Final = (
    r"^(?P<client>\S+) \S+ .{0,100}?\[[^\]]{20,40}\] "
    r'"(?:(?P<method>[A-Z]{1,20}) (?P<path>[^ ?"]*)[^"]*|[^"]*)" (?P<status>[45]\d\d) '
)
# The same for lines without brackets in front of the time. RE2 reads it, and the request, ten times faster: at each
# byte there is one way to go on.
PLAIN_ACCESS: Final = r'^(?P<client>\S+) \S+ [^\[\n]{0,100}\[[^\]]{20,40}\] "(?P<request>[^"]*)" (?P<status>[45]\d\d) '
REQUEST: Final = r'^(?P<method>[A-Z]{1,20}) (?P<path>[^ ?"]*)'
ACCESS_LEVELS: Final = {"4": "notice", "5": "err"}
STATUS_LAYOUT: Final = b"??? "
NGINX_CLIENT: Final = r"^, client: (?P<client>[^,\s]+)"
NGINX_REQUEST: Final = r', request: "(?P<method>[A-Z]{1,20}) (?P<path>[^ ?"]*)'

_NONE: Final = len(schema.SEVERITIES)
_LEVEL_WIDTH: Final = 8
# `*` and the digits of an int64.
_CONNECTION_WIDTH: Final = 22


CLIENT: Final = "client.address"
METHOD: Final = "http.request.method"
PATH: Final = "url.path"
STATUS: Final = "http.response.status_code"
SQL_STATE: Final = "db.response.status_code"


Sparse = tuple[np.ndarray, pa.LargeStringArray]
"""Rows, and the value of each."""


@dataclass(frozen=True)
class Found:
    """What some lines of one dialect say.

    Attributes:
        levels: codes of `schema.SEVERITIES`, `_NONE` for a line that is not of the dialect.
        kinds: well-known happenings.
        values: attribute to the lines that have it, ascending, and its values, without nulls.
    """

    levels: np.ndarray
    kinds: Words
    values: Mapping[str, Sparse]


@dataclass(frozen=True)
class Nested:
    """What the lines of nginx and PostgreSQL among some messages say.

    Attributes:
        severity: codes, raised where such a line is worse.
        kinds: well-known happenings.
        attributes: columns of the event frame; none for an attribute that no line has.
    """

    severity: np.ndarray
    kinds: Words
    attributes: Mapping[str, pd.api.extensions.ExtensionArray]


def read_nested(severity: np.ndarray, messages: pa.LargeStringArray, service: Words, identifier: Words) -> Nested:
    """Read the messages that are lines of nginx or PostgreSQL.

    Args:
        severity: codes of `schema.SEVERITIES`, -1 missing.
        messages: the texts.
        service: unit or identifier of each entry.
        identifier: SYSLOG_IDENTIFIER of each entry.
    """
    raised, kinds = severity.copy(), [Words.missing(len(messages))]
    columns: dict[str, list[Sparse]] = {}
    for read, chosen in _dialects(messages, service, identifier):
        rows = np.flatnonzero(chosen)
        if not len(rows):
            continue
        found = read(messages.take(pa.array(rows)))
        _raise(raised, rows, found.levels)
        codes = np.full(len(messages), -1, np.int32)
        codes[rows] = np.where(found.levels < _NONE, found.kinds.codes, -1)
        kinds.append(Words(codes, found.kinds.values))
        for name, (some, texts) in found.values.items():
            if len(some):
                columns.setdefault(name, []).append((rows[some], texts))
    attributes = {name: _column(name, parts, len(messages)) for name, parts in columns.items()}
    return Nested(raised, combine(kinds), attributes)


def _dialects(
    messages: pa.LargeStringArray, service: Words, identifier: Words
) -> Iterator[tuple[Callable[[pa.LargeStringArray], Found], np.ndarray]]:
    """Yield what reads a dialect, and which messages may be of it; none is given twice."""
    starts, ends, data = text_bytes(messages)
    if not len(data):
        return
    first, fifth = _byte_at(data, starts, ends, 0), _byte_at(data, starts, ends, 4)
    by_nginx = _named(service, "nginx") | _named(identifier, "nginx")
    by_postgresql = _named(service, "postgres") | _named(identifier, "postgres")
    error_log = (first == ord("2")) & (fifth == ord("/"))
    postgresql = (first == ord("2")) & (fifth == ord("-")) | by_postgresql & (first == ord("["))
    yield _read_nginx_error, error_log
    yield _read_postgresql, postgresql
    yield _read_access, by_nginx & ~error_log & ~postgresql


def _column(name: str, parts: Sequence[Sparse], length: int) -> pd.api.extensions.ExtensionArray:
    """Lay values out over *length* rows, as a column of the type that the attribute has."""
    rows = np.concatenate([rows for rows, _ in parts])
    texts = pa.concat_arrays([texts for _, texts in parts])
    if name == STATUS:
        numbers = np.full(length, -1, np.int64)
        numbers[rows] = texts.cast(pa.int64()).to_numpy()
        return pd.arrays.IntegerArray(numbers, numbers < 0)
    places = np.full(length, -1, np.int32)
    if name in (CLIENT, PATH):
        places[rows] = np.arange(len(rows))
        return schema.string_column(texts.take(pa.array(places, mask=places < 0)))
    words = to_words(texts)
    places[rows] = words.codes
    return schema.category_column(places, words.values)


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


def _read_nginx_error(texts: pa.LargeStringArray) -> Found:
    levels = _nginx_levels(texts)
    said, context = _divide_nginx(texts)
    # Without connection and client many are equal: each is looked at once.
    said = said.dictionary_encode()
    kinds = _nginx_kinds.find_kinds(said.dictionary)
    codes = kinds.codes[said.indices.to_numpy()].astype(np.int32)
    client = pc.struct_field(pc.extract_regex(context, NGINX_CLIENT), "client")
    request = pc.extract_regex(context, NGINX_REQUEST)
    values = {CLIENT: client, METHOD: pc.struct_field(request, "method"), PATH: pc.struct_field(request, "path")}
    found = {name: _only(column, levels < _NONE) for name, column in values.items()}
    return Found(levels, Words(codes, list(kinds.categories)), found)


def _divide_nginx(texts: pa.LargeStringArray) -> tuple[pa.LargeStringArray, pa.LargeStringArray]:
    """Return what each line of the error log says, without head and connection, and its context: `, client: …`."""
    starts, ends, data = text_bytes(texts)
    head = np.asarray(pc.find_substring(texts, ": "), np.int64)
    begins = np.where(head < 0, starts, starts + head + 2)
    conn = gather(data, begins, _CONNECTION_WIDTH)
    begins += np.where(conn[:, 0] == ord("*"), (conn == ord(" ")).argmax(axis=1) + 1, 0)
    place = np.asarray(pc.find_substring(texts, ", client: "), np.int64)
    middle = np.where(place < 0, ends, starts + place)
    begins = np.minimum(begins, middle)
    return as_text(slices(data, begins, middle)), as_text(slices(data, middle, ends))


def _nginx_levels(texts: pa.LargeStringArray) -> np.ndarray:
    starts, _, data = text_bytes(texts)
    good = _fits(gather(data, starts, len(NGINX_STAMP)), NGINX_STAMP)
    words = _as_numbers(gather(data, starts + len(NGINX_STAMP), _LEVEL_WIDTH))
    levels = np.full(len(texts), _NONE, np.int8)
    for name, meaning in NGINX_LEVELS.items():
        levels[_starts_with(words, f"{name}]") & good] = schema.SEVERITIES.index(meaning)
    return levels


def _read_postgresql(texts: pa.LargeStringArray) -> Found:
    levels = _postgresql_levels(texts)
    starts, ends, data = text_bytes(texts)
    colon = starts + np.asarray(pc.find_substring(texts, POSTGRESQL_END), np.int64)
    rows, states = _read_states(texts, levels, colon)
    begins = np.where(levels < _NONE, colon + len(POSTGRESQL_END), ends)
    said = as_text(slices(data, begins, ends))
    words = to_words(states)
    codes = np.full(len(texts), -1, np.int32)
    codes[rows] = words.codes
    by_line = pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), pa.array(words.values, pa.large_string()))
    return Found(levels, _as_words(_pg_kinds.find_kinds(said, by_line)), {SQL_STATE: (rows, states)})


def _read_states(texts: pa.LargeStringArray, levels: np.ndarray, colon: np.ndarray) -> Sparse:
    """Return the SQLSTATE (`%e` of log_line_prefix) in front of the level, for the lines whose prefix has one."""
    starts, _, data = text_bytes(texts)
    warning = schema.SEVERITIES.index("warning")
    rows = np.flatnonzero(levels <= warning)
    begins = colon[rows] - np.where(levels[rows] == warning, len("WARNING"), len("ERROR")) - _STATE_WIDTH - 1
    rows, begins = rows[begins > starts[rows]], begins[begins > starts[rows]]
    word = gather(data, begins - 1, _STATE_WIDTH + 2)
    inner = word[:, 1:-1]
    digit, letter = inner - ord("0") <= 9, inner - ord("A") < 26  # noqa: PLR2004 - below 0 wraps round
    good = (digit | letter).all(axis=1) & (word[:, 0] == ord(" ")) & (word[:, -1] == ord(" "))
    rows, begins, numeric = rows[good], begins[good], digit[good].all(axis=1)
    words = to_words(as_text(slices(data, begins, begins + _STATE_WIDTH)))
    good = words.pick(np.array([bool(STATE.fullmatch(value)) for value in words.values], bool), default=False)
    good &= ~numeric | matches(texts.take(pa.array(rows)), BRACKETED)
    return rows[good], pa.array(words.values, pa.large_string()).take(pa.array(words.codes[good]))


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


def _read_access(texts: pa.LargeStringArray) -> Found:
    """Read the lines of failed requests; the others are many, and tell nothing that a timeline needs."""
    rows = np.flatnonzero(_may_be_failed_requests(texts))
    parts = _split_access(texts.take(pa.array(rows)))
    status = to_words(parts["status"])
    table = np.array([schema.SEVERITIES.index(ACCESS_LEVELS[value[0]]) for value in status.values], np.int8)
    levels = np.full(len(texts), _NONE, np.int8)
    levels[rows] = status.pick(table, default=_NONE)
    texts_of = {CLIENT: "client", METHOD: "method", PATH: "path", STATUS: "status"}
    found = {name: _only(parts[part], levels[rows] < _NONE) for name, part in texts_of.items()}
    return Found(
        levels, Words.missing(len(texts)), {name: (rows[some], values) for name, (some, values) in found.items()}
    )


def _split_access(texts: pa.LargeStringArray) -> dict[str, pa.LargeStringArray]:
    """Return client, method, path and status of each line, null where it is no access line."""
    plain = pc.extract_regex(texts, PLAIN_ACCESS)
    request = pc.extract_regex(pc.struct_field(plain, "request"), REQUEST)
    parts = {name: pc.struct_field(plain, name) for name in ("client", "status")}
    parts |= {name: pc.struct_field(request, name) for name in ("method", "path")}
    odd = np.flatnonzero(np.asarray(plain.is_null()))
    if not len(odd):
        return parts
    exact = pc.extract_regex(texts.take(pa.array(odd)), ACCESS)
    places = np.arange(len(texts))
    places[odd] = len(texts) + np.arange(len(odd))
    order = pa.array(places)
    return {name: pa.concat_arrays([part, pc.struct_field(exact, name)]).take(order) for name, part in parts.items()}


def _may_be_failed_requests(texts: pa.LargeStringArray) -> np.ndarray:
    """Tell the few lines that the exact pattern must look at: a status of 400 or more behind a closing quote."""
    starts, ends, data = text_bytes(texts)
    place = np.asarray(pc.find_substring(texts, '" ')).astype(np.int64)
    at = starts + place + 2
    inside = (place > 0) & (at + len(STATUS_LAYOUT) <= ends)
    status = gather(data, np.where(inside, at, 0), len(STATUS_LAYOUT))
    return np.asarray(inside & _fits(status, STATUS_LAYOUT) & (status[:, 0] >= ord("4")))


def _only(texts: pa.LargeStringArray, chosen: np.ndarray) -> Sparse:
    """Return the texts of *chosen* lines that are not empty or missing."""
    good = pc.and_kleene(pa.array(chosen), pc.not_equal(texts, "")).fill_null(False)
    return np.flatnonzero(good.to_numpy(zero_copy_only=False)), texts.filter(good)


def _as_words(column: pd.Categorical) -> Words:
    return Words(column.codes.astype(np.int32), list(column.categories))


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
