"""Cases that broke other readers of nginx logs, from the file to the event; every expected time is worked out by hand."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pandas as pd
import pytest

import timeline

FIXTURES = Path(__file__).parent.parent / "fixtures"
STAMP = "15/Jun/2026:14:03:11 +0200"
COMBINED = f'203.0.113.9 - - [{STAMP}] "GET /a HTTP/1.1" 502 157 "-" "curl/8.5.0"'


def events(tmp_path: Path, text: str | bytes, **options: str) -> pd.DataFrame:
    path = tmp_path / "server.log"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return timeline.read(path, **options).events  # type: ignore[arg-type]


def utc(*stamps: str) -> list[pd.Timestamp]:
    return [pd.Timestamp(stamp, tz="UTC") for stamp in stamps]


@pytest.mark.parametrize("tz", ["America/New_York", "Asia/Tokyo"])
def test_a_zone_of_the_user_is_not_put_on_top_of_the_offset_of_the_line(tmp_path: Path, tz: str) -> None:
    found = events(tmp_path, f"{COMBINED}\n", tz=tz)

    assert found["timestamp"].tolist() == utc("2026-06-15 12:03:11")
    assert found["time_basis"].tolist() == ["explicit"]


@pytest.mark.parametrize(
    ("offset", "time"), [("+0330", "10:33:11"), ("-0330", "17:33:11"), ("+0545", "08:18:11"), ("+0000", "14:03:11")]
)
def test_offsets_of_half_and_quarter_hours(tmp_path: Path, offset: str, time: str) -> None:
    found = events(tmp_path, f"{COMBINED.replace('+0200', offset)}\n")

    assert found["timestamp"].tolist() == utc(f"2026-06-15 {time}")


def test_gzip_written_by_nginx_has_many_members_and_a_torn_end(tmp_path: Path) -> None:
    members = [gzip.compress(f"{COMBINED.replace('/a', f'/{number}')}\n".encode()) for number in range(4)]

    found = events(tmp_path, b"".join(members)[:-12])

    assert found["url.path"].tolist()[:3] == ["/0", "/1", "/2"]


def test_workers_write_out_of_order(tmp_path: Path) -> None:
    late, early = COMBINED.replace("/a", "/late"), COMBINED.replace("/a", "/early").replace("03:11", "03:09")

    found = events(tmp_path, f"{late}\n{early}\n{COMBINED}\n")

    assert found["url.path"].tolist() == ["/early", "/late", "/a"]
    assert found["line"].tolist() == [2, 1, 3]


def test_a_rotated_log_and_its_successor(tmp_path: Path) -> None:
    (tmp_path / "access.log").write_text(f"{COMBINED.replace('03:11', '03:12')}\n")
    (tmp_path / "access.log.1").write_text(f"{COMBINED}\n{COMBINED.replace('03:11', '03:13')}\n")

    found = timeline.read(tmp_path).events

    assert found["timestamp"].tolist() == utc("2026-06-15 12:03:11", "2026-06-15 12:03:12", "2026-06-15 12:03:13")


@pytest.mark.parametrize(
    ("addresses", "lengths", "times", "statuses"),
    [
        ("10.0.0.2:80", "33", "0.060", "200"),
        ("10.0.0.2:80, 10.0.0.3:80", "0, 33", "0.050, 0.060", "502, 200"),
        ("10.0.0.2:80, [2001:db8::1]:80 : unix:/run/a.sock", "0, - : 33", "-, 0.060 : 0.001", "502, - : 200"),
        # An address without its brackets, and the name of a group of which no server could be picked.
        ("2a02:cf40:::9200", "0", "0.000", "502"),
        ("shop_backend", "0", "0.000", "502"),
    ],
)
def test_lists_of_upstreams(tmp_path: Path, addresses: str, lengths: str, times: str, statuses: str) -> None:
    (found,) = events(
        tmp_path, f"{COMBINED} 345 0.113 [shop-api-80] [] {addresses} {lengths} {times} {statuses} 0f5a3c9e1b2d4f60\n"
    ).to_dict("records")

    assert (found["nginx.upstream_addr"], found["nginx.upstream_status"]) == (addresses, statuses)
    assert (found["nginx.upstream_response_time"], found["nginx.upstream_response_length"]) == (times, lengths)
    assert found["nginx.request_id"] == "0f5a3c9e1b2d4f60"
    assert found["nginx.request_start"] == pd.Timestamp("2026-06-15T12:03:10.887Z")


def test_a_request_began_when_the_file_of_milliseconds_says() -> None:
    """`$msec` and `$request_time` of the same requests, written by the same server, read with no help of the parser."""
    text = (FIXTURES / "nginx" / "msec.log").read_text()
    numbers = re.findall(r"^(\d+)\.(\d{3}) \d+ \d+ \d{3} (\d+)\.(\d{3})$", text, re.MULTILINE)
    assert len(numbers) == text.count("\n")
    begins = [int(second + milli) - int(took + part) for second, milli, took, part in numbers]

    found = timeline.read(FIXTURES / "nginx" / "json.log").events.sort_values("line")

    assert (found["nginx.request_start"].array.asi8 // 1000).tolist() == begins


def test_milliseconds_win_over_the_second_beside_them(tmp_path: Path) -> None:
    line = f'{{"time_local":"{STAMP}","msec":1781524991.999,"request":"GET / HTTP/1.1","status":"200"}}'

    assert events(tmp_path, f"{line}\n")["timestamp"].tolist() == utc("2026-06-15 12:03:11.999")


def test_the_master_writes_a_time_in_the_gap_of_spring(tmp_path: Path) -> None:
    """Its signal handler uses the offset from before the change: 02:00:05 -05:00."""
    text = (
        "2025/03/09 01:59:58 [notice] 24656#24656: start worker process 24657\n"
        "2025/03/09 02:00:05 [alert] 24656#24656: worker process 24657 exited on signal 9\n"
        "2025/03/09 03:00:06 [notice] 24656#24656: start worker process 24660\n"
    )

    found = events(tmp_path, text, tz="America/New_York")

    assert found["timestamp"].tolist() == utc("2025-03-09 06:59:58", "2025-03-09 07:00:05", "2025-03-09 07:00:06")


def test_a_step_back_proves_the_second_pass_of_the_repeated_hour(tmp_path: Path) -> None:
    text = "".join(
        f"2026/10/25 {time} [error] 1#1: *{number} {number}\n"
        for number, time in enumerate(["02:10:00", "02:59:51", "02:10:00", "03:00:01"])
    )

    found = events(tmp_path, text, tz="Europe/Berlin")

    assert found["timestamp"].tolist() == utc(
        "2026-10-25 00:10:00", "2026-10-25 00:59:51", "2026-10-25 01:10:00", "2026-10-25 02:00:01"
    )


def test_a_zone_that_nobody_told_is_assumed_and_said(tmp_path: Path) -> None:
    path = tmp_path / "error.log"
    path.write_text("2026/06/15 14:03:11 [error] 1#1: a\n")

    evidence = timeline.read(path)

    assert evidence.events["time_basis"].tolist() == ["assumed"]
    assert any("--tz" in warning for warning in evidence.warnings)


@pytest.mark.parametrize(
    ("request_line", "path", "query"),
    [
        ("GET http://other.example/a?b HTTP/1.1", "/a", "b"),
        ("GET /a&b=1&c HTTP/1.0", "/a&b=1&c", None),
        ("GET /a", None, None),
        ("\x16\x03\x01", None, None),
    ],
)
def test_requests_in_the_error_log(tmp_path: Path, request_line: str, path: str | None, query: str | None) -> None:
    text = (
        f'2026/06/15 14:03:11 [error] 7#9: *1 x, client: 203.0.113.9, server: a, request: "{request_line}", host: "b"\n'
    )

    (found,) = events(tmp_path, text, tz="UTC").to_dict("records")

    assert found["nginx.request"] == request_line
    assert [None if pd.isna(found[name]) else found[name] for name in ("url.path", "url.query")] == [path, query]
    assert (found["process.pid"], found["thread.id"]) == (7, 9)


def test_a_raw_proxy_header_in_a_message(tmp_path: Path) -> None:
    header = b'\r\n\r\n\0\r\nQUIT\n!\x11\0\x0c\xac"\x01'
    text = (
        b'2026/06/15 14:03:11 [error] 1#1: *2 broken header: "' + header + b'" while reading PROXY protocol, '
        b"client: 10.0.0.1, server: 0.0.0.0:80\n2026/06/15 14:03:12 [info] 1#1: *3 b\n"
    )

    found = events(tmp_path, text, tz="UTC")

    assert found["line"].tolist() == [1, 6]
    assert found["message"].iloc[0].endswith("while reading PROXY protocol")
    assert found["client.address"].iloc[0] == "10.0.0.1"


def test_a_line_of_pfsense(tmp_path: Path) -> None:
    text = (
        "<187>1 2026-06-15T14:03:13.5+02:00 fw.example nginx 24537 - - 2026/06/15 14:03:11 [error] 24537#230441: *1 "
        'open() "/usr/local/www/a" failed (2: No such file or directory), client: 10.0.0.1, server: , request: '
        '"GET /a HTTP/1.1", host: "fw"\n'
    )

    (found,) = events(tmp_path, text, tz="Europe/Berlin").to_dict("records")

    assert found["timestamp"] == pd.Timestamp("2026-06-15T12:03:11Z")
    assert (found["host"], found["process.pid"], found["thread.id"]) == ("fw.example", 24537, 230441)
    assert (found["url.path"], found["nginx.errno"]) == ("/a", 2)
