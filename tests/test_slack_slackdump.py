"""What slackdump keeps: its SQLite archive, and the chunks of older ones."""

from __future__ import annotations

import gzip
import json
import sqlite3
import zipfile
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timeline_parsers.slack import parser

from timeline import read as read_evidence
from timeline.containers import Memory
from timeline.parser import Batch
from timeline.sources import Source, discover
from timeline.testing import check_parser

Json = dict[str, Any]

# The tables of the archive as far as they matter here, with its views and indices in between.
SCHEMA = """
CREATE TABLE SESSION (ID INTEGER PRIMARY KEY AUTOINCREMENT, CREATED_AT TIMESTAMP, FINISHED BOOLEAN);
CREATE TABLE TYPES (ID INTEGER PRIMARY KEY, NAME TEXT);
CREATE TABLE CHUNK (ID INTEGER PRIMARY KEY AUTOINCREMENT, SESSION_ID INTEGER, TYPE_ID INTEGER, CHANNEL_ID TEXT, FINAL BOOLEAN);
CREATE TABLE MESSAGE (ID INTEGER, CHUNK_ID INTEGER, CHANNEL_ID TEXT, TS TEXT, PARENT_ID INTEGER, THREAD_TS TEXT,
    IS_PARENT BOOLEAN, IDX INTEGER, NUM_FILES INTEGER, TXT TEXT, DATA BLOB, PRIMARY KEY (ID, CHUNK_ID));
CREATE TABLE CHANNEL (ID TEXT, CHUNK_ID INTEGER, NAME TEXT, IDX INTEGER, DATA BLOB, PRIMARY KEY (ID, CHUNK_ID));
CREATE TABLE S_USER (ID TEXT, CHUNK_ID INTEGER, USERNAME TEXT, IDX INTEGER, DATA BLOB, PRIMARY KEY (ID, CHUNK_ID));
CREATE INDEX MESSAGE_I1 ON MESSAGE (CHANNEL_ID, CHUNK_ID, IS_PARENT);
CREATE VIEW V_X AS SELECT ID FROM MESSAGE;
"""
TS = "1781532000.000109"


def say(text: str, ts: str = TS, **more: Any) -> Json:
    return {"type": "message", "user": "U1", "text": text, "ts": ts} | more


def write_archive(path: Path, messages: Iterable[tuple[str, int, Json | bytes]], extra: str = "") -> Path:
    """Write an archive of (channel, chunk, message)."""
    user = {"id": "U1", "name": "alice", "profile": {"display_name": "Alice"}}
    with closing(sqlite3.connect(path)) as database:
        database.executescript("PRAGMA journal_mode = WAL;" + SCHEMA + extra)
        database.execute("INSERT INTO S_USER VALUES ('U1', 1, 'alice', 0, ?)", (json.dumps(user).encode(),))
        database.execute("INSERT INTO CHANNEL VALUES ('C1', 1, 'ops', 0, ?)", (b'{"id":"C1","name":"ops"}',))
        for place, (channel, chunk, message) in enumerate(messages):
            data = message if isinstance(message, bytes) else json.dumps(message).encode()
            database.execute(
                "INSERT INTO MESSAGE (ID, CHUNK_ID, CHANNEL_ID, DATA) VALUES (?, ?, ?, ?)",
                (place, chunk, channel, data),
            )
        database.commit()
    return path


def read_source(source: Source) -> tuple[pd.DataFrame, Sequence[Batch]]:
    batches = list(parser.parse(source))
    for batch in batches:
        assert batch.lines == len(batch.records) + batch.decoration + batch.unparsed
    return pd.concat([batch.records for batch in batches], ignore_index=True), batches


def read_path(path: Path) -> tuple[pd.DataFrame, Sequence[Batch]]:
    (source,) = [found for found in discover(path) if isinstance(found, Source)]
    assert parser.sniff(source.head) == 1
    return read_source(source)


