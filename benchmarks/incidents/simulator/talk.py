"""What people say in each incident. The words between « and » are what a line that tells the fact must hold."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from recorder.cast import ALICE, BOB, JONAS, MIRA

Said = tuple[str, str, str]
"""Who, in which channel, what."""


@dataclass(frozen=True)
class Talk:
    """The script: each step is said when the play gets there."""

    declare: Said
    discuss: tuple[Said, ...]
    finding: Said
    decision: Said
    done: Said
    close: Said


CHATTER: Final[tuple[Said, ...]] = (
    (JONAS, "general", "the coffee machine on the 2nd floor is down again :sob:"),
    (BOB, "general", "anyone reviewed my PR for the search page? it has been open since monday"),
    (MIRA, "general", "reminder: on-call handover is at 10:00, please fill in the sheet"),
    (JONAS, "general", "customer asks for an invoice from 2023, who has access to the old system?"),
    (ALICE, "general", "standup moved by 15 minutes, sorry"),
    (BOB, "deploys", "staging is broken for me, ignore the red build, it is a flaky test"),
    (MIRA, "general", "lunch? the ramen place failed the vibe check last time"),
    (JONAS, "general", "lol the error page cat is cute"),
    (BOB, "general", "ok will restart my laptop, vpn is stuck"),
    (ALICE, "general", ":wave: back in 5"),
)

TALKS: Final[dict[str, Talk]] = {
    "bad_deploy": Talk(
        (ALICE, "incident", "«declaring SEV2»: checkout returns 500 since the deploy a minute ago. I take IC."),
        ((JONAS, "incident", "two customers already called about a blank page at payment"),),
        (BOB, "incident", "it is mine: «KeyError 'loyalty'» in 1.5.0, the discount table is empty in production"),
        (ALICE, "incident", "«rolling back to 1.4.1» now, no fix forward"),
        (BOB, "incident", "«rollback is done», 1.4.1 is live"),
        (ALICE, "incident", "graphs are flat again. «closing this», review tomorrow at 11"),
    ),
    "crash_loop": Talk(
        (MIRA, "incident", "«shop is completely down», opening an incident. SEV1"),
        ((BOB, "incident", "looking at systemctl status"), (JONAS, "incident", "phones are ringing")),
        (BOB, "incident", "the process dies at start: «LOYALTY_URL is not set» in production"),
        (MIRA, "incident", "decision: «back to the previous release» and reset the unit, Bob types"),
        (BOB, "incident", "«shop-api is up» again"),
        (MIRA, "incident", "«all clear», write-up to follow"),
    ),
    "pool_exhaustion": Talk(
        (ALICE, "incident", "<!here> «incident: carts and checkout» throw 500s, catalog is fine. IC is me"),
        ((MIRA, "incident", "database looks idle to me, 10 connections, none active"),),
        (MIRA, "incident", "so it is the app: «pool is exhausted», connections are taken and never given back"),
        (ALICE, "incident", "«restarting shop-api» to free the pool"),
        (ALICE, "incident", "«restarted», pool is empty, requests pass"),
        (ALICE, "incident", "«resolved». ticket for the leak is SHOP-881"),
    ),
    "lock": Talk(
        (JONAS, "incident", "«nobody can order», support queue is filling. @alice can you look?"),
        ((ALICE, "incident", "on it. only checkout, carts are ok"),),
        (MIRA, "incident", "pid of a psql session holds an «AccessExclusiveLock on orders», idle in transaction"),
        (MIRA, "incident", "ok to kill it? … yes. «terminating that backend»"),
        (MIRA, "incident", "gone, «queue drained», inserts go through"),
        (ALICE, "incident", "confirmed, «orders are back». Closing, postmortem with the data team"),
    ),
    "disk_full": Talk(
        (ALICE, "incident", "«declaring an incident»: receipts cannot be written, checkout gives 500"),
        ((BOB, "incident", "not a deploy, nothing went out today"),),
        (ALICE, "incident", "found it: «/opt/spool is full», 100 %, a report of 20 MB is lying there"),
        (BOB, "incident", "I'll «delete the half written report» and stop the export"),
        (BOB, "incident", "«space is back», 4 % used"),
        (ALICE, "incident", "«all good», closing. Action: quota for exports"),
    ),
    "pg_crash": Talk(
        (MIRA, "incident", "«postgres is crashing», taking the incident. SEV1"),
        ((JONAS, "incident", "is the site down or only slow?"), (MIRA, "incident", "down for a few seconds each time")),
        (MIRA, "incident", "kernel log: «the OOM killer» takes a backend, then postgres restarts everything"),
        (ALICE, "incident", "«stopping the analytics job», it eats the memory"),
        (ALICE, "incident", "«job is stopped», memory is down to 40 %"),
        (MIRA, "incident", "no crash for a while. «incident over», we add a memory limit"),
    ),
    "upstream_hang": Talk(
        (ALICE, "incident", "«SEV2: payments time out», orders fail. I coordinate"),
        ((BOB, "incident", "our side looks healthy, each charge waits the full 3 s"),),
        (BOB, "incident", "it is «the provider behind payments», their status page shows degraded"),
        (ALICE, "incident", "we wait and «put the banner up», provider is called"),
        (BOB, "incident", "provider says «link is repaired», charges pass"),
        (ALICE, "incident", "«stable since a minute», closing"),
    ),
    "dns": Talk(
        (ALICE, "incident", "«declaring SEV2»: every order fails within milliseconds"),
        ((BOB, "incident", "that fast? does not smell like the database"),),
        (BOB, "incident", "«payments.shop.internal does not resolve» on web-01"),
        (ALICE, "incident", "«putting the record back», the zone was edited this morning"),
        (BOB, "incident", "«name resolves again»"),
        (ALICE, "incident", "«closing the incident», zone goes under review"),
    ),
    "certificate": Talk(
        (JONAS, "incident", "customers report «payment is refused» for everybody"),
        ((ALICE, "incident", "taking it, IC"), (BOB, "incident", "nothing deployed")),
        (BOB, "incident", "oh no: «the certificate of payments expired» just now"),
        (ALICE, "incident", "«issuing a new certificate», then payments must be restarted"),
        (ALICE, "incident", "«new certificate is in place», valid for 90 days"),
        (ALICE, "incident", "«recovered», adding an expiry alert"),
    ),
    "bad_reload": Talk(
        (ALICE, "incident", "«everything is 502», declaring SEV1"),
        ((MIRA, "incident", "did somebody touch the proxy?"), (BOB, "incident", "app answers fine on localhost")),
        (BOB, "incident", "my change: «upstream points to port 8180», nothing listens there"),
        (ALICE, "incident", "«reverting the nginx config»"),
        (BOB, "incident", "«reloaded with the old config»"),
        (ALICE, "incident", "«we are back», closing. Config needs a test in CI"),
    ),
    "slow_leak": Talk(
        (JONAS, "incident", "the catalog is «slower and slower», some see errors. is that known?"),
        ((ALICE, "incident", "latency is climbing for minutes, no step"), (BOB, "incident", "cpu is fine")),
        (BOB, "incident", "«sessions are never dropped», every visit walks the whole list"),
        (ALICE, "incident", "we «restart it for now»"),
        (ALICE, "incident", "«fresh process», latency is at 5 ms"),
        (ALICE, "incident", "«ok to close», real fix goes out on thursday"),
    ),
    "overlap": Talk(
        (ALICE, "incident", "«declaring SEV2» for carts, they hang and fail"),
        (
            (JONAS, "incident", "payment is broken too for some, other symptom"),
            (BOB, "incident", "two things at once?"),
        ),
        (MIRA, "incident", "carts: «a lock on carts» by a migration. orders are something else: payments is slow"),
        (MIRA, "incident", "«cancelling the migration» first, payments has called its provider"),
        (BOB, "incident", "and «the payments provider is back»"),
        (ALICE, "incident", "both over, «closing both»"),
    ),
    "red_herring": Talk(
        (ALICE, "incident", "«SEV2», checkout fails since the deploy of shop-worker? looking"),
        ((BOB, "incident", "worker does not touch checkout, I doubt it, but ok"),),
        (BOB, "incident", "«not the deploy»: payments has a stalled provider link, worker is innocent"),
        (ALICE, "incident", "no rollback then, «escalated to the provider»"),
        (BOB, "incident", "«provider recovered»"),
        (ALICE, "incident", "«closing», worker 2.1.0 stays"),
    ),
}
TALKS["clock_skew"] = TALKS["upstream_hang"]


def words(text: str) -> tuple[str, str]:
    """Returns what is said, and the regular expression of its marked words."""
    marked = re.search(r"«(.+?)»", text)
    shown = text.replace("«", "").replace("»", "")
    return shown, re.escape(marked[1]).replace(r"\ ", " ").replace("'", ".") if marked else ""
