"""Write entries as Markdown: bullets or a table, times in UTC, evidence in footnotes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import pandas as pd

from timeline import schema
from timeline.block_lines import BlockLine
from timeline.errors import UnknownNameError
from timeline.happenings import DERIVED
from timeline.headline import describe_outages
from timeline.markdown_text import drop_chat_markup, flatten, neutralise, shorten
from timeline.wording import say

HEADING: Final = "## Timeline (all times UTC)"
STYLES: Final = ("bullets", "table")
NOTHING: Final = "Nothing in the evidence stands out in this window."
UNDATED: Final = "Without a known time, and therefore not shown: {:,}."
UNCERTAIN: Final = "†"
"""Stands behind a time that the record itself does not settle; a footnote says how it was known."""

_SERVERS: Final = {"nginx-access": "nginx", "nginx-error": "nginx"}
_LOUD: Final = ("emerg", "alert", "crit", "err")
_UNIT: Final = re.compile(r"\.(?:service|scope)$")


@dataclass(frozen=True)
class _Line:
    """One entry as it will be shown; `text` and `label` are neutralised already."""

    id: str
    day: str
    clock: str
    uncertain: str
    phase: str
    label: str
    text: str
    origin: str
    why: str = ""


def to_markdown(
    entries: pd.DataFrame,
    *,
    style: str = "bullets",
    citations: bool = False,
    why: bool = False,
    heading: bool = True,
    undated: int | None = None,
) -> str:
    """Return the timeline of *entries* as Markdown that ends with a line end.

    Args:
        entries: an event frame with the columns that `collapse` and `select` add, sorted by time.
        style: "bullets" or "table".
        citations: add a footnote with file and line to each entry.
        why: add to each entry why it was chosen, and its score.
        heading: begin with `## Timeline (all times UTC)`.
        undated: how many events have no time and can not be shown; by default those among *entries*.

    Raises:
        UnknownNameError: there is no such style.
    """
    lines = block_lines(entries, style=style, citations=citations, why=why, undated=undated)
    head = [HEADING, ""] if heading else []
    return "\n".join([*head, *(line.text for line in lines)]) + "\n"


def block_lines(
    entries: pd.DataFrame,
    *,
    style: str = "bullets",
    citations: bool = False,
    why: bool = False,
    undated: int | None = None,
) -> list[BlockLine]:
    """Return the lines of the timeline without its heading, each entry with its stable id; see `to_markdown`."""
    if style not in STYLES:
        raise UnknownNameError("style", style, STYLES)
    entries = schema.conform(entries)
    dated = entries[entries[schema.TIMESTAMP].notna()]
    hidden = len(entries) - len(dated) if undated is None else undated
    left_out = [UNDATED.format(hidden)] if hidden else []
    if not len(dated):
        return [BlockLine(text) for text in left_out or [NOTHING]]
    shown = list(_lines(dated, table=style == "table", why=why))
    write = _write_table if style == "table" else _write_bullets
    notes = _uncertain_notes(dated)
    # A table has a column for them.
    cited = shown if citations and style == "bullets" else []
    sources = [f"[^tl{place}]: {neutralise(line.origin)}" for place, line in enumerate(cited, 1)]
    spans = describe_outages(dated)
    body = [
        *(BlockLine(text) for text in spans),
        *([BlockLine("")] if spans else []),
        *write(shown, citations=citations),
    ]
    for block in (notes, left_out, sources):
        if block:
            body += [BlockLine(""), *(BlockLine(text) for text in block)]
    return body


def _write_bullets(lines: Sequence[_Line], *, citations: bool) -> Iterator[BlockLine]:
    days = list(dict.fromkeys(line.day for line in lines))
    if len(days) == 1:
        yield from (BlockLine(f"On {days[0]}:"), BlockLine(""))
    for day in days:
        if len(days) > 1:
            yield from (BlockLine(""), BlockLine(f"### {day}"), BlockLine(""))
        for place, line in enumerate(lines, 1):
            if line.day == day:
                parts = [f"{line.clock}{line.uncertain}", line.phase, line.label, line.text, line.why]
                yield BlockLine("- " + " ".join(filter(None, parts)) + (f" [^tl{place}]" if citations else ""), line.id)


def _write_table(lines: Sequence[_Line], *, citations: bool) -> Iterator[BlockLine]:
    evidence = [" Evidence |", " --- |"] if citations else ["", ""]
    yield BlockLine(f"| Time (UTC) | Event |{evidence[0]}")
    yield BlockLine(f"| --- | --- |{evidence[1]}")
    for line in lines:
        event = " ".join(filter(None, [line.phase, line.label, line.text, line.why]))
        cell = f" {neutralise(line.origin, table=True)} |" if citations else ""
        yield BlockLine(f"| {line.day} {line.clock}{line.uncertain} | {event} |{cell}", line.id)


def _lines(entries: pd.DataFrame, *, table: bool, why: bool) -> Iterator[_Line]:
    rows: list[dict[str, Any]] = entries.astype(object).where(entries.notna(), None).to_dict("records")  # type: ignore[assignment]
    minutes = pd.Series([f"{row[schema.TIMESTAMP]:%Y-%m-%d %H:%M}" for row in rows])
    shared = set(minutes[minutes.duplicated(keep=False)])
    shown = _names_to_show(str(row[schema.FILE]) for row in rows)
    seen: dict[str, int] = {}
    for row, minute in zip(rows, minutes, strict=True):
        stamp = row[schema.TIMESTAMP]
        yield _Line(
            id=_identity(row, seen),
            day=f"{stamp:%Y-%m-%d}",
            clock=f"{stamp:%H:%M:%S}" if minute in shared and _has_seconds(row) else f"{stamp:%H:%M}",
            uncertain="" if row[schema.TIME_BASIS] in (None, "explicit") else UNCERTAIN,
            phase=f"**{row[schema.PHASE]}**" if row.get(schema.PHASE) else "",
            label=_label(row, table=table),
            text=_text(row, table=table),
            origin=_origin(row, shown),
            why=_why(row, table=table) if why else "",
        )


def _has_seconds(row: dict[str, Any]) -> bool:
    return schema.TO_THE_MINUTE not in str(row[schema.TIME_NOTE] or "")


def _label(row: dict[str, Any], *, table: bool) -> str:
    """Say where it comes from: `**nginx** web-01:`, `**#incident** dba:`."""
    source = str(row[schema.SOURCE] or "")
    name = _SERVERS.get(source, source)
    person = ""
    if source == "slack":
        name, person = str(row[schema.SERVICE] or source), str(row[schema.ACTOR] or "")
    elif source == "journald":
        name = str(row.get("syslog.identifier") or row[schema.SERVICE] or source)
    elif source in ("", DERIVED):
        name = str(row[schema.SERVICE] or "?")
    who = person or str(row[schema.HOST] or "")
    bold = f"**{neutralise(shorten(_UNIT.sub('', name), 60), table=table)}**"
    return f"{bold} {neutralise(shorten(who, 60), table=table)}:" if who else f"{bold}:"


def _text(row: dict[str, Any], *, table: bool) -> str:
    message = str(row[schema.MESSAGE] or "")
    if row[schema.SOURCE] == "slack":
        # Slack says "@alice set the channel topic" where the actor stands already.
        message = drop_chat_markup(message.removeprefix(f"@{row[schema.ACTOR]} "))
    elif not row.get(schema.EVIDENCE):
        message = say(message)
    message = shorten(flatten(message))
    word = row.get("postgresql.severity")
    if word and row[schema.SEVERITY] in _LOUD and not message.startswith(str(word)):
        message = f"{word} {message}"
    return neutralise(message, table=table) + _repeats(row)


def _repeats(row: dict[str, Any]) -> str:
    count, until = row.get(schema.COUNT), row.get(schema.UNTIL)
    if not count or count < 2 or row.get(schema.EVIDENCE):  # noqa: PLR2004 - once is no repetition; or it says so
        return ""
    if until is None or until == row[schema.TIMESTAMP]:
        return f" (×{count:,})"
    day = "" if f"{until:%Y-%m-%d}" == f"{row[schema.TIMESTAMP]:%Y-%m-%d}" else f"{until:%Y-%m-%d} "
    return f" (×{count:,} until {day}{until:%H:%M:%S})"


def _why(row: dict[str, Any], *, table: bool) -> str:
    reasons, score = row.get(schema.WHY), row.get(schema.SCORE)
    return (
        f"— why: {neutralise(str(reasons), table=table)} (score {score:.0f})" if reasons and score is not None else ""
    )


def _identity(row: dict[str, Any], seen: dict[str, int]) -> str:
    """Name an entry by what does not change between runs: its native identity, else source, time and text."""
    native = row[schema.REF] or f"{row[schema.TIMESTAMP].value}|{row[schema.MESSAGE]}"
    name = sha256(
        f"{row[schema.SOURCE]}|{native}|{row.get(schema.PHASE) or ''}".encode("utf-8", "replace")
    ).hexdigest()[:8]
    seen[name] = seen.get(name, 0) + 1
    return name if seen[name] == 1 else f"{name}-{seen[name]}"


def _origin(row: dict[str, Any], shown: Mapping[str, str]) -> str:
    """Cite the evidence: file and line, or Slack's channel and ts."""
    place = shown[str(row[schema.FILE])]
    if row[schema.LINE] is not None:
        place += f":{row[schema.LINE]}"
    return flatten(f"{place} ({row[schema.REF]})" if row[schema.SOURCE] == "slack" and row[schema.REF] else place)


