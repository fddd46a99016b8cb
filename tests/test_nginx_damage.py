"""Real and wrapped nginx logs, damaged at random: nothing raised, every line counted, undamaged lines still read."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timeline_parsers.nginx_access import parser as access_parser
from timeline_parsers.nginx_error import parser as error_parser

from timeline.containers import Memory
from timeline.parser import Batch, Parser
from timeline.sources import Source

NGINX = Path(__file__).parent.parent / "fixtures" / "nginx"
ACCESS = ["combined", "main", "vhost", "timed", "xff", "json", "msec"]
PLUS = b'{"level":"error","timestamp":"2026-06-15T14:03:11.042+02:00","pid":1,"tid":1,"cnum":7,"msg":"a","errno":2}'


def some_lines(name: str) -> list[bytes]:
    return (NGINX / f"{name}.log").read_bytes().split(b"\n")[:40]


def wrap(line: bytes, kind: str) -> bytes:
    text = line.decode("utf-8", "replace")
    if kind == "docker":
        return json.dumps(
            {"log": f"{text}\n", "stream": "stdout", "time": "2026-06-15T12:03:12Z"}, separators=(",", ":")
        ).encode()
    if kind == "cri":
        return f"2026-06-15T14:03:12.1+02:00 stderr F {text}".encode()
    return f"<190>Jun 15 16:03:12 web-01 nginx: {text}".encode() if kind == "syslog" else line


LINES = {name: some_lines(name) for name in (*ACCESS, "error")} | {"plus": [PLUS] * 5}
LOGS = st.builds(
    lambda name, kind: [wrap(line, kind) for line in LINES[name]],
    st.sampled_from(sorted(LINES)),
    st.sampled_from(["", "", "docker", "cri", "syslog"]),
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """One or two logs: interleaved, lines twice or gone, bytes flipped, cut anywhere."""
    lines = draw(LOGS)
    if draw(st.booleans()):
        other = draw(LOGS)
        places = draw(st.lists(st.integers(0, len(lines)), min_size=1, max_size=5))
        for place in places:
            lines[place:place] = other[place : place + 3]
    for place in draw(st.lists(st.integers(0, len(lines) - 1), max_size=4)):
        lines[place : place + 1] = [lines[place]] * draw(st.sampled_from([0, 2, 3])) or [b""]
    data = bytearray(b"\n".join(lines))
    for place in draw(st.lists(st.integers(0, len(data) - 1), max_size=12)):
        data[place] = draw(st.sampled_from(b'\n\r\0"\\{}[] ,:-0Z\xff\xc3\xa4'))
    begin, end = sorted(draw(st.tuples(st.integers(0, len(data)), st.integers(0, len(data)))))
    return bytes(data[begin:end] if draw(st.booleans()) else data)


class Pieces(Memory):
    """Bytes of which one read gives a few only."""

    def open(self, name: str) -> BinaryIO:
        return Slow(super().open(name).read())


class Slow(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        return super().read(200 if size is None or size < 0 else min(size, 200))


def read(parser: Parser, data: bytes, size: int = 1 << 24) -> dict[str, int]:
    sums = dict.fromkeys(("lines", "records", "continuation", "blank", "unparsed"), 0)
    for batch in parser.parse(Source(Pieces("log", data), "", block_size=size)):
        assert isinstance(batch, Batch)
        assert batch.lines == len(batch.records) + batch.continuation + batch.blank + batch.unparsed
        for name in sums:
            sums[name] += len(batch.records) if name == "records" else getattr(batch, name)
    return sums


@pytest.mark.parametrize("parser", [access_parser, error_parser], ids=lambda parser: parser.name)
@given(data=damaged())
@settings(deadline=None, max_examples=40)
def test_every_line_of_a_damaged_log_is_counted(parser: Parser, data: bytes) -> None:
    sums = read(parser, data)

    plain = Source(Memory("log", data), "").read()
    assert sums["lines"] == plain.count(b"\n") + (bool(plain) and not plain.endswith(b"\n"))
    assert 0 <= parser.sniff(data) <= 1


@pytest.mark.parametrize("parser", [access_parser, error_parser], ids=lambda parser: parser.name)
@given(data=damaged(), size=st.integers(20, 3000))
@settings(deadline=None, max_examples=40)
def test_the_size_of_blocks_changes_nothing_in_a_damaged_log(parser: Parser, data: bytes, size: int) -> None:
    assert read(parser, data, size) == read(parser, data)


@given(name=st.sampled_from(ACCESS[:-1]), data=st.data())
@settings(deadline=None, max_examples=40)
def test_damage_of_one_line_costs_no_other(name: str, data: st.DataObject) -> None:
    lines = [line for line in LINES[name] if line]
    place = data.draw(st.integers(0, len(lines) - 1))
    lines[place] = data.draw(st.binary(max_size=60)).replace(b"\n", b"") + lines[place][data.draw(st.integers(1, 30)) :]

    sums = read(access_parser, b"\n".join(lines) + b"\n")

    assert sums["lines"] == len(lines)
    assert sums["records"] >= len(lines) - 1
