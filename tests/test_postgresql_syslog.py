"""PostgreSQL behind syslog: headers, numbered pieces of several processes, control characters, damage."""

from __future__ import annotations

import random
from functools import partial

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parsed import Reader, checked
from timeline_parsers._pg_prefix import compile_prefix
from timeline_parsers._pg_syslog import HEADERS, read_pieces
from timeline_parsers._pg_wrapped import parse_wrapped
from timeline_parsers.postgresql import parser

from timeline.containers import Memory
from timeline.schema import concat
from timeline.sources import Source

# 2026-06-15 14:03:11.123 and 16:03:12 of 1972 read as if they were UTC
WALL = 1_781_532_191_123_000
YEARLESS_WALL = 77_472_192_000_000
AT = "2026-06-15 14:03:11.123 UTC"
ISO = "2026-06-15T16:03:12.123456+02:00 db-01"
OLD = "Jun 15 16:03:12 db-01"


READER = Reader(parser, "syslog")
parse, rows, row, counts = READER.parse, READER.rows, READER.row, READER.counts


def test_a_record_and_its_parts() -> None:
    log = (
        f"{OLD} postgres[812]: [3-1] {AT} [812] app@shop ERROR:  division by zero\n"
        f"{OLD} postgres[812]: [3-2] {AT} [812] app@shop STATEMENT:  select\n"
        f"{OLD} postgres[812]: [3-3] #011#0111/0;\n"
    )

    assert row(log) == {
        "wall": WALL,
        "zone": "UTC",
        "host": "db-01",
        "service": "postgresql",
        "severity": "err",
        "actor": "app",
        "message": "division by zero",
        "line": 1,
        "process.pid": 812,
        "db.namespace": "shop",
        "postgresql.severity": "ERROR",
        "user.name": "app",
        "postgresql.statement": "select\n\t1/0;",
    }
    assert counts(log) == (1, 2, 0, 0)
    assert not parse(log)[0].yearless


def test_the_time_of_the_record_comes_before_that_of_the_header() -> None:
    assert row(f"{ISO} postgres[812]: [3-1] {AT} [812] LOG:  x\n")["wall"] == WALL


@pytest.mark.parametrize("prefix", ["", "user=%u,db=%d ", "[%p] ", "%q%u@%d "])
def test_without_a_time_of_its_own_that_of_the_header_holds(prefix: str) -> None:
    text = prefix.replace("%q", "").replace("%u", "app").replace("%d", "shop").replace("%p", "812")
    (dated,) = parse(f"{ISO} postgres[812]: [3-1] {text}LOG:  x\n")
    (old,) = parse(f"{OLD} postgres[812]: [3-1] {text}LOG:  x\n")

    assert dated.records["wall"].tolist() == [1_781_539_392_123_456]
    assert dated.records["zone"].tolist() == ["+02:00"]
    assert (dated.yearless, old.yearless) == (False, True)
    assert old.note.endswith(" inferred, the times are those of the lines around the text")
    assert old.records["wall"].tolist() == [YEARLESS_WALL]
    assert old.records["zone"].isna().all()
    assert dated.records["process.pid"].tolist() == old.records["process.pid"].tolist() == [812]


def test_pieces_of_several_processes_interleave() -> None:
    log = (
        f"{ISO} postgres[1]: [5-1] {AT} [1] a@b ERROR:  first\n"
        f"{ISO} postgres[2]: [5-1] {AT} [2] c@d ERROR:  second\n"
        f"{ISO} postgres[1]: [5-2] #011of one\n"
        f"{ISO} postgres[2]: [5-2] {AT} [2] c@d STATEMENT:  of two\n"
        f"2026-06-15T16:03:12.123456+02:00 db-02 postgres[1]: [5-1] {AT} [1] e@f LOG:  on another host\n"
        f"{ISO} postgres[1]: [5-3] {AT} [1] a@b STATEMENT:  of one\n"
    )
    one, two, three = rows(log)

    assert (one["message"], one["postgresql.statement"], one["line"]) == ("first\nof one", "of one", 1)
    assert (two["message"], two["postgresql.statement"], two["line"]) == ("second", "of two", 2)
    assert (three["message"], three["host"], three["line"]) == ("on another host", "db-02", 5)
    assert counts(log) == (3, 3, 0, 0)


