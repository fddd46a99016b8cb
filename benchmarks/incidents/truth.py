"""What the injector wrote down: facts, intervals, and the kinds."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Fact:
    """Something that a timeline should tell.

    Attributes:
        id: its name.
        at: seconds since 1970.
        regex: what a line that tells it matches, ignoring case.
        tolerance: seconds that the line may be away.
        kind: "machine" or "chat".
    """

    id: str
    at: float
    regex: str
    tolerance: float = 10.0
    kind: str = "machine"


@dataclass(frozen=True)
class Truth:
    """Facts, the span of the incident (none in a quiet window), and the outages that clients saw, in seconds."""

    facts: tuple[Fact, ...] = ()
    incident: tuple[float, float] | None = None
    outages: tuple[tuple[float, float], ...] = ()

    def without_chat(self) -> Truth:
        """Return what is left when nobody reads the chat."""
        return replace(self, facts=tuple(fact for fact in self.facts if fact.kind != "chat"))


@dataclass(frozen=True)
class Kinds:
    """Which kinds there are, and what is background in all of them."""

    tuning: tuple[str, ...] = ()
    set_aside: tuple[str, ...] = ()
    quiet: tuple[str, ...] = ()
    background: tuple[str, ...] = field(default=())


def load_kinds(path: Path = HERE / "kinds.toml") -> Kinds:
    """Return the table of kinds."""
    return Kinds(**{name: tuple(names) for name, names in tomllib.loads(path.read_text(encoding="utf-8")).items()})


def load_truth(path: Path) -> Truth:
    """Return the truth of one incident."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    spans = [row for row in rows if row["kind"] == "interval"]
    facts = [row for row in rows if row["kind"] != "interval"]
    return Truth(
        tuple(Fact(row["id"], seconds(row["t"]), row["regex"], row["tolerance"], row["kind"]) for row in facts),
        next((_ends(row) for row in spans if row["id"] == "incident"), None),
        tuple(_ends(row) for row in spans if row["id"].startswith("outage")),
    )


def seconds(stamp: str) -> float:
    """Return the seconds since 1970 of an ISO stamp."""
    return datetime.fromisoformat(stamp).timestamp()


def _ends(row: dict[str, Any]) -> tuple[float, float]:
    return seconds(row["t"]), seconds(row["until"])
