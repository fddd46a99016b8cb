"""Lines of access logs that several tests begin with."""

from __future__ import annotations

from timeline_parsers.nginx_access import parser

# 2026-06-15 14:03:11 read as if it were UTC
WALL = 1_781_532_191_000_000
STAMP = "15/Jun/2026:14:03:11 +0200"
AGENT = "Mozilla/5.0 (X11; Linux x86_64)"
SIMPLE = f'203.0.113.9 - - [{STAMP}] "GET /checkout?id=1 HTTP/1.1" 502 157 "https://shop.example/" "{AGENT}"'


def sniff(*lines: str) -> float:
    return float(parser.sniff(("\n".join(lines) + "\n").encode()))
