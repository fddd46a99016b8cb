"""PostgreSQL server logs: stderr with any `log_line_prefix`, csvlog and jsonlog, told apart by content."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from timeline.errors import UnclearFormatError, UsageError
from timeline.parser import Batch
from timeline.sources import Source
from timeline.textlog import is_json_array
from timeline_parsers._pg_cloud import (
    Entry,
    are_divided,
    find_entries,
    is_newest_first,
    load_entry,
    load_record,
    read_entries,
)
from timeline_parsers._pg_conf import Setting, settings_for, tell_use, tell_zone
from timeline_parsers._pg_csvlog import parse_csvlog
from timeline_parsers._pg_csvsplit import RECORD, RECORD_START
from timeline_parsers._pg_frame import NAME
from timeline_parsers._pg_jsonlog import is_record, parse_jsonlog
from timeline_parsers._pg_prefix import (
    KNOWN,
    NEARLY_ALL,
    OPTION,
    TIMED,
    WRAPPED,
    Inferred,
    Prefix,
    compile_prefix,
    infer_prefix,
    record_lines,
    share_of,
)  # fmt: skip
from timeline_parsers._pg_stderr import find_bare_lines, parse_stderr
from timeline_parsers._pg_syslog import CONTAINER, YEARLESS, find_header, read_pieces
from timeline_parsers._pg_wrapped import parse_wrapped

SETTING: Final = f"--set {NAME}.{OPTION}=…"
# Below this share of the first lines an inferred prefix is doubtful, and a person should know.
DOUBTFUL: Final = 0.5

# Such a file is also one of syslog: who reads all programs comes before who reads one.
BEHIND_SYSLOG: Final = 0.99
BEHIND: Final = (*KNOWN, *WRAPPED)

# Lines of another program may come first.
_TRIED: Final = 100
_JSON_LINE: Final = re.compile(rb'\{"[^\n]*"error_severity"')


class PostgresqlParser:
    """Reads PostgreSQL server logs; see docs/formats/postgresql.md."""

    name = NAME

    def sniff(self, head: bytes) -> float:
        """Give the share of the first lines that are a PostgreSQL log of some form; 1 for csvlog and jsonlog."""
        if is_json_array(head):
            return 0.0
        form = detect_form(head)
        if form == "syslog":
            header, share, texts = find_header(head)
            explained = infer_prefix(texts, BEHIND).share
            return share * (explained if header == CONTAINER else BEHIND_SYSLOG * bool(explained))
        if form == "cloud":
            return infer_prefix(_joined(find_entries(head)), BEHIND).share
        return infer_prefix(head).share if form == "stderr" else 1.0

    def starts_anywhere(self, source: Source) -> bool:
        """Say whether any run of whole lines can be read: not if those of a record lie among others."""
        return detect_form(source.head) in ("stderr", "csvlog", "jsonlog", "cloudnative-pg")

    def tell_use(self, source: Source) -> str:
        """Say what is read from a configuration of PostgreSQL."""
        return tell_use(source)

    def parse(self, source: Source) -> Iterator[Batch]:
        """Yield the records of *source*; option `log_line_prefix` tells the prefix of a stderr log.

        Raises:
            UsageError: there is an option of another name.
            UnclearFormatError: two prefixes would give another time, severity or user.
        """
        for option in source.options:
            if option != OPTION:
                raise UsageError(f"{NAME} has no option {option!r}", help=f"use {SETTING}")
        yield from tell_zone(source, _FORMS[detect_form(source.head)](source))


def detect_form(head: bytes) -> str:
    """Return the key of `_FORMS` that the first lines that are not empty show."""
    text = head.lstrip(b"\0\r\n ")
    line = text.partition(b"\n")[0]
    if _JSON_LINE.match(line) and (is_record(line) or b"\n" not in text):
        return "jsonlog"
    if line.startswith(b"{"):
        return _detect_cloud(text)
    # A record may be longer than the head, or cut at its start by a rotation: any record will do.
    for start in RECORD_START.finditer(text):
        if RECORD.match(text, start.start()):
            return "csvlog"
    return "syslog" if find_header(head)[1] else "stderr"


def _detect_cloud(text: bytes) -> str:
    for line in text.split(b"\n")[:_TRIED]:
        if load_record(line):
            return "cloudnative-pg"
        if load_entry(line):
            return "cloud"
    return "stderr"


@dataclass(frozen=True)
class _Settled:
    """How the lines of a source are read, and what a person should know of it."""

    prefix: Prefix
    others: tuple[Prefix, ...] = ()
    note: str = ""
    warnings: tuple[str, ...] = ()

    def tell(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Add the note to all *batches* and the warnings to the first."""
        warnings = self.warnings
        for batch in batches:
            yield replace(batch, note=self.note, warnings=(*warnings, *batch.warnings))
            warnings = ()