def _names_to_show(files: Iterable[str]) -> dict[str, str]:
    """Cut absolute paths so that no path of the machine is published: at their common folder, else to their endings."""
    names = dict.fromkeys(files)
    absolute = [name for name in names if Path(name).is_absolute()]
    if not absolute:
        return {name: name for name in names}
    top = os.path.commonpath([os.path.dirname(name) for name in absolute]).rstrip("/")  # noqa: PTH120 - text, not files
    kept = 2
    while True:
        cut = {name: name[len(top) + 1 :] if top else "/".join(name.split("/")[-kept:]) for name in absolute}
        if len(set(cut.values())) == len(absolute):
            return {name: cut.get(name, name) for name in names}
        kept += 1


def _uncertain_notes(entries: pd.DataFrame) -> list[str]:
    """Say once for each way and file how a time that was not explicit was known."""
    uncertain = entries[entries[schema.TIME_BASIS].notna() & (entries[schema.TIME_BASIS] != "explicit")]
    if not len(uncertain):
        return []
    shown = _names_to_show(str(name) for name in entries[schema.FILE])
    ways: dict[tuple[str, str], list[str]] = {}
    for basis, note, file in zip(
        uncertain[schema.TIME_BASIS].astype(str),
        uncertain[schema.TIME_NOTE],
        uncertain[schema.FILE].astype(str),
        strict=True,
    ):
        files = ways.setdefault((basis, str(note)), [])
        if shown[file] not in files:
            files.append(shown[file])
    told = [
        f"{neutralise(', '.join(sorted(files)))}: {neutralise(note)} ({basis})"
        for (basis, note), files in sorted(ways.items())
    ]
    return [f"{UNCERTAIN} Not in the record itself: {'; '.join(told)}."]
