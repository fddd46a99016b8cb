"""Two checks of a timeline that need no truth: its reasons can be counted again, and it is always the same."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from folders import same_files_in_another_order

import timeline

SETTINGS = ({"PYTHONHASHSEED": "0", "TZ": "UTC"}, {"PYTHONHASHSEED": "1", "TZ": "Asia/Kolkata"})

Check = Callable[[re.Match[str], "pd.Series[Any]", pd.DataFrame], bool]
RESOLVED, FIRING, FAILED = "alert-resolved", "alert-firing", 500


def _evidence(entry: pd.Series[Any], events: pd.DataFrame) -> pd.DataFrame:
    return events[(events["file"] == entry["file"]) & (events["line"] == entry["line"])]


def _severity(found: re.Match[str], entry: pd.Series[Any], events: pd.DataFrame) -> bool:
    return bool((_evidence(entry, events)["severity"] == found[1]).any())


def _kind(found: re.Match[str], entry: pd.Series[Any], events: pd.DataFrame) -> bool:
    return bool((_evidence(entry, events)["kind"] == found[1].replace(" ", "-")).any())


def _first_alert(_: re.Match[str], entry: pd.Series[Any], events: pd.DataFrame) -> bool:
    return bool(events.loc[events["kind"] == FIRING, "timestamp"].min() == entry["timestamp"])


def _last_resolved(_: re.Match[str], entry: pd.Series[Any], events: pd.DataFrame) -> bool:
    return bool(events.loc[events["kind"] == RESOLVED, "timestamp"].max() == entry["timestamp"])


def _failed_of_all(found: re.Match[str], entry: pd.Series[Any], events: pd.DataFrame) -> bool:
    """Count again: failures, and all requests of that route, from the first second to the last."""
    begin = entry["timestamp"]
    end = pd.Timestamp(f"{begin:%Y-%m-%d} {found['until']}", tz="UTC") + pd.Timedelta(seconds=1)
    same = events[(events["source"] == "nginx-access") & (events["timestamp"] >= begin) & (events["timestamp"] < end)]
    if found["path"]:
        same = same[(same["http.request.method"] == found["method"]) & (same["url.path"] == found["path"])]
    failed = int((same["http.response.status_code"] >= FAILED).sum())
    return [failed, len(same)] == [int(found[name].replace(",", "")) for name in ("failed", "all")]


REASONS: tuple[tuple[str, Check], ...] = (
    (r"severity (\w+)", _severity),
    (r"(alert firing|alert resolved|deploy|process crashed|too many connections|lock wait|statement timeout)", _kind),
    (r"first alert", _first_alert),
    (r"last resolved alert", _last_resolved),
)
"""Reasons, and how each is counted again from the events; a reason that is not here is not counted at all."""

RISE = (
    r"5xx(?: on (?P<method>[A-Z]+) (?P<path>\S+))? rise .*?"
    r"\((?P<failed>[\d,]+) of (?P<all>[\d,]+) requests until (?P<until>\d\d:\d\d:\d\d)\).*"
)
CLAIMS: tuple[tuple[str, Check], ...] = ((RISE, _failed_of_all),)
"""The same for figures in the text of a line."""


def check_why(result: timeline.Timeline) -> tuple[int, int]:
    """Return how many reasons and figures hold when counted again, and how many could be counted."""
    return count_held(result.entries, result.events)


def count_held(entries: pd.DataFrame, events: pd.DataFrame) -> tuple[int, int]:
    """Return the same of *entries*, which need columns `why`, `message`, `timestamp`, `file` and `line`."""
    answers = [answer for _, entry in entries.iterrows() for answer in _answers(entry, events)]
    return sum(answers), len(answers)


def _answers(entry: pd.Series[Any], events: pd.DataFrame) -> Iterator[bool]:
    told = [(reason, REASONS) for reason in str(entry["why"]).split("; ")] + [(str(entry["message"]), CLAIMS)]
    for text, checks in told:
        for pattern, holds in checks:
            found = re.fullmatch(pattern, text)
            if found:
                yield holds(found, entry, events)


def is_deterministic(folder: Path) -> bool:
    """Tell whether the command prints the same bytes for two hash seeds, two zones and files in another order."""
    with same_files_in_another_order(folder) as other:
        texts = {_print_timeline(path, env) for path in (folder, other) for env in SETTINGS}
    return len(texts) == 1


def _print_timeline(folder: Path, env: dict[str, str]) -> bytes:
    command = [sys.executable, "-m", "timeline", folder.name]
    done = subprocess.run(command, cwd=folder.parent, env={**os.environ, **env}, capture_output=True, check=True)
    return done.stdout
