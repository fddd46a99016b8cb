"""From the variables of an access log to the event frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from timeline import schema
from timeline.stamps import DAY, cells, number
from timeline_parsers._nginx_stamp import Stamps, to_utc
from timeline_parsers._nginx_text import NO_PROTOCOL, Requests

Columns = Mapping[str, pa.LargeStringArray]

TEXT, CATEGORY, INTEGER, DECIMAL = "text", "category", "integer", "decimal"

# Names by https://opentelemetry.io/docs/specs/semconv/ where there is one.
_ATTRIBUTES: Final = {
    "remote_user": ("user.name", CATEGORY),
    "body_bytes_sent": ("http.response.body.size", INTEGER),
    "bytes_sent": ("http.response.size", INTEGER),
    "request_length": ("http.request.size", INTEGER),
    "http_user_agent": ("user_agent.original", CATEGORY),
    "http_referer": ("http.request.header.referer", CATEGORY),
    "http_x_forwarded_for": ("http.request.header.x-forwarded-for", TEXT),
    "host": ("server.address", CATEGORY),
    "server_port": ("server.port", INTEGER),
    "server_name": ("nginx.server_name", CATEGORY),
    "remote_port": ("client.port", INTEGER),
    "scheme": ("url.scheme", CATEGORY),
    "request_time": ("nginx.request_time", DECIMAL),
    "upstream_addr": ("nginx.upstream_addr", CATEGORY),
    "upstream_status": ("nginx.upstream_status", CATEGORY),
    "upstream_cache_status": ("nginx.upstream_cache_status", CATEGORY),
    "proxy_upstream_name": ("nginx.proxy_upstream_name", CATEGORY),
    "proxy_alternative_upstream_name": ("nginx.proxy_alternative_upstream_name", CATEGORY),
    "ssl_protocol": ("tls.protocol.version", CATEGORY),
    "ssl_cipher": ("tls.cipher", CATEGORY),
    "req_id": ("nginx.request_id", TEXT),
    "protocol": ("network.transport", CATEGORY),
    "bytes_received": ("nginx.bytes_received", INTEGER),
    "session_time": ("nginx.session_time", DECIMAL),
    "pipe": ("nginx.pipe", CATEGORY),
}
_HEADERS: Final = {"http_": "http.request.header.", "sent_http_": "http.response.header."}

WHOLE_LINE: Final = "line"
REQUEST_PARTS: Final = ("request", "request_method", "request_uri", "uri")

# These become other columns, or parts of them.
_USED: Final = frozenset({
    "remote_addr", "request", "request_method", "request_uri", "uri", "args", "is_args", "query_string",
    "server_protocol", "status", "line",
})  # fmt: skip

_SECONDS: Final = pa.decimal128(18, 6)
_LONGEST_REQUEST: Final = 366 * DAY

_ERR, _NOTICE, _INFO = (schema.SEVERITIES.index(name) for name in ("err", "notice", "info"))
SERVICE_NAME: Final = "nginx"


def make_frame(columns: Columns, stamps: Stamps, numbers: np.ndarray) -> pd.DataFrame:
    """Make the event frame of access records.

    Args:
        columns: texts of the variables, null where a row has none.
        stamps: times of the rows.
        numbers: line numbers.
    """
    index = pd.RangeIndex(len(numbers))
    lines, to_split = _request_lines(columns, len(numbers))
    requests = Requests(to_split)
    status, has_status = _read_status(columns, len(numbers))
    client = _client(columns, len(numbers))
    frame: dict[str, object] = {
        schema.WALL: integers(stamps.wall, ~stamps.known),
        schema.ZONE: schema.category_column(stamps.zone, stamps.zones),
        schema.SERVICE: schema.full(SERVICE_NAME, "category", index),
        schema.SEVERITY: _grade(status, has_status),
        schema.ACTOR: schema.string_column(_actor(columns, client)),
        schema.MESSAGE: schema.string_column(_describe(columns, lines)),
        schema.LINE: integers(numbers, np.zeros(len(numbers), bool)),
        "http.request.method": requests.method,
        "url.path": schema.string_column(requests.path),
        "url.query": schema.string_column(requests.query),
        "http.response.status_code": integers(status, ~has_status),
        "network.protocol.version": requests.version,
        "client.address": schema.string_column(client),
    }
    if "request_time" in columns:
        frame["nginx.request_start"] = _find_begins(stamps, columns["request_time"])
    return pd.DataFrame({**frame, **_other_attributes(columns)}, index=index, copy=False)


def _find_begins(stamps: Stamps, durations: pa.LargeStringArray) -> pd.DatetimeIndex:
    """Return when requests began: nginx writes its line when they end. Digits, never a float."""
    ended, known = to_utc(stamps)
    try:
        exact = durations.cast(_SECONDS)
    except pa.ArrowInvalid:
        good = pc.fill_null(pc.match_substring_regex(durations, r"^\d{1,8}(?:\.\d{1,6})?$"), False)
        exact = pc.if_else(good, durations, nulls(1)[0]).cast(_SECONDS)
    # The lower half of each 128 bits.
    micros = np.frombuffer(exact.buffers()[1], np.int64)[::2][exact.offset : exact.offset + len(exact)]
    known = known & exact.is_valid().to_numpy(zero_copy_only=False) & (micros >= 0) & (micros < _LONGEST_REQUEST)
    begins = np.where(known, ended - micros, np.iinfo(np.int64).min)
    return pd.DatetimeIndex(begins.view("datetime64[us]"), tz="UTC")


def integers(values: np.ndarray, missing: np.ndarray) -> pd.arrays.IntegerArray:
    """Make a nullable integer column of numpy arrays without copying."""
    return pd.arrays.IntegerArray(values.astype(np.int64, copy=False), missing)


def nulls(rows: int) -> pa.LargeStringArray:
    """Return texts that are all missing."""
    return pa.nulls(rows, pa.large_string())


def _request_lines(columns: Columns, rows: int) -> tuple[pa.LargeStringArray, pa.LargeStringArray]:
    """Return `$request`, put together from its parts where a format has these instead, to show and to split."""
    whole = columns.get("request")
    if not any(name in columns for name in REQUEST_PARTS[1:]):
        whole = whole if whole is not None else nulls(rows)
        return whole, whole
    target = _coalesce([columns.get("request_uri"), _with_query(columns)], rows)
    words = [columns.get("request_method", nulls(rows)), target]
    protocol = columns.get("server_protocol", nulls(rows))
    to_split = [*words, pc.fill_null(protocol, NO_PROTOCOL)]
    return _coalesce([whole, _join_words([*words, protocol])], rows), _coalesce([whole, _join_words(to_split)], rows)


def _join_words(parts: list[pa.LargeStringArray]) -> pa.LargeStringArray:
    """Join the words of each row that are there; null where none is.

    Arrow drops the rows in which every part is null, so that none may be.
    """
    some = pc.is_valid(_coalesce([*parts], 0))
    blank = pa.scalar(" ", pa.large_string())
    first = pc.if_else(some, parts[0], pa.scalar("", pa.large_string()))
    joined = pc.binary_join_element_wise(first, *parts[1:], blank, null_handling="skip")
    return joined if pc.all(some).as_py() else pc.if_else(some, joined, pa.scalar(None, pa.large_string()))


def _with_query(columns: Columns) -> pa.LargeStringArray | None:
    uri, query = columns.get("uri"), columns.get("args", columns.get("query_string"))
    if uri is None or query is None:
        return uri
    asked = pc.binary_join_element_wise(uri, query, pa.scalar("?", pa.large_string()))
    return pc.coalesce(pc.if_else(pc.equal(query, ""), uri, asked), uri)


def _coalesce(choices: list[pa.LargeStringArray | None], rows: int) -> pa.LargeStringArray:
    given = [choice for choice in choices if choice is not None]
    if not given:
        return nulls(rows)
    return pc.coalesce(*given) if len(given) > 1 else given[0]


def _read_status(columns: Columns, rows: int) -> tuple[np.ndarray, np.ndarray]:
    if "status" not in columns:
        return np.zeros(rows, np.int64), np.zeros(rows, bool)
    status, good = number(cells(columns["status"], 3))
    return np.where(good, status, 0), good


def _grade(status: np.ndarray, known: np.ndarray) -> pd.Categorical:
    """Grade by status: 5xx err, 4xx notice, else info; a line without status has no severity."""
    codes = np.where(status >= 500, _ERR, np.where(status >= 400, _NOTICE, _INFO))  # noqa: PLR2004
    codes = np.where(known, codes, -1).astype(np.int8)
    return pd.Categorical.from_codes(codes, dtype=schema.SEVERITY_DTYPE)


def _client(columns: Columns, rows: int) -> pa.LargeStringArray:
    """Return the peer's address, or the first of a forwarded list that stands in its place."""
    if "remote_addr" in columns:
        return columns["remote_addr"]
    if "http_x_forwarded_for" not in columns:
        return nulls(rows)
    return pc.extract_regex(columns["http_x_forwarded_for"], r"^\s*(?P<first>[^,\s]+)").field("first")


