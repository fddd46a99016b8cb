"""A window of a journal file is read without the other entries: the result equals filtering after reading."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timeline_parsers import _journal_file as journal_file
from timeline_parsers._journal_objects import JournalFile
from timeline_parsers._journal_window import find_stamps

import timeline
from timeline.config import SourceSettings
from timeline.containers import Memory
from timeline.reading import Reader, Reading, date_events, read_source, within
from timeline.sources import Source
from timeline.window import Window

REMOTE = next(
    filter(os.path.exists, ("/lib/systemd/systemd-journal-remote", "/usr/lib/systemd/systemd-journal-remote")), ""
)
NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
START = int(NOON.timestamp()) * 1_000_000
HOUR = 3_600_000_000
ENTRIES = 1_500
JOURNALD = timeline.get_parser("journald")
BOOTS = ("0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210")

Lag = Callable[[Random, int], int | str | None]
"""What the sender's time of an entry received at a time is; None for none."""

LAGS: dict[str, Lag] = {
    "close": lambda random, now: now - random.randrange(3_000),
    "shared": lambda _, now: now // 20_000_000 * 20_000_000,
    "far": lambda random, now: now - random.randrange(-HOUR, HOUR),
    "mixed": lambda random, now: random.choice((None, now - 10, now + HOUR, "0", "soon", str(1 << 55), "", "-5")),
    "none": lambda _random, _now: None,
}


def write_journal(path: Path, lag: Lag, *, compact: str) -> bytes:
    """Write entries of two machines in turn; the clock of the first is set back by half an hour, then ahead by two."""
    random, now, lines = Random(1), START, []
    for number in range(ENTRIES):
        now += random.randrange(10_000_000) - (HOUR // 2 if number == 500 else 0) + (2 * HOUR if number == 1000 else 0)
        sent = lag(random, now)
        boot = number % 7 == 0
        lines += [
            f"__REALTIME_TIMESTAMP={now}", f"__MONOTONIC_TIMESTAMP={number + 1}", f"_BOOT_ID={BOOTS[boot]}",
            f"_HOSTNAME={'db-01' if boot else 'web-01'}", f"MESSAGE=number {number}", "PRIORITY=6",
        ]  # fmt: skip
        lines += [] if sent is None else [f"_SOURCE_REALTIME_TIMESTAMP={sent}"]
        lines.append("")
    environment = os.environ | {"SYSTEMD_JOURNAL_COMPACT": compact}
    stream = "\n".join([*lines, ""]).encode()
    subprocess.run([REMOTE, "-o", str(path), "-"], input=stream, env=environment, capture_output=True, check=True)
    return path.read_bytes()


@pytest.fixture(scope="module")
def journals(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], bytes]:
    folder = tmp_path_factory.mktemp("journals")
    return {
        (name, compact): write_journal(folder / f"{name}{compact}.journal", lag, compact=compact)
        for name, lag in LAGS.items()
        for compact in "01"
    }


def read(data: bytes, window: Window | None, how: SourceSettings) -> tuple[pd.DataFrame, Reading]:
    reading = read_source(Reader(Source(Memory("x", data), ""), JOURNALD, how), window)
    (events,) = date_events([reading])
    return within(events, window or Window()), reading


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.dropna(axis="columns", how="all").reset_index(drop=True)
    return frame[sorted(frame.columns)].astype(object).where(lambda values: values.notna(), None)


def check(data: bytes, window: Window, how: SourceSettings | None = None) -> Reading:
    whole, all_of_it = read(data, None, how or SourceSettings())
    found, reading = read(data, window, how or SourceSettings())
    account = reading.account

    pd.testing.assert_frame_equal(plain(within(whole, window)), plain(found))
    assert all_of_it.account.lines == account.lines
    assert all_of_it.account.undated == account.undated
    assert account.lines == account.records + account.unparsed + account.skipped
    return reading


WINDOWS = st.builds(
    lambda start, length, ends: Window(
        NOON + timedelta(minutes=start) if ends != "open begin" else None,
        NOON + timedelta(minutes=start + length) if ends != "open end" else None,
    ),
    st.floats(-90, 330),
    st.floats(0, 40),
    st.sampled_from(["both", "both", "both", "open begin", "open end"]),
)


