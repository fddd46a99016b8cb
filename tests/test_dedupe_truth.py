"""Dedupe of recorded evidence against what is known of it: which lines are one event, and how many there are.

nginx wrote each error to its file and to the journal, with a number of the connection that makes the line unique: lines
that are equal to the last letter are the truth. Copies that rsyslog and journalctl would have made of the recorded
journal are written here, so that each place of each event is known; some of them get lost.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

import timeline
from timeline.results import Evidence

FIXTURE = Path(__file__).parent.parent / "fixtures" / "checkout-outage"
ERRORS = FIXTURE / "nginx" / "error.log"


@cache
def journal() -> pd.DataFrame:
    """The entries of the recorded journal that have a text, each with the place of its record."""
    events = timeline.read(FIXTURE / "journal", dedupe=False).events
    return events[events["message"].notna()].drop_duplicates("ref").reset_index(drop=True)


def members(events: pd.DataFrame) -> list[list[str]]:
    """The places of the records of each event, "FILE:LINE" without the folder."""
    own = events["file"].astype("str") + ":" + events["line"].astype("str")
    others = events["also_in"].fillna("").str.split(", ")
    return [
        [place.rpartition("/")[2] for place in (one, *filter(None, more))]
        for one, more in zip(own, others, strict=True)
    ]


def test_errors_in_file_and_journal_are_joined_exactly_where_the_lines_are_equal() -> None:
    raw = dict(enumerate(ERRORS.read_text(encoding="utf-8").splitlines(), 1))
    entries = dict(zip(journal()["line"], journal()["message"], strict=True))
    equal = {
        (raw_line, entry) for raw_line, text in raw.items() for entry, message in entries.items() if text == message
    }

    found = set()
    for places in members(timeline.read(FIXTURE).events):
        lines = [int(place.rpartition(":")[2]) for place in places if place.startswith("error.log:")]
        copies = [int(place.rpartition(":")[2]) for place in places if place.startswith("system.journal:")]
        found |= {(line, entry) for line in lines for entry in copies if entries[entry] in raw.values()}

    assert len(equal) > 400
    assert equal == found


@pytest.mark.parametrize("seed", range(3))
def test_errors_are_joined_with_their_own_copy_though_other_copies_are_lost(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    lines = [line for line in ERRORS.read_text(encoding="utf-8").splitlines(keepends=True) if chance.random() < 0.7]
    (tmp_path / "error.log").write_text("".join(lines), encoding="utf-8")
    raw = {f"error.log:{number}": line.rstrip("\n") for number, line in enumerate(lines, 1)}
    entries = {
        f"system.journal:{line}": text for line, text in zip(journal()["line"], journal()["message"], strict=True)
    }

    evidence = timeline.read(tmp_path, FIXTURE / "journal", tz={"*/error.log": "Europe/Berlin"})

    joined = {place: text for places in members(evidence.events) for place, text in joined_errors(places, raw, entries)}
    assert {place: text for place, text in raw.items() if text in entries.values()} == joined


def joined_errors(places: list[str], raw: dict[str, str], entries: dict[str, str]) -> list[tuple[str, str]]:
    """The lines of the error log among *places*, each with the text of the entry that it is joined with."""
    texts = [entries[place] for place in places if place in entries]
    return [(place, text) for place in places if place in raw for text in texts]


# Copies that are written here --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Written:
    """A folder, and the number of the event of each record that was written into it."""

    folder: Path
    events: dict[str, int]


def write_copies(folder: Path, chance: random.Random, *, losses: dict[str, float], named: bool) -> Written:
    """Write the recorded journal as JSON, as precise text and as rsyslog would have: up to 0.9 s late.

    Args:
        folder: where.
        chance: what is lost, and how late a copy is.
        losses: by file, the share of lines that are lost.
        named: whether each message gets a number, so that none is equal to another.
    """
    where: dict[str, int] = {}
    entries = journal()[["timestamp", "message", "syslog.identifier", "process.pid"]].itertuples(index=False, name=None)
    events = [(*event[:1], f"{event[1]} (event {number})" if named else event[1], *event[2:], number)
              for number, event in enumerate(entries)]  # fmt: skip
    for file, loss in losses.items():
        kept = [event for event in events if chance.random() >= loss]
        delay = 900_000 if file == "syslog" else 0
        late = sorted((when + pd.Timedelta(chance.randint(0, delay), "us"), *rest) for when, *rest in kept)
        lines = [FORMS[file](*event) for event in late]
        where |= {f"{file}:{line}": event[-1] for line, event in enumerate(late, 1)}
        (folder / file).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return Written(folder, where)


def as_json(when: pd.Timestamp, message: str, program: str, pid: int, number: int) -> str:
    micros = when.value // 1000
    cursor = f"s=a1;i={number:x};b=b1;m={micros:x};t={micros:x};x={number:x}"
    fields = {"__CURSOR": cursor, "__REALTIME_TIMESTAMP": str(micros), "_HOSTNAME": "web-01", "MESSAGE": message,
              "SYSLOG_IDENTIFIER": program, "_PID": str(pid)}  # fmt: skip
    return json.dumps(fields)


def as_precise_text(when: pd.Timestamp, message: str, program: str, pid: int, _: int) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%S.%f%z} web-01 {program}[{pid}]: {message}"


def as_syslog(when: pd.Timestamp, message: str, program: str, pid: int, _: int) -> str:
    return f"{when:%b %d %H:%M:%S} web-01 {program}[{pid}]: {message}"


FORMS = {"journal.json": as_json, "precise.txt": as_precise_text, "syslog": as_syslog}


def read(written: Written) -> Evidence:
    return timeline.read(written.folder, tz="UTC", year=2026)


@pytest.mark.parametrize(("of_journal", "of_copies"), [(0.0, 0.0), (0.0, 0.1), (0.1, 0.1), (0.5, 0.5)])
def test_events_that_can_be_told_apart_are_found_whatever_is_lost(
    of_journal: float, of_copies: float, tmp_path: Path
) -> None:
    """No event is merged with another, and none stands twice."""
    losses = {"journal.json": of_journal, "precise.txt": of_copies, "syslog": of_copies}
    written = write_copies(tmp_path, random.Random(7), losses=losses, named=True)

    found = [{written.events[place] for place in places} for places in members(read(written).events)]

    assert all(len(events) == 1 for events in found)
    assert sorted(set(written.events.values())) == sorted(number for events in found for number in events)


@pytest.mark.parametrize("loss", [0.0, 0.1, 0.5])
def test_twins_are_counted_right_though_copies_are_lost(loss: float, tmp_path: Path) -> None:
    losses = {"journal.json": 0.0, "precise.txt": loss, "syslog": loss}
    written = write_copies(tmp_path, random.Random(7), losses=losses, named=False)

    evidence = read(written)

    assert len(journal()) == len(evidence.events)
    assert Counter(journal()["message"]) == Counter(evidence.events["message"])
    assert len(written.events) == evidence.events["copies"].sum()


def test_twins_of_which_every_place_lost_others_are_a_few_too_few(tmp_path: Path) -> None:
    """The limit that docs/selection.md tells of: an entry of the journal is taken for a twin that only syslog has."""
    losses = {"journal.json": 0.1, "precise.txt": 0.1, "syslog": 0.1}
    written = write_copies(tmp_path, random.Random(7), losses=losses, named=False)
    expected = len(set(written.events.values()))

    assert 0.98 * expected <= len(read(written).events) <= expected
