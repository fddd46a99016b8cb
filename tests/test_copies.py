"""Files that are given twice are read once, the account says so, and one event can be explained."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

import timeline
from timeline.errors import UsageError
from timeline.results import Evidence

LINE = '198.51.100.{} - - [15/Jun/2026:14:{:02}:{:02} +0000] "GET /{} HTTP/1.1" 200 512 "-" "curl/8.5"\n'
COUNT = 1_500  # 64 KiB and more


def requests(count: int = COUNT, begin: int = 0) -> str:
    return "".join(LINE.format(n % 250, n // 60 % 60, n % 60, n) for n in range(begin, begin + count))


def notes(evidence: Evidence) -> dict[str, str]:
    account = evidence.account
    return {name.rpartition("/")[2]: note for name, note in zip(account["file"], account["note"], strict=True) if note}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "access.log"
    path.write_text(requests(), encoding="ascii")
    return path


def copy(log: Path, way: str) -> Path:
    other = log.with_name("another-access.log")
    if way == "compressed":
        other.write_bytes(gzip.compress(log.read_bytes()))
    elif way == "other name":
        other.write_bytes(log.read_bytes())
    elif way == "link":
        other.symlink_to(log)
    else:
        os.link(log, other)
    return other


@pytest.mark.parametrize("way", ["compressed", "other name", "link", "hard link"])
def test_a_file_that_is_there_twice_is_read_once(log: Path, way: str) -> None:
    copy(log, way)
    evidence = timeline.read(log.parent)

    assert {"another-access.log": f"copy of {log}, not read again"} == notes(evidence)
    assert COUNT == len(evidence.events)
    assert [0, COUNT] == evidence.account["duplicate"].tolist()
    assert [COUNT, COUNT] == evidence.account["lines"].tolist()
    assert 1 == evidence.events["copies"].max()


def test_with_no_dedupe_it_is_read_twice(log: Path) -> None:
    copy(log, "link")

    assert 2 * COUNT == len(timeline.read(log.parent, dedupe=False).events)


def test_which_of_two_stays_does_not_depend_on_the_order(log: Path) -> None:
    other = copy(log, "other name")
    files = [set(timeline.read(*paths).events["file"]) for paths in ((log, other), (other, log))]

    assert [{str(log)}] * 2 == files


def test_files_that_are_read_differently_are_no_copies(log: Path) -> None:
    other = copy(log, "other name")
    evidence = timeline.read(log.parent, host={log.name: "web-01", other.name: "web-02"})

    assert 2 * COUNT == len(evidence.events)
    assert not notes(evidence)


def test_files_that_begin_alike_and_differ_later_are_no_copies(log: Path) -> None:
    other = log.with_name("other.log")
    other.write_text(requests() + requests(1, COUNT), encoding="ascii")
    evidence = timeline.read(log.parent)

    assert COUNT + 1 == len(evidence.events)
    assert {"access.log": f"copy of lines 1 to {COUNT:,} of {other}"} == notes(evidence)


def test_small_files_are_compared_by_their_records(tmp_path: Path) -> None:
    for name in ("access.log", "head.log"):
        (tmp_path / name).write_text(requests(5), encoding="ascii")
    evidence = timeline.read(tmp_path)

    assert 5 == len(evidence.events)
    assert {"access.log": f"copy of {tmp_path}/head.log"} == notes(evidence)


def test_what_may_be_a_copy_is_a_warning(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "access.log").write_text(requests(1), encoding="ascii")
    evidence = timeline.read(tmp_path)

    assert 2 == len(evidence.events)
    told, reason = evidence.warnings[0].split("; ")
    assert f"{tmp_path}/b/access.log: line 1 may be copied from line 1 of {tmp_path}/a/access.log" == told
    assert "both are kept, since logs of two hosts can have so many lines in common" == reason
    assert 1 == len(evidence.warnings)


# One event ---------------------------------------------------------------------------------------------------------

ERROR = "2026/06/15 14:00:07 [error] 12#12: *5 connect() failed (111: Connection refused), client: 192.0.2.1"


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    (tmp_path / "error.log").write_text(f"{ERROR}\n", encoding="ascii")
    entry = f"2026-06-15T14:00:07.250000+0000 web-01 nginx[12]: {ERROR}\n"
    (tmp_path / "journal.txt").write_text(entry, encoding="ascii")
    return timeline.read(tmp_path, tz="UTC")


@pytest.mark.parametrize("ref", ["error.log:1", "journal.txt:1"])
def test_an_event_is_explained_by_any_of_its_places(evidence: Evidence, ref: str, tmp_path: Path) -> None:
    assert (
        "2026-06-15 14:00:07.250000Z  connect() failed (111: Connection refused)\n"
        "  2 records, by same event\n"
        f"  kept     {tmp_path}/error.log:1\n"
        f"  also in  {tmp_path}/journal.txt:1\n"
    ) == evidence.explain_dedupe(ref)


def test_a_place_in_a_copy_is_explained_by_that_in_the_original(log: Path) -> None:
    other = copy(log, "compressed")
    told = timeline.read(log.parent).explain_dedupe(f"{other.name}:7")

    assert told.startswith(f"{other} is a copy of {log}, not read again\n2026-06-15 14:00:06")
    assert f"  1 record, no copies\n  kept     {log}:7\n" in told


@pytest.mark.parametrize("ref", ["error.log:2", "nowhere.log:1", "error.log", "error.log:x", ":1", "error.log:²"])
def test_a_place_without_an_event_is_refused(evidence: Evidence, ref: str) -> None:
    with pytest.raises(UsageError):
        evidence.explain_dedupe(ref)
