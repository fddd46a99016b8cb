"""JSON access logs with free keys."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from timeline_parsers._nginx_format import STAMPS
from timeline_parsers._nginx_text import unescape

OPENING: Final = ord("{")
TIME: Final = "time"

# Variable -> keys that people give it, besides its own name. Compared in lower case with `_` for other signs.
_ALIASES: Final = {
    TIME: "msec time_iso8601 time_local timestamp ts date datetime date_time time_stamp event_time",
    "remote_addr": "client client_ip clientip remote_ip remote ip addr source_ip client_addr client_address",
    "remote_user": "user user_name",
    "request": "request_line req",
    "request_method": "method verb http_method http_request_method",
    "request_uri": "url request_url path request_path url_path",
    "uri": "",
    "args": "query_string query url_query",
    "server_protocol": "protocol http_version http_protocol",
    "status": "status_code response code response_code response_status http_status http_status_code",
    "body_bytes_sent": "bytes size body_size body_bytes response_size http_response_body_size",
    "http_referer": "referer referrer http_referrer",
    "http_user_agent": "user_agent agent useragent ua user_agent_original",
    "http_x_forwarded_for": "x_forwarded_for xff forwarded_for",
    "request_time": "rt duration response_time",
    "upstream_response_time": "urt upstream_time",
    "upstream_addr": "upstream",
    "host": "http_host vhost domain server_address",
    "req_id": "request_id",
}
_VARIABLES: Final = {key: variable for variable, keys in _ALIASES.items() for key in (variable, *keys.split())}
_TIME_ORDER: Final = ("msec", "timestamp", "time", "ts")

_OTHER_SIGN: Final = re.compile(r"[^a-z0-9]+")
# escape=default inside a JSON template: not JSON. The backslash is doubled, and undone after reading.
_HEX: Final = re.compile(rb"(?<!\\)((?:\\\\)*)\\x(?=[0-9A-Fa-f]{2})")
# A time as a number: a float would not keep its digits.
_EXACT: Final = pa.decimal128(38, 9)
_EXACT_NUMBER: Final = re.compile(rb'("[^"\\]*"\s*:\s*)(\d{9,13}\.\d+)(?=\s*[,}])')
# An unquoted variable without value: `"urt": -,`.
_BARE_DASH: Final = re.compile(rb'(":\s*)-(?=\s*[,}])')


def name_variable(key: str) -> str:
    """Return the nginx variable that *key* most likely holds; an unknown key stays what it is."""
    plain = _OTHER_SIGN.sub("_", key.lower()).strip("_")
    return _VARIABLES.get(plain, plain)


def is_access_object(text: str) -> bool:
    """Tell whether *text* is a JSON object with a time, an HTTP status and a request."""
    found = _load(text.encode())
    if found is None:
        return False
    values = {name_variable(key): value for key, value in _flatten(found)}
    status = str(values.get("status", ""))
    has_request = any(values.get(name) is not None for name in ("request", "request_method", "request_uri", "uri"))
    return has_request and TIME in values and re.fullmatch(r"\d{3}", status) is not None


def read_objects(
    data: bytes, keys: Mapping[str, str]
) -> tuple[dict[str, pa.LargeStringArray], list[pa.LargeStringArray], np.ndarray]:
    """Read one JSON object a line.

    Args:
        data: the lines.
        keys: variable of each key, where the user's `log_format` tells.

    Returns:
        Texts of the variables, null where a line has none; the columns that may hold the time, best first; and
        which lines are objects.
    """
    table, good = _read_fast(data, keys), None
    if table is None:
        table, good = _read_slowly(data)
    rows = data.count(b"\n")
    columns: dict[str, pa.LargeStringArray] = {}
    times: list[tuple[int, pa.LargeStringArray]] = []
    for key in table:
        variable = keys.get(key) or name_variable(key)
        if _holds_time(key, keys):
            times.append((_rank_time(variable if key in keys else key), table[key]))
        elif variable in columns:
            columns[variable] = pc.coalesce(columns[variable], table[key])
        else:
            columns[variable] = table[key]
    ordered = [column for _, column in sorted(times, key=lambda pair: pair[0])]
    return columns, ordered, np.ones(rows, bool) if good is None else good


def _rank_time(key: str) -> int:
    plain = _OTHER_SIGN.sub("_", key.lower()).strip("_")
    return _TIME_ORDER.index(plain) if plain in _TIME_ORDER else len(_TIME_ORDER)


def _holds_time(key: str, keys: Mapping[str, str]) -> bool:
    return keys.get(key) in STAMPS or name_variable(key) == TIME


def _read_fast(data: bytes, keys: Mapping[str, str]) -> dict[str, pa.LargeStringArray] | None:
    """Read with Arrow; None if a line is not an object or a key changes its type."""
    first = _load(data[: data.find(b"\n")])
    if first is None:
        return None
    # Without a type, texts that look like times become times and lose their zone; numbers keep their digits as texts.
    schema = pa.schema([(key, pa.large_string()) for key, value in first.items() if isinstance(value, str)])
    for key, value in first.items():
        if type(value) in (int, float) and _holds_time(key, keys):
            schema = schema.append(pa.field(key, _EXACT))
    try:
        table = pyarrow.json.read_json(
            pa.BufferReader(data),
            read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(data) + 1),
            parse_options=pyarrow.json.ParseOptions(explicit_schema=schema),
        )
    except pa.ArrowInvalid:
        return None
    aligned = table.num_rows == data.count(b"\n") and len(set(table.column_names)) == table.num_columns
    if not aligned or not all(map(_is_plain, table.schema.types)):
        return None
    return {name: _without_dashes(name, _as_text(table.column(name))) for name in table.column_names}


def _is_plain(kind: pa.DataType) -> bool:
    tests = (pa.types.is_large_string, pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
    return any(test(kind) for test in tests)


def _as_text(column: pa.ChunkedArray) -> pa.LargeStringArray:
    whole = column.combine_chunks()
    return whole if pa.types.is_large_string(whole.type) else whole.cast(pa.large_string())


def _without_dashes(key: str, column: pa.LargeStringArray) -> pa.LargeStringArray:
    """Make `-` and, but for the request, empty texts null: both stand for "no value"."""
    if name_variable(key) == "request":
        return column
    absent = pc.or_(pc.equal(column, "-"), pc.equal(column, ""))
    if not pc.any(absent).as_py():
        return column
    return pc.if_else(absent, pa.scalar(None, pa.large_string()), column)


def _read_slowly(data: bytes) -> tuple[dict[str, pa.LargeStringArray], np.ndarray]:
    """Read line by line what Arrow refuses: keys of several types, nested objects, half-JSON."""
    objects = [_load(line) for line in _EXACT_NUMBER.sub(rb'\1"\2"', data).split(b"\n")[:-1]]
    rows = [dict(_flatten(found)) if found is not None else {} for found in objects]
    keys = dict.fromkeys(key for row in rows for key in row)
    table = {
        key: _without_dashes(key, pa.array((_text(row.get(key)) for row in rows), pa.large_string(), size=len(rows)))
        for key in keys
    }
    return table, np.array([found is not None for found in objects], bool)


def _load(line: bytes) -> dict[str, Any] | None:
    """Read one object; None if it is none, even after repair."""
    try:
        found = orjson.loads(line)
    except ValueError:
        found = _load_repaired(line)
    return found if isinstance(found, dict) else None


def _load_repaired(line: bytes) -> Any:
    try:
        found = orjson.loads(_BARE_DASH.sub(rb"\1null", _HEX.sub(rb"\1\\\\x", line)))
    except ValueError:
        return None
    if not isinstance(found, dict):
        return None
    return {key: unescape(value) if isinstance(value, str) else value for key, value in found.items()}


def _flatten(found: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in found.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()
