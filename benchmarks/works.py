"""What is measured: the works of the design's table of speed, each with its rivals and its bar."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import yardsticks
from datasets import START, Dataset
from generate import Evidence
from logs_nginx import ASKED_HOUR
from measure import Sample, count_lines, run_inside, run_process

PROGRAM = str(Path(sys.executable).with_name("timeline-build"))
Pick = Callable[[Evidence], Dataset]
Clock = Literal["wall", "cpu"]


@dataclass(frozen=True)
class Bar:
    """What must be reached: a rate (records a second), a time (seconds) or a ratio to a rival."""

    kind: Literal["rate", "seconds", "ratio"]
    value: float

    def __str__(self) -> str:
        sign, unit = {"rate": ("≥", "/s"), "seconds": ("≤", " s"), "ratio": ("≥", "x")}[self.kind]
        return f"{sign} {self.value:,}{unit}"

    def is_met(self, reached: float) -> bool:
        """Tell whether *reached*, in the unit of this bar, is good enough."""
        return reached <= self.value if self.kind == "seconds" else reached >= self.value


@dataclass(frozen=True)
class Rival:
    """Another tool at the same work.

    Attributes:
        name: as the table shows it.
        measure: (its data, data to warm up with, scratch folder) -> sample.
        bar: how many times faster we must be; None if it is shown only.
        pick: its data, where it differs from ours; seconds are then compared by the record.
        rounds: at most so many, for slow ones.
    """

    name: str
    measure: Callable[[Dataset, Dataset, Path], Sample]
    bar: Bar | None = None
    pick: Pick | None = None
    rounds: int | None = None


@dataclass(frozen=True)
class Work:
    """One row: what we do, on what, against whom.

    Attributes:
        title: as the table shows it.
        pick: the data of this work.
        ours: (data, data to warm up with, scratch folder) -> sample.
        bar: an absolute bar.
        peak: MiB of memory that must do.
        rivals: other tools.
        clock: which clock the ratios use: "cpu" as in the study of journald readers, where both run inside one
            thread; "wall" where the bar is about what a user waits for.
        inside: whether the parser alone can be measured on it.
    """

    title: str
    pick: Pick
    ours: Callable[[Dataset, Dataset, Path], Sample]
    bar: Bar | None = None
    peak: int | None = None
    rivals: tuple[Rival, ...] = ()
    clock: Clock = "wall"
    inside: bool = False


@dataclass(frozen=True)
class Result:
    """The samples of a work, or why there are none."""

    work: Work
    data: Dataset
    ours: list[Sample]
    parsers: list[Sample]
    theirs: dict[str, list[Sample]]
    their_data: dict[str, Dataset]
    missing: dict[str, str]


def _inside(task: str, data: Dataset, warm: Dataset, _scratch: Path) -> Sample:
    return run_inside(task, data.path, warm.path)


def _jsonl(data: Dataset, _warm: Dataset, scratch: Path) -> Sample:
    output = scratch / "ours.jsonl"
    sample = run_process([PROGRAM, "--all", "--format", "jsonl", str(data.path)], output=output)
    return Sample(sample.wall, sample.cpu, count_lines(output))


def _timeline(data: Dataset, _warm: Dataset, _scratch: Path) -> Sample:
    return run_process([PROGRAM, str(data.path)])


def _window(data: Dataset, _warm: Dataset, scratch: Path) -> Sample:
    output = scratch / "window.jsonl"
    since, until = (f"@{START + second}" for second in ASKED_HOUR)
    command = [PROGRAM, "--since", since, "--until", until, "--all", "--format", "jsonl", str(data.path)]
    sample = run_process(command, output=output)
    return replace(sample, count=count_lines(output))


def _help(_data: Dataset, _warm: Dataset, _scratch: Path) -> Sample:
    return run_process([PROGRAM, "--help"])


def _tool(measure: Callable[[Dataset, Path], Sample]) -> Callable[[Dataset, Dataset, Path], Sample]:
    return lambda data, _warm, scratch: measure(data, scratch)


def _ratio(value: float) -> Bar:
    return Bar("ratio", value)


def _stderr(evidence: Evidence) -> Dataset:
    return evidence.postgresql[0]


def _csvlog(evidence: Evidence) -> Dataset:
    return evidence.postgresql[1]


_read = partial(_inside, "read")

WORKS = {
    "nginx": Work(
        "nginx access log → event frame", lambda made: made.access, _read, Bar("rate", 1_500_000),
        rivals=(
            Rival("lnav, 3 fields", _tool(yardsticks.lnav_select)),
            Rival("plaso", _tool(yardsticks.plaso), pick=lambda made: made.short_access, rounds=2),
        ),
        inside=True,
    ),
    "jsonl": Work(
        "--all --format jsonl, process", lambda made: made.access, _jsonl,
        rivals=(Rival("lnav, JSON lines", _tool(yardsticks.lnav_jsonlines), _ratio(2)),),
    ),
    "journal": Work(
        "binary journal → event frame", lambda made: made.journal, _read,
        rivals=(
            Rival("systemd-python", lambda data, warm, _: yardsticks.systemd_python(data, warm), _ratio(3)),
            Rival("journalctl -o json", _tool(yardsticks.journalctl_json), _ratio(8)),
        ),
        clock="cpu", inside=True,
    ),
    "postgresql": Work(
        "PostgreSQL stderr → event frame", _stderr, _read,
        rivals=(Rival("pgBadger", _tool(yardsticks.pgbadger_stderr), _ratio(20)),), clock="cpu", inside=True,
    ),
    "csvlog": Work(
        "PostgreSQL csvlog → event frame", _csvlog, _read,
        rivals=(Rival("pgBadger", _tool(yardsticks.pgbadger_csvlog), _ratio(20)),), clock="cpu", inside=True,
    ),
    "slack": Work("Slack export → event frame", lambda made: made.slack, _read, Bar("seconds", 2), inside=True),
    "window": Work(
        "one hour of a sorted 2 GB log, process", lambda made: made.week, _window, Bar("seconds", 1.5), peak=400,
    ),
    "help": Work("timeline-build --help, process", lambda made: made.incident, _help, Bar("seconds", 0.15)),
    "incident": Work("incident folder of 5 MB, process", lambda made: made.incident, _timeline, Bar("seconds", 1)),
}  # fmt: skip


def run_work(work: Work, evidence: Evidence, warm: Evidence, scratch: Path, rounds: int) -> Sequence[Result]:
    """Run a work and its rivals in turns, A B A B, so that a change of the machine's speed meets all of them."""
    print(f"{work.title} ...", file=sys.stderr)
    try:
        data, small = work.pick(evidence), work.pick(warm)
        work.ours(small, small, scratch)
    except (RuntimeError, FileNotFoundError) as error:
        print(f"{work.title}: not measured: {error}")
        return []
    result = Result(work, data, [], [], {}, {}, {})
    for number in range(rounds):
        _ours(result, small, scratch)
        for rival in work.rivals:
            if rival.name not in result.missing and number < (rival.rounds or rounds):
                _theirs(result, rival, evidence, small, scratch)
    return [result]


def _ours(result: Result, small: Dataset, scratch: Path) -> None:
    result.ours.append(result.work.ours(result.data, small, scratch))
    if result.work.inside:
        result.parsers.append(run_inside("parse", result.data.path, small.path))


def _theirs(result: Result, rival: Rival, evidence: Evidence, small: Dataset, scratch: Path) -> None:
    data = rival.pick(evidence) if rival.pick else result.data
    try:
        sample = rival.measure(data, small, scratch)
    except yardsticks.MissingToolError as error:
        result.missing[rival.name] = str(error)
        return
    except RuntimeError as error:
        result.missing[rival.name] = f"failed: {error}"
        return
    result.their_data[rival.name] = data
    result.theirs.setdefault(rival.name, []).append(sample)
