"""nginx lines inside Docker's json-file, CRI and syslog."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timeline_parsers.nginx_access import parser as access_parser
from timeline_parsers.nginx_error import parser as error_parser

from timeline.containers import Memory
from timeline.parser import Batch, Parser
from timeline.registry import choose, get_parser
from timeline.schema import concat, conform
from timeline.sources import Source
from timeline.testing import check_parser

NGINX = Path(__file__).parent.parent / "fixtures" / "nginx"

# 2026-06-15 14:03:11 read as if it were UTC
WALL = 1_781_532_191_000_000
ACCESS = '203.0.113.9 - - [15/Jun/2026:14:03:11 +0200] "GET /a HTTP/1.1" 502 157 "-" "curl/8.5.0"'
ERROR = "2026/06/15 14:03:11 [error] 24656#24656: *7 connect() failed, client: 203.0.113.9, server: shop"


def docker(text: str, stream: str = "stdout", end: str = "\n") -> str:
    return json.dumps(
        {"log": text + end, "stream": stream, "time": "2026-06-15T12:03:12.000000001Z"}, separators=(",", ":")
    )


def cri(text: str, stream: str = "stdout", tag: str = "F") -> str:
    return f"2026-06-15T14:03:12.123456789+02:00 {stream} {tag} {text}"


def syslog(text: str) -> str:
    return f"Jun 15 16:03:12 web-01 nginx: {text}"


def rfc3164(text: str) -> str:
    return f"<190>{syslog(text)}"


def without_host(text: str) -> str:
    return f"<190>Jun  5 16:03:12 nginx: {text}"


def rfc5424(text: str) -> str:
    return f'<190>1 2026-06-15T16:03:12.5Z web-01 nginx 12 - [a@1 b="c\\]"] {text}'


def iso_syslog(text: str) -> str:
    return f"2026-06-15T16:03:12.123456+02:00 web-01 nginx: {text}"


WRAPPERS = [docker, cri, syslog, rfc3164, without_host, rfc5424, iso_syslog]


class Pieces(Memory):
    """Bytes of which one read gives a few only."""

    def open(self, name: str) -> BinaryIO:
        return Slow(super().open(name).read())


class Slow(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        return super().read(60 if size is None or size < 0 else min(size, 60))


def parse(parser: Parser, lines: Sequence[str], block_size: int = 1 << 24) -> list[Batch]:
    raw = "".join(f"{line}\n" for line in lines).encode()
    batches = list(parser.parse(Source(Pieces("log", raw), "", block_size=block_size)))
    for batch in batches:
        assert isinstance(batch, Batch)
        assert batch.lines == len(batch.records) + batch.continuation + batch.blank + batch.unparsed
        conform(batch.records)
    assert sum(batch.lines for batch in batches) == len(lines)
    return batches  # type: ignore[return-value]


def read(parser: Parser, *lines: str) -> pd.DataFrame:
    batches = parse(parser, lines)
    assert sum(batch.unparsed for batch in batches) == 0
    return concat(batch.records for batch in batches)


@pytest.mark.parametrize("wrap", WRAPPERS)
def test_the_inner_stamp_of_an_access_line_wins(wrap: Callable[[str], str]) -> None:
    (found,) = read(access_parser, wrap(ACCESS)).to_dict("records")

    assert (found["wall"], found["zone"], found["message"]) == (WALL, "+0200", "GET /a HTTP/1.1 502")
    assert (found["client.address"], found["user_agent.original"]) == ("203.0.113.9", "curl/8.5.0")


@pytest.mark.parametrize("wrap", WRAPPERS)
def test_the_inner_stamp_of_an_error_line_wins(wrap: Callable[[str], str]) -> None:
    (found,) = read(error_parser, wrap(ERROR)).to_dict("records")

    assert (found["wall"], found["severity"], found["message"]) == (WALL, "err", "connect() failed")
    assert (found["process.pid"], found["thread.id"], found["nginx.server"]) == (24656, 24656, "shop")
    assert pd.isna(found["zone"])


@pytest.mark.parametrize("wrap", [syslog, rfc3164, rfc5424, iso_syslog])
def test_the_header_names_the_host(wrap: Callable[[str], str]) -> None:
    other = wrap(ACCESS).replace("web-01", "web-02")

    assert read(access_parser, wrap(ACCESS), other)["host"].tolist() == ["web-01", "web-02"]


@pytest.mark.parametrize("wrap", [docker, cri, without_host])
def test_no_host_is_made_up(wrap: Callable[[str], str]) -> None:
    assert "host" not in read(access_parser, wrap(ACCESS))


@pytest.mark.parametrize("wrap", WRAPPERS)
@pytest.mark.parametrize(("parser", "line"), [(access_parser, ACCESS), (error_parser, ERROR)])
def test_a_wrapped_log_is_recognised(wrap: Callable[[str], str], parser: Parser, line: str) -> None:
    source = Source(Memory("log", f"{wrap(line)}\n".encode() * 3), "")

    assert choose(source, [access_parser, error_parser])[0] is parser


@pytest.mark.parametrize("wrap", [docker, cri, rfc3164, without_host, rfc5424])
def test_the_journal_does_not_claim_what_it_cannot_have_written(wrap: Callable[[str], str]) -> None:
    source = Source(Memory("log", f"{wrap(ACCESS)}\n".encode() * 3), "")

    assert choose(source, [access_parser, error_parser, get_parser("journald")])[0] is access_parser


@pytest.mark.parametrize(
    ("tag", "other", "reader"),
    [("nginx", "", "nginx-error"), ("nginx[812]", "", "journald"), ("nginx", "cron[7]: done", "journald")],
)
def test_who_reads_all_programs_of_syslog_comes_first_unless_it_is_nginx_alone(
    tag: str, other: str, reader: str
) -> None:
    lines = [f"Jun 15 16:03:12 web-01 {tag}: {ERROR}\n"] * 3 + ([f"Jun 15 16:03:13 web-01 {other}\n"] if other else [])
    source = Source(Memory("log", "".join(lines).encode()), "")

    assert choose(source, [access_parser, error_parser, get_parser("journald")])[0].name == reader


def test_other_programs_in_a_syslog_file_continue_nothing() -> None:
    (batch,) = parse(error_parser, [syslog(ERROR), "Jun 15 16:03:13 web-01 CRON[5]: (root) CMD (true)", syslog(ERROR)])

    assert (len(batch.records), batch.unparsed, batch.continuation) == (2, 1, 0)


def test_only_the_escapes_of_control_bytes_are_undone() -> None:
    text = 'PHP message: "a#012#011b#177 c#040 #246 #0 12#3, client: 1.2.3.4, server: _'
    (found,) = read(error_parser, syslog(f"2026/06/15 14:03:11 [error] 24656#24656: *7 {text}")).to_dict("records")

    assert found["message"] == 'PHP message: "a\n\tb\x7f c#040 #246 #0 12#3'
    assert (found["process.pid"], found["client.address"]) == (24656, "1.2.3.4")


def test_further_lines_without_header_continue_a_syslog_record() -> None:
    found = read(error_parser, rfc3164(ERROR), rfc3164("2026/06/15 14:03:11 [error] 1#1: *7 a"), "connect() failed")

    assert found["message"].tolist() == ["connect() failed", "a\nconnect() failed"]


@pytest.mark.parametrize("wrap", [docker, cri])
def test_a_record_over_several_wrapped_lines_is_one_even_if_the_other_stream_comes_between(
    wrap: Callable[..., str],
) -> None:
    php = '2026/06/15 14:03:10 [error] 31#31: *4 FastCGI sent in stderr: "PHP message: a'
    found = read(
        access_parser,
        wrap(php, "stderr"),
        wrap(ACCESS),
        wrap("Stack trace:", "stderr"),
        wrap(ACCESS),
        wrap('#1 {main}" while reading, client: 1.2.3.4, server: shop', "stderr"),
    )

    assert found["line"].tolist() == [1, 2, 4]
    assert found["source"].tolist() == ["nginx-error", "nginx-access", "nginx-access"]
    assert found["message"].iloc[0].split("\n")[1:] == ["Stack trace:", '#1 {main}" while reading']
    assert found["client.address"].iloc[0] == "1.2.3.4"


@pytest.mark.parametrize(
    "pieces",
    [
        [docker(ACCESS[:40], end=""), docker(ERROR, "stderr"), docker(ACCESS[40:])],
        [cri(ACCESS[:40], tag="P"), cri(ERROR, "stderr"), cri(ACCESS[40:])],
    ],
)
def test_a_long_line_that_was_wrapped_in_pieces_is_put_together(pieces: list[str]) -> None:
    (batch,) = parse(access_parser, pieces)

    assert batch.records["message"].tolist() == ["GET /a HTTP/1.1 502", "connect() failed"]
    assert (batch.continuation, batch.records["line"].tolist()) == (1, [1, 2])


def test_json_access_lines_inside_docker() -> None:
    inner = '{"time":"2026-06-15T14:03:11+02:00","request":"GET /ä HTTP/1.1","status":200}'

    assert read(access_parser, docker(inner), docker(inner))["message"].tolist() == ["GET /ä HTTP/1.1 200"] * 2


def test_lines_of_the_container_before_nginx_starts_are_counted() -> None:
    (batch,) = parse(access_parser, [docker("/docker-entrypoint.sh: ready for start up"), docker(ACCESS), docker("")])

    assert (len(batch.records), batch.unparsed, batch.blank) == (1, 1, 1)


@pytest.mark.parametrize("wrap", [docker, cri, rfc3164])
@pytest.mark.parametrize(("parser", "name"), [(access_parser, "combined"), (error_parser, "error")])
def test_wrapped_logs_of_a_real_server_keep_the_contract(wrap: Callable[[str], str], parser: Parser, name: str) -> None:
    lines = (NGINX / f"{name}.log").read_bytes().decode("utf-8", "replace").split("\n")[:25]

    check_parser(parser, "".join(f"{wrap(line)}\n" for line in lines if line).encode(), rounds=2)


TEXTS = st.sampled_from([ACCESS, ERROR, "Stack trace:", "", " more", "nginx: [emerg] c", '{"a":1}', "#012", "é\0"])
LINES = st.one_of(
    st.builds(docker, TEXTS, st.sampled_from(["stdout", "stderr"]), st.sampled_from(["\n", "", "\r\n"])),
    st.builds(cri, TEXTS, st.sampled_from(["stdout", "stderr"]), st.sampled_from(["F", "P"])),
    st.builds(syslog, TEXTS),
    TEXTS,
)


@pytest.mark.parametrize("parser", [access_parser, error_parser], ids=lambda parser: parser.name)
@given(wrap=st.sampled_from([docker, cri, syslog]), lines=st.data(), size=st.integers(1, 600))
@settings(deadline=None, max_examples=60)
def test_the_size_of_blocks_changes_nothing(
    parser: Parser, wrap: Callable[[str], str], lines: st.DataObject, size: int
) -> None:
    kinds: dict[Callable[..., str], st.SearchStrategy[str]] = {
        docker: st.builds(docker, TEXTS, st.sampled_from(["stdout", "stderr"]), st.sampled_from(["\n", "\n", ""])),
        cri: st.builds(cri, TEXTS, st.sampled_from(["stdout", "stderr"]), st.sampled_from(["F", "F", "P"])),
        syslog: st.one_of(st.builds(syslog, TEXTS), TEXTS.filter(bool)),
    }
    drawn = [wrap(ACCESS)] * 3 + lines.draw(st.lists(kinds[wrap], max_size=12))

    whole, small = (parse(parser, drawn, block_size) for block_size in (1 << 24, size))

    sums = [
        [sum(getattr(b, name) for b in batches) for name in ("continuation", "blank", "unparsed")]
        for batches in (whole, small)
    ]
    assert sums[0] == sums[1]
    left, right = (concat(b.records for b in batches).sort_values("line", kind="stable") for batches in (whole, small))
    for name in ("wall", "line", "message"):
        assert left[name].astype(object).tolist() == right[name].astype(object).tolist()


@given(lines=st.lists(LINES, max_size=12))
@settings(deadline=None, max_examples=60)
def test_wrappers_of_all_kinds_in_one_file_are_counted(lines: list[str]) -> None:
    for parser in (access_parser, error_parser):
        parse(parser, lines)
        raw = "".join(f"{line}\n" for line in lines).encode()
        assert 0 <= parser.sniff(raw) <= 1
