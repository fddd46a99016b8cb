"""Plays one kind and gathers its evidence: python3 -m simulator OUT KIND [PACE]."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from simulator.gather import gather
from simulator.kinds import KINDS, certify, write_hosts
from simulator.stage import Stage, run

SERVERS = ("postgresql@15-main", "payments", "shop-api", "shop-worker", "telemetry-agent", "nginx")


def prepare(stage: Stage) -> None:
    """Brings up what every incident needs, before the first request."""
    run("ip", "addr", "add", "10.0.30.31/32", "dev", "lo")
    run("mount", "--bind", "/opt/hosts", "/etc/hosts")
    write_hosts(payments=True)
    run("mount", "-t", "tmpfs", "-o", "size=24m,uid=33,mode=755", "tmpfs", "/opt/spool")
    certify(stage, seconds=86400)
    run("systemctl", "start", *(f"{unit}.service" for unit in SERVERS), "metrics-push.timer")
    # At level notice a starting nginx logs the kernel of the machine that records, a reloaded one does not.
    conf = Path("/etc/nginx/nginx.conf")
    conf.write_text(conf.read_text(encoding="utf-8").replace("error.log warn;", "error.log notice;"), encoding="utf-8")
    subprocess.run(["systemctl", "reload", "nginx.service"], check=True)
    stage.wait(5)


def main() -> None:
    """Plays it."""
    out, name = Path(sys.argv[1]), sys.argv[2]
    kind = KINDS[name]
    stage = Stage(name, float(sys.argv[3]) if len(sys.argv) > 3 else 1.0)  # noqa: PLR2004
    if kind:
        stage.chat, stage.ramp = kind.chat, kind.ramp
    prepare(stage)
    if kind is None:
        stage.open()
        stage.wait(90)
        stage.close(25)
    else:
        stage.play(kind.breaks, kind.repairs, kind.patience)
    gather(out / name, stage.slack if stage.chat else None, stage.opened, kind.skew if kind else 0)
    stage.facts.write(out / f"{name}.truth.jsonl")


if __name__ == "__main__":
    main()
