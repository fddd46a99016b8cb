"""What breaks in each kind of incident, how it is repaired, and which facts the injector knows of it."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg2
from recorder import cast

from simulator.stage import log, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.stage import Stage

APP, PAYMENTS = 8080, 8090
OPT = Path("/opt")
NGINX = Path("/etc/nginx/nginx.conf")
HOSTS = Path("/etc/hosts")
RESTARTED = r"shop-api.*(start|restart|stopp)|(start|stopp)\w+ .*shop[- ]api"


def restart(stage: Stage, name: str, unit: str = "shop-api", regex: str = RESTARTED) -> None:
    """Restarts a unit; that is a fact."""
    stage.facts.note(name, regex)
    run("systemctl", "restart", f"{unit}.service")


def release(version: str) -> None:
    """Puts a release in place."""
    fresh = OPT / "shop-api" / "current.new"
    fresh.symlink_to(OPT / "shop-api" / "releases" / version)
    fresh.rename(OPT / "shop-api" / "current")


def announce(stage: Stage, what: str) -> None:
    """The bot tells of a deploy."""
    stage.post("deploys", cast.DEPLOYBOT, f"Deploying {what} to production", "deploy", f"deploying {re.escape(what)}")
    stage.wait(3)


def database(user: str = "dba") -> Any:
    """Opens a connection of the injector's own."""
    connection = psycopg2.connect(f"host=127.0.0.1 dbname=shop user={user} application_name=psql")
    connection.autocommit = True
    return connection


def backends(where: str) -> list[int]:
    """Returns the process ids of matching backends."""
    with database() as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT pid FROM pg_stat_activity WHERE {where} AND pid <> pg_backend_pid()")
        return [pid for (pid,) in cursor.fetchall()]


# Deploys -------------------------------------------------------------------------------------------------


def break_deploy(stage: Stage) -> None:
    """A release asks for a key that production does not have."""
    announce(stage, "shop-api 1.5.0")
    release("1.5.0")
    restart(stage, "new-release")


def repair_deploy(stage: Stage) -> None:
    """The release before comes back."""
    release("1.4.1")
    restart(stage, "rollback")
    stage.first("first-error", r"KeyError|unhandled")


def break_start(stage: Stage) -> None:
    """A release does not even start."""
    announce(stage, "shop-api 1.5.1")
    release("1.5.1")
    restart(stage, "new-release")


def repair_start(stage: Stage) -> None:
    """The release before is started; by then systemd has given up."""
    stage.first("first-exit", r"shop-api\.service.*(failed|exited|exit code|status=1)")
    stage.first("gave-up", r"shop-api.*(repeated too quickly|start.limit|g[ai]ve\w* up)|failed to start .*shop[- ]api")
    release("1.4.1")
    run("systemctl", "reset-failed", "shop-api.service")
    restart(stage, "started-again")


# The app's pool, memory and disk ---------------------------------------------------------------------------


def break_pool(stage: Stage) -> None:
    """All connections are taken out of the pool."""
    stage.fault(APP, "held=10")


def repair_pool(stage: Stage) -> None:
    """A restart gives a new pool."""
    stage.first("pool-exhausted", r"pool exhausted")
    restart(stage, "restarted")


def break_sessions(stage: Stage) -> None:
    """From now on every visit makes the next one slower."""
    stage.fault(APP, "sessions=1")


def repair_sessions(stage: Stage) -> None:
    """A restart forgets all visits."""
    stage.first("first-timeout", r"upstream timed out", tolerance=20)
    restart(stage, "restarted")


def break_disk(stage: Stage) -> None:
    """A unit fills the file system of the receipts."""
    stage.facts.note("export-started", r"start\w* .*(report|export)|report-export")
    subprocess.run(["systemctl", "start", "report-export.service"], check=False, capture_output=True)


def repair_disk(stage: Stage) -> None:
    """The half written report is deleted."""
    stage.first("export-failed", r"report-export.*(fail|exited|no space)|failed .*export")
    stage.first("no-space", r"no space left on device")
    for path in (OPT / "spool").glob("report-*"):
        path.unlink()


# The database ----------------------------------------------------------------------------------------------


def break_lock(stage: Stage) -> None:
    """A session locks a table and does nothing more."""
    hold_lock(stage, "orders")


