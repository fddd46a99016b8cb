"""What a generated file holds, so that a reader can be held against it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

START = int(datetime(2026, 6, 15, 12, tzinfo=UTC).timestamp())
"""When the generated day begins: 2026-06-15 12:00 UTC."""


@dataclass(frozen=True)
class Dataset:
    """One generated file or folder, and what a reader must find in it.

    Attributes:
        path: the file or folder.
        events: how many records it holds.
        lines: how many physical lines (entries, messages) carry them.
        counts: further counts by name, such as the records of severity ERROR.
    """

    path: Path
    events: int
    lines: int
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes on disk."""
        if self.path.is_file():
            return self.path.stat().st_size
        return sum(file.stat().st_size for file in self.path.rglob("*") if file.is_file())
