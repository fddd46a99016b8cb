"""JSON Lines, CSV and the plain table hold what the frame holds."""

from __future__ import annotations

import csv
import io
import json
import math

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from timeline import schema
from timeline.writers import write_csv, write_jsonl, write_table


def frame(messages: list[str]) -> pd.DataFrame:
    rows = pd.DataFrame({"message": pd.Series(messages, dtype="str")})
    rows["timestamp"] = pd.Timestamp("2026-06-15T14:03:11.000001Z").as_unit("us")
    rows["source"] = "nginx-access"
    rows["line"] = range(1, len(messages) + 1)
    return schema.conform(rows)


def objects(events: pd.DataFrame) -> list[dict[str, object]]:
    return [json.loads(line) for line in b"".join(write_jsonl(events)).decode().split("\n")[:-1]]


def test_an_object_has_the_column_names_and_leaves_out_what_is_missing() -> None:
    assert [
        {"timestamp": "2026-06-15T14:03:11.000001Z", "source": "nginx-access", "message": "a", "line": 1}
    ] == objects(frame(["a"]))


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_any_text_survives(messages: list[str]) -> None:
    clean = [text.encode("utf-8", "replace").decode() for text in messages]

    assert clean == [row["message"] for row in objects(frame(clean))]


def test_numbers_and_booleans_are_json() -> None:
    events = frame(["a", "b", "c"])
    events["x.float"] = [1.5, math.nan, math.inf]
    events["x.int"] = pd.array([1, None, 2**60], dtype="Int64")
    events["x.bool"] = pd.array([True, None, False], dtype="boolean")

    assert [(1.5, 1, True), (None, None, None), (None, 2**60, False)] == [
        (row.get("x.float"), row.get("x.int"), row.get("x.bool")) for row in objects(events)
    ]


def test_an_undated_event_has_no_timestamp() -> None:
    events = frame(["a"])
    events["timestamp"] = pd.Series([pd.NaT], dtype=events["timestamp"].dtype)

    assert "timestamp" not in objects(events)[0]


def test_no_rows_are_no_lines() -> None:
    assert b"" == b"".join(write_jsonl(schema.empty()))


def test_csv_has_a_header_and_the_same_times() -> None:
    [row] = csv.DictReader(io.StringIO(b"".join(write_csv(frame(['a, "b"\nc']))).decode()))

    assert ("2026-06-15T14:03:11.000001Z", 'a, "b"\nc', "1") == (row["timestamp"], row["message"], row["line"])


def test_the_table_is_aligned_and_one_line_a_row() -> None:
    lines = b"".join(write_table(frame(["a\nb"]))).decode().splitlines()

    assert ["timestamp            source        message", "2026-06-15 14:03:11  nginx-access  a ⏎ b"] == lines
