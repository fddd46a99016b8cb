"""Write a binary journal of several hosts, boots and units through systemd-journal-remote."""

from __future__ import annotations

import random
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from datasets import START, Dataset

REMOTE = "systemd-journal-remote"
REMOTE_FOLDERS = "/lib/systemd:/usr/lib/systemd"
HOURS = 6
HOSTS = ("web-01", "web-02", "db-01")
BOOTS = 2
JITTER_US = 900


@dataclass(frozen=True)
class Unit:
    """One sender of messages, and how often it speaks.

    Attributes:
        name: its unit; empty for the kernel.
        program: SYSLOG_IDENTIFIER and _COMM.
        transport: how the message reaches journald.
        weight: its share of the entries.
        text: makes a message.
    """

    name: str
    program: str
    transport: str
    weight: int
    text: Callable[[random.Random], str]


def _access(rng: random.Random) -> str:
    return (
        f"203.0.113.{rng.randint(1, 254)} - - [15/Jun/2026:14:{rng.randrange(60):02d}:{rng.randrange(60):02d} +0000] "
        f'"GET /products/{rng.randrange(20_000)} HTTP/2.0" {rng.choice((200, 200, 200, 304, 404, 502))} '
        f'{rng.randrange(40_000)} "-" "Mozilla/5.0 (X11; Linux x86_64)"'
    )


def _database(rng: random.Random) -> str:
    stamp = f"2026-06-15 14:{rng.randrange(60):02d}:07.{rng.randrange(1000):03d} UTC"
    statement = f"SELECT * FROM orders WHERE id = {rng.randrange(10**6)}"
    took = rng.lognormvariate(3, 2)
    return f"{stamp} [{rng.randint(4000, 9000)}] shop@shop LOG:  duration: {took:.3f} ms  statement: {statement}"


def _json(rng: random.Random) -> str:
    order, trace, took = rng.randrange(10**7), rng.getrandbits(128), rng.randrange(900)
    return f'{{"level":"info","msg":"order placed","order_id":{order},"trace_id":"{trace:032x}","took_ms":{took}}}'


def _application(rng: random.Random) -> str:
    if rng.random() < TRACEBACK_SHARE:
        return _traceback(rng)
    customer, took = rng.randrange(10**6), rng.randrange(900)
    return f"INFO checkout {rng.getrandbits(64):016x} for customer {customer} done in {took} ms"


def _traceback(rng: random.Random) -> str:
    frames = [
        f'  File "/srv/shop/api/step_{number}.py", line {rng.randrange(400)}, in handle\n    return await call(request)'
        for number in range(9)
    ]
    end = f"TimeoutError: QueuePool limit reached {rng.randrange(10**6)}"
    return "\n".join(["Traceback (most recent call last):", *frames, end])


def _login(rng: random.Random) -> str:
    return f"Connection closed by 198.51.100.{rng.randint(1, 254)} port {rng.randint(32768, 60999)}"


def _cron(_: random.Random) -> str:
    return "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)"


def _manager(rng: random.Random) -> str:
    return f"Started session-{rng.randrange(900)}.scope - Session {rng.randrange(900)} of User root."


def _kernel(rng: random.Random) -> str:
    return f"TCP: request_sock_TCP: Possible SYN flooding on port {rng.randrange(9000)}. Sending cookies."


TRACEBACK_SHARE = 0.03
UNITS = (
    Unit("shop-api.service", "shop-api", "stdout", 30, _application),
    Unit("shop-events.service", "shop-events", "stdout", 15, _json),
    Unit("nginx.service", "nginx", "syslog", 25, _access),
    Unit("postgresql@15-main.service", "postgres", "stdout", 15, _database),
    Unit("ssh.service", "sshd", "syslog", 5, _login),
    Unit("cron.service", "CRON", "syslog", 3, _cron),
    Unit("init.scope", "systemd", "journal", 4, _manager),
    Unit("", "kernel", "kernel", 3, _kernel),
)


def missing() -> str:
    """Say what to install if there is no systemd-journal-remote, nothing if there is."""
    return "" if _remote() else "apt install systemd-journal-remote"


