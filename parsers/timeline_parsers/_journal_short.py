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
from timeline.parser import Batch, Tally
from timeline.sources import Source
from timeline.stamps import SECOND, cells
from timeline.stamps import decode as decode_stamps
from timeline.textlog import Block, clean, read_blocks
from timeline_parsers import _journal_fields as fields
from timeline_parsers._journal_entries import Words, as_text, slices, to_numbers, to_words
from timeline_parsers._journal_kinds import KERNEL_TEXTS, MANAGER_TEXTS
from timeline_parsers._journal_nested import raise_severity
from timeline_parsers._journal_sniff import DATED, DECORATION, EPOCH, MONOTONIC, TAIL, YEARLESS

_BLANK, _RECORD, _DECORATION, _INDENTED, _OTHER, _CONTINUATION = range(6)
_SPACE, _TAB = 32, 9

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
    """Yield a batch for each block of lines; a record is never divided between two."""
    style = _find_style(clean(source.head + b"\n"))
    carried, first = b"", 1
    blocks = read_blocks(source)
    block = next(blocks, None)
    while block is not None:
        following = next(blocks, None)
        data = carried + block.data
        whole = Block(data, first)
        kinds = _classify(whole, style)
        rows = len(kinds) if following is None else _last_record(kinds)
        cut = int(whole.ends[rows - 1]) + 1 if rows else 0
        if rows:
            yield _parse(Block(data[:cut], first), kinds[:rows], style)
        carried, first, block = data[cut:], first + rows, following


def _find_style(block: Block) -> _Style:
    """Return the style that most of the first lines have."""
    sample = block.lines.slice(0, 2000)
    counts = [int(np.count_nonzero(fields.matches(sample, style.pattern))) for style in _STYLES]
    return _STYLES[int(np.argmax(counts))]


def _last_record(kinds: np.ndarray) -> int:
    """Return the row where the last record begins, 0 if none does: it may go on in the next block."""
    rows = np.flatnonzero((kinds == _RECORD) | (kinds == _DECORATION))
    return int(rows[-1]) if len(rows) else 0


def _classify(block: Block, style: _Style) -> np.ndarray:
    """Tell what each line is by itself. An indented line is never a record: a message cannot forge one."""
    first = np.frombuffer(block.data, np.uint8)[block.starts]
    kinds = np.full(len(first), _OTHER, np.int8)
    kinds[fields.matches(block.lines, style.pattern)] = _RECORD
    kinds[fields.matches(block.lines, DECORATION)] = _DECORATION
    kinds[(first == _SPACE) | (first == _TAB)] = _INDENTED
    kinds[block.blank] = _BLANK
    return kinds


def _parse(block: Block, kinds: np.ndarray, style: _Style) -> Batch:
    rows = np.flatnonzero(kinds == _RECORD)
    parts = pc.extract_regex(block.lines.take(pa.array(rows)), style.pattern + TAIL)
    bad = np.asarray(parts.is_null())
    if bad.any():
        kinds[rows[bad]] = _OTHER
        rows, parts = rows[~bad], parts.filter(pa.array(~bad))
    indents = _indents(block, rows, parts)
    _settle(kinds, block, rows, indents)
    tally = _count(kinds, block)
    frame = _to_frame(parts, _join_lines(block, kinds, rows, indents), block.numbers[rows], style)
    warnings = (WITHOUT_TIME,) if style.pattern == MONOTONIC and len(rows) else ()
    return tally.batch(frame, yearless=style.yearless, warnings=warnings)


def _indents(block: Block, rows: np.ndarray, parts: pa.StructArray) -> np.ndarray:
    """Return how many bytes stand before each message: its further lines are indented by as many blanks."""
    return block.ends[rows] - block.starts[rows] - np.asarray(pc.binary_length(pc.struct_field(parts, "message")))


def _settle(kinds: np.ndarray, block: Block, rows: np.ndarray, indents: np.ndarray) -> None:
    """Decide for each indented and blank line whether it belongs to the record above it."""
    lines = np.arange(len(kinds))
    owner = np.maximum.accumulate(np.where((kinds != _INDENTED) & (kinds != _BLANK), lines, -1))
    indent = np.full(len(kinds) + 1, len(block.data), np.int64)
    indent[rows] = indents
    indented = np.flatnonzero(kinds == _INDENTED)
    belongs = _leading_blanks(block, indented) >= indent[owner[indented]]
    decorated = (owner[indented] >= 0) & (kinds[owner[indented]] == _DECORATION)
    kinds[indented] = np.where(belongs, _CONTINUATION, np.where(decorated, _DECORATION, _OTHER))
    # An empty line inside a message has lost its blanks to an editor; one that nothing follows is no part of it.
    blank = np.flatnonzero(kinds == _BLANK)
    following = np.minimum.accumulate(np.where(kinds != _BLANK, lines, len(kinds))[::-1])[::-1][blank]
    inside = np.append(kinds, _BLANK)[following] == _CONTINUATION
    kinds[blank[inside]] = _CONTINUATION


def _leading_blanks(block: Block, rows: np.ndarray) -> np.ndarray:
    lines = block.lines.take(pa.array(rows))
    trimmed = pc.ascii_ltrim(lines, characters=" ")
    return np.asarray(pc.binary_length(lines)) - np.asarray(pc.binary_length(trimmed))


def _count(kinds: np.ndarray, block: Block) -> Tally:
    tally = Tally(
        lines=len(kinds),
        continuation=int(np.count_nonzero(kinds == _CONTINUATION)),
        blank=int(np.count_nonzero(kinds == _BLANK)),
        decoration=int(np.count_nonzero(kinds == _DECORATION)),
    )
    others = np.flatnonzero(kinds == _OTHER)
    for row in others[:5].tolist():
        tally.reject(int(block.numbers[row]), block.lines[row].as_py())
    tally.unparsed = len(others)
    return tally


def _join_lines(block: Block, kinds: np.ndarray, rows: np.ndarray, indents: np.ndarray) -> pa.LargeStringArray:
    """Return the messages, their further lines without the indent and joined by line ends."""
    kept = np.flatnonzero((kinds == _RECORD) | (kinds == _CONTINUATION))
    record = np.searchsorted(rows, kept, "right") - 1
    starts, ends = block.starts[kept], block.ends[kept]
    starts = np.minimum(starts + indents[record], ends)
    texts = as_text(slices(np.frombuffer(block.data, np.uint8), starts, ends))
    if len(kept) == len(rows):
        return texts
    offsets = np.append(np.searchsorted(kept, rows), len(kept))
    lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), texts)
    return pc.binary_join(lists, pa.scalar("\n", pa.large_string()))


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
