"""Write nginx logs: the combined access log, and the error log of the same server."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import TypeVar

from datasets import START, Dataset

T = TypeVar("T")
HOURS = 6
OUTAGE = (0.40, 0.46)
"""The part of the span in which the checkout answers 502 and 504."""

WEEK = 7 * 86_400
ASKED_HOUR = (WEEK // 2, WEEK // 2 + 3_600)
"""The first and last second of the window that is asked of the log of a week."""
SAMPLE = 20_000

PLATFORMS = (
    "Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7", "X11; Linux x86_64",
    "Linux; Android 14; Pixel 8", "iPhone; CPU iPhone OS 17_5 like Mac OS X",
)  # fmt: skip
ROBOTS = (
    "-", "curl/8.5.0", "kube-probe/1.29", "Prometheus/2.51.0", "python-requests/2.32.3", "Go-http-client/2.0",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "ELB-HealthChecker/2.0",
)  # fmt: skip
ESCAPED = r"Mozilla/5.0 \x22quoted\x22 (na\xC3\xAFve bot)"
# What real servers log for TLS hellos, scanners, timeouts and HTTP/0.9; none of these is METHOD TARGET VERSION.
ODD_REQUESTS = (
    ("", 400), ("", 408), ("-", 400), (r"\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03", 400), ("GET /", 400),
    ("MGLNDD_203.0.113.9_443", 400), ("PRI * HTTP/2.0", 400), ("SSH-2.0-Go", 400), ("GET /a b HTTP/1.1", 400),
    (r"\x03\x00\x00\x13\x0E\xE0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x0B\x00\x00\x00", 400),
)  # fmt: skip
ODD_SHARE = 0.002
LATE_SHARE = 0.02  # workers write when a request ends, so lines are a second out of order now and then
BROKEN_SHARE = 0.43
NOT_MODIFIED = 304
STATUSES = {
    200: 8600, 304: 520, 301: 180, 302: 120, 201: 160, 204: 90, 404: 260, 403: 30, 499: 25, 500: 6, 503: 3, 429: 6,
}  # fmt: skip
USERS = {"-": 98_990, "deploy": 1_000, "john doe": 2}
REFERERS = {"-": 55, "https://shop.example/": 15, "https://shop.example/products/{}?ref=list": 30}
VERSIONS = {"2.0": 80, "1.1": 20}
WORDS = ("lamp", "oak+table", "caf%C3%A9", "chair", "rug%20wool", "shelf", "sofa", "mirror", "desk%2Foffice", "plant")


def write_access_log(path: Path, lines: int, seed: int = 1, begin: int = START) -> Dataset:
    """Write *lines* lines of nginx's `combined` format, from *begin* on; one in 500 carries an odd request."""
    with path.open("w", encoding="ascii", newline="\n") as file:
        file.writelines(_access_lines(lines, random.Random(seed), begin))
    return Dataset(path, lines, lines)


def write_week(path: Path, size: int, seed: int = 1) -> Dataset:
    """Write about *size* bytes of access log, evenly over a week, in order; count the events of `ASKED_HOUR`."""
    made = [line.partition("[") for line in _access_lines(SAMPLE, random.Random(seed), START)]
    parts = [(front, rest.partition("]")[2]) for front, _, rest in made]
    lines = size * SAMPLE // sum(map(len, (part for line in made for part in line)))
    stamps, done, asked = _Stamps("%d/%b/%Y:%H:%M:%S +0000"), 0, 0
    with path.open("w", encoding="ascii", newline="\n") as file:
        for second in range(WEEK):
            stop = lines * (second + 1) // WEEK
            stamp = f"[{stamps[START + second]}]"
            file.writelines(stamp.join(parts[number % SAMPLE]) for number in range(done, stop))
            asked += (stop - done) * (ASKED_HOUR[0] <= second <= ASKED_HOUR[1])
            done = stop
    return Dataset(path, asked, lines)


def write_error_log(path: Path, lines: int, seed: int = 1, hours_ahead: int = 2) -> Dataset:
    """Write an nginx error log whose stamps are local time, *hours_ahead* of UTC, without saying so."""
    rng = random.Random(seed)
    with path.open("w", encoding="ascii", newline="\n") as file:
        for number in range(lines):
            share = OUTAGE[0] + (OUTAGE[1] - OUTAGE[0]) * number / lines
            file.write(_error_line(_moment(share) + hours_ahead * 3600, number, rng))
    return Dataset(path, lines, lines)