def _actor(columns: Columns, client: pa.LargeStringArray) -> pa.LargeStringArray:
    user = columns.get("remote_user")
    if user is None or user.null_count == len(user):
        return client
    return pc.coalesce(user, client)


def _describe(columns: Columns, lines: pa.LargeStringArray) -> pa.LargeStringArray:
    """Return request and status; the whole line where a format has no request."""
    whole = columns.get(WHOLE_LINE)
    if whole is not None and not whole.null_count:
        return whole
    empty = pc.fill_null(pc.equal(pc.binary_length(lines), 0), False)
    if pc.any(empty).as_py():
        lines = pc.replace_with_mask(lines, empty, pa.scalar('""', pa.large_string()))
    words = _join_words([lines, columns["status"]]) if "status" in columns else lines
    words = words if whole is None else pc.coalesce(whole, words)
    return pc.fill_null(words, "") if words.null_count else words


def _other_attributes(columns: Columns) -> dict[str, object]:
    found: dict[str, object] = {}
    for variable, values in columns.items():
        if variable in _USED:
            continue
        name, kind = _ATTRIBUTES.get(variable) or _name_attribute(variable)
        found[name] = _MAKERS[kind](values)
    return found


def _name_attribute(variable: str) -> tuple[str, str]:
    for prefix, attribute in _HEADERS.items():
        if variable.startswith(prefix):
            return attribute + variable.removeprefix(prefix).replace("_", "-"), TEXT
    return f"nginx.{variable}", TEXT


def categories(values: pa.LargeStringArray) -> pd.Categorical:
    """Make a category column of texts."""
    encoded = values.dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy()
    names = pd.Index(schema.string_column(encoded.dictionary))
    return pd.Categorical.from_codes(codes, categories=names)


def _whole_numbers(values: pa.LargeStringArray) -> pd.api.extensions.ExtensionArray:
    return schema.integer_column(cast_numbers(values, pa.int64(), r"^\d{1,18}$"))


def _decimals(values: pa.LargeStringArray) -> np.ndarray:
    return cast_numbers(values, pa.float64(), r"^\d+(?:\.\d*)?$").to_numpy(zero_copy_only=False)


def cast_numbers(values: pa.LargeStringArray, kind: pa.DataType, pattern: str) -> pa.Array:
    """Read numbers; a text that is none becomes null."""
    try:
        return values.cast(kind)
    except pa.ArrowInvalid:
        good = pc.fill_null(pc.match_substring_regex(values, pattern), False)
        return pc.if_else(good, values, pa.scalar(None, pa.large_string())).cast(kind)


_MAKERS: Final = {TEXT: schema.string_column, CATEGORY: categories, INTEGER: _whole_numbers, DECIMAL: _decimals}
