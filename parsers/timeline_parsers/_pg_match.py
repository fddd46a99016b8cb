"""Find the record lines of a block: which lines begin with a prefix and a label, and what their fields hold."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from timeline.stamps import gather
from timeline.textlog import Block
from timeline_parsers._pg_frame import STAMP_WIDTH, decode_stamps, read_epochs, read_stamps, to_numbers, without
from timeline_parsers._pg_labels import ANY_LABEL, KNOWN_LABEL, PART_OF
from timeline_parsers._pg_prefix import Prefix

UNKNOWN: Final = "[unknown]"
_TAB, _BLANK, _COLON = ord("\t"), ord(" "), ord(":")


@dataclass(frozen=True)
class Matches:
    """The lines of a block that begin with a prefix and a label.

    Attributes:
        lines: their places in the block, ascending.
        bodies: offsets of what follows the label.
        heads: the distinct heads of lines, as named captures.
        codes: which of `heads` each line has.
        wall: microseconds of the stamp's digits.
        dated: whether `wall` means anything.
    """

    lines: np.ndarray
    bodies: np.ndarray
    heads: pa.Table
    codes: np.ndarray
    wall: np.ndarray
    dated: np.ndarray

    def dictionary(self, name: str, rows: np.ndarray) -> pa.DictionaryArray | None:
        """Return the field *name* of *rows* as a dictionary array, None if the prefix does not write it."""
        if name not in self.heads.column_names:
            return None
        encoded = without(self.column(name), UNKNOWN).dictionary_encode()
        return encoded.take(pa.array(self.codes[rows]))

    def strings(self, name: str, rows: np.ndarray) -> pa.Array | None:
        """Return the field *name* of *rows* as strings, None if the prefix does not write it."""
        if name not in self.heads.column_names:
            return None
        return without(self.column(name), UNKNOWN).take(pa.array(self.codes[rows]))

    def numbers(self, name: str, rows: np.ndarray) -> pa.Array | None:
        """Return the field *name* of *rows* as integers, None if the prefix does not write it."""
        if name not in self.heads.column_names:
            return None
        return to_numbers(self.column(name)).take(pa.array(self.codes[rows]))

    def column(self, name: str) -> pa.Array:
        """Return one captured field of the distinct heads."""
        column = self.heads.column(name)
        return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)

    @cached_property
    def parts(self) -> np.ndarray:
        """The part of a record that each line is: "" for a record of its own, else "detail", "statement", …"""
        encoded = self.column("label").dictionary_encode()
        names = np.array([PART_OF.get(word, "") for word in encoded.dictionary.to_pylist()] or [""])
        return names[encoded.indices.to_numpy()[self.codes]] if len(self.codes) else names[:0]

    @cached_property
    def pids(self) -> np.ndarray | None:
        """The process of each line, -1 where it has none; None if the prefix writes none."""
        numbers = head_pids(self)
        if numbers is None:
            return None
        return numbers.fill_null(-1).to_numpy(zero_copy_only=False)[self.codes]


def head_pids(matches: Matches) -> pa.Array | None:
    """Return the process of each distinct head: `%p`, else the second half of `%c`."""
    if "pid" in matches.heads.column_names:
        return to_numbers(matches.column("pid"))
    if "session" in matches.heads.column_names:
        halves = pc.replace_substring_regex(matches.column("session"), r"^.*\.", "")
        return to_numbers(halves, base=16)
    return None


def match_lines(block: Block, prefix: Prefix) -> Matches:
    """Find the lines that begin with *prefix* and a label.

    Most lines have a time at a fixed place, and the distinct texts between it and the first `:␣␣` are few: only
    these meet a regular expression. Lines that do not fit so are matched whole.
    """
    starts, ends = block.starts, block.ends
    flat = np.frombuffer(block.data, np.uint8)
    first = flat[starts] if len(starts) else np.zeros(0, np.uint8)
    open_ = (first != _TAB) & ~block.blank
    labels = _first_labels(flat, starts)
    lead, width = len(prefix.lead), _stamp_width(prefix)
    rest = starts + lead + width
    wall, dated = np.zeros(len(starts), np.int64), np.zeros(len(starts), bool)
    fits = open_ & (labels <= ends) & (labels > rest)
    if prefix.layout:
        rows = np.flatnonzero(fits)
        wall[rows], dated[rows] = decode_stamps(gather(flat, starts[rows] + lead, STAMP_WIDTH))
        fits &= dated & _begins(flat, starts, prefix.lead)
    pattern = prefix.rest if prefix.layout else prefix.pattern
    quick = _Part.of_heads(block, np.flatnonzero(fits), rest, labels, pattern)
    left = open_.copy()
    left[quick.lines] = False
    slow = _match_whole(block, np.flatnonzero(left), prefix)
    for part in slow:
        wall[part.lines], dated[part.lines] = part.stamps()
    if not prefix.layout:
        wall[quick.lines], dated[quick.lines] = quick.stamps()
    return _join([quick, *slow], wall, dated)


def _stamp_width(prefix: Prefix) -> int:
    return len(prefix.layout)


def _first_labels(flat: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Return the offset behind the first `:␣␣` at or after each of *starts*; the end of all if there is none."""
    found = (flat[:-2] == _COLON) & (flat[1:-1] == _BLANK) & (flat[2:] == _BLANK)
    places = np.concatenate((np.flatnonzero(found), [len(flat)]))
    return places[np.searchsorted(places, starts)] + len(":  ")


