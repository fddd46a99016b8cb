"""Two checks of a timeline that need no truth: its reasons can be counted again, and it is always the same."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from folders import same_files_in_another_order

import timeline

SETTINGS = ({"PYTHONHASHSEED": "0", "TZ": "UTC"}, {"PYTHONHASHSEED": "1", "TZ": "Asia/Kolkata"})

Check = Callable[[re.Match[str], "pd.Series[Any]", pd.DataFrame], bool]


def _severity(found: re.Match[str], entry: pd.Series[Any], events: pd.DataFrame) -> bool:
    shown = events[(events["file"] == entry["file"]) & (events["line"] == entry["line"])]
    return bool((shown["severity"] == found[1]).any())


def _failed_requests(_: re.Match[str], entry: pd.Series[Any], events: pd.DataFrame) -> bool:
    """Count again: failures of the route from the first to the last, and all its requests in that time."""
    host = entry["host"]
    until = entry["timestamp"] if pd.isna(entry["until"]) else entry["until"]
    same = events[
        (events["source"] == entry["source"])
        & (events["url.path"] == entry["url.path"])
        & (events["http.request.method"] == entry["http.request.method"])
        & (events["host"].isna() if pd.isna(host) else events["host"] == host)
        & events["timestamp"].between(entry["timestamp"], until)
    ]
    failed = int((same["http.response.status_code"] >= 500).sum())  # noqa: PLR2004
    return failed == entry["count"] and len(same) == entry["http.request.count"]


CHECKS: tuple[tuple[str, Check], ...] = (
    (r"severity (\w+)", _severity),
    (r"requests failed", _failed_requests),
)
"""Reasons, and how each is counted again from the events; a reason that is not here is not counted at all."""


def check_why(result: timeline.Timeline) -> tuple[int, int]:
    """Return how many reasons hold when counted again from the events, and how many could be counted."""
    held = counted = 0
    for _, entry in result.entries.iterrows():
        for reason in str(entry["why"]).split("; "):
            for pattern, holds in CHECKS:
                found = re.fullmatch(pattern, reason)
                if found:
                    counted += 1
                    held += holds(found, entry, result.events)
    return held, counted


def is_deterministic(folder: Path) -> bool:
    """Tell whether the command prints the same bytes for two hash seeds, two zones and files in another order."""
    with same_files_in_another_order(folder) as other:
        texts = {_print_timeline(path, env) for path in (folder, other) for env in SETTINGS}
    return len(texts) == 1


def _print_timeline(folder: Path, env: dict[str, str]) -> bytes:
    command = [sys.executable, "-m", "timeline", folder.name]
    done = subprocess.run(command, cwd=folder.parent, env={**os.environ, **env}, capture_output=True, check=True)
    return done.stdout
