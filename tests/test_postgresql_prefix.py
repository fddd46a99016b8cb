"""`log_line_prefix`: every escape, and which prefix a file was written with."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from parsed import Reader
from timeline_parsers._pg_prefix import KNOWN, infer_prefix
from timeline_parsers.postgresql import parser

# 2026-06-15 14:03:11.123 and 14:03:11 read as if they were UTC
WALL = 1_781_532_191_123_000
SECOND = 1_781_532_191_000_000
AT = "2026-06-15 14:03:11.123 UTC"
SESSION = "6b0647bc.2fa1"


READER = Reader(parser, "postgresql.log")
parse, rows, row = READER.parse, READER.rows, READER.row


def with_prefix(prefix: str, *lines: str) -> list[dict[str, Any]]:
    return rows("".join(f"{line}\n" for line in lines), log_line_prefix=prefix)


@pytest.mark.parametrize(
    ("prefix", "written", "column", "value"),
    [
        ("%a ", "shop api: v2 ", "postgresql.application_name", "shop api: v2"),
        ("%u ", "odd user ", "actor", "odd user"),
        ("%d ", "my db ", "db.namespace", "my db"),
        ("%r ", "192.0.2.7(5432) ", "client.address", "192.0.2.7"),
        ("%r ", "::1(5432) ", "client.address", "::1"),
        ("%r ", "[local] ", "client.address", "[local]"),
        ("%h ", "2001:db8::7 ", "client.address", "2001:db8::7"),
        ("%h ", "web-1.example ", "client.address", "web-1.example"),
        ("%b ", "autovacuum worker ", "postgresql.backend_type", "autovacuum worker"),
        ("%p ", "4711 ", "process.pid", 4711),
        ("%t ", "2026-06-15 14:03:11 UTC ", "wall", SECOND),
        ("%m ", f"{AT} ", "wall", WALL),
        ("%n ", "1781532191.123 ", "wall", WALL),
        ("%n ", "1781532191.123 ", "zone", "UTC"),
        ("%i ", "idle in transaction ", "postgresql.command_tag", "idle in transaction"),
        ("%e ", "40P01 ", "db.response.status_code", "40P01"),
        ("%c ", f"{SESSION} ", "postgresql.session_id", SESSION),
        ("%c ", f"{SESSION} ", "process.pid", 0x2FA1),
        ("%c %l ", f"{SESSION} 12 ", "ref", f"{SESSION}/12"),
        ("%l ", "12 ", "postgresql.session_line", 12),
        ("%Q ", "-8071386414826846563 ", "postgresql.query_id", -8071386414826846563),
        ("%P [%p] ", " [7] ", "process.pid", 7),
        ("%L [%p] ", "[none] [7] ", "process.pid", 7),
        ("%s [%p] ", "2026-06-15 14:00:00 UTC [7] ", "process.pid", 7),
        ("%v %x [%p] ", "3/42 731 [7] ", "process.pid", 7),
        ("%v %x [%p] ", " 0 [7] ", "process.pid", 7),
        ("100%% [%p] ", "100% [7] ", "process.pid", 7),
        ("%8p ", "    4711 ", "process.pid", 4711),
        ("%-8p|", "4711    |", "process.pid", 4711),
        ("%10u|", "       app|", "actor", "app"),
        ("%-10u|", "app       |", "actor", "app"),
        ("%-30m|", f"{AT}   |", "wall", WALL),
        ("%z%p ", "4711 ", "process.pid", 4711),
        ("%m [%p] %p ", f"{AT} [7] 7 ", "process.pid", 7),
    ],
)
def test_an_escape(prefix: str, written: str, column: str, value: object) -> None:
    (record,) = with_prefix(prefix, f"{written}LOG:  text: more")

    assert (record["message"], record["severity"]) == ("text: more", "info")
    assert record[column] == value


def test_session_only_escapes_may_be_empty() -> None:
    (record,) = with_prefix("%m %u@%d %a %r %i [%p]: ", f"{AT} @    [7]: LOG:  x")

    assert (record["message"], record["process.pid"]) == ("x", 7)
    assert not {"actor", "db.namespace", "client.address", "postgresql.command_tag"} & set(record)


def test_q_stops_in_background_processes() -> None:
    session, background = with_prefix("%m [%p] %q%u@%d ", f"{AT} [7] a@b LOG:  x", f"{AT} [8] LOG:  to c@d LOG:  y")

    assert (session["actor"], session["message"]) == ("a", "x")
    assert background["message"] == "to c@d LOG:  y"
    assert "actor" not in background


def test_the_start_of_the_process_is_no_time() -> None:
    (record,) = with_prefix("%s %m ", f"2026-06-15 13:00:00 UTC {AT} LOG:  x")

    assert record["wall"] == WALL


def test_a_prefix_without_time_leaves_it_missing() -> None:
    (record,) = with_prefix("", "LOG:  database system is ready to accept connections")

    assert record["kind"] == "server-ready"
    assert "wall" not in record


@pytest.mark.parametrize("application", ["job LOG:  nope", "ERROR:  spoof", "a] b", "user=x,db=y"])
def test_an_application_that_looks_like_a_record(application: str) -> None:
    prefix = "%m [%p] %q[user=%u,db=%d,app=%a] "
    (record,) = with_prefix(prefix, f"{AT} [7] [user=app,db=shop,app={application}] ERROR:  division by zero")

    assert (record["severity"], record["message"]) == ("err", "division by zero")
    assert (record["actor"], record["postgresql.application_name"]) == ("app", application)


def test_blanks_in_front_may_be_trimmed() -> None:
    records = with_prefix(
        " sql_error_code = %e ", "sql_error_code = 00000 LOG:  x", " sql_error_code = 53300 FATAL:  y"
    )

    assert [record.get("kind") for record in records] == [None, "too-many-connections"]


@pytest.mark.parametrize(
    ("prefix", "line"),
    [
        ("%m [%p] %q%u@%d ", f"{AT} [7] app@shop "),
        ("%t [%p-%l] %q%u@%d ", "2026-06-15 14:03:11 UTC [7-1] app@shop "),
        ("%t:%r:%u@%d:[%p]:", "2026-06-15 14:03:11 UTC:192.0.2.7(5432):app@shop:[7]:"),
        ("%t:%r:%u@%d:[%p]:", "2026-06-15 14:03:11 UTC:::1(5432):app@shop:[7]:"),
        ("%t:%r:%u@%d:[%p]:", "2026-06-15 14:03:11 UTC:[local]:app@shop:[7]:"),
        (
            "%m:%r:%u@%d:[%p]:%l:%e:%s:%v:%x:%c:%q%a:",
            f"{AT}:192.0.2.7(5432):app@shop:[7]:1:00000:2026-06-15 14:00:00 UTC:3/4:0:{SESSION}:psql:",
        ),
        ("%m [%p]: [%l-1] db=%d,user=%u ", f"{AT} [7]: [1-1] db=shop,user=app "),
        ("%h %m [%p] %q%u@%d ", f"192.0.2.7 {AT} [7] app@shop "),
        (
            "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",
            "2026-06-15 14:03:11 UTC [7]: [1-1] user=app,db=shop,app=job LOG:  nope,client=192.0.2.7 ",
        ),
    ],
)
def test_a_known_prefix_is_recognised(prefix: str, line: str) -> None:
    log = "".join(f"{line}LOG:  x{place}\n" for place in range(3)) + f"{line}ERROR:  deadlock detected\n"
    inferred = infer_prefix(log.encode())
    record = rows(log)[-1]

    assert (inferred.prefix.text, inferred.share, inferred.others) == (prefix, 1.0, ())
    assert (record["actor"], record["db.namespace"], record["process.pid"]) == ("app", "shop", 7)
    assert (record["severity"], record["message"]) == ("err", "deadlock detected")
    assert record["wall"] in (WALL, SECOND)
    assert record["zone"] == "UTC"


@pytest.mark.parametrize(
    ("line", "prefix"),
    [
        (f"2026-06-15 14:03:11 UTC-{SESSION}-", "%t-%c-"),
        (f"< {AT} > ", "< %m > "),
        ("< 2026-06-15 14:03:11 UTC > ", "< %t > "),
        ("", ""),
    ],
)
def test_a_known_prefix_without_user_is_recognised(line: str, prefix: str) -> None:
    log = f"{line}LOG:  a\n{line}FATAL:  the database system is starting up\n"

    assert infer_prefix(log.encode()).prefix.text == prefix
    assert {record.get("zone") for record in rows(log)} == {"UTC" if line else None}  # never "UTC-681c"
    assert [record["severity"] for record in rows(log)] == ["info", "crit"]


@pytest.mark.parametrize(
    "order", list(itertools.permutations(["user=app", "db=shop", "app=psql", "client=192.0.2.7"]))[::5]
)
def test_named_fields_are_recognised_in_any_order(order: tuple[str, ...]) -> None:
    line = f"2026-06-15 14:03:11 UTC [7]: [3-1] {','.join(order)} "
    record = row(f"{line}ERROR:  x\n")

    assert (record["actor"], record["db.namespace"], record["client.address"]) == ("app", "shop", "192.0.2.7")
    assert (record["process.pid"], record["wall"]) == (7, SECOND)


def test_a_number_that_counts_lines_is_told_from_a_transaction() -> None:
    def log(*numbers: int) -> bytes:
        return "".join(f"1781532191.123 {SESSION} {number} 00000 LOG:  x\n" for number in numbers).encode()

    assert infer_prefix(log(2, 3, 4, 5)).prefix.text == "%n %c %l %e "
    assert infer_prefix(log(0, 731, 0, 732)).prefix.text == "%n %c %x %e "


def test_the_file_changes_its_look_with_q() -> None:
    log = f"{AT} [7] LOG:  a\n{AT} [8] app@shop LOG:  b\n"

    assert [record.get("actor") for record in rows(log)] == [None, "app"]


def test_the_prefix_may_change_within_a_file() -> None:
    log = (
        f"{AT} [7] a@b LOG:  x\n" * 3
        + f"{AT} [7] [user=c,db=d,app=e] ERROR:  y\n{AT} [7] [user=c,db=d,app=e] HINT:  z\n"
    )
    record = rows(log)[-1]

    assert (record["actor"], record["message"], record["postgresql.hint"]) == ("c", "y", "z")
    assert parse(log, log_line_prefix="%m [%p] %u@%d ")[-1].unparsed == 2


def test_the_last_blank_may_be_lost() -> None:
    (record,) = with_prefix("%m [%p]", f"{AT} [7] LOG:  x")

    assert (record["message"], record["process.pid"]) == ("x", 7)


def test_a_given_prefix_that_explains_little_is_said() -> None:
    batch, *_ = parse(f"{AT} [7] a@b LOG:  x\n", log_line_prefix="%t %u ")

    assert batch.warnings == ("log_line_prefix '%t %u ' explains 0% of the first lines, '%m [%p] %q%u@%d ' 100%",)


def test_a_doubtful_prefix_is_said_with_the_option() -> None:
    batch, *_ = parse("something else\nand more\nthan that\n" + f"x {AT} y LOG:  z\n")

    assert "--set postgresql.log_line_prefix=" in batch.warnings[0]


def test_two_readings_with_different_users_are_said() -> None:
    log = f"{AT} [7]: [1-1] {SESSION} 0 a b c 192.0.2.7 LOG:  x\n".replace(".123 UTC", " UTC")
    inferred = infer_prefix(log.encode())

    assert inferred.prefix.text == "%t [%p]: [%l-1] %c %x %d %u %a %h "
    assert rows(log)[0]["actor"] == "b"


def test_every_known_prefix_explains_an_ordinary_background_line() -> None:
    values = {
        "%m": AT, "%t": "2026-06-15 14:03:11 UTC", "%p": "7", "%l": "1", "%e": "00000", "%c": SESSION, "%x": "0",
        "%s": "2026-06-15 14:00:00 UTC", "%v": "", "%u": "", "%d": "", "%a": "", "%h": "", "%r": "",
    }  # fmt: skip
    for prefix in KNOWN:
        line = prefix.partition("%q")[0]
        for escape, value in values.items():
            line = line.replace(escape, value)
        (record,) = with_prefix(prefix, f"{line}LOG:  x")

        assert record["message"] == "x", prefix


@pytest.mark.parametrize(
    "head",
    [
        b"2026/06/15 14:03:11 [error] 812#812: *1 connect() failed (111: Connection refused), client: 192.0.2.7\n",
        b'192.0.2.7 - - [15/Jun/2026:14:03:11 +0000] "GET / HTTP/1.1" 200 3 "-" "-"\n',
        b"2026-06-15T14:03:11+0200 db-01 postgres[812]: 2026-06-15 14:03:11.123 UTC [812] LOG:  x\n",
        b"1781532191.123456 db-01 postgresql@15-main[278]: 2026-06-15 14:03:11.123 UTC [278] a@b ERROR:  x\n",
        b'{"__REALTIME_TIMESTAMP":"1781532191123456","MESSAGE":"2026-06-15 14:03:11 UTC [1] LOG:  x"}\n',
        b'[{"type":"message","user":"U1","text":"LOG:  x","ts":"1781532191.000100"}]\n',
        b"-- Boot 0123456789abcdef --\n",
        b"",
        b"\0\0\0\0",
        b"\x89PNG\r\n\x1a\n\0\0",
    ],
)
def test_other_formats_are_not_claimed(head: bytes) -> None:
    assert parser.sniff(head) == 0


def test_sniff_gives_the_share_of_lines() -> None:
    log = f"{AT} [7] LOG:  a\nstray\n{AT} [7] LOG:  b\n\tmore\n{AT} [7] LOG:  c\nan incomplete li"

    assert parser.sniff(log.encode()) == pytest.approx(3 / 4)
