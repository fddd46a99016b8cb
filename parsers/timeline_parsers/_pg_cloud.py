"""PostgreSQL in the JSON lines of clouds: Cloud Logging of Cloud SQL, Azure's diagnostics, CloudNativePG, Docker.

References: https://cloud.google.com/logging/docs/reference/v2/rest/v2/LogEntry,
https://learn.microsoft.com/en-us/azure/postgresql/flexible-server/concepts-logging,
https://cloudnative-pg.io/documentation/current/logging/
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa

from timeline.textlog import Block
from timeline_parsers._pg_frame import STAMP_WIDTH
from timeline_parsers._pg_match import extract
from timeline_parsers._pg_syslog import join_texts, read_headers
from timeline_parsers._pg_wrapped import Pieces

# CloudNativePG's names, which are those of the columns of a csvlog, to the keys of a jsonlog.
CSV_KEYS: Final[Mapping[str, str]] = {
    "log_time": "timestamp", "user_name": "user", "database_name": "dbname", "session_id": "session_id",
    "command_tag": "ps", "error_severity": "error_severity", "sql_state_code": "state_code", "message": "message",
    "detail": "detail", "hint": "hint", "internal_query": "internal_query", "context": "context",
    "query": "statement", "application_name": "application_name", "backend_type": "backend_type",
}  # fmt: skip
CSV_NUMBERS: Final[Mapping[str, str]] = {
    "process_id": "pid", "session_line_num": "line_num", "query_id": "query_id", "query_pos": "cursor_position",
    "internal_query_pos": "internal_position",
}  # fmt: skip

_NUMBER: Final = re.compile(r"-?\d{1,18}|-?[1-8]\d{18}", re.ASCII)
_PORT: Final = re.compile(r":\d+$")
_LOCATION: Final = re.compile(r"(?:(?P<function>\w+), )?(?P<file>[^:]+):(?P<line>\d{1,9})")
_BARE_LINE: Final = re.compile(r"\n(?!\t)")
_STAMP: Final = (
    r"^(?P<stamp>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d{1,9}))? ?"
    r"(?P<zone>Z|UTC|[+-]\d\d(?::?\d\d)?)?"
)
_STREAMS: Final = {"stdout": 0, "stderr": 1}
_PARTS: Final = ("detail", "hint", "context", "statement")


@dataclass(frozen=True)
class Entry:
    """One entry of a cloud's log.

    Attributes:
        text: what the server wrote, as on stderr.
        stamp: when the cloud says that was.
        host: the instance.
        pid: the process, if an attribute of the entry says so.
        stream: "stdout" or "stderr" of a container.
        partial: whether the text goes on in the next entry of the stream.
    """

    text: str
    stamp: str = ""
    host: str | None = None
    pid: int | None = None
    stream: str = ""
    partial: bool = False


def load_object(line: bytes) -> dict[str, Any] | None:
    """Read one line of JSON, None if it is no object; bytes that are not UTF-8 do occur."""
    text = line.lstrip(b"\0")
    if not text.startswith(b"{"):
        return None
    try:
        found = orjson.loads(text.decode("utf-8", "replace"))
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def load_record(line: bytes) -> dict[str, Any] | None:
    """Return CloudNativePG's `{"record": {…}}` with the keys and types of a jsonlog, None if it is none."""
    found = load_object(line) or {}
    record = found.get("record")
    if not isinstance(record, dict) or not all(isinstance(record.get(key), str) for key in ("log_time", "message")):
        return None
    row: dict[str, Any] = {CSV_KEYS[key]: str(record[key]) for key in CSV_KEYS if record.get(key)}
    if "error_severity" not in row:
        return None
    row |= {CSV_NUMBERS[key]: int(record[key]) for key in CSV_NUMBERS if _NUMBER.fullmatch(str(record.get(key, "")))}
    row["remote_host"] = _PORT.sub("", str(record.get("connection_from", "")))
    row["logging_pod"] = str(found.get("logging_pod") or "")
    place = _LOCATION.fullmatch(str(record.get("location", "")))
    if place:
        row |= {"func_name": place["function"], "file_name": place["file"], "file_line_num": int(place["line"])}
    return {key: value for key, value in row.items() if value not in ("", None)}


def load_entry(line: bytes) -> Entry | None:
    """Return the text that an entry carries, None if it carries none."""
    found = load_object(line)
    if found is None:
        return None
    payload = found.get("jsonPayload")
    text = found.get("textPayload") or (payload.get("message") if isinstance(payload, dict) else None)
    if isinstance(text, str):
        return Entry(_one_record(text), _text(found.get("timestamp")), _instance(found))
    if isinstance(found.get("log"), str) and "stream" in found:
        log = found["log"]
        stream = _text(found["stream"])
        return Entry(_one_record(log), _text(found.get("time")), stream=stream, partial=not log.endswith("\n"))
    return _diagnostic(found)


