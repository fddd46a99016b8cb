"""nginx access logs in JSON with free keys."""

from __future__ import annotations

import pytest
from nginx_lines import SIMPLE, STAMP, WALL, sniff
from parsed import Reader
from timeline_parsers.nginx_access import parser

READER = Reader(parser, "access.log")
parse, frame, row = READER.parse, READER.frame, READER.row


JSON = (
    '{"msec":"1781524991.123","time":"2026-06-15T14:03:11+02:00","remote_addr":"203.0.113.9","remote_user":"",'
    '"request":"GET /checkout?id=1 HTTP/1.1","status":"502","body_bytes_sent":157,"request_time":0.250,'
    '"upstream_response_time":"","http_user_agent":"Agent \\"x\\"","tenant":"blue"}'
)


def test_json_with_free_keys() -> None:
    found = row(JSON)

    assert (found["wall"], found["zone"], found["severity"]) == (1_781_524_991_123_000, "UTC", "err")
    assert found["message"] == "GET /checkout?id=1 HTTP/1.1 502"
    assert (found["http.response.body.size"], found["nginx.request_time"]) == (157, 0.25)
    assert (found["user_agent.original"], found["nginx.tenant"]) == ('Agent "x"', "blue")
    assert "nginx.upstream_response_time" not in found
    assert sniff(JSON) == 1.0


@pytest.mark.parametrize(
    ("stamp", "wall", "zone"),
    [
        ('"2026-06-15T14:03:11+02:00"', WALL, "+0200"),
        ('"2026-06-15T14:03:11.25Z"', WALL + 250_000, "UTC"),
        ('"15/Jun/2026:14:03:11 +0200"', WALL, "+0200"),
        ('"1781532191.123"', WALL + 123_000, "UTC"),
        ("1781532191.123", WALL + 123_000, "UTC"),
        ("1781532191123", WALL + 123_000, "UTC"),
        ("1781532191", WALL, "UTC"),
    ],
)
def test_json_times(stamp: str, wall: int, zone: str) -> None:
    found = row(f'{{"@timestamp":{stamp},"method":"GET","uri":"/a","args":"b=1","status":200}}')

    assert (found["wall"], found["zone"]) == (wall, zone)
    assert (found["message"], found["url.query"]) == ("GET /a?b=1 200", "b=1")


def test_json_in_default_escaping_is_repaired() -> None:
    line = r'{"time":"2026-06-15T14:03:11+02:00","request":"GET /\x22na\xC3\xAFve HTTP/1.1","status":200,"urt": -}'

    assert row(line)["url.path"] == '/"naïve'
    assert sniff(line) == 1.0


def test_json_with_raw_bytes_that_are_not_utf8() -> None:
    line = b'{"time":"2026-06-15T14:03:11+02:00","request":"GET / HTTP/1.1","status":200,"http_user_agent":"a\xff\x7f"}'

    assert row(line)["user_agent.original"] == "a\ufffd\x7f"


def test_json_of_several_shapes_in_one_file() -> None:
    other = '{"ts":1781532192,"http":{"method":"GET","status_code":200},"url":"/x"}'

    records = frame(f"{JSON}\n{other}\n{SIMPLE}\n\n{JSON}\n")

    assert records["line"].tolist() == [1, 2, 3, 5]
    assert records["message"].tolist()[1:3] == ["GET /x 200", "GET /checkout?id=1 HTTP/1.1 502"]


def test_a_json_template_as_format() -> None:
    form = '{"t":"$time_iso8601","who":"$remote_addr","what":"$request","st":"$status"}'
    line = '{"t":"2026-06-15T14:03:11+02:00","who":"203.0.113.9","what":"GET / HTTP/1.1","st":"200"}'

    found = row(line, log_format=form)

    assert (found["wall"], found["actor"], found["message"]) == (WALL, "203.0.113.9", "GET / HTTP/1.1 200")


def test_json_lines_of_another_program_are_not_understood() -> None:
    (batch,) = parse(f'{JSON}\n{{"level":"info","msg":"hello"}}\n{{"broken\n')

    assert (len(batch.records), batch.unparsed) == (1, 2)


@pytest.mark.parametrize("other", ["", ',"x":{"y":1}'])
@pytest.mark.parametrize(
    ("stamp", "wall"),
    [
        ("1781532191.123", 1_781_532_191_123_000),
        # The nearest float would be a microsecond off.
        ("9007199254.740993", 9_007_199_254_740_993),
        ("1781532191", 1_781_532_191_000_000),
        ("1781532191042", 1_781_532_191_042_000),
    ],
)
def test_a_time_that_is_a_json_number_keeps_its_digits(stamp: str, wall: int, other: str) -> None:
    line = f'{{"msec":{stamp},"time_local":"{STAMP}","request":"GET / HTTP/1.1","status":200{other}}}'

    assert frame(f"{line}\n" * 2)["wall"].tolist() == [wall] * 2
