"""Read `journalctl -o verbose`: a line with stamp and cursor, then a line for each field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from timeline.parser import Batch
from timeline.sources import Source
from timeline.stamps import cells
from timeline.textlog import Block
from timeline_parsers import _journal_lines as lines
from timeline_parsers._journal_entries import (
    MESSAGE,
    NUMBER_FIELDS,
    WORD_FIELDS,
    Entries,
    as_text,
    match_prefixes,
    matches,
    slices,
    to_numbers,
    to_words,
)
from timeline_parsers._journal_fields import to_frame
from timeline_parsers._journal_sniff import DECORATION, VERBOSE

MARGIN: Final = 4
"""Blanks in front of a field; a further line of its value is indented to where the value begins."""

_FIELD: Final = r"^ {4}[A-Z0-9_]{1,64}="
_WANTED: Final = (MESSAGE, *WORD_FIELDS, *NUMBER_FIELDS)
_PATTERNS: Final = [f"{name}=".encode() for name in _WANTED]
_HEX_DIGITS: Final = 16


def read_verbose(source: Source) -> Iterator[Batch]:
    """Yield a batch for each block of lines."""
    for block, kinds in lines.read_records(source, _classify):
        yield _parse(block, kinds)


def _classify(block: Block) -> np.ndarray:
    """Tell what each line is by itself. Only unindented lines begin an entry: a message cannot forge one."""
    kinds = lines.classify_plain(block)
    indented = np.flatnonzero(kinds == lines.INDENTED)
    kinds[indented[matches(block.lines.take(pa.array(indented)), _FIELD)]] = lines.FIELD
    others = np.flatnonzero(kinds == lines.OTHER)
    texts = block.lines.take(pa.array(others))
    kinds[others[matches(texts, DECORATION)]] = lines.DECORATION
    kinds[others[matches(texts, VERBOSE)]] = lines.RECORD
    return kinds


def _parse(block: Block, kinds: np.ndarray) -> Batch:
    entry = np.cumsum(kinds == lines.RECORD) - 1
    kinds[(kinds == lines.FIELD) & ~_inside_entry(kinds)] = lines.OTHER
    fields = np.flatnonzero(kinds == lines.FIELD)
    names = np.asarray(pc.find_substring(block.lines.take(pa.array(fields)), "="), np.int64)
    lines.settle(kinds, block, fields, names + 1)
    heads = pc.extract_regex(block.lines.take(pa.array(np.flatnonzero(kinds == lines.RECORD))), VERBOSE)
    columns = _Columns(block, kinds, fields, entry[fields], len(heads))
    return lines.count(kinds, block).batch(to_frame(_to_entries(heads, columns)))


def _inside_entry(kinds: np.ndarray) -> np.ndarray:
    """Tell which lines follow the head of an entry; what journalctl adds ends one."""
    begins = (kinds == lines.RECORD) | (kinds == lines.DECORATION)
    last = np.maximum.accumulate(np.where(begins, np.arange(len(kinds)), -1))
    return np.asarray((last >= 0) & (kinds[last] == lines.RECORD))


@dataclass(frozen=True)
class _Columns:
    """The fields of a block: `fields` are their first lines, each of the entry in `entry`."""

    block: Block
    kinds: np.ndarray
    fields: np.ndarray
    entry: np.ndarray
    rows: int

    def text(self, name: str, found: np.ndarray) -> pa.LargeStringArray:
        """Return the first value of the field *name* of each entry, null where it has none.

        Args:
            name: of the field.
            found: which of `fields` have that name.
        """
        found = found[np.diff(self.entry[found], prepend=-1) != 0]
        rows = self.fields[found]
        indents = np.full(len(rows), MARGIN + len(name) + 1)
        if name == MESSAGE:
            further = np.flatnonzero(self.kinds == lines.CONTINUATION)
            further = further[np.isin(lines.owners(self.kinds)[further], rows)]
            texts = lines.join_lines(self.block, np.union1d(rows, further), rows, indents)
        else:
            flat = np.frombuffer(self.block.data, np.uint8)
            texts = as_text(slices(flat, self.block.starts[rows] + indents, self.block.ends[rows]))
        places = np.full(self.rows, -1, np.int64)
        places[self.entry[found]] = np.arange(len(found))
        return texts.take(pa.array(places, mask=places < 0))


def _to_entries(heads: pa.StructArray, columns: _Columns) -> Entries:
    block, fields = columns.block, columns.fields
    begins = block.starts[fields] + MARGIN
    name = match_prefixes(np.frombuffer(block.data, np.uint8), begins, block.ends[fields] - begins, _PATTERNS)
    text = {wanted: columns.text(wanted, np.flatnonzero(name == place)) for place, wanted in enumerate(_WANTED)}
    return Entries(
        lines=block.numbers[columns.kinds == lines.RECORD],
        realtime=from_hex(pc.struct_field(heads, "realtime")),
        cursors=pc.struct_field(heads, "cursor"),
        boots=to_words(pc.struct_field(heads, "boot")),
        messages=text[MESSAGE],
        words={wanted: to_words(text[wanted]) for wanted in WORD_FIELDS},
        numbers={wanted: to_numbers(text[wanted]) for wanted in NUMBER_FIELDS},
    )


def from_hex(numbers: pa.LargeStringArray) -> np.ndarray:
    """Read up to 16 lower-case hexadecimal digits as int64; what does not fit comes out negative."""
    digits = cells(pc.ascii_lpad(numbers, _HEX_DIGITS, "0"), _HEX_DIGITS).astype(np.uint64)
    digits = np.where(digits >= ord("a"), digits - (ord("a") - 10), digits - ord("0"))
    total = np.zeros(len(numbers), np.uint64)
    for place in range(_HEX_DIGITS):
        total = total * np.uint64(16) + digits[:, place]
    return total.view(np.int64)
