"""Write one PostgreSQL server's records twice: as Debian's stderr log and as the csvlog of version 15."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

from datasets import START, Dataset

LOG_LINE_PREFIX = "%m [%p] %q%u@%d "
"""Debian's; the records of background processes stop at `%q`."""

HOURS = 6
SESSIONS = 120
PROBLEMS = ("ERROR", "FATAL")
BACKGROUND_SHARE = 0.01
PEOPLE = (("shop", "shop", "shop-api"), ("shop", "shop", "shop-worker"), ("report", "warehouse", "[unknown]"))


@dataclass(frozen=True)
class Session:
    """One backend: what the prefix and the csv columns say of it."""

    pid: int
    user: str
    database: str
    application: str
    client: str
    started: int
    backend: str = "client backend"

    @property
    def identity(self) -> str:
        """The session id as `%c` writes it."""
        return f"{self.started:x}.{self.pid:x}"


@dataclass(frozen=True)
class Record:
    """What one `ereport()` says; the parts that are empty are not logged."""

    message: str
    severity: str = "LOG"
    state: str = "00000"
    tag: str = ""
    detail: str = ""
    hint: str = ""
    context: str = ""
    statement: str = ""
    position: int = 0


SQL = {
    "SELECT id, name, price FROM products WHERE id = {n}": 45,
    """SELECT o.id, o.total,
       count(l.id) AS lines
  FROM orders o
  JOIN order_lines l ON l.order_id = o.id
 WHERE o.customer_id = {n}
 GROUP BY o.id
 ORDER BY o.created_at DESC
 LIMIT 20""": 5,
    "UPDATE carts SET updated_at = now() WHERE id = '{h}'": 30,
    "INSERT INTO orders (customer_id, total, note) VALUES ({n}, {n}.50, 'don''t ring: \"gate 4\"')": 15,
    """WITH recent AS (
\tSELECT * FROM orders WHERE created_at > now() - interval '1 hour'
)
SELECT status, count(*) FROM recent GROUP BY 1 -- {n}""": 5,
}


def _sql(rng: random.Random) -> str:
    statement = rng.choices(list(SQL), weights=list(SQL.values()))[0]
    return statement.format(n=rng.randrange(1_000_000), h=f"{rng.getrandbits(64):016x}")


def _duration(rng: random.Random) -> Record:
    return Record(f"duration: {rng.lognormvariate(3, 2):.3f} ms  statement: {_sql(rng)}", tag="SELECT")


def _execute(rng: random.Random) -> Record:
    values = ", ".join(f"${number} = '{rng.randrange(100_000)}'" for number in range(1, 4))
    message = f"duration: {rng.lognormvariate(3, 2):.3f} ms  execute S_{rng.randrange(9)}: {_sql(rng)}"
    return Record(message, tag="SELECT", detail=f"parameters: {values}")


def _duplicate_key(rng: random.Random) -> Record:
    return Record(
        'duplicate key value violates unique constraint "orders_pkey"', "ERROR", "23505", "INSERT",
        detail=f"Key (id)=({rng.randrange(1_000_000)}) already exists.", statement=_sql(rng),
    )  # fmt: skip


def _missing_column(rng: random.Random) -> Record:
    return Record(
        'column "crated_at" does not exist', "ERROR", "42703", "SELECT", statement=_sql(rng), position=8,
        hint='Perhaps you meant to reference the column "orders.created_at".',
    )  # fmt: skip


def _timeout(rng: random.Random) -> Record:
    return Record("canceling statement due to statement timeout", "ERROR", "57014", "SELECT", statement=_sql(rng))


def _deadlock(rng: random.Random) -> Record:
    one, two = rng.randint(3000, 9000), rng.randint(3000, 9000)
    waits = f"Process {one} waits for ShareLock on transaction 731; blocked by process {two}."
    return Record(
        "deadlock detected", "ERROR", "40P01", "UPDATE", detail=f"{waits}\n{waits}\nProcess {one}: {_sql(rng)}",
        hint="See server log for query details.", statement=_sql(rng),
        context='while updating tuple (0,7) in relation "carts"',
    )  # fmt: skip


def _full(_: random.Random) -> Record:
    text = "remaining connection slots are reserved for non-replication superuser connections"
    return Record(text, "FATAL", "53300", "startup")


def _lock_wait(rng: random.Random) -> Record:
    text = f"process {rng.randint(3000, 9000)} still waiting for ShareLock on transaction 731 after 1000.123 ms"
    return Record(
        text, tag="UPDATE waiting", detail="Process holding the lock: 4012. Wait queue: 4013.", statement=_sql(rng)
    )


def _warning(_: random.Random) -> Record:
    return Record("there is no transaction in progress", "WARNING", "25P01", "COMMIT")


def _checkpoint(rng: random.Random) -> Record:
    written = rng.randrange(9000)
    return Record(
        f"checkpoint complete: wrote {written} buffers ({written / 163.84:.1f}%); 0 WAL file(s) added, 0 removed, "
        f"3 recycled; write=269.{written:03d} s, sync=0.012 s, total=269.500 s; sync files=31, longest=0.004 s, "
        f"average=0.001 s; distance={written} kB, estimate=52000 kB"
    )


def _vacuum(rng: random.Random) -> Record:
    return Record(
        'automatic vacuum of table "shop.public.carts": index scans: 1\n'
        f"pages: 0 removed, {rng.randrange(9999)} remain, 12 scanned (0.50% of total)\n"
        "tuples: 0 removed, 9000 remain, 0 are dead but not yet removable\n"
        "system usage: CPU: user: 0.05 s, system: 0.01 s, elapsed: 0.90 s"
    )


