"""The truth of one incident: what the injector did and what was seen, as JSON lines."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from recorder.clock import iso, now_us

if TYPE_CHECKING:
    from pathlib import Path

TOLERANCE_S = 10.0
MARGIN_US = 10_000_000


@dataclass
class Facts:
    """Facts and intervals in the order in which they were noted."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def note(self, name: str, regex: str, *, kind: str = "machine", at: int | None = None, tolerance: float = 0) -> int:
        """Notes a fact and returns its instant.

        Args:
            name: Identity of the fact.
            regex: What a line that tells the fact matches, ignoring case.
            kind: "machine" or "chat".
            at: Microseconds since 1970, now if absent.
            tolerance: Seconds that the line may be away from the fact.
        """
        instant = now_us() if at is None else at
        row = {"id": name, "t": iso(instant), "regex": regex, "tolerance": tolerance or TOLERANCE_S, "kind": kind}
        self.rows.append(row)
        return instant

    def span(self, name: str, begin: int, end: int) -> None:
        """Notes an interval: "incident", or an "outage"."""
        self.rows.append({"id": name, "t": iso(begin), "until": iso(end), "kind": "interval"})

    def write(self, path: Path) -> None:
        """Writes all rows by time, with the interval that all facts lie in."""
        facts = sorted((row for row in self.rows if "regex" in row), key=lambda row: row["t"])
        spans = [row for row in self.rows if "until" in row]
        path.write_text("".join(json.dumps(row) + "\n" for row in [*facts, *spans]), encoding="utf-8")
