"""`log_line_prefix`: compile one to an exact pattern, or find out which one a file was written with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from timeline_parsers._pg_labels import KNOWN_LABEL

OPTION: Final = "log_line_prefix"

STAMP: Final = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
# %Z of log_timezone: letters, or a signed number; Windows writes "W. Europe Standard Time" or nothing.
ZONE: Final = r"[A-Za-z]{1,6}|[+-]\d\d(?::?\d\d)?|[A-Z][\w.]*(?: [A-Z][\w.]*){1,4}"

# What each escape writes. Those of a session are empty in background processes, hence `*?`; names may hold
# blanks, colons and even "LOG:", so only the text around them tells where they end.
ESCAPES: Final[Mapping[str, str]] = {
    "a": r"(?P<application>.*?)",
    "u": r"(?P<user>.*?)",
    "d": r"(?P<database>.*?)",
    "r": r"(?P<client>[\w.:%-]+\(\d+\)|\[\w+\])?",
    "h": r"(?P<client>[\w.:%-]+|\[\w+\])?",
    "L": r"[\w.:%\[\]-]*?",
    "b": r"(?P<backend>.*?)",
    "p": r"(?P<pid>\d+)",
    "P": r"\d*",
    "t": rf"(?P<time>{STAMP})(?: (?P<zone>{ZONE})?)?",
    "m": rf"(?P<time>{STAMP}\.\d{{3}})(?: (?P<zone>{ZONE})?)?",
    "n": r"(?P<epoch>\d{9,11}\.\d{3})",
    "i": r"(?P<command>.*?)",
    "e": r"(?P<state>[0-9A-Z]{5})",
    "c": r"(?P<session>[0-9a-f]+\.[0-9a-f]+)",
    "l": r"(?P<session_line>\d+)",
    "s": rf"{STAMP}(?: (?:{ZONE})?)?",
    "v": r"(?:-?\d+/\d+)?",
    "x": r"\d*",
    "Q": r"(?P<query_id>-?\d+)?",
    "%": "%",
}
"""Escape to pattern. Reference: log_line_prefix() in src/backend/utils/error/elog.c."""

RDS: Final = (
    "%t:%r:%u@%d:[%p]:",
    "%m:%r:%u@%d:[%p]:%l:%e:%s:%v:%x:%c:%q%a:",
    "%m:%r:%u@%d:[%p]:%l:%e:%s:%v:%x:%c:%q%a",
)
"""Those that Amazon RDS and Aurora allow."""

KNOWN: Final = (
    "%m [%p] %q%u@%d ",  # Debian, Ubuntu
    "%m [%p] ",  # PostgreSQL 10+, its container image, PGDG packages
    "%t [%p-%l] %q%u@%d ",  # Debian, Ubuntu 9.x
    "%t [%p] %q%u@%d ",
    "%m [%p] %q%u@%d/%a ",
    "%m [%p] %q[user=%u,db=%d,app=%a] ",
    *RDS,
    "%t-%c-",  # Azure
    "%m [%p]: [%l-1] db=%d,user=%u ",  # Cloud SQL
    "%h %m [%p] %q%u@%d ",  # Supabase
    "< %m > ",  # PGDG packages 9.x
    "< %t > ",
    " sql_error_code = %e ",  # Heroku
    "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ",  # pgBadger's advice
    "%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%r ",
    "%t [%p]: [%l-1] user=%u,db=%d ",
    "%t [%p]: [%l-1] ",
    "%t [%p]: ",
    "%t [%p]: [%l-1] %c %x %d %u %a %h ",  # Patroni
    "%t [%p] ",
    "%m ",
    "%t ",
    "[%p] ",
    "",  # PostgreSQL before 10
)
"""Prefixes in the wild; the more telling one first."""

WRAPPED: Final = (
    "user=%u,db=%d,app=%a,client=%h ",  # pgBadger's advice for syslog
    "user=%u,db=%d ",
    "db=%d,user=%u ",
    "[%l-1] db=%d,user=%u ",  # Cloud SQL before it wrote the time
    "%q%u@%d ",
)
"""Prefixes without a time, for logs whose lines are dated by what carries them."""

TIMED: Final = tuple(text for text in KNOWN if text.startswith(("%m", "%t")))
"""Those that begin with a time: a line of one of them is a record wherever it stands."""

# Names people give to fields in `name=value` prefixes, and the escape that each means.
FIELD_NAMES: Final[Mapping[str, str]] = {
    "user": "%u", "usr": "%u", "username": "%u", "db": "%d", "database": "%d", "dbname": "%d", "app": "%a",
    "application": "%a", "application_name": "%a", "appname": "%a", "client": "%h", "host": "%h", "remote": "%h",
    "ip": "%h", "pid": "%p", "session": "%c", "sess": "%c", "line": "%l", "state": "%e", "sqlstate": "%e",
    "error": "%e", "cmd": "%i", "tag": "%i", "vxid": "%v", "xid": "%x", "tx": "%x", "txid": "%x", "trx_id": "%x",
    "type": "%b", "backend": "%b", "qid": "%Q", "query_id": "%Q", "queryid": "%Q",
}  # fmt: skip

_TIME_FIRST: Final = re.compile(r"(?P<lead>[^%]*)(?P<time>%[mt])")
_PID_NEXT: Final = re.compile(r" ?([\[(])%p(?=[^\d])")
_ESCAPE: Final = re.compile(r"%(?P<pad>-?\d*)(?P<escape>[A-Za-z%])|(?P<literal>[^%]+|%)", re.DOTALL)
_STAMP_LAYOUTS: Final = {"%m": "YYYY-MM-DD hh:mm:ss.fff", "%t": "YYYY-MM-DD hh:mm:ss"}


@dataclass(frozen=True)
class Prefix:
    """A compiled `log_line_prefix`.

    Attributes:
        text: as it stands in postgresql.conf.
        pattern: matches the whole prefix; named groups hold the fields.
        lead: the bytes before the time, if the time is the first field and has no padding.
        layout: the layout of that time for `timeline.stamps`, else empty.
        rest: matches what follows the digits of that time.
        pid_mark: the byte before the process id, where only a zone and literal text stand between time and it.
    """

    text: str
    pattern: str
    lead: bytes = b""
    layout: str = ""
    rest: str = ""
    pid_mark: int | None = None

    @property
    def dated(self) -> bool:
        """Whether it writes the time of the record."""
        return "(?P<time>" in self.pattern or "(?P<epoch>" in self.pattern


@cache
def compile_prefix(text: str) -> Prefix:
    """Compile a `log_line_prefix` as PostgreSQL reads it: unknown escapes write nothing."""
    bare = text.lstrip(" ")
    # rsyslog trims blanks in front.
    pattern = f" {{0,{len(text) - len(bare)}}}{_compile(bare)}"
    leading = _TIME_FIRST.match(text)
    if leading is None:
        return Prefix(text, pattern)
    lead, time = leading["lead"], leading["time"]
    zone = rf"(?: (?P<zone>{ZONE})?)?"
    rest = zone + _compile(text[leading.end() :], used={"time", "zone"})
    mark = _PID_NEXT.match(text, leading.end())
    return Prefix(text, pattern, lead.encode(), _STAMP_LAYOUTS[time], rest, ord(mark[1]) if mark else None)


def _compile(text: str, used: Iterable[str] = ()) -> str:
    parts: list[str] = []
    seen = set(used)
    tails = 0
    for found in _ESCAPE.finditer(text):
        if found["literal"] is not None:
            parts.append(re.escape(found["literal"]) if found["literal"] != "%" else "")
        elif found["escape"] == "q":
            parts.append("(?:")
            tails += 1
        else:
            parts.append(_pad(found["pad"], _name_once(ESCAPES.get(found["escape"], ""), seen)))
    # A lazy tail: the earliest label decides. The blank at the end is easily lost on the way through a shell.
    end = " ?" if text.strip() and not text.endswith(" ") else ""
    return "".join(parts) + end + ")??" * tails


def _name_once(pattern: str, seen: set[str]) -> str:
    """Make groups anonymous whose name was used before, for prefixes that repeat an escape."""

    def replace(group: re.Match[str]) -> str:
        if group[1] in seen:
            return "(?:"
        seen.add(group[1])
        return group[0]

    return re.sub(r"\(\?P<(\w+)>", replace, pattern)


def _pad(width: str, pattern: str) -> str:
    if not width.strip("-"):
        return pattern
    return rf"(?:{pattern}) *" if width.startswith("-") else rf" *(?:{pattern})"


@dataclass(frozen=True)
class Inferred:
    """The prefix a file was written with, as far as its first lines tell.

    Attributes:
        prefix: the prefix.
        share: how much of the lines it explains, 0 to 1.
        others: further prefixes that explain as much and read a time, severity or user differently.
    """

    prefix: Prefix
    share: float
    others: tuple[str, ...] = ()


def infer_prefix(head: bytes, candidates: Sequence[str] = KNOWN) -> Inferred:
    """Find the prefix that explains most of the lines of *head*; the first of *candidates* wins among equals.

    Where the lines name their fields, or no known prefix explains nearly all of them, one is put together from
    what they show.
    """
    lines = record_lines(head)
    known = _best(candidates, lines)
    guesses = [text for text in _synthesize(lines) if "=%" in text or known.share < NEARLY_ALL]
    if not guesses:
        return known
    found = _best((*candidates, *guesses), lines)
    # What is put together from the lines does not make a known prefix doubtful.
    return known if found.prefix == known.prefix else found


def _best(candidates: Sequence[str], lines: list[str]) -> Inferred:
    readings = {text: [_read(text, line) for line in lines] for text in candidates}
    ranks = {text: (_share(reading), _count_fields(text)) for text, reading in readings.items()}
    best = max(candidates, key=lambda text: ranks[text])
    others = tuple(
        text
        for text in candidates
        if text != best and ranks[text] >= ranks[best] > (0, 0) and _differ(readings[text], readings[best])
    )
    return Inferred(compile_prefix(best), ranks[best][0], others)


def _count_fields(text: str) -> int:
    """Count the fields that every line has: the prefix that names more of them is read more exactly."""
    return text.partition("%q")[0].count("%")


def share_of(text: str, head: bytes) -> float:
    """Return how much of the lines of *head* the prefix *text* explains, 0 to 1."""
    return _share([_read(text, line) for line in record_lines(head)])


def record_lines(head: bytes) -> list[str]:
    """Return the complete lines of *head* that can start a record."""
    text = head.lstrip(b"\0").decode("utf-8", "replace")
    complete = text.split("\n")
    complete = complete[:-1] if len(complete) > 1 else complete
    return [line.removesuffix("\r") for line in complete if line.strip() and not line.startswith("\t")]


@cache
def line_pattern(text: str) -> re.Pattern[str]:
    """Return the pattern of a whole line behind the prefix *text*, with a label that is known."""
    return re.compile(rf"{compile_prefix(text).pattern}{KNOWN_LABEL}(?P<blanks> {{0,2}})", re.ASCII)


Reading = tuple[str, str, str]


def _read(text: str, line: str) -> Reading | None:
    """Return the time, label and user that a line has under a prefix."""
    found = line_pattern(text).match(line)
    if found is None:
        return None
    fields = found.groupdict()
    return fields.get("time") or fields.get("epoch") or "", fields["label"], fields.get("user") or ""


def _share(reading: list[Reading | None]) -> float:
    return sum(one is not None for one in reading) / max(len(reading), 1)


def _differ(some: list[Reading | None], others: list[Reading | None]) -> bool:
    return any(one and other and one != other for one, other in zip(some, others, strict=True))


# A line whose prefix is none of the known: a time, perhaps in brackets, then fields, then a label.
_UNKNOWN_LINE: Final = re.compile(
    rf"(?P<lead>[<\[]? ?)(?:\d{{10}}\.\d{{3}}(?!\d)|(?P<stamp>{STAMP})(?P<milli>\.\d{{3}})?(?: (?:{ZONE}))?)"
    rf"(?P<fields>.*?)(?<=[ :\]>-]){KNOWN_LABEL}  "
)
# Host and program of a syslog or journal text, which are not ours to read.
_SYSLOG: Final = re.compile(r" \S+ [^\s\[]+\[\d+\]: ")
# What a field without a name looks like, and the escape that each means; `[7-1]` is "[%l-1]" behind a pid.
_SHAPES: Final[Mapping[str, tuple[str, str]]] = {
    "pid_line": (r"\[\d+-\d+\]", "[%p-%l]"),
    "bracketed_pid": (r"\[\d+\]", "[%p]"),
    "session": (r"\b[0-9a-f]{8}\.[0-9a-f]+\b", "%c"),
    "client_and_port": (r"\[local\]|[\w.:-]+\(\d+\)", "%r"),
    "address": (r"\b\d+\.\d+\.\d+\.\d+\b", "%h"),
    "vxid": (r"\b\d+/\d+\b", "%v"),
    "named": (r"\b(?P<name>[A-Za-z_]+)=(?P<value>[^\s,;|\]]*)", ""),
    "user_at_database": (r"[^\s@,;|=\[\]]+@[^\s@,;|=\[\]]+", "%u@%d"),
    "success": (r"\b00000\b", "%e"),
    "number": (r"\b\d+\b", "%p"),
}
_FIELD: Final = re.compile("|".join(f"(?P<{name}>{pattern})" for name, (pattern, _) in _SHAPES.items()))
NEARLY_ALL: Final = 0.9
_SAMPLES: Final = 20


def _synthesize(lines: list[str]) -> list[str]:
    """Guess prefixes from lines that name their fields, such as `user=%u,db=%d`."""
    found = (_UNKNOWN_LINE.match(line) for line in lines[: 10 * _SAMPLES])
    guesses = (_guess(match) for match in found if match and not _SYSLOG.match(match["fields"]))
    distinct = [text for text in dict.fromkeys(guesses) if text not in KNOWN][:_SAMPLES]
    return [_with_line_number(text, lines) for text in distinct]


def _with_line_number(text: str, lines: list[str]) -> str:
    """Take a number for `%l` where it counts the lines of each process."""
    counted = text.replace("%x", "%l", 1)
    if counted == text or "%l" in text:
        return text
    last: dict[str, int] = {}
    steps: list[int] = []
    for found in filter(None, map(line_pattern(counted).match, lines)):
        fields = found.groupdict()
        process, number = fields.get("session") or fields.get("pid") or "", int(fields["session_line"])
        if process in last:
            steps.append(number - last[process])
        last[process] = number
    return counted if steps and steps.count(1) >= NEARLY_ALL * len(steps) else text


def _guess(line: re.Match[str]) -> str:
    time = "%m" if line["milli"] else "%t" if line["stamp"] else "%n"
    pid_seen = False
    parts = [line["lead"].replace("%", "%%"), time]
    place = 0
    for field in _FIELD.finditer(line["fields"]):
        parts.append(line["fields"][place : field.start()].replace("%", "%%"))
        parts.append(_escape_of(field, pid_seen=pid_seen))
        pid_seen = pid_seen or "%p" in parts[-1] or "%c" in parts[-1]
        place = field.end()
    return "".join([*parts, line["fields"][place:].replace("%", "%%")])


def _escape_of(field: re.Match[str], *, pid_seen: bool) -> str:
    if field["named"]:
        escape = FIELD_NAMES.get(field["name"].lower(), field["value"].replace("%", "%%"))
        return f"{field['name']}={'%r' if escape == '%h' and field['value'].endswith(')') else escape}"
    shape = next(name for name in _SHAPES if field[name])
    if pid_seen and shape == "pid_line" and field[0].endswith("-1]"):
        return "[%l-1]"
    escape = _SHAPES[shape][1]
    return escape.replace("%p", "%x") if pid_seen else escape
