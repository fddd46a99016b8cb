"""Print what was measured: the machine, one table, where our time goes, and every count that differs."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

from measure import Sample
from works import Result, Rival

BUSY = 0.5
"""Load a core above which the clock on the wall says little."""

TOOLS = {"lnav": "lnav -V", "pgBadger": "pgbadger --version", "systemd": "journalctl --version"}
HEADER = ("work", "records", "ours s (cpu)", "records/s", "against", "its s (cpu)", "ratio min/med/max", "bar", "met")
PARTS_HEADER = ("where our time goes", "parser s (cpu)", "all s (cpu)", "parser's share", "MB/s")


def print_heading(lines: int, rounds: int, seed: int) -> None:
    """Say when, on what and with what."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("pandas", "pyarrow", "numpy"))
    print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores ({_processor()}), {platform.platform(terse=True)}")
    print(f"Python {platform.python_version()}, {packages}; {', '.join(_tools())}")
    print(f"{lines:,} lines, {rounds} rounds, seed {seed}, load {os.getloadavg()[0]:.1f}")
    if os.getloadavg()[0] > BUSY * (os.cpu_count() or 1):
        print("THE MACHINE IS BUSY: bars in seconds and in records/s will look missed; believe the cpu seconds")
    print(flush=True)


def print_results(results: Sequence[Result]) -> None:
    """Print the tables and the complaints."""
    _print_table([HEADER, *(row for result in results for row in _rows(result))])
    parts = [_parts(result) for result in results if result.parsers]
    if parts:
        print()
        _print_table([PARTS_HEADER, *parts])
    for remark in (text for result in results for text in _peaks(result)):
        print(f"\n{remark}")
    for complaint in (text for result in results for text in _complaints(result)):
        print(f"\n{complaint}")


def _rows(result: Result) -> Iterator[tuple[str, ...]]:
    seconds = _median(result, result.ours)
    reached = {"rate": result.data.events / seconds, "seconds": seconds}
    own = (result.work.title, f"{result.data.events:,}", _times(result.ours), f"{reached['rate']:,.0f}")
    bar = result.work.bar
    if bar:
        yield (*own, "", "", "", str(bar), _verdict(met=bar.is_met(reached[bar.kind])))
    for rival in result.work.rivals:
        yield (*own, rival.name, *_against(result, rival))


def _against(result: Result, rival: Rival) -> tuple[str, str, str, str]:
    bar = str(rival.bar) if rival.bar else ""
    theirs = result.theirs.get(rival.name)
    if not theirs:
        return "not measured", "", bar, "?" if bar else ""
    ratios = _ratios(result, rival.name)
    spread = f"{min(ratios):.1f} / {median(ratios):.1f} / {max(ratios):.1f}"
    return _times(theirs), spread, bar, _verdict(met=rival.bar.is_met(median(ratios))) if rival.bar else ""


def _ratios(result: Result, name: str) -> list[float]:
    """Return how many times our seconds theirs are, by the record and round by round."""
    scale = result.data.events / result.their_data[name].events
    pairs = zip(result.theirs[name], result.ours, strict=False)
    return [scale * _seconds(result, theirs) / _seconds(result, ours) for theirs, ours in pairs]


def _seconds(result: Result, sample: Sample) -> float:
    return sample.cpu if result.work.clock == "cpu" else sample.wall


def _median(result: Result, samples: Sequence[Sample]) -> float:
    return median(_seconds(result, sample) for sample in samples)


def _verdict(*, met: bool) -> str:
    return "yes" if met else "NO"


def _times(samples: Sequence[Sample]) -> str:
    wall, cpu = (median(values) for values in zip(*((s.wall, s.cpu) for s in samples), strict=True))
    return f"{wall:.3f} ({cpu:.3f})" if wall < 1 else f"{wall:.2f} ({cpu:.2f})"


def _parts(result: Result) -> tuple[str, ...]:
    share = _median(result, result.parsers) / _median(result, result.ours)
    speed = result.data.size / 1e6 / _median(result, result.ours)
    return result.work.title, _times(result.parsers), _times(result.ours), f"{share:.0%}", f"{speed:,.1f}"


def _peaks(result: Result) -> Iterator[str]:
    """Say how much memory a work took that has a bar for it."""
    peaks = [sample.peak for sample in result.ours if sample.peak is not None]
    if result.work.peak and peaks:
        met = _verdict(met=max(peaks) <= result.work.peak)
        yield f"{result.work.title}: {max(peaks):,} MiB of memory at most (bar ≤ {result.work.peak:,} MiB, met: {met})"


def _complaints(result: Result) -> Iterator[str]:
    """Say what could not be measured, and every count that is not the number of records in the data."""
    for name, hint in result.missing.items():
        yield f"{result.work.title}: {name} was not measured: {hint}"
    named = {"ours": (result.ours, result.data)}
    named |= {name: (samples, result.their_data[name]) for name, samples in result.theirs.items()}
    for name, (samples, data) in named.items():
        counts = {sample.count for sample in samples if sample.count is not None}
        if counts - {data.events}:
            found = ", ".join(f"{count:,}" for count in sorted(counts))
            yield f"COUNTS DIFFER: {result.work.title}: {name} found {found}, written were {data.events:,}"


def _print_table(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for number, row in enumerate(rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))


def _tools() -> Iterator[str]:
    for name, command in TOOLS.items():
        words = command.split()
        if shutil.which(words[0]):
            said = subprocess.run(words, check=False, capture_output=True, text=True)
            yield next(iter((said.stdout or said.stderr).splitlines()), name)
        else:
            yield f"no {name}"


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor()
    models = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return models[0] if models else platform.processor()
