"""PostgreSQL stderr logs: records, further lines, labels of all languages, and where each line goes."""

from __future__ import annotations

import pytest
from parsed import Reader
from timeline_parsers.postgresql import parser

from timeline.errors import UsageError

DEBIAN = "%m [%p] %q%u@%d "
# 2026-06-15 14:03:11.123 and 14:03:11 read as if they were UTC
WALL = 1_781_532_191_123_000
SECOND = 1_781_532_191_000_000
AT = "2026-06-15 14:03:11.123 UTC"


READER = Reader(parser, "postgresql.log")
parse, rows, row, counts = READER.parse, READER.rows, READER.row, READER.counts


def test_a_record_of_a_session() -> None:
    assert row(f"{AT} [4711] app@shop ERROR:  division by zero\n") == {
        "wall": WALL,
        "zone": "UTC",
        "service": "postgresql",
        "severity": "err",
        "actor": "app",
        "message": "division by zero",
        "line": 1,
        "process.pid": 4711,
        "db.namespace": "shop",
        "postgresql.severity": "ERROR",
        "user.name": "app",
    }


def test_a_record_of_a_background_process_has_no_user() -> None:
    record = row(f"{AT} [4] LOG:  checkpoint starting: time\n")

    assert (record["message"], record["kind"]) == ("checkpoint starting: time", "noise")
    assert "actor" not in record
    assert "db.namespace" not in record


def test_unknown_user_is_missing() -> None:
    record = row(f"{AT} [4] [unknown]@[unknown] LOG:  connection received: host=[local]\n")

    assert record["message"] == "connection received: host=[local]"
    assert not {"actor", "user.name", "db.namespace"} & set(record)


def test_parts_belong_to_their_record_and_are_no_events() -> None:
    log = (
        f"{AT} [7] a@b ERROR:  duplicate key\n"
        f"{AT} [7] a@b DETAIL:  Key (id)=(1)\n\talready exists.\n"
        f"{AT} [7] a@b HINT:  try another\n"
        f"{AT} [7] a@b QUERY:  select 2\n"
        f"{AT} [7] a@b CONTEXT:  PL/pgSQL function\n"
        f"{AT} [7] a@b LOCATION:  f, file.c:12\n"
        f"{AT} [7] a@b BACKTRACE:  one\n\ttwo\n"
        f"{AT} [7] a@b STATEMENT:  insert\n\t\tinto t\n"
    )

    record = row(log)

    assert {name.removeprefix("postgresql."): value for name, value in record.items()} | {
        "detail": "Key (id)=(1)\nalready exists.",
        "hint": "try another",
        "query": "select 2",
        "context": "PL/pgSQL function",
        "location": "f, file.c:12",
        "backtrace": "one\ntwo",
        "statement": "insert\n\tinto t",
    } == {name.removeprefix("postgresql."): value for name, value in record.items()}
    assert counts(log) == (1, 10, 0, 0)


def test_parts_go_to_the_last_record_of_their_process() -> None:
    one, two = rows(
        f"{AT} [1] a@b ERROR:  first\n{AT} [2] a@b ERROR:  second\n"
        f"{AT} [1] a@b STATEMENT:  of first\n{AT} [2] a@b STATEMENT:  of second\n"
    )

    assert (one["postgresql.statement"], two["postgresql.statement"]) == ("of first", "of second")


def test_without_a_process_parts_go_to_the_record_before() -> None:
    records = rows(f"{AT} ERROR:  x\n{AT} STATEMENT:  s\n{AT} LOG:  y\n", log_line_prefix="%m ")

    assert [(record["message"], record.get("postgresql.statement")) for record in records] == [("x", "s"), ("y", None)]


def test_a_part_without_record_is_not_understood() -> None:
    log = f"{AT} [1] a@b STATEMENT:  of a lost record\n\tsecond line\n{AT} [2] a@b LOG:  x\n{AT} [3] a@b HINT:  lost\n"
    examples = [line for batch in parse(log) for line, _ in batch.unparsed_examples]

    assert row(log)["message"] == "x"
    assert counts(log) == (1, 0, 0, 3)
    assert examples == [1, 2, 4]


def test_a_second_part_of_one_kind_is_of_a_lost_record() -> None:
    log = f"{AT} [1] a@b ERROR:  x\n{AT} [1] a@b STATEMENT:  s\n{AT} [1] a@b STATEMENT:  t\n"

    assert row(log)["postgresql.statement"] == "s"
    assert counts(log) == (1, 1, 0, 1)


