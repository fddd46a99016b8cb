"""PostgreSQL's stderr log in blocks of any size, and damaged: the same records, every line counted."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parsed import Reader
from timeline_parsers._pg_prefix import compile_prefix
from timeline_parsers._pg_stderr import parse_stderr
from timeline_parsers.postgresql import parser

from timeline.containers import Memory
from timeline.schema import concat
from timeline.sources import Source

DEBIAN = "%m [%p] %q%u@%d "
AT = "2026-06-15 14:03:11.123 UTC"

parse = Reader(parser, "postgresql.log").parse

MIXED = "".join(
    f"2026-06-15 14:03:{place % 60:02}.123 EST [{place % 7}] a@b ERROR:  number {place}\n\tgoes on\n"
    f"2026-06-15 14:03:{place % 60:02}.123 EST [{place % 7}] a@b STATEMENT:  s{place}\n\tt\n"
    + ("stray\n" if place % 5 == 0 else "\n" if place % 3 == 0 else "")
    + ("2026-06-15 14:03:00.000 EST [0] a@b HINT:  late\n" if place % 7 == 1 else "")
    for place in range(300)
)


@pytest.mark.parametrize("size", [1, 100, 1000, 4096, 20_000])
def test_blocks_of_any_size_give_the_same_records(size: int) -> None:
    def read(size: int) -> tuple[pd.DataFrame, list[int]]:
        source = Source(Memory("x.log", MIXED.encode()), "")
        batches = list(parse_stderr(source, compile_prefix(DEBIAN), size=size))
        totals = [sum(getattr(b, name) for b in batches) for name in ("lines", "continuation", "blank", "unparsed")]
        return concat(batch.records for batch in batches), totals

    whole, totals = read(1 << 24)
    frame, same_totals = read(size)

    assert len(whole) == 300
    assert totals == same_totals
    pd.testing.assert_frame_equal(whole, frame, check_categorical=False)


@settings(deadline=None)  # the machine may be busy
@given(st.binary(max_size=400))
def test_arbitrary_bytes_are_counted(data: bytes) -> None:
    assert 0 <= parser.sniff(data) <= 1
    parse(data)
    parse(f"{AT} [1] a@b LOG:  x\n".encode() + data)
    parse(data, log_line_prefix=DEBIAN)
    parse(data, log_line_prefix="")


PIECES = [
    AT, "2026-06-15 14:03:11 CEST", " ", "[12]", "[", "a@b", "\t", "\n", "LOG:  ", "ERROR:  ", "STATEMENT:  ", "DETAIL:  ",
    "오류:  ", "쿼리:", "42P01: ", "x", ":  ", "\r", "é", "1781532191.123", ":", "@",
]  # fmt: skip


@settings(deadline=None)  # the machine may be busy
@given(
    st.lists(st.sampled_from(PIECES), max_size=60).map("".join),
    st.sampled_from(["%m [%p] %q%u@%d ", "%n ", "%h %t [%p]", ""]),
)
def test_damaged_logs_are_counted(text: str, prefix: str) -> None:
    parse(text)
    parse(text, log_line_prefix=prefix)
