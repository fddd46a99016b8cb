"""Short texts: months of other languages, units and kinds told by text, and what journalctl adds."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from timeline_parsers.journald import parser

import timeline
from timeline import schema
from timeline.containers import Memory
from timeline.parser import Batch
from timeline.sources import BLOCK_SIZE, Source

FIXTURES = Path(__file__).parent.parent / "fixtures"
JOURNALS = [
    *sorted((FIXTURES / "checkout-outage" / "journal").rglob("*.journal")),
    FIXTURES / "journald" / "system.journal",
]


def batches(data: str | bytes, block_size: int = BLOCK_SIZE) -> list[Batch]:
    raw = data.encode() if isinstance(data, str) else data
    found = list(parser.parse(Source(Memory("x", raw), "", block_size=block_size)))
    for batch in found:
        counted = batch.continuation + batch.blank + batch.decoration + batch.unparsed
        assert batch.lines == len(batch.records) + counted
    return found


def read(data: str | bytes, block_size: int = BLOCK_SIZE) -> pd.DataFrame:
    return schema.concat([batch.records for batch in batches(data, block_size)])


def values(column: pd.Series) -> list[Any]:
    return [None if pd.isna(value) else value for value in column]


MONTHS = {
    "German": ("Mär 08", 3), "German, like English": ("Okt 08", 10), "Austrian": ("Jän 08", 1), "French": ("févr. 08", 2),
    "French, long": ("août 08", 8), "Spanish": ("ene 08", 1), "Italian": ("giu 08", 6), "Portuguese": ("out 08", 10),
    "Russian": ("мая 08", 5), "Japanese": (" 3月 08", 3), "Japanese, two digits": ("11月 08", 11), "Chinese": ("3月 08", 3),
    "Korean": (" 3월 08", 3), "Swedish": ("maj 08", 5), "Polish": ("paź 08", 10), "Polish, July": ("lip 08", 7),
    "Dutch": ("mrt 08", 3), "Norwegian": ("des. 08", 12), "Finnish": ("kesä 08", 6), "Czech": ("říj 08", 10),
    "Turkish": ("Ağu 08", 8), "Ukrainian": ("лис 08", 11), "Greek": ("Μαΐ 08", 5), "Estonian": ("apr   08", 4),
    "Catalan": ("de març 08", 3), "capital": ("MAI 08", 5),
}  # fmt: skip


@pytest.mark.parametrize("language", MONTHS)
@pytest.mark.parametrize("fraction", ["", ".000101"])
def test_months_of_other_languages_are_read(language: str, fraction: str) -> None:
    stamp, month = MONTHS[language]
    text = f"{stamp} 14:03:11{fraction} web-01 nginx[12]: one\n"
    indent = " " * len(text.encode()[: -len("one\n")])

    (batch,) = batches(text + f"{indent}two\n")

    expected = int(pd.Timestamp(1972, month, 8, 14, 3, 11).timestamp()) * 1_000_000 + (101 if fraction else 0)
    assert parser.sniff(text.encode()) == 1
    assert batch.yearless
    assert ([expected], ["web-01"], ["one\ntwo"]) == (
        values(batch.records["wall"]), values(batch.records["host"]), values(batch.records["message"]),
    )  # fmt: skip


def test_a_file_may_begin_in_a_month_that_is_spelled_as_in_english() -> None:
    text = "".join(f"{month} 08 14:03:11 h a: m\n" for month in ("Feb", "Mär", "Apr", "Mai", "Okt", "Dez"))

    stamps = pd.to_datetime(read(text)["wall"], unit="us")

    assert [2, 3, 4, 5, 10, 12] == stamps.dt.month.tolist()
    assert read(text)["wall"].equals(read(text, 1)["wall"])


@pytest.mark.parametrize("line", ["Foo 08 14:03:11 h a: m", "13月 08 14:03:11 h a: m", "0月 08 14:03:11 h a: m"])
def test_what_is_no_month_is_no_date(line: str) -> None:
    frame = read(f"Mär 08 14:03:11 h a: m\n{line}\n")

    assert 1 == frame["wall"].notna().sum()


def test_a_message_cannot_forge_a_record_in_another_language() -> None:
    head = " 3月 08 14:03:11 h a[1]: "
    indent = " " * len(head.encode())

    assert ["one\n 3月 08 14:03:12 h sshd: in"] == read(f"{head}one\n{indent} 3月 08 14:03:12 h sshd: in\n")[
        "message"
    ].tolist()


@pytest.mark.parametrize("path", JOURNALS, ids=lambda path: path.parent.name[:8])
@pytest.mark.parametrize("mode", ["with-unit", "short-iso-precise"])
def test_units_and_kinds_equal_those_of_the_binary(path: Path, mode: str) -> None:
    if not shutil.which("journalctl"):
        pytest.fail("journalctl is missing: apt install systemd")
    command = ["journalctl", "--file", str(path), "-o", mode, "--no-pager"]
    short = read(subprocess.run(command, capture_output=True, check=True, env={"TZ": "UTC"}).stdout)
    binary = read(path.read_bytes())
    binary = binary[binary["message"].notna()].reset_index(drop=True)

    assert values(binary["kind"]) == values(short["kind"])
    if mode == "with-unit":
        assert values(binary["systemd.unit"]) == values(short["systemd.unit"])
        assert values(binary["service"]) == values(short["service"])
    else:
        told = short["systemd.unit"].notna()
        assert values(binary.loc[told, "systemd.unit"]) == values(short.loc[told, "systemd.unit"])
        assert told.sum() > 30


SAID = {
    "systemd[1]: nginx.service: Failed with result 'exit-code'.": ("nginx.service", "unit-failed"),
    "systemd[1]: Started nginx.service - A web server.": ("nginx.service", "unit-started"),
    "systemd[1]: Starting nginx.service...": ("nginx.service", "unit-starting"),
    "systemd[1]: Started A web server.": ("systemd", "unit-started"),
    "systemd[1]: Failed to listen on app.socket - App.": ("app.socket", "unit-failed"),
    "systemd[1]: Dependency failed for b.service - B.": ("b.service", "unit-failed"),
    "systemd[1]: Timed out waiting for device dev-sdb.device - /dev/sdb.": ("dev-sdb.device", "unit-failed"),
    "systemd[1]: c.service - C was skipped because of an unmet condition check (ConditionPathExists=/x).": (
        "c.service", "unit-skipped",
    ),
    "systemd[1]: Started session-4.scope - Session 4 of User root.": ("session-4.scope", "noise"),
    "systemd[1]: Time has been changed": ("systemd", "time-change"),
    "systemd[812]: app.service: Main process exited, code=killed, status=9/KILL": ("app.service", "unit-process-exit"),
    "init.scope[1]: Stopped nginx.service - A web server.": ("nginx.service", "unit-stopped"),
    "user@1000.service/init.scope[812]: Started app.service - App.": ("app.service", "unit-started"),
    "user@1000.service/app.service[9]: hello": ("app.service", None),
    "systemd-journald[9]: Suppressed 812 messages from nginx.service": ("systemd-journald.service", "journal-dropped"),
    "systemd-journald[9]: Missed 4 kernel messages": ("systemd-journald.service", "journal-dropped"),
    "systemd-logind[9]: System is rebooting.": ("systemd-logind.service", "shutdown"),
    "systemd-coredump[9]: Process 812 (postgres) of user 0 dumped core.": ("systemd-coredump", "coredump"),
    "(nginx)[9]: nginx.service: Failed at step EXEC spawning /usr/sbin/nginx: No such file or directory": (
        "(nginx)", "spawn-failed",
    ),
    "chronyd[9]: System clock was stepped by -3.2 seconds": ("chronyd", "time-change"),
    "kernel: Linux version 6.1.0-18-amd64": ("kernel", "boot"),
    "app[9]: Suppressed 812 messages from nginx.service": ("app", None),
    "app[9]: nginx.service: Failed with result 'exit-code'.": ("app", None),
}  # fmt: skip


@pytest.mark.parametrize("line", SAID)
def test_systemd_names_the_unit_it_speaks_of(line: str) -> None:
    (row,) = read(f"2026-06-15T14:03:11+0000 h {line}\n").to_dict("records")

    service, kind = SAID[line]
    assert (service, kind) == (row["service"], None if pd.isna(row["kind"]) else row["kind"])


ADDED = {
    "catalog": "░░ Subject: A start job for unit has failed\n░░ Defined-By: systemd\n░░ \n░░\n",
    "catalog, not UTF-8": "-- Subject: A start job for unit has failed\n-- Support: https://www.debian.org/support\n-- \n--\n",
    "hint": "Hint: You are currently not seeing messages from other users and the system.\n      Pass -q to turn off this.\n",
    "rotated": "Notice: journal has been rotated since unit was started, log output is incomplete or unavailable.\n",
    "rights": "Warning: some journal files were not opened due to insufficient permissions.\n",
    "damage": "Journal file /var/log/journal/x/system.journal is truncated, ignoring file.\n",
    "before 247": "-- Logs begin at Mon 2026-06-15 13:00:00 UTC, end at Mon 2026-06-15 15:00:00 UTC. --\n-- Reboot --\n",
    "247 to 249": "-- Journal begins at Mon 2026-06-15 13:00:00 UTC, ends at Mon 2026-06-15 15:00:00 UTC. --\n",
    "boot": "-- Boot 0123456789abcdef0123456789abcdef --\n",
    "cursor": "-- cursor: s=1;i=2\n",
}


@pytest.mark.parametrize("case", ADDED)
def test_what_journalctl_adds_is_decoration(case: str) -> None:
    (batch,) = batches(f"Jun 15 14:03:11 h a[1]: m\n{ADDED[case]}Jun 15 14:03:12 h a[1]: n\n")

    assert ["m", "n"] == batch.records["message"].tolist()
    assert (ADDED[case].count("\n"), 0) == (batch.decoration, batch.unparsed)


def test_colours_of_a_terminal_are_removed() -> None:
    head = "Jun 15 14:03:11 h a[1]: "
    text = f"\x1b[90mJun 15 14:03:11\x1b[0m h a[1]: \x1b[0;1;31mone\x1b[0m\n{' ' * len(head)}\x1b[0;1;31mtwo\x1b[0m\n"

    assert parser.sniff(text.encode()) >= 0.98
    assert ["one\ntwo"] == read(text)["message"].tolist()


def test_local_times_become_those_of_the_binary() -> None:
    folder = FIXTURES / "journald"
    binary = timeline.read(folder / "system.journal").events
    short = timeline.read(folder / "short.berlin.txt", tz="Europe/Berlin", year=2026).events

    expected = binary.loc[binary["message"].notna(), "timestamp"].dt.floor("s")
    assert sorted(expected) == sorted(short["timestamp"])
    assert {"declared"} == set(short["time_basis"])


def test_a_repeated_hour_is_told_apart_by_order(tmp_path: Path) -> None:
    walls = ("okt 25 02:30:00", "okt 25 02:59:59", "okt 25 02:00:00", "okt 25 03:00:00")
    (tmp_path / "short").write_text("".join(f"{wall} h a: m\n" for wall in walls))

    events = timeline.read(tmp_path, tz="Europe/Berlin", year=2026).events

    # date -u -d @…: summer time ends at 01:00 UTC.
    assert ["00:30:00", "00:59:59", "01:00:00", "02:00:00"] == events["timestamp"].dt.strftime("%H:%M:%S").tolist()
    assert {"inferred", "declared"} == set(events["time_basis"])


def test_a_year_that_ends_in_the_file_turns_over(tmp_path: Path) -> None:
    (tmp_path / "short").write_text("déc. 31 23:59:59 h a: m\njanv. 01 00:00:00 h a: n\n")

    events = timeline.read(tmp_path, tz="UTC", year=2025).events

    assert ["2025-12-31", "2026-01-01"] == events["timestamp"].dt.strftime("%Y-%m-%d").tolist()