def test_lines_that_were_cut_are_joined() -> None:
    log = (
        f"{OLD} postgres[1]: [5-1] {AT} [1] a@b ERROR:  x\n"
        f"{OLD} postgres[1]: [5-2] {AT} [1] a@b STATEMENT:  select 'long\n"
        f"{OLD} postgres[1]: [5-3]  and longer' as wo\n"
        f"{OLD} postgres[1]: [5-4] rd\n"
        f"{OLD} postgres[1]: [5-5] #011from t\n"
    )

    assert row(log)["postgresql.statement"] == "select 'long and longer' as word\nfrom t"
    assert counts(log) == (1, 4, 0, 0)


def test_a_record_in_one_piece() -> None:
    log = (
        f"{OLD} postgres[1]: [5] {AT} [1] a@b ERROR:  x#012{AT} [1] a@b STATEMENT:  a#012#011b#012\n"
        f"{OLD} postgres[1]: [6] {AT} [1] a@b LOG:  y#012{AT} [1] a@b LOG:  forged\n"
    )
    one, two = rows(log)

    assert (one["message"], one["postgresql.statement"]) == ("x", "a\nb")
    assert two["message"] == "y"
    assert counts(log) == (2, 0, 0, 0)


def test_only_control_characters_are_decoded() -> None:
    record = row(f"{OLD} postgres[1]: [5-1] {AT} [1] LOG:  a#033[0m b#011c#177 812#812 #246 #012 #040\n")

    assert record["message"] == "a\x1b[0m b\tc\x7f 812#812 #246 #012 #040"


def test_a_record_within_a_literal_is_text() -> None:
    log = (
        f"{OLD} postgres[1]: [5-1] {AT} [1] a@b LOG:  statement: select '\n"
        f"{OLD} postgres[1]: [5-2] #011{AT} [1] a@b FATAL:  forged\n"
    )

    assert row(log)["message"] == f"statement: select '\n{AT} [1] a@b FATAL:  forged"


def test_pieces_without_their_first_and_other_programs_are_not_understood() -> None:
    log = (
        f"{OLD} postgres[1]: [4-2] #011of a lost record\n"
        f"{OLD} postgres[1]: [4-3] {AT} [1] a@b STATEMENT:  of it\n"
        f"{OLD} postgres[1]: [5-1] {AT} [1] a@b LOG:  x\n"
        f"{OLD} sshd[7]: Accepted publickey\n"
        "\n"
        "no header\n"
        f"{OLD} postgres[1]: [6-1] {AT} [1] a@b LOG:  y\n"
    )

    assert [record["message"] for record in rows(log)] == ["x", "y"]
    assert counts(log) == (2, 0, 1, 4)
    assert [line for batch in parse(log) for line, _ in batch.unparsed_examples] == [1, 2, 4, 6]


def test_numbers_begin_anew_with_a_process() -> None:
    log = (
        f"{OLD} postgres[1]: [1-1] {AT} [1] LOG:  a\n{OLD} postgres[1]: [1-2] #011b\n"
        f"{OLD} postgres[1]: [1-1] {AT} [1] LOG:  c\n{OLD} postgres[1]: [1-2] #011d\n"
    )

    assert [record["message"] for record in rows(log)] == ["a\nb", "c\nd"]


