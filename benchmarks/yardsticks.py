"""The public tools that timeline-build is held against: one function each, from a data set to a sample.

Nothing is installed here. A function whose tool is missing raises `MissingToolError`, which names what to install.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from datasets import Dataset
from logs_postgresql import LOG_LINE_PREFIX
from measure import Sample, count_lines, run_inside, run_process

PLASO_VARIABLE = "PLASO"
PLASO_HINT = f"pip install plaso in a venv of its own, then set {PLASO_VARIABLE}=VENV/bin/log2timeline"
SEVERITIES = ("LOG", "INFO", "NOTICE", "WARNING", "ERROR", "FATAL", "PANIC")
ONE_REQUEST = '127.0.0.1 - - [15/Jun/2026:12:00:00 +0000] "GET / HTTP/1.1" 200 612 "-" "curl/8.5.0"\n'


class MissingToolError(Exception):
    """A tool is not installed; the message is how to get it."""


def lnav_select(data: Dataset, scratch: Path) -> Sample:
    """Let lnav read an access log and look at three fields of every line, writing one row."""
    query = ";select count(*), sum(sc_bytes), max(length(cs_uri_stem)) from access_log"
    return _lnav(data, scratch, query, ":write-json-to")


def lnav_jsonlines(data: Dataset, scratch: Path) -> Sample:
    """Let lnav write all fields of an access log as JSON lines."""
    return _lnav(data, scratch, ";select * from access_log", ":write-jsonlines-to")


def _lnav(data: Dataset, scratch: Path, query: str, write: str) -> Sample:
    output = scratch / "lnav.out"
    command = [_found("lnav", "apt install lnav"), "-n", "-q", "-c", query, "-c", f"{write} {output}", str(data.path)]
    # A home of its own: settings and formats of the user would change what is measured.
    home = {"HOME": str(scratch), "XDG_CONFIG_HOME": str(scratch)}
    sample = run_process(command, env=home)
    if write == ":write-jsonlines-to":
        return Sample(sample.wall, sample.cpu, count_lines(output))
    return Sample(sample.wall, sample.cpu, next(iter(json.loads(output.read_bytes())[0].values())))


def plaso(data: Dataset, scratch: Path) -> Sample:
    """Let plaso extract an access log into its storage file; its start on a log of one line is taken off."""
    single = scratch / "one.log"
    single.write_text(ONE_REQUEST, encoding="ascii")
    start = _log2timeline(single, scratch)
    whole = _log2timeline(data.path, scratch)
    return Sample(whole.wall - start.wall, whole.cpu - start.cpu, whole.count)


def _log2timeline(path: Path, scratch: Path) -> Sample:
    program = os.environ.get(PLASO_VARIABLE) or shutil.which("log2timeline") or shutil.which("log2timeline.py")
    if not program or not Path(program).exists():
        raise MissingToolError(PLASO_HINT)
    store = scratch / "access.plaso"
    store.unlink(missing_ok=True)
    sample = run_process([
        program, "--unattended", "--quiet", "--status-view", "none", "--single-process", "--parsers",
        "text/apache_access", "--logfile", str(scratch / "plaso.log"), "--storage-file", str(store), str(path),
    ])  # fmt: skip
    with closing(sqlite3.connect(store)) as database:
        count = database.execute("SELECT count(*) FROM event").fetchone()[0]
    return Sample(sample.wall, sample.cpu, count)


def journalctl_json(data: Dataset, _scratch: Path) -> Sample:
    """Let journalctl write every entry as JSON, to nowhere."""
    command = _journalctl(data.path, "json")
    sample = run_process(command)
    return Sample(sample.wall, sample.cpu, _entries(data.path))


@cache
def _entries(folder: Path) -> int:
    """Count entries as journalctl sees them, outside of the clock."""
    with subprocess.Popen(
        [*_journalctl(folder, "json"), "--output-fields=PRIORITY"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        return sum(1 for _ in process.stdout)


def _journalctl(folder: Path, form: str) -> list[str]:
    program = _found("journalctl", "apt install systemd")
    return [program, "--directory", str(folder), "--output", form, "--quiet", "--no-pager"]


def systemd_python(data: Dataset, warm: Dataset) -> Sample:
    """Read a journal with systemd-python's fastest loop; see `inside.systemd_python`."""
    if find_spec("systemd") is None:
        raise MissingToolError("apt install libsystemd-dev pkg-config gcc python3-dev, then pip install systemd-python")
    return run_inside("systemd-python", data.path, warm.path)


def pgbadger_stderr(data: Dataset, scratch: Path) -> Sample:
    """Let pgBadger read a stderr log and write its statistics as JSON."""
    return _pgbadger(data, scratch, ["--format", "stderr", "--prefix", LOG_LINE_PREFIX])


def pgbadger_csvlog(data: Dataset, scratch: Path) -> Sample:
    """Let pgBadger read a csvlog and write its statistics as JSON."""
    return _pgbadger(data, scratch, ["--format", "csv"])


def _pgbadger(data: Dataset, scratch: Path, form: Sequence[str]) -> Sample:
    report = scratch / "pgbadger.json"
    program = _found("pgbadger", "apt install pgbadger libjson-xs-perl libtext-csv-xs-perl")
    # A pid folder of its own: pgBadger refuses to run beside another one.
    options = ["--quiet", "--pid-dir", str(scratch), "--extension", "json", "--outfile", str(report)]
    sample = run_process([program, *options, *form, str(data.path)])
    levels = json.loads(report.read_bytes())["logs_type"]["postgres"]
    return Sample(sample.wall, sample.cpu, sum(levels.get(name, 0) for name in SEVERITIES))


def _found(name: str, hint: str) -> str:
    program = shutil.which(name)
    if program is None:
        raise MissingToolError(hint)
    return program
