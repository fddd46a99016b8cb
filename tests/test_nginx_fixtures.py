"""Logs of a real nginx: one server wrote the same requests in every format at once."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from timeline_parsers.nginx_access import parser as access_parser
from timeline_parsers.nginx_error import parser as error_parser

from timeline.schema import concat
from timeline.sources import Source, discover

FIXTURES = Path(__file__).parent.parent / "fixtures"
NGINX = FIXTURES / "nginx"
INCIDENT = FIXTURES / "checkout-outage" / "nginx"
ACCESS = ["combined", "main", "vhost", "timed", "xff", "json"]
SAME = ["message", "severity", "http.request.method", "url.path", "url.query", "http.response.status_code",
        "http.response.body.size", "user_agent.original", "http.request.header.referer"]  # fmt: skip


def open_source(path: Path) -> Source:
    (source,) = discover(path)
    assert isinstance(source, Source)
    return source


def access(path: Path, **options: str) -> pd.DataFrame:
    source = open_source(path)
    source.options = options
    batches = list(access_parser.parse(source))
    assert sum(batch.unparsed + batch.continuation + batch.blank for batch in batches) == 0
    return concat(batch.records for batch in batches)


def errors(path: Path) -> pd.DataFrame:
    batches = list(error_parser.parse(open_source(path)))
    assert sum(batch.unparsed for batch in batches) == 0
    return concat(batch.records for batch in batches)


def plain(column: pd.Series) -> list[object]:
    return [None if pd.isna(value) else value for value in column]


@pytest.fixture(scope="module")
def truth() -> list[tuple[int, int]]:
    """Microseconds and status of each request, read from `$msec` with no help of the parser."""
    text = (NGINX / "msec.log").read_text()
    found = re.findall(r"^(\d+)\.(\d{3}) \d+ \d+ (\d{3}) ", text, re.MULTILINE)
    assert len(found) == text.count("\n")
    return [(int(second + milli) * 1000, int(status)) for second, milli, status in found]


@pytest.mark.parametrize("name", ACCESS)
def test_times_and_statuses_agree_with_the_milliseconds_beside_them(name: str, truth: list[tuple[int, int]]) -> None:
    records = access(NGINX / f"{name}.log")

    shift = records["zone"].astype(str).map({"UTC": 0, "+0100": 3_600_000_000})
    unit = 1_000 if name == "json" else 1_000_000
    assert (records["wall"] - shift).tolist() == [micro // unit * unit for micro, _ in truth]
    assert records["http.response.status_code"].tolist() == [status for _, status in truth]


@pytest.mark.parametrize("name", ACCESS[1:])
def test_every_format_tells_the_same_story(name: str) -> None:
    combined, other = access(NGINX / "combined.log"), access(NGINX / f"{name}.log")

    for column in SAME:
        assert plain(other[column]) == plain(combined[column]), column


def test_the_millisecond_file_by_its_format(truth: list[tuple[int, int]]) -> None:
    form = "$msec $connection $connection_requests $status $request_time"

    records = access(NGINX / "msec.log", log_format=form)

    assert list(zip(records["wall"], records["http.response.status_code"], strict=True)) == truth
    assert records["zone"].eq("UTC").all()


def test_what_clients_sent_on_purpose_is_read_as_they_sent_it() -> None:
    records = access(NGINX / "combined.log")
    users, agents = set(records["user.name"].dropna()), set(records["user_agent.original"].dropna())

    assert users == {"bob", "mallory", 'john doe [admin] "x"', "jörg müller"}
    assert 'na\u00efve "quoted" \\back\\ \u2028 agent' in agents
    assert '[25/Nov/2026:03:00:00 +0100] "GET /fake HTTP/1.1" 200' in agents
    assert 'x" 200 5 "y' in set(records["http.request.header.referer"].dropna())
    assert {"::1", "unix:"} <= set(records["client.address"])
    assert {'"" 408', "SSH-2.0-Go 400", "MGLNDD_198.51.100.23_80 400"} & set(records["message"])


def test_upstreams_of_a_retried_request() -> None:
    retried = access(NGINX / "json.log").query("`url.path` == '/mixed'")

    assert any(", " in addresses for addresses in retried["nginx.upstream_addr"])


def test_exactly_one_parser_takes_each_file() -> None:
    scores = {
        path.name: (access_parser.sniff(head), error_parser.sniff(head))
        for path in [*NGINX.glob("*.log"), *INCIDENT.glob("*.log*")]
        if path.name != "msec.log"
        for head in [open_source(path).head]
    }

    assert scores
    assert all(score == ((0, 1) if name == "error.log" else (1, 0)) for name, score in scores.items()), scores


@pytest.mark.parametrize(
    "folder", ["journald", "postgresql", "slack", "checkout-outage/journal", "checkout-outage/postgresql"]
)
def test_files_of_other_programs_are_left_alone(folder: str) -> None:
    sources = [source for source in discover(FIXTURES / folder) if isinstance(source, Source)]

    assert sources
    taken = [source.label for source in sources if access_parser.sniff(source.head) or error_parser.sniff(source.head)]
    assert taken == []


def test_the_error_log() -> None:
    records = errors(NGINX / "error.log")
    kinds = set(records["kind"].dropna())

    assert {"server-start", "upstream-timeout", "upstream-refused", "process-crashed", "config-reload", "config-invalid",
            "rate-limited", "server-stop"} <= kinds  # fmt: skip
    assert set(records["severity"].dropna()) >= {"emerg", "alert", "crit", "err", "warning", "notice", "info"}
    php = records[records["message"].str.startswith("FastCGI sent in stderr")].iloc[0]
    assert php["message"].count("\n") == 5
    assert (php["client.address"], php["nginx.upstream"]) == ("198.51.100.23", "fastcgi://127.0.0.1:9000")
    assert set(records["client.address"].dropna()) == {"198.51.100.23", "::1", "unix:"}


def test_the_logs_of_the_incident() -> None:
    both = concat(access(path) for path in sorted(INCIDENT.glob("access.log*")))
    log = errors(INCIDENT / "error.log")

    assert both["http.response.status_code"].ge(500).any()
    assert log["wall"].notna().all()
    assert log["zone"].isna().all()
    assert log.loc[log["severity"] == "err", "client.address"].notna().all()
