"""Event frames for the tests of dedupe: logs and journals around noon, in few words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from timeline import schema

NOON = pd.Timestamp("2026-06-15T12:00:00Z")
TIMED_OUT = "upstream timed out (110: Connection timed out) while reading response header from upstream"
IN_JOURNAL = f"2026/06/15 14:00:00 [error] 12#12: *5 {TIMED_OUT}, client: 203.0.113.9, server: shop.example.com"


def at(seconds: float) -> pd.Timestamp:
    return NOON + pd.Timedelta(round(seconds * 1e6), "us")


def frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Make an event frame of rows with `t` in seconds after noon."""
    table = pd.DataFrame([{key: value for key, value in row.items() if key != "t"} for row in rows])
    table["timestamp"] = pd.array(
        [pd.NaT if row["t"] is None else at(row["t"]) for row in rows], dtype=schema.TIME_DTYPE
    )
    return schema.conform(table)


def log(
    file: str, seconds: Sequence[float | None], *, source: str = "nginx-error", message: str = TIMED_OUT, **rest: Any
) -> pd.DataFrame:
    rows = [
        {"t": t, "source": source, "file": file, "line": line, "message": message, **rest}
        for line, t in enumerate(seconds, 1)
    ]
    return frame(rows) if rows else schema.empty()


def journal(
    seconds: Sequence[float | None],
    *,
    message: str = IN_JOURNAL,
    file: str = "system.journal",
    seqnum: str = "1",
    host: str = "web-01",
) -> pd.DataFrame:
    table = log(file, seconds, source="journald", message=message, host=host)
    refs = [f"s={seqnum}{line};i={seqnum}{line};b=b0;m={t};t={t};x={line}" for line, t in enumerate(seconds, 1)]
    return table.assign(ref=pd.array(refs, dtype="str"))


def places(events: pd.DataFrame) -> list[str]:
    return [f"{file}:{line}" for file, line in zip(events["file"], events["line"], strict=True)]
