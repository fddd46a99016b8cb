"""Take the time of a process, or of a task inside a fresh interpreter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

INSIDE = Path(__file__).with_name("inside.py")
CHUNK = 1 << 22


@dataclass(frozen=True)
class Sample:
    """One measurement.

    Attributes:
        wall: seconds on the clock.
        cpu: seconds of user and system time, of all threads and children.
        count: how many events came out; None if there are none to count.
        peak: MiB of memory at most; None if that was not measured.
    """

    wall: float
    cpu: float
    count: int | None = None
    peak: int | None = None


def run_process(command: Sequence[str], *, output: Path | None = None, env: Mapping[str, str] | None = None) -> Sample:
    """Run a command to its end; its standard output goes to *output*, or nowhere.

    Raises:
        RuntimeError: it fails; the message has the end of what it said.
    """
    with Path(output or os.devnull).open("wb") as out:
        begin = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE, env={**os.environ, **(env or {})}
        )
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        text = said[-1000:].decode(errors="replace").strip()
        raise RuntimeError(f"{Path(command[0]).name} ended with {process.returncode}: {text}")
    return Sample(wall, usage.ru_utime + usage.ru_stime, peak=usage.ru_maxrss >> 10)


def run_inside(task: str, path: Path, warm: Path) -> Sample:
    """Run a task of `inside.py` in a fresh interpreter, on the small file *warm* before the clock starts."""
    command = [sys.executable, str(INSIDE), task, str(path), str(warm)]
    answer = subprocess.run(command, check=False, capture_output=True)
    if answer.returncode:
        raise RuntimeError(f"{task} failed: {answer.stderr.decode(errors='replace').strip()[-2000:]}")
    return Sample(**json.loads(answer.stdout))


def count_lines(path: Path) -> int:
    """Return how many line ends a file has."""
    with path.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(CHUNK), b""))
