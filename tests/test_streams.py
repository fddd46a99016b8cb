"""The streams of the command: closed, full, not to be written, and names that are not UTF-8."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ACCESS = '192.0.2.7 - - [15/Jun/2026:14:03:01 +0000] "GET /checkout HTTP/1.1" 200 5 "-" "curl"\n'


@pytest.fixture
def incident(tmp_path: Path) -> Path:
    folder = tmp_path / "incident"
    folder.mkdir()
    (folder / "access.log").write_text(ACCESS)
    return folder


def shell(command: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["bash", "-c", command.replace("RUN", f"{sys.executable} -m timeline")],
        cwd=cwd,
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("RUN incident >&-", 2), ("RUN incident 2>&-", 0), ("RUN incident >&- 2>&-", 2), ("RUN incident <&-", 0),
        ("RUN incident -o out.md >&-", 0), ("RUN - <&-", 2), ("RUN nowhere 2>&-", 2), ("RUN --help >&-", 0),
        ("RUN incident -o nowhere/out.md", 2), ("RUN incident -o .", 2), ("RUN incident -o /dev/null", 0),
        ("RUN incident -o /dev/full", 2), ("RUN incident --format table --since 2027-01-01", 0),
        ("RUN incident --format csv --since 2027-01-01", 0), ("RUN incident --explain --into x.md", 2),
    ],
)  # fmt: skip
def test_streams_that_are_closed_or_full_are_no_traceback(incident: Path, command: str, status: int) -> None:
    result = shell(command, incident.parent)

    assert status == result.returncode
    assert b"Traceback" not in result.stderr
    assert b".tmp" not in result.stderr
    assert not list(incident.parent.glob(".timeline-build-*"))


@pytest.mark.parametrize("form", ["markdown", "jsonl", "csv", "table"])
def test_a_name_that_is_not_utf_8_is_written_as_text(incident: Path, form: str) -> None:
    (incident / "access.log").rename(incident / os.fsdecode(b"na\xefve.log"))
    result = shell(f"RUN incident --all --format {form} --citations -v", incident.parent)

    assert 0 == result.returncode
    assert rb"incident/na\xefve.log: nginx-access" in result.stderr
    result.stdout.decode("utf-8")


def test_names_cannot_write_to_the_terminal(incident: Path) -> None:
    (incident / "a\x1b[31m\nb.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    result = shell("RUN incident", incident.parent)

    assert b"warning: incident/a \xe2\x8f\x8e b.png: not a log (a PNG picture); left out\n" in result.stderr


def test_a_zone_far_from_any_does_not_list_them_all(incident: Path) -> None:
    result = shell("RUN incident --tz 5", incident.parent)

    assert 2 == result.returncode
    assert len(result.stderr) < 1000


@pytest.mark.parametrize("window", ["", "--since 2026-06-15"])
def test_strict_knows_of_what_has_no_time(incident: Path, window: str) -> None:
    line = "Jun 15 14:03:11 web-01 app[1]: x"

    assert 3 == shell(f"echo '{line}' | RUN - --tz UTC --strict {window}", incident.parent).returncode
    assert 0 == shell(f"echo '{line}' | RUN - --tz UTC --year 2026 --strict {window}", incident.parent).returncode