def test_continuation_lines_lose_one_tab() -> None:
    assert (
        row(f"{AT} [1] a@b LOG:  multi\n\tline\n\t\ttabbed\n\t\n\tend\n")["message"] == "multi\nline\n\ttabbed\n\nend"
    )


def test_continuation_lines_with_expanded_tabs() -> None:
    log = f"{AT} [1] a@b LOG:  multi\n        line\n          indented\n"

    assert row(log)["message"] == "multi\nline\n  indented"
    assert counts(log) == (1, 2, 0, 0)


RDS_AT = "2026-06-15 14:03:11 UTC:192.0.2.7(5432):app@shop:[7]:"


def test_rds_breaks_long_texts_anew() -> None:
    log = (
        f"{RDS_AT}ERROR:  out of memory\n{RDS_AT}HINT:  This error usually means that\nPostgreSQL's request\n"
        f"exceeded available memory.\n{RDS_AT}LOG:  y\n"
    )
    one, two = rows(log)

    assert one["postgresql.hint"] == "This error usually means that\nPostgreSQL's request\nexceeded available memory."
    assert two["message"] == "y"
    assert counts(log) == (2, 3, 0, 0)


def test_a_copy_without_tabs() -> None:
    statements = "".join(
        f"{AT} [1] a@b LOG:  duration: 1.000 ms  statement: SELECT {place}\nFROM t\n\nWHERE x\n" for place in range(3)
    )
    log = f"{statements}{AT} [2] LOG:  archive command failed with exit code 1\n{AT} [2] DETAIL:  The command was: cp\n"
    damaged = f"{log}{AT} [1] a@b ERROR:  x\n"
    records = rows(log)

    assert [record["message"].partition("statement: ")[2] for record in records[:3]] == [
        f"SELECT {place}\nFROM t\n\nWHERE x" for place in range(3)
    ]
    assert counts(damaged) == (5, 7, 3, 0)


def test_stray_lines_are_none_of_such_a_copy() -> None:
    statement = f"{AT} [1] a@b LOG:  statement: SELECT\n"
    few = f"{statement}cp: cannot stat\n{statement}FROM t\n"
    others = f"{statement}FROM t\n" * 4 + f"{AT} [2] DETAIL:  The command was: cp\ncp: cannot stat\n"
    tabs = f"{statement}FROM t\n" * 4 + f"{statement}\tFROM t\n"

    assert counts(few) == (2, 0, 0, 2)
    assert counts(others)[3] == 6
    assert counts(tabs) == (5, 1, 0, 4)


@pytest.mark.parametrize("indent", ["\t", "        "])
def test_a_record_within_a_literal_is_text(indent: str) -> None:
    fake = "2020-01-01 00:00:00.000 UTC [1] FATAL:  fake"
    log = f"{AT} [1] a@b ERROR:  x\n{AT} [1] a@b STATEMENT:  select '\n{indent}{fake}\n{indent}'\n"

    assert row(log)["postgresql.statement"] == f"select '\n{fake}\n'"


def test_other_line_ends_stay_in_the_message() -> None:
    assert row(f"{AT} [1] a@b LOG:  a\rb\x0cc\u2028d\u0085e\n")["message"] == "a\rb\x0cc\u2028d\u0085e"


def test_crlf_ends_a_line() -> None:
    assert row(f"{AT} [1] a@b LOG:  a\r\n\tb\r\n")["message"] == "a\nb"


def test_stray_lines_are_counted_and_never_dated() -> None:
    log = (
        f"{AT} [1] LOG:  archive command failed with exit code 1\n"
        "cp: cannot create regular file '/backup/1': No such file or directory\n"
        "\tat an indented line of it\n"
        "\n"
        f"{AT} [1] DETAIL:  The failed archive command was: cp\n"
    )
    (batch,) = parse(log)

    assert batch.records["message"].tolist() == ["archive command failed with exit code 1"]
    assert batch.records["postgresql.detail"].tolist() == ["The failed archive command was: cp"]
    assert (batch.continuation, batch.blank, batch.unparsed) == (1, 1, 2)
    assert batch.unparsed_examples[0] == (2, "cp: cannot create regular file '/backup/1': No such file or directory")


