"""Read slackdump's archive, an SQLite database with Slack's own JSON in it, without ever writing to it."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from timeline.containers import Folder
from timeline.parser import Batch, Tally
from timeline.sources import Source
from timeline_parsers._slack_content import string
from timeline_parsers._slack_export import Place
from timeline_parsers._slack_json import decode
from timeline_parsers._slack_lists import Channel, Export, show_channel
from timeline_parsers._slack_message import Row, make_frame, read_message

MAGIC: Final = b"SQLite format 3\0"
# The schema is long and may go on behind the head: any two of these names will do, if one is nobody else's.
_NAMED: Final = re.compile(
    rb"CREATE (?:TABLE|VIEW) (?:IF NOT EXISTS )?[\"'`\[]?(MESSAGE|CHANNEL_USER|S_USER|SEARCH_MESSAGE|SEARCH_FILE"
    rb"|V_CHANNEL_THREADS|V_UNFINISHED_(?:CHANNEL|THREAD)S|V_ORPHAN_THREADS|V_LATEST_(?:MESSAGE|THREAD))\b",
    re.IGNORECASE,
)
_COMMON: Final = frozenset({b"MESSAGE", b"CHANNEL_USER"})
# Where a database says whether it was written through a log beside it, which one read from memory cannot have.
_WRITE_VERSION: Final = slice(18, 20)
_ROWS_A_BATCH: Final = 50_000
# The newest copy of a message first, because the first of several copies is the one that is kept.
_MESSAGES: Final = "SELECT {channel}, {data} FROM {table} ORDER BY {order}"


def is_archive(head: bytes) -> bool:
    """Tell slackdump's database from all others, by the names of its tables."""
    if not head.startswith(MAGIC):
        return False
    names = {name.upper() for name in _NAMED.findall(head)}
    return len(names) > 1 and bool(names - _COMMON)


def read_archive(source: Source, place: Place) -> Iterator[Batch]:
    """Yield the messages of the database *source*, those of each channel with its name."""
    try:
        database = _open(source)
    except sqlite3.Error as error:
        tally = Tally(lines=1)
        tally.reject(1, f"damaged database: {error}")
        yield tally.batch(make_frame([]), warnings=(f"is an SQLite database that cannot be read ({error})",))
        return
    with closing(database):
        yield from _Archive(database, place, _warn_of_log(source)).batches()


def _open(source: Source) -> sqlite3.Connection:
    """Open for reading; on disk without a lock and without a log beside it, else in memory."""
    if isinstance(source.container, Folder) and _is_plain(source):
        path = quote(str((source.container.path / source.member).resolve()))
        database = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
    else:
        data = bytearray(source.read())
        data[_WRITE_VERSION] = b"\1\1"
        database = sqlite3.connect(":memory:")
        database.deserialize(bytes(data))
    database.text_factory = bytes
    # The file is anybody's: nothing that its schema defines is run.
    for pragma in ("trusted_schema=OFF", "query_only=ON", "cell_size_check=ON"):
        database.execute(f"PRAGMA {pragma}")
    return database


def _is_plain(source: Source) -> bool:
    with source.container.open(source.member) as raw:
        return raw.read(len(MAGIC)) == MAGIC


def _warn_of_log(source: Source) -> list[str]:
    log = source.sibling(f"{source.member}-wal") if isinstance(source.container, Folder) else None
    if log is None or not (Path(log.container.label) / log.member).stat().st_size:
        return []
    return [
        "slackdump had not finished writing it: what is only in its -wal file is missing (run slackdump to its end)"
    ]


