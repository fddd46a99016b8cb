"""Journals as they are handed over: folders of any depth, namespaces, growing and shrinking files, what has no time."""

from __future__ import annotations

import io
import lzma
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from timeline_parsers import _journal_objects as objects
from timeline_parsers._journal_binary import read_numbers
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


def test_a_damaged_value_costs_no_other_that_is_decompressed_with_it() -> None:
    values = [b"MESSAGE=" + bytes([ord("a") + number]) * (600 + number) for number in range(5)]
    packed = [bytes(pa.Codec("zstd").compress(value, asbytes=True)) for value in values]
    inflater = objects.Inflater()

    assert values == inflater.inflate_all(packed, [objects.ZSTD_OBJECT] * 5)
    for harm in (packed[2][:-3], packed[2] + b"end", packed[2][:9] + b"\xff" + packed[2][10:], b""):
        found = inflater.inflate_all([*packed[:2], harm, *packed[3:]], [objects.ZSTD_OBJECT] * 5)
        assert [*values[:2], None, *values[3:]] == found
    assert 4 == inflater.refused


@pytest.mark.parametrize("digits", [1, 7, 8, 9, 15, 16, 17, 18, 19])
@pytest.mark.parametrize("harm", [None, b"/", b":", b"-", b" ", b"\xb9", b"\0"])
def test_numbers_are_read_as_python_reads_them(digits: int, harm: bytes | None) -> None:
    texts = [b"9876543210123456789"[:digits], b"0" * digits, b"1".rjust(digits, b"0"), b"9" * digits]
    if harm is not None:
        texts = [text[:place] + harm + text[place + 1 :] for text in texts for place in range(digits)]
    ends = 24 + np.cumsum([len(text) + 1 for text in texts]) - 1
    starts = ends - [len(text) for text in texts]

    found = read_numbers(np.frombuffer(b"7" * 24 + b"=".join(texts), np.uint8), starts, ends)

    assert [int(text) if text.isdigit() and len(text) <= 18 else -1 for text in texts] == found.tolist()


@pytest.mark.parametrize("pack", [objects.XZ, objects.LZ4, objects.ZSTD_OBJECT], ids=["xz", "lz4", "zstd"])
@pytest.mark.parametrize("text", [b"COREDUMP=\x7fELF" + bytes(range(256)) * 900, b"MESSAGE=" + b"ab" * 200_000])
def test_the_name_of_a_large_value_is_known_before_it_is_decompressed(pack: int, text: bytes) -> None:
    if pack == objects.XZ:
        packed = lzma.compress(text, check=lzma.CHECK_NONE)
    elif pack == objects.LZ4:
        packed = len(text).to_bytes(8, "little") + bytes(pa.Codec("lz4_raw").compress(text, asbytes=True))
    else:
        packed = bytes(pa.Codec("zstd").compress(text, asbytes=True))
    inflater = objects.Inflater()

    assert text.startswith(inflater.peek(packed, pack))
    assert 9 <= len(inflater.peek(packed, pack)) <= 64
    assert text == inflater.inflate(packed, pack)
    for damaged in (packed[:8], packed[:9], b"", b"\xff" * 40):
        assert len(inflater.peek(damaged, pack)) <= 64


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
