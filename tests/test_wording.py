"""Lines read like sentences; what only programs need is left to the evidence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from timeline.phrases import say_clock, say_length, say_list, say_share
from timeline.wording import say


@pytest.mark.parametrize(
    ("logged", "said"),
    [
        ("INFO shop-api started version=2.14.0", "shop-api started version=2.14.0"),
        ("ERROR /cart failed: pool exhausted request=1278", "ERROR /cart failed: pool exhausted"),
        ("ERROR /cart failed, trace_id=4bf92f3577b34da6a3ce929d0e0e4736", "ERROR /cart failed"),
        ("payment declined (request_id: 9f1c-22)", "payment declined"),
        ("2026-06-15 14:03:11,204 WARN pool is low", "WARN pool is low"),
        ('2026/11/25 05:29:34 [emerg] 2164#2164: unknown directive "x" in /etc/nginx/nginx.conf:30',
         'unknown directive "x" in /etc/nginx/nginx.conf:30'),
        ("shop-api.service: Failed with result 'exit-code'.", "shop-api.service failed (exit-code)"),
        ("shop-api.service: Main process exited, code=exited, status=1/FAILURE", "shop-api.service exited with status 1"),
        ("Started shop-api.service - Shop API.", "Started shop-api.service (Shop API)"),
        ("Failed to start shop-api.service - Shop API.", "Failed to start shop-api.service (Shop API)"),
        ("Stopping shop-api.service - Shop API...", "Stopping shop-api.service (Shop API)"),
        ("Started shop-api.service.", "Started shop-api.service"),
        ("connect() failed (111: Connection refused) while connecting to upstream",
         "connect() failed (Connection refused) while connecting to upstream"),
        ("process 161 still waiting for RowExclusiveLock on relation 16392 of database 16390 after 1000.079 ms at character 13",
         "a session is still waiting for RowExclusiveLock on relation 16392 of database 16390 after 1.0 s"),
        ("duration: 45500.251 ms  statement: CREATE INDEX a ON b (c)", "statement took 45.5 s: CREATE INDEX a ON b (c)"),
        ("server process (PID 161) was terminated by signal 9: Killed", "server process was terminated by signal 9: Killed"),
        ("Out of memory: Killed process 161 (postgres) total-vm:412000kB", "Out of memory: killed postgres"),
        ("starting PostgreSQL 15.18 (Debian 15.18-0+deb12u1) on x86_64-pc-linux-gnu, 64-bit", "starting PostgreSQL 15.18"),
    ],
)  # fmt: skip
def test_ballast_is_left_out(logged: str, said: str) -> None:
    assert said == say(logged)


@pytest.mark.parametrize(
    "text",
    [
        "remaining connection slots are reserved for non-replication superuser connections",
        "request body is larger than 1 MB",
        "no session for user 12",
        "connection to 10.0.0.7 refused",
        "INFORMATION is power",
        "started on 2026-06-15",
    ],
)
def test_what_is_no_ballast_stays(text: str) -> None:
    assert text == say(text)


@given(st.text(min_size=1))
def test_something_is_always_left(text: str) -> None:
    assert say(text).strip() or not text.strip()


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [(0, 10, "0 %"), (10, 10, "100 %"), (999, 1000, "over 99 %"), (43, 100, "43 %"), (2, 1000, "0.2 %"),
     (1, 100_000, "under 0.1 %"), (65, 1000, "6.5 %")],
)  # fmt: skip
def test_shares(part: int, whole: int, said: str) -> None:
    assert said == say_share(part, whole)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(48, "48 s"), (60, "1 min"), (159, "2 min 39 s"), (660, "11 min"), (11_100, "3 h 5 min"), (7200, "2 h")],
)
def test_lengths(seconds: int, said: str) -> None:
    assert said == say_length(seconds * 1_000_000)


def test_a_clock_of_another_day_has_its_date() -> None:
    day = 86_400_000_000

    assert "00:00:05" == say_clock(5_000_000, day_of=0)
    assert "1970-01-02 00:00:05" == say_clock(day + 5_000_000, day_of=0)


def test_lists() -> None:
    assert ["a", "a and b", "a, b and c"] == [say_list(["a"]), say_list(["a", "b"]), say_list(["a", "b", "c"])]