class _Archive:
    """Reads one database.

    Args:
        database: it, opened.
        place: where it lies.
        warnings: handed out with the first batch.
    """

    def __init__(self, database: sqlite3.Connection, place: Place, warnings: list[str]) -> None:
        self.database = database
        self.place = place
        self.warnings = warnings
        self.tally = Tally()
        self.rows: list[Row] = []
        self.line = 0
        self.channels: dict[str, Channel] = {}
        self.places: dict[str, Place] = {}

    def batches(self) -> Iterator[Batch]:
        """Yield the messages; what cannot be read for damage is told and ends them."""
        try:
            self._read_lists()
            if not self._columns("MESSAGE") and not self._columns("SEARCH_MESSAGE"):
                self.tally.reject(1, "slackdump's database without a table of messages")
            for channel, data in self._messages():
                self.line += 1
                self._read(channel, data)
                if len(self.rows) == _ROWS_A_BATCH:
                    yield self._hand_out()
        except sqlite3.Error as error:
            self.tally.reject(self.line + 1, f"damaged database: {error}")
            self.warnings.append(f"is a damaged SQLite database ({error}); read {self.line:,} rows before the damage")
        yield self._hand_out()

    def _hand_out(self) -> Batch:
        self.tally.lines = len(self.rows) + self.tally.unparsed + self.tally.decoration
        batch = self.tally.batch(make_frame(self.rows), warnings=tuple(self.warnings))
        self.tally, self.rows, self.warnings = Tally(), [], []
        return batch

    def _messages(self) -> Iterator[tuple[str, bytes]]:
        for table in ("MESSAGE", "SEARCH_MESSAGE"):
            columns = self._columns(table)
            if "DATA" not in columns:
                continue
            order = ", ".join(f"{name} {way}" for name, way in (("CHUNK_ID", "DESC"), ("ID", "")) if name in columns)
            query = _MESSAGES.format(
                channel="CHANNEL_ID" if "CHANNEL_ID" in columns else "NULL", data="DATA", table=table, order=order or 1
            )
            for channel, data in self.database.execute(query):
                yield _text(channel), data if isinstance(data, bytes) else b""

    def _read(self, channel: str, data: bytes) -> None:
        message = _load(data)
        row = read_message(message, self.line, self._place_of(channel)) if message else None
        if row is None:
            self.tally.reject(self.line, f"row of {channel or 'no channel'} without a message that has a valid ts")
        else:
            self.rows.append(row)

    def _place_of(self, channel: str) -> Place:
        if channel not in self.places:
            known = self.channels.get(channel) or Channel(channel or None, show_channel(channel))
            self.places[channel] = replace(self.place, channel=known)
        return self.places[channel]

    def _read_lists(self) -> None:
        users = [_load(data) for (data,) in self._select("S_USER", ("DATA",))]
        channels = [
            _load(data) | {key: _text(value) for key, value in (("id", identity), ("name", name)) if value}
            for identity, name, data in self._select("CHANNEL", ("ID", "NAME", "DATA"))
        ]
        self.tally.decoration += len(users) + len(channels)
        # The last copy of a user or channel is the newest; of a channel, an export's list has one, the first.
        lists = {"users.json": users, "channels.json": channels[::-1]}
        encoded = {name: json.dumps(entries).encode() for name, entries in lists.items()}
        export = Export(encoded.get)
        self.channels = export.channels
        self.place = replace(self.place, names=export.names)

    def _select(self, table: str, wanted: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
        columns = self._columns(table)
        if not columns:
            return iter(())
        order = "CHUNK_ID" if "CHUNK_ID" in columns else "1"
        shown = ", ".join(name if name in columns else "NULL" for name in wanted)
        return iter(self.database.execute(f"SELECT {shown} FROM {table} ORDER BY {order}").fetchall())  # noqa: S608 - own names

    def _columns(self, table: str) -> set[str]:
        """Return the columns of a real table; a view or virtual table may do anything."""
        (found,) = self.database.execute(
            "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND upper(name) = ? AND sql LIKE 'CREATE TABLE%'",
            (table,),
        ).fetchone()
        return (
            {_text(row[1]).upper() for row in self.database.execute(f"PRAGMA table_info({table})")} if found else set()
        )


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else string(value)


def _load(data: object) -> dict[str, Any]:
    values = decode(data).values if isinstance(data, bytes) else []
    return values[0] if values and isinstance(values[0], dict) else {}
