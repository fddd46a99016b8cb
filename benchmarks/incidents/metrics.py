"""Score the lines of one timeline against the truth: pure functions over plain values."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from truth import Fact, Truth

MARGIN_S = 30.0
"""A line may lie so far before the first or after the last fact and still belong to the incident."""
OF_A_KIND = 2
"""Further lines that look like so many others are repetitions."""
NEAR_S = 10.0
"""An outage that is claimed so close to a real one is that one."""
NOISE = "noise/"
BEGINS, ENDS = "OUTAGE BEGINS", "OUTAGE ENDS"


@dataclass(frozen=True)
class Line:
    """One line of a timeline.

    Attributes:
        at: seconds since 1970.
        text: service, host and message, and what is printed.
        file: which file shows it.
        phase: what it claims.
        chat: whether chat said it.
        shown: what is printed.
    """

    at: float
    text: str
    file: str = ""
    phase: str = ""
    chat: bool = False
    shown: str = ""

    @property
    def foreign(self) -> bool:
        """Whether it comes from the foreign lines that were mixed in."""
        return NOISE in self.file


@dataclass(frozen=True)
class Score:
    """What one timeline got; shares are None where there was nothing to find or to judge."""

    machine: float | None
    chat: float | None
    recall: float | None
    precision: float | None
    lines: int
    onset: float | None
    end: float | None
    false_claims: int
    missed: tuple[str, ...]


def score_lines(lines: Sequence[Line], truth: Truth, background: Sequence[str] = ()) -> Score:
    """Score *lines*; *background* are regular expressions of what the machine says all the time."""
    found = {fact.id for fact in truth.facts if any(tells(line, fact) for line in lines)}
    good = judge_lines(lines, truth, background)
    onset, end = phase_errors(lines, truth)
    return Score(
        machine=share(fact.id in found for fact in truth.facts if fact.kind == "machine"),
        chat=share(fact.id in found for fact in truth.facts if fact.kind == "chat"),
        recall=share(fact.id in found for fact in truth.facts),
        precision=share(good),
        lines=len(lines),
        onset=onset,
        end=end,
        false_claims=count_false_claims(lines, truth),
        missed=tuple(fact.id for fact in truth.facts if fact.id not in found),
    )


def share(flags: Iterable[bool]) -> float | None:
    """Return the share of true ones, None of nothing."""
    counted = Counter(map(bool, flags))
    return counted[True] / counted.total() if counted else None


def tells(line: Line, fact: Fact) -> bool:
    """Tell whether a line states a fact in time; what a machine did is told by machines, what was said by chat."""
    fits = line.chat == (fact.kind == "chat") and not line.foreign
    return fits and abs(line.at - fact.at) <= fact.tolerance and bool(re.search(fact.regex, line.text, re.IGNORECASE))


def judge_lines(lines: Sequence[Line], truth: Truth, background: Sequence[str] = ()) -> list[bool]:
    """Tell of each line whether a reviewer would keep it, by proxy.

    A line is bad if it lies outside of the incident, is noise or background, or is the third of its kind.
    """
    noise = re.compile("|".join(f"(?:{part})" for part in background) or r"(?!)", re.IGNORECASE)
    seen: Counter[str] = Counter()
    good = []
    for line in lines:
        seen[look(line.text)] += 1
        inside = truth.incident is not None and (
            truth.incident[0] - MARGIN_S <= line.at <= truth.incident[1] + MARGIN_S
        )
        good.append(inside and not line.foreign and not noise.search(line.text) and seen[look(line.text)] <= OF_A_KIND)
    return good


def look(text: str) -> str:
    """Return a text without what differs between lines of a kind: every word that holds a digit."""
    return re.sub(r"\S*\d\S*", "#", text)


def phase_errors(lines: Sequence[Line], truth: Truth) -> tuple[float | None, float | None]:
    """Return by how many seconds the claimed onset and end are off, the worst of all outages.

    None if there was no outage, infinite if no line claims it.
    """
    if not truth.outages:
        return None, None
    ends = []
    for place, phase in ((0, BEGINS), (1, ENDS)):
        claimed = [line.at for line in lines if line.phase == phase]
        ends.append(
            max(min((abs(at - outage[place]) for at in claimed), default=float("inf")) for outage in truth.outages)
        )
    return ends[0], ends[1]


def count_false_claims(lines: Sequence[Line], truth: Truth) -> int:
    """Return how many outages begin in the timeline when clients saw none."""
    begins = [line.at for line in lines if line.phase == BEGINS]
    return sum(not any(begin - NEAR_S <= at <= end + NEAR_S for begin, end in truth.outages) for at in begins)