def test_leading_nuls_of_a_truncated_copy_are_skipped() -> None:
    assert row(b"\0\0\0\0" + f"{AT} [1] LOG:  x\n".encode())["message"] == "x"


def test_invalid_bytes_become_replacement_characters() -> None:
    assert row(f"{AT} [1] LOG:  gr".encode() + b"\xf6\xdfe\n")["message"] == "gr\ufffd\ufffde"


def test_a_last_line_without_end() -> None:
    assert row(f"{AT} [1] LOG:  x")["message"] == "x"


def test_severities() -> None:
    words = ("DEBUG", "LOG", "INFO", "NOTICE", "WARNING", "ERROR", "FATAL", "PANIC")
    records = rows("".join(f"{AT} [1] {word}:  x\n" for word in words))

    assert [record["severity"] for record in records] == [
        "debug", "info", "info", "notice", "warning", "err", "crit", "alert",
    ]  # fmt: skip
    assert [record["postgresql.severity"] for record in records] == list(words)


@pytest.mark.parametrize(
    ("error", "detail", "hint", "context", "statement"),
    [
        ("FEHLER:  ", "DETAIL:  ", "TIPP:  ", "ZUSAMMENHANG:  ", "ANWEISUNG:  "),
        ("ERROR:  ", "DETALLE:  ", "HINT:  ", "CONTEXTO:  ", "SENTENCIA:  "),
        ("ERREUR:  ", "DÉTAIL:  ", "ASTUCE :  ", "CONTEXTE :  ", "INSTRUCTION :  "),
        ("ERREUR:  ", "DÉTAIL :  ", "ASTUCE\u00a0:  ", "CONTEXTE\u00a0:  ", "INSTRUCTION\u00a0:  "),
        ("ERRORE:  ", "DETTAGLI:  ", "SUGGERIMENTO:  ", "CONTESTO:  ", "ISTRUZIONE:  "),
        ("ERROR:  ", "詳細:  ", "ヒント:  ", "文脈:  ", "文:  "),
        ("შეცდომა:  ", "დეტალები:  ", "მინიშნება:  ", "კონტექსტი:  ", "ოპერატორი:  "),
        ("오류:  ", "상세정보:  ", "힌트:  ", "내용:  ", "명령 구문:  "),
        ("ОШИБКА:  ", "ПОДРОБНОСТИ:  ", "ПОДСКАЗКА:  ", "КОНТЕКСТ:  ", "ОПЕРАТОР:  "),
        ("FEL:  ", "DETALJ:  ", "TIPS:  ", "KONTEXT:  ", "SATS:  "),
        ("ПОМИЛКА:  ", "ВІДОМОСТІ:  ", "УКАЗІВКА:  ", "КОНТЕКСТ:  ", "ІНСТРУКЦІЯ:  "),
        ("错误:  ", "详细信息:  ", "提示:  ", "上下文:  ", "语句:  "),
    ],
)
def test_translated_labels(error: str, detail: str, hint: str, context: str, statement: str) -> None:
    lines = (f"{error}m", f"{detail}d", f"{hint}h", f"{context}c", f"{statement}s")
    record = row("".join(f"{AT} [1] my user@my db {line}\n" for line in lines))

    assert (record["severity"], record["message"], record["actor"]) == ("err", "m", "my user")
    parts = ("detail", "hint", "context", "statement")
    assert [record[f"postgresql.{part}"] for part in parts] == ["d", "h", "c", "s"]


@pytest.mark.parametrize(
    ("word", "severity"),
    [
        ("HINWEIS", "notice"), ("WARNUNG", "warning"), ("PANIK", "alert"), ("ATTENTION", "warning"), ("FATALE", "crit"),
        ("გაფრთხილება", "warning"), ("손상", "alert"), ("치명적오류", "crit"), ("СООБЩЕНИЕ", "info"), ("ВАЖНО", "crit"),
        ("LOGG", "info"), ("ПОВІДОМЛЕННЯ", "notice"), ("致命错误", "crit"), ("比致命错误还过分的错误", "alert"), ("日志", "info"),
    ],
)  # fmt: skip
def test_translated_severities(word: str, severity: str) -> None:
    record = row(f"{AT} [1] a@b {word}:  x\n")

    assert (record["severity"], record["postgresql.severity"]) == (severity, word)


def test_the_korean_query_has_no_blanks() -> None:
    assert row(f"{AT} [1] a@b 오류:  x\n{AT} [1] a@b 쿼리:select 1\n")["postgresql.query"] == "select 1"