def write_journal(folder: Path, entries: int, seed: int = 1) -> Dataset:
    """Write *entries* entries as binary journals into *folder*; the writer begins a new file at 128 MiB.

    Raises:
        RuntimeError: there is no systemd-journal-remote, or it fails.
    """
    if hint := missing():
        raise RuntimeError(f"no {REMOTE} to write binary journals with: {hint}")
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.journal"):  # the writer would append to it
        old.unlink()
    command = [str(_remote()), "--output", str(folder / "remote.journal"), "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as writer:
        assert writer.stdin is not None
        for entry in export(entries, seed):
            writer.stdin.write(entry)
    if writer.returncode:
        raise RuntimeError(f"{REMOTE} failed with exit code {writer.returncode}")
    return Dataset(folder, entries, entries)


def write_export(path: Path, entries: int, seed: int = 1) -> Dataset:
    """Write the same entries as `journalctl -o export` does."""
    with path.open("wb") as file:
        file.writelines(export(entries, seed))
    return Dataset(path, entries, entries)


def export(entries: int, seed: int = 1) -> Iterator[bytes]:
    """Yield entries in the export format: 13 to 31 fields, hosts mixed, each host's second boot after its first."""
    rng = random.Random(seed)
    step = HOURS * 3_600_000_000 // entries
    constant = {key: _constant(*key) for key in product(HOSTS, range(BOOTS), UNITS)}
    units = rng.choices(UNITS, weights=[unit.weight for unit in UNITS], k=entries)
    for number, unit in enumerate(units):
        boot = number * BOOTS // entries
        realtime = START * 1_000_000 + number * step
        yield b"".join((
            _times(realtime, unit, rng),
            constant[rng.choice(HOSTS), boot, unit],
            _message(unit.text(rng)),
            _own(unit, rng),
            b"\n",
        ))  # fmt: skip


def _remote() -> str | None:
    return shutil.which(REMOTE) or shutil.which(REMOTE, path=REMOTE_FOLDERS)


def _times(realtime: int, unit: Unit, rng: random.Random) -> bytes:
    lines = [f"__REALTIME_TIMESTAMP={realtime}", f"__MONOTONIC_TIMESTAMP={realtime - START * 1_000_000 + 9_000_000}"]
    if unit.transport != "stdout":
        lines.append(f"_SOURCE_REALTIME_TIMESTAMP={realtime - rng.randrange(JITTER_US)}")
    return ("\n".join(lines) + "\n").encode()


def _message(text: str) -> bytes:
    """Write MESSAGE; a value with line ends is preceded by its length."""
    raw = text.encode()
    if b"\n" not in raw:
        return b"MESSAGE=" + raw + b"\n"
    return b"MESSAGE\n" + len(raw).to_bytes(8, "little") + raw + b"\n"


def _own(unit: Unit, rng: random.Random) -> bytes:
    """Write the fields that differ from one message of a unit to the next."""
    lines = [f"PRIORITY={rng.choices((6, 5, 4, 3), weights=(90, 5, 3, 2))[0]}"]
    if unit.transport == "syslog":
        lines += [f"SYSLOG_PID={1000 + rng.randrange(40)}", "SYSLOG_TIMESTAMP=Jun 15 14:03:11 "]
    if unit.program == "systemd":
        session = f"session-{rng.randrange(900)}.scope"
        lines += [
            f"UNIT={session}", "MESSAGE_ID=39f53479d3a045ac8e11786248231fbf", "JOB_TYPE=start", "JOB_RESULT=done",
            f"JOB_ID={rng.randrange(9000)}", "CODE_FILE=src/core/job.c", "CODE_LINE=581",
            "CODE_FUNC=job_emit_done_message",
        ]  # fmt: skip
    return ("\n".join(lines) + "\n").encode()


def _constant(host: str, boot: int, unit: Unit) -> bytes:
    """Write the fields that all messages of a unit share during a boot."""
    fields = {
        "_HOSTNAME": host, "_MACHINE_ID": _identity(host), "_BOOT_ID": _identity(f"{host} {boot}"),
        "_TRANSPORT": unit.transport, "SYSLOG_IDENTIFIER": unit.program, "SYSLOG_FACILITY": "3",
    }  # fmt: skip
    if unit.name:
        pid = str(500 + int(_identity(f"{host} {boot} {unit.name}")[:3], 16))
        fields |= {
            "_PID": pid, "_UID": "0", "_GID": "0", "_COMM": unit.program, "_EXE": f"/usr/bin/{unit.program}",
            "_CMDLINE": f"/usr/bin/{unit.program} --config /etc/{unit.program}.conf", "_CAP_EFFECTIVE": "1ffffffffff",
            "_SYSTEMD_CGROUP": f"/system.slice/{unit.name}", "_SYSTEMD_UNIT": unit.name,
            "_SYSTEMD_SLICE": "system.slice",
            "_SYSTEMD_INVOCATION_ID": _identity(f"invocation {host} {boot} {unit.name}"),
        }  # fmt: skip
    else:
        fields |= {"_KERNEL_SUBSYSTEM": "net", "_KERNEL_DEVICE": "n2"}
    if unit.transport == "stdout":
        fields["_STREAM_ID"] = _identity(f"stream {host} {boot} {unit.name}")
    return "".join(f"{name}={value}\n" for name, value in fields.items()).encode() + _apparmor(unit)


def _apparmor(unit: Unit) -> bytes:
    """Write the label that AppArmor gives: it ends with a line end, so even a plain text log must count its bytes."""
    label = b"unconfined\n"
    return b"_SELINUX_CONTEXT\n" + len(label).to_bytes(8, "little") + label + b"\n" if unit.name else b""


def _identity(name: str) -> str:
    return uuid.uuid5(uuid.NAMESPACE_DNS, name).hex
