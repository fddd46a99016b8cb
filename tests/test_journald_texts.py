"""The texts of journalctl: short forms, export and JSON; expected values written out by hand."""

from __future__ import annotations

import struct
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timeline_parsers.journald import parser

from timeline import schema
from timeline.containers import Memory
from timeline.parser import Batch
from timeline.sources import BLOCK_SIZE, Source

# 2026-06-15 14:03:11 UTC
NOON = 1_781_532_191_000_000


def batches(text: str | bytes, block_size: int = BLOCK_SIZE) -> list[Batch]:
    data = text.encode() if isinstance(text, str) else text
    found = list(parser.parse(Source(Memory("x", data), "", block_size=block_size)))
    for batch in found:
        counted = batch.continuation + batch.blank + batch.decoration + batch.unparsed
        assert batch.lines == len(batch.records) + counted
    assert data.count(b"\n") + (not data.endswith(b"\n") and bool(data)) == sum(batch.lines for batch in found)
    return found


def read(text: str | bytes, block_size: int = BLOCK_SIZE) -> pd.DataFrame:
    return schema.concat([batch.records for batch in batches(text, block_size)])


def values(column: pd.Series) -> list[Any]:
    return [None if pd.isna(value) else value for value in column]


def only(text: str | bytes) -> dict[str, Any]:
    (row,) = read(text).to_dict("records")
    return {str(name): None if pd.isna(value) else value for name, value in row.items()}


def export(*fields: tuple[str, str | bytes], time: int = NOON) -> bytes:
    lines = [f"__REALTIME_TIMESTAMP={time}\n".encode()]
    for name, value in fields:
        raw = value.encode() if isinstance(value, str) else value
        if isinstance(value, bytes):
            lines.append(name.encode() + b"\n" + struct.pack("<Q", len(raw)) + raw + b"\n")
        else:
            lines.append(name.encode() + b"=" + raw + b"\n")
    return b"".join([*lines, b"\n"])


SHORT = {
    "short": ("Jun 15 14:03:11", 0, None),
    "short, day below ten": ("Jun 05 14:03:11", 0, None),
    "short-precise": ("Jun 15 14:03:11.123456", 123456, None),
    "short-iso before 255": ("2026-06-15T14:03:11-0500", 0, "-0500"),
    "short-iso since 255": ("2026-06-15T14:03:11-05:00", 0, "-05:00"),
    "short-iso-precise": ("2026-06-15T14:03:11.123456+0200", 123456, "+0200"),
    "short-full": ("Mon 2026-06-15 14:03:11 EST", 0, "EST"),
    "short-full, nameless zone": ("Mon 2026-06-15 14:03:11 -03", 0, "-03"),
    "short-unix": ("1781532191.000101", 101, "UTC"),
}


@pytest.mark.parametrize("style", SHORT)
def test_each_short_style_is_read(style: str) -> None:
    stamp, micro, zone = SHORT[style]
    text = f"{stamp} web-01 nginx[12]: upstream: timed out\n"

    row = only(text)

    assert parser.sniff(text.encode()) >= 0.98
    day = 5 if "below" in style else 15
    year = 1972 if zone is None else 2026
    expected = int(pd.Timestamp(year, 6, day, 14, 3, 11).timestamp()) * 1_000_000 + micro
    assert (expected, zone) == (row["wall"], row["zone"])
    assert ("web-01", "nginx", 12, "upstream: timed out") == (
        row["host"], row["service"], row["process.pid"], row["message"],
    )  # fmt: skip
    assert row["severity"] is None
    assert (zone is None) == batches(text)[0].yearless


def test_seconds_since_boot_leave_the_time_empty_and_say_so() -> None:
    text = "[  900.000101] h a[1]: one\n[  901.000101 <    1.000000 >] h a[1]: two\n"

    assert [None, None] == values(read(text)["wall"])
    assert ["one", "two"] == read(text)["message"].tolist()
    assert "-o short-iso" in batches(text)[0].warnings[0]


HEADS = {
    "h ident: m": ("h", "ident", None, "m"),
    "h ident[7]: m": ("h", "ident", 7, "m"),
    "h [2]: m": ("h", None, 2, "m"),
    "ident[7]: no host": (None, "ident", 7, "no host"),
    "kernel: no host": (None, "kernel", None, "no host"),
    "h my app[7]: m": ("h", "my app", 7, "m"),
    "h a: b: c[3]: d": ("h", "a", None, "b: c[3]: d"),
    "h user@1000.service/app.service[7]: m": ("h", "app.service", 7, "m"),
    "h postfix/smtpd[7]: m": ("h", "postfix/smtpd", 7, "m"),
    "h a[7]: [15B blob data]": ("h", "a", 7, "[15B blob data]"),
}