Maker = Callable[[random.Random], Record]
MIX: dict[Maker, int] = {
    _duration: 7800, _execute: 900, _duplicate_key: 120, _missing_column: 30, _timeout: 60, _deadlock: 5, _full: 40,
    _lock_wait: 30, _warning: 30,
}  # fmt: skip
END_SHARE = 0.03
"""The share of the records that end a session; four records, of its end and of the next one's begin, each."""


def write_logs(stderr: Path, csv: Path, records: int, seed: int = 1) -> tuple[Dataset, Dataset]:
    """Write the same *records* records in both formats."""
    counts = {"problems": 0, "stderr lines": 0, "csv lines": 0}
    with stderr.open("w", newline="\n") as plain, csv.open("w", newline="\n") as table:
        for number, (stamp, session, record) in enumerate(_dated(records, random.Random(seed)), start=1):
            texts = as_stderr(stamp, session, record), as_csv(stamp, session, record, number)
            plain.write(texts[0])
            table.write(texts[1])
            counts["problems"] += record.severity in PROBLEMS
            counts["stderr lines"] += texts[0].count("\n")
            counts["csv lines"] += texts[1].count("\n")
    problems = {"problems": counts["problems"]}
    return (
        Dataset(stderr, records, counts["stderr lines"], problems),
        Dataset(csv, records, counts["csv lines"], problems),
    )


def as_stderr(stamp: str, session: Session, record: Record) -> str:
    """Write a record as `send_message_to_server_log()` does: each part behind the prefix, a tab after each line end."""
    who = f"{session.user}@{session.database} " if session.user else ""
    place = f" at character {record.position}" if record.position else ""
    parts = {
        record.severity: record.message + place, "DETAIL": record.detail, "HINT": record.hint,
        "CONTEXT": record.context, "STATEMENT": record.statement,
    }  # fmt: skip
    return "".join(
        f"{stamp} [{session.pid}] {who}{label}:  {text.replace(chr(10), chr(10) + chr(9))}\n"
        for label, text in parts.items()
        if text
    )


def as_csv(stamp: str, session: Session, record: Record, number: int) -> str:
    """Write a record as `write_csvlog()` does: 26 columns, strings quoted, empty where there is none."""
    started = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(session.started))
    columns = (
        stamp, _quoted(session.user), _quoted(session.database), session.pid, _quoted(session.client), session.identity,
        number, _quoted(record.tag), started, _quoted("3/42" if session.user else ""), 0, record.severity, record.state,
        _quoted(record.message), _quoted(record.detail), _quoted(record.hint), "", "", _quoted(record.context),
        _quoted(record.statement), record.position or "", "", f'"{session.application}"',
        _quoted(session.backend), "", 0,
    )  # fmt: skip
    return ",".join(map(str, columns)) + "\n"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if text else ""


def _time_text(milliseconds: int) -> str:
    second, rest = divmod(milliseconds, 1000)
    return time.strftime(f"%Y-%m-%d %H:%M:%S.{rest:03d} UTC", time.gmtime(second))


def _dated(records: int, rng: random.Random) -> Iterator[tuple[str, Session, Record]]:
    """Spread the records evenly over the span, milliseconds after one another."""
    step = HOURS * 3_600_000 / records
    for number, (session, record) in enumerate(islice(_records(rng), records)):
        yield _time_text(START * 1000 + int(number * step)), session, record


def _records(rng: random.Random) -> Iterator[tuple[Session, Record]]:
    """Yield records of a busy server for ever: sessions come and go, and work in turns."""
    pids = count(4000)
    server = Session(812, "", "", "", "", START - 900, "checkpointer")
    sessions = [_session(next(pids), rng) for _ in range(SESSIONS)]
    while True:
        place = rng.randrange(SESSIONS)
        if rng.random() < BACKGROUND_SHARE:
            yield server, rng.choice((_checkpoint, _vacuum))(rng)
        elif rng.random() < END_SHARE:
            yield sessions[place], _farewell(sessions[place])
            sessions[place] = _session(next(pids), rng)
            yield from _greeting(sessions[place])
        else:
            yield sessions[place], rng.choices(list(MIX), weights=list(MIX.values()))[0](rng)


def _session(pid: int, rng: random.Random) -> Session:
    client = f"10.0.0.{rng.randint(2, 60)}:{rng.randint(32768, 60999)}"
    return Session(pid, *rng.choice(PEOPLE), client, START - pid % 800)


def _greeting(session: Session) -> Iterator[tuple[Session, Record]]:
    host, _, port = session.client.rpartition(":")
    stranger = Session(session.pid, "[unknown]", "[unknown]", "", session.client, session.started)
    yield stranger, Record(f"connection received: host={host} port={port}")
    identity = f'identity="{session.user}" method=scram-sha-256 (/etc/postgresql/15/main/pg_hba.conf:97)'
    yield session, Record(f"connection authenticated: {identity}", tag="authentication")
    grant = f"user={session.user} database={session.database} application_name={session.application}"
    yield session, Record(f"connection authorized: {grant}", tag="authentication")


def _farewell(session: Session) -> Record:
    host, _, port = session.client.rpartition(":")
    who = f"user={session.user} database={session.database} host={host} port={port}"
    return Record(f"disconnection: session time: 0:04:12.345 {who}", tag="idle")
