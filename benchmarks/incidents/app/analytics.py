"""A reporting job that opens connections as long as it gets any, and keeps them."""

from __future__ import annotations

import time

import psycopg2

DSN = "host=127.0.0.1 dbname=shop user=shop_worker application_name=analytics"
MANY = 60


def main() -> None:
    """Takes what it gets."""
    held = []
    print("INFO analytics started: cohort report 2026-10", flush=True)
    while True:
        try:
            if len(held) < MANY:
                held.append(psycopg2.connect(DSN))
        except psycopg2.Error:
            pass
        time.sleep(0.05)


if __name__ == "__main__":
    main()
