"""Say what a program logged as a person would: without stamps, process numbers, request ids and other ballast.

The evidence keeps every letter; only the line of the timeline is shorter.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_STAMP = r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[ ]?[+-]\d\d:?\d\d|[ ](?:UTC|GMT|[A-Z]{2,4}T))?"
_LEVELS = r"(?:INFO|DEBUG|NOTICE|TRACE|VERBOSE|LOG)"
_IDS = r"(?:request|req|trace|span|correlation|transaction|session|connection|conn|x-request)(?:[-_]?id)?"
_VERBS = r"(?:Start|Stop|Reload|Finish|Mount)(?:p?ed|p?ing)|Failed to start|Reload failed for"
_UNIT = r"(?P<unit>[\w@.\\:-]+\.(?:service|socket|timer|mount|scope|target|slice))"

LONGEST_DESCRIPTION: Final = 40
"""Characters of the description of a unit; a longer one is left out."""


def _seconds(found: re.Match[str]) -> str:
    """Return a time of a statement or a wait in the unit that a person would take."""
    millis = float(found["ms"])
    return f"{millis / 1000:.1f} s" if millis >= 1000 else f"{millis:.0f} ms"  # noqa: PLR2004


def _wait(found: re.Match[str]) -> str:
    """Return who waits for which lock."""
    verb = "is still waiting for" if found["verb"] == "still waiting for" else "got"
    return f"a session {verb} {found['lock']} on {found['what']} after {_seconds(found)}"


def _statement(found: re.Match[str]) -> str:
    return f"statement took {_seconds(found)}: {found['sql']}"


def _description(found: re.Match[str]) -> str:
    told = (found["told"] or "").rstrip(".")
    short = told and told != found["unit"] and len(told) <= LONGEST_DESCRIPTION
    return f"{found['verb']} {found['unit']}" + (f" ({told})" if short else "")


RULES: Final[tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...]] = tuple(
    (re.compile(pattern), said)
    for pattern, said in (
        # What stands before the message: a stamp, a level, process and thread.
        (rf"^\W{{0,2}}{_STAMP}[\])]?[,;:]?\s*", ""),
        (r"^\[(?:emerg|alert|crit|error|warn|notice|info|debug)\] \d+#\d+: (?:\*\d+ )?", ""),
        (rf"^\[?{_LEVELS}\]?(?=[\s:])[\s:]*", ""),
        (r"^[\w./-]+\[\d+\]: ", ""),
        (r"^\[(?:pid[ =:]*)?\d+\] ", ""),
        # systemd
        (rf"^{_UNIT}: Failed with result '(?P<why>[^']+)'\.?", r"\g<unit> failed (\g<why>)"),
        (rf"^{_UNIT}: (?P<what>Main|Control) process exited, code=\w+, status=(?P<status>\S+?)(?:/\S+)?$",
         r"\g<unit> exited with status \g<status>"),
        (rf"^{_UNIT}: Scheduled restart job, restart counter is at (?P<count>\d+)\.?",
         r"\g<unit> is restarted (number \g<count>)"),
        (rf"^{_UNIT}: Start request repeated too quickly\.?",
         r"\g<unit> is not started again: start request repeated too quickly"),
        (rf"^{_UNIT}: (?P<rest>Deactivated|Consumed)", r"\g<unit> \g<rest>"),
        (rf"^(?P<verb>{_VERBS}) {_UNIT}(?: - (?P<told>.*?))?\.*$", _description),
        # PostgreSQL
        (r"^process \d+ (?P<verb>still waiting for|acquired) (?P<lock>\w+) on (?P<what>.+?) after (?P<ms>[\d.]+) ms.*$",
         _wait),
        (r"(?s)^duration: (?P<ms>[\d.]+) ms\s+(?:statement|execute \S+|parse \S+|bind \S+): (?P<sql>.*)$", _statement),
        (r"^starting (?P<name>PostgreSQL [\d.]+\w*) .*$", r"starting \g<name>"),
        (r" \(PID \d+\)", ""),
        (r" at character \d+", ""),
        # the kernel, nginx
        (r"Killed process \d+ \((?P<name>[^)]+)\).*$", r"killed \g<name>"),
        (r" received from \d+(?=,|$)", " received"),
        (r"\(\d{1,3}: (?P<why>[A-Z][\w ]+)\)", r"(\g<why>)"),
        # what tells requests, processes and connections apart
        (rf"(?i)[,;]?\s*[\[({{]?\b{_IDS}[=:]\s*[\"']?[\w.:/+-]*\d[\w.:/+-]*[\"']?[\])}}]?", ""),
        (r"(?i)\s*\b(?:pid|tid|thread)[=:]\s*\d+", ""),
        (r"\s*[\[(]?\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b[\])]?", ""),
    )
)  # fmt: skip
"""Pattern and what is said instead, applied one after the other."""


def say(message: str) -> str:
    """Return the message of a program as it stands in the timeline; of one that is ballast only, the message itself.

    Args:
        message: text of the record.
    """
    said = message.strip()
    for pattern, instead in RULES:
        said = pattern.sub(instead, said)
    return said.strip() or message