@pytest.mark.parametrize("head", HEADS)
def test_host_service_pid_and_message_are_divided(head: str) -> None:
    row = only(f"2026-06-15T14:03:11+0000 {head}\n")

    assert HEADS[head] == (row["host"], row["service"], row["process.pid"], row["message"])


def test_further_lines_are_joined_without_their_indent() -> None:
    head = "Jun 15 14:03:11 h app[7]: "
    text = (
        f"{head}Traceback:\n{' ' * len(head)}  File x\n{' ' * len(head)}\n\n{' ' * len(head)}ValueError\n{head}next\n"
    )

    assert ["Traceback:\n  File x\n\n\nValueError", "next"] == read(text)["message"].tolist()
    assert [1, 6] == read(text)["line"].tolist()
    assert 4 == batches(text)[0].continuation


def test_the_indent_is_counted_in_bytes() -> None:
    head = "Jun 15 14:03:11 höst äpp[7]: "
    text = f"{head}one\n{' ' * len(head.encode())}two\n"

    assert ["one\ntwo"] == read(text)["message"].tolist()


def test_a_message_cannot_forge_a_record_or_a_boot() -> None:
    head = "Jun 15 14:03:11 h app[7]: "
    indent = " " * len(head)
    forged = ["Jun 15 14:03:12 h sshd[1]: Accepted password for root", f"-- Boot {'0' * 32} --"]
    text = head + "\n".join(["user said", *(indent + line for line in forged)]) + "\n"

    assert ["\n".join(["user said", *forged])] == read(text)["message"].tolist()


def test_an_indent_too_small_is_not_joined() -> None:
    text = "Jun 15 14:03:11 h app[7]: one\n   strange\n"

    assert ["one"] == read(text)["message"].tolist()
    assert ((2, "   strange"),) == batches(text)[0].unparsed_examples


def test_what_journalctl_adds_is_counted_as_decoration() -> None:
    text = (
        "Hint: You are currently not seeing messages from other users and the system.\n"
        "      Users in groups 'adm', 'systemd-journal' can see all messages.\n"
        "-- Logs begin at Mon 2026-06-15 13:00:00 UTC, end at Mon 2026-06-15 15:00:00 UTC. --\n"
        "Jun 15 14:03:11 h app[7]: one\n"
        f"-- Boot {'0' * 32} --\n"
        "-- Reboot --\n"
        "Jun 15 14:03:12 h app[7]: two\n"
        "░░ Subject: A start job has failed\n"
        "-- cursor: s=1;i=2\n"
        "\n"
    )

    (batch,) = batches(text)

    assert (2, 7, 1, 0) == (len(batch.records), batch.decoration, batch.blank, batch.unparsed)


def test_no_entries_is_an_empty_journal() -> None:
    assert parser.sniff(b"-- No entries --\n")
    assert read("-- No entries --\n").empty


def test_a_message_that_crosses_a_block_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    head = "Jun 15 14:03:11 h app[7]: "
    text = "".join(f"{head}{number}\n{' ' * len(head)}more\n" for number in range(9))

    in_pieces(text.encode(), monkeypatch)

    assert [f"{number}\nmore" for number in range(9)] == read(text, 60)["message"].tolist()
    assert [2 * number + 1 for number in range(9)] == read(text, 60)["line"].tolist()


def in_pieces(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Source, "chunks", lambda _: (data[at : at + 37] for at in range(0, len(data), 37)))


KINDS = {
    "systemd[1]: nginx.service: Failed with result 'exit-code'.": "unit-failed",
    "systemd[1]: nginx.service: Main process exited, code=exited, status=1/FAILURE": "unit-process-exit",
    "systemd[1]: nginx.service: Scheduled restart job, restart counter is at 5.": "unit-restart-scheduled",
    "systemd[1]: Started nginx.service - A web server.": "unit-started",
    "systemd[1]: nginx.service: Consumed 1.2s CPU time.": "noise",
    "kernel: Out of memory: Killed process 812 (postgres)": "oom-kill",
    "kernel: Linux version 6.1.0-18-amd64": "boot",
    "app[1]: Out of memory: Killed process 812 (postgres)": None,
}


