"""Parsers of other people: found by entry point, and a broken one costs its own format only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import timeline
from timeline import registry

GOOD = '''
import pandas as pd

class TicketParser:
    """Lines such as "TICKET 2026-06-15T14:03:00Z text"."""

    name = "tickets"

    def sniff(self, head):
        return head.startswith(b"TICKET ")

    def parse(self, source):
        rows = [line.split(" ", 2) for line in source.read().decode().splitlines() if line.startswith("TICKET ")]
        yield pd.DataFrame({
            "timestamp": pd.to_datetime([row[1] for row in rows], utc=True),
            "message": [row[2] for row in rows],
        })

parser = TicketParser()
'''
BROKEN_SNIFF = """
class Parser:
    name = "raises"
    def sniff(self, head):
        raise RuntimeError("sniffing went wrong")
    def parse(self, source):
        yield from ()
parser = Parser()
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Make a folder that looks like an installed distribution with three parsers, two of them broken."""
    folder = tmp_path / "site"
    info = folder / "foreign_parsers-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign-parsers\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[timeline.parsers]\ntickets = foreign_good:parser\nbroken = foreign_missing:parser\nraises = foreign_raises:parser\n"
    )
    (folder / "foreign_good.py").write_text(GOOD)
    (folder / "foreign_raises.py").write_text(BROKEN_SNIFF)
    return folder


def run(site: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "timeline", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(site)}, capture_output=True, text=True, check=False, cwd=site.parent,
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    (evidence / "tickets.txt").write_text(
        "TICKET 2026-06-15T14:03:00Z customer calls\n# a comment\nTICKET 2026-06-15T14:04:00+02:00 another\n"
    )
    (evidence / "access.log").write_text(
        '192.0.2.7 - - [15/Jun/2026:14:03:30 +0000] "GET / HTTP/1.1" 200 5 "-" "curl"\n'
    )
    return evidence


def test_a_foreign_parser_is_found_and_a_broken_one_costs_its_own_format(site: Path, folder: Path) -> None:
    result = run(site, folder, "--all", "--format", "jsonl")
    rows = [json.loads(line) for line in result.stdout.splitlines()]

    assert 0 == result.returncode
    assert [
        ("2026-06-15T12:04:00.000000Z", "tickets", "another"),
        ("2026-06-15T14:03:00.000000Z", "tickets", "customer calls"),
    ] == [(row["timestamp"], row["source"], row["message"]) for row in rows if row["source"] == "tickets"]
    assert 1 == sum(row["source"] == "nginx-access" for row in rows)
    assert 1 == result.stderr.count("parser 'broken'")
    assert "Traceback" not in result.stderr


def test_lines_that_a_bare_frame_does_not_mention_are_not_lost(site: Path, folder: Path) -> None:
    result = run(site, folder / "tickets.txt", "--all", "--format", "jsonl")

    assert "3 lines -> 2 events; 1 line not understood" in result.stderr


def test_asking_for_a_broken_parser_names_it(site: Path, folder: Path) -> None:
    result = run(site, f"broken:{folder}/tickets.txt")

    assert 2 == result.returncode
    assert "foreign_missing" in result.stderr
    assert "help:" in result.stderr


def test_a_name_given_twice_is_refused(site: Path) -> None:
    other = site / "rival-1.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: rival\nVersion: 1.0\n")
    (other / "entry_points.txt").write_text("[timeline.parsers]\ntickets = rival:parser\n")
    (site.parent / "t.txt").write_text("TICKET 2026-06-15T14:03:00Z x\n")

    result = run(site, f"tickets:{site.parent}/t.txt")

    assert 2 == result.returncode
    assert "given twice" in result.stderr


def test_our_own_parsers_are_installed() -> None:
    assert {"journald", "nginx-access", "nginx-error", "postgresql", "slack"} <= set(timeline.available_parsers())


@pytest.mark.parametrize("name", ["journald", "nginx-access", "nginx-error", "postgresql", "slack"])
def test_each_parser_bears_the_name_of_its_entry_point(name: str) -> None:
    assert name == registry.get_parser(name).name


def test_an_unknown_parser_names_the_closest() -> None:
    with pytest.raises(timeline.UnknownNameError) as caught:
        timeline.get_parser("nginx-acess")

    assert "nginx-access" in caught.value.help


@pytest.mark.parametrize(
    "head",
    [b"", b"\0" * 100, b"\xff\xfe\xfd", b"{", b"[", b"[{", b"\x1b[31m", "ünïcode".encode(), b"\n\n\n", b"{}\n" * 50],
)
@pytest.mark.parametrize("name", ["journald", "nginx-access", "nginx-error", "postgresql", "slack"])
def test_no_parser_claims_junk(name: str, head: bytes) -> None:
    assert not timeline.get_parser(name).sniff(head)
