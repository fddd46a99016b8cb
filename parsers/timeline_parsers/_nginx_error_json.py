"""Records of the error log that nginx Plus writes as JSON: `error_log … json`.

Reference: https://nginx.org/en/docs/ngx_core_module.html#error_log
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from timeline import schema
from timeline_parsers._nginx_cut import Lines
from timeline_parsers._nginx_frame import SERVICE_NAME, categories, integers
from timeline_parsers._nginx_kinds import find_kinds
from timeline_parsers._nginx_stamp import read_texts
from timeline_parsers._nginx_text import Requests

OBJECT: Final = (
    r'(?s)^\{"level":\s?"(?P<level>emerg|alert|crit|error|warn|notice|info|debug)",'
    r'\s?"timestamp":\s?"(?P<timestamp>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d))"'
)
_START: Final = b'{"level":'
_TELLING: Final = 4  # few other keys have a v there
_OBJECT: Final = re.compile(OBJECT)
# Where the text form has the number of an error.
_WHILE: Final = re.compile(r'( while [^"]*)?$')

_TEXTS: Final = {
    "login": "nginx.login", "request": "nginx.request", "subrequest": "nginx.subrequest",
    "referrer": "nginx.referrer",
}  # fmt: skip
_CATEGORIES: Final = {"server": "nginx.server", "upstream": "nginx.upstream", "host": "http.request.header.host"}
_NUMBERS: Final = {
    "pid": "process.pid", "tid": "thread.id", "cnum": "nginx.connection", "errno": "nginx.errno",
}  # fmt: skip
_LONGEST_NUMBER: Final = 18


def find_objects(lines: Lines) -> np.ndarray:
    """Return the rows that are such records; few lines of other logs are looked at twice."""
    rows = np.flatnonzero(lines.first_bytes == _START[0])
    rows = rows[lines.byte_at(lines.starts[rows] + _TELLING) == _START[_TELLING]]
    rows = rows[lines.has_literal(lines.starts[rows], _START)]
    fits = pc.match_substring_regex(lines.texts(rows), OBJECT).to_numpy(zero_copy_only=False)
    found: np.ndarray = rows[fits]
    return found[read_texts(_stamps(lines, found)).known] if len(found) else found


def _stamps(lines: Lines, rows: np.ndarray) -> pa.LargeStringArray:
    return pc.extract_regex(lines.texts(rows), OBJECT).field("timestamp")


def read_error_objects(lines: Lines, rows: np.ndarray, levels: Mapping[str, str]) -> pd.DataFrame:
    """Make the event frame of the rows that `find_objects` found; one that is damaged further on shows its line."""
    stamps = read_texts(_stamps(lines, rows))
    found = [_load(line) for line in lines.texts(rows).to_pylist()]
    messages = _column([_message(values) for values in found])
    client = _texts(found, "client")
    request = _texts(found, "request")
    requests = Requests(pc.fill_null(request, ""))
    grades = [schema.SEVERITIES.index(levels[str(values["level"])]) for values in found]
    frame = {
        schema.WALL: integers(stamps.wall, ~stamps.known),
        schema.ZONE: schema.category_column(stamps.zone, stamps.zones),
        schema.SERVICE: schema.full(SERVICE_NAME, "category", pd.RangeIndex(len(rows))),
        schema.SEVERITY: pd.Categorical.from_codes(grades, dtype=schema.SEVERITY_DTYPE),
        schema.ACTOR: schema.string_column(client),
        schema.MESSAGE: schema.string_column(messages),
        schema.KIND: find_kinds(messages),
        schema.LINE: integers(lines.numbers[rows], np.zeros(len(rows), bool)),
        "client.address": schema.string_column(client),
        **{name: schema.string_column(_texts(found, key)) for key, name in _TEXTS.items()},
        **{name: categories(_texts(found, key)) for key, name in _CATEGORIES.items()},
        "http.request.method": requests.method,
        "url.path": schema.string_column(requests.path),
        "url.query": schema.string_column(requests.query),
        **{name: _numbers(found, key) for key, name in _NUMBERS.items()},
    }
    return pd.DataFrame(frame, index=pd.RangeIndex(len(rows)), copy=False)


def _load(line: str) -> dict[str, Any]:
    try:
        found = orjson.loads(line)
    except ValueError:
        found = None
    if isinstance(found, dict):
        return found
    head = _OBJECT.match(line)
    return {"level": head["level"] if head else "info", "msg": line}


def _message(values: Mapping[str, Any]) -> str:
    """Write the message as the text form does: `connect() failed (111: Connection refused) while …`."""
    text = str(values.get("msg", ""))
    number, error = values.get("errno"), values.get("errtext")
    if number is None or not error or f"({number}: " in text:
        return text
    return _WHILE.sub(lambda found: f" ({number}: {error}){found[1] or ''}", text, count=1)


def _texts(found: Sequence[Mapping[str, Any]], key: str) -> pa.LargeStringArray:
    return _column([None if values.get(key) in (None, "") else str(values[key]) for values in found])


def _column(texts: Sequence[str | None]) -> pa.LargeStringArray:
    return pa.array(texts, pa.large_string())


def _numbers(found: Sequence[Mapping[str, Any]], key: str) -> pd.api.extensions.ExtensionArray:
    digits = [str(values.get(key, "")) for values in found]
    numbers = [int(text) if text.isdecimal() and len(text) <= _LONGEST_NUMBER else None for text in digits]
    return schema.integer_column(pa.array(numbers, pa.int64()))
