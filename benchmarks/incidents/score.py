"""Score timelines of the recorded incidents, ours and simple ways to make one, in one table.

record.sh DATA; score.py DATA --loghub LOGHUB
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from checks import check_why, is_deterministic
from folders import VARIANTS, variant
from lines import baseline_lines, ours, to_lines
from metrics import Score, judge_lines, score_lines
from tables import print_report
from truth import load_kinds, load_truth

import timeline

BUDGETS = (40, 20)
OURS = "timeline-build"


@dataclass(frozen=True)
class Result:
    """One timeline that was scored.

    Attributes:
        kind: the incident.
        variant: of its evidence.
        method: who made it.
        budget: with how many lines at most.
        score: None if it could not be made.
        why: how many of its reasons hold, of how many that can be counted again.
        shift: whether a warning suspects a clock.
        unseen: facts that not even a timeline of all events would tell.
        shown: the lines, "+" before those that a reviewer would keep.
        skipped: why it could not be made.
    """

    kind: str
    variant: str
    method: str
    budget: int
    score: Score | None
    why: tuple[int, int] = (0, 0)
    shift: bool = False
    unseen: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    skipped: str = ""


def score_kind(kind: str, *, data: Path, loghub: Path | None, baselines: bool, show: bool = False) -> list[Result]:
    """Score all variants of one incident."""
    results: list[Result] = []
    for name in VARIANTS if loghub else [name for name in VARIANTS if "noisy" not in name]:
        with variant(data / kind, name, loghub) as folder:
            results += _score_variant(kind, name, folder, data, baselines=baselines, show=show)
    return results


def _score_variant(kind: str, name: str, folder: str, data: Path, *, baselines: bool, show: bool) -> Iterator[Result]:
    truth = load_truth(data / f"{kind}.truth.jsonl")
    if "no chat" in name:
        truth = truth.without_chat()
    background = load_kinds().background
    for budget in BUDGETS:
        made = timeline.build(folder, max_lines=budget)
        lines = ours(made)
        score = score_lines(lines, truth, background)
        shift = any("--shift" in warning for warning in made.warnings)
        unseen = score_lines(to_lines(made.events[made.events["timestamp"].notna()]), truth).missed
        marks = ("-+"[good] for good in judge_lines(lines, truth, background))
        shown = [f"{mark} {line.shown}" for mark, line in zip(marks, lines, strict=True)] if show else []
        yield Result(kind, name, OURS, budget, score, check_why(made), shift, unseen, tuple(shown))
    for method, found in baseline_lines(folder) if baselines else ():
        for budget in BUDGETS:
            if isinstance(found, str):
                yield Result(kind, name, method, budget, None, skipped=found)
            else:
                yield Result(kind, name, method, budget, score_lines(found[:budget], truth, background))


def chosen_kinds(data: Path, asked: Sequence[str], *, set_aside: bool) -> list[str]:
    """Return the kinds to score, all that are recorded unless some are asked for; those set aside only when meant."""
    kinds = load_kinds()
    allowed = kinds.set_aside if set_aside else (*kinds.tuning, *kinds.quiet)
    refused = sorted(set(asked) - set(allowed))
    if refused:
        raise SystemExit(f"{', '.join(refused)}: not among {', '.join(allowed)}\nhelp: see kinds.toml and --set-aside")
    found = [kind for kind in asked or allowed if (data / f"{kind}.truth.jsonl").is_file()]
    if not found:
        raise SystemExit(f"{data}: no recorded incidents there\nhelp: benchmarks/incidents/record.sh {data}")
    return found


def main(arguments: Iterable[str] | None = None) -> None:
    """Score and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path, help="folder that record.sh wrote")
    parser.add_argument("--loghub", type=Path, help="folder with loghub's *_2k.log_structured.csv; without it no noise")
    parser.add_argument("--kind", action="append", default=[], help="only this kind; repeatable")
    parser.add_argument("--set-aside", action="store_true", help="score the kinds set aside instead; not for tuning")
    parser.add_argument("--ours", action="store_true", help="leave the simple ways out")
    parser.add_argument("--misses", action="store_true", help="name the facts that were not found")
    parser.add_argument("--show", action="store_true", help="print our lines, + before those a reviewer would keep")
    parser.add_argument("--no-determinism", action="store_true", help="do not run the command four times a kind")
    parser.add_argument("--jobs", type=int, default=1, help="kinds scored at once")
    given = parser.parse_args(None if arguments is None else [*arguments])
    if given.set_aside and (given.misses or given.show):
        parser.error("--misses and --show do not go with --set-aside: nobody looks at those timelines while tuning")
    kinds = chosen_kinds(given.data, given.kind, set_aside=given.set_aside)
    work = partial(score_kind, data=given.data, loghub=given.loghub, baselines=not given.ours, show=given.show)
    with ProcessPoolExecutor(given.jobs) as pool:
        results = [result for part in pool.map(work, kinds) for result in part]
        same: list[bool] = []
        if not given.no_determinism:
            same = [*pool.map(is_deterministic, [given.data / kind for kind in kinds])]
    print_report(results, load_kinds(), same, misses=given.misses, file=sys.stdout)


if __name__ == "__main__":
    main()