def test_without_numbers() -> None:
    log = f"{OLD} postgres[1]: [9-1] {AT} [1] a@b LOG:  with numbers\n" + "".join(
        f"{OLD} postgres[{pid}]: {text}\n"
        for pid, text in (
            (1, f"{AT} [1] a@b ERROR:  x"), (2, f"{AT} [2] a@b ERROR:  y"), (1, "#011more"),
            (1, f"{AT} [1] a@b HINT:  h"), (2, f"{AT} [2] a@b HINT:  i"), (3, f"{AT} [3] a@b HINT:  of none"),
        )
    )  # fmt: skip
    records = rows(log)

    assert [(r["message"], r.get("postgresql.hint")) for r in records[1:]] == [("x\nmore", "h"), ("y", "i")]
    assert counts(log) == (3, 3, 0, 1)


@pytest.mark.parametrize(
    ("line", "host", "pid"),
    [
        (f"<134>{OLD} pg-main[812]: [3-1] ", "db-01", 812),
        ("<134>1 2026-06-15T14:03:11.123Z db-01 postgres 812 - - [3-1] ", "db-01", 812),
        ('<134>1 2026-06-15T14:03:11.123Z db-01 postgres 812 ID1 [a b="]"][c] [3-1] ', "db-01", 812),
        ("2026-06-15T14:03:11.123000+00:00 app[postgres.24]: [PURPLE] [8-1] ", None, 24),
        ("2026-06-15T14:03:11+00:00 app[postgres.24]: [HEROKU_POSTGRESQL_IVORY] [8-1] ", None, 24),
    ],
)
def test_headers(line: str, host: str | None, pid: int) -> None:
    record = row(f'{line} sql_error_code = 53300 FATAL:  too many connections for role "x"\n')

    assert (record.get("host"), record["process.pid"]) == (host, pid)
    assert (record["kind"], record["db.response.status_code"]) == ("too-many-connections", "53300")
    assert record["wall"] is not None


def test_a_file_of_syslog_is_recognised_by_its_pieces() -> None:
    log = f"{OLD} postgres[1]: [5-1] {AT} [1] LOG:  x\n{OLD} postgres[1]: [5-2] #011y\n"

    assert parser.sniff(log.encode()) == pytest.approx(0.99)
    assert parser.sniff(f"{log}{OLD} sshd[7]: x\n{OLD} sshd[7]: y\n".encode()) == pytest.approx(0.99 / 2)
    assert parser.sniff(f"{OLD} sshd[7]: [1-1] x\n".encode()) == 0


def test_a_container_of_kubernetes() -> None:
    at = "2026-06-15T14:03:12.123456789Z"
    log = (
        f"{at} stderr F {AT} [7] a@b ERROR:  x #011\n{at} stderr F \tmore\n{at} stderr F {AT} [8] LOG:  z\n"
        f"{at} stderr F {AT} [7] a@b STATEMENT:  s\n"
    )
    one, two = rows(log)

    assert (one["message"], one["postgresql.statement"], one["wall"]) == ("x #011\nmore", "s", WALL)
    assert (two["message"], two["process.pid"]) == ("z", 8)
    assert counts(log) == (2, 2, 0, 0)
    assert parser.sniff(log.encode()) == 1
    assert parser.sniff(f"{at} stderr F GET /\n".encode()) == 0
    assert row(f"{at} stderr F [7] LOG:  x\n")["wall"] == WALL + 1_000_456


def test_kubernetes_divides_long_lines() -> None:
    # Tag P: the text goes on in the next line of that stream (kubelet-cri-logging.md).
    at = "2026-06-15T14:03:12.123456789Z"
    log = (
        f'{at} stderr P {AT} [7] a@b ERROR:  rel\n{at} stdout F backup done\n{at} stderr P ation "or\n'
        f'{at} stderr F ders" does not exist\n{at} stderr F {AT} [7] a@b STATEMENT:  select\n'
        f"{at} stdout F {AT} backup\n{at} stderr F \t1\n{at} stderr F {AT} [8] LOG:  z\n"
    )
    one, two = rows(log)

    assert (one["message"], one["postgresql.statement"]) == ('relation "orders" does not exist', "select\n1")
    assert (one["line"], two["message"], two["line"]) == (1, "z", 8)
    assert counts(log) == (2, 4, 0, 2)


