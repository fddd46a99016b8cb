"""Damaged texts of a journal in every shape: nothing raises, every line is counted, blocks of any size read alike."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from timeline_parsers.journald import READERS, parser

from timeline import schema
from timeline.containers import Memory
from timeline.parser import Batch
from timeline.sources import Source

FIXTURES = Path(__file__).parent.parent / "fixtures" / "journald"
BOOT = "0123456789abcdef0123456789abcdef"
PIECE = 97


class Pieces(Source):
    """A source that comes in small pieces."""

    def chunks(self) -> Iterator[bytes]:
        data = self.read_all()
        return (data[at : at + PIECE] for at in range(0, len(data), PIECE))

    def read_all(self) -> bytes:
        return b"".join(super().chunks())


def head_of(name: str, size: int = 3000) -> bytes:
    data = (FIXTURES / name).read_bytes()
    return data[: data.index(b"\n", size) + 1]


def export() -> bytes:
    odd = [b"plain", b"two\nlines\n", b"\0\x01", b"", b"a\n\n__REALTIME_TIMESTAMP=1\n", b"x" * 300]
    entries = [
        f"__REALTIME_TIMESTAMP={1_781_532_191_000_000 + place}\n_HOSTNAME=h\n".encode()
        + (b"MESSAGE=" + value if value.isalpha() else b"MESSAGE\n" + struct.pack("<Q", len(value)) + value)
        + b"\nPRIORITY=3\n\n"
        for place, value in enumerate(odd * 3)
    ]
    return b"".join(entries)


def pretty() -> bytes:
    objects = [orjson.loads(line) for line in head_of("entries-all.json").splitlines()]
    texts = [orjson.dumps(entry, option=orjson.OPT_INDENT_2).replace(b"\n  ", b"\n\t") for entry in objects]
    return b"\n".join(texts) + b"\n"


def verbose() -> bytes:
    head = f"Mon 2026-06-15 10:03:11.000101 EDT [s=0;i=1;b={BOOT};m=3;t=6544b49673ec5;x=5]\n"
    field = "    MESSAGE="
    entry = f"{head}    PRIORITY=3\n{field}one\n{' ' * len(field)}{head}\n{' ' * len(field)}two\n    _PID=7\n"
    return f"{entry}{entry}-- Boot {BOOT} --\n{entry}".encode()


def foreign() -> bytes:
    head = " 3月 08 14:03:11 hôst a[1]: "
    more = f"{' ' * len(head.encode())}more\n"
    return f"{head}one\n{more}\n{more}-- Boot {BOOT} --\n{head}two\nMär 08 14:03:12 h b: three\n".encode()


@cache
def texts() -> dict[str, bytes]:
    json = head_of("entries-all.json")
    return {
        "export": export(), "recorded export": head_of("export.txt"), "json": json, "pretty": pretty(),
        "sse": b"".join(b"data: " + line + b"\n\n" for line in json.splitlines()),
        "seq": b"".join(b"\x1e" + line + b"\n" for line in json.splitlines()),
        "short": head_of("short.berlin.txt"), "short-iso": head_of("short-iso.all.utc.txt"),
        "short-full": head_of("short-full.new-york.txt"), "short-unix": head_of("short-unix.txt"),
        "months": foreign(), "verbose": verbose(),
        "monotonic": b"[  900.000101] h a[1]: one\n[  901.000101 <    1.000000 >] h a[1]: two\n",
    }  # fmt: skip


SHAPES = tuple(texts())
STRANGE = st.sampled_from([0, 1, 9, 10, 13, 27, 30, 32, 34, 45, 61, 91, 123, 125, 128, 255])
PLACE = st.floats(0, 1, exclude_max=True)
DAMAGE = st.one_of(
    st.tuples(st.just("flip"), PLACE, STRANGE),
    st.tuples(st.just("cut"), PLACE, PLACE),
    st.tuples(st.just("duplicate"), PLACE, PLACE),
    st.tuples(st.just("end"), PLACE, st.just(0)),
    st.tuples(st.just("interleave"), PLACE, st.sampled_from(SHAPES)),
)


def damage(data: bytes, kind: str, first: float, second: Any) -> bytes:
    at = int(first * len(data))
    if kind == "flip":
        return data[:at] + bytes([second]) + data[at + 1 :]
    if kind == "end":
        return data[:at]
    if kind == "interleave":
        lines, others = data.splitlines(keepends=True), texts()[second].splitlines(keepends=True)
        place = int(first * len(lines))
        mixed = [line for pair in zip(lines[place:], others, strict=False) for line in pair]
        return b"".join(lines[:place] + mixed)
    start, end = sorted((at, int(second * len(data))))
    return data[:start] + data[end:] if kind == "cut" else data[:end] + data[start:]


def read(source: Source) -> tuple[pd.DataFrame, list[int], set[str]]:
    """Return the records, the counts, and the warnings of *source*."""
    found: list[Batch] = list(parser.parse(source))
    for batch in found:
        counted = batch.continuation + batch.blank + batch.decoration + batch.unparsed
        assert batch.lines == len(batch.records) + counted
    names = ("lines", "continuation", "blank", "decoration", "unparsed")
    counts = [sum(getattr(batch, name) for batch in found) for name in names]
    return (
        schema.concat([batch.records for batch in found]),
        counts,
        {text for batch in found for text in batch.warnings},
    )


def check(data: bytes) -> None:
    parser.sniff(data)
    records, counts, _ = read(Source(Memory("x", data), ""))
    assert counts[0] == data.count(b"\n") + (not data.endswith(b"\n") and bool(data))
    assert records["line"].is_monotonic_increasing
    again, same_counts, _ = read(Pieces(Memory("x", data), "", block_size=500))
    assert counts == same_counts
    for name in records.columns.union(again.columns):
        assert values(records, name) == values(again, name), name


def values(frame: pd.DataFrame, name: str) -> list[Any]:
    column = frame[name] if name in frame else pd.Series([None] * len(frame), dtype=object)
    return [None if pd.isna(value) else value for value in column]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_recognised_and_read_whole(shape: str) -> None:
    data = texts()[shape]

    assert parser.sniff(data) > 0.9
    check(data)
    records, counts, _ = read(Source(Memory("x", data), ""))
    assert (0, True) == (counts[4], len(records) > 1)


@pytest.mark.parametrize("shape", SHAPES)
@settings(max_examples=25)
@given(st.lists(DAMAGE, min_size=1, max_size=4))
def test_damage_is_counted_and_never_raised(shape: str, harm: list[tuple[str, float, Any]]) -> None:
    data = texts()[shape]
    for kind, first, second in harm:
        data = damage(data, kind, first, second)

    check(data)


@pytest.mark.parametrize("shape", [name for name in READERS if name != "binary"])
@settings(max_examples=25)
@given(st.binary(max_size=400))
@example(b"")
@example(b"\n")
@example(b"    \n \n\t\n")
@example(b" ")
@example("\u2028 3月".encode())
def test_no_reader_raises_on_bytes_of_another_kind(shape: str, data: bytes) -> None:
    for batch in READERS[shape](Source(Memory("x", data), "")):
        counted = batch.continuation + batch.blank + batch.decoration + batch.unparsed
        assert batch.lines == len(batch.records) + counted