@pytest.mark.parametrize("line", KINDS)
def test_texts_name_well_known_happenings(line: str) -> None:
    assert KINDS[line] == only(f"Jun 15 14:03:11 h {line}\n")["kind"]


NESTED = {
    "2026/06/15 14:03:11 [error] 12#12: *3 upstream timed out": "err",
    "2026/06/15 14:03:11 [warn] 12#12: low": "warning",
    "2026/06/15 14:03:11 [alert] 12#12: worker died": "alert",
    "2026/06/15 14:03:11 [info] 12#12: nothing raised": "info",
    "2026-06-15 14:03:11.123 UTC [99] shop@shop FATAL:  remaining connection slots are reserved": "crit",
    "2026-06-15 14:03:11.123 UTC [99] shop@shop ERROR:  deadlock detected": "err",
    "2026-06-15 14:03:11 UTC [99] PANIC:  could not write": "alert",
    "2026-06-15 14:03:11 UTC [99] LOG:  checkpoint: ERROR:  said a user": "info",
    "2026-06-15 14:03:11 UTC [99] DEBUG1:  never lowered": "info",
    "an ERROR:  without a stamp": "info",
    '10.0.0.1 - - [15/Jun/2026:14:03:11 +0000] "GET / HTTP/1.1" 502 157 "-" "-"': "err",
    '10.0.0.1 - - [15/Jun/2026:14:03:11 +0000] "GET / HTTP/1.1" 200 157 "-" "-"': "info",
}


@pytest.mark.parametrize("message", NESTED)
def test_lines_of_nginx_and_postgresql_raise_the_severity(message: str) -> None:
    data = export(("PRIORITY", "6"), ("SYSLOG_IDENTIFIER", "nginx"), ("MESSAGE", message))

    row = only(data)

    assert (NESTED[message], NOON, message) == (row["severity"], row["wall"], row["message"])


def test_a_worse_priority_of_the_journal_stays() -> None:
    nested = "2026/06/15 14:03:11 [error] 12#12: x"

    assert "emerg" == only(export(("PRIORITY", "0"), ("MESSAGE", nested)))["severity"]
    assert "err" == only(export(("MESSAGE", nested)))["severity"]
    assert only(export(("MESSAGE", "x")))["severity"] is None
    assert only(export(("PRIORITY", "8"), ("MESSAGE", "x")))["severity"] is None


PID_1 = (("_PID", "1"), ("_UID", "0"), ("_SYSTEMD_UNIT", "init.scope"), ("_COMM", "systemd"))
DUMP = ("MESSAGE_ID", "fc2e22bc6ee647b6b90729ab34a250b1")
UNITS: dict[str, tuple[tuple[tuple[str, str], ...], str | None]] = {
    "the manager names a unit": ((*PID_1, ("UNIT", "nginx.service")), "nginx.service"),
    "a process pretends to": (
        (("_PID", "9"), ("_SYSTEMD_UNIT", "evil.service"), ("UNIT", "nginx.service")),
        "evil.service",
    ),
    "root about an object": (
        (("_UID", "0"), ("_SYSTEMD_UNIT", "a.service"), ("OBJECT_SYSTEMD_UNIT", "b.service")),
        "b.service",
    ),
    "a user about an object": (
        (("_UID", "7"), ("_SYSTEMD_UNIT", "a.service"), ("OBJECT_SYSTEMD_UNIT", "b.service")),
        "a.service",
    ),
    "a core dump": ((("_UID", "0"), ("_SYSTEMD_UNIT", "a.service"), ("COREDUMP_UNIT", "b.service"), DUMP), "b.service"),
    "a user's unit": ((("_SYSTEMD_UNIT", "user@1.service"), ("_SYSTEMD_USER_UNIT", "app.service")), "app.service"),
    "the user's manager": ((("_SYSTEMD_UNIT", "user@1.service"), ("USER_UNIT", "app.service")), "app.service"),
    "a container": ((("CONTAINER_NAME", "web"), ("SYSLOG_IDENTIFIER", "abc")), "web"),
    "the kernel": ((("_TRANSPORT", "kernel"), ("SYSLOG_IDENTIFIER", "kernel")), "kernel"),
    "only a command": ((("_COMM", "cp"),), "cp"),
    "nothing": ((), None),
}


@pytest.mark.parametrize("case", UNITS)
def test_the_service_is_the_unit_that_journalctl_finds_it_by(case: str) -> None:
    fields, service = UNITS[case]

    assert service == only(export(("MESSAGE", "m"), *fields))["service"]


