"""PostgreSQL in the JSON lines of Cloud SQL, Azure and CloudNativePG."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from parsed import Reader
from timeline_parsers.postgresql import parser

# 2026-06-15 14:03:11.123 read as if it were UTC
WALL = 1_781_532_191_123_000
AT = "2026-06-15 14:03:11.123 UTC"


READER = Reader(parser, "x.json")
parse, rows, counts = READER.parse, READER.rows, READER.counts


def lines(*objects: object) -> str:
    return "".join(json.dumps(one) + "\n" for one in objects)


def entry(text: str, second: int = 11, **more: object) -> dict[str, object]:
    return {
        "insertId": f"s={second}", "logName": "projects/p/logs/cloudsql.googleapis.com%2Fpostgres.log",
        "resource": {"type": "cloudsql_database", "labels": {"database_id": "p:main", "project_id": "p"}},
        "severity": "ERROR", "textPayload": text, "timestamp": f"2026-06-15T14:03:{second}.123456789Z",
    } | more  # fmt: skip


def test_cloud_sql_newest_first() -> None:
    prefix = f"{AT} [7]: [1-1] db=shop,user=app "
    log = lines(
        entry(f"{AT} [8]: [2-1] db=,user= LOG:  checkpoint starting: time", 15),
        entry("\tfrom t", 14),
        entry(f"{prefix}STATEMENT:  select 1", 14),
        entry(f'{prefix}ERROR:  relation "t" does not exist at character 15', 13),
        entry(f"{AT} [8]: [1-1] db=,user= LOG:  a", 12),
    )
    first, error, last = rows(log)

    assert first["message"] == "checkpoint starting: time"
    assert last["message"] == "a"
    assert error == {
        "wall": WALL, "zone": "UTC", "host": "main", "service": "postgresql", "severity": "err", "actor": "app",
        "message": 'relation "t" does not exist', "line": 4, "process.pid": 7, "db.namespace": "shop",
        "postgresql.severity": "ERROR", "user.name": "app", "postgresql.session_line": 1,
        "postgresql.statement": "select 1\nfrom t", "postgresql.position": 15,
    }  # fmt: skip
    assert counts(log) == (3, 2, 0, 0)
    assert parser.sniff(log.encode()) == 1


def test_cloud_sql_oldest_first_and_without_a_time_in_the_text() -> None:
    log = lines(
        entry("[1-1] db=shop,user=app ERROR:  x", 11), entry("[2-1] db=shop,user=app HINT:  h", 12),
        entry("[3-1] db=shop,user=app LOG:  y", 13),
    )  # fmt: skip
    one, two = rows(log)

    assert (one["message"], one["postgresql.hint"], one["actor"]) == ("x", "h", "app")
    assert (one["wall"], one["zone"]) == (WALL + 456, "UTC")
    assert two["wall"] == WALL + 456 + 2_000_000


def test_a_payload_with_a_message_and_several_lines() -> None:
    payload = {"message": f"{AT} [7] a@b LOG:  one\ntwo\n\tthree\n"}
    (record,) = rows(lines(entry("", textPayload=None, jsonPayload=payload)))

    assert record["message"] == "one\ntwo\nthree"


def test_the_json_file_of_a_container() -> None:
    texts = (f"{AT} [7] a@b ERROR:  x\n", "\tmore\n", f"{AT} [7] a@b STATEMENT:  s\n", f"{AT} [7] a@b LOG:  y\n")
    log = lines(*({"log": text, "stream": "stderr", "time": "2026-06-15T14:03:11.2Z"} for text in texts))

    assert [(r["message"], r.get("postgresql.statement")) for r in rows(log)] == [("x\nmore", "s"), ("y", None)]
    assert counts(log) == (2, 2, 0, 0)


def divided(*texts: str) -> str:
    return lines(*({"log": text, "stream": "stderr", "time": "2026-06-15T14:03:11.2Z"} for text in texts))


def test_docker_divides_long_lines() -> None:
    # What the driver cut at 16 KiB has no line end.
    texts = ("x" * 100, "y" * 100, "z\n")
    log = divided(
        f"{AT} [7] a@b ERROR:  {texts[0]}", *texts[1:], f"{AT} [7] a@b STATEMENT:  s\n", f"{AT} [8] a@b LOG:  y\n"
    )

    one, two = rows(log)
    assert (one["message"], one["postgresql.statement"]) == ("".join(texts).strip(), "s")
    assert (one["line"], two["line"]) == (1, 5)
    assert counts(log) == (2, 3, 0, 0)


def test_entries_that_all_lost_their_line_ends_are_whole() -> None:
    log = divided(f"{AT} [7] a@b ERROR:  x", "\tmore", f"{AT} [8] a@b LOG:  y")

    assert [record["message"] for record in rows(log)] == ["x\nmore", "y"]


def test_other_objects_are_counted() -> None:
    log = lines(entry(f"{AT} [7] a@b LOG:  x"), {"a": 1}, {"jsonPayload": {"x": 1}}) + "\nstray\n[1]\n"

    assert counts(log) == (1, 0, 1, 4)


@pytest.mark.parametrize(
    "text", ['203.0.113.9 - - [15/Jun/2026:14:03:11 +0000] "GET / HTTP/1.1" 200 5 "-" "-"', "hello", "I0615 x.go:1] y"]
)
def test_other_programs_of_a_cloud_are_not_claimed(text: str) -> None:
    assert parser.sniff(lines(entry(text)).encode()) == 0


def azure(message: str, **more: object) -> dict[str, object]:
    return {
        "time": "2026-06-15T14:03:11.123Z", "category": "PostgreSQLLogs", "operationName": "LogEvent",
        "resourceId": "/SUBSCRIPTIONS/X", "LogicalServerName": "pg-prod",
        "properties": {"errorLevel": "ERROR", "sqlerrcode": "23505", "processId": 7, "message": message} | more,
    }  # fmt: skip


def test_azure_with_the_prefix_in_the_message() -> None:
    at = "2026-06-15 14:03:11 UTC-6b0647bc.7-"
    log = lines(azure(f"{at}ERROR:  duplicate key"), azure(f"{at}DETAIL:  Key (id)=(1)"), azure(f"{at}LOG:  y"))
    one, two = rows(log)

    assert (one["message"], one["postgresql.detail"], one["process.pid"]) == ("duplicate key", "Key (id)=(1)", 7)
    assert (one["wall"], one["host"], one["severity"]) == (WALL - 123_000, "pg-prod", "err")
    assert two["message"] == "y"
    assert counts(log) == (2, 1, 0, 0)


def test_azure_in_columns() -> None:
    detailed = azure("duplicate key\nof two lines", detail="Key (id)=(1)", statement="insert")
    analytics = {
        "TimeGenerated": "2026-06-15T14:03:11.123Z", "errorLevel_s": "FATAL", "Message": "sorry, too many clients already",
        "sqlerrcode_s": "53300",
    }  # fmt: skip
    written = azure("x", timestamp="2026-06-15 14:03:11.123 UTC")
    one, two, three = rows(lines(detailed, analytics, written))

    assert (one["wall"], one["zone"], one["process.pid"]) == (WALL, "UTC", 7)
    assert (one["message"], one["db.response.status_code"]) == ("duplicate key\nof two lines", "23505")
    assert (one["postgresql.detail"], one["postgresql.statement"]) == ("Key (id)=(1)", "insert")
    assert (three["wall"], three["zone"]) == (WALL, "UTC")
    assert (two["severity"], two["kind"]) == ("crit", "too-many-connections")


RECORD = {
    "log_time": AT, "user_name": "app", "database_name": "shop", "process_id": "7", "connection_from": "::1:5432",
    "session_id": "6b0647bc.7", "session_line_num": "3", "command_tag": "SELECT",
    "session_start_time": "2026-06-15 14:00:00 UTC", "virtual_transaction_id": "3/42", "transaction_id": "0",
    "error_severity": "ERROR", "sql_state_code": "42P01", "message": 'relation "t" does not exist', "detail": "",
    "query": "select", "query_pos": "15", "location": "parserOpenTable, parse_relation.c:1392",
    "application_name": "psql", "backend_type": "client backend", "query_id": "-8071386414826846563",
}  # fmt: skip


def pod(record: object) -> dict[str, object]:
    return {"level": "info", "ts": "2026-06-15T14:03:11Z", "logger": "postgres", "msg": "record",
            "logging_pod": "cluster-1", "record": record}  # fmt: skip


def test_cloudnative_pg() -> None:
    log = lines({"level": "info", "ts": "2026-06-15T14:03:10Z", "msg": "Starting"}, pod(RECORD), pod({"x": 1}))

    assert rows(log) == [
        {
            "wall": WALL, "zone": "UTC", "host": "cluster-1", "service": "postgresql", "severity": "err",
            "actor": "app", "message": 'relation "t" does not exist', "line": 2, "ref": "6b0647bc.7/3",
            "process.pid": 7, "postgresql.session_line": 3, "postgresql.query_id": -8071386414826846563,
            "postgresql.position": 15, "db.namespace": "shop", "db.response.status_code": "42P01",
            "postgresql.application_name": "psql", "postgresql.backend_type": "client backend",
            "postgresql.command_tag": "SELECT", "postgresql.severity": "ERROR", "user.name": "app",
            "client.address": "::1", "postgresql.session_id": "6b0647bc.7", "postgresql.statement": "select",
            "postgresql.location": "parserOpenTable, parse_relation.c:1392",
        }
    ]  # fmt: skip
    assert counts(log) == (1, 0, 0, 2)
    assert parser.sniff(log.encode()) == 1


ODD = st.sampled_from([entry("x"), entry(f"{AT} [7] a@b LOG:  x"), entry("\tx"), entry(f"{AT} [7] a@b HINT:  x", 12),
    azure("x"), azure("x", processId="y", sqlerrcode=7), azure("x", detail=["a"]), pod(RECORD),
    pod(RECORD | {"process_id": "x", "message": 1}), pod([]), {}, {"timestamp": 1, "textPayload": "x"},
    {"textPayload": "x", "resource": {"labels": 3}}, {"errorLevel": "LOG", "message": "x"}, 1, None, "x",
])  # fmt: skip


@settings(deadline=None, max_examples=50)  # the machine may be busy
@given(st.lists(ODD.map(json.dumps), min_size=1, max_size=12), st.integers(0, 400), st.binary(max_size=3))
def test_damaged_lines_are_counted(objects: list[str], place: int, damage: bytes) -> None:
    text = "\n".join(objects).encode()
    damaged = text[:place] + damage + text[place + 1 :]
    if not damaged.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\x1f\x8b")):
        assert 0 <= parser.sniff(damaged) <= 1
        parse(damaged)
