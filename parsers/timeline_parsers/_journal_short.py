"""Read the short texts of journalctl: short, short-precise, short-iso, short-full, with-unit, short-unix."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from timeline import schema
from timeline.parser import Batch
from timeline.sources import Source
from timeline.stamps import SECOND, cells
from timeline.stamps import decode as decode_stamps
from timeline.textlog import Block, clean
from timeline_parsers import _journal_fields as fields
from timeline_parsers import _journal_lines as lines
from timeline_parsers import _journal_sniff as sniffing
from timeline_parsers._journal_entries import Words, to_numbers, to_words
from timeline_parsers._journal_kinds import KERNEL_TEXTS, MANAGER_TEXTS
from timeline_parsers._journal_nested import raise_severity
from timeline_parsers._journal_sniff import DATED, DECORATION, EPOCH, MONOTONIC, TAIL, YEARLESS

# with-unit writes `system unit/user unit`.
USER_UNIT: Final = r"^[^/]+\.(?:service|scope|slice)/"
WITHOUT_TIME: Final = "seconds since boot only (short-monotonic): the times are not known; export with -o short-iso"


@dataclass(frozen=True)
class _Style:
    """How the stamps of a file look."""

    pattern: str
    layouts: tuple[str, ...]
    yearless: bool = False


_STYLES: Final = (
    _Style(DATED, ("YYYY-MM-DDThh:mm:ss", "YYYY-MM-DD hh:mm:ss")),
    _Style(YEARLESS, ("Mon DD hh:mm:ss",), yearless=True),
    _Style(EPOCH, ()),
    _Style(MONOTONIC, ()),
)


def read_short(source: Source) -> Iterator[Batch]:
    """Yield a batch for each block of lines."""
    style = _find_style(clean(sniffing.without_colours(source.head) + b"\n"))
    for block, kinds in lines.read_records(source, lambda block: _classify(block, style)):
        yield _parse(block, kinds, style)


def _find_style(block: Block) -> _Style:
    """Return the style that most of the first lines have."""
    sample = block.lines.slice(0, 2000)
    counts = [int(np.count_nonzero(fields.matches(sample, style.pattern))) for style in _STYLES]
    return _STYLES[int(np.argmax(counts))]


def _classify(block: Block, style: _Style) -> np.ndarray:
    """Tell what each line is by itself. An indented line is never a record: a message cannot forge one."""
    kinds = lines.classify_plain(block)
    others = np.flatnonzero(kinds == lines.OTHER)
    texts = block.lines if len(others) == len(kinds) else block.lines.take(pa.array(others))
    record = fields.matches(texts, style.pattern)
    kinds[others[record]] = lines.RECORD
    if not record.all():
        others, texts = others[~record], texts.filter(pa.array(~record))
        kinds[others[fields.matches(texts, DECORATION)]] = lines.DECORATION
    return kinds


def _parse(block: Block, kinds: np.ndarray, style: _Style) -> Batch:
    rows = np.flatnonzero(kinds == lines.RECORD)
    parts = pc.extract_regex(block.lines.take(pa.array(rows)), style.pattern + TAIL)
    bad = np.asarray(parts.is_null())
    if bad.any():
        kinds[rows[bad]] = lines.OTHER
        rows, parts = rows[~bad], parts.filter(pa.array(~bad))
    indents = _indents(block, rows, parts)
    lines.settle(kinds, block, rows, indents)
    kept = np.flatnonzero((kinds == lines.RECORD) | (kinds == lines.CONTINUATION))
    frame = _to_frame(parts, lines.join_lines(block, kept, rows, indents), block.numbers[rows], style)
    warnings = (WITHOUT_TIME,) if style.pattern == MONOTONIC and len(rows) else ()
    return lines.count(kinds, block).batch(frame, yearless=style.yearless, warnings=warnings)


def _indents(block: Block, rows: np.ndarray, parts: pa.StructArray) -> np.ndarray:
    """Return how many bytes stand before each message: its further lines are indented by as many blanks."""
    return block.ends[rows] - block.starts[rows] - np.asarray(pc.binary_length(pc.struct_field(parts, "message")))


def _to_frame(parts: pa.StructArray, messages: pa.LargeStringArray, numbers: np.ndarray, style: _Style) -> pd.DataFrame:
    part = {kind.name: pc.struct_field(parts, kind.name) for kind in parts.type}
    ident = to_words(_present(part["ident"]))
    service = to_words(_present(pc.replace_substring_regex(part["ident"], USER_UNIT, "")))
    nothing = np.full(len(numbers), -1, np.int8)
    severity = raise_severity(nothing, messages, service, ident)
    wall, zone = _read_times(part, style)
    return pd.DataFrame(
        {
            schema.WALL: fields.to_integers(wall),
            schema.ZONE: fields.to_category(zone),
            schema.HOST: fields.to_category(to_words(_present(part["host"]))),
            schema.SERVICE: fields.to_category(service),
            schema.SEVERITY: pd.Categorical.from_codes(severity, dtype=schema.SEVERITY_DTYPE),
            schema.MESSAGE: schema.string_column(messages),
            schema.KIND: fields.to_category(_kinds(ident, messages).used()),
            schema.LINE: fields.to_integers(numbers),
            fields.PID: fields.to_integers(to_numbers(_present(part["pid"]))),
            fields.IDENTIFIER: fields.to_category(ident),
        }
    )


def _read_times(part: dict[str, pa.Array], style: _Style) -> tuple[np.ndarray, Words]:
    """Return the wall time of each row, -1 if it is no date, and its zone."""
    rows = len(part["ident"])
    if "stamp" not in part:
        return np.full(rows, -1, np.int64), Words.missing(rows)
    fraction = to_numbers(pc.utf8_rpad(part["fraction"], 6, "0")).clip(min=0)
    if not style.layouts:
        return to_numbers(part["stamp"]) * SECOND + fraction, Words(np.zeros(rows, np.int32), ["UTC"])
    wall = np.full(rows, -1, np.int64)
    for layout in style.layouts:
        seconds, good = decode_stamps(cells(part["stamp"], len(layout)), layout)
        wall = np.where(good, seconds + fraction, wall)
    zone = to_words(part["zone"]) if "zone" in part else Words.missing(rows)
    return wall, Words(zone.codes, ["UTC" if value == "Z" else value for value in zone.values])


def _kinds(ident: Words, messages: pa.LargeStringArray) -> Words:
    names = list(dict.fromkeys([*KERNEL_TEXTS, *MANAGER_TEXTS]))
    codes = np.full(len(messages), -1, np.int32)
    for name, patterns in (("kernel", KERNEL_TEXTS), ("systemd", MANAGER_TEXTS)):
        rows = np.flatnonzero(ident.test(frozenset({name})))
        fields.label_texts(codes, rows, messages, patterns, names)
    return Words(codes, names)


def _present(values: pa.LargeStringArray) -> pa.LargeStringArray:
    """Make empty texts missing."""
    return pc.if_else(pc.equal(values, ""), pa.scalar(None, values.type), values)