@pytest.mark.parametrize("compact", ["0", "1"])
@pytest.mark.parametrize("name", LAGS)
@given(window=WINDOWS)
@settings(max_examples=15, deadline=None)
def test_a_window_equals_filtering_after_reading(
    journals: dict[tuple[str, str], bytes], name: str, compact: str, window: Window
) -> None:
    check(journals[name, compact], window)


@pytest.mark.parametrize("compact", ["0", "1"])
@pytest.mark.parametrize("name", LAGS)
def test_only_entries_sent_or_received_in_the_window_are_read(
    journals: dict[tuple[str, str], bytes], name: str, compact: str
) -> None:
    reading = check(journals[name, compact], Window(NOON + timedelta(minutes=20), NOON + timedelta(minutes=25)))

    # An entry every 5 s, and those five minutes came twice: at most once more as many were sent then.
    assert 0 < reading.account.records < 400
    assert ENTRIES == reading.account.records + reading.account.skipped
    assert journal_file.OUTSIDE == reading.account.note


@given(
    st.sampled_from(sorted(LAGS)), WINDOWS, st.lists(st.tuples(st.floats(0, 0.999), st.integers(1, 255)), max_size=30)
)
@settings(max_examples=60, deadline=None)
def test_a_window_of_a_damaged_file_too(
    journals: dict[tuple[str, str], bytes], name: str, window: Window, flips: list[tuple[float, int]]
) -> None:
    data = bytearray(journals[name, "1"])
    used = len(data.rstrip(b"\0"))
    for place, bits in flips:
        data[208 + int(place * (used - 208))] ^= bits

    check(bytes(data), window)


@pytest.mark.parametrize("field", [40, 48, 56], ids=["entry", "array", "count"])
@pytest.mark.parametrize("value", [0, 8, 1 << 40, (1 << 64) - 1, (1 << 64) - 8])
def test_a_damaged_link_from_a_time_to_its_entries_is_noticed(
    journals: dict[tuple[str, str], bytes], field: int, value: int
) -> None:
    data = bytearray(journals["shared", "1"])
    stamps = find_stamps(JournalFile(np.frombuffer(bytes(data), np.uint8))) * 8
    assert 100 < len(stamps)
    for stamp in stamps[20:60].tolist():
        data[stamp + field : stamp + field + 8] = value.to_bytes(8, "little")

    reading = check(bytes(data), Window(NOON + timedelta(minutes=5), NOON + timedelta(minutes=15)))

    assert 0 == reading.account.skipped


def test_a_cut_file_is_read_whole(journals: dict[tuple[str, str], bytes]) -> None:
    data = journals["close", "1"]

    reading = check(data[: len(data.rstrip(b"\0")) * 2 // 3], Window(NOON, NOON + timedelta(minutes=5)))

    assert 0 == reading.account.skipped
    assert "truncated" in reading.warnings[0]


def test_a_shift_moves_the_window(journals: dict[tuple[str, str], bytes]) -> None:
    shift = timedelta(minutes=-45)

    reading = check(journals["close", "1"], Window(NOON, NOON + timedelta(minutes=5)), SourceSettings(shift=shift))

    assert ENTRIES == reading.account.records + reading.account.skipped
    assert 0 < reading.account.records < 200


def test_a_window_in_none_of_several_files_is_no_error(tmp_path: Path, journals: dict[tuple[str, str], bytes]) -> None:
    for name in ("close", "far"):
        (tmp_path / name).write_bytes(journals[name, "1"])

    for build in (timeline.read, timeline.build):
        evidence = build(tmp_path, since="2026-07-01", until="2026-07-02")
        assert [ENTRIES, ENTRIES] == evidence.account["skipped"].tolist()
        assert 0 == len(evidence.events)


def test_windows_of_several_files_of_one_machine(tmp_path: Path, journals: dict[tuple[str, str], bytes]) -> None:
    for name in ("close", "shared", "mixed"):
        (tmp_path / name).write_bytes(journals[name, "1"])
    whole = timeline.read(tmp_path).events
    since, until = pd.Timestamp(NOON) + pd.Timedelta("20min"), pd.Timestamp(NOON) + pd.Timedelta("30min")

    found = timeline.read(tmp_path, since=since.isoformat(), until=until.isoformat()).events

    inside = whole[(whole["timestamp"] >= since) & (whole["timestamp"] <= until)]
    assert inside["ref"].tolist() == found["ref"].tolist()
    assert inside["message"].tolist() == found["message"].tolist()
