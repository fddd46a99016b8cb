"""What parsers of other people may give: every frame is typed, every line accounted for, and a failure stays local."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from timeline import schema
from timeline.config import SourceSettings
from timeline.parser import Batch
from timeline.reading import Reader, Reading, date_events, read_source
from timeline.sources import Source, discover

AWARE = pd.to_datetime(["2026-06-15T14:03Z"])
NAIVE = pd.to_datetime(["2026-06-15T14:03"])


class Foreign:
    """A parser that gives what it was told to give."""

    name = "foreign"

    def __init__(self, *results: Any) -> None:
        self.results = results

    def sniff(self, head: bytes) -> bool:
        return head.startswith(b"l1")

    def parse(self, _: Source) -> Iterator[Any]:
        for result in self.results:
            if isinstance(result, Exception):
                raise result
            yield result


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., tuple[Reading, pd.DataFrame]]:
    def read(*results: Any, settings: SourceSettings | None = None) -> tuple[Reading, pd.DataFrame]:
        (tmp_path / "x.log").write_text("l1\nl2\nl3\n")
        [source] = discover(tmp_path / "x.log")
        assert isinstance(source, Source)
        reading = read_source(Reader(source, Foreign(*results), settings or SourceSettings()))
        [events] = date_events([reading])
        reading.account.events = len(events)
        reading.account.check()
        schema.check(events)
        return reading, events

    return read


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"timestamp": AWARE}),
        pd.DataFrame({"message": ["no time"]}),
        pd.DataFrame({"timestamp": AWARE, "message": [5], "host": [1], "line": [1.0], 7: ["odd"]}),
        pd.DataFrame({"timestamp": ["2026-06-15T14:03:00Z"], "message": pd.Series(["x"], dtype=object)}),
        pd.DataFrame({"timestamp": AWARE, "kind": pd.Categorical([1]), "severity": pd.Categorical(["err"])}),
        pd.DataFrame({"timestamp": AWARE, "message": ["x"]}, index=[7]),
        pd.DataFrame({"wall": [1781532180000000], "zone": ["+0000"], "message": ["x"]}),
        pd.DataFrame({"timestamp": AWARE.as_unit("ns"), "attribute": pd.Series([{"a": 1}], dtype=object)}),
    ],
)
def test_odd_frames_become_event_frames(read: Callable[..., Any], frame: pd.DataFrame) -> None:
    reading, events = read(frame)

    assert [] == reading.warnings
    assert (3, 1, 2) == (reading.account.lines, reading.account.records, reading.account.unparsed)
    assert (1, "foreign") == (len(events), events["source"][0])


def test_bare_frames_of_one_source_share_its_lines(read: Callable[..., Any]) -> None:
    frame = pd.DataFrame({"timestamp": AWARE, "message": ["x"]})
    reading, events = read(frame, frame, frame)

    assert (3, 3, 0) == (reading.account.lines, reading.account.records, reading.account.unparsed)
    assert [1, 2, 3] == events["line"].tolist()


def test_naive_stamps_are_in_the_zone_of_the_file_and_warned_of_without(read: Callable[..., Any]) -> None:
    frame = pd.DataFrame({"timestamp": [datetime(2026, 6, 15, 16, 3)], "message": ["x"]})  # noqa: DTZ001

    assert AWARE[0] == read(frame, settings=SourceSettings(tz="Europe/Berlin"))[1]["timestamp"][0]
    reading, events = read(frame)
    assert "assumed" == events["time_basis"][0]
    assert "have no zone" in reading.warnings[0]


@pytest.mark.parametrize(
    "bad",
    [
        RuntimeError("went wrong\nin several lines"),
        {"a": 1},
        None,
        pd.DataFrame({"timestamp": ["yesterday"], "message": ["x"]}),
        pd.DataFrame({"timestamp": AWARE, "line": ["first"]}),
        pd.DataFrame([[1, 2]], columns=["message", "message"]),
        pd.DataFrame({"timestamp": AWARE, "count": [5]}),
        pd.DataFrame({"timestamp": NAIVE, "message": ["x"]}),
        pd.DataFrame({"wall": [0], "message": ["x"]}),
        Batch(pd.DataFrame({"timestamp": AWARE, "message": pd.Series(["\udcff"], dtype=object)}), lines=1),
    ],
)
def test_a_failure_costs_the_rest_of_its_file_and_is_counted(read: Callable[..., Any], bad: Any) -> None:
    good = pd.DataFrame({"timestamp": AWARE, "message": ["x"]})
    reading, events = read(good, bad, good)

    assert ["x"] == events["message"].tolist()
    assert (3, 1, 2) == (reading.account.lines, reading.account.records, reading.account.unparsed)
    assert [1] == [len(warning.splitlines()) for warning in reading.warnings]
    assert reading.warnings[0].startswith(reading.account.file)
