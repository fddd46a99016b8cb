"""How well groups of look-alike lines agree with the groups that people made: the sets of loghub and the scores."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Final

SUFFIX: Final = "_2k.log_structured.csv"
RESERVED: Final = frozenset({"HDFS", "Hadoop", "Spark", "Zookeeper", "BGL", "Windows", "HealthApp", "Apache"})
"""Sets nobody looked into while masks and merging were made; they are scored only."""


@dataclass(frozen=True)
class LabelledSet:
    """Messages in the order of their file, each with the event that people gave it."""

    name: str
    messages: list[str]
    events: list[str]


@dataclass(frozen=True)
class Score:
    """Agreement of groups with labels; a group is right if it holds the lines of one event, all of them and no others.

    Attributes:
        accuracy: share of lines that are in a right group (GA).
        f1: harmonic mean of the shares of groups, and of events, that are right (FGA).
        hidden: share of lines in a group most lines of which are of another event.
        lost: share of events no line of which is shown, if each group shows its first line.
        groups: how many groups there are.
    """

    accuracy: float
    f1: float
    hidden: float
    lost: float
    groups: float


def read_sets(folder: Path) -> list[LabelledSet]:
    """Read the labelled sets of a folder, also if each is in a folder of its own.

    Raises:
        FileNotFoundError: there are none.
    """
    paths = sorted(folder.rglob("*" + SUFFIX), key=lambda path: path.name)
    if not paths:
        raise FileNotFoundError(f"{folder} holds no *{SUFFIX}\nhelp: git clone https://github.com/logpai/loghub")
    return [_read_set(path) for path in paths]


def _read_set(path: Path) -> LabelledSet:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    name = path.name.removesuffix(SUFFIX)
    return LabelledSet(name, [row["Content"] for row in rows], [row["EventId"] for row in rows])


def score(groups: Sequence[Hashable], events: Sequence[str]) -> Score:
    """Compare the group of each line with its event."""
    lines_of_event = Counter(events)
    events_of_group: dict[Hashable, Counter[str]] = defaultdict(Counter)
    for group, event in zip(groups, events, strict=True):
        events_of_group[group][event] += 1
    right = [
        lines
        for held in events_of_group.values()
        for event, lines in held.items()
        if len(held) == 1 and lines == lines_of_event[event]
    ]
    hidden = sum(held.total() - max(held.values()) for held in events_of_group.values())
    # The first key of a counter is the first event that was counted.
    shown = {next(iter(held)) for held in events_of_group.values()}
    return Score(
        accuracy=sum(right) / len(events),
        f1=2 * len(right) / (len(events_of_group) + len(lines_of_event)),
        hidden=hidden / len(events),
        lost=1 - len(shown) / len(lines_of_event),
        groups=len(events_of_group),
    )


def average(scores: Sequence[Score]) -> Score:
    """Return the mean of each figure."""
    return Score(
        accuracy=mean(score.accuracy for score in scores),
        f1=mean(score.f1 for score in scores),
        hidden=mean(score.hidden for score in scores),
        lost=mean(score.lost for score in scores),
        groups=mean(score.groups for score in scores),
    )
