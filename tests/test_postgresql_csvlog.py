"""PostgreSQL csvlog and jsonlog: columns of every version, texts that span lines, damage."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parsed import Reader, checked
from timeline_parsers._pg_csvlog import parse_csvlog
from timeline_parsers._pg_jsonlog import parse_jsonlog
from timeline_parsers.postgresql import parser

import timeline
from timeline.containers import Memory
from timeline.schema import concat
from timeline.sources import Source

# 2026-06-15 14:03:11.123 read as if it were UTC
WALL = 1_781_532_191_123_000
AT = "2026-06-15 14:03:11.123 CEST"


READER = Reader(parser, "postgresql.csv")
parse, rows, counts = READER.parse, READER.rows, READER.counts


def csv_line(message: str = "division by zero", *, columns: int = 26, severity: str = "ERROR", **more: str) -> str:
    """Return one record as a server writes it."""
    fields = {
        "time": AT, "user": '"app"', "database": '"shop"', "pid": "4711", "client": '"192.0.2.7:5432"',
        "session": "6b0647bc.1267", "line": "3", "tag": '"SELECT"', "start": "2026-06-15 14:03:00 CEST", "vxid": "3/42",
        "xid": "0", "severity": severity, "state": "22012", "message": quote(message), "detail": "", "hint": "",
        "query": "", "query_pos": "", "context": "", "statement": '"select 1/0"', "statement_pos": "", "location": "",
        "application": '"psql"', "backend": '"client backend"', "leader": "", "query_id": "-8071386414826846563",
    }  # fmt: skip
    values = [*(fields | more).values(), *["further"] * 4]
    return ",".join(values[:columns]) + "\n"


def quote(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def test_a_record() -> None:
    assert rows(csv_line()) == [
        {
            "wall": WALL,
            "zone": "CEST",
            "service": "postgresql",
            "severity": "err",
            "actor": "app",
            "message": "division by zero",
            "line": 1,
            "ref": "6b0647bc.1267/3",
            "process.pid": 4711,
            "postgresql.session_line": 3,
            "postgresql.query_id": -8071386414826846563,
            "db.namespace": "shop",
            "db.response.status_code": "22012",
            "postgresql.application_name": "psql",
            "postgresql.backend_type": "client backend",
            "postgresql.command_tag": "SELECT",
            "postgresql.severity": "ERROR",
            "user.name": "app",
            "client.address": "192.0.2.7",
            "postgresql.session_id": "6b0647bc.1267",
            "postgresql.statement": "select 1/0",
        }
    ]


@pytest.mark.parametrize(
    ("columns", "application", "backend", "query_id"),
    [
        (22, None, None, None),
        (23, "psql", None, None),
        (24, "psql", "client backend", None),
        (26, "psql", "client backend", -8071386414826846563),
        (28, "psql", "client backend", -8071386414826846563),
    ],
)
def test_every_number_of_columns(
    columns: int, application: str | None, backend: str | None, query_id: int | None
) -> None:
    (record,) = rows(csv_line(columns=columns))

    assert record["message"] == "division by zero"
    assert record.get("postgresql.application_name") == application
    assert record.get("postgresql.backend_type") == backend
    assert record.get("postgresql.query_id") == query_id


def test_a_file_of_two_versions() -> None:
    log = csv_line("a", columns=23) + csv_line("b\nc", columns=26) + csv_line("d", columns=23)

    assert [record["message"] for record in rows(log)] == ["a", "b\nc", "d"]
    assert [record["line"] for record in rows(log)] == [1, 2, 4]
    assert counts(log) == (3, 1, 0, 0)


def test_a_record_within_a_literal_is_text() -> None:
    fake = csv_line("fake").replace('"', '""')
    log = csv_line("x") + csv_line("y", statement=f"\"select '\n{fake}\n'\"") + csv_line("z")
    records = rows(log)

    assert [(record["message"], record["line"]) for record in records] == [("x", 1), ("y", 2), ("z", 6)]
    assert records[1]["postgresql.statement"] == f"select '\n{csv_line('fake')}\n'"
    assert counts(log) == (3, 3, 0, 0)


def test_rows_with_one_session_and_line_are_all_kept(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(csv_line("a") + csv_line("b") + csv_line("a"))

    assert timeline.read(tmp_path, tz="Europe/Berlin").events["message"].tolist() == ["a", "b", "a"]


def test_null_and_empty_and_quotes() -> None:
    (record,) = rows(
        csv_line('a "b" c', user='"[unknown]"', database="", client='"[local]"', hint='""', application='""')
    )

    assert record["message"] == 'a "b" c'
    assert record["client.address"] == "[local]"
    assert not {"actor", "user.name", "db.namespace", "postgresql.application_name"} & set(record)


@pytest.mark.parametrize(
    ("client", "address"), [('"::1:5432"', "::1"), ('"2001:db8::7:5432"', "2001:db8::7"), ('"web-1:5432"', "web-1")]
)
def test_the_port_is_behind_the_last_colon(client: str, address: str) -> None:
    assert rows(csv_line(client=client))[0]["client.address"] == address


def test_a_translated_severity() -> None:
    records = rows(csv_line(severity="FEHLER") + csv_line(severity="致命错误") + csv_line(severity="CHYBA"))

    assert [record.get("severity") for record in records] == ["err", "crit", None]


def test_exports_may_quote_the_time_and_pad_the_session() -> None:
    (record,) = rows(csv_line(time=f'"{AT}"', session='"6b0647bc.1267  "'))

    assert (record["wall"], record["ref"]) == (WALL, "6b0647bc.1267/3")


def test_a_time_without_milliseconds() -> None:
    (record,) = rows(csv_line(time="2026-06-15 14:03:11 -03"))

    assert (record["wall"], record["zone"]) == (WALL - 123_000, "-03")


def test_stray_lines_are_counted() -> None:
    log = csv_line("a") + 'cp: cannot stat "x\n' + csv_line("b\nc") + "\n" + csv_line("d")

    assert [(record["message"], record["line"]) for record in rows(log)] == [("a", 1), ("b\nc", 3), ("d", 6)]
    assert counts(log) == (3, 1, 1, 1)
    assert parse(log)[0].unparsed_examples == ((2, 'cp: cannot stat "x'),)


def test_a_cut_record_does_not_swallow_the_file() -> None:
    log = csv_line("a") + f'{AT},"app","shop",1,"cut in the mi\n' + csv_line("b") + csv_line("c\nd")

    assert [record["message"] for record in rows(log)] == ["a", "b", "c\nd"]
    assert counts(log) == (3, 1, 0, 1)


def test_a_cut_last_record_is_counted() -> None:
    log = csv_line("a") + csv_line("b\nc").partition("c")[0]

    assert counts(log) == (1, 0, 0, 1)


def test_odd_numbers_become_missing() -> None:
    (record,) = rows(csv_line(pid="x", line="99999999999999999999"))

    assert not {"process.pid", "postgresql.session_line", "ref"} & set(record)


def test_csv_is_certain_whatever_the_file_is_called() -> None:
    assert parser.sniff(csv_line().encode()) == 1
    assert parser.sniff(b'the end of a cut record",,,\n' + csv_line(columns=22).encode()) == 1


OBJECT = {
    "timestamp": AT, "user": "app", "dbname": "shop", "pid": 4711, "remote_host": "192.0.2.7", "remote_port": 5432,
    "session_id": "6b0647bc.1267", "line_num": 3, "ps": "SELECT", "session_start": "2026-06-15 14:03:00 CEST",
    "vxid": "3/42", "txid": 0, "error_severity": "ERROR", "state_code": "22012", "message": "division by zero",
    "detail": "a\n\tb", "statement": "select 1/0", "func_name": "int4div", "file_name": "int.c", "file_line_num": 869,
    "application_name": "psql", "backend_type": "client backend", "query_id": -8071386414826846563,
}  # fmt: skip


def test_a_json_record_is_the_csv_record() -> None:
    (from_json,) = rows(json.dumps(OBJECT) + "\n")
    (from_csv,) = rows(csv_line(detail='"a\n\tb"', location='"int4div, int.c:869"'))

    assert from_json == from_csv


def test_json_keys_in_any_order_with_unknown_ones() -> None:
    turned = dict(reversed(OBJECT.items())) | {"new_key": {"a": [1]}}

    assert rows(json.dumps(turned) + "\n") == rows(json.dumps(OBJECT) + "\n")


def test_json_with_invalid_bytes() -> None:
    (record,) = rows(json.dumps(OBJECT | {"message": "gr??e"}).encode().replace(b"??", b"\xf6\xdf") + b"\n")

    assert record["message"] == "gr\ufffd\ufffde"


def test_json_lines_that_are_no_records_are_counted() -> None:
    good = json.dumps(OBJECT)
    log = f'{good}\n\n{good[:-5]}\nstray\n[1]\n{{"a":1}}\n{{"timestamp":1,"error_severity":"LOG"}}\n{good}\n'

    assert [record["line"] for record in rows(log)] == [1, 8]
    assert counts(log) == (2, 0, 1, 5)


def test_json_without_message_or_with_odd_types() -> None:
    odd = OBJECT | {"pid": "x", "user": 7, "message": None, "query_id": 2**70, "detail": ["a"]}
    (record,) = rows(json.dumps(odd) + "\n")

    assert (record["message"], record["actor"]) == ("", "7")
    assert not {"process.pid", "postgresql.query_id"} & set(record)


def test_json_is_certain() -> None:
    assert parser.sniff(json.dumps(OBJECT).encode() + b"\n") == 1
    assert parser.sniff(b'{"timestamp":"x","level":"LOG"}\n') == 0


LONG = "".join(csv_line(f"n {place}\n" * (place % 4), statement=f'"{csv_line("fake")!r}"') for place in range(100))
DAMAGED = LONG.replace("n 7", '"n 7"').replace(csv_line("n 8\n")[:40], "cp: 'x'\n" + csv_line("n 8\n")[:40], 1)


@pytest.mark.parametrize("log", [LONG, DAMAGED], ids=["sound", "damaged"])
@pytest.mark.parametrize("size", [1, 1000, 5000])
def test_csv_blocks_of_any_size_give_the_same_records(log: str, size: int) -> None:
    source = Source(Memory("x.csv", log.encode()), "")
    whole = checked(list(parse_csvlog(source)), log.encode())
    parts = checked(list(parse_csvlog(source, size=size)), log.encode())

    assert sum(batch.unparsed for batch in whole) == sum(batch.unparsed for batch in parts)
    one, other = (concat(batch.records for batch in batches) for batches in (whole, parts))
    pd.testing.assert_frame_equal(one, other, check_categorical=False)


def test_json_blocks_of_any_size_give_the_same_records() -> None:
    log = "".join(json.dumps(OBJECT | {"line_num": place}) + "\n" for place in range(50)) + "stray\n"
    source = Source(Memory("x.json", log.encode()), "")
    one, other = (
        concat(batch.records for batch in checked(list(parse_jsonlog(source, size=size)), log.encode()))
        for size in (1, 1 << 24)
    )

    pd.testing.assert_frame_equal(one, other, check_categorical=False)


@settings(deadline=None)  # the machine may be busy
@given(
    st.lists(st.sampled_from([csv_line(), csv_line("a\nb"), AT, ",", '"', "\n", "x", "\0", "\r"]), max_size=40).map(
        "".join
    )
)
def test_damaged_csv_is_counted(text: str) -> None:
    raw = text.encode()
    checked(list(parse_csvlog(Source(Memory("x.csv", raw), ""))), raw)
    checked(list(parse_csvlog(Source(Memory("x.csv", raw), ""), size=1)), raw)
    parse(csv_line() + text)


@settings(deadline=None)  # the machine may be busy
@given(
    st.lists(st.sampled_from([json.dumps(OBJECT), "{", "}", '"', "\n", "[]", "\\ud800", ":", "1"]), max_size=30).map(
        "".join
    )
)
def test_damaged_json_is_counted(text: str) -> None:
    raw = text.encode()
    checked(list(parse_jsonlog(Source(Memory("x.json", raw), ""))), raw)
    parse(json.dumps(OBJECT) + "\n" + text)


@settings(deadline=None)  # the machine may be busy
@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_counted(data: bytes) -> None:
    checked(list(parse_csvlog(Source(Memory("x", data), ""))), data)
    checked(list(parse_jsonlog(Source(Memory("x", data), ""))), data)
