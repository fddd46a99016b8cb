"""nginx access logs: what each kind of line means."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from nginx_lines import AGENT, SIMPLE, STAMP, WALL, sniff
from parsed import Reader
from timeline_parsers.nginx_access import parser

READER = Reader(parser, "access.log")
parse, frame, row = READER.parse, READER.frame, READER.row


def with_request(request: str, status: str = "400") -> dict[str, Any]:
    return row(f'203.0.113.9 - - [{STAMP}] "{request}" {status} 0 "-" "-"')


def test_combined() -> None:
    assert row(SIMPLE) == {
        "wall": WALL,
        "zone": "+0200",
        "service": "nginx",
        "severity": "err",
        "actor": "203.0.113.9",
        "message": "GET /checkout?id=1 HTTP/1.1 502",
        "line": 1,
        "http.request.method": "GET",
        "url.path": "/checkout",
        "url.query": "id=1",
        "http.response.status_code": 502,
        "http.response.body.size": 157,
        "network.protocol.version": "1.1",
        "client.address": "203.0.113.9",
        "http.request.header.referer": "https://shop.example/",
        "user_agent.original": AGENT,
    }


def test_repeated_strings_are_categories_and_numbers_are_nullable() -> None:
    dtypes = frame(SIMPLE + "\n").dtypes.astype(str)

    assert dtypes[["user_agent.original", "http.request.header.referer", "http.request.method"]].eq("category").all()
    assert dtypes["http.response.status_code"] == dtypes["http.response.body.size"] == "Int64"
    assert dtypes["url.path"] == dtypes["message"] == "str"


@pytest.mark.parametrize(
    ("front", "end", "attributes"),
    [
        ("", ' "198.51.100.7, 10.0.0.1"', {"http.request.header.x-forwarded-for": "198.51.100.7, 10.0.0.1"}),
        ("shop.example ", "", {"server.address": "shop.example"}),
        ("shop.example:443 ", "", {"server.address": "shop.example", "server.port": 443}),
        ("[2001:db8::1]:443 ", "", {"server.address": "[2001:db8::1]", "server.port": 443}),
        ("shop.example: ", "", {"server.address": "shop.example"}),
        ('"10.5.1.2, 199.9.1.1" ', "", {"http.request.header.x-forwarded-for": "10.5.1.2, 199.9.1.1"}),
        ("2001:db8::1, 10.2.1.1 ", "", {"http.request.header.x-forwarded-for": "2001:db8::1, 10.2.1.1"}),
        (
            "",
            ' rt=0.250 uct="0.001" uht="0.100, 0.050" urt="0.200, 0.050"',
            {
                "nginx.request_time": 0.25,
                "nginx.request_start": pd.Timestamp("2026-06-15T12:03:10.750Z"),
                "nginx.upstream_connect_time": "0.001",
                "nginx.upstream_header_time": "0.100, 0.050",
                "nginx.upstream_response_time": "0.200, 0.050",
            },
        ),
        (
            "",
            " 345 0.113 [shop-api-80] [] 10.0.0.2:80, 10.0.0.3:80 0, 33 0.050, 0.060 502, 200 0f5a3c9e1b2d4f60",
            {
                "http.request.size": 345,
                "nginx.request_time": 0.113,
                "nginx.request_start": pd.Timestamp("2026-06-15T12:03:10.887Z"),
                "nginx.proxy_upstream_name": "shop-api-80",
                "nginx.upstream_addr": "10.0.0.2:80, 10.0.0.3:80",
                "nginx.upstream_response_length": "0, 33",
                "nginx.upstream_response_time": "0.050, 0.060",
                "nginx.upstream_status": "502, 200",
                "nginx.request_id": "0f5a3c9e1b2d4f60",
            },
        ),
        ("", " ", {}),
        ("", ' 12 "abc" x', {"nginx.extra": '12 "abc" x'}),
    ],
)
def test_relatives_of_combined(front: str, end: str, attributes: dict[str, object]) -> None:
    line = front + SIMPLE + end

    assert row(line) == row(SIMPLE) | attributes
    assert sniff(line) == 1.0


def test_fronts_and_ends_combine() -> None:
    found = row(f'shop.example:443 {SIMPLE} rt=0.250 uct="-" uht="-" urt="0.200"')

    assert (found["server.address"], found["server.port"], found["nginx.request_time"]) == ("shop.example", 443, 0.25)
    assert "nginx.upstream_connect_time" not in found


@pytest.mark.parametrize(
    ("line", "wall"),
    [
        (f'<web> 7 [{STAMP}] shop "GET /checkout?id=1 HTTP/1.1" 502 more', WALL),
        ("2026-06-15T14:03:11+02:00|GET /checkout?id=1 HTTP/1.1 502", WALL),
        # 2026-06-15 12:03:11.042 UTC
        ('shop 1781524991.042 0.1 "GET /checkout?id=1 HTTP/1.1" 502', 1_781_524_991_042_000),
    ],
)
def test_a_format_that_nobody_knows_still_gives_time_request_and_status(line: str, wall: int) -> None:
    found = row(line)

    assert (found["wall"], found["message"]) == (wall, "GET /checkout?id=1 HTTP/1.1 502")
    assert 0 < sniff(line) < 0.5


def test_a_forwarded_list_in_the_place_of_the_client() -> None:
    line = SIMPLE.replace("203.0.113.9", "10.0.0.2, 10.0.0.1, 127.0.0.1", 1)

    assert row(line)["client.address"] == row(line)["actor"] == "10.0.0.2"
    assert row(line)["http.request.header.x-forwarded-for"] == "10.0.0.2, 10.0.0.1, 127.0.0.1"


def test_proxy_manager() -> None:
    line = (
        f'[{STAMP}] - 502 502 - GET https shop.example "/checkout?id=1" [Client 203.0.113.9] [Length 157] [Gzip -] '
        '[Sent-to 10.0.0.5] "Agent" "-"'
    )

    found = row(line)

    assert found["message"] == "GET /checkout?id=1 502"
    assert (found["server.address"], found["client.address"]) == ("shop.example", "203.0.113.9")
    assert (found["nginx.upstream_status"], found["http.response.status_code"]) == ("502", 502)
    assert sniff(line) == 1.0


@pytest.mark.parametrize(
    ("took", "began"),
    [
        ("0.250", "2026-06-15T12:03:10.750000Z"),
        ("62", "2026-06-15T12:02:09.000000Z"),
        ("0.000", "2026-06-15T12:03:11.000000Z"),
        ("-", None),
        ("99999999999999999999", None),
    ],
)
def test_a_request_began_before_its_line_was_written(took: str, began: str | None) -> None:
    begins = frame(f'{SIMPLE} rt={took} uct="-" uht="-" urt="-"\n' * 2)["nginx.request_start"]

    expected = pd.NaT if began is None else pd.Timestamp(began)
    assert begins.dtype == "datetime64[us, UTC]"
    assert all(value is expected or value == expected for value in begins)


def test_the_begin_of_a_request_in_an_odd_zone_and_beside_lines_without_it() -> None:
    timed = f'{SIMPLE} rt=1.001 uct="-" uht="-" urt="-"'.replace("+0200", "-0330")

    begins = frame(f"{SIMPLE}\n{timed}\n")["nginx.request_start"].tolist()

    assert begins[0] is pd.NaT
    assert begins[1] == pd.Timestamp("2026-06-15T17:33:09.999Z")


def test_in_a_file_of_two_formats_each_line_keeps_its_fields() -> None:
    records = frame(f'{SIMPLE}\n{SIMPLE} "198.51.100.7"\n{SIMPLE} 12\n')

    assert records["user_agent.original"].tolist() == [AGENT] * 3
    assert records["http.request.header.x-forwarded-for"].fillna("").tolist() == ["", "198.51.100.7", ""]
    assert records["nginx.extra"].fillna("").tolist() == ["", "", "12"]


def test_streams_of_ingress_nginx() -> None:
    line = f"[203.0.113.9] [{STAMP}] TCP 502 12 34 0.500"

    found = row(line)

    assert (found["wall"], found["severity"], found["message"]) == (WALL, "err", line)
    assert (found["client.address"], found["network.transport"]) == ("203.0.113.9", "TCP")
    assert (found["nginx.bytes_received"], found["nginx.session_time"]) == (34, 0.5)
    assert sniff(line) == 1


def test_each_line_without_request_shows_itself_whatever_stands_around_it() -> None:
    line = f"[203.0.113.9] [{STAMP}] TCP 502 12 34 0.500"

    assert frame(f"{SIMPLE}\n{line}\n")["message"].tolist() == ["GET /checkout?id=1 HTTP/1.1 502", line]


def test_an_error_record_of_nginx_plus_among_access_lines() -> None:
    plus = '{"level":"warn","timestamp":"2026-06-15T14:03:11.042+02:00","pid":1,"tid":1,"msg":"a","request":"GET / HTTP/1.1"}'

    records = frame(f"{SIMPLE}\n{plus}\n{SIMPLE}\n")

    assert records["source"].tolist() == ["nginx-access", "nginx-error", "nginx-access"]
    assert records["severity"].tolist() == ["err", "warning", "err"]
    assert records["wall"].tolist() == [WALL, WALL + 42_000, WALL]


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("alice", "alice"),
        (r"john doe [admin] \x22x\x22", 'john doe [admin] "x"'),
        (r"j\xC3\xB6rg m\xC3\xBCller", "jörg müller"),
        ("a] [b: c", "a] [b: c"),
    ],
)
def test_remote_user_is_the_clients_own_text(user: str, expected: str) -> None:
    found = row(SIMPLE.replace(" - - [", f" - {user} [", 1))

    assert found["user.name"] == found["actor"] == expected
    assert found["url.path"] == "/checkout"


@pytest.mark.parametrize("gap", [" -  [", " - ["])
def test_an_empty_user_is_none(gap: str) -> None:
    found = row(SIMPLE.replace(" - - [", gap, 1))

    assert "user.name" not in found
    assert found["actor"] == "203.0.113.9"


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ("", '"" 400'),
        ("-", "- 400"),
        ("GET /", "GET / 400"),
        ("GET / HT", "GET / HT 400"),
        (r"\x16\x03\x01\x02", "\x16\x03\x01\x02 400"),
        (r"\x03\x00\x00\x13\x0E\xE0", "\x03\0\0\x13\x0e\ufffd 400"),
        ("SSH-2.0-Go", "SSH-2.0-Go 400"),
        ("MGLNDD_1.2.3.4_80", "MGLNDD_1.2.3.4_80 400"),
        ("get / HTTP/1.1", "get / HTTP/1.1 400"),
        ("GET /a b c HTTP/1.1", "GET /a b c HTTP/1.1 400"),
        (r"GET /\x22\x5Cx41 HTTP/1.1 x", 'GET /"\\x41 HTTP/1.1 x 400'),
    ],
)
def test_odd_requests_keep_their_text_and_have_no_parts(request_: str, message: str) -> None:
    found = with_request(request_)

    assert found["message"] == message
    assert not found.keys() & {"http.request.method", "url.path", "url.query", "network.protocol.version"}


@pytest.mark.parametrize(
    ("request_", "method", "path", "query", "version"),
    [
        ("GET http://other.example/x?a=b HTTP/1.1", "GET", "/x", "a=b", "1.1"),
        ("OPTIONS * HTTP/1.1", "OPTIONS", "*", None, "1.1"),
        ("CONNECT example.com:443 HTTP/1.1", "CONNECT", None, None, "1.1"),
        ("GET /? HTTP/2.0", "GET", "/", "", "2.0"),
        ("POST /a?b?c HTTP/3.0", "POST", "/a", "b?c", "3.0"),
        (r"GET /na\xC3\xAFve HTTP/1.0", "GET", "/naïve", None, "1.0"),
    ],
)
def test_parts_of_a_request(request_: str, method: str, path: str | None, query: str | None, version: str) -> None:
    found = with_request(request_, "200")

    assert found["http.request.method"] == method
    assert (found.get("url.path"), found.get("url.query")) == (path, query)
    assert found["network.protocol.version"] == version


@pytest.mark.parametrize(
    ("status", "severity"),
    [("000", "info"), ("009", "info"), ("200", "info"), ("304", "info"), ("404", "notice"), ("444", "notice"),
     ("499", "notice"), ("500", "err"), ("504", "err")],
)  # fmt: skip
def test_severity_by_status(status: str, severity: str) -> None:
    found = with_request("GET / HTTP/1.1", status)

    assert found["severity"] == severity
    assert found["http.response.status_code"] == int(status)
    assert found["message"].endswith(f" {status}")


def test_apache_writes_a_dash_for_no_bytes_and_backslash_quotes() -> None:
    line = rf'10.0.0.9 - - [{STAMP}] "GET /?q=\"a\" HTTP/1.1" 304 - "-" "Agent \"x\" 1"'

    found = row(line)

    assert (found["url.query"], found["user_agent.original"]) == ('q="a"', 'Agent "x" 1')
    assert "http.response.body.size" not in found


def test_bare_quotes_inside_quotes_are_matched_from_both_ends() -> None:
    found = row(f'10.0.0.9 - - [{STAMP}] "GET /?q="a" HTTP/1.1" 200 5 "-" "Agent "x" 1"')

    assert found["message"] == 'GET /?q="a" HTTP/1.1 200'
    assert found["user_agent.original"] == 'Agent "x" 1'


def test_a_user_agent_that_looks_like_a_record_is_a_user_agent() -> None:
    agent = r"[25/Nov/2026:03:00:00 +0100] \x22GET /fake HTTP/1.1\x22 200"

    found = row(SIMPLE.replace(AGENT, agent))

    assert found["wall"] == WALL
    assert found["user_agent.original"] == '[25/Nov/2026:03:00:00 +0100] "GET /fake HTTP/1.1" 200'


def test_clients_over_ipv6_and_unix_sockets() -> None:
    text = "\n".join(SIMPLE.replace("203.0.113.9", client, 1) for client in ("::1", "2a02:cf40::", "unix:")) + "\n"

    assert frame(text)["client.address"].tolist() == ["::1", "2a02:cf40::", "unix:"]


def test_zones_are_read_line_by_line_and_change_at_dst() -> None:
    zones = ["+0200", "+0100", "-0330", "+0545", "+0330"]
    text = "".join(SIMPLE.replace("+0200", zone, 1) + "\n" for zone in zones)

    records = frame(text)

    assert records["zone"].tolist() == zones
    assert records["wall"].eq(WALL).all()


def test_a_date_that_does_not_exist_is_not_understood() -> None:
    (batch,) = parse(SIMPLE.replace("15/Jun", "31/Jun") + "\n" + SIMPLE + "\n")

    assert batch.unparsed == 1
    assert batch.unparsed_examples[0][0] == 1
    assert batch.records["line"].tolist() == [2]


# log_format


# mixed with the error log, as on the standard output of a container
