"""Which happenings a PostgreSQL record is known as."""

from __future__ import annotations

import pyarrow as pa
import pytest
from timeline_parsers._pg_kinds import TEXT_KINDS, find_kinds


def kinds(*records: tuple[str, str | None]) -> list[str | None]:
    messages = pa.array([message for message, _ in records], pa.large_string())
    states = pa.array([state for _, state in records], pa.large_string()).dictionary_encode()
    return [kind if isinstance(kind, str) else None for kind in find_kinds(messages, states)]


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("starting PostgreSQL 15.18 (Debian 15.18-0+deb12u1) on x86_64-pc-linux-gnu", "server-start"),
        ("database system is ready to accept connections", "server-ready"),
        ("database system is ready to accept read-only connections", "server-ready"),
        ("database system is ready to accept read only connections", "server-ready"),
        ("received fast shutdown request", "server-stop"),
        ("received smart shutdown request", "server-stop"),
        ("database system is shut down", "server-stop"),
        ("shutting down", "server-stop"),
        ("server process (PID 12317) was terminated by signal 9: Killed", "process-crashed"),
        ("server process (PID 12317) exited with exit code 2", "process-crashed"),
        ("terminating any other active server processes", "process-crashed"),
        ("all server processes terminated; reinitializing", "process-crashed"),
        ("database system was interrupted; last known up at 2026-11-24 21:28:15 EST", "crash-recovery"),
        ("database system was not properly shut down; automatic recovery in progress", "crash-recovery"),
        ("redo starts at 0/2000028", "crash-recovery"),
        ("redo done at 0/2000060 system usage: CPU: user: 0.00 s", "crash-recovery"),
        ("invalid record length at 0/20000D8: wanted 24, got 0", "noise"),
        ("the database system is starting up", "not-accepting"),
        ("sorry, too many clients already", "too-many-connections"),
        (
            "remaining connection slots are reserved for non-replication superuser connections",
            "too-many-connections",
        ),
        ('too many connections for role "app"', "too-many-connections"),
        ("out of memory", "out-of-memory"),
        ('could not extend file "base/1/2": No space left on device', "out-of-disk"),
        ('could not write to file "pg_wal/xlogtemp.1": No space left on device', "out-of-disk"),
        ('could not read block 7 in file "base/1/2": read only 0 of 8192 bytes', "corruption"),
        ("could not locate a valid checkpoint record", "corruption"),
        ("could not open file", None),
        ("deadlock detected", "deadlock"),
        ("process 1 detected deadlock while waiting for ShareLock on transaction 732 after 200.114 ms", "deadlock"),
        ("process 1 still waiting for ShareLock on transaction 732 after 1000.1 ms", "lock-wait"),
        ("canceling statement due to lock timeout", "lock-timeout"),
        ("canceling statement due to statement timeout", "statement-timeout"),
        ("canceling statement due to user request", "statement-cancelled"),
        ("canceling statement due to conflict with recovery", "recovery-conflict"),
        ("terminating connection due to administrator command", "connection-terminated"),
        ('password authentication failed for user "app"', "authentication-failed"),
        (
            'no pg_hba.conf entry for host "192.0.2.7", user "app", database "shop", no encryption',
            "authentication-failed",
        ),
        ('role "nobody" does not exist', "authentication-failed"),
        ("started streaming WAL from primary at 0/3000000 on timeline 1", "replication"),
        ("received promote request", "promotion"),
        ("archive command failed with exit code 1", "archive-failed"),
        ("received SIGHUP, reloading configuration files", "config-reload"),
        ('parameter "work_mem" changed to "64kB"', "config-reload"),
        ('parameter "port" cannot be changed without restarting the server', "config-error"),
        ('database "shop" must be vacuumed within 10985967 transactions', "wraparound"),
        ('listening on IPv4 address "127.0.0.1", port 5432', "noise"),
        ("received immediate shutdown request", "server-stop"),
        ("aborting any active transactions", "server-stop"),
        ("terminating connection because of crash of another server process", "process-crashed"),
        ("consistent recovery state reached at 0/2000100", "crash-recovery"),
        ("archive recovery complete", "crash-recovery"),
        ("invalid record length at 0/20000D8: expected at least 24, got 0", "noise"),
        ("the database system is shutting down", "not-accepting"),
        ("the database system is in recovery mode", "not-accepting"),
        ("the database system is not yet accepting connections", "not-accepting"),
        ('too many connections for database "shop"', "too-many-connections"),
        ("invalid page in block 7 of relation base/1/2", "corruption"),
        ("process 1 acquired ShareLock on transaction 732 after 1500.1 ms", "lock-wait"),
        ("terminating connection due to conflict with recovery", "recovery-conflict"),
        ("terminating connection due to idle-in-transaction timeout", "connection-terminated"),
        ('pg_hba.conf rejects connection for host "192.0.2.7", user "a", database "b"', "authentication-failed"),
        ("terminating walreceiver due to timeout", "replication"),
        ("terminating walreceiver process due to administrator command", "replication"),
        ("could not receive data from WAL stream: server closed the connection unexpectedly", "replication"),
        ("requested WAL segment 000000010000000000000003 has already been removed", "replication"),
        ("replication terminated by primary server", "replication"),
        ("entering standby mode", "replication"),
        ("waiting for WAL to become available at 0/3000018", "replication"),
        ("selected new timeline ID: 2", "promotion"),
        (
            'archiving write-ahead log file "000000010000000000000001" failed too many times, will try again later',
            "archive-failed",
        ),
        (
            'configuration file "/etc/postgresql/15/main/postgresql.conf" contains errors; no changes were applied',
            "config-error",
        ),
        ("unexpected EOF on client connection with an open transaction", "connection-lost"),
        ("could not receive data from client: Connection reset by peer", "connection-lost"),
        ('temporary file: path "base/pgsql_tmp/pgsql_tmp1.0", size 200204288', "noise"),
        ("statement: select 1", "noise"),
        ("execute S_1: select $1", "noise"),
        ("received replication command: IDENTIFY_SYSTEM", "noise"),
        ("checkpoint starting: time", "noise"),
        ("checkpoint complete: wrote 930 buffers (5.7%)", "noise"),
        ("checkpoints are occurring too frequently (9 seconds apart)", None),
        ('automatic vacuum of table "shop.public.orders": index scans: 1', "noise"),
        ('automatic analyze of table "shop.public.orders" system usage: CPU', "noise"),
        ("connection received: host=[local]", "noise"),
        ("connection authorized: user=app database=shop", "noise"),
        ("disconnection: session time: 0:00:00.033 user=postgres", "noise"),
        ("incomplete startup packet", "noise"),
        ("invalid length of startup packet", "noise"),
        ("duration: 12.345 ms  statement: select 1", "noise"),
        ("duration: 1001.593 ms  statement: select pg_sleep(1)", "slow-statement"),
        ("duration: 1001.593 ms", "noise"),
        ("division by zero", None),
        ("", None),
        ("x", None),
    ],
)
def test_english_texts(message: str, kind: str | None) -> None:
    assert kinds((message, None)) == [kind]


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("57P02", "process-crashed"), ("57P03", "not-accepting"), ("53300", "too-many-connections"),
        ("53100", "out-of-disk"), ("53200", "out-of-memory"), ("XX001", "corruption"), ("40P01", "deadlock"),
        ("55P03", "lock-timeout"), ("57014", "statement-cancelled"), ("40001", "serialization-failure"),
        ("57P01", "connection-terminated"), ("28P01", "authentication-failed"), ("28000", "authentication-failed"),
        ("F0000", "config-error"), ("08006", "connection-lost"), ("XX002", "corruption"), ("22012", None), (None, None),
    ],
)  # fmt: skip
def test_states_in_any_language(state: str | None, kind: str | None) -> None:
    assert kinds(("Abbruch", state)) == [kind]


def test_the_state_decides_where_it_says_enough() -> None:
    assert kinds(("shutting down", "53300")) == ["too-many-connections"]


def test_the_text_decides_where_the_state_means_several_things() -> None:
    assert kinds(("canceling statement due to statement timeout", "57014")) == ["statement-timeout"]
    assert kinds(("canceling statement due to conflict with recovery", "40001")) == ["recovery-conflict"]
    assert kinds(("could not receive data from WAL stream: SSL error", "08006")) == ["replication"]


def test_texts_of_the_table_are_long_enough_to_be_told_apart() -> None:
    assert min(len(start) for start, _, _ in TEXT_KINDS) >= 6


def test_no_records() -> None:
    assert kinds() == []
