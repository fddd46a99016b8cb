"""nginx error logs: what each kind of line means."""

from __future__ import annotations

import pytest
from parsed import Reader
from timeline_parsers.nginx_access import parser as access_parser
from timeline_parsers.nginx_error import parser

from timeline.testing import check_parser

# 2026-06-15 14:03:11 read as if it were UTC
WALL = 1_781_532_191_000_000
HEAD = "2026/06/15 14:03:11 [error] 29#31: *7 "
CONTEXT = (
    ', client: 203.0.113.9, server: shop.example, request: "GET /checkout?id=1 HTTP/1.1", '
    'upstream: "http://127.0.0.1:8080/checkout?id=1", host: "shop.example:8443", referrer: "https://shop.example/"'
)


READER = Reader(parser, "error.log")
parse, row = READER.parse, READER.row


def sniff(text: str) -> float:
    return float(parser.sniff(text.encode()))


def test_every_part_of_a_record() -> None:
    line = HEAD + "upstream timed out (110: Connection timed out) while reading response header from upstream" + CONTEXT

    assert row(line) == {
        "wall": WALL,
        "service": "nginx",
        "severity": "err",
        "actor": "203.0.113.9",
        "message": "upstream timed out (110: Connection timed out) while reading response header from upstream",
        "kind": "upstream-timeout",
        "line": 1,
        "client.address": "203.0.113.9",
        "nginx.server": "shop.example",
        "nginx.request": "GET /checkout?id=1 HTTP/1.1",
        "nginx.upstream": "http://127.0.0.1:8080/checkout?id=1",
        "http.request.header.host": "shop.example:8443",
        "nginx.referrer": "https://shop.example/",
        "http.request.method": "GET",
        "url.path": "/checkout",
        "url.query": "id=1",
        "nginx.errno": 110,
        "process.pid": 29,
        "thread.id": 31,
        "nginx.connection": 7,
    }


def test_local_time_has_no_zone() -> None:
    assert "zone" not in row(HEAD + "x")


@pytest.mark.parametrize(
    ("level", "severity"),
    [("emerg", "emerg"), ("alert", "alert"), ("crit", "crit"), ("error", "err"), ("warn", "warning"),
     ("notice", "notice"), ("info", "info"), ("debug", "debug")],
)  # fmt: skip
def test_levels(level: str, severity: str) -> None:
    assert row(f"2026/06/15 14:03:11 [{level}] 29#29: text")["severity"] == severity


def test_a_line_outside_a_connection() -> None:
    found = row("2026/06/15 14:03:11 [notice] 365#0: signal 17 (SIGCHLD) received from 8")

    assert (found["process.pid"], found["thread.id"]) == (365, 0)
    assert not found.keys() & {"nginx.connection", "client.address", "actor"}


@pytest.mark.parametrize(
    ("context", "attributes"),
    [
        (", client: ::1, server: ,", None),
        (", client: ::1, server: ", {"client.address": "::1"}),
        (", client: unix:, server: _", {"client.address": "unix:", "nginx.server": "_"}),
        (", client: 203.0.113.9, server: 0.0.0.0:443", {"client.address": "203.0.113.9", "nginx.server": "0.0.0.0:443"}),
        (
            ', udp client: ::1, server: 0.0.0.0:53, upstream: "[::2]:53", bytes from/to client:5/0, bytes from/to upstream:0/5',
            {
                "client.address": "::1", "nginx.server": "0.0.0.0:53", "nginx.upstream": "[::2]:53",
                "nginx.client_bytes": "5/0", "nginx.upstream_bytes": "0/5",
            },
        ),
        (
            ', client: 203.0.113.9 using starttls, server: 0.0.0.0:25, login: "ann@example.com", upstream: 10.0.0.2:25',
            {
                "client.address": "203.0.113.9", "nginx.server": "0.0.0.0:25", "nginx.login": "ann@example.com",
                "nginx.upstream": "10.0.0.2:25",
            },
        ),
        (
            ', client: ::1, server: a, request: "GET /", subrequest: "/auth", upstream: "fastcgi://[::1]:9000", host: "a"',
            {
                "client.address": "::1", "nginx.server": "a", "nginx.request": "GET /",
                "nginx.subrequest": "/auth", "nginx.upstream": "fastcgi://[::1]:9000",
                "http.request.header.host": "a",
            },
        ),
        (
            ', client: 203.0.113.9, server: a, request: "GET http://b/c", host: "b"',
            {
                "client.address": "203.0.113.9", "nginx.server": "a", "nginx.request": "GET http://b/c",
                "http.request.header.host": "b",
            },
        ),
    ],
)  # fmt: skip
def test_contexts_of_http_stream_and_mail(context: str, attributes: dict[str, object] | None) -> None:
    found = row(HEAD + "message" + context)

    assert found["message"] == "message"
    names = ("client.address", "http.request.header.host")
    kept = {key: value for key, value in found.items() if key in names or key.startswith("nginx.")}
    del kept["nginx.connection"]
    if attributes is not None:
        assert kept == attributes


