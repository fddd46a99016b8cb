"""A window of a large sorted file is found by dating some lines: the result equals reading all of it."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import timeline
from timeline import seek
from timeline.cli import main
from timeline.config import SourceSettings
from timeline.containers import Folder
from timeline.explain import explain
from timeline.reading import UNSORTED, Reader, Reading, date_events, read_source, within
from timeline.sources import Source
from timeline.window import Window, request_window

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
LINES = 4_000
SMALL = seek.Scale(smallest=1, disorder=2_000_000, margin=2_000, probes=32, probe_size=400, largest_share=0.9)
FULL = SourceSettings()


def access(moment: datetime, number: int) -> str:
    stamp = f"{moment:%d/%b/%Y:%H:%M:%S} +0000"
    return f'192.0.2.{number % 250} - - [{stamp}] "GET /items/{number} HTTP/1.1" 200 {number} "-" "curl/8"\n'


def stderr(moment: datetime, number: int) -> str:
    head = f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d} UTC [{number % 9 + 1}]"
    more = "\twith more\n\tand more\n" if number % 3 == 0 else ""
    detail = f"{head} DETAIL:  of {number}\n{head} STATEMENT:  SELECT {number}\n" if number % 5 == 0 else ""
    return f"{head} ERROR:  number {number}\n{more}{detail}"


def csvlog(moment: datetime, number: int) -> str:
    stamp = f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d} UTC"
    row = [""] * 26
    row[0], row[3], row[5], row[6], row[8], row[11] = stamp, str(number), "6b064b48.8b", "1", stamp[:19] + " UTC", "LOG"
    row[12], row[13] = "00000", f'number {number}, "quoted"' + ("\nsecond line\n\nlast" if number % 4 == 0 else "")
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(row)
    return text.getvalue()


def short_iso(moment: datetime, number: int) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}+0000 web-01 app[{number}]: number {number}\n"


def error_log(moment: datetime, number: int) -> str:
    return f"{moment:%Y/%m/%d %H:%M:%S} [error] 7#7: *{number} number {number}\n" + "more\n" * (number % 2)


FORMS = {
    "nginx-access": access,
    "postgresql": stderr,
    "csvlog": csvlog,
    "journald": short_iso,
    "nginx-error": error_log,
}


def moments(disorder: float = 0.0) -> list[datetime]:
    """Give times that ascend with pauses and bursts, each up to *disorder* seconds late or early."""
    random, found, now = Random(1), [], 0.0
    for _ in range(LINES):
        now += random.choice((0.0, 0.001, 0.5, 1.0, 20.0 if random.random() < 0.05 else 0.2))
        found.append(NOON + timedelta(seconds=now + random.uniform(0, disorder)))
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("seek")
    for name, form in FORMS.items():
        for kind, disorder in (("sorted", 0.0), ("late", 1.9)):
            text = "".join(form(moment, number) for number, moment in enumerate(moments(disorder)))
            (path / f"{name}.{kind}").write_text(text)
    shuffled = moments()
    Random(2).shuffle(shuffled)
    (path / "shuffled").write_text("".join(map(access, shuffled, range(LINES))))
    halves = moments()
    (path / "halves").write_text("".join(map(access, halves[LINES // 2 :] + halves[: LINES // 2], range(LINES))))
    return path


def read(path: Path, window: Window | None = None, how: SourceSettings = FULL) -> tuple[pd.DataFrame, Reading]:
    name = path.name.partition(".")[0]
    parser = timeline.get_parser({"csvlog": "postgresql"}.get(name, name) if "." in path.name else "nginx-access")
    reading = read_source(Reader(Source(Folder(path.parent), path.name), parser, how), window, scale=SMALL)
    (events,) = date_events([reading])
    return (events if window is None else within(events, window)), reading


def same(left: pd.DataFrame, right: pd.DataFrame) -> None:
    def plain(frame: pd.DataFrame) -> pd.DataFrame:
        frame = frame.dropna(axis="columns", how="all").reset_index(drop=True)
        return frame[sorted(frame.columns)].astype(object).where(lambda values: values.notna(), None)

    pd.testing.assert_frame_equal(plain(left), plain(right))


def check(path: Path, window: Window, how: SourceSettings = FULL) -> Reading:
    whole, all_of_it = read(path, how=how)
    found, reading = read(path, window, how)
    account = reading.account

    same(within(whole, window), found)
    assert all_of_it.account.lines == account.lines
    assert account.lines == account.records + account.continuation + account.blank + account.unparsed + account.skipped
    return reading


SPAN = (moments()[-1] - NOON).total_seconds()
WINDOWS = st.builds(
    lambda start, length, ends: Window(
        NOON + timedelta(seconds=start) if ends != "open begin" else None,
        NOON + timedelta(seconds=start + length) if ends != "open end" else None,
    ),
    st.floats(-100, SPAN + 100),
    st.floats(0, SPAN / 4),
    st.sampled_from(["both", "both", "both", "open begin", "open end"]),
)


@pytest.mark.parametrize("kind", ["sorted", "late"])
@pytest.mark.parametrize("name", FORMS)
@given(window=WINDOWS)
@settings(max_examples=12)
def test_a_window_equals_filtering_after_reading(folder: Path, name: str, kind: str, window: Window) -> None:
    check(folder / f"{name}.{kind}", window)


@pytest.mark.parametrize("name", FORMS)
def test_most_of_the_file_is_not_read(folder: Path, name: str) -> None:
    account = check(
        folder / f"{name}.sorted", Window(NOON + timedelta(seconds=300), NOON + timedelta(seconds=320))
    ).account

    assert account.skipped > 0.5 * account.lines
    assert "only its lines" in account.note


@given(window=WINDOWS)
@settings(max_examples=12)
@pytest.mark.parametrize("name", ["shuffled", "halves"])
def test_a_file_that_is_not_sorted_is_read_whole(folder: Path, name: str, window: Window) -> None:
    account = check(folder / name, window).account

    assert (0, UNSORTED) == (account.skipped, account.note)


def test_disorder_inside_the_part_that_is_read_is_noticed(tmp_path: Path) -> None:
    times = moments()
    middle = times[LINES // 2]
    times[LINES // 2] += timedelta(seconds=60)
    (tmp_path / "nginx-access.log").write_text("".join(map(access, times, range(LINES))))

    window = Window(middle - timedelta(seconds=5), middle + timedelta(seconds=5))

    assert UNSORTED == check(tmp_path / "nginx-access.log", window).account.note


def test_stamps_without_a_year_are_read_whole(tmp_path: Path) -> None:
    lines = [f"{moment:%b %d %H:%M:%S} web-01 app[1]: {number}\n" for number, moment in enumerate(moments())]
    (tmp_path / "journald.short").write_text("".join(lines))

    window = Window(NOON + timedelta(seconds=300), NOON + timedelta(seconds=320))

    assert 0 == check(tmp_path / "journald.short", window, SourceSettings(year=2026)).account.skipped


def test_an_hour_that_came_twice_is_read_whole(tmp_path: Path) -> None:
    """Which pass a stamp belongs to, follows from the lines before it."""
    start = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    steps = [start + timedelta(seconds=2 * number) for number in range(LINES)]
    shown = [moment + timedelta(hours=2 if moment.hour < 1 else 1) for moment in steps]
    (tmp_path / "nginx-error.log").write_text("".join(map(error_log, shown, range(LINES))))

    window = Window(datetime(2026, 10, 25, 1, 10, tzinfo=UTC), datetime(2026, 10, 25, 1, 20, tzinfo=UTC))

    assert 0 == check(tmp_path / "nginx-error.log", window, SourceSettings(tz="Europe/Berlin")).account.skipped


def test_a_shift_and_a_zone_move_the_window(folder: Path) -> None:
    how = SourceSettings(tz="+02:00", shift=timedelta(seconds=-95))
    begin = NOON + timedelta(hours=-2, seconds=300 - 95)

    assert 0 < check(folder / "nginx-error.sorted", Window(begin, begin + timedelta(seconds=20)), how).account.skipped


def test_a_last_line_without_an_end_is_counted(tmp_path: Path) -> None:
    text = "".join(map(access, moments(), range(LINES))).rstrip("\n")
    (tmp_path / "nginx-access.log").write_text(text)

    assert LINES == check(tmp_path / "nginx-access.log", Window(NOON, NOON + timedelta(seconds=10))).account.lines


def test_spans_are_read_in_their_order_and_the_head_stays(tmp_path: Path) -> None:
    (tmp_path / "x.log").write_bytes(b"one\ntwo\nthree\nfour\n")
    source = Source(Folder(tmp_path), "x.log", spans=((4, 8), (14, 99)))

    assert b"two\nfour\n" == source.read()
    assert b"one\ntwo\nthree\nfour\n" == source.head


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b"\xff\xfe", b"\x1f\x8b\x08"])
def test_other_encodings_are_not_sought_in(tmp_path: Path, mark: bytes) -> None:
    (tmp_path / "x.log").write_bytes(mark + "".join(map(access, moments(), range(LINES))).encode())
    window = Window(NOON, NOON + timedelta(seconds=10))

    assert seek.find_extent(Source(Folder(tmp_path), "x.log"), window, lambda _: pytest.fail("read"), SMALL) is None


@pytest.mark.parametrize("since", ["14:03", None])
def test_a_window_without_a_date_is_not_known_before_reading(since: str | None) -> None:
    assert request_window({"since": since}, {}, None).at_once is None


def test_the_command_tells_what_was_skipped(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("timeline.seek.SCALE", SMALL)
    monkeypatch.setattr(
        "sys.argv", ["timeline-build", str(folder / "nginx-access.sorted"), "--until", "2026-06-15T12:01Z"]
    )

    with pytest.raises(SystemExit):
        main()

    assert "outside of the window and not read) -> " in capsys.readouterr().err


def test_the_account_tells_what_was_skipped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("timeline.seek.SCALE", SMALL)
    where = folder / "nginx-access.sorted"
    since = NOON + timedelta(seconds=300)

    evidence = timeline.read(where, since=since, until=since + timedelta(seconds=20))
    monkeypatch.undo()

    same(timeline.read(where, since=since, until=since + timedelta(seconds=20)).events, evidence.events)
    (row,) = evidence.account.to_dict("records")
    assert row["skipped"] > 0
    assert row["lines"] == LINES == row["records"] + row["skipped"]
    assert "unparsed + skipped" in explain(evidence)
