"""Tell the shapes of a journal apart by their first bytes, and from what is no journal."""

from __future__ import annotations

import re
from typing import Final

from timeline.textlog import is_json_array

BINARY: Final = "binary"
EXPORT: Final = "export"
JSON: Final = "json"
SHORT: Final = "short"
VERBOSE_TEXT: Final = "verbose"

MAGIC: Final = b"LPKSHHRH"

_EXPORT: Final = re.compile(rb"\s*_{0,2}[A-Z0-9][A-Z0-9_]{0,63}[=\n]")
_EXPORT_MARK: Final = re.compile(rb"^__(?:REALTIME_TIMESTAMP|CURSOR)=", re.MULTILINE)
_JSON: Final = re.compile(rb"\s*(?:\x1e|data: )?\{")
# Inside a JSON string the quotes would be escaped, so this is a key.
_JSON_MARK: Final = re.compile(rb'"__(?:REALTIME_TIMESTAMP|CURSOR|MONOTONIC_TIMESTAMP)"\s*:')

TAIL: Final = r"(?:(?P<host>[^\s:\[\]]+) )?(?P<ident>.*?)(?:\[(?P<pid>[0-9]{1,18})\])?: ?(?P<message>.*)$"
"""What follows the stamp of a short line; the message begins where its further lines are indented to."""

DATED: Final = (
    r"^(?:[A-Z][a-z]{2} )?(?P<stamp>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d{1,6}))?"
    r" ?(?P<zone>Z|[+-]\d\d(?::?\d\d)?|[A-Z][A-Za-z]{1,5}) "
)
"""short-iso (before systemd 255 `-0500`, later `-05:00`), short-iso-precise, short-full, with-unit."""

_ENGLISH: Final = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
YEARLESS: Final = rf"^(?P<stamp>{_ENGLISH} [ 0-3]\d \d\d:\d\d:\d\d)(?:\.(?P<fraction>\d{{1,6}}))? "
"""short, short-precise in English; traditional syslog files look the same."""

EPOCH: Final = r"^(?P<stamp>\d{9,11})\.(?P<fraction>\d{6}) "
"""short-unix."""

MONOTONIC: Final = r"^\[ *\d+\.\d{6}[^\]]{0,40}\] "
"""short-monotonic, short-delta: seconds since boot, of which no time can be made."""

VERBOSE: Final = (
    r"^(?:[A-Z][a-z]{2} )?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})? \S+ "
    r"\[(?P<cursor>s=[0-9a-f]{1,32};i=[0-9a-f]{1,16};"
    r"b=(?P<boot>[0-9a-f]{32});m=[0-9a-f]{1,16};t=(?P<realtime>[0-9a-f]{1,16});x=[0-9a-f]{1,16})\]$"
)
"""The head of an entry of verbose: `t` is the time of reception, which needs no zone."""
_VERBOSE: Final = re.compile(VERBOSE.encode(), re.MULTILINE)

