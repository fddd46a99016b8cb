"""Logs of a real PostgreSQL 15: what its three forms say about one run must agree."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from timeline_parsers.postgresql import parser

from timeline.containers import Folder
from timeline.schema import concat
from timeline.sources import Source

FIXTURES = Path(__file__).parent.parent / "fixtures"
SMALL = FIXTURES / "postgresql"
LOGS = sorted(SMALL.glob("*.*"))


def read(path: Path) -> pd.DataFrame:
    batches = list(parser.parse(Source(Folder(str(path.parent)), path.name)))
    for batch in batches:
        assert batch.lines == len(batch.records) + batch.continuation + batch.blank + batch.decoration + batch.unparsed
        assert batch.warnings == ()
    assert sum(batch.lines for batch in batches) == path.read_bytes().count(b"\n")
    return concat(batch.records for batch in batches)


def truth() -> list[dict[str, Any]]:
    """Read the jsonlog by other means; a line end within a text is one of the file in the other forms."""
    return [
        json.loads(line) for line in (SMALL / "debian.json").read_bytes().decode("utf-8", "replace").split("\n") if line
    ]


def values(frame: pd.DataFrame, *columns: str) -> Counter[tuple[object, ...]]:
    """Count the rows: backends write at the same time, so that files differ in order."""
    cells = [[None if pd.isna(value) else value for value in frame[column].tolist()] for column in columns]
    return Counter(zip(*cells, strict=True))


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.name)
def test_every_line_is_understood(path: Path) -> None:
    assert parser.sniff(path.read_bytes()[: 1 << 16]) == 1
    read(path)


def test_jsonlog_is_what_json_says() -> None:
    frame = read(SMALL / "debian.json")
    objects = truth()

    for column, key in {
        "message": "message", "process.pid": "pid", "user.name": "user", "db.namespace": "dbname",
        "postgresql.severity": "error_severity", "db.response.status_code": "state_code", "postgresql.detail": "detail",
        "postgresql.hint": "hint", "postgresql.context": "context", "postgresql.statement": "statement",
        "postgresql.application_name": "application_name", "client.address": "remote_host",
        "postgresql.session_id": "session_id", "postgresql.session_line": "line_num",
        "postgresql.backend_type": "backend_type", "postgresql.command_tag": "ps",
    }.items():  # fmt: skip
        written = [_plain(row.get(key)) for row in objects]
        assert [None if pd.isna(value) else value for value in frame[column].tolist()] == written, column
    places = [row.get("cursor_position", row.get("internal_position")) for row in objects]
    assert [None if pd.isna(value) else value for value in frame["postgresql.position"].tolist()] == places
    stamps = pd.to_datetime(frame["wall"], unit="us").dt.strftime("%Y-%m-%d %H:%M:%S.%f").str[:23]
    assert (stamps + " " + frame["zone"].astype(str)).tolist() == [row["timestamp"] for row in objects]


def _plain(value: Any) -> Any:
    return None if value in ("", "[unknown]") else value.replace("\r\n", "\n") if isinstance(value, str) else value


def test_csvlog_agrees_with_jsonlog() -> None:
    ours, truths = read(SMALL / "debian.csv"), read(SMALL / "debian.json")
    columns = [name for name in truths.columns if name != "line"]

    assert values(ours, *columns) == values(truths, *columns)


def test_stderr_agrees_with_jsonlog() -> None:
    ours, truths = read(SMALL / "stderr-debian.log"), read(SMALL / "debian.json")
    columns = (
        "wall", "zone", "severity", "actor", "message", "kind", "process.pid", "db.namespace", "user.name",
        "postgresql.severity", "postgresql.detail", "postgresql.hint", "postgresql.context", "postgresql.statement",
        "postgresql.query", "postgresql.position",
    )  # fmt: skip

    assert values(ours.assign(kind=ours["kind"].astype("str")), *columns[:5]) == values(truths, *columns[:5])
    assert values(ours, *columns[6:]) == values(truths, *columns[6:])


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("rds", "UTC"),
        ("verbose", "EST"),
        ("kolkata", "IST"),
        ("istanbul", "+03"),
        ("app", "EST"),
        ("terse-epoch", "UTC"),
    ],
)
def test_each_prefix_gives_the_same_records(name: str, zone: str) -> None:
    frame = read(SMALL / f"stderr-{name}.log")
    errors = frame[frame["severity"] == "err"]

    assert frame["zone"].unique().tolist() == [zone]
    assert "division by zero" in errors["message"].tolist()
    assert frame["wall"].notna().all()
    assert frame["kind"].tolist().count("server-start") == 1
    assert frame["process.pid"].notna().all()
    if name != "terse-epoch":
        assert errors["postgresql.statement"].notna().all()


def test_an_unknown_prefix_gives_the_references_of_its_records() -> None:
    frame = read(SMALL / "stderr-terse-epoch.log")

    assert frame["ref"][0] == "6b064b50.103/2"
    assert frame["postgresql.session_line"].notna().all()
    assert (frame["db.response.status_code"] == "22012").sum() == (frame["message"] == "division by zero").sum()


def test_an_application_that_looks_like_a_record() -> None:
    frame = read(SMALL / "stderr-app.log")
    named = frame[frame["postgresql.application_name"] == "job LOG:  nope"]

    assert len(named)
    assert not frame["message"].str.contains("nope]").any()
    assert "err" in named["severity"].tolist()


def test_verbose_gives_states_and_places() -> None:
    frame = read(SMALL / "stderr-verbose.log")

    assert frame["postgresql.location"].notna().all()
    assert "22012" in frame["db.response.status_code"].tolist()


def test_the_crash_is_found_although_it_is_only_a_log_message() -> None:
    frame = read(SMALL / "stderr-debian.log")
    crash = frame[frame["kind"] == "process-crashed"]

    assert "info" in crash["severity"].tolist()
    assert {"crash-recovery", "server-ready", "server-stop", "deadlock", "lock-wait", "too-many-connections"} <= set(
        frame["kind"]
    )


def test_the_incident() -> None:
    (log,) = (FIXTURES / "checkout-outage" / "postgresql").glob("*.log")
    expected = json.loads((FIXTURES / "checkout-outage.truth.json").read_text())["counts"]
    frame = read(log)

    assert frame["zone"].unique().tolist() == ["EST"]
    assert len(frame) == expected["postgresql_records_jsonlog"]
    assert frame["postgresql.severity"].value_counts().to_dict() == expected["postgresql_severities_jsonlog"]
