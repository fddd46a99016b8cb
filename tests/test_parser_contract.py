"""Every installed parser, and the one of the documentation, keeps the contract; and the check finds what breaks it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import timeline
from timeline.containers import Folder
from timeline.parser import Batch
from timeline.sources import Source
from timeline.testing import check_parser

ROOT = Path(__file__).parent.parent
FIXTURES = ROOT / "fixtures"
PAGE = ROOT / "docs/writing-a-parser.md"
TICKETS = b"2026-06-15 14:03:11 alice opened 4711\n\nnoise\n2026-06-15 14:05:00 bob closed 4711\n"
MANY_TICKETS = "".join(f"2026-06-15 14:{n // 60:02}:{n % 60:02} alice opened {n}\n" for n in range(600)).encode()


def first_lines(path: Path, size: int) -> bytes:
    data = path.read_bytes()[:size]
    return data[: data.rindex(b"\n") + 1]


NGINX = {"combined.log": 3_000, "json.log": 4_000, "main.log": 3_000, "timed.log": 3_000, "vhost.log": 2_000}
POSTGRESQL = {"debian.csv": 5_000, "debian.json": 6_000, "stderr-app.log": 3_000, "stderr-debian.log": 5_000,
              "stderr-rds.log": 3_000, "stderr-terse-epoch.log": 2_800, "stderr-verbose.log": 4_000}  # fmt: skip
JOURNALD = {"entries.json": 8_000, "export.txt": 8_000, "short-full.new-york.txt": 5_000,
            "short-iso-precise.utc.txt": 5_000, "short-unix.txt": 5_000, "short.utc.txt": 5_000}  # fmt: skip
SAMPLES: list[tuple[str, bytes | Source]] = [
    *(("nginx-access", first_lines(FIXTURES / "nginx" / name, size)) for name, size in NGINX.items()),
    ("nginx-error", first_lines(FIXTURES / "nginx/error.log", 5_000)),
    *(("postgresql", first_lines(FIXTURES / "postgresql" / name, size)) for name, size in POSTGRESQL.items()),
    *(("journald", first_lines(FIXTURES / "journald" / name, size)) for name, size in JOURNALD.items()),
    ("slack", Source(Folder(FIXTURES / "slack"), "alerts/2026-11-24.json")),
    ("slack", Source(Folder(FIXTURES / "slack"), "ops/2026-11-25.json")),
]


@pytest.mark.parametrize(("name", "sample"), SAMPLES)
def test_installed_parser_keeps_the_contract(name: str, sample: bytes | Source) -> None:
    check_parser(timeline.get_parser(name), sample, physical=name != "slack", rounds=4)


def test_every_installed_parser_of_ours_is_checked() -> None:
    assert {name for name, _ in SAMPLES} == set(timeline.available_parsers())


def ticket_parser() -> Any:
    """Make the parser of the page, of the code that a reader sees."""
    lines = re.findall(r"^(?:>>>|\.\.\.) ?(.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    code = "\n".join(lines[: next(row for row, line in enumerate(lines) if "import check_parser" in line)])
    assert len([line for line in code.splitlines() if line.strip()]) < 40
    names: dict[str, Any] = {}
    exec(code, names)
    return names["TicketParser"]()


def test_the_parser_of_the_page_keeps_the_contract() -> None:
    check_parser(ticket_parser(), TICKETS)
    check_parser(ticket_parser(), MANY_TICKETS, rounds=3)


class Broken:
    """The parser of the page, with one defect."""

    name = "broken"

    def __init__(self) -> None:
        self.good = ticket_parser()

    def sniff(self, head: bytes) -> Any:
        return self.good.sniff(head)

    def parse(self, source: Source) -> Iterator[Any]:
        yield from self.good.parse(source)


class ClaimsJunk(Broken):
    def sniff(self, head: bytes) -> Any:
        return bool(head)


class ClaimsNothing(Broken):
    def sniff(self, head: bytes) -> Any:
        return 0.0 * len(head)


class IsTooSure(Broken):
    def sniff(self, head: bytes) -> Any:
        return 100 * self.good.sniff(head)


class RaisesOnOddBytes(Broken):
    def parse(self, source: Source) -> Iterator[Any]:
        source.read().decode("ascii")
        yield from self.good.parse(source)


class LosesALine(Broken):
    def parse(self, source: Source) -> Iterator[Any]:
        for batch in self.good.parse(source):
            yield Batch(batch.records, batch.lines - batch.blank, unparsed=batch.unparsed)


class DoesNotAddUp(Broken):
    def parse(self, source: Source) -> Iterator[Any]:
        for batch in self.good.parse(source):
            yield Batch(batch.records, batch.lines)


class InventsASeverity(Broken):
    def parse(self, source: Source) -> Iterator[Any]:
        for batch in self.good.parse(source):
            batch.records["severity"] = "fatal"
            yield batch


class KnowsNoLines(Broken):
    def parse(self, source: Source) -> Iterator[Any]:
        for batch in self.good.parse(source):
            yield Batch(batch.records.drop(columns="line"), batch.lines, blank=batch.blank, unparsed=batch.unparsed)


class Reverses(Broken):
    def parse(self, source: Source) -> Iterator[Any]:
        for batch in self.good.parse(source):
            yield Batch(batch.records[::-1], batch.lines, blank=batch.blank, unparsed=batch.unparsed)


class DependsOnBlocks(Broken):
    def parse(self, source: Source) -> Iterator[Any]:
        for batch in self.good.parse(source):
            batch.records["message"] = f"{len(batch.records)} in a batch"
            yield batch


class GivesNumbers(Broken):
    def parse(self, source: Source) -> Iterator[Any]:
        yield from range(len(source.head))


class HasTextForTimes(Broken):
    def parse(self, source: Source) -> Iterator[Any]:
        for batch in self.good.parse(source):
            batch.records["wall"] = "14:03"
            yield batch


DEFECTS = {
    ClaimsJunk: "sniff() claims blank lines",
    ClaimsNothing: "sniff() does not claim the sample",
    IsTooSure: "not a share between 0 and 1",
    RaisesOnOddBytes: "parse() raised UnicodeDecodeError",
    LosesALine: "accounts for 3 of the 4 lines of the sample",
    DoesNotAddUp: "read 4 lines and accounts for 2",
    InventsASeverity: "severity is ['fatal'] in the sample",
    KnowsNoLines: "records without the column 'line'",
    Reverses: "not in the order of the lines",
    DependsOnBlocks: "in blocks of 1 bytes gives message = '1 in a batch'",
    GivesNumbers: "gave a int, not a Batch or a frame",
    HasTextForTimes: "records that do not fit the schema",
}


@pytest.mark.parametrize(("defect", "sentence"), DEFECTS.items(), ids=lambda item: getattr(item, "__name__", ""))
def test_each_defect_is_found_and_named(defect: type[Broken], sentence: str) -> None:
    with pytest.raises(AssertionError, match=re.escape(sentence)):
        check_parser(defect(), TICKETS)


class NeedsItsFirstLine(Broken):
    def starts_anywhere(self, source: Source) -> bool:
        return bool(source.head)

    def parse(self, source: Source) -> Iterator[Any]:
        first = source.read().partition(b"\n")[0].decode("utf-8", "replace")
        for batch in self.good.parse(source):
            batch.records["actor"] = first
            yield batch


def test_a_parser_that_does_not_start_anywhere_is_found() -> None:
    with pytest.raises(AssertionError, match=r"reading the window .* gives actor = "):
        check_parser(NeedsItsFirstLine(), MANY_TICKETS, rounds=3)


def test_a_parser_that_yields_frames_keeps_the_contract() -> None:
    class Frames(Broken):
        def parse(self, source: Source) -> Iterator[pd.DataFrame]:
            yield pd.concat([batch.records for batch in self.good.parse(source)] or [pd.DataFrame({"line": []})])

    check_parser(Frames(), TICKETS)


def test_a_sample_can_be_a_path(tmp_path: Path) -> None:
    (tmp_path / "tickets.txt").write_bytes(TICKETS)

    check_parser(ticket_parser(), tmp_path / "tickets.txt", rounds=1)


def test_the_check_needs_no_test_library() -> None:
    code = "import sys, timeline.testing; sys.exit(bool({'pytest', 'hypothesis'} & set(sys.modules)))"

    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode
