"""Every form of a PostgreSQL log, sound and damaged, against the contract of parsers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timeline_parsers.postgresql import parser

from timeline.containers import Memory
from timeline.schema import concat, conform
from timeline.sources import Source
from timeline.testing import check_parser

FIXTURES = Path(__file__).parent.parent / "fixtures" / "postgresql"

PARTS = (b" DETAIL:  ", b" HINT:  ", b" QUERY:  ", b" CONTEXT:  ", b" STATEMENT:  ")


def lines_of(name: str, count: int) -> list[bytes]:
    return (FIXTURES / name).read_bytes().split(b"\n")[:count]


def behind_syslog(stamp: str, count: int = 200) -> bytes:
    """Wrap the lines of a log as a server does: the lines of a record are numbered."""
    wrapped: list[bytes] = []
    record = piece = 0
    for line in lines_of("stderr-debian.log", count):
        follows = line.startswith(b"\t") or any(word in line for word in PARTS)
        record, piece = (record, piece + 1) if follows else (record + 1, 1)
        text = line.replace(b"\t", b"#011").replace(b"\r", b"#015").replace(b"\f", b"#014")
        wrapped.append(b"%b db-01 postgres[1]: [%d-%d] %b\n" % (stamp.encode(), record, piece, text))
    return b"".join(wrapped)


def in_the_cloud(count: int = 200) -> bytes:
    """Give each line an entry, the newest first."""
    texts = [line.decode("utf-8", "replace") for line in lines_of("stderr-debian.log", count)]
    entries = [
        {"textPayload": text, "timestamp": f"2026-11-25T02:{place // 60:02}:{place % 60:02}Z"}
        for place, text in enumerate(texts)
    ]
    return "".join(json.dumps(entry) + "\n" for entry in reversed(entries)).encode()


FORMS = {
    "syslog": behind_syslog("2026-11-24T21:43:20.621000-05:00"),
    "old syslog": behind_syslog("Nov 24 21:43:20"),
    "cloud": in_the_cloud(),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_contract(form: str) -> None:
    check_parser(parser, FORMS[form], rounds=4)


@pytest.mark.parametrize("form", FORMS)
def test_each_form_says_what_stderr_says(form: str) -> None:
    plain = b"\n".join(lines_of("stderr-debian.log", 200)) + b"\n"
    columns = ["wall", "zone", "severity", "actor", "message", "postgresql.statement", "postgresql.detail"]
    ours, theirs = (
        concat(batch.records for batch in parser.parse(Source(Memory("x", data), "")))[columns]
        for data in (FORMS[form], plain)
    )

    assert sorted(map(str, ours.to_numpy().tolist())) == sorted(map(str, theirs.to_numpy().tolist()))


SAMPLES = {name: lines_of(name, 60) for name in ("stderr-debian.log", "stderr-rds.log", "debian.csv", "debian.json")}


@settings(deadline=None, max_examples=60)  # the machine may be busy
@given(st.sampled_from(list(SAMPLES)), st.data())
def test_damage_is_counted(name: str, data: st.DataObject) -> None:
    """Cut, flip, double and mix lines: no exception, and every line has its place."""
    lines = list(SAMPLES[name])
    for _ in range(data.draw(st.integers(1, 8))):
        place, other = (data.draw(st.integers(0, len(lines) - 1)) for _ in range(2))
        line = lines[place]
        at = data.draw(st.integers(0, len(line)))
        match data.draw(st.sampled_from(["cut", "flip", "double", "swap", "mix"])):
            case "cut":
                lines[place] = line[:at]
            case "flip":
                lines[place] = line[:at] + data.draw(st.binary(min_size=1, max_size=1)) + line[at + 1 :]
            case "double":
                lines.insert(other, line)
            case "swap":
                lines[place], lines[other] = lines[other], line
            case _:  # two processes wrote at once
                lines[place] = line[:at] + lines[other] + line[at:]
    text = b"\n".join(lines)
    count = text.count(b"\n") + (not text.endswith(b"\n"))
    for size in (1 << 24, 500):
        batches = list(parser.parse(Source(Memory("x", text), "", block_size=size)))
        for batch in batches:
            conform(batch.records)
            parts = (len(batch.records), batch.continuation, batch.blank, batch.decoration, batch.unparsed)
            assert min(parts) >= 0
            assert batch.lines == sum(parts)
        assert sum(batch.lines for batch in batches) == count
