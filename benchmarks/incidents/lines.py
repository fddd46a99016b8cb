"""The lines of a timeline: ours, and those of simple ways that anybody could take instead."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from metrics import Line, look

import timeline

SEVERE = ("emerg", "alert", "crit", "err")
Rows = pd.DataFrame


def to_lines(rows: Rows) -> list[Line]:
    """Return the rows of an event frame as lines."""
    phases = rows["phase"].astype("object").fillna("") if "phase" in rows else [""] * len(rows)
    texts = (rows[name].astype("object").fillna("").astype(str) for name in ("service", "host", "message"))
    return [
        Line(stamp.timestamp(), " ".join(text), str(file), str(phase), chat=source == "slack")
        for stamp, *text, file, phase, source in zip(
            rows["timestamp"], *texts, rows["file"], phases, rows["source"], strict=True
        )
    ]


def ours(result: timeline.Timeline) -> list[Line]:
    """Return the lines of our timeline; what stands in its Markdown counts as its text too."""
    shown = [re.sub(r"[*\u2060]|\\(?=\W)", "", line.text) for line in result.block_lines() if line.id]
    lines = to_lines(result.entries)
    if len(shown) != len(lines):
        return lines
    return [replace(line, text=f"{line.text} {text}", shown=text) for line, text in zip(lines, shown, strict=True)]


def _severe(rows: Rows) -> Rows:
    return rows[rows["severity"].isin(SEVERE)]


def _severe_or_chat(rows: Rows) -> Rows:
    return rows[rows["severity"].isin(SEVERE) | (rows["source"] == "slack")]


def _first_of_look(rows: Rows) -> Rows:
    keys = pd.DataFrame({"service": rows["service"].astype(str), "look": rows["message"].fillna("").map(look)})
    return rows[~keys.duplicated().to_numpy()]


def without_repeats(rows: Rows) -> Rows:
    """Return the rows that look different from the one before of the same service."""
    services = rows["service"].astype(str)
    looks = rows["message"].fillna("").map(look)
    before = looks.groupby(services, sort=False).shift()
    return rows[(looks != before).to_numpy()]


def first_of_cluster(rows: Rows) -> Rows:
    """Return the rows that open a cluster of drain3."""
    from drain3 import TemplateMiner
    from drain3.template_miner_config import TemplateMinerConfig

    miner = TemplateMiner(config=TemplateMinerConfig())
    opened: npt.NDArray[np.bool_] = np.array(
        [miner.add_log_message(text)["change_type"] == "cluster_created" for text in rows["message"].fillna("")], bool
    )
    return rows[opened]


def missing_drain3() -> str:
    """Return why drain3 cannot be used, empty if it can."""
    return "" if importlib.util.find_spec("drain3") else "drain3 is not installed: pip install --target DIR drain3"


@dataclass(frozen=True)
class Baseline:
    """A simple way: which rows it takes, the first N of them, of events with copies dropped or kept."""

    name: str
    take: Callable[[Rows], Rows]
    deduped: bool = False
    missing: Callable[[], str] = lambda: ""


BASELINES = (
    Baseline("severity >= err, first N", _severe),
    Baseline("severity + collapse of repeats + chat, first N", lambda rows: without_repeats(_severe_or_chat(rows))),
    Baseline("drain3 first occurrence, first N", first_of_cluster, missing=missing_drain3),
    Baseline(
        "dedupe + (err or chat) + mask first occurrence, first N",
        lambda rows: _first_of_look(_severe_or_chat(rows)),
        True,
    ),
)


def baseline_lines(folder: str) -> Iterator[tuple[str, list[Line] | str]]:
    """Yield the name and all lines of each baseline, in order of time; a text says why one is missing."""
    frames: dict[bool, Any] = {}
    for baseline in BASELINES:
        if baseline.missing():
            yield baseline.name, baseline.missing()
            continue
        if baseline.deduped not in frames:
            events = timeline.read(folder, dedupe=baseline.deduped).events
            frames[baseline.deduped] = events[events["timestamp"].notna()]
        yield baseline.name, to_lines(baseline.take(frames[baseline.deduped]))
