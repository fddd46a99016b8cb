"""A `postgresql.conf` in the evidence, and prefixes of which nothing tells which it is."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from timeline_parsers import postgresql
from timeline_parsers._pg_conf import settings_for
from timeline_parsers._pg_prefix import infer_prefix
from timeline_parsers.postgresql import parser

import timeline
from timeline.containers import Folder, Memory, ZipArchive
from timeline.errors import UnclearFormatError
from timeline.parser import Batch
from timeline.sources import Source

AT = "2026-06-15 14:03:11.123 UTC"
LOG = f"{AT} 7 shop|app ERROR:  x\n{AT} 7 shop|app STATEMENT:  y\n"
CONF = "log_line_prefix = '%m %p %d|%u '   # as the others have it\n"


def parse(folder: Path, name: str, **options: str) -> list[Batch]:
    return list(parser.parse(Source(Folder(folder), name, options)))


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture
def evidence(tmp_path: Path) -> Path:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "db.log").write_text(LOG)
    return tmp_path


@pytest.mark.parametrize(
    "name",
    ["postgresql.conf", "postgresql.auto.conf", "etc/15/main/postgresql.conf", "etc/15/main/conf.d/logging.conf"],
)
def test_the_prefix_of_a_settings_file_is_used(evidence: Path, name: str) -> None:
    (evidence / name).parent.mkdir(parents=True, exist_ok=True)
    (evidence / name).write_text(CONF)
    (batch,) = parse(evidence, "log/db.log")

    assert batch.records["db.namespace"].tolist() == ["shop"]
    assert batch.records["actor"].tolist() == ["app"]
    assert batch.records["postgresql.statement"].tolist() == ["y"]
    assert batch.note == f"log_line_prefix '%m %p %d|%u ' from {name}"
    assert batch.warnings == ()


def test_in_an_archive() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a/db.log", LOG)
        archive.writestr("a/postgresql.conf", CONF)
    (batch,) = parser.parse(Source(ZipArchive("x.zip", stream), "a/db.log"))

    assert batch.records["actor"].tolist() == ["app"]


def test_a_file_that_is_named_itself_has_the_settings_beside_it(evidence: Path) -> None:
    (evidence / "log" / "postgresql.conf").write_text(CONF)
    events = timeline.read(evidence / "log" / "db.log").events

    assert events["actor"].tolist() == ["app"]


def test_what_is_told_comes_first(evidence: Path) -> None:
    (evidence / "postgresql.conf").write_text(CONF)
    (batch,) = parse(evidence, "log/db.log", log_line_prefix="%m %p %u|%d ")

    assert batch.records["actor"].tolist() == ["shop"]


def test_a_prefix_that_does_not_explain_the_lines_is_passed_over(evidence: Path) -> None:
    (evidence / "postgresql.conf").write_text("log_line_prefix = '%t [%p]: '\n")
    (evidence / "log" / "db.log").write_text(f"{AT} [7] app@shop LOG:  x\n")
    (batch,) = parse(evidence, "log/db.log")

    assert batch.note == "log_line_prefix '%m [%p] %q%u@%d ' inferred"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("log_line_prefix = '%m [%p] '", "%m [%p] "),
        ("  LOG_LINE_PREFIX='%m'# comment", "%m"),
        ("log_line_prefix '%t '", "%t "),
        ("log_line_prefix = %m", "%m"),
        ("log_line_prefix = 'it''s \\'%m\\' \\t\\101'", "it's '%m' \tA"),
        ("log_line_prefix = ''", ""),
        ("log_line_prefix = 'a'\nlog_line_prefix = 'b'", "b"),
        ("log_line_prefix = 'a'\r\n", "a"),
    ],
)
def test_how_settings_are_written(tmp_path: Path, line: str, value: str) -> None:
    folder = Folder(write(tmp_path, **{"postgresql.conf": f"# log_line_prefix = 'c'\n{line}\n", "x.log": ""}))

    assert [setting.value for setting in settings_for(Source(folder, "x.log")).prefixes] == [value]


@pytest.mark.parametrize(
    "line", ["#log_line_prefix = 'a'", "log_line_prefix", "my.log_line_prefix = 'a'", "log_line_prefix = 'a"]
)
def test_what_is_no_setting(tmp_path: Path, line: str) -> None:
    folder = Folder(write(tmp_path, **{"postgresql.conf": line, "x.log": ""}))

    assert settings_for(Source(folder, "x.log")).prefixes == ()


def test_the_nearest_settings_come_first_and_those_that_are_read_last(tmp_path: Path) -> None:
    folder = write(
        tmp_path, **{
            "a__postgresql.conf": "log_line_prefix = 'a'", "b__postgresql.conf": "log_line_prefix = 'b'",
            "b__conf.d__x.conf": "log_line_prefix = 'd'", "b__postgresql.auto.conf": "log_line_prefix = 'auto'",
            "b__x.log": "",
        },
    )  # fmt: skip

    values = [setting.value for setting in settings_for(Source(Folder(folder), "b/x.log")).prefixes]
    assert values == ["auto", "d", "b", "a"]


def test_there_are_no_settings_beside_standard_input() -> None:
    assert settings_for(Source(Memory("-", b""), "")).prefixes == ()


def test_the_zone_is_a_hint_where_letters_mean_several(tmp_path: Path) -> None:
    write(tmp_path, **{"postgresql.conf": "log_timezone = 'Asia/Kolkata'\n"})
    (tmp_path / "db.log").write_text("2026-06-15 14:03:11.123 IST [7] LOG:  x\n" * 2)
    (batch,) = parse(tmp_path, "db.log")
    label = f"{tmp_path}/db.log"

    assert batch.warnings == (
        f"log_timezone is 'Asia/Kolkata' in postgresql.conf: IST is read so with --tz '{label}=Asia/Kolkata'",
    )
    assert (
        timeline.read(tmp_path, tz={"db.log": "Asia/Kolkata"})
        .events["timestamp"][0]
        .isoformat()
        .startswith("2026-06-15T08:33:11.123")
    )


@pytest.mark.parametrize(
    ("stamp", "zone"), [("EST", "Asia/Kolkata"), ("IST", "Europe/Berlin"), ("IST", "No/Where"), ("+03", "x")]
)
def test_no_hint_where_it_does_not_help(tmp_path: Path, stamp: str, zone: str) -> None:
    write(tmp_path, **{"postgresql.conf": f"log_timezone = '{zone}'\n"})
    (tmp_path / "db.log").write_text(f"2026-06-15 14:03:11.123 {stamp} [7] LOG:  x\n")
    (batch,) = parse(tmp_path, "db.log")

    assert batch.warnings == ()


def test_two_readings_are_an_error_that_names_them_and_the_option(
    evidence: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    candidates = ("%m %p %d|%u ", "%m %p %u|%d ")
    monkeypatch.setattr(postgresql, "infer_prefix", lambda head, _: infer_prefix(head, candidates))

    with pytest.raises(UnclearFormatError, match=r"could be '%m %p %d\|%u ' or '%m %p %u\|%d '") as caught:
        parse(evidence, "log/db.log")
    assert caught.value.help == "tell which: --set 'postgresql.log_line_prefix=%m %p %d|%u '"
    assert parse(evidence, "log/db.log", log_line_prefix="%m %p %u|%d ")[0].records["actor"].tolist() == ["shop"]

    (evidence / "postgresql.conf").write_text(CONF)
    assert parse(evidence, "log/db.log")[0].records["actor"].tolist() == ["app"]


def test_two_readings_of_a_part_of_the_lines_are_a_warning(evidence: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    candidates = ("%m %p %d|%u ", "%m %p %u|%d ")
    monkeypatch.setattr(postgresql, "infer_prefix", lambda head, _: infer_prefix(head, candidates))
    (evidence / "log" / "db.log").write_text(f"{LOG}stray\n")
    (batch,) = parse(evidence, "log/db.log")

    (warning,) = batch.warnings
    assert warning.startswith(
        "log_line_prefix could be '%m %p %d|%u ' (taken) or '%m %p %u|%d '; settle it with --set "
    )
