"""Score templates of look-alike lines on the labelled sets of loghub, ours and drain3's, and take the time of both.

    git clone https://github.com/logpai/loghub
    ./run python benchmarks/templates.py PATH_TO_LOGHUB [--drain-ini FILE] [--lines N] [--rounds N]

Nothing is installed: without drain3 its rows are missing, and the line that installs it is named.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import random
import re
import sys
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import astuple
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

import pyarrow as pa
from template_scores import RESERVED, LabelledSet, Score, average, read_sets, score

from timeline.templates import find_templates

Grouping = Callable[[Sequence[str]], Sequence[Hashable]]

BARS: Final = {"GA": (">=", 0.88), "FGA": (">=", 0.92), "lost": ("<=", 0.03)}
RATIO: Final = 40
RATE: Final = 1_000_000
HEADER: Final = f"{'set':24}{'events':>8}" + "".join(f"{name:>8}" for name in ("GA", "FGA", "hidden", "lost", "groups"))


def main() -> None:
    """Print a table for each way of grouping, then the speed of all of them on the same lines."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("loghub", type=Path, help="folder with the sets *_2k.log_structured.csv")
    options.add_argument("--drain-ini", type=Path, help="settings of drain3, such as its examples/drain3.ini")
    options.add_argument("--lines", type=int, default=200_000, help="lines for the speed (%(default)s)")
    options.add_argument("--rounds", type=int, default=3, help="how often each is timed, in turns (%(default)s)")
    given = options.parse_args()
    try:
        sets = read_sets(given.loghub)
    except FileNotFoundError as error:
        sys.exit(f"error: {error}")
    ways = _find_ways(given.drain_ini)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; sets marked * were never looked into\n")
    for name, way in ways.items():
        _print_scores(name, sets, way)
    _print_speed(ways, _make_lines(sets, given.lines), max(given.rounds, 1))


def _find_ways(ini: Path | None) -> dict[str, Grouping]:
    ways: dict[str, Grouping] = {"timeline-build": _group}
    if importlib.util.find_spec("drain3") is None:
        print("drain3 is not measured\nhelp: pip install drain3\n")
        return ways
    ways["drain3, no settings"] = partial(_group_by_drain, ini=None)
    if ini is None or not ini.is_file():
        print(f"drain3 with settings is not measured: {ini or 'no file is given'}")
        print("help: --drain-ini FILE, from https://github.com/logpai/Drain3/blob/master/examples/drain3.ini\n")
    else:
        ways[f"drain3, {ini.name}"] = partial(_group_by_drain, ini=ini)
    return ways


def _group(messages: Sequence[str]) -> Sequence[Hashable]:
    codes: list[int] = find_templates(pa.chunked_array([pa.array(messages, pa.large_string())]))[0].tolist()
    return codes


def _group_by_drain(messages: Sequence[str], *, ini: Path | None) -> Sequence[Hashable]:
    drain3: Any = importlib.import_module("drain3")
    settings = importlib.import_module("drain3.template_miner_config").TemplateMinerConfig()
    if ini is not None:
        settings.load(str(ini))
        settings.profiling_enabled = False
    miner = drain3.TemplateMiner(config=settings)
    return [miner.add_log_message(message)["cluster_id"] for message in messages]


def _print_scores(name: str, sets: Sequence[LabelledSet], way: Grouping) -> None:
    scores = {item.name: score(way(item.messages), item.events) for item in sets}
    print(f"{name}\n{HEADER}")
    for item in sets:
        mark = "*" if item.name in RESERVED else ""
        print(_format(item.name + mark, len(set(item.events)), scores[item.name]))
    for title, chosen in _halves(sets).items():
        if chosen:
            events = sum(len(set(item.events)) for item in chosen) / len(chosen)
            print(_format(title, events, average([scores[item.name] for item in chosen])))
    if way is _group:
        print(_judge(average(list(scores.values()))))
    print(flush=True)


def _halves(sets: Sequence[LabelledSet]) -> dict[str, list[LabelledSet]]:
    return {
        "mean of those looked into": [item for item in sets if item.name not in RESERVED],
        "mean of those marked *": [item for item in sets if item.name in RESERVED],
        "mean of all": list(sets),
    }


def _format(name: str, events: float, found: Score) -> str:
    *shares, groups = astuple(found)
    return f"{name:26}{events:6.0f}" + "".join(f"{share:8.3f}" for share in shares) + f"{groups:8.0f}"


def _judge(mean: Score) -> str:
    reached = {"GA": mean.accuracy, "FGA": mean.f1, "lost": mean.lost}
    met = {key: reached[key] >= bar if sign == ">=" else reached[key] <= bar for key, (sign, bar) in BARS.items()}
    return "; ".join(f"{key} {sign} {bar}: {'yes' if met[key] else 'NO'}" for key, (sign, bar) in BARS.items())


def _make_lines(sets: Sequence[LabelledSet], number: int) -> list[str]:
    """Draw lines of all sets and put other digits in place of theirs."""
    chance = random.Random(1)
    messages = [message for item in sets for message in item.messages]
    digit = re.compile("[0-9]")
    return [digit.sub(lambda _: chance.choice("0123456789"), chance.choice(messages)) for _ in range(number)]


def _print_speed(ways: dict[str, Grouping], lines: Sequence[str], rounds: int) -> None:
    ours = pa.chunked_array([pa.array(lines, pa.large_string())])
    tasks = {name: partial(way, lines) for name, way in ways.items()} | {
        "timeline-build": partial(find_templates, ours)
    }
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            begin = time.perf_counter()
            task()
            seconds[name].append(time.perf_counter() - begin)
    own = seconds["timeline-build"]
    print(f"{'speed, ' + format(len(lines), ',') + ' lines':24}{'lines/s':>12}{'its time / ours, min/med/max':>32}")
    for name, taken in seconds.items():
        ratios = sorted(theirs / mine for theirs, mine in zip(taken, own, strict=True))
        spread = "" if taken is own else f"{ratios[0]:.0f} / {median(ratios):.0f} / {ratios[-1]:.0f}"
        bar, met = (
            (f">= {RATE:,}/s", _rate(lines, own) >= RATE) if taken is own else (f">= {RATIO}", median(ratios) >= RATIO)
        )
        print(f"{name:24}{_rate(lines, taken):12,.0f}{spread:>32}  {bar}: {'yes' if met else 'NO'}")


def _rate(lines: Sequence[str], seconds: Sequence[float]) -> float:
    return len(lines) / median(seconds)


if __name__ == "__main__":
    main()