def find_entries(head: bytes) -> list[Entry]:
    """Return the entries of the first lines of a source."""
    lines = head.split(b"\n")
    return [entry for line in lines[: max(len(lines) - 1, 1)] if line.strip() and (entry := load_entry(line))]


def is_newest_first(entries: list[Entry]) -> bool:
    """Tell whether later entries stand above earlier ones, as clouds list them."""
    stamps = [entry.stamp for entry in entries if entry.stamp]
    return bool(stamps) and stamps[0] > stamps[-1]


def are_divided(entries: list[Entry]) -> bool:
    """Tell whether a container's text without line end is a piece of one; what passed a log on may take all ends."""
    return any(entry.stream and not entry.partial for entry in entries)


def read_entries(block: Block, *, divided: bool = False) -> Pieces:
    """Take the entries of *block* apart; lines that are none are left out.

    Args:
        block: lines of a source.
        divided: see `are_divided`.
    """
    found = list(_entries(block))
    every = np.array([line for line, _ in found], np.int64)
    texts, heads, begins = _join_entries([entry for _, entry in found], divided=divided)
    tails = np.flatnonzero(begins != np.arange(len(begins)))
    entries = [found[head][1] for head in heads.tolist()]
    lines = every[heads]
    stamps = extract(pa.array([entry.stamp for entry in entries], pa.large_string()), _STAMP)
    part = {name: stamps.column(name).combine_chunks() for name in stamps.column_names}
    part["host"] = pa.array([entry.host for entry in entries], pa.large_string())
    part["pid"] = pa.array([str(entry.pid or "") for entry in entries], pa.large_string())
    process = np.array([entry.pid or -1 for entry in entries], np.int64)
    joined = np.stack((every[tails], every[begins[tails]]))
    stream = np.array([_STREAMS.get(entry.stream, -1) for entry in entries], np.int64)
    return Pieces(lines, texts, process, stream, np.zeros(len(lines), np.int64), read_headers(lines, part), joined)


def _join_entries(entries: list[Entry], *, divided: bool) -> tuple[pa.Array, np.ndarray, np.ndarray]:
    return join_texts(
        pa.array([entry.text for entry in entries], pa.large_string()),
        pa.array([entry.stream == "stderr" for entry in entries], pa.bool_()),
        pa.array([entry.partial and divided for entry in entries], pa.bool_()),
    )


def _entries(block: Block) -> Iterator[tuple[int, Entry]]:
    for line in np.flatnonzero(~block.blank).tolist():
        entry = load_entry(block.data[block.starts[line] : block.ends[line]])
        if entry is not None:
            yield line, entry


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _one_record(text: str) -> str:
    """Indent the further lines of a text, as stderr has them."""
    return _BARE_LINE.sub("\n\t", text.replace("\r\n", "\n").rstrip("\n").removesuffix("\r"))


def _instance(found: Mapping[str, Any]) -> str | None:
    """Return the instance of Cloud SQL, or the pod."""
    resource = found.get("resource")
    labels = resource.get("labels") if isinstance(resource, dict) else None
    if not isinstance(labels, dict):
        return None
    name = labels.get("database_id") or labels.get("pod_name")
    return str(name).rpartition(":")[2] if name else None


def _diagnostic(found: Mapping[str, Any]) -> Entry | None:
    """Read an entry of Azure: level, state and parts as attributes, or all in the message as on stderr."""
    inner = found.get("properties")
    fields = {**found, **(inner if isinstance(inner, dict) else {})}
    named = {key.lower().removesuffix("_s"): value for key, value in fields.items()}
    level, message = named.get("errorlevel"), named.get("message")
    if not isinstance(level, str) or not isinstance(message, str):
        return None
    stamp = next((_text(named.get(key)) for key in ("timestamp", "time", "timegenerated") if named.get(key)), "")
    pid = named.get("processid")
    host = named.get("logicalservername") or named.get("resource")
    text = message.rstrip("\n")
    if not re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", text[:STAMP_WIDTH]):
        state = _text(named.get("sqlerrcode"))
        text = f"{level}:  {state + ': ' if state else ''}{_one_record(text)}"
    else:
        text = _one_record(text)
    more = [f"{key.upper()}:  {_one_record(named[key])}" for key in _PARTS if _text(named.get(key))]
    number = int(pid) if isinstance(pid, int) or (isinstance(pid, str) and _NUMBER.fullmatch(pid)) else None
    return Entry("\n".join([text, *more]), stamp, _text(host) or None, number)