def test_an_archive_is_read_with_names_and_channels(tmp_path: Path) -> None:
    path = write_archive(
        tmp_path / "slackdump.sqlite", [("C1", 2, say("<@U1> hello", thread_ts=TS)), ("C9", 2, say("x"))]
    )

    rows, (batch,) = read_path(path)

    assert ["@Alice hello", "x"] == rows["message"].tolist()
    assert [f"C1/{TS}", f"C9/{TS}"] == rows["ref"].tolist()
    assert ["#ops", "#C9"] == rows["service"].tolist()
    assert {"Alice"} == set(rows["actor"])
    assert (4, 2) == (batch.lines, batch.decoration)
    assert ["slackdump.sqlite"] == [file.name for file in tmp_path.iterdir()]


def test_an_archive_in_a_zip_is_read_from_memory(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "slackdump.sqlite", [("C1", 2, say("hello"))])
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as archive:
        archive.write(path, "dump/slackdump.sqlite")

    assert ["hello"] == read_path(tmp_path / "in.zip")[0]["message"].tolist()


def test_the_newest_copy_of_a_message_stays(tmp_path: Path) -> None:
    edited = say("new", edited={"user": "U1", "ts": "1781539999.000000"})
    path = write_archive(
        tmp_path / "slackdump.sqlite", [("C1", 2, say("old")), ("C1", 5, edited), ("C1", 3, say("old"))]
    )

    evidence = read_evidence(path)

    assert ["new"] == evidence.events["message"].tolist()
    assert 2 == evidence.account["duplicates"].iloc[0] if "duplicates" in evidence.account else True


def test_rows_that_are_no_messages_are_counted(tmp_path: Path) -> None:
    path = write_archive(
        tmp_path / "slackdump.sqlite", [("C1", 2, b"{cut"), ("C1", 2, say("x", "never")), ("C1", 2, say("y"))]
    )

    rows, (batch,) = read_path(path)

    assert (["y"], 2) == (rows["message"].tolist(), batch.unparsed)


def test_results_of_a_search_are_messages(tmp_path: Path) -> None:
    found = json.dumps(say("found", channel={"id": "C2", "name": "other"}))
    extra = f"CREATE TABLE SEARCH_MESSAGE (ID INTEGER, DATA BLOB); INSERT INTO SEARCH_MESSAGE VALUES (1, CAST('{found}' AS BLOB));"

    rows, _ = read_path(write_archive(tmp_path / "slackdump.sqlite", [], extra))

    assert ("found", "#other", f"C2/{TS}") == (rows["message"][0], rows["service"][0], rows["ref"][0])


def test_what_is_still_in_the_log_is_missed_and_said(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "slackdump.sqlite", [("C1", 2, say("x"))])
    (tmp_path / "slackdump.sqlite-wal").write_bytes(b"7\x7f\x06\x82")

    (source,) = [found for found in discover(path) if isinstance(found, Source)]

    assert "-wal" in read_source(source)[1][0].warnings[0]


@pytest.mark.parametrize(
    "tables", ["CREATE TABLE MESSAGE (DATA)", "CREATE TABLE messages (id)", "CREATE TABLE S_USER_X (MESSAGE)"]
)
def test_other_databases_are_not_taken(tmp_path: Path, tables: str) -> None:
    with closing(sqlite3.connect(tmp_path / "x.db")) as database:
        database.executescript(tables)

    assert 0 == parser.sniff((tmp_path / "x.db").read_bytes())


def test_a_view_in_place_of_a_table_is_not_run(tmp_path: Path) -> None:
    endless = "CREATE VIEW SEARCH_MESSAGE AS WITH RECURSIVE r(DATA) AS (SELECT 1 UNION ALL SELECT DATA + 1 FROM r) SELECT DATA FROM r;"

    rows, _ = read_path(write_archive(tmp_path / "slackdump.sqlite", [("C1", 2, say("x"))], endless))

    assert ["x"] == rows["message"].tolist()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    messages = [("C1", 2, say(f"message {place} " + "x" * 200, f"17815320{place:02}.000100")) for place in range(60)]
    return write_archive(tmp_path_factory.mktemp("a") / "slackdump.sqlite", messages).read_bytes()