TIMES = {"": NOON, "1781532190999999": NOON - 1, "0": NOON, str(1 << 55): NOON, "-5": NOON, "12x": NOON, "9" * 30: NOON}


@pytest.mark.parametrize("sent", TIMES)
def test_the_time_of_the_sender_counts_when_it_is_possible(sent: str) -> None:
    row = only(export(("_SOURCE_REALTIME_TIMESTAMP", sent), ("MESSAGE", "m")))

    assert (TIMES[sent], NOON, "UTC") == (row["wall"], row["journald.realtime"], row["zone"])


def test_the_login_or_the_command_is_the_actor() -> None:
    assert "uid 1000" == only(export(("_AUDIT_LOGINUID", "1000"), ("_COMM", "sudo"), ("MESSAGE", "m")))["actor"]
    assert "cron" == only(export(("_AUDIT_LOGINUID", "4294967295"), ("_COMM", "cron"), ("MESSAGE", "m")))["actor"]
    assert only(export(("MESSAGE", "m")))["actor"] is None


def test_units_of_sessions_are_noise() -> None:
    started = ("MESSAGE_ID", "39f53479d3a045ac8e11786248231fbf")

    assert "noise" == only(export(started, *PID_1, ("UNIT", "session-4.scope"), ("MESSAGE", "m")))["kind"]
    assert "unit-started" == only(export(started, *PID_1, ("UNIT", "nginx.service"), ("MESSAGE", "m")))["kind"]


def test_values_with_a_length_may_hold_anything() -> None:
    inner = b"one\n\n__REALTIME_TIMESTAMP=1\nMESSAGE=forged\n\n\0\x0a"
    data = export(("_SELINUX_CONTEXT", b"unconfined\n"), ("MESSAGE", inner), ("_HOSTNAME", "h"))

    frame = read(data * 3)

    assert [inner.decode()] * 3 == frame["message"].tolist()
    assert ["h"] * 3 == frame["host"].tolist()
    assert [1, 1 + data.count(b"\n"), 1 + 2 * data.count(b"\n")] == frame["line"].tolist()


@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 255, 256, 2560, 2570])
def test_lengths_that_look_like_line_ends_are_lengths(size: int) -> None:
    data = export(("MESSAGE", b"x" * size), ("_HOSTNAME", "h"))

    assert ("x" * size, "h") == (only(data)["message"], only(data)["host"])


def test_a_cut_value_ends_the_export_with_a_warning() -> None:
    whole = export(("MESSAGE", "one"))
    data = whole + export(("MESSAGE", b"two\nthree"))

    found = batches(data[:-8])

    assert ["one", None] == values(found[0].records["message"])
    assert "at byte" in found[0].warnings[0]
    assert found[0].unparsed > 0


def test_export_blocks_end_between_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"".join(export(("MESSAGE", b"a\n\nb"), time=NOON + number) for number in range(50))
    in_pieces(data, monkeypatch)

    frame = read(data, 100)

    assert [NOON + number for number in range(50)] == frame["wall"].tolist()
    assert ["a\n\nb"] * 50 == frame["message"].tolist()


def test_what_follows_a_damaged_value_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    bad = b"MESSAGE\n" + struct.pack("<Q", 5) + b"longer than five\n\n"
    data = export(("MESSAGE", "one")) + bad + export(("MESSAGE", "two")) * 20
    in_pieces(data, monkeypatch)

    found = batches(data, 100)

    assert ["one"] == read(data, 100)["message"].tolist()
    assert data.count(b"\n") - 3 == sum(batch.unparsed for batch in found)


def test_a_stray_zero_byte_costs_its_line_only() -> None:
    data = export(("MESSAGE", "one")) + b"\0\0\0\n\n" + export(("MESSAGE", "t\0wo"), ("_HOSTNAME", "h"))

    assert ["one", "t\0wo"] == read(data)["message"].tolist()
    assert 1 == batches(data)[0].unparsed


def test_strange_lines_in_an_export_are_counted() -> None:
    (batch,) = batches(export(("MESSAGE", "m")) + b"what is this\n\n" + export(("MESSAGE", "n")))

    assert ["m", "n"] == batch.records["message"].tolist()
    assert ((4, "what is this"),) == batch.unparsed_examples


