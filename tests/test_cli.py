"""The command as a user types it: outputs, streams, exit codes, errors."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

import timeline

ACCESS = '192.0.2.7 - - [15/Jun/2026:14:03:{second:02d} +0000] "GET /checkout HTTP/1.1" {status} 5 "-" "curl"\n'
ERROR = '2026/06/15 16:03:10 [error] 12#12: *5 upstream timed out (110: Connection timed out) while reading response header from upstream, client: 192.0.2.7, server: shop, request: "GET /checkout HTTP/1.1", upstream: "http://127.0.0.1:8000/checkout", host: "shop"\n'
POSTGRES = "2026-06-15 10:03:05.123 EDT [77] app@shop FATAL:  sorry, too many clients already\n"
DRAFT = """# Outage

## Summary

Text.

## Timeline (all times UTC)

## Root cause

More text.
"""


def run(*arguments: str | Path, stdin: bytes = b"", **how: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "timeline", *map(str, arguments)], input=stdin, capture_output=True, check=False, **how
    )  # type: ignore[call-overload]


@pytest.fixture
def incident(tmp_path: Path) -> Path:
    folder = tmp_path / "incident"
    folder.mkdir()
    lines = [ACCESS.format(second=second, status=504 if second in (10, 11) else 200) for second in range(30)]
    (folder / "access.log").write_text("".join(lines))
    (folder / "error.log").write_text(ERROR)
    (folder / "pg.log").write_text(POSTGRES)
    return folder


def rows_of(result: subprocess.CompletedProcess[bytes]) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.stdout.decode().splitlines()]


def test_zones_give_one_correct_order(incident: Path) -> None:
    rows = rows_of(run(incident, "--all", "--format", "jsonl", "--tz", "error.log=Europe/Berlin"))

    assert 32 == len(rows)
    assert ["2026-06-15T14:03:05.000000Z", "2026-06-15T14:03:05.123000Z", "2026-06-15T14:03:06.000000Z"] == [
        row["timestamp"] for row in rows[5:8]
    ]
    assert "postgresql" == rows[6]["source"]
    assert {"2026-06-15T14:03:10.000000Z"} == {row["timestamp"] for row in rows if row["source"] == "nginx-error"}


def test_an_assumed_zone_is_said_with_the_file_and_the_option(incident: Path) -> None:
    result = run(incident)

    assert 0 == result.returncode
    assert b"error.log: its stamps have no zone" in result.stderr
    assert f"--tz '{incident}/error.log=".encode() in result.stderr


NGINX_CONF = "user www-data;\nhttp {\n    access_log /var/log/nginx/access.log combined;\n}\n"
POSTGRESQL_CONF = "# - Memory -\n#shared_buffers = 128MB\nlog_timezone = 'Etc/UTC'\n"
PG_HBA = "# TYPE DATABASE USER ADDRESS METHOD\nlocal   all   postgres   peer\nhost all all 127.0.0.1/32 scram-sha-256\n"


@pytest.mark.parametrize("text", [NGINX_CONF, POSTGRESQL_CONF, PG_HBA])
def test_configuration_beside_the_logs_is_no_loss(tmp_path: Path, text: str) -> None:
    (tmp_path / "access.log").write_text(ACCESS.format(second=1, status=200))
    (tmp_path / "server.conf").write_text(text)

    done = run(tmp_path, "--strict")

    assert 0 == done.returncode
    assert b"warning" not in done.stderr
    assert f"Not evidence\n  {tmp_path}/server.conf: configuration of ".encode() in run(tmp_path, "--explain").stdout


def test_strict_exits_3_for_what_is_cut_between_two_lines(tmp_path: Path) -> None:
    whole = gzip.compress(ACCESS.format(second=1, status=200).encode() * 3)
    (tmp_path / "access.log.gz").write_bytes(whole[:-8])  # all of the text, without checksum and length

    assert 3 == run(tmp_path, "--strict").returncode
    assert 0 == run(tmp_path).returncode


def test_strict_exits_3_for_an_assumed_zone_only(incident: Path) -> None:
    assert 3 == run(incident, "--strict").returncode
    assert 0 == run(incident, "--strict", "--tz", "error.log=Europe/Berlin").returncode


def test_the_same_file_twice_counts_once(incident: Path) -> None:
    (incident / "copy.log.gz").write_bytes(gzip.compress((incident / "access.log").read_bytes()))

    assert 32 == len(rows_of(run(incident, "--all", "--format", "jsonl")))
    assert 62 == len(rows_of(run(incident, "--all", "--format", "jsonl", "--no-dedupe")))


def test_read_gives_the_same_frame_as_all(incident: Path) -> None:
    rows = rows_of(run(incident, "--all", "--format", "jsonl"))
    events = timeline.read(incident).events

    assert [row["message"] for row in rows] == events["message"].tolist()
    assert [row["timestamp"] for row in rows] == events["timestamp"].dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ").tolist()


def test_the_settings_file_in_the_folder_needs_no_options(incident: Path) -> None:
    (incident / "timeline-build.toml").write_text(
        '[[source]]\nmatch = "error.log"\ntz = "Europe/Berlin"\nhost = "web-01"\n'
    )
    result = run(incident, "--all", "--format", "jsonl")
    [error] = [row for row in rows_of(result) if row["source"] == "nginx-error"]

    assert ("2026-06-15T14:03:10.000000Z", "web-01", "declared") == (
        error["timestamp"],
        error["host"],
        error["time_basis"],
    )
    assert b"warning" not in result.stderr


def test_events_without_a_time_are_counted_in_the_timeline() -> None:
    result = run("-", stdin=b"Jun 15 14:03:11 web-01 app[1]: disk is full\n")

    assert b"Without a known time, and therefore not shown: 1." in result.stdout
    assert b"1 record without a time" in result.stderr


def test_stdout_is_the_result_only(incident: Path) -> None:
    result = run(incident)

    assert result.stdout.startswith(b"## Timeline (all times UTC)\n")
    assert b"3 sources, 32 lines -> 32 events -> " in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [["--since", "14:03:20"], ["--since", "2026-06-15T14:03:20Z"], ["--since", "2026-06-15 16:03:20 Europe/Berlin"]],
)
def test_a_window_is_kept_and_echoed_in_utc(incident: Path, arguments: list[str]) -> None:
    result = run(incident / "access.log", "--all", "--format", "jsonl", *arguments)

    assert 10 == len(rows_of(result))
    assert b"window: 2026-06-15 14:03:20 to open UTC" in result.stderr


def test_around_takes_before_and_after(incident: Path) -> None:
    rows = rows_of(
        run(
            incident / "access.log",
            "--all",
            "--format",
            "jsonl",
            "--around",
            "14:03:10",
            "--before",
            "2s",
            "--after",
            "3s",
        )
    )

    assert 6 == len(rows)


def test_filters(incident: Path) -> None:
    assert 30 == len(rows_of(run(incident, "--all", "--format", "jsonl", "--source", "nginx-access")))
    assert 4 == len(rows_of(run(incident, "--all", "--format", "jsonl", "--severity", "err")))
    assert 1 == len(rows_of(run(incident, "--all", "--format", "jsonl", "--grep", "TOO many")))
    assert 31 == len(rows_of(run(incident, "--all", "--format", "jsonl", "--exclude", "too many")))


def test_stdin_is_evidence(incident: Path) -> None:
    result = run("-", "--all", "--format", "jsonl", stdin=(incident / "access.log").read_bytes())

    assert 30 == len(rows_of(result))
    assert "-" == rows_of(result)[0]["file"]


def test_a_format_can_be_forced(incident: Path) -> None:
    (incident / "odd.log").write_text("no format that anyone knows\n" + POSTGRES)
    result = run(f"postgresql:{incident}/odd.log", "--all", "--format", "jsonl")

    assert ["sorry, too many clients already"] == [row["message"] for row in rows_of(result)]


def test_explain_accounts_for_every_line(incident: Path) -> None:
    result = run(incident, "--explain")
    text = result.stdout.decode()

    assert 0 == result.returncode
    assert "nginx-access" in text
    assert "lines = records + continuation + blank + decoration + unparsed" in text
    assert not result.stderr


class TestInto:
    def test_twice_gives_the_same_bytes_and_check_agrees(self, incident: Path, tmp_path: Path) -> None:
        draft = tmp_path / "postmortem.md"
        draft.write_text(DRAFT)

        assert 1 == run(incident, "--into", draft, "--check").returncode
        assert 0 == run(incident, "--into", draft).returncode
        first = draft.read_bytes()
        assert 0 == run(incident, "--into", draft).returncode
        assert first == draft.read_bytes()
        assert 0 == run(incident, "--into", draft, "--check").returncode
        assert first.startswith(DRAFT[: DRAFT.index("## Timeline")].encode())
        assert first.endswith(b"## Root cause\n\nMore text.\n")
        assert 1 == first.count(b"## Timeline")

    def test_diff_writes_nothing(self, incident: Path, tmp_path: Path) -> None:
        draft = tmp_path / "postmortem.md"
        draft.write_text(DRAFT)
        result = run(incident, "--into", draft, "--diff")

        assert DRAFT == draft.read_text()
        assert b"+<!-- BEGIN timeline-build" in result.stdout

    def test_a_hand_edited_block_is_refused(self, incident: Path, tmp_path: Path) -> None:
        draft = tmp_path / "postmortem.md"
        draft.write_text(DRAFT)
        run(incident, "--into", draft)
        edited = draft.read_text().replace("too many clients", "too many friends")
        draft.write_text(edited)
        result = run(incident, "--into", draft)

        assert 2 == result.returncode
        assert edited == draft.read_text()
        assert b"--on-edit overwrite" in result.stderr
        assert 0 == run(incident, "--into", draft, "--on-edit", "overwrite").returncode

    def test_without_a_place_it_is_refused_with_the_way_out(self, incident: Path, tmp_path: Path) -> None:
        draft = tmp_path / "postmortem.md"
        draft.write_text("# Nothing here\n")
        result = run(incident, "--into", draft)

        assert (2, "# Nothing here\n") == (result.returncode, draft.read_text())
        assert b"--init" in result.stderr


class TestBadInput:
    def test_good_input_beside_it_is_read_and_each_problem_named_once(self, incident: Path) -> None:
        (incident / "shot.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
        (incident / "empty.log").write_bytes(b"")
        (incident / "torn.log.gz").write_bytes(
            gzip.compress("".join(ACCESS.format(second=40, status=200) for _ in range(9000)).encode())[:-40]
        )
        (incident / "latin.log").write_bytes(
            ACCESS.format(second=41, status=200).replace("curl", "käse").encode("latin-1")
        )
        result = run(incident, "--all", "--format", "jsonl")
        stderr = result.stderr.decode()

        assert 0 == result.returncode
        assert "Traceback" not in stderr
        assert [1, 1, 1] == [stderr.count(f"{name}:") for name in ("shot.png", "empty.log", "torn.log.gz")]
        assert 30 <= sum(row["source"] == "nginx-access" for row in rows_of(result))
        assert "k\ufffdse" in {row.get("user_agent.original") for row in rows_of(result)}

    def test_a_5_mb_line_is_counted(self, incident: Path) -> None:
        (incident / "access.log").write_text(
            ACCESS.format(second=1, status=200) + "x" * 5_000_000 + "\n" + ACCESS.format(second=2, status=200)
        )
        result = run(incident / "access.log", "--all", "--format", "jsonl")

        assert 2 == len(rows_of(result))
        assert b"3 lines -> 2 events; 1 line not understood" in result.stderr

    @pytest.mark.parametrize(
        "arguments",
        [["nowhere"], [], ["--sinse", "x", "."], ["--tz", "Europe/Berln", "."], ["--check", "."], ["--set", "x", "."]],
    )
    def test_wrong_use_is_one_line_and_a_help_line_and_exit_2(self, arguments: list[str], tmp_path: Path) -> None:
        result = run(*arguments, cwd=tmp_path)

        assert 2 == result.returncode
        assert b"Traceback" not in result.stderr
        assert not result.stdout

    def test_an_empty_folder_is_exit_2(self, tmp_path: Path) -> None:
        (tmp_path / "void").mkdir()
        result = run(tmp_path / "void")

        assert 2 == result.returncode
        assert b"help:" in result.stderr

    def test_a_closed_pipe_is_silent(self, incident: Path) -> None:
        command = f"{sys.executable} -m timeline {incident} --all --format jsonl -q --tz UTC | head -n 1"
        result = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, check=False)

        assert b"" == result.stderr
        assert 0 == result.returncode
        assert 1 == len(result.stdout.splitlines())

    def test_a_full_disk_is_an_error_line(self, incident: Path) -> None:
        result = subprocess.run(
            ["bash", "-c", f"{sys.executable} -m timeline {incident} -q > /dev/full"],
            capture_output=True,
            text=True,
            check=False,
        )

        assert 2 == result.returncode
        assert "No space left" in result.stderr
        assert "Traceback" not in result.stderr