def _access_lines(lines: int, rng: random.Random, begin: int) -> Iterator[str]:
    clients, weights = _clients(rng)
    agents = _agents()
    stamps = _Stamps("%d/%b/%Y:%H:%M:%S +0000")
    columns = zip(
        rng.choices(clients, cum_weights=weights, k=lines),
        *(_drawn(table, lines, rng) for table in (USERS, REFERERS)),
        _drawn(STATUSES, lines, rng),
        strict=True,
    )
    for number, (client, user, referer, usual) in enumerate(columns):
        share = number / lines
        request, status = _request(rng, usual, broken=OUTAGE[0] <= share < OUTAGE[1])
        stamp = stamps[_moment(share, begin) - (rng.random() < LATE_SHARE)]
        size = 0 if status == NOT_MODIFIED else int(rng.lognormvariate(7.5, 1.4))
        agent = agents[int(rng.random() ** 2 * len(agents))]
        yield (
            f'{client} - {user} [{stamp}] "{request}" {status} {size} '
            f'"{referer.format(rng.randrange(20_000))}" "{agent}"\n'
        )


def _drawn(table: dict[T, int], count: int, rng: random.Random) -> list[T]:
    return rng.choices(list(table), weights=list(table.values()), k=count)


def _moment(share: float, begin: int = START) -> int:
    return begin + int(share * HOURS * 3600)


def _clients(rng: random.Random) -> tuple[list[str], list[float]]:
    """Return addresses and their cumulated weights: a few clients send most requests."""
    names = [".".join(str(rng.randint(11, 223)) for _ in range(4)) for _ in range(6000)]
    names += [f"2a02:cf40:{rng.randrange(1 << 16):x}::{rng.randrange(1 << 16):x}" for _ in range(400)]
    rng.shuffle(names)
    return names, list(accumulate(1 / (rank + 5) for rank in range(len(names))))


def _agents() -> list[str]:
    browsers = [
        f"Mozilla/5.0 ({platform}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 Safari/537.36"
        for version in range(126, 90, -1)
        for platform in PLATFORMS
    ]
    return [*browsers[:20], *ROBOTS, *browsers[20:], ESCAPED]


def _request(rng: random.Random, status: int, *, broken: bool) -> tuple[str, int]:
    draw = rng.random()
    if draw < ODD_SHARE:
        return ODD_REQUESTS[int(draw / ODD_SHARE * len(ODD_REQUESTS))]
    method, target = TARGETS[int(rng.random() ** 1.5 * len(TARGETS))](rng)
    if broken and "checkout" in target and rng.random() < BROKEN_SHARE:
        status = rng.choice((502, 504, 504))
    return f"{method} {target} HTTP/{_drawn(VERSIONS, 1, rng)[0]}", status


TARGETS: tuple[Callable[[random.Random], tuple[str, str]], ...] = (
    lambda rng: ("GET", f"/products/{rng.randrange(20_000)}"),
    lambda rng: ("GET", f"/static/app.{rng.randrange(40):08x}.js"),
    lambda rng: ("GET", f"/search?q={rng.choice(WORDS)}&page={rng.randrange(30)}&sort=price"),
    lambda _: ("GET", "/"),
    lambda rng: ("POST", f"/checkout/{rng.getrandbits(64):016x}"),
    lambda rng: ("GET", f"/api/v1/orders/{rng.randrange(1_000_000)}?fields=id,total,lines"),
    lambda rng: ("PUT", f"/api/v1/cart/{rng.getrandbits(64):016x}/lines/{rng.randrange(20)}"),
    lambda _: ("GET", "/healthz"),
    lambda rng: ("HEAD", f"/img/{rng.randrange(20_000)}_large.webp"),
    lambda rng: ("GET", f"/wp-login.php?x={rng.getrandbits(256):064x}"),
)

ERRORS = (
    ("error", "upstream timed out (110: Connection timed out) while reading response header from upstream"),
    ("error", "upstream prematurely closed connection while reading response header from upstream"),
    ("error", "connect() failed (111: Connection refused) while connecting to upstream"),
    ("warn", "an upstream response is buffered to a temporary file /var/lib/nginx/1/00/0000001 while reading upstream"),
)


def _error_line(moment: int, number: int, rng: random.Random) -> str:
    level, text = rng.choices(ERRORS, weights=(70, 10, 18, 2))[0]
    stamp = time.strftime("%Y/%m/%d %H:%M:%S", time.gmtime(moment))
    client = f"203.0.113.{rng.randint(1, 254)}"
    target = f"/checkout/{rng.getrandbits(64):016x}"
    return (
        f"{stamp} [{level}] 812#812: *{4000 + number} {text}, client: {client}, server: shop.example, "
        f'request: "POST {target} HTTP/2.0", upstream: "http://127.0.0.1:8000{target}", host: "shop.example"\n'
    )


class _Stamps(dict[int, str]):
    """Texts of whole seconds in UTC, each made once."""

    def __init__(self, form: str) -> None:
        self._form = form

    def __missing__(self, second: int) -> str:
        self[second] = text = time.strftime(self._form, time.gmtime(second))
        return text
