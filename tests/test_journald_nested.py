"""Lines of nginx and PostgreSQL inside journal messages: what they tell besides the severity."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from timeline_parsers.journald import parser

from timeline import schema
from timeline.containers import Memory
from timeline.sources import Source

NOON = 1_781_532_191_000_000
COLUMNS = (
    "kind", "client.address", "http.request.method", "url.path", "http.response.status_code", "db.response.status_code",
)  # fmt: skip


def read(text: str) -> pd.DataFrame:
    return schema.concat([batch.records for batch in parser.parse(Source(Memory("x", text.encode()), ""))])


def export(message: str, ident: str) -> str:
    return f"__REALTIME_TIMESTAMP={NOON}\nPRIORITY=6\nSYSLOG_IDENTIFIER={ident}\nMESSAGE={message}\n\n"


def short(message: str, ident: str) -> str:
    return f"1781532191.000000 web-01 {ident}[7]: {message}\n"


def told(row: dict[Any, Any]) -> tuple[Any, ...]:
    return tuple(None if name not in row or pd.isna(row[name]) else row[name] for name in COLUMNS)


ERROR = "2026/06/15 14:03:11 [error] 12#12: "
CONTEXT = (
    ', client: 10.0.0.9, server: shop, request: "GET /pay?id=7 HTTP/1.1", upstream: "http://127.0.0.1:1/", host: "shop"'
)
TIMED_OUT = f"{ERROR}*3 upstream timed out (110: Connection timed out) while reading response header from upstream"
STAMP = "2026-06-15 14:03:11.123 UTC"
ACCESS = '- - [15/Jun/2026:14:03:11 +0000] "GET /pay?id=7 HTTP/1.1" 502 157 "-" "curl/8"'

CASES: dict[str, tuple[str, str, tuple[Any, ...]]] = {
    "nginx error": ("nginx", TIMED_OUT + CONTEXT, ("upstream-timeout", "10.0.0.9", "GET", "/pay", None, None)),
    "nginx error, no context": ("nginx", TIMED_OUT, ("upstream-timeout", None, None, None, None, None)),
    "nginx error, IPv6": (
        "nginx", f"{ERROR}*3 no live upstreams, client: 2001:db8::1", ("upstream-unavailable", "2001:db8::1", *[None] * 4),
    ),
    "nginx notice": (
        "nginx", "2026/06/15 14:03:11 [notice] 12#12: signal 15 (SIGTERM) received, exiting", ("server-stop", *[None] * 5),
    ),
    "nginx access": ("nginx", f"2001:db8::1 {ACCESS}", (None, "2001:db8::1", "GET", "/pay", 502, None)),
    "nginx access, odd request": (
        "nginx", '10.0.0.9 - - [15/Jun/2026:14:03:11 +0000] "\\x16\\x03" 400 157 "-" "-"', (None, "10.0.0.9", None, None, 400, None),
    ),
    "access line of another program": ("app", f"10.0.0.9 {ACCESS}", (None,) * 6),
    "SQLSTATE": (
        "postgres", f"{STAMP} [99] shop@shop 53300 FATAL:  remaining connection slots are reserved",
        ("too-many-connections", None, None, None, None, "53300"),
    ),
    "SQLSTATE with a letter": ("postgres", f"{STAMP} 40P01 ERROR:  deadlock detected", ("deadlock", *[None] * 4, "40P01")),
    "a pid is no SQLSTATE": ("postgres", f"{STAMP} 42501 ERROR:  x", (None,) * 6),
    "a name is no SQLSTATE": ("postgres", f"{STAMP} [99] 4ADMIN ERROR:  x", (None,) * 6),
    "no SQLSTATE": ("postgres", f"{STAMP} [99] shop@shop ERROR:  deadlock detected", ("deadlock", *[None] * 5)),
    "warning": ("postgres", f"{STAMP} [99] 01000 WARNING:  x", (None, None, None, None, None, "01000")),
    "server": (
        "postgres", f"{STAMP} [99] LOG:  database system is ready to accept connections", ("server-ready", *[None] * 5),
    ),
    "quoted, not said": ("postgres", f"{STAMP} [99] LOG:  client said 53300 FATAL:  x", (None,) * 6),
    "neither": ("app", "hello", (None,) * 6),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("form", [export, short])
def test_nested_lines_tell_kind_and_fields(case: str, form: Any) -> None:
    ident, message, expected = CASES[case]

    (row,) = read(form(message, ident)).to_dict("records")

    assert expected == told(row)
    # The time and the text stay those of the journal.
    assert (NOON, message) == (row["wall"], row["message"])


def test_fields_of_many_lines_stay_in_their_rows() -> None:
    text = "".join(export(message, ident) for ident, message, _ in CASES.values())

    frame = read(text * 3)

    assert [expected for _, _, expected in CASES.values()] * 3 == [told(row) for row in frame.to_dict("records")]
    assert ("Int64", "category", "str") == (
        str(frame["http.response.status_code"].dtype), str(frame["db.response.status_code"].dtype),
        str(frame["client.address"].dtype),
    )  # fmt: skip


def test_what_the_journal_says_itself_comes_first() -> None:
    text = export(TIMED_OUT, "nginx").replace("MESSAGE=", "MESSAGE_ID=a596d6fe7bfa4994828e72309e95d61e\nMESSAGE=")

    assert ["journal-dropped"] == read(text)["kind"].tolist()