def _parse_stderr(source: Source) -> Iterator[Batch]:
    settled = _settle(source, source.head)
    bare = find_bare_lines(source.head, settled.prefix)
    yield from settled.tell(parse_stderr(source, settled.prefix, settled.others, bare=bare))


def _parse_syslog(source: Source) -> Iterator[Batch]:
    header, _, texts = find_header(source.head)
    settled = _settle(source, texts, BEHIND)
    unwrap = partial(read_pieces, header=header)
    yearless = header.startswith(YEARLESS)
    yield from settled.tell(parse_wrapped(source, unwrap, settled.prefix, settled.others, yearless=yearless))


def _parse_cloud(source: Source) -> Iterator[Batch]:
    entries = find_entries(source.head)
    settled = _settle(source, _joined(entries), BEHIND)
    newest_first = is_newest_first(entries)
    unwrap = partial(read_entries, divided=are_divided(entries))
    batches = parse_wrapped(source, unwrap, settled.prefix, settled.others, newest_first=newest_first)
    yield from settled.tell(batches)


def _joined(entries: Iterable[Entry]) -> bytes:
    return "".join(f"{entry.text}\n" for entry in entries).encode()


def _settle(source: Source, head: bytes, candidates: Sequence[str] = KNOWN) -> _Settled:
    """Find the prefix of a source that begins with *head*: as told, else as its lines have it."""
    given = source.options.get(OPTION)
    if given is not None:
        return _Settled(compile_prefix(given), warnings=_doubts_about(given, head))
    inferred = infer_prefix(head, candidates)
    told = _from_settings(source, head, inferred)
    if not told and inferred.others and inferred.share >= NEARLY_ALL:
        either = " or ".join(repr(text) for text in (inferred.prefix.text, *inferred.others[:3]))
        raise UnclearFormatError(
            f"{OPTION} could be {either}, which would give other times, severities or users",
            help=f"tell which: --set '{NAME}.{OPTION}={inferred.prefix.text}'",
        )
    prefix = compile_prefix(told.value) if told else inferred.prefix
    others = [compile_prefix(text) for text in TIMED if text != prefix.text] if told or inferred.share else []
    note = f"{OPTION} {prefix.text!r} {f'from {told.file}' if told else 'inferred'}"
    if candidates is BEHIND and not prefix.dated:
        note += ", the times are those of the lines around the text"
    return _Settled(prefix, tuple(others), note, () if told else _doubts(inferred))


def _from_settings(source: Source, head: bytes, inferred: Inferred) -> Setting | None:
    """Return the prefix of a configuration file in the evidence, if it explains the lines as well as any other."""
    for setting in settings_for(source).prefixes:
        share = share_of(setting.value, head)
        if share and share >= min(inferred.share, NEARLY_ALL):
            return setting
    return None


def _doubts_about(given: str, head: bytes) -> tuple[str, ...]:
    share = share_of(given, head)
    if share >= DOUBTFUL or not record_lines(head):
        return ()
    text, inferred = f"{OPTION} {given!r} explains {share:.0%} of the first lines", infer_prefix(head)
    return (f"{text}, {inferred.prefix.text!r} {inferred.share:.0%}" if inferred.share > share else text,)


def _doubts(inferred: Inferred) -> tuple[str, ...]:
    if inferred.share < DOUBTFUL:
        explained = f"{inferred.prefix.text!r} explains {inferred.share:.0%} of the first lines"
        return (f"{OPTION} not recognised ({explained}); tell it with {SETTING}",)
    if inferred.others:
        others = " or ".join(repr(text) for text in inferred.others[:3])
        return (f"{OPTION} could be {inferred.prefix.text!r} (taken) or {others}; settle it with {SETTING}",)
    return ()


_FORMS: Final[Mapping[str, Callable[[Source], Iterator[Batch]]]] = {
    "stderr": _parse_stderr,
    "csvlog": parse_csvlog,
    "jsonlog": parse_jsonlog,
    "syslog": _parse_syslog,
    "cloud": _parse_cloud,
    "cloudnative-pg": partial(parse_jsonlog, load=load_record),
}


parser = PostgresqlParser()