def test_fastcgi_text_over_many_lines_is_one_record() -> None:
    text = (
        HEAD + 'FastCGI sent in stderr: "PHP message: PHP Fatal error: no stock, client: none in /srv/cart.php:40\n'
        "Stack trace:\n\n#0 {main}\n"
        '  thrown in /srv/cart.php on line 40" while reading response header from upstream' + CONTEXT + "\n\n" + HEAD
        + "next\n"
    )  # fmt: skip

    (batch,) = parse(text)

    first = batch.records.iloc[0]
    assert batch.records["line"].tolist() == [1, 7]
    assert (batch.continuation, batch.blank, batch.unparsed) == (4, 1, 0)
    assert first["message"].startswith('FastCGI sent in stderr: "PHP message')
    assert first["message"].endswith('\nStack trace:\n\n#0 {main}\n  thrown in /srv/cart.php on line 40" while reading '
                                     "response header from upstream")  # fmt: skip
    assert first["client.address"] == "203.0.113.9"
    assert sniff(text) == 1.0


@pytest.mark.parametrize(
    ("line", "severity", "kind", "message"),
    [
        ("nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)", "emerg", "bind-failed",
         "bind() to 0.0.0.0:80 failed (98: Address already in use)"),
        ("nginx: configuration file /etc/nginx/nginx.conf test failed", None, "config-invalid",
         "configuration file /etc/nginx/nginx.conf test failed"),
    ],
)  # fmt: skip
def test_lines_without_stamp_are_records_without_time(line: str, severity: str, kind: str, message: str) -> None:
    found = row(line)

    assert "wall" not in found
    assert (found.get("severity"), found["kind"], found["message"]) == (severity, kind, message)


def test_a_forged_client_inside_the_request_is_part_of_the_request() -> None:
    request = 'GET /x", client: 6.6.6.6, server: evil, request: "GET /y HTTP/1.1'
    line = HEAD + f'oops, client: 203.0.113.9, server: a, request: "{request}", host: "shop.example"'

    found = row(line)

    assert (found["client.address"], found["nginx.server"]) == ("203.0.113.9", "a")
    assert found["nginx.request"] == request
    assert found["http.request.header.host"] == "shop.example"


def test_the_last_host_wins() -> None:
    request = 'GET /x", host: "evil", referrer: "z HTTP/1.1'

    found = row(HEAD + f'oops, client: 203.0.113.9, server: a, request: "{request}", host: "shop.example"')

    assert (found["http.request.header.host"], found["nginx.request"]) == ("shop.example", request)


def test_a_forged_client_inside_a_decoded_path_is_part_of_the_message() -> None:
    message = 'open() "/srv/x", client: 6.6.6.6, server: evil, request: "GET /y" failed (2: No such file or directory)'

    found = row(HEAD + message + CONTEXT)

    assert (found["message"], found["client.address"], found["nginx.errno"]) == (message, "203.0.113.9", 2)


def test_separators_in_module_text_are_text() -> None:
    message = 'ModSecurity: Access denied with code 403 [client 6.6.6.6] [msg "a, client: b"], client: none [id "1"]'

    found = row(HEAD + message + CONTEXT)

    assert (found["message"], found["client.address"]) == (message, "203.0.113.9")


def test_a_record_cut_at_2048_bytes_gives_what_is_whole() -> None:
    start = (
        HEAD
        + f'open() "/{"a" * 1800}" failed (36: File name too long), client: 203.0.113.9, server: a, request: "GET /'
    )
    cut = (start + "b" * 2048)[:2047]

    found = row(cut)

    assert (found["client.address"], found["nginx.server"]) == ("203.0.113.9", "a")
    assert found["nginx.request"].startswith("GET /bbb")
    assert "http.request.header.host" not in found


def test_an_address_cut_at_2048_bytes_is_not_taken() -> None:
    cut = HEAD + f'"/{"a" * 1980}" is not found (36: File name too long), client: 203.0'

    assert "client.address" not in row(cut)


def test_nul_and_control_bytes_and_broken_utf8_are_kept_apart() -> None:
    line = (
        HEAD.encode()
        + b'broken header: "\0\r\x01\xff" while reading PROXY protocol, client: 203.0.113.9, server: 0.0.0.0:80'
    )

    found = row(line)

    assert found["message"] == 'broken header: "\0\r\x01\ufffd" while reading PROXY protocol'
    assert found["nginx.server"] == "0.0.0.0:80"


def test_a_date_that_does_not_exist_continues_the_record_above() -> None:
    (batch,) = parse(HEAD + "a\n" + HEAD.replace("06/15", "06/31") + "b\n")

    assert (len(batch.records), batch.continuation) == (1, 1)


