"""What no parser takes: configuration is set aside, everything else is described, and strictness knows the difference."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from click.testing import CliRunner

import timeline
from timeline.cli import command
from timeline.explain import explain
from timeline.unknown import guess

ACCESS = b'192.0.2.7 - - [15/Jun/2026:14:03:01 +0000] "GET /checkout HTTP/1.1" 200 5 "-" "curl"\n'

NGINX = """user www-data;
events { worker_connections 768; }
http {
    log_format timed '$remote_addr [$time_local] "$request" $status $request_time';
    access_log /var/log/nginx/access.log timed;
    include /etc/nginx/conf.d/*.conf;
}
"""
NO_LOSS = {
    "nginx.conf": (NGINX, "configuration of nginx: log_format timed read from it"),
    "conf.d/site.conf": (
        "# a site\nserver {\n  listen 80;\n  location / { proxy_pass http://app; }\n}\n",
        "configuration of nginx, not evidence",
    ),
    "mime.types": ("types {\n    text/html html htm;\n}\n", "configuration of nginx, not evidence"),
    "fastcgi.conf": ("fastcgi_param  QUERY_STRING  $query_string;\n", "configuration of nginx, not evidence"),
    "postgresql.conf": (
        "# memory\nshared_buffers = 128MB\t# min 128kB\nlog_line_prefix = '%m [%p] '\nlog_timezone = 'Etc/UTC'\n",
        "configuration of PostgreSQL: log_line_prefix, log_timezone read from it",
    ),
    "postgresql.auto.conf": ("# Do not edit!\nwork_mem = '4MB'\n", "configuration of PostgreSQL, not evidence"),
    "pg_hba.conf": (
        "# TYPE DATABASE USER\nlocal all all peer\nhost all all 10.0.0.0 255.0.0.0 md5\nhostssl a b ::1/128 cert map=x\n",
        "configuration of PostgreSQL, not evidence",
    ),
    "shop.service": ("[Unit]\nDescription=Shop\n\n[Service]\nExecStart=/bin/shop\n", "configuration, not evidence"),
    "compose.yml": ("services:\n  db:\n    ports:\n      - '5432:5432'\n", "configuration, not evidence"),
    "notes.conf": ("# nothing\n; here\n", "only comments, not evidence"),
    "error.log": ("", "empty"),
    "blank.log": ("\n\r\n", "only blank lines"),
    "timeline-build.toml": ("[timeline]\nmax-lines = 30\n", "settings of this folder"),
}
LOSSES = {
    "shot.png": (b"\x89PNG\r\n\x1a\n", "not a log (a PNG picture)", False),
    "core": (b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + b"\x04\0", "not a log (a core dump)", False),
    "shop": (b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + b"\x03\0", "not a log (a program)", False),
    "x.db": (b"SQLite format 3\0", "not a log (an SQLite database)", False),
    "bin.dat": (b"ab\0\1\2", "not recognised (binary)", False),
    "x.json": (b'{"a": 1, "b": 2}\n', "not recognised: JSON of no known log, with the keys a, b", True),
    "m.csv": (
        b"time,host,value\n2026-06-15 14:00,a,1\n",
        "not recognised: a table of no known log, with the columns time, host, value",
        True,
    ),
    "cat.txt": (
        b"Started thing.\nconnection refused\n",
        "not recognised: text without times (of journalctl -o cat? take -o json or -o export)",
        False,
    ),
    "app.log": (
        b"2026-06-15 14:03:11,123 - app - ERROR - boom\n",
        "not recognised: lines with times, of no known log format",
        True,
    ),
    "trace.log": (
        b"2026-06-15 14:03:11,123 - app - boom\n  at a\n  at b\n",
        "not recognised: text, few lines of it with a time",
        True,
    ),
}  # fmt: skip


def strictly(folder: Path) -> int:
    return CliRunner().invoke(command, [str(folder), "--strict"]).exit_code


@pytest.mark.parametrize("name", NO_LOSS)
def test_what_holds_no_records_is_named_and_no_loss(tmp_path: Path, name: str) -> None:
    text, note = NO_LOSS[name]
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    (tmp_path / "access.log").write_bytes(ACCESS)

    evidence = timeline.read(tmp_path)
    account = evidence.account.set_index("file")

    assert note == account.loc[f"{tmp_path}/{name}", "note"]
    assert "no evidence" == account.loc[f"{tmp_path}/{name}", "why"]
    told = note in ("empty", "only blank lines")
    assert [f"{tmp_path}/{name}: {note} (was it copied whole?)"] * told == evidence.warnings
    assert 0 == strictly(tmp_path)
    assert f"Not evidence\n  {tmp_path}/{name}: {note}\n" in explain(evidence)


@pytest.mark.parametrize("name", LOSSES)
def test_what_is_left_out_is_described(tmp_path: Path, name: str) -> None:
    data, reason, may_be_log = LOSSES[name]
    (tmp_path / name).write_bytes(data)
    (tmp_path / "access.log").write_bytes(ACCESS)
    path = f"{tmp_path}/{name}"

    evidence = timeline.read(tmp_path)
    fix = f" (force a format with PARSER:{path}, or write a parser: docs/writing-a-parser.md)" if may_be_log else ""

    assert reason == evidence.account.set_index("file").loc[path, "note"]
    assert [f"{path}: {reason}; left out{fix}"] == evidence.warnings
    assert f"Left out\n  {path}: {reason}{fix}\n" in explain(evidence)
    assert "Warnings" not in explain(evidence)
    assert 3 == strictly(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "if (x) {\n  return y;\n}\n",
        "max_retries = 5\nport = 80\n",
        "host a refused\nhost b refused\n",
        "Started: thing\nfoo bar baz\n",
    ],
)
def test_what_only_resembles_configuration_is_left_out(tmp_path: Path, text: str) -> None:
    (tmp_path / "odd").write_text(text)
    (tmp_path / "access.log").write_bytes(ACCESS)

    assert [""] == timeline.read(tmp_path).account.query("parser == ''")["why"].tolist()


def test_yaml_with_times_may_be_evidence() -> None:
    assert guess(b"items:\n- lastTimestamp: 2026-06-15T14:03:11Z\n").is_evidence


def test_settings_that_are_not_used_are_told_and_no_silent_loss(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "timeline-build.toml").write_text("")
    (tmp_path / "access.log").write_bytes(ACCESS)

    assert 3 == strictly(tmp_path)
    assert "settings are read from a folder that is named itself" in timeline.read(tmp_path).warnings[0]


@pytest.mark.parametrize("lines", [1, 3000])
def test_a_stream_that_is_cut_at_the_end_of_a_line_is_not_whole(tmp_path: Path, lines: int) -> None:
    # Without the last block and checksum every line is there, and nobody can know that.
    data = gzip.compress(ACCESS * lines, mtime=0)
    (tmp_path / "access.log.gz").write_bytes(data[:-8])

    evidence = timeline.read(tmp_path)

    assert [lines] == evidence.account["records"].tolist()
    assert [True] == evidence.account["damaged"].tolist()
    assert 3 == strictly(tmp_path)


def test_what_is_damaged_at_its_begin_says_so(tmp_path: Path) -> None:
    (tmp_path / "bad.gz").write_bytes(b"\x1f\x8b\x08\0\0\0\0\0\0\3garbage")
    (tmp_path / "access.log").write_bytes(ACCESS)

    [note] = timeline.read(tmp_path).account.query("parser == ''")["note"]

    assert note.startswith("cannot be read: compressed stream is c")