def test_archives_keep_the_contract_of_parsers(whole: bytes) -> None:
    check_parser(parser, whole, physical=False)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_archive_is_accounted_for(whole: bytes, data: st.DataObject) -> None:
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(0, 3))):
        damaged[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(damaged[: data.draw(st.integers(100, len(whole)))])

    source = Source(Memory("x.sqlite", cut), "")
    if parser.sniff(source.head) == 1:
        read_source(source)


# --- chunks ------------------------------------------------------------------------------------------------------

STAMP = 1683022288506765000
ROOT = say("root", TS, thread_ts=TS)
HISTORY: list[Json] = [
    {"t": 5, "ts": STAMP, "id": "C0CHUNKS1", "ci": {"id": "C0CHUNKS1", "name": "ops"}},
    {"t": 0, "ts": STAMP, "id": "C0CHUNKS1", "n": 2, "l": True, "m": [ROOT, say("<@U1> next", "1781532005.000100")]},
    {
        "t": 1,
        "ts": STAMP,
        "id": "C0CHUNKS1",
        "r": TS,
        "p": ROOT,
        "m": [say("reply", "1781532003.000100", thread_ts=TS)],
    },
]
PEOPLE: list[Json] = [{"t": 3, "ts": STAMP, "n": 1, "u": [{"id": "U1", "name": "alice"}]}]


def write_chunks(path: Path, chunks: Iterable[Json]) -> Path:
    path.write_bytes(gzip.compress(b"".join(json.dumps(chunk).encode() + b"\n" for chunk in chunks)))
    return path


def test_chunks_are_read_with_their_channel_and_the_users_beside_them(tmp_path: Path) -> None:
    write_chunks(tmp_path / "users.json.gz", PEOPLE)
    path = write_chunks(tmp_path / "C0CHUNKS1.json.gz", HISTORY)

    rows, (batch,) = read_path(path)
    _, (people,) = read_path(tmp_path / "users.json.gz")

    assert ["root", "@alice next", "reply"] == rows["message"].tolist()
    assert {"#ops"} == set(rows["service"])
    assert f"C0CHUNKS1/{TS}" == rows["ref"][0]
    assert {"alice"} == set(rows["actor"])
    assert (4, 1, 0) == (batch.lines, batch.decoration, batch.unparsed)
    assert (1, 1) == (people.lines, people.decoration)


def test_the_root_of_a_thread_that_was_fetched_alone_is_kept(tmp_path: Path) -> None:
    rows, _ = read_path(write_chunks(tmp_path / "x.json.gz", HISTORY[2:]))

    assert ["reply", "root"] == rows["message"].tolist()


def test_a_chunk_that_is_cut_gives_its_whole_messages() -> None:
    data = b"".join(json.dumps(chunk).encode() + b"\n" for chunk in HISTORY[:2])
    rows, (batch,) = read_source(Source(Memory("x.json", data[:-20]), ""))

    assert (["root"], 1) == (rows["message"].tolist(), batch.unparsed)
    assert {"#ops"} == set(rows["service"])


def test_a_chunk_longer_than_the_head_is_recognised() -> None:
    chunk = {"t": 0, "ts": STAMP, "id": "C0CHUNKS1", "m": [say("x" * 100_000)]}

    assert parser.sniff(json.dumps(chunk).encode()[:65536]) > 0.5


@pytest.mark.parametrize("text", ['{"t": 1, "ts": 1683022288}', '{"t": 1, "ts": 1683022288506765000, "msg": "x"}'])
def test_other_lines_with_t_and_ts_are_not_taken(text: str) -> None:
    assert 0 == parser.sniff(text.encode())
