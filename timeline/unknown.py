"""Say what a source that no parser takes looks like, and what can be done."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import orjson

_FOREIGN: Final = {
    b"\x89PNG": "a PNG picture", b"\xff\xd8\xff": "a JPEG picture", b"GIF8": "a GIF picture", b"%PDF": "a PDF",
    b"PK": "a zip file", b"7z\xbc\xaf\x27\x1c": "a 7z archive, unpack it", b"Rar!": "a RAR archive, unpack it",
    b"SQLite format 3": "an SQLite database", b"KSHHRHLP": "a journal sealing key", b"PGDMP": "a dump of pg_dump",
    b"\xd4\xc3\xb2\xa1": "a packet capture", b"\xa1\xb2\xc3\xd4": "a packet capture",
    b"\x0a\x0d\x0d\x0a": "a packet capture", b"ElfFile\0": "an event log of Windows",
    b"-----BEGIN": "a key or certificate", b"#!": "a script", b"<!DOCTYPE": "a web page", b"<html": "a web page",
    b"<svg": "a picture", b"<?xml": "an XML document",
}  # fmt: skip
_ELF: Final = b"\x7fELF"
_ELF_CORE: Final = (4, 1024)
_RIFF: Final = re.compile(rb"RIFF.{4}(?:WEBP|WAVE|AVI )", re.DOTALL)
_MP4: Final = re.compile(rb".{4}ftyp", re.DOTALL)

_STAMP: Final = re.compile(
    r"\d{4}[-/]\d\d[-/]\d\d|\d\d?:\d\d:\d\d|\d\d/[A-Z][a-z]{2}/\d{4}|\b1\d{9}(?:\d{3})?\b|\b[A-Z][a-z]{2} [ 0-3]\d\b"
)
_COMMENT: Final = re.compile(r"[#;]|//")
_SECTION: Final = re.compile(r"\[{1,2}[\w .:/@\"-]+\]{1,2}$")
_SETTING: Final = re.compile(r"[\w.@/-]+\s*=")
_YAML: Final = re.compile(r"\s*(?:- )*(?:[\w./\"'-]+:(?: |$)|- |---$)")
_COLUMN: Final = re.compile(r"[\w ./()-]+")
_FEWEST_COLUMNS: Final = 3
_SEPARATORS: Final = ",;\t|"
_SAMPLE: Final = 50
_SHOWN: Final = 6
_MOST_LINES_WITH_TIMES: Final = 0.5


@dataclass(frozen=True)
class Guess:
    """What a source looks like.

    Attributes:
        text: a phrase.
        is_evidence: whether something may be lost that belongs into a timeline.
        may_be_log: whether a parser could be forced or written for it.
        help: what else a person should think of.
    """

    text: str
    is_evidence: bool = True
    may_be_log: bool = False
    help: str = ""


def guess(head: bytes) -> Guess:
    """Say what a source looks like that begins with *head*."""
    if not head.strip():
        return Guess("only blank lines" if head else "empty", is_evidence=False, help="was it copied whole?")
    if kind := _foreign_kind(head):
        return Guess(f"not a log ({kind})")
    if b"\0" in head:
        return Guess("not recognised (binary)")
    lines = [line.strip("\r") for line in head.decode("utf-8", "replace").split("\n") if line.strip()][:_SAMPLE]
    return _guess_text(lines)


def _foreign_kind(head: bytes) -> str:
    if head.startswith(_ELF):
        return "a core dump" if int.from_bytes(head[16:18], "little") in _ELF_CORE else "a program"
    if _RIFF.match(head) or _MP4.match(head):
        return "a recording or picture"
    return next((name for magic, name in _FOREIGN.items() if head.startswith(magic)), "")


def _guess_text(lines: list[str]) -> Guess:
    timed = sum(bool(_STAMP.search(line)) for line in lines) / len(lines)
    if all(_COMMENT.match(line.lstrip()) for line in lines):
        return Guess("only comments, not evidence", is_evidence=False)
    if not timed and _is_configuration(lines):
        return Guess("configuration, not evidence", is_evidence=False)
    if (names := _json_keys(lines[0])) or (names := _columns(lines)):
        form = (
            "JSON of no known log, with the keys"
            if lines[0][0] in "{["
            else "a table of no known log, with the columns"
        )
        return Guess(f"not recognised: {form} {names}", may_be_log=True)
    if not timed:
        return Guess("not recognised: text without times (of journalctl -o cat? take -o json or -o export)")
    most = timed >= _MOST_LINES_WITH_TIMES
    text = "lines with times, of no known log format" if most else "text, few lines of it with a time"
    return Guess(f"not recognised: {text}", may_be_log=True)


def _json_keys(line: str) -> str:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return ""
    first = value[0] if isinstance(value, list) and value else value
    return _listed(list(first)) if isinstance(first, dict) else ""


def _is_configuration(lines: list[str]) -> bool:
    """Tell settings under `[headings]`, and YAML."""
    said = [line.strip() for line in lines if not _COMMENT.match(line.lstrip())]
    if _SECTION.match(said[0]):
        return all(_SECTION.match(line) or _SETTING.match(line) for line in said)
    return all(_YAML.match(line) for line in lines if not _COMMENT.match(line.lstrip()))


def _columns(lines: list[str]) -> str:
    """Name the columns of a table with a head; empty if it is none."""
    for separator in _SEPARATORS:
        names = [name.strip(' "') for name in lines[0].split(separator)]
        is_even = len(lines) > 1 and len({line.count(separator) for line in lines}) == 1
        if is_even and len(names) >= _FEWEST_COLUMNS and all(map(_COLUMN.fullmatch, names)):
            return _listed(names)
    return ""


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
