"""nginx access logs: formats that are told, files with more than access lines, and what is none."""

from __future__ import annotations

import pytest
from nginx_lines import SIMPLE, STAMP, WALL
from parsed import Reader
from timeline_parsers.nginx_access import parser
from timeline_parsers.nginx_error import parser as error_parser

from timeline.errors import UsageError

READER = Reader(parser, "access.log")
parse, frame, row = READER.parse, READER.frame, READER.row


def test_a_given_format_with_milliseconds_wins_over_the_second() -> None:
    form = "[$time_local] $msec $request_id $remote_addr $upstream_addr '$request' $status $http_x_tenant"
    line = f"[{STAMP}] 1781524991.123 abc 203.0.113.9 [2a02:cf40::]:9200 'GET / HTTP/1.1' 200 -"

    found = row(line, log_format=form)

    assert (found["wall"], found["zone"]) == (1_781_524_991_123_000, "UTC")
    assert found["nginx.request_id"] == "abc"
    assert found["nginx.upstream_addr"] == "[2a02:cf40::]:9200"
    assert found["message"] == "GET / HTTP/1.1 200"
    assert "http.request.header.x-tenant" not in found


def test_a_format_in_iso_time_and_request_parts() -> None:
    form = '$time_iso8601 $request_method $scheme://$host$request_uri $server_protocol $status "$http_cookie"'
    line = '2026-06-15T14:03:11+02:00 GET https://shop.example/a?b=1 HTTP/2.0 404 "x=1"'

    found = row(line, log_format=form)

    assert (found["wall"], found["zone"], found["severity"]) == (WALL, "+0200", "notice")
    assert found["message"] == "GET /a?b=1 HTTP/2.0 404"
    assert (found["url.path"], found["url.query"], found["server.address"]) == ("/a", "b=1", "shop.example")
    assert found["http.request.header.cookie"] == "x=1"


def test_a_format_without_request_shows_its_line() -> None:
    line = f"[203.0.113.9] [{STAMP}] TCP 200 512 128 0.010"

    found = row(
        line, log_format="[$remote_addr] [$time_local] $protocol $status $bytes_sent $bytes_received $session_time"
    )

    assert found["message"] == line
    assert (found["actor"], found["http.response.size"], found["nginx.session_time"]) == ("203.0.113.9", 512, 0.01)


def test_escape_none_writes_quotes_as_they_are() -> None:
    line = f'203.0.113.9 -  [{STAMP}] "GET /"x" HTTP/1.1" 200 5 "" "say "hi" \\x41"'

    found = row(line, log_format="combined", escape="none")

    assert found["message"] == 'GET /"x" HTTP/1.1 200'
    assert found["user_agent.original"] == 'say "hi" \\x41'


def test_a_wrong_option_names_the_right_ones() -> None:
    with pytest.raises(UsageError, match="log_formt") as error:
        parse(SIMPLE, log_formt="combined")

    assert "log_format" in error.value.help


ERROR = '2026/06/15 14:03:11 [error] 29#29: *7 FastCGI sent in stderr: "PHP message: oh'


def test_error_lines_among_access_lines_become_error_records() -> None:
    text = f"{SIMPLE}\n{ERROR}\n\nStack trace:\n{SIMPLE}\nno idea\n"

    (batch,) = parse(text)

    assert batch.records["source"].tolist() == ["nginx-access", "nginx-error", "nginx-access"]
    assert batch.records["line"].tolist() == [1, 2, 5]
    assert batch.records["message"].tolist()[1].endswith("oh\n\nStack trace:")
    assert (batch.continuation, batch.blank, batch.unparsed) == (2, 0, 1)
    assert batch.records["zone"].isna().tolist() == [False, True, False]


def test_a_mixed_file_is_an_access_log() -> None:
    head = f"{ERROR}\n{ERROR}\n{SIMPLE}\n".encode()

    assert parser.sniff(head) == 1.0
    assert 0 < error_parser.sniff(head) < 1


@pytest.mark.parametrize(
    "text",
    [
        "2026-06-15 14:03:11.123 CEST [123] shop@shop LOG:  statement: GET / HTTP/1.1",
        '{"timestamp":"2026-06-15 14:03:11.123 UTC","pid":1,"error_severity":"LOG","message":"x"}',
        '{"__REALTIME_TIMESTAMP":"1781532191000000","MESSAGE":"GET / HTTP/1.1 200","PRIORITY":"6"}',
        '{"type":"message","user":"U1","ts":"1781532191.000100","text":"status 200"}',
        '{"level":"info","time":"2026-06-15T14:03:11Z","status":"ok","method":"GET"}',
        f"Jun 15 14:03:11 web-01 nginx[29]: {SIMPLE}",
        f"MESSAGE={SIMPLE}",
        "2009/11/10 23:00:00 server started",
        "", "\n\n", "\0\1\2", "{", "[]",
    ],
)  # fmt: skip
def test_other_formats_are_left_alone(text: str) -> None:
    assert parser.sniff(text.encode()) == 0
    assert error_parser.sniff(text.encode()) == 0


def test_the_cut_last_line_of_a_head_does_not_count() -> None:
    whole = (SIMPLE + "\n").encode() * 1000

    assert parser.sniff(whole[: 1 << 16]) == 1.0
