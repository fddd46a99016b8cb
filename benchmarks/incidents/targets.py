"""What is asked of the timelines, beside what was measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import mean, median
from typing import TYPE_CHECKING

from folders import VARIANTS

if TYPE_CHECKING:
    from metrics import Score
    from score import Result

CLEAN, NOISY, CLEAN_SILENT, NOISY_SILENT = VARIANTS

Values = Sequence[float]


@dataclass(frozen=True)
class Target:
    """A bar for one figure of all incidents together."""

    text: str
    variant: str
    budget: int
    figure: Callable[[Score], float | None]
    bar: float
    together: Callable[[Values], float] = mean
    at_least: bool = True


def _recall(score: Score) -> float | None:
    return score.recall


def _machine(score: Score) -> float | None:
    return score.machine


def _precision(score: Score) -> float | None:
    return score.precision


def _lines(score: Score) -> float | None:
    return score.lines


def _onset(score: Score) -> float | None:
    return score.onset


def _end(score: Score) -> float | None:
    return score.end


def _false_claims(score: Score) -> float | None:
    return score.false_claims


RECALL = "recall of all facts"
TARGETS = (
    Target(RECALL, CLEAN, 40, _recall, 0.95),
    Target(RECALL, NOISY, 40, _recall, 0.95),
    Target(RECALL, CLEAN, 20, _recall, 0.92),
    Target(RECALL, NOISY, 20, _recall, 0.90),
    Target("recall of machine facts", CLEAN_SILENT, 40, _machine, 0.92),
    Target("recall of machine facts", NOISY_SILENT, 40, _machine, 0.90),
    Target("precision", CLEAN, 40, _precision, 0.75),
    Target("precision", NOISY, 40, _precision, 0.50),
    Target("precision", CLEAN, 20, _precision, 0.80),
    Target("precision", NOISY, 20, _precision, 0.60),
    Target("lines, median", CLEAN, 40, _lines, 30, median, at_least=False),
    Target("lines, median", NOISY, 40, _lines, 40, median, at_least=False),
    Target("onset error s, median", CLEAN, 40, _onset, 2, median, at_least=False),
    Target("onset error s, median", NOISY, 40, _onset, 2, median, at_least=False),
    Target("end error s, median", CLEAN, 40, _end, 2, median, at_least=False),
    Target("end error s, median", NOISY, 40, _end, 2, median, at_least=False),
    Target("outages claimed that nobody saw", CLEAN, 40, _false_claims, 0, sum, at_least=False),
    Target("outages claimed that nobody saw", NOISY, 40, _false_claims, 0, sum, at_least=False),
)
QUIET = (
    Target("lines of a quiet window", CLEAN, 40, _lines, 2, max, at_least=False),
    Target("lines of a quiet window", NOISY, 40, _lines, 5, max, at_least=False),
    Target("outages claimed in a quiet window", CLEAN, 40, _false_claims, 0, max, at_least=False),
    Target("outages claimed in a quiet window", NOISY, 40, _false_claims, 0, max, at_least=False),
)
SET_ASIDE = (
    Target(RECALL, CLEAN, 40, _recall, 0.90),
    Target(RECALL, NOISY, 40, _recall, 0.85),
)


def target_rows(results: Sequence[Result], targets: Sequence[Target]) -> Iterator[list[str]]:
    """Yield a row for each target: what, where, ours, the bar, whether it is met, and the best of the simple ways."""
    methods = [*dict.fromkeys(result.method for result in results)]
    for target in targets if methods else ():
        values = {method: _together(results, method, target) for method in methods}
        ours, others = values[methods[0]], [value for value in [*values.values()][1:] if value is not None]
        if ours is None:
            continue
        met = ours >= target.bar if target.at_least else ours <= target.bar
        best = (max if target.at_least else min)(others) if others else None
        bar = f"{'>=' if target.at_least else '<='} {target.bar:g}"
        where = f"{target.variant}, N={target.budget}"
        yield [target.text, where, _figure(ours), bar, "yes" if met else "NO", _figure(best)]


def _figure(value: float | None) -> str:
    """Word a figure; an outage that most timelines do not claim has an infinite error."""
    if value is None:
        return "-"
    return "unclaimed" if value == float("inf") else f"{value:.3g}"


def _together(results: Sequence[Result], method: str, target: Target) -> float | None:
    wanted = (method, target.variant, target.budget)
    scores = [r.score for r in results if (r.method, r.variant, r.budget) == wanted and r.score]
    values = [value for value in map(target.figure, scores) if value is not None]
    return target.together(values) if values else None
