"""The course of every incident: quiet, fault, alert, people, repair, quiet; the kinds say what breaks."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import threading
import time
import urllib.request
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recorder import cast
from recorder.alerting import Alert
from recorder.clock import iso, now_us
from recorder.load import Load
from recorder.slack import ts_us

from simulator.facts import MARGIN_US, Facts
from simulator.talk import CHATTER, TALKS, words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from recorder.slack import Message

    from simulator.talk import Said

ACCESS = Path("/var/log/nginx/access.log")
ERRORS = ACCESS.with_name("error.log")
POSTGRES = Path("/var/log/postgresql/postgresql-15-main.log")
FAILED = r"\b(5xx|50\d)\b|upstream"
ROUTES = ("/checkout", "/checkout", "/checkout", "/cart", "/cart", "/catalog", "/catalog")
RATE = 14.0
RUN = 6


def run(*command: str) -> str:
    """Runs a command and returns what it printed."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def log(text: str) -> None:
    """Tells the person who records how far it is."""
    print(iso(now_us()), text, file=sys.stderr, flush=True)


@dataclass
class Stage:
    """One incident being played; `pace` shortens every wait, an outage begins with six errors in `ramp` seconds."""

    kind: str
    pace: float = 1.0
    chat: bool = True
    facts: Facts = field(default_factory=Facts)
    load: Load = field(default_factory=lambda: Load(rate=RATE, routes=ROUTES))
    firing: threading.Event = field(default_factory=threading.Event)
    resolved: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    ramp: float = 10.0
    opened: int = 0
    broken: int = 0

    def __post_init__(self) -> None:
        """Makes the workspace, the alert and the dice."""
        self.slack = cast.workspace()
        self.alert = Alert(ACCESS, self.on_firing, self.on_resolved, window=20.0, hold=8.0)
        self.dice = random.Random(zlib.crc32(self.kind.encode()))

    # Chat ------------------------------------------------------------------------------------------------

    def say(self, said: Said, name: str = "") -> Message:
        """Says something; with a name it is a fact."""
        who, channel, text = said
        shown, regex = words(text)
        message = self.slack.say(channel, who, shown)
        if name and self.chat:
            self.facts.note(name, regex, kind="chat", at=ts_us(message))
        return message

    def post(self, channel: str, who: str, text: str, name: str, regex: str, color: str = "439fe0") -> None:
        """A bot posts an attachment with no text of its own; it is a fact."""
        attachment = {"id": 1, "color": color, "title": text, "fallback": text}
        message = self.slack.app(channel, who, attachments=[attachment])
        if self.chat:
            self.facts.note(name, regex, kind="chat", at=ts_us(message))

    def on_firing(self, ratio: float) -> None:
        """The alert posts that it fires."""
        text = f"[FIRING:1] HighErrorRate shop (production) {ratio:.0%} of requests fail with 5xx"
        self.post("alerts", cast.ALERTMANAGER, text, f"alert-firing-{now_us()}", "FIRING.*HighErrorRate", "a30200")
        self.firing.set()

    def on_resolved(self) -> None:
        """The alert posts that it is over."""
        text = "[RESOLVED] HighErrorRate shop (production)"
        self.post("alerts", cast.ALERTMANAGER, text, f"alert-resolved-{now_us()}", "RESOLVED.*HighErrorRate", "2eb886")
        self.resolved.set()

    def chatter(self) -> None:
        """Talks of other things, all the time."""
        for said in self.dice.sample(CHATTER, len(CHATTER)):
            if self.over.wait(self.dice.uniform(8, 40) * self.pace):
                return
            self.say(said)

    # Course ----------------------------------------------------------------------------------------------

    def wait(self, seconds: float) -> None:
        """Waits, at the pace of the recording."""
        time.sleep(seconds * self.pace)

    def fault(self, port: int, query: str) -> None:
        """Breaks or repairs a running service of the shop."""
        urllib.request.urlopen(f"http://127.0.0.1:{port}/faults?{query}", timeout=5).read()

    def play(self, breaks: Callable[[Stage], None], repairs: Callable[[Stage], None], patience: float) -> None:
        """Plays an incident; *patience* is how long people wait for the alert, in seconds."""
        self.open()
        talk = TALKS.get(self.kind)
        self.broken = now_us()
        log(f"{self.kind}: broken")
        breaks(self)
        self.firing.wait(patience * self.pace)
        self.wait(8)
        if talk and self.chat:
            self.say(talk.declare, "declared")
            for said in talk.discuss:
                self.wait(self.dice.uniform(4, 7))
                self.say(said)
            self.wait(self.dice.uniform(7, 11))
            self.say(talk.finding, "finding")
            self.wait(self.dice.uniform(5, 8))
            self.say(talk.decision, "decision")
            self.wait(5)
        else:
            self.wait(25)
        log(f"{self.kind}: repairing")
        repairs(self)
        self.wait(4)
        if talk and self.chat:
            self.say(talk.done, "done")
        self.resolved.wait(60 * self.pace)
        self.wait(8)
        if talk and self.chat:
            self.say(talk.close, "closed")
        self.close(25)

    def open(self) -> None:
        """Begins the quiet time before, with fresh logs: nobody's evidence begins with the start of all servers."""
        for path in (ACCESS, ERRORS, POSTGRES):
            os.truncate(path, 0)
        self.opened = now_us()
        self.load.start()
        self.alert.start()
        threading.Thread(target=self.chatter, daemon=True).start()
        self.wait(self.dice.uniform(75, 95))

    def close(self, seconds: float) -> None:
        """Ends with a quiet time, and notes what only the end shows."""
        self.wait(seconds)
        self.over.set()
        self.load.stop()
        self.alert.stopped.set()
        self.note_outage()
        self.note_incident()

    # What only the end shows -------------------------------------------------------------------------------

    def note_outage(self) -> None:
        """Notes the first 5xx of a run that clients saw, and the last."""
        errors = sorted(at for at, _, target in self.load.errors if at >= self.broken > 0 and not is_stray(target))
        pairs = zip(errors, errors[RUN - 1 :], strict=False)
        onset = next((first for first, later in pairs if later - first < self.ramp * 1e6), None)
        if onset is not None:
            self.facts.note("first-5xx", FAILED, at=onset)
            self.facts.note("last-5xx", FAILED, at=errors[-1])
            self.facts.span("outage", onset, errors[-1])

    def note_incident(self) -> None:
        """Notes the interval in which all facts lie."""
        stamps = sorted(row["t"] for row in self.facts.rows if "regex" in row)
        if stamps:
            self.facts.rows.append({"id": "incident", "t": stamps[0], "until": stamps[-1], "kind": "interval"})

    def first(self, name: str, regex: str, *, where: str = "journal", last: bool = False, **more: Any) -> None:
        """Notes as a fact the first (or last) record since the fault that matches, as journalctl or the log show it."""
        run("journalctl", "--sync")
        found = [
            at
            for at, text in (journal() if where == "journal" else postgres())
            if re.search(regex, text, re.IGNORECASE)
        ]
        found = [at for at in found if at >= self.broken - MARGIN_US]
        if not found:
            raise SystemExit(f"{self.kind}: no record shows {name} ({regex})")
        self.facts.note(name, regex, at=max(found) if last else min(found), **more)


def is_stray(target: str) -> bool:
    """Tells a request that always fails: the app has a few customers with a broken cart."""
    path, _, customer = target.partition("?customer=")
    return path == "/cart" and int(customer) % 600 == 7  # noqa: PLR2004


def journal() -> Iterator[tuple[int, str]]:
    """Yields time and text of every entry, by journalctl."""
    for line in run("journalctl", "-q", "-o", "json").splitlines():
        entry = json.loads(line)
        unit = entry.get("UNIT", "")
        yield int(entry["__REALTIME_TIMESTAMP"]), f"{entry['SYSLOG_IDENTIFIER']} {unit} {entry['MESSAGE']}"


def postgres() -> Iterator[tuple[int, str]]:
    """Yields time and text of every line of PostgreSQL's log that has a stamp (UTC)."""
    from datetime import datetime

    for line in POSTGRES.read_text(encoding="utf-8", errors="replace").splitlines():
        head = re.match(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) UTC", line)
        if head:
            yield int(datetime.fromisoformat(head[1] + "+00:00").timestamp() * 1e6), line