# Narrower than what is parsed: a PostgreSQL log may begin with a date and a zone as well, but journalctl writes the
# weekday in front or a T inside.
_SHORT_HEADS: Final = (
    r"[A-Z][a-z]{2} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})? (?:[+-]\d\d(?:\d\d)?|[A-Z][A-Za-z]{1,5}) (?!\[s=)",
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:?\d\d) (?![\[{])",
    rf"{_ENGLISH} [ 0-3]\d \d\d:\d\d:\d\d(?:\.\d{{1,6}})? ",
    r"\d{9,11}\.\d{6} (?=\S+ )",
    r"\[ *\d+\.\d{6}[^\]]{0,40}\] ",
)
# A stamp can begin the lines of any program: its level, pairs of key and value, quotes and URLs name no sender.
_SENDER: Final = (
    r"(?!(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|CRIT|CRITICAL|FATAL|PANIC)\b)"
    r'(?:[^\s:\[\]"=]+ )?(?P<sender>[^"=\n]*?)(?:\[\d{1,18}\])?:(?: |\r?$)'
)
_SHORT_HEAD: Final = re.compile("(?:{}){}".format("|".join(_SHORT_HEADS), _SENDER).encode())
# What a syslog daemon writes as well: the log of one program then is better read by who knows that program.
_SYSLOG_HEAD: Final = re.compile(rf"(?:{_ENGLISH} [ 0-3]\d \d\d:\d\d:\d\d |\d{{4}}-\d\d-\d\dT)".encode())
_ONE_PROGRAM: Final = 0.98

# What a stamp in another language can look like: few lines need the whole list of names.
_LOCAL_LOOK: Final = re.compile(
    rb" ?(?:[^\s\d\[\](){}<>\"':/]|\d\d?(?:\xe6\x9c\x88|\xec\x9b\x94))\D{0,24}\d\d? \d\d:\d\d:\d\d[. ].*?:"
)

DECORATION: Final = (
    r"^(?:(?:--|░░)(?: |$)|Hint: You are currently not seeing messages"
    r"|(?:Notice|Warning): (?:.*journal has been rotated|some journal files were not opened)"
    r"|No journal files were (?:found|opened)|Journal file .* (?:is truncated|corrupted|uses an unsupported feature))"
)
"""Lines that journalctl adds: `-- Boot … --`, `-- Logs begin at …`, `-- No entries --`, catalog, hints."""
_DECORATION: Final = re.compile(DECORATION.encode())

# What a terminal would obey: colours, and the hyperlinks that journalctl makes of file names.
_COLOURS: Final = re.compile(rb"\x1b(?:\[[0-9;]*m|\]8;[^\x07\x1b\n]*(?:\x07|\x1b\\))")

_ENOUGH_LINES: Final = 2


def without_colours(text: bytes) -> bytes:
    """Remove colours: journalctl indents the further lines of a message as if they were not there."""
    return _COLOURS.sub(b"", text) if b"\x1b" in text else text


def find_shape(head: bytes) -> tuple[str, float]:
    """Return the shape of the journal that *head* begins and how sure that is; 0.0 if it is none."""
    if head.startswith(MAGIC):
        return BINARY, 1.0
    if is_json_array(head):
        return JSON, 0.0
    if _JSON.match(head):
        return JSON, float(bool(_JSON_MARK.search(head)))
    if _EXPORT.match(head) and _EXPORT_MARK.search(head):
        return EXPORT, 1.0
    head = without_colours(head)
    if _VERBOSE.search(head):
        return VERBOSE_TEXT, _share_of_verbose(head)
    return SHORT, _share_of_short(head)


def _share_of_verbose(head: bytes) -> float:
    """Return the share of the unindented lines of *head* that begin an entry or are journalctl's own."""
    lines = [line[:400] for line in head.split(b"\n") if line.strip() and not line.startswith(b" ")]
    lines = lines[:-1] if len(lines) > _ENOUGH_LINES and not head.endswith(b"\n") else lines
    return sum(bool(_VERBOSE.match(line) or _DECORATION.match(line)) for line in lines) / len(lines)


def _share_of_short(head: bytes) -> float:
    """Return the share of the lines of *head* that are short lines; further lines of a message are left out."""
    lines = [line[:400] for line in head.split(b"\n")]
    # The last line may be cut.
    lines = lines[:-1] if len(lines) > _ENOUGH_LINES else lines
    lines = [line for line in lines if line.strip() and (not line.startswith((b" ", b"\t")) or _is_local(line))]
    if not lines:
        return 0.0
    found = [_SHORT_HEAD.match(line) for line in lines]
    heads = sum(match is not None or _is_local(line) for match, line in zip(found, lines, strict=True))
    if not heads:
        return float(lines[0].startswith((b"-- No entries --", b"-- Logs begin at ", b"-- Journal begins at ")))
    decorated = sum(bool(_DECORATION.match(line)) for line in lines)
    share = (heads + decorated) / len(lines)
    senders = {match["sender"] for match in found if match and _SYSLOG_HEAD.match(match.string)}
    return share * _ONE_PROGRAM if len(senders) == 1 and all(found) else share


def _is_local(line: bytes) -> bool:
    """Tell whether *line* begins with a stamp in any language."""
    if not _LOCAL_LOOK.match(line):
        return False
    from timeline_parsers._journal_months import LOCAL

    return re.match(LOCAL, line.decode("utf-8", "replace")) is not None
