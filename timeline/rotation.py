"""Names of rotated logs: which files are pieces of one log."""

from __future__ import annotations

import re
from typing import Final

PACKED: Final = re.compile(r"\.(?:gz|bz2|xz|zst|lz4)$")
ROTATION: Final = re.compile(r"[._-](?:\d{1,3}|\d{8}(?:[-_T]?\d{2,6}Z?)?|\d{4}-\d\d-\d\d(?:[-_T]\d{1,6}Z?)?|old)$")
"""`access.log.1`, `access.log-20260615`, `access.log.2026-06-15`: what logrotate and its like append."""


def stream_of(name: str) -> str:
    """Return what the names of all rotations of one log have in common."""
    return ROTATION.sub("", PACKED.sub("", name))


def turn_of(name: str) -> str:
    """Return what tells rotations of one log apart; a compressed file and the plain one are the same turn."""
    return PACKED.sub("", name).removeprefix(stream_of(name))
