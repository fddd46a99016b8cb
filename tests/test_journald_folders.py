"""Journals as they are handed over: folders of any depth, namespaces, growing and shrinking files, what has no time."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from timeline_parsers import _journal_objects as objects
from timeline_parsers.journald import parser

import timeline
from timeline.containers import Folder, Memory
from timeline.parser import Batch
from timeline.sources import Source

JOURNAL = Path(__file__).parent.parent / "fixtures" / "journald" / "system.journal"
MACHINE = "ad6466acf10541cabb8f5f19faa8fdd0"
# journalctl --file system.journal -o json | wc -l
ENTRIES = 158


def batches(data: bytes) -> list[Batch]:
    return list(parser.parse(Source(Memory("x", data), "")))


@pytest.mark.parametrize(
    "place",
    [
        "system.journal", f"var/log/journal/{MACHINE}/system.journal", f"run/log/journal/{MACHINE}.shop/system.journal",
        f"sos/host/var/log/journal/{MACHINE}/user-1000@0006544b48bee914-0123456789abcdef.journal~",
        "remote/remote-web-01.journal", "copy.bin",
    ],
)  # fmt: skip
def test_a_journal_is_found_at_any_depth_and_under_any_name(tmp_path: Path, place: str) -> None:
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(JOURNAL, tmp_path / place)

    evidence = timeline.read(tmp_path)

    assert [f"{tmp_path}/{place}"] == evidence.events["file"].unique().tolist()
    assert ENTRIES == len(evidence.events)


@pytest.mark.parametrize("seals", [1, 2, 4, 0xFF])
def test_compatible_flags_are_not_looked_at(seals: int) -> None:
    data = bytearray(JOURNAL.read_bytes())
    data[8] |= seals

    assert ENTRIES == sum(len(batch.records) for batch in batches(bytes(data)))


def test_what_is_decompressed_of_a_file_is_limited_in_sum() -> None:
    inflater = objects.Inflater()
    packed = bytes(pa.Codec("zstd").compress(b"MESSAGE=" + b"x" * 1000, asbytes=True))
    inflater.left = 1500

    assert inflater.inflate(packed, objects.ZSTD_OBJECT) is not None
    assert inflater.inflate(packed, objects.ZSTD_OBJECT) is None
    assert (492, 1) == (inflater.left, inflater.refused)


class Shrinking(io.FileIO):
    """A file that journald shortens between the look at its size and the reading."""

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        return super().readinto(view[: len(view) // 2]) or 0


def test_a_file_that_shrinks_while_it_is_read_gives_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Folder, "open", lambda self, member: Shrinking(f"{self.label}/{member}"))

    found = list(parser.parse(Source(Folder(str(JOURNAL.parent)), JOURNAL.name)))

    assert 0 < sum(len(batch.records) for batch in found) <= ENTRIES
    assert any("truncated" in text for batch in found for text in batch.warnings)


def test_output_without_times_names_a_better_command() -> None:
    data = b"Started nginx.service - A web server.\nupstream timed out: 3\n"

    (*_, last) = batches(data)

    assert 0 == parser.sniff(data)
    assert "journalctl -o export" in last.warnings[0]
    assert 2 == sum(batch.unparsed for batch in batches(data))
    assert not [batch.warnings for batch in batches(b"-- No entries --\n") if batch.warnings]
