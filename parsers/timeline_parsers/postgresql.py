"""PostgreSQL server logs: stderr with any `log_line_prefix`, csvlog and jsonlog, told apart by content."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from timeline.errors import UsageError
from timeline.parser import Batch
from timeline.sources import Source
from timeline.textlog import is_json_array
from timeline_parsers._pg_csvlog import parse_csvlog
from timeline_parsers._pg_csvsplit import RECORD, RECORD_START
from timeline_parsers._pg_frame import NAME
from timeline_parsers._pg_jsonlog import is_record, parse_jsonlog
from timeline_parsers._pg_prefix import OPTION, TIMED, Inferred, compile_prefix, infer_prefix, record_lines, share_of
from timeline_parsers._pg_stderr import parse_stderr

SETTING: Final = f"--set {NAME}.{OPTION}=…"
# Below this share of the first lines an inferred prefix is doubtful, and a person should know.
DOUBTFUL: Final = 0.5

_JSON_LINE: Final = re.compile(rb'\{"[^\n]*"error_severity"')


class PostgresqlParser:
    """Reads PostgreSQL server logs; see docs/formats/postgresql.md."""

    name = NAME

    def sniff(self, head: bytes) -> float:
        """Give the share of the first lines that are a PostgreSQL log of some form; 1 for csvlog and jsonlog."""
        if is_json_array(head):
            return 0.0
        form = detect_form(head)
        if form != "stderr":
            return 1.0
        return infer_prefix(head).share

    def parse(self, source: Source) -> Iterator[Batch]:
        """Yield the records of *source*; option `log_line_prefix` tells the prefix of a stderr log.

        Raises:
            UsageError: there is an option of another name.
        """
        for option in source.options:
            if option != OPTION:
                raise UsageError(f"{NAME} has no option {option!r}", help=f"use {SETTING}")
        form = detect_form(source.head)
        if form == "csvlog":
            yield from parse_csvlog(source)
        elif form == "jsonlog":
            yield from parse_jsonlog(source)
        else:
            yield from _parse_stderr(source)


def detect_form(head: bytes) -> str:
    """Return "csvlog", "jsonlog" or "stderr" by the first lines that are not empty."""
    text = head.lstrip(b"\0\r\n ")
    line = text.partition(b"\n")[0]
    if _JSON_LINE.match(line) and (is_record(line) or b"\n" not in text):
        return "jsonlog"
    # A record may be longer than the head, or cut at its start by a rotation: any record will do.
    for start in RECORD_START.finditer(text):
        if RECORD.match(text, start.start()):
            return "csvlog"
    return "stderr"


def _parse_stderr(source: Source) -> Iterator[Batch]:
    given = source.options.get(OPTION)
    if given is not None:
        warnings = _doubts_about(given, source.head)
        for batch in parse_stderr(source, compile_prefix(given)):
            yield replace(batch, warnings=warnings)
            warnings = ()
        return
    inferred = infer_prefix(source.head)
    note, warnings = f"{OPTION} {inferred.prefix.text!r} inferred", _doubts(inferred)
    others = [compile_prefix(text) for text in TIMED if text != inferred.prefix.text]
    for batch in parse_stderr(source, inferred.prefix, others if inferred.share else ()):
        yield replace(batch, note=note, warnings=warnings)
        warnings = ()


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


parser = PostgresqlParser()