def test_a_line_number_of_the_prefix_is_none_of_a_piece() -> None:
    who = "db=shop,user=app"
    log = (
        f"{OLD} postgres[7]: [1-1] {who} ERROR:  x\n{OLD} postgres[7]: [2-1] {who} STATEMENT:  s\n"
        f"{OLD} postgres[7]: #011more\n{OLD} postgres[7]: [3-1] {who} LOG:  y\n"
    )
    one, two = rows(log)

    assert (one["postgresql.statement"], one["postgresql.session_line"], one["actor"]) == ("s\nmore", 1, "app")
    assert (two["message"], two["postgresql.session_line"]) == ("y", 3)
    assert (counts(log), parse(log)[0].yearless) == ((2, 2, 0, 0), True)


def test_a_prefix_that_looks_like_syslog_is_none() -> None:
    record = row("2026-06-15 14:03:11 UTC postgres[7]: [1-1] LOG:  x\n", log_line_prefix="%t postgres[%p]: [%l-1] ")

    assert (record["zone"], record["process.pid"], record["postgresql.session_line"]) == ("UTC", 7, 1)
    assert "host" not in record


def pieces_of(seed: int, records: int) -> str:
    """Write the records of some processes, their pieces interleaved."""
    rng = random.Random(seed)
    queues: dict[int, list[str]] = {pid: [] for pid in range(1, 6)}
    for number in range(records):
        pid = rng.randint(1, 5)
        texts = [f"{AT} [{pid}] a@b ERROR:  {number}", "#011more", f"{AT} [{pid}] a@b STATEMENT:  s{number}", "#011t"]
        texts = texts[: rng.randint(1, 4)]
        queues[pid] += [f"{ISO} postgres[{pid}]: [{number}-{n}] {text}\n" for n, text in enumerate(texts, 1)]
    lines = []
    while waiting := [queue for queue in queues.values() if queue]:
        lines.append(rng.choice(waiting).pop(0))
    return "".join(lines)


@pytest.mark.parametrize("size", [1 << 10, 1 << 14])
def test_blocks_of_any_size_give_the_same_records(size: int) -> None:
    log = pieces_of(1, 4000).encode() + b"stray\n\n"

    def read(size: int) -> pd.DataFrame:
        unwrap = partial(read_pieces, header=HEADERS[1])
        prefix = compile_prefix("%m [%p] %q%u@%d ")
        return concat(
            batch.records
            for batch in checked(list(parse_wrapped(Source(Memory("x", log), ""), unwrap, prefix, size=size)), log)
        )

    whole = read(1 << 24)

    assert len(whole) == 4000
    pd.testing.assert_frame_equal(
        whole.sort_values("line", ignore_index=True), read(size).sort_values("line", ignore_index=True),
        check_categorical=False,
    )  # fmt: skip


@settings(deadline=None, max_examples=50)  # the machine may be busy
@given(st.data())
def test_damaged_logs_are_counted(data: st.DataObject) -> None:
    lines = pieces_of(data.draw(st.integers(0, 9)), 20).splitlines(keepends=True)
    for _ in range(data.draw(st.integers(0, 6))):
        place = data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.sampled_from(["drop", "double", "swap", "cut", "flip"])):
            case "drop" if len(lines) > 1:
                del lines[place]
            case "double":
                lines.insert(data.draw(st.integers(0, len(lines))), lines[place])
            case "swap":
                lines[place], lines[-1] = lines[-1], lines[place]
            case "cut":
                lines[place] = lines[place][: data.draw(st.integers(0, len(lines[place])))]
            case _:
                text = lines[place]
                at = data.draw(st.integers(0, len(text) - 1)) if text else 0
                lines[place] = text[:at] + data.draw(st.characters(codec="utf-8")) + text[at + 1 :]
    parse("".join(lines))
