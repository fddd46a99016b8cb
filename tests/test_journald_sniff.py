"""Texts behind a stamp that journalctl and others write alike: who reads them."""

from __future__ import annotations

import pytest

from timeline.containers import Memory
from timeline.errors import UnclearFormatError
from timeline.registry import choose, load_parsers
from timeline.sources import Source

OLD = "Jun 15 14:03:1{n} "
ISO = "2026-06-15T14:03:1{n}.123456+00:00 "
ACCESS = 'web-01 nginx: 192.0.2.{n} - - [15/Jun/2026:14:03:1{n} +0000] "GET /a{n} HTTP/1.1" 200 12 "-" "curl/8"\n'
ERROR = "web-01 nginx: 2026/06/15 14:03:1{n} [error] 7#7: *{n} connect() failed (111: Connection refused)\n"
SERVER = "db-01 postgres[123]: [{n}-1] LOG:  checkpoint starting: time {n}\n"
OTHER = "web-01 systemd[1]: Started number {n}.\n"

READERS = {
    "nginx access": (OLD + ACCESS, "nginx-access"),
    "nginx access, ISO": (ISO + ACCESS, "nginx-access"),
    "nginx error": (OLD + ERROR, "nginx-error"),
    "nginx error, ISO": (ISO + ERROR, "nginx-error"),
    "postgresql": (OLD + SERVER, "postgresql"),
    "postgresql, ISO": (ISO + SERVER, "postgresql"),
    "both logs of nginx": (OLD + ACCESS + OLD + ERROR, "nginx-access"),
    "several programs": (OLD + ACCESS + OLD + SERVER + OLD + OTHER, "journald"),
    "several programs, ISO": (ISO + ACCESS + ISO + SERVER + ISO + OTHER, "journald"),
    "a few lines of another": ((OLD + SERVER) * 20 + OLD + OTHER, "journald"),
    "a boot": ("-- Boot 0123456789abcdef0123456789abcdef --\n" + OLD + SERVER, "journald"),
    "words of nginx itself": (OLD + "web-01 nginx[7]: signal process started {n}\n", "journald"),
    "another program": (OLD + "web-01 app[7]: number {n}\n", "journald"),
    "without host": (OLD + "app[7]: number {n}\n", "journald"),
    "only by journalctl": ("Mon 2026-06-15 14:03:1{n} UTC " + SERVER, "journald"),
    "$time_iso8601 first": (
        "2026-06-15T14:03:1{n}+00:00 " + '192.0.2.{n} "GET /a:{n} HTTP/1.1" 200 12 "http://x/: y" "curl: 8"\n',
        "nginx-access",
    ),
    "$time_iso8601, keys": (
        "2026-06-15T14:03:1{n}+00:00 " + "client=192.0.2.{n} uri=/a{n} ref=http://x/ note: y\n",
        "",
    ),
    "level": ("2026-06-15T14:03:1{n}Z INFO worker: {n} done\n", ""),
    "logfmt": ('2026-06-15T14:03:1{n}.123Z level=info msg="x: y {n}"\n', ""),
    "cat": ("Started worker: {n}\nJun is a month: yes\n[{n}] done: all\n", ""),
    "cat of a program with stamps": ("2026-06-15 14:03:1{n} worker: {n} done\n", ""),
}


@pytest.mark.parametrize("name", READERS)
def test_who_reads(name: str) -> None:
    text, reader = READERS[name]
    source = Source(Memory("log", "".join(text.format(n=number) for number in range(6)).encode()), "")

    if reader:
        assert reader == choose(source, load_parsers()[0])[0].name
    else:
        with pytest.raises(UnclearFormatError):
            choose(source, load_parsers()[0])