def hold_lock(stage: Stage, table: str) -> None:
    """Locks a table in a thread of its own, until the backend is terminated."""

    def hold() -> None:
        try:
            with database() as connection, connection.cursor() as cursor:
                cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE; SET application_name = 'migration'")
                stage.over.wait()
                cursor.execute("SELECT 1")
        except psycopg2.Error as error:
            log(f"the lock is gone: {str(error).splitlines()[0]}")

    threading.Thread(target=hold, daemon=True).start()


def repair_lock(stage: Stage) -> None:
    """The backend that holds the lock is terminated."""
    stage.first("lock-wait", r"wait\w* for \w*\s?lock", where="postgres")
    stage.first("first-timeout", r"statement timeout", where="postgres")
    end_backends(stage, "application_name = 'migration'")


def end_backends(stage: Stage, where: str) -> None:
    """Terminates backends; that is a fact."""
    stage.facts.note("terminated", r"terminating connection|administrator command")
    for pid in backends(where):
        with database() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", (pid,))


def break_backends(stage: Stage) -> None:
    """The kernel kills backends, and PostgreSQL recovers each time."""
    stage.facts.note("first-kill", r"signal 9|out of memory|killed")
    for _ in range(8):
        pids = backends("usename = 'shop_api'")
        if pids:
            write_kernel(f"Out of memory: Killed process {pids[0]} (postgres) total-vm:412000kB, anon-rss:398112kB")
            run("kill", "-9", str(pids[0]))
        stage.wait(5)


def write_kernel(text: str) -> None:
    """Writes the kernel's line, since the machine's own kernel is not to be seen here."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.sendto(
            f"PRIORITY=3\nSYSLOG_IDENTIFIER=kernel\nMESSAGE={text}\n".encode(), "/run/systemd/journal/socket"
        )


def repair_backends(stage: Stage) -> None:
    """Nothing is killed any more."""
    stage.first("recovery", r"reinitializ|recover|not properly shut down", where="postgres")
    stage.first("ready", r"ready to accept|accept\w* connections|is ready", where="postgres", last=True)


def break_slots(stage: Stage) -> None:
    """A reporting job takes all connections; the app's own ones are recycled once, as a failover would do."""
    stage.facts.note("job-started", r"analytics|cohort report")
    run("systemctl", "start", "analytics.service")
    stage.wait(3)
    for pid in backends("usename = 'shop_api'"):
        with database() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", (pid,))


def repair_slots(stage: Stage) -> None:
    """The job is stopped."""
    stage.first("slots", r"remaining connection slots|too many clients", where="postgres")
    stage.facts.note("job-stopped", r"stopp\w* .*(analytics|cohort)|analytics.*(stop|deactivated)|consumed .*analytics")
    run("systemctl", "stop", "analytics.service")


# The payments host -----------------------------------------------------------------------------------------


def break_payments(stage: Stage) -> None:
    """The provider behind payments does not answer in time."""
    stage.facts.note("stalled", r"provider link stalled")
    stage.fault(PAYMENTS, "stall=5")


def repair_payments(stage: Stage) -> None:
    """The provider answers again."""
    stage.first("first-timeout", r"checkout.*timed? ?out|timed? ?out.*checkout")
    stage.facts.note("restored", r"provider link restored")
    stage.fault(PAYMENTS, "stall=0")


def break_name(stage: Stage) -> None:
    """The name of the payments host is gone."""
    write_hosts(payments=False)
    stage.wait(1)


def repair_name(stage: Stage) -> None:
    """The name is back."""
    stage.first("unresolved", r"name or service not known|name resolution|no address associated")
    write_hosts(payments=True)


def write_hosts(*, payments: bool) -> None:
    """Writes the machine's own /etc/hosts, in place, since it is a mount."""
    HOSTS.write_text("127.0.0.1 localhost\n" + "10.0.30.31 payments.shop.internal\n" * payments, encoding="ascii")


def break_certificate(stage: Stage) -> None:
    """The certificate that payments serves ends now."""
    certify(stage, seconds=20)
    stage.facts.note("short-certificate", r"payments.*start|start.*payments")
    run("systemctl", "restart", "payments.service")
    stage.wait(20)


