"""`journalctl -o verbose`: equal to the journal file itself, as far as journalctl prints it."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from timeline_parsers.journald import parser

from timeline import schema
from timeline.containers import Memory
from timeline.parser import Batch
from timeline.sources import BLOCK_SIZE, Source

JOURNAL = Path(__file__).parent.parent / "fixtures" / "journald" / "system.journal"
BOOT = "0123456789abcdef0123456789abcdef"
HEAD = f"Mon 2026-06-15 10:03:11.000101 EDT [s=0;i=1;b={BOOT};m=3;t=6544b49673ec5;x=5]\n"
# 0x6544b49673ec5 microseconds after 1970.
RECEIVED = 1_781_532_191_047_365


def batches(data: bytes, block_size: int = BLOCK_SIZE) -> list[Batch]:
    found = list(parser.parse(Source(Memory("x", data), "", block_size=block_size)))
    for batch in found:
        counted = batch.continuation + batch.blank + batch.decoration + batch.unparsed
        assert batch.lines == len(batch.records) + counted
    is_text = not data.startswith(b"LPKSHHRH")
    assert not is_text or len(data.removesuffix(b"\n").split(b"\n")) == sum(batch.lines for batch in found)
    return found


def read(data: bytes, block_size: int = BLOCK_SIZE) -> pd.DataFrame:
    return schema.concat([batch.records for batch in batches(data, block_size)])


def only(text: str) -> dict[str, Any]:
    (row,) = read(text.encode()).to_dict("records")
    return {str(name): None if pd.isna(value) else value for name, value in row.items()}


def values(column: pd.Series) -> list[Any]:
    return [None if pd.isna(value) else value for value in column]


@cache
def journalctl(*options: str, zone: str = "UTC", **environment: str) -> bytes:
    if not shutil.which("journalctl"):
        pytest.fail("journalctl is missing: apt install systemd")
    command = ["journalctl", "--file", str(JOURNAL), "-o", "verbose", "--no-pager", *options]
    return subprocess.run(command, capture_output=True, check=True, env={"TZ": zone, **environment}).stdout


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York"])
def test_verbose_equals_the_binary_in_every_column(zone: str) -> None:
    text = journalctl(zone=zone)

    assert parser.sniff(text[: 1 << 16]) == 1
    verbose = read(text).set_index("ref")
    binary = read(JOURNAL.read_bytes()).set_index("ref").loc[verbose.index]
    for column in binary.columns.drop(["line", "message"]):
        assert values(binary[column]) == values(verbose[column]), column
    # What journalctl does not print as it is: control characters, and a line end that ends the message.
    message = binary["message"].fillna("")
    plain = ~message.str.contains("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\ufffd]", regex=True) & ~message.str.endswith("\n")
    assert values(binary.loc[plain, "message"]) == values(verbose.loc[plain, "message"])
    assert plain.sum() > 0.9 * len(verbose)
    assert len(verbose) == len(read(JOURNAL.read_bytes()))
    assert not sum(batch.unparsed for batch in batches(text))


def test_verbose_reads_alike_in_blocks_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    text = journalctl()[:60_000]
    whole = read(text)
    monkeypatch.setattr(Source, "chunks", lambda _: (text[at : at + 997] for at in range(0, len(text), 997)))

    for size in (1, 5000, 20_000):
        pd.testing.assert_frame_equal(whole, read(text, size), check_categorical=False)


def test_colours_do_not_matter() -> None:
    coloured = journalctl(SYSTEMD_COLORS="1")

    assert b"\x1b" in coloured
    assert parser.sniff(coloured[: 1 << 16]) == 1
    assert read(journalctl())["message"].equals(read(coloured)["message"])


def test_the_cursor_tells_the_time_whatever_the_zone() -> None:
    row = only(f"{HEAD}    MESSAGE=m\n")

    assert (RECEIVED, "UTC", BOOT) == (row["wall"], row["zone"], row["systemd.boot_id"])
    assert HEAD[:-2].partition("[")[2] == row["ref"]


def test_the_time_of_the_sender_comes_first() -> None:
    row = only(f"{HEAD}    _SOURCE_REALTIME_TIMESTAMP=1781532191000101\n    MESSAGE=m\n")

    assert (1_781_532_191_000_101, RECEIVED) == (row["wall"], row["journald.realtime"])


def test_a_message_can_forge_neither_an_entry_nor_a_field() -> None:
    indent = " " * len("    MESSAGE=")
    text = f"{HEAD}    MESSAGE=one\n{indent}_HOSTNAME=evil\n{indent}{HEAD}{indent}    PRIORITY=0\n\n{indent}end\n"

    row = only(text + "    PRIORITY=6\n")

    assert f"one\n_HOSTNAME=evil\n{HEAD}    PRIORITY=0\n\nend" == row["message"]
    assert (None, "info") == (row["host"], row["severity"])


def test_lines_of_no_field_are_counted() -> None:
    text = f"    PRIORITY=3\n-- Boot {BOOT} --\n{HEAD}    MESSAGE=m\n   strange\n\n    _FSS_\nstray\n{HEAD}"

    (batch,) = batches(text.encode())

    assert ["m", None] == values(batch.records["message"])
    assert (1, 1, 1, 4) == (batch.continuation, batch.decoration, batch.blank, batch.unparsed)
    assert [1, 5, 7, 8] == [line for line, _ in batch.unparsed_examples]
