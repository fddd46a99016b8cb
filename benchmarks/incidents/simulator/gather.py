"""Copies the evidence out, host by host: one machine plays all hosts, so its journal is parted by unit."""

from __future__ import annotations

import json
import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from simulator.stage import run

if TYPE_CHECKING:
    from recorder.slack import Workspace

OWNERS: Final = (("payments", "payments-01"), ("postgresql", "db-01"), ("kernel", "db-01"))
"""Words in the unit or the identifier of an entry, and the host that it belongs to; all else is web-01's."""

STAMPS: Final = ("__REALTIME_TIMESTAMP", "_SOURCE_REALTIME_TIMESTAMP")


def gather(folder: Path, workspace: Workspace | None, since: int, skew: int) -> None:
    """Writes the evidence.

    Args:
        folder: Where to; it is made.
        workspace: The chat, None for an incident without.
        since: Microseconds since 1970 from which on the journal is exported, as an engineer does.
        skew: By how many seconds the clock of payments-01 is ahead.
    """
    run("journalctl", "--sync")
    for host in ("web-01", "db-01", "payments-01"):
        (folder / host).mkdir(parents=True)
    for name in ("access.log", "error.log"):
        shutil.copy2(f"/var/log/nginx/{name}", folder / "web-01" / name)
    shutil.copy2("/var/log/postgresql/postgresql-15-main.log", folder / "db-01")
    shutil.copy2(Path(__file__).parents[1] / "conf" / "timeline-build.toml", folder)
    journals: dict[str, list[str]] = {}
    for line in run("journalctl", "-q", "-o", "json", f"--since=@{since // 1_000_000}").splitlines():
        entry = json.loads(line)
        host = owner(entry)
        journals.setdefault(host, []).append(json.dumps(moved(entry, host, skew if host == "payments-01" else 0)))
    for host, lines in journals.items():
        (folder / host / "journal.json").write_text("\n".join(lines) + "\n", encoding="utf-8")
    if workspace:
        workspace.export(folder / "slack-export.zip")


def owner(entry: dict[str, Any]) -> str:
    """Returns the host that an entry belongs to."""
    told = " ".join(str(entry.get(name, "")) for name in ("_SYSTEMD_UNIT", "UNIT", "SYSLOG_IDENTIFIER"))
    return next((host for word, host in OWNERS if word in told), "web-01")


def moved(entry: dict[str, Any], host: str, skew: int) -> dict[str, Any]:
    """Returns an entry as the journal of *host* would hold it, by that host's clock."""
    boot = uuid.uuid5(uuid.NAMESPACE_DNS, host + str(entry["_BOOT_ID"])).hex
    fresh = entry | {"_HOSTNAME": host, "_BOOT_ID": boot, "_MACHINE_ID": uuid.uuid5(uuid.NAMESPACE_URL, boot).hex}
    for name in STAMPS:
        if name in fresh:
            fresh[name] = str(int(fresh[name]) + skew * 1_000_000)
    parts = dict(part.partition("=")[::2] for part in str(entry["__CURSOR"]).split(";"))
    parts |= {"b": boot, "t": f"{int(fresh['__REALTIME_TIMESTAMP']):x}"}
    return fresh | {"__CURSOR": ";".join(f"{key}={value}" for key, value in parts.items())}