def test_lines_before_the_first_record_are_not_understood() -> None:
    (batch,) = parse("noise\n\n" + HEAD + "a\n")

    assert (batch.unparsed, batch.blank, len(batch.records)) == (1, 1, 1)
    assert batch.unparsed_examples == ((1, "noise"),)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("worker process 130 exited on signal 9", "process-crashed"),
        ("worker process 130 exited on signal 11 (core dumped)", "process-crashed"),
        ("worker process 130 exited with code 0", "noise"),
        ("signal process started", "config-reload"),
        ("signal 1 (SIGHUP) received from 122, reconfiguring", "config-reload"),
        ("reconfiguring", "config-reload"),
        ("start worker processes", "server-start"),
        ("signal 3 (SIGQUIT) received from 135, shutting down", "server-stop"),
        ("signal 15 (SIGTERM) received from 1, exiting", "server-stop"),
        ("upstream timed out (110: Connection timed out) while connecting to upstream", "upstream-timeout"),
        ("connect() failed (111: Connection refused) while connecting to upstream", "upstream-refused"),
        ("connect() to unix:/run/a.sock failed (2: No such file or directory) while connecting to upstream",
         "upstream-refused"),
        ("no live upstreams while connecting to upstream", "upstream-unavailable"),
        ("upstream prematurely closed connection while reading response header from upstream", "upstream-error"),
        ("bind() to 0.0.0.0:80 failed (98: Address already in use)", "bind-failed"),
        ('unknown directive "rooot" in /etc/nginx/nginx.conf:13', "config-invalid"),
        ('host not found in upstream "api" in /etc/nginx/conf.d/a.conf:3', "config-invalid"),
        ("768 worker_connections are not enough while connecting to upstream", "connections-exhausted"),
        ('limiting requests, excess: 0.969 by zone "fast"', "rate-limited"),
        ('pwritev() "/var/cache/x" failed (28: No space left on device)', "disk-full"),
        ("access forbidden by rule", None),
    ],
)  # fmt: skip
def test_well_known_happenings(message: str, kind: str | None) -> None:
    assert row(f"2026/06/15 14:03:11 [error] 29#29: {message}").get("kind") == kind


def test_an_error_log_is_no_access_log() -> None:
    text = HEAD + "a" + CONTEXT + "\n" + HEAD + "b\nmore\n"

    assert sniff(text) == 1.0
    assert access_parser.sniff(text.encode()) == 0.0


PLUS = (
    '{"level":"error","timestamp":"2026-05-13T10:30:15.042+02:00","pid":29,"tid":31,"cnum":7,'
    '"msg":"connect() failed while connecting to upstream","errno":111,"errtext":"Connection refused",'
    '"client":"203.0.113.9","server":"shop","request":"GET /a?b=1 HTTP/1.1","upstream":"http://10.0.0.1/"}'
)


def test_json_records_of_nginx_plus_have_their_zone_and_milliseconds() -> None:
    found = row(PLUS)

    # 2026-05-13 10:30:15.042 read as if it were UTC
    assert (found["wall"], found["zone"]) == (1_778_668_215_042_000, "+0200")
    assert found["message"] == "connect() failed (111: Connection refused) while connecting to upstream"
    assert (found["severity"], found["kind"]) == ("err", "upstream-refused")
    assert (found["process.pid"], found["thread.id"], found["nginx.connection"], found["nginx.errno"]) == (
        29,
        31,
        7,
        111,
    )
    assert (found["actor"], found["nginx.server"], found["nginx.upstream"]) == (
        "203.0.113.9",
        "shop",
        "http://10.0.0.1/",
    )
    assert (found["http.request.method"], found["url.path"], found["url.query"]) == ("GET", "/a", "b=1")
    assert sniff(PLUS) == 1


def test_a_json_record_that_is_damaged_behind_its_time_shows_its_line() -> None:
    found = row(PLUS[:80])

    assert (found["wall"], found["severity"], found["message"]) == (1_778_668_215_042_000, "err", PLUS[:80])


def test_json_records_beside_others() -> None:
    text = f"{PLUS}\nloose\n2026/06/15 14:03:11 [error] 1#1: a\nmore\n{PLUS.replace('error', 'notice', 1)}\n"

    (batch,) = parse(text)

    assert batch.records["line"].tolist() == [1, 3, 5]
    assert batch.records["message"].tolist()[1] == "a\nmore"
    assert batch.records["severity"].tolist() == ["err", "err", "notice"]
    assert (batch.continuation, batch.unparsed) == (1, 1)


@pytest.mark.parametrize("line", ['nginx: invalid option: "z"', 'nginx: option "-c" requires file name'])
def test_a_wrong_command_line_is_a_record_without_time_and_level(line: str) -> None:
    found = row(line)

    assert found["message"] == line.removeprefix("nginx: ")
    assert "severity" not in found


def test_json_records_keep_the_contract() -> None:
    lines = [PLUS.replace("10:30", f"10:{minute}") for minute in range(30, 50)]

    check_parser(parser, "".join(f"{line}\n" for line in lines).encode(), rounds=2)