def _begins(flat: np.ndarray, starts: np.ndarray, lead: bytes) -> np.ndarray:
    if not lead:
        return np.ones(len(starts), bool)
    return (gather(flat, starts, len(lead)) == np.frombuffer(lead, np.uint8)).all(axis=1)


@dataclass(frozen=True)
class _Part:
    """Some of the matched lines."""

    lines: np.ndarray
    bodies: np.ndarray
    heads: pa.Table
    codes: np.ndarray

    @classmethod
    def of_heads(
        cls, block: Block, lines: np.ndarray, begins: np.ndarray, ends: np.ndarray, pattern: str
    ) -> _Part:
        """Match what stands between *begins* and *ends* of *lines*, each distinct text once."""
        heads = slices(block.data, begins[lines], ends[lines]).dictionary_encode()
        table = extract(heads.dictionary, f"^{pattern}{KNOWN_LABEL}  $")
        good = table.column("label").is_valid().to_numpy(zero_copy_only=False)
        codes = heads.indices.to_numpy()
        kept = good[codes] if len(codes) else np.zeros(0, bool)
        return cls(lines[kept], ends[lines[kept]], table, codes[kept])

    @classmethod
    def of_lines(cls, block: Block, lines: np.ndarray, pattern: str) -> _Part:
        """Match *lines* as a whole."""
        texts = slices(block.data, block.starts[lines], block.ends[lines])
        table = extract(texts, f"^(?P<head>{pattern})(?P<body>.*)$")
        kept = np.flatnonzero(table.column("label").is_valid().to_numpy(zero_copy_only=False))
        table = table.take(pa.array(kept))
        sizes = pc.binary_length(table.column("body")).to_numpy()
        return cls(lines[kept], block.ends[lines[kept]] - sizes, table, np.arange(len(kept)))

    def stamps(self) -> tuple[np.ndarray, np.ndarray]:
        """Read the times of the lines from their captures."""
        names = self.heads.column_names
        if "time" in names:
            wall, dated = read_stamps(self.heads.column("time").combine_chunks())
        elif "epoch" in names:
            wall, dated = read_epochs(self.heads.column("epoch").combine_chunks())
        else:
            wall, dated = np.zeros(self.heads.num_rows, np.int64), np.zeros(self.heads.num_rows, bool)
        return wall[self.codes], dated[self.codes]


def _match_whole(block: Block, lines: np.ndarray, prefix: Prefix) -> list[_Part]:
    """Match lines by the exact pattern: first with the labels that are known, then with any word."""
    known = _Part.of_lines(block, lines, f"{prefix.pattern}{KNOWN_LABEL} {{0,2}}")
    if not prefix.text.strip() or not re.search(r"%[mtnpc]", prefix.text):
        return [known]  # nothing else tells a record from "cp: cannot stat"
    left = np.setdiff1d(lines, known.lines, assume_unique=True)
    return [known, _Part.of_lines(block, left, f"{prefix.pattern}{ANY_LABEL} {{1,2}}")]


def _join(parts: list[_Part], wall: np.ndarray, dated: np.ndarray) -> Matches:
    lines = np.concatenate([part.lines for part in parts])
    order = np.argsort(lines, kind="stable")
    shifts = np.cumsum([0, *(part.heads.num_rows for part in parts[:-1])])
    codes = np.concatenate([part.codes + shift for part, shift in zip(parts, shifts, strict=True)])
    heads = pa.concat_tables([part.heads for part in parts], promote_options="default").combine_chunks()
    lines = lines[order]
    bodies = np.concatenate([part.bodies for part in parts])[order]
    return Matches(lines, bodies, heads, codes[order], wall[lines], dated[lines])


def slices(data: bytes, begins: np.ndarray, ends: np.ndarray) -> pa.LargeStringArray:
    """Cut `data[begin:end]` out for each pair; the pairs must ascend and not overlap."""
    bounds = np.empty(2 * len(begins) + 2, np.int64)
    bounds[0], bounds[1:-1:2], bounds[2:-1:2], bounds[-1] = 0, begins, ends, len(data)
    every = pa.LargeStringArray.from_buffers(len(bounds) - 1, pa.py_buffer(bounds), pa.py_buffer(data))
    return every.take(pa.array(np.arange(1, len(bounds) - 2, 2)))


def extract(texts: pa.Array, pattern: str) -> pa.Table:
    """Return the named groups of *pattern* as columns, missing where a text does not match."""
    struct = pc.extract_regex(texts, pattern)
    names = [struct.type.field(place).name for place in range(struct.type.num_fields)]
    return pa.table({name: pc.struct_field(struct, name) for name in names})
