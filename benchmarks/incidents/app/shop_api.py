"""The shop of the simulated incidents: it stores orders, charges cards at another host and writes receipts.

What a release does differently lies beside it in release.json. The simulator breaks a running process by the address
/faults, which the proxy does not serve.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import ssl
import time
import traceback
import urllib.request
from pathlib import Path
from typing import Any

import psycopg2
from service import Answers, Pool, PoolTimeoutError, Server, log

RELEASE: dict[str, Any] = json.loads(Path(__file__).with_name("release.json").read_text(encoding="utf-8"))
DSN = (
    "host=127.0.0.1 dbname=shop user=shop_api connect_timeout=3 application_name=shop-api "
    "options='-c statement_timeout=2s'"
)
CHARGE = "https://payments.shop.internal:8443/charge"
CHARGE_WAIT_S = 3.0
SPOOL = Path("/opt/spool")
THREADS = 40
GROWTH_S = 0.006
STRAY = 7
FAULTS: dict[str, float] = {}
POOL = Pool(DSN, RELEASE["pool"])
TLS = ssl.create_default_context(cafile="/opt/tls/ca.pem")
REQUESTS = itertools.count(1)
SESSIONS: list[int] = []


def checkout(customer: int) -> dict[str, object]:
    """Stores an order, charges the card and writes the receipt."""
    if RELEASE.get("bug") and customer % 5 < 3:  # noqa: PLR2004
        return {"discount": RELEASE["discounts"]["loyalty"]}
    with POOL.connection() as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO orders (customer_id, email, total) VALUES (%s, %s, %s) RETURNING id",
            (customer, f"customer{customer}@example.com", 19.9),
        )
        order = cursor.fetchone()[0]
    charge(order)
    (SPOOL / f"receipt-{order}.txt").write_text(f"order {order}\n" + "item  19.90\n" * 80, encoding="ascii")
    return {"order": order}


def charge(order: int) -> None:
    """Asks the payments host; a connection of its own for each order."""
    with urllib.request.urlopen(f"{CHARGE}?order={order}", timeout=CHARGE_WAIT_S, context=TLS) as answer:
        answer.read()


def cart(customer: int) -> dict[str, object]:
    """Counts what lies in the cart; a few customers have had a broken one for months."""
    if customer % 600 == STRAY:
        raise ValueError(f"cart of customer {customer} holds an unknown article")
    with POOL.connection() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM carts WHERE customer_id = %s", (customer,))
        return {"items": cursor.fetchone()[0]}


def catalog(_: int) -> dict[str, object]:
    """Needs nobody else; a process with the fault `sessions` remembers every visit and looks through all of them."""
    if FAULTS.get("sessions"):
        SESSIONS.append(1)
        time.sleep(random.expovariate(1 / (len(SESSIONS) * GROWTH_S)))
    return {"items": 12}


ROUTES = {"/checkout": checkout, "/cart": cart, "/catalog": catalog}


class Handler(Answers):
    """Answers the shop's routes, /healthz and /faults."""

    server_version = "shop-api/" + RELEASE["version"]

    def answer(self) -> None:
        """Runs the request; a failure is a 500 and a line in the log, an unforeseen one with its traceback."""
        number = next(REQUESTS)
        path, _, query = self.path.partition("?")
        try:
            if path == "/healthz":
                self.reply(200, {"version": RELEASE["version"]})
            elif path == "/faults":
                set_fault(query)
                self.reply(200, {})
            elif path in ROUTES:
                self.reply(200, ROUTES[path](int(query.partition("customer=")[2] or 1)))
            else:
                self.reply(404, {"error": "no such thing"})
        except (psycopg2.Error, PoolTimeoutError, OSError) as error:
            text = str(error).strip().replace("\n", " ")
            log("ERROR", f"{path} failed: {type(error).__name__}: {text}", request=number)
            self.reply(500, {"error": "try again later"})
        except Exception as error:  # noqa: BLE001
            log("ERROR", f"unhandled {type(error).__name__} in {self.command} {path}: {error}", request=number)
            print(traceback.format_exc().strip(), flush=True)
            self.reply(500, {"error": "internal error"})

    do_GET = do_POST = answer  # noqa: N815


def set_fault(query: str) -> None:
    """Sets a fault: `name=number`; `held` takes so many connections out of the pool for good."""
    name, _, value = query.partition("=")
    FAULTS[name] = float(value)
    for _ in range(int(FAULTS.pop("held", 0))):
        POOL.slots.get()


def main() -> None:
    """Serves until it is told to stop."""
    for key in RELEASE.get("requires", ()):
        os.environ[key]
    log("INFO", "shop-api started", version=RELEASE["version"], threads=THREADS, pool=POOL.size)
    Server(("127.0.0.1", 8080), Handler, THREADS).serve_forever()


if __name__ == "__main__":
    main()
