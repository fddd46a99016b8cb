"""Read the short texts of journalctl: short, short-iso, short-full, with-unit, short-unix and their variants."""

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
from timeline_parsers._journal_entries import Words, combine, matches, to_numbers, to_words
from timeline_parsers._journal_months import LOCAL, to_english
from timeline_parsers._journal_nested import read_nested
from timeline_parsers._journal_said import find_kinds, find_units
from timeline_parsers._journal_sniff import DATED, DECORATION, EPOCH, MONOTONIC, TAIL, YEARLESS

# with-unit writes `system unit/user unit`.
USER_UNIT: Final = r"^[^/]+\.(?:service|scope|slice)/"
WITHOUT_STAMPS: Final = (
    "no line begins with a time, as in journalctl -o cat; export with journalctl -o export, which keeps times and units"
)
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
    found = _find_style(clean(sniffing.without_colours(source.head) + b"\n"))
    style = found or _STYLES[0]
    unparsed = 0
    for block, kinds in lines.read_records(source, lambda block: _classify(block, style)):
        batch = _parse(block, kinds, style)
        unparsed += batch.unparsed
        yield batch
    if unparsed and not found:
        yield Batch(fields.no_records(), lines=0, warnings=(WITHOUT_STAMPS,))


def _find_style(block: Block) -> _Style | None:
    """Return the style that most of the first lines have, None if none has any."""
    sample = block.lines.slice(0, 2000)
    patterns = [LOCAL if style.yearless else style.pattern for style in _STYLES]
    counts = [int(np.count_nonzero(matches(sample, pattern))) for pattern in patterns]
    return _STYLES[int(np.argmax(counts))] if any(counts) else None


def _classify(block: Block, style: _Style) -> np.ndarray:
    """Tell what each line is by itself. An indented line is never a record: a message cannot forge one."""
    kinds = lines.classify_plain(block)
    others = np.flatnonzero(kinds == lines.OTHER)
    texts = block.lines if len(others) == len(kinds) else block.lines.take(pa.array(others))
    record = matches(texts, style.pattern)
    kinds[others[record]] = lines.RECORD
    if not record.all():
        others, texts = others[~record], texts.filter(pa.array(~record))
        kinds[others[matches(texts, DECORATION)]] = lines.DECORATION
    if style.yearless:
        # A month in another language; ` 3月` begins with one blank, a further line of a message with twenty.
        indented = np.flatnonzero(kinds == lines.INDENTED)
        indented = indented[np.frombuffer(block.data, np.uint8)[block.starts[indented] + 1] != ord(" ")]
        rest = np.concatenate((np.flatnonzero(kinds == lines.OTHER), indented))
        kinds[rest[matches(block.lines.take(pa.array(rest)), LOCAL)]] = lines.RECORD
    return kinds


def _parse(block: Block, kinds: np.ndarray, style: _Style) -> Batch:
    rows = np.flatnonzero(kinds == lines.RECORD)
    texts = block.lines.take(pa.array(rows))
    parts = pc.extract_regex(texts, style.pattern + TAIL)
    if style.yearless and parts.null_count:
        parts = _in_english(pc.extract_regex(texts, LOCAL + TAIL))
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


def _in_english(parts: pa.StructArray) -> pa.StructArray:
    """Put the stamps of other languages together as in English."""
    part = {kind.name: pc.struct_field(parts, kind.name) for kind in parts.type}
    month = to_words(part["month"])
    names = pa.array([to_english(name) for name in month.values], pa.large_string())
    month_names = names.take(pa.array(month.codes, mask=month.codes < 0))
    day = pc.utf8_lpad(part["day"], 2, " ")
    part["stamp"] = pc.binary_join_element_wise(month_names, day, part["clock"], pa.scalar(" ", pa.large_string()))
    names_kept = ("stamp", "fraction", "host", "ident", "pid", "message")
    return pa.StructArray.from_arrays([part[name] for name in names_kept], names_kept, mask=parts.is_null())


def _indents(block: Block, rows: np.ndarray, parts: pa.StructArray) -> np.ndarray:
    """Return how many bytes stand before each message: its further lines are indented by as many blanks."""
    return block.ends[rows] - block.starts[rows] - np.asarray(pc.binary_length(pc.struct_field(parts, "message")))


def _to_frame(parts: pa.StructArray, messages: pa.LargeStringArray, numbers: np.ndarray, style: _Style) -> pd.DataFrame:
    part = {kind.name: pc.struct_field(parts, kind.name) for kind in parts.type}
    ident = to_words(_present(part["ident"]))
    signed = to_words(_present(pc.replace_substring_regex(part["ident"], USER_UNIT, "")))
    unit = find_units(signed, messages)
    service = combine([unit, signed])
    nothing = np.full(len(numbers), -1, np.int8)
    nested = read_nested(nothing, messages, service, ident)
    wall, zone = _read_times(part, style)
    return pd.DataFrame(
        {
            schema.WALL: fields.to_integers(wall),
            schema.ZONE: fields.to_category(zone),
            schema.HOST: fields.to_category(to_words(_present(part["host"]))),
            schema.SERVICE: fields.to_category(service),
            schema.SEVERITY: pd.Categorical.from_codes(nested.severity, dtype=schema.SEVERITY_DTYPE),
            schema.MESSAGE: schema.string_column(messages),
            schema.KIND: fields.to_category(combine([find_kinds(signed, unit, messages), nested.kinds]).used()),
            schema.LINE: fields.to_integers(numbers),
            fields.PID: fields.to_integers(to_numbers(_present(part["pid"]))),
            fields.UNIT: fields.to_category(unit),
            fields.IDENTIFIER: fields.to_category(ident),
            **nested.attributes,
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


def _present(values: pa.LargeStringArray) -> pa.LargeStringArray:
    """Make empty texts missing."""
    return pc.if_else(pc.equal(values, ""), pa.scalar(None, values.type), values)