JSON = {
    "text": ('"plain"', "plain"),
    "bytes": ("[27,91,51,49,109,114,101,100]", "\x1b[31mred"),
    "bytes, not UTF-8": ("[110,97,239]", "na\ufffd"),
    "repeated": ('["one","two"]', "one"),
    "repeated, of bytes": ("[[104,105],null]", "hi"),
    "withheld": ("null", "[message of 4 KiB or more withheld by journalctl; export with -a]"),
}


@pytest.mark.parametrize("shape", JSON)
def test_each_shape_of_a_json_value_is_read(shape: str) -> None:
    value, message = JSON[shape]

    row = only(f'{{"MESSAGE":{value},"__REALTIME_TIMESTAMP":"{NOON}","__CURSOR":"s=1"}}\n')

    assert (message, NOON, "s=1") == (row["message"], row["wall"], row["ref"])


def test_an_entry_without_a_message_stays_an_event() -> None:
    assert only(f'{{"__REALTIME_TIMESTAMP":"{NOON}"}}\n')["message"] is None


FORMS = {
    "before 240": f'{{ "__REALTIME_TIMESTAMP" : "{NOON}", "MESSAGE" : "m" }}\n',
    "pretty": f'{{\n\t"__REALTIME_TIMESTAMP" : "{NOON}",\n\t"MESSAGE" : [\n\t\t109\n\t]\n}}\n',
    "sse": f'data: {{"__REALTIME_TIMESTAMP":"{NOON}","MESSAGE":"m"}}\n\n',
    "seq": f'\x1e{{"__REALTIME_TIMESTAMP":"{NOON}","MESSAGE":"m"}}\n',
}


@pytest.mark.parametrize("form", FORMS)
def test_every_json_form_is_read(form: str) -> None:
    text = FORMS[form] * 2

    assert parser.sniff(text.encode()) == 1
    assert ["m", "m"] == read(text)["message"].tolist()


def test_json_that_is_no_entry_is_counted() -> None:
    (batch,) = batches(f'{{"__REALTIME_TIMESTAMP":"{NOON}"}}\n{{"a":1}}\n{{"__REALTIME_\n[1]\n')

    assert (1, 3) == (len(batch.records), batch.unparsed)


OTHERS = {
    "nginx json": b'{"time":"2026-06-15T14:03:11+00:00","status":502,"request":"GET / HTTP/1.1"}\n',
    "nginx json about a journal": b'{"request":"{\\"__CURSOR\\":\\"s\\"}","status":200}\n',
    "postgresql jsonlog": b'{"timestamp":"2026-06-15 14:03:11.123 UTC","pid":9,"error_severity":"LOG"}\n',
    "slack": b'[\n    {\n        "type": "message",\n        "ts": "1781532191.000100"\n    }\n]\n',
    "postgresql": b"2026-06-15 14:03:11.123 UTC [9] LOG:  started\n",
    "nginx error": b"2026/06/15 14:03:11 [error] 12#12: *3 x: y\n",
    "nginx access": b'10.0.0.1 - - [15/Jun/2026:14:03:11 +0000] "GET / HTTP/1.1" 200 1 "-" "-"\n',
    "settings": b"PATH=/bin\nHOME=/root\n",
    "cat": b"just a message\nanother one: here\n",
    "sealing key": b"KSHHRHLP" + bytes(100),
    "empty": b"",
}


@pytest.mark.parametrize("other", OTHERS)
def test_what_is_no_journal_is_refused(other: str) -> None:
    assert parser.sniff(OTHERS[other]) == 0


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([
    "Jun 15 14:03:11 h a[1]: m", " " * 25 + "more", "", "-- Reboot --", "x", "\t", "2026-06-15T14:03:11+0000 h a: b", "\0", "{",
    '{"__REALTIME_TIMESTAMP":"1"}', "__REALTIME_TIMESTAMP=5", "MESSAGE=a", "MESSAGE", "\x05\0\0\0\0\0\0\0hello", "\x1e{}", "data: {",
]), max_size=12))  # fmt: skip
def test_the_account_adds_up_for_any_mixture_of_lines(lines: list[str]) -> None:
    text = "\n".join(lines).encode()
    parser.sniff(text)
    batches(text)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"__CURSOR=a\n__REALTIME_TIMESTAMP=1\n", b'{"__CURSOR":"a"}\n', b""]))
def test_arbitrary_bytes_never_raise(data: bytes, start: bytes) -> None:
    parser.sniff(start + data)
    list(parser.parse(Source(Memory("x", start + data), "")))
