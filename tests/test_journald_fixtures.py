"""The recorded journals: every shape of one journal tells the same."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from timeline_parsers.journald import parser

from timeline import schema
from timeline.containers import Folder
from timeline.parser import Batch
from timeline.sources import Source

FIXTURES = Path(__file__).parent.parent / "fixtures"
JOURNALS = FIXTURES / "journald"
INCIDENT = sorted((FIXTURES / "checkout-outage" / "journal").rglob("*.journal"))
SECOND = 1_000_000

# journalctl cannot tell an identifier with ": " in it from the message.
AMBIGUOUS = "my app: v2 [beta]"
UNPRINTABLE = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffd]"


@cache
def batches(name: str) -> list[Batch]:
    return list(parser.parse(Source(Folder(str(JOURNALS)), name)))


def read(name: str) -> pd.DataFrame:
    return schema.concat([batch.records for batch in batches(name)])


def values(column: pd.Series) -> list[Any]:
    return [None if pd.isna(value) else value for value in column]


@pytest.mark.parametrize("name", ["export.txt", "entries-all.json"])
def test_export_and_json_equal_the_binary_in_every_column(name: str) -> None:
    binary = read("system.journal").set_index("ref")
    other = read(name).set_index("ref")

    for column in binary.columns.drop("line"):
        assert values(binary[column][other.index]) == values(other[column]), column
    assert len(binary) == len(other)


def test_json_without_all_withholds_long_messages_and_says_so() -> None:
    everything, entries = read("entries-all.json"), read("entries.json")

    differ = everything["message"].fillna("") != entries["message"].fillna("")
    assert everything["wall"].equals(entries["wall"])
    assert (everything.loc[differ, "message"].str.len() > 4000).all()
    assert entries.loc[differ, "message"].str.contains("withheld").all()


SHORT = {
    "short-iso.utc.txt": ("+0000", SECOND, 0), "short-iso.new-york.txt": ("-0500", SECOND, -5),
    "short-iso-precise.utc.txt": ("+0000", 1, 0), "short-unix.txt": ("UTC", 1, 0),
    "short-full.utc.txt": ("UTC", SECOND, 0), "short-full.new-york.txt": ("EST", SECOND, -5),
    "short-precise.utc.txt": (None, 1, 0), "short.utc.txt": (None, SECOND, 0), "short.berlin.txt": (None, SECOND, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", SHORT)
def test_short_texts_equal_the_binary_as_far_as_they_carry_it(name: str) -> None:
    zone, unit, hours = SHORT[name]
    binary = printed(read("entries-all.json"))
    short = read(name)

    wall = binary["wall"] // unit * unit + hours * 3600 * SECOND
    if zone is None:
        assert batches(name)[0].yearless
        wall = wall - pd.Series(binary["wall"]).map(years_before)
    assert wall.tolist() == short["wall"].tolist()
    assert {zone} == set(values(short["zone"]))
    assert values(binary["host"]) == values(short["host"])
    assert_same_messages(binary, short)
    assert 0 == sum(batch.unparsed for batch in batches(name))


def printed(frame: pd.DataFrame) -> pd.DataFrame:
    """Entries without a message are not printed."""
    return frame[frame["message"].notna()].reset_index(drop=True)


def years_before(wall: int) -> int:
    stamp = pd.Timestamp(wall, unit="us")
    return int((stamp - stamp.replace(year=1972)) // pd.Timedelta(microseconds=1))


def assert_same_messages(binary: pd.DataFrame, short: pd.DataFrame) -> None:
    """Compare those that journalctl prints as they are: no control characters, and an identifier without a colon."""
    colour = binary["message"].str.contains("\x1b", regex=False)
    plain = (
        ~binary["message"].str.contains(UNPRINTABLE, regex=True) & ~colour & (binary["syslog.identifier"] != AMBIGUOUS)
    )
    expected = binary["message"].str.replace("\t", " " * 8).str.rstrip("\n")
    assert expected[plain].tolist() == short.loc[plain, "message"].tolist()
    assert plain.sum() > 0.9 * len(binary)


@pytest.mark.parametrize("path", INCIDENT, ids=lambda path: path.name)
def test_the_recorded_incident_is_read_whole(path: Path) -> None:
    (batch,) = parser.parse(Source(Folder(str(path.parent)), path.name))
    events = batch.records

    assert batch.lines == len(events) > 500
    assert not batch.warnings
    assert events["wall"].notna().all()
    assert {"unit-failed", "unit-started", "unit-restart-scheduled"} <= set(events["kind"].dropna())
    assert {"nginx.service", "postgresql@15-main.service", "shop-api.service"} <= set(events["service"].dropna())
    assert "err" in set(events.loc[events["service"] == "nginx.service", "severity"].dropna())


def test_the_incident_has_a_journal() -> None:
    assert INCIDENT