def repair_certificate(stage: Stage) -> None:
    """A new certificate, and a restart that loads it."""
    stage.first("expired", r"certificate.*expired|expired.*certificate")
    certify(stage, seconds=86400)
    restart(stage, "payments-restarted", "payments", r"payments.*(start|stopp)|(start|stopp)\w+ .*payments")


def certify(stage: Stage, *, seconds: int) -> None:
    """Issues a certificate for payments."""
    run("sh", str(OPT / "tls" / "certify.sh"), str(seconds if seconds > 60 else int(seconds * stage.pace)))  # noqa: PLR2004


# The proxy -------------------------------------------------------------------------------------------------


def break_proxy(stage: Stage) -> None:
    """A config that does not parse, then one that parses and is wrong."""
    good = NGINX.read_text(encoding="utf-8")
    NGINX.with_suffix(".good").write_text(good, encoding="utf-8")
    stage.facts.note("reload-failed", r"\[?emerg|unknown directive|reload failed|nginx.*(failed|exited)")
    NGINX.write_text(good.replace("proxy_connect_timeout", "proxy_conect_timeout"), encoding="utf-8")
    subprocess.run(["systemctl", "reload", "nginx.service"], check=False, capture_output=True)
    stage.wait(12)
    NGINX.write_text(good.replace("127.0.0.1:8080", "127.0.0.1:8180"), encoding="utf-8")
    stage.facts.note("bad-reload", r"reload|reconfigur|signal process started|connection refused")
    run("systemctl", "reload", "nginx.service")


def repair_proxy(stage: Stage) -> None:
    """The config from before."""
    stage.first("refused", r"connect\(\) failed.*refused")
    NGINX.write_text(NGINX.with_suffix(".good").read_text(encoding="utf-8"), encoding="utf-8")
    stage.facts.note("good-reload", r"reload|reconfigur|signal process started")
    run("systemctl", "reload", "nginx.service")


# Two at once, and a deploy that did nothing ------------------------------------------------------------------


def break_two(stage: Stage) -> None:
    """A migration locks carts, and soon after the provider stalls."""
    hold_lock(stage, "carts")
    stage.wait(15)
    break_payments(stage)


def repair_two(stage: Stage) -> None:
    """First the lock goes, then the provider comes back."""
    repair_lock(stage)
    stage.wait(20)
    repair_payments(stage)


def break_after_deploy(stage: Stage) -> None:
    """A harmless deploy, and half a minute later something else."""
    announce(stage, "shop-worker 2.1.0")
    restart(stage, "worker-restarted", "shop-worker", r"shop-worker|background worker")
    stage.wait(25)
    break_payments(stage)


@dataclass(frozen=True)
class Kind:
    """One kind of incident.

    Attributes:
        breaks: what the injector does.
        repairs: how it undoes it.
        patience: how long people wait for the alert, in seconds.
        chat: whether the evidence holds the chat.
        skew: by how many seconds the clock of payments-01 is ahead.
        ramp: seconds in which six errors make an outage.
    """

    breaks: Callable[[Stage], None]
    repairs: Callable[[Stage], None]
    patience: float = 45.0
    chat: bool = True
    skew: int = 0
    ramp: float = 10.0


KINDS: Final[dict[str, Kind | None]] = {
    "bad_deploy": Kind(break_deploy, repair_deploy),
    "crash_loop": Kind(break_start, repair_start),
    "pool_exhaustion": Kind(break_pool, repair_pool),
    "lock": Kind(break_lock, repair_lock),
    "disk_full": Kind(break_disk, repair_disk),
    "pg_crash": Kind(break_backends, repair_backends, patience=10),
    "upstream_hang": Kind(break_payments, repair_payments),
    "dns": Kind(break_name, repair_name),
    "certificate": Kind(break_certificate, repair_certificate),
    "bad_reload": Kind(break_proxy, repair_proxy),
    "slow_leak": Kind(break_sessions, repair_sessions, patience=150, ramp=60.0),
    "overlap": Kind(break_two, repair_two),
    "red_herring": Kind(break_after_deploy, repair_payments),
    "no_chat": Kind(break_slots, repair_slots, chat=False),
    "clock_skew": Kind(break_payments, repair_payments, skew=420),
    "quiet": None,
}
"""The quiet window has nothing to break."""
