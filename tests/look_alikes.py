"""Event frames for the tests of collapse and cells: errors, requests and chat after noon, in few words."""

from __future__ import annotations

from typing import Any

import pandas as pd

from timeline import schema

NOON = pd.Timestamp("2026-06-15T12:00:00Z")


def at(seconds: float) -> pd.Timestamp:
    return NOON + pd.Timedelta(round(seconds * 1e6), "us")


def frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Make an event frame of rows with `t` in seconds after noon; lines are numbered in order."""
    table = pd.DataFrame([{"file": "a.log", "line": line, **row} for line, row in enumerate(rows, 1)]).drop(columns="t")
    table["timestamp"] = pd.array(
        [pd.NaT if row["t"] is None else at(row["t"]) for row in rows], dtype=schema.TIME_DTYPE
    )
    return schema.conform(table.astype({name: "Int64" for name in ("http.response.status_code",) if name in table}))


def errors(
    seconds: list[float | None], message: str = "pool exhausted: {n} of 24", **rest: Any
) -> list[dict[str, Any]]:
    return [
        {"t": t, "source": "app", "severity": "err", "message": message.format(n=n), **rest}
        for n, t in enumerate(seconds)
    ]


def requests(seconds: list[float], status: int, path: str = "/checkout", method: str = "POST") -> list[dict[str, Any]]:
    fields = {"http.response.status_code": status, "url.path": path, "http.request.method": method}
    return [
        {
            "t": t,
            "source": "nginx-access",
            "service": "nginx",
            "message": f"{method} {path} HTTP/1.1 {status}",
            **fields,
        }
        for t in seconds
    ]


def chat(seconds: list[float], message: str, *, bot: bool, kind: str | None = None) -> list[dict[str, Any]]:
    fields = {"slack.channel_id": "C1", "slack.is_bot": bot}
    return [
        {"t": t, "source": "slack", "service": "#incident", "message": message, "kind": kind, **fields} for t in seconds
    ]
