"""Records of the nginx error log, from the lines of a block to the event frame.

Reference: `ngx_log_error_core` in src/core/ngx_log.c.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from timeline import schema
from timeline.stamps import cells, decode, gather
from timeline_parsers._nginx_cut import Lines, Mask, cut_by_pattern, slice_text
from timeline_parsers._nginx_error_json import OBJECT, find_objects, read_error_objects
from timeline_parsers._nginx_frame import SERVICE_NAME, cast_numbers, categories, integers, nulls
from timeline_parsers._nginx_kinds import find_kinds
from timeline_parsers._nginx_text import Requests

LEVELS: Final = {
    "emerg": "emerg", "alert": "alert", "crit": "crit", "error": "err", "warn": "warning",
    "notice": "notice", "info": "info", "debug": "debug",
}  # fmt: skip
_LEVEL: Final = "|".join(LEVELS)

_STAMP: Final = "YYYY/MM/DD hh:mm:ss"
HEAD: Final = (
    r"(?s)^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d "
    rf"\[(?P<level>{_LEVEL})\] (?P<pid>\d+)#(?P<tid>\d+): (?:\*(?P<connection>\d+) )?(?P<text>.*)$"
)
# Start-up problems go to stderr without time and pid: `ngx_log_stderr`.
BARE: Final = (
    rf"(?s)^nginx: (?:\[(?P<level>{_LEVEL})\] (?P<text>.*)"
    r"|(?P<plain>(?:the )?configuration file .*(?:syntax is ok|test is successful|test failed)"
    r'|invalid (?:option|signal): ?".*|option ".*" requires .*))$'
)

_CLIENT: Final = r"(?:unix:[^,\s]*|[0-9A-Fa-f.:]*[.:][0-9A-Fa-f.:]*|\[[0-9A-Fa-f:.]+\](?::\d+)?)"
# A request may hold a forged `", client: …`: the first client that is an address is nginx's own.
_SPLIT: Final = (
    rf"(?s)^(?P<message>.*?)(?:, (?:udp )?client: (?P<client>{_CLIENT})(?P<context>(?:,| using starttls).*)?)?$"
)
# `open()` names the decoded path, which may hold a forged client as well, but hardly the end of its own sentence.
_SPLIT_FILE: Final = (
    r'(?s)^(?P<message>\w+\(\) ".*" failed \(\d+: [^()]*\)(?: while [^",]*)?)'
    rf", (?:udp )?client: (?P<client>{_CLIENT})(?P<context>,.*)?$"
)
_MARK: Final = ", client: "
_UDP_MARK: Final = ", udp client: "
_REST: Final = rf"(?s)^(?P<client>{_CLIENT})(?P<context>(?:,| using starttls).*)?$"
_CALL: Final = r'^\w+\(\) "'
# nginx escapes nothing here. A value ends where the rest of the line fits, so that quotes and keys inside it do no
# harm, and the last `, host: "` wins.
_CONTEXT: Final = (
    r"(?s)^(?: using starttls)?"
    r"(?:, server: (?P<server>[^,]*))?"
    r'(?:, login: "(?P<login>.*?)")?'
    r'(?:, request: "(?P<request>.*?)")?'
    r'(?:, subrequest: "(?P<subrequest>.*?)")?'
    r'(?:, upstream: (?:"(?P<upstream>.*?)"|(?P<bare_upstream>[^", ]+)))?'
    r"(?:, bytes from/to client:(?P<client_bytes>\d+/\d+))?"
    r"(?:, bytes from/to upstream:(?P<upstream_bytes>\d+/\d+))?"
    r'(?:, host: "(?P<host>[^"]*)")?'
    r'(?:, referrer: "(?P<referrer>[^"]*)")?\s*$'
)
# nginx cuts a record at 2048 bytes: the last value may lack its quote, keys may be missing.
_CUT_CONTEXT: Final = (
    r"(?s)^(?: using starttls)?"
    r"(?:, server: (?P<server>[^,]*))?"
    r'(?:, login: "(?P<login>[^"]*)"?)?'
    r'(?:, request: "(?P<request>[^"]*)"?)?'
    r'(?:, subrequest: "(?P<subrequest>[^"]*)"?)?'
    r'(?:, upstream: (?:"(?P<upstream>[^"]*)"?|(?P<bare_upstream>[^", ]+)))?'
    r"(?P<client_bytes>)(?P<upstream_bytes>)"
    r'(?:, host: "(?P<host>[^"]*)"?)?'
    r'(?:, referrer: "(?P<referrer>[^"]*)"?)?'
)
_CUT_LENGTH: Final = 1960  # 2048 less the longest head
_ERRNO: Final = r'(?s) \((?P<errno>\d+): [^()]*(?:\([^()]*\)[^()]*)*\)(?: while [^"]*)?(?:, [a-z]+: \S+)?$'

_ATTRIBUTES: Final = {
    "server": "nginx.server", "login": "nginx.login", "request": "nginx.request",
    "subrequest": "nginx.subrequest", "upstream": "nginx.upstream", "host": "http.request.header.host",
    "referrer": "nginx.referrer", "client_bytes": "nginx.client_bytes", "upstream_bytes": "nginx.upstream_bytes",
}  # fmt: skip
_CATEGORIES: Final = frozenset({"server", "upstream", "host"})


def looks_like_start(texts: pa.LargeStringArray) -> Mask:
    """Tell which texts start a record of the error log."""
    stamped = pc.match_substring_regex(texts, HEAD).to_numpy(zero_copy_only=False)
    _, real = decode(cells(texts, len(_STAMP)), _STAMP)
    bare: Mask = pc.match_substring_regex(texts, BARE).to_numpy(zero_copy_only=False)
    objects: Mask = pc.match_substring_regex(texts, OBJECT).to_numpy(zero_copy_only=False)
    return stamped & real | bare | objects


class Heads:
    """The lines of a block that start a record, and what their heads say.

    Attributes:
        starts: which lines start one.
        objects: which lines are whole records, in JSON.
        found: either.
    """

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self.starts = np.zeros(len(lines), bool)
        self._stamped, self._spans = cut_by_pattern(lines, _find_stamps(lines), HEAD)
        self._bare, self._bare_spans = cut_by_pattern(lines, _find_bare(lines), BARE)
        self.starts[self._stamped] = self.starts[self._bare] = True
        self.objects = np.zeros(len(lines), bool)
        self.objects[find_objects(lines)] = True
        self.found = self.starts | self.objects

    def frame(self, last: np.ndarray) -> pd.DataFrame:
        """Make the event frame of the records, in the order of the file.

        Args:
            last: the last row of each record that `starts` tells.
        """
        if not self.objects.any():
            return self._read_lines(last)
        parts = [read_error_objects(self._lines, np.flatnonzero(self.objects), LEVELS)]
        if self.starts.any():
            parts.append(self._read_lines(last))
        frame = schema.concat(parts)
        return frame.take(np.argsort(frame[schema.LINE].to_numpy(np.int64))).reset_index(drop=True)

    def _read_lines(self, last: np.ndarray) -> pd.DataFrame:
        rows = np.flatnonzero(self.starts)
        wall, known = self._read_walls(rows)
        begin = self._merge("text", rows)
        begin = np.where(begin < 0, self._merge("plain", rows), begin)
        texts = self._lines.slices(begin, self._lines.ends[last])
        index = pd.RangeIndex(len(rows))
        frame = {
            schema.WALL: integers(wall, ~known),
            schema.ZONE: schema.missing("category", index).array,
            schema.SERVICE: schema.full(SERVICE_NAME, "category", index),
            schema.SEVERITY: _grade(self._text("level", rows)),
            **_read_texts(texts),
            schema.LINE: integers(self._lines.numbers[rows], np.zeros(len(rows), bool)),
            "process.pid": self._integer("pid", rows),
            "thread.id": self._integer("tid", rows),
            "nginx.connection": self._integer("connection", rows),
        }
        return pd.DataFrame(frame, index=index, copy=False)

    def _read_walls(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        matrix = gather(self._lines.flat, self._lines.starts[rows], len(_STAMP))
        wall, known = decode(matrix, _STAMP)
        known &= np.isin(rows, self._stamped)
        return np.where(known, wall, 0), known

    def _merge(self, name: str, rows: np.ndarray, side: int = 0) -> np.ndarray:
        """Return begins (or ends) of a group for *rows*; -1 where there is none."""
        places = np.full(len(self._lines), -1)
        for found, spans in ((self._stamped, self._spans), (self._bare, self._bare_spans)):
            if name in spans:
                places[found] = spans[name][side]
        return places[rows]

    def _text(self, name: str, rows: np.ndarray) -> pa.LargeStringArray:
        begin, end = self._merge(name, rows), self._merge(name, rows, side=1)
        missing = begin < 0
        start = self._lines.starts[rows]
        return self._lines.slices(np.where(missing, start, begin), np.where(missing, start, end), missing)

    def _integer(self, name: str, rows: np.ndarray) -> pd.api.extensions.ExtensionArray:
        return to_integers(self._text(name, rows))


def _find_stamps(lines: Lines) -> np.ndarray:
    """Return rows that begin with a real date, quickly: in an access log there are hardly any."""
    rows = np.flatnonzero(lines.byte_at(lines.starts + 4) == ord("/"))
    rows = rows[lines.byte_at(lines.starts[rows] + len(_STAMP) + 1) == ord("[")]
    _, real = decode(gather(lines.flat, lines.starts[rows], len(_STAMP)), _STAMP)
    return rows[real]


def _find_bare(lines: Lines) -> np.ndarray:
    rows = np.flatnonzero(lines.first_bytes == ord("n"))
    return rows[lines.byte_at(lines.starts[rows] + 5) == ord(":")]


def _grade(levels: pa.LargeStringArray) -> pd.Categorical:
    encoded = levels.dictionary_encode()
    names = [schema.SEVERITIES.index(LEVELS[level]) for level in encoded.dictionary.to_pylist()]
    codes = np.array([*names, -1], np.int8)[encoded.indices.fill_null(-1).to_numpy()]
    return pd.Categorical.from_codes(codes, dtype=schema.SEVERITY_DTYPE)


def _read_texts(texts: pa.LargeStringArray) -> dict[str, object]:
    """Split what stands behind the head into message and context."""
    messages, client, contexts = _split(texts)
    context = _read_context(contexts)
    requests = Requests(pc.fill_null(context["request"], ""))
    encoded = messages.dictionary_encode()
    errno = pc.extract_regex(encoded.dictionary, _ERRNO).field("errno").take(encoded.indices)
    attributes = {
        name: categories(context[key]) if key in _CATEGORIES else schema.string_column(context[key])
        for key, name in _ATTRIBUTES.items()
    }
    return {
        schema.ACTOR: schema.string_column(client),
        schema.MESSAGE: schema.string_column(messages),
        schema.KIND: find_kinds(messages),
        "client.address": schema.string_column(client),
        **attributes,
        "http.request.method": requests.method,
        "url.path": schema.string_column(requests.path),
        "url.query": schema.string_column(requests.query),
        "nginx.errno": to_integers(errno),
    }


def _split(texts: pa.LargeStringArray) -> list[pa.LargeStringArray]:
    """Return message, client and context; what of them is missing is null."""
    names = ("message", "client", "context")
    columns, doubtful = _split_at_client(texts)
    if pc.any(doubtful).as_py():
        found = pc.extract_regex(texts.filter(doubtful), _SPLIT)
        columns = [_overlay(column, doubtful, found, name) for column, name in zip(columns, names, strict=True)]
    calls = pc.match_substring_regex(texts, _CALL)
    if pc.any(calls).as_py():
        files = pc.extract_regex(texts.filter(calls), _SPLIT_FILE)
        columns = [_overlay(column, calls, files, name) for column, name in zip(columns, names, strict=True)]
    messages, clients, contexts = columns
    clients, contexts = _null_if_empty(clients), _null_if_empty(contexts)
    # An address at which nginx cut the record may lack its end.
    cut = pc.and_(pc.greater(pc.binary_length(texts), _CUT_LENGTH), pc.is_null(contexts))
    return [messages, pc.if_else(cut, pa.scalar(None, pa.large_string()), clients), contexts]


def _read_context(contexts: pa.LargeStringArray) -> dict[str, pa.LargeStringArray]:
    whole = pc.extract_regex(contexts, _CONTEXT)
    values: dict[str, pa.LargeStringArray] = {field.name: whole.field(field.name) for field in whole.type}
    cut = pc.and_(contexts.is_valid(), pc.invert(whole.is_valid()))
    if pc.any(cut).as_py():
        broken = pc.extract_regex(contexts.filter(cut), _CUT_CONTEXT)
        values = {name: _overlay(column, cut, broken, name) for name, column in values.items()}
    values["upstream"] = pc.coalesce(_null_if_empty(values["upstream"]), values.pop("bare_upstream"))
    return {name: _null_if_empty(column) for name, column in values.items()}


def _split_at_client(texts: pa.LargeStringArray) -> tuple[list[pa.LargeStringArray], pa.BooleanArray]:
    """Split at the first `, client: `, which is three times faster than a pattern; tell where that may be wrong."""
    places = pc.find_substring(texts, _MARK).to_numpy()
    offsets = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset : texts.offset + len(texts) + 1]
    begins, ends, buffer = offsets[:-1], offsets[1:], texts.buffers()[2] or pa.py_buffer(b"")
    there = places >= 0
    marks = np.where(there, begins + places, ends)
    rest = slice_text(buffer, np.where(there, marks + len(_MARK), ends), ends, ~there)
    found = pc.extract_regex(rest, _REST)
    doubtful = pc.or_(pc.and_(rest.is_valid(), pc.invert(found.is_valid())), pc.match_substring(texts, _UDP_MARK))
    return [slice_text(buffer, begins, marks), found.field("client"), found.field("context")], doubtful


def _overlay(
    column: pa.LargeStringArray, rows: pa.BooleanArray, found: pa.StructArray, name: str
) -> pa.LargeStringArray:
    """Put a group of *found*, which was sought in *rows* only, in the place of what stands there; unless it is null."""
    better = pc.if_else(found.is_valid(), found.field(name), column.filter(rows))
    return pc.replace_with_mask(column, rows, better)


def _null_if_empty(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    return pc.if_else(pc.equal(pc.fill_null(texts, ""), ""), nulls(1)[0], texts)


def to_integers(texts: pa.LargeStringArray) -> pd.api.extensions.ExtensionArray:
    """Read digits as a nullable integer column."""
    return schema.integer_column(cast_numbers(texts, pa.int64(), r"^\d{1,18}$"))