def test_languages_may_change_within_a_file() -> None:
    records = rows(f"{AT} [1] LOG:  a\n{AT} [1] СООБЩЕНИЕ:  b\n{AT} [1] FEHLER:  c\n")

    assert [record["severity"] for record in records] == ["info", "info", "err"]


def test_an_unknown_word_is_a_record_without_severity() -> None:
    known = "".join(f"{AT} [1] LOG:  x\n" for _ in range(3))
    *_, record = rows(f"{known}{AT} [1] a@b CHYBA:  dělení nulou\n")

    assert (record["message"], record["postgresql.severity"]) == ("dělení nulou", "CHYBA")
    assert "severity" not in record


def test_one_blank_behind_the_label_will_do() -> None:
    assert row(f"{AT} [1] LOG: x\n", log_line_prefix="%m [%p] ")["message"] == "x"


def test_verbose_records_carry_their_state() -> None:
    state, success = rows(
        f'{AT} [1] a@b ERROR:  42P01: relation "nope" does not exist at character 15\n'
        f"{AT} [1] a@b LOCATION:  parserOpenTable, parse_relation.c:1392\n"
        f"{AT} [1] a@b LOG:  00000: disconnection: session time: 0:00:00.002\n"
    )

    assert (state["message"], state["postgresql.position"]) == ('relation "nope" does not exist', 15)
    assert state["db.response.status_code"] == "42P01"
    assert state["postgresql.location"] == "parserOpenTable, parse_relation.c:1392"
    assert (success["message"], success["kind"]) == ("disconnection: session time: 0:00:00.002", "noise")
    assert "db.response.status_code" not in success


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ("ERROR:  syntax error at character 8", "syntax error", 8),
        ("ERROR:  a\n\tb at character 8", "a\nb", 8),
        ("ERROR:  at character 8", "at character 8", None),
        ("ERROR:  x at character 8 of it", "x at character 8 of it", None),
        ("ERROR:  x at character ", "x at character ", None),
        ("FEHLER:  Syntaxfehler bei »x« bei Zeichen 8", "Syntaxfehler bei »x«", 8),
        ("ERREUR:  erreur de syntaxe au caractère 8", "erreur de syntaxe", 8),
        ("ERROR:  構文エラー(8文字目)", "構文エラー", 8),
        ("오류:  구문 오류 8 번째 문자 부근", "구문 오류", 8),
        ("ОШИБКА:  ошибка синтаксиса (символ 12)", "ошибка синтаксиса", 12),
        ("错误:  语法错误 第 8 个字符处", "语法错误", 8),
        ("LOG:  statement: select 1 -- at character 8", "statement: select 1 -- at character 8", None),
    ],
)
def test_the_place_of_an_error_is_no_part_of_the_message(text: str, message: str, position: int | None) -> None:
    record = row(f"{AT} [1] a@b {text}\n{AT} [1] a@b STATEMENT:  x at character 9\n")

    assert (record["message"], record.get("postgresql.position")) == (message, position)
    assert record["postgresql.statement"] == "x at character 9"


def test_text_that_only_looks_like_a_state_stays() -> None:
    assert row(f"{AT} [1] a@b ERROR:  HELLO: world\n")["message"] == "HELLO: world"


def test_records_out_of_order_stay_in_file_order() -> None:
    records = rows("2026-06-15 14:03:11 UTC [1] LOG:  a\n2026-06-15 14:02:40 UTC [2] LOG:  b\n")

    assert [record["wall"] - SECOND for record in records] == [0, -31_000_000]


def test_an_impossible_time_is_missing() -> None:
    record = row("2026-02-30 14:03:11.123 UTC [1] LOG:  x\n", log_line_prefix="%m [%p] ")

    assert record["message"] == "x"
    assert "wall" not in record


@pytest.mark.parametrize("zone", ["UTC", "EST", "CEST", "+03", "-03", "+0545", "NZDT"])
def test_zones_are_given_as_written(zone: str) -> None:
    assert row(f"2026-06-15 14:03:11.123 {zone} [1] LOG:  x\n")["zone"] == zone


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(UsageError, match="prefix") as caught:
        parse(f"{AT} [1] LOG:  x\n", prefix="%m ")

    assert "--set postgresql.log_line_prefix=" in caught.value.help
