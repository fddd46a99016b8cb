"""Measure timeline-build and the public tools beside it, in turns, and print one table.

    ./run python benchmarks/run.py [--only NAME]... [--lines N] [--rounds N]

Nothing is installed: a tool that is missing is named with the line that installs it.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

from generate import LINES, Evidence, parse_lines
from report import print_heading, print_results
from works import WORKS, Clock, Work, run_work


def main() -> None:
    """Run the chosen works and print what came out."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", action="append", choices=list(WORKS), help="run only this work; repeatable")
    options.add_argument("--lines", type=parse_lines, default=LINES, help="lines of the access log (%(default)s)")
    options.add_argument("--rounds", type=int, default=5, help="how often each is run, in turns (%(default)s)")
    options.add_argument("--seed", type=int, default=1, help="of the generated evidence (%(default)s)")
    options.add_argument("--clock", choices=["wall", "cpu"], help="judge by this clock, whatever the work's own is")
    given = options.parse_args()
    print_heading(given.lines, given.rounds, given.seed)
    with tempfile.TemporaryDirectory(prefix="timeline-bench-") as folder:
        evidence = Evidence(Path(folder), given.lines, given.seed)
        warm = Evidence(Path(folder) / "warm", max(given.lines // 200, 200), given.seed + 1)
        results = [
            result
            for name in given.only or WORKS
            for result in run_work(
                _judged(WORKS[name], given.clock), evidence, warm, Path(folder), max(given.rounds, 1)
            )
        ]
        print_results(results)


def _judged(work: Work, clock: Clock | None) -> Work:
    return replace(work, clock=clock) if clock else work


if __name__ == "__main__":
    main()
