"""nginx parsers under random input: nothing raised, every line counted, one result whichever way it is read."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from timeline_parsers._nginx_cut import Cuts, Lines, cut_by_pattern, cut_by_steps
from timeline_parsers._nginx_format import KNOWN_FORMATS, compile_format
from timeline_parsers.nginx_access import parser as access_parser
from timeline_parsers.nginx_error import parser as error_parser

from timeline import textlog
from timeline.containers import Memory
from timeline.parser import Batch, Parser
from timeline.schema import concat
from timeline.sources import Source
from timeline.textlog import clean

PARSERS = [access_parser, error_parser]

STAMP = "15/Jun/2026:14:03:11 +0200"
WORDS = st.sampled_from(
    ["-", "", "a", "203.0.113.9", "::1", "200", "404", "12", '"', "\\", r"\"", r"\x22", "[", "]", " ", ",", ", ", ":", "é", "\0",
     f"[{STAMP}]", STAMP, '"GET / HTTP/1.1"', "10.0.0.1, 10.0.0.2", "unix:", "rt=0.1", "x y", "{", "}", "\r"]
)  # fmt: skip
VALUES = st.lists(WORDS, max_size=3).map("".join)
ERROR_LINES = st.sampled_from(
    ["2026/06/15 14:03:11 [error] 1#1: *1 a", "2026/06/15 14:03:12 [notice] 1#1: b, client: 1.2.3.4, server: x",
     "nginx: [emerg] c", " more", "", "2026/13/15 14:03:11 [error] 1#1: d", "Stack trace:"]
)  # fmt: skip


@st.composite
def lines_like(draw: st.DrawFn, text: str) -> str:
    """A line of the format *text*, some of whose values or literals are odd."""
    usual = {
        "time_local": STAMP,
        "status": "200",
        "server_port": "80",
        "remote_addr": "203.0.113.9",
        "host": "shop.example",
    }
    parts = []
    for step in compile_format(text).steps:
        parts.append(step.literal.decode() if draw(st.integers(0, 30)) else draw(VALUES))
        parts.append(draw(VALUES) if not draw(st.integers(0, 2)) else usual.get(step.variable, "x"))
    parts.append(compile_format(text).tail.decode())
    return "".join(parts).replace("\n", "")


FORMATS = st.sampled_from(sorted(KNOWN_FORMATS))
LOGS = FORMATS.flatmap(lambda name: st.lists(st.one_of(lines_like(name), ERROR_LINES, VALUES), min_size=1, max_size=12))


def read(parser: Parser, data: bytes) -> list[Batch]:
    batches = list(parser.parse(Source(Memory("log", data), "")))
    assert all(isinstance(batch, Batch) for batch in batches)
    return batches  # type: ignore[return-value]


def count(batches: list[Batch]) -> tuple[int, ...]:
    for batch in batches:
        assert batch.lines == len(batch.records) + batch.continuation + batch.blank + batch.unparsed
    return tuple(
        sum(getattr(batch, name) for batch in batches) for name in ("lines", "continuation", "blank", "unparsed")
    )


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
@given(data=st.one_of(st.binary(max_size=300), LOGS.map(lambda lines: "\n".join(lines).encode())))
@settings(deadline=None, max_examples=60)
def test_no_bytes_are_an_exception_and_every_line_is_counted(parser: Parser, data: bytes) -> None:
    lines = count(read(parser, data))[0]

    plain = Source(Memory("log", data), "").read()
    assert lines == plain.count(b"\n") + (bool(plain) and not plain.endswith(b"\n"))
    assert 0 <= parser.sniff(data) <= 1


@given(name=FORMATS, data=st.data())
@settings(deadline=None, max_examples=150)
def test_steps_find_what_the_pattern_finds(name: str, data: st.DataObject) -> None:
    compiled = compile_format(name)
    texts = data.draw(st.lists(lines_like(name), min_size=1, max_size=8))
    lines = Lines(clean(("\n".join(texts) + "\n").encode()))

    steps = cut_by_steps(lines, compiled)

    every = np.arange(len(lines))
    pattern = Cuts({}, np.zeros(len(lines), bool))
    pattern.put(*cut_by_pattern(lines, every, compiled.pattern))
    for row in np.flatnonzero(steps.found).tolist():
        assert pattern.found[row]
        for variable, (begin, end) in steps.spans.items():
            assert (begin[row], end[row]) == tuple(side[row] for side in pattern.spans[variable]), variable


def test_steps_read_every_usual_line() -> None:
    for name in KNOWN_FORMATS:
        compiled = compile_format(name)
        usual = {"time_local": STAMP, "status": "200", "server_port": "80", "remote_addr": "203.0.113.9",
                 "http_x_forwarded_for": "10.0.0.1"}  # fmt: skip
        line = "".join(step.literal.decode() + usual.get(step.variable, "x") for step in compiled.steps)
        lines = Lines(clean(((line + compiled.tail.decode() + "\n") * 3).encode()))

        assert cut_by_steps(lines, compiled).found.all(), name


def in_small_blocks(parser: Parser, data: bytes, size: int, monkeypatch: pytest.MonkeyPatch) -> list[Batch]:
    """Read with blocks of about *size* bytes."""

    def blocks(source: Source) -> Iterator[textlog.RawBlock]:
        raw, number, place = source.read(), 1, 0
        raw += b"" if raw.endswith(b"\n") else b"\n"
        while place < len(raw):
            end = raw.index(b"\n", min(place + size, len(raw) - 1)) + 1
            yield textlog.RawBlock(raw[place:end], number)
            number, place = number + raw[place:end].count(b"\n"), end

    monkeypatch.setattr("timeline_parsers._nginx_records.read_raw_blocks", blocks)
    return read(parser, data)


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
@given(lines=LOGS, size=st.integers(1, 400))
@example(lines=["2026/06/15 14:03:11 [error] 1#1: *1 a", "", " more", "", "nginx: [emerg] c"], size=1)
@settings(deadline=None, max_examples=40)
def test_the_size_of_blocks_changes_nothing(parser: Parser, lines: list[str], size: int) -> None:
    data = "\n".join(lines).encode()
    if not data:
        return
    whole = read(parser, data)
    with pytest.MonkeyPatch.context() as monkeypatch:
        small = in_small_blocks(parser, data, size, monkeypatch)

    assert count(small) == count(whole)
    left, right = concat(batch.records for batch in small), concat(batch.records for batch in whole)
    for name in ("wall", "zone", "line", "message", "severity", "client.address"):
        pd.testing.assert_series_equal(
            left[name].astype(object), right[name].astype(object), check_names=False, check_index=False
        )
