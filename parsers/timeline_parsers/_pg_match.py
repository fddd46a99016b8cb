"""Find the record lines of a block: which lines begin with a prefix and a label, and what their fields hold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from timeline.stamps import gather
from timeline.textlog import Block
from timeline_parsers._pg_csvsplit import looks_like_stamp
from timeline_parsers._pg_frame import STAMP_WIDTH, decode_stamps, read_epochs, read_stamps, to_numbers, without
from timeline_parsers._pg_labels import ANY_LABEL, KNOWN_LABEL, PART_OF, SEVERITY_OF
from timeline_parsers._pg_prefix import Prefix

UNKNOWN: Final = "[unknown]"
_TAB, _BLANK, _COLON, _ZERO, _TEN = ord("\t"), ord(" "), ord(":"), ord("0"), 10
_ANCHOR: Final = re.compile("%-?[0-9]*[mtnpc]")
_WORDS: Final = pa.array([*SEVERITY_OF, *PART_OF], pa.large_string())
_ZONE_WIDTH: Final = 32
_PID_WIDTH: Final = 10
_STAND_IN: Final = pa.scalar("0", pa.large_string())


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
        pids: the process of each line, -1 where it has none; None if the prefix writes none.
    """

    lines: np.ndarray
    bodies: np.ndarray
    heads: pa.Table
    codes: np.ndarray
    wall: np.ndarray
    dated: np.ndarray
    pids: np.ndarray | None

    def take(self, rows: np.ndarray) -> Matches:
        """Return some of the lines."""
        arrays = (self.lines[rows], self.bodies[rows], self.heads, self.codes[rows], self.wall[rows], self.dated[rows])
        return Matches(*arrays, None if self.pids is None else self.pids[rows])

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
        single = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
        return pc.replace_substring_regex(single, r"\(\d+\)$", "") if name == "client" else single

    @cached_property
    def parts(self) -> np.ndarray:
        """The part of a record that each line is, such as "detail"; empty for a record of its own."""
        encoded = self.column("label").dictionary_encode()
        names = np.array([PART_OF.get(word, "") for word in encoded.dictionary.to_pylist()] or [""])
        return names[encoded.indices.fill_null(0).to_numpy()[self.codes]] if len(self.codes) else names[:0]


def match_lines(block: Block, prefix: Prefix, others: Sequence[Prefix] = ()) -> Matches:
    """Find the lines that begin with *prefix* and a label, or with one of *others*.

    Most lines have a time at a fixed place, and the distinct texts between it and the first `:␣␣` are few: only
    these meet a regular expression. Lines that do not fit so are matched whole.
    """
    starts, flat = block.starts, np.frombuffer(block.data, np.uint8)
    first = flat[starts] if len(starts) else np.zeros(0, np.uint8)
    open_ = (first != _TAB) & ~block.blank
    labels = _first_labels(flat, starts)
    begins = starts + len(prefix.lead) + len(prefix.layout)
    fits = open_ & (labels <= block.ends) & (labels > begins)
    wall, dated = np.zeros(len(starts), np.int64), np.zeros(len(starts), bool)
    if prefix.layout:
        rows = np.flatnonzero(fits)
        wall[rows], dated[rows] = decode_stamps(gather(flat, starts[rows] + len(prefix.lead), STAMP_WIDTH))
        fits &= dated & _begins(flat, starts, prefix.lead)
    lines = np.flatnonzero(fits)
    if prefix.pid_mark is None:
        quick = _Part.of_heads(block, lines, begins, labels, prefix.rest or prefix.pattern)
    else:
        quick = _Part.around_pids(block, lines, begins, labels, prefix)
    open_[quick.lines] = False
    if prefix.layout and not prefix.lead.startswith(b" "):
        open_ &= _begins(flat, starts, prefix.lead) & _is_digit(flat, starts + len(prefix.lead))
    slow = _match_whole(block, np.flatnonzero(open_), prefix, others)
    for part in slow if prefix.layout else [quick, *slow]:
        wall[part.lines], dated[part.lines] = part.stamps()
    return _join([quick, *slow], wall, dated)


def _first_labels(flat: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Return the offset behind the first `:␣␣` at or after each of *starts*; the end of all if there is none."""
    found = (flat[:-2] == _COLON) & (flat[1:-1] == _BLANK) & (flat[2:] == _BLANK)
    places = np.concatenate((np.flatnonzero(found), [len(flat)]))
    return places[np.searchsorted(places, starts)] + len(":  ")


def _begins(flat: np.ndarray, starts: np.ndarray, lead: bytes) -> np.ndarray:
    if not lead:
        return np.ones(len(starts), bool)
    return (gather(flat, starts, len(lead)) == np.frombuffer(lead, np.uint8)).all(axis=1)


def _is_digit(flat: np.ndarray, places: np.ndarray) -> np.ndarray:
    return gather(flat, places, 1)[:, 0] - np.uint8(_ZERO) < _TEN if len(places) else np.zeros(0, bool)


@dataclass(frozen=True)
class _Part:
    """Some of the matched lines."""

    lines: np.ndarray
    bodies: np.ndarray
    heads: pa.Table
    codes: np.ndarray
    pids: np.ndarray | None

    @classmethod
    def of_heads(cls, block: Block, lines: np.ndarray, begins: np.ndarray, ends: np.ndarray, pattern: str) -> _Part:
        """Match what stands between *begins* and *ends* of *lines*, each distinct text once."""
        heads = slices(block.data, begins[lines], ends[lines]).dictionary_encode()
        table = _extract_heads(heads.dictionary, pattern)
        codes = heads.indices.to_numpy()
        kept = _valid(table, "label")[codes] if len(codes) else np.zeros(0, bool)
        return cls(lines[kept], ends[lines[kept]], table, codes[kept], _pids(table, codes[kept]))

    @classmethod
    def around_pids(
        cls, block: Block, lines: np.ndarray, begins: np.ndarray, ends: np.ndarray, prefix: Prefix
    ) -> _Part:
        """Match like `of_heads`, with the process id taken out: then the distinct texts are a handful."""
        starts, stops, pids = _find_pids(block.data, begins[lines], prefix.pid_mark)
        found = (pids >= 0) & (stops <= ends[lines])
        lines, starts, stops, pids = lines[found], starts[found], stops[found], pids[found]
        before = slices(block.data, begins[lines], starts).dictionary_encode()
        after = slices(block.data, stops, ends[lines]).dictionary_encode()
        count = max(len(after.dictionary), 1)
        pairs, codes = _unique(before.indices.to_numpy().astype(np.int64) * count + after.indices.to_numpy())
        texts = pc.binary_join_element_wise(
            before.dictionary.take(pa.array(pairs // count)), after.dictionary.take(pa.array(pairs % count)), _STAND_IN
        )
        table = _extract_heads(texts, prefix.rest)
        good = _valid(table, "label") & pc.equal(table.column("pid"), _STAND_IN).fill_null(False).to_numpy()
        kept = good[codes] if len(codes) else np.zeros(0, bool)
        return cls(lines[kept], ends[lines[kept]], table, codes[kept], pids[kept])

    @classmethod
    def of_lines(cls, block: Block, lines: np.ndarray, pattern: str) -> _Part:
        """Match *lines* as a whole."""
        texts = slices(block.data, block.starts[lines], block.ends[lines])
        table = extract(texts, f"^(?P<head>{pattern})(?P<body>.*)$")
        kept = np.flatnonzero(_valid(table, "label"))
        table = table.take(pa.array(kept))
        sizes = pc.binary_length(table.column("body")).to_numpy()
        codes = np.arange(len(kept))
        return cls(lines[kept], block.ends[lines[kept]] - sizes, table, codes, _pids(table, codes))

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


def _match_whole(block: Block, lines: np.ndarray, prefix: Prefix, others: Sequence[Prefix]) -> list[_Part]:
    """Match lines by the exact pattern: first with the labels that are known, then with any word."""
    parts: list[_Part] = []

    def match(pattern: str, some: np.ndarray) -> None:
        nonlocal lines
        if len(some):  # compiling the pattern is most of the cost
            parts.append(_Part.of_lines(block, some, pattern))
            lines = np.setdiff1d(lines, parts[-1].lines, assume_unique=True)

    match(f"{prefix.pattern}{KNOWN_LABEL} {{0,2}}", lines)
    for other in others:
        match(f"{other.pattern}{KNOWN_LABEL} {{2}}", lines[looks_like_stamp(block.data, block.starts[lines])])
    # Only with a time or process in front does any word tell a record from "cp: cannot stat".
    if _ANCHOR.search(prefix.text):
        match(f"{prefix.pattern}{ANY_LABEL} {{1,2}}", lines)
    return parts


def _join(parts: list[_Part], wall: np.ndarray, dated: np.ndarray) -> Matches:
    lines = np.concatenate([part.lines for part in parts])
    order = np.argsort(lines, kind="stable")
    shifts = np.cumsum([0, *(part.heads.num_rows for part in parts[:-1])])
    codes = np.concatenate([part.codes + shift for part, shift in zip(parts, shifts, strict=True)])
    heads = pa.concat_tables([part.heads for part in parts], promote_options="default").combine_chunks()
    bodies = np.concatenate([part.bodies for part in parts])[order]
    pids = [part.pids for part in parts if part.pids is not None]
    joined = np.concatenate(pids)[order] if pids and len(pids) == len(parts) else None
    lines = lines[order]
    return Matches(lines, bodies, heads, codes[order], wall[lines], dated[lines], joined)


def _valid(table: pa.Table, name: str) -> np.ndarray:
    return table.column(name).is_valid().to_numpy()


def _pids(heads: pa.Table, codes: np.ndarray) -> np.ndarray | None:
    """Return the process of each line: `%p`, else the second half of `%c`."""
    if "pid" in heads.column_names:
        numbers = to_numbers(heads.column("pid").combine_chunks())
    elif "session" in heads.column_names:
        numbers = to_numbers(pc.replace_substring_regex(heads.column("session"), r"^.*\.", ""), base=16)
    else:
        return None
    return numbers.fill_null(-1).to_numpy(zero_copy_only=False)[codes]


def _find_pids(data: bytes, begins: np.ndarray, mark: int | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the digits behind the first byte *mark* from each of *begins* on.

    Returns:
        Where they begin, where they end, and the number; -1 where there is none.
    """
    window = gather(data, begins, _ZONE_WIDTH) == mark
    starts = begins + window.argmax(axis=1) + 1 if len(begins) else begins
    digits = gather(data, starts, _PID_WIDTH) - np.uint8(_ZERO)
    pids, inside = np.zeros(len(begins), np.int64), window.any(axis=1)
    widths = np.zeros(len(begins), np.int64)
    for place in range(_PID_WIDTH):
        inside = inside & (digits[:, place] < _TEN)
        pids = np.where(inside, pids * _TEN + digits[:, place], pids)
        widths += inside
    return starts, starts + widths, np.where((widths > 0) & ~inside, pids, -1)


def _unique(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct *numbers*, all of them small or few, and which each is."""
    if len(numbers) and numbers.max() > 4 * len(numbers):
        return np.unique(numbers, return_inverse=True)
    seen = np.bincount(numbers) > 0 if len(numbers) else np.zeros(0, bool)
    return np.flatnonzero(seen), (np.cumsum(seen) - 1)[numbers]


def slices(data: bytes, begins: np.ndarray, ends: np.ndarray) -> pa.LargeStringArray:
    """Cut `data[begin:end]` out for each pair; the pairs must ascend and not overlap."""
    bounds = np.empty(2 * len(begins) + 2, np.int64)
    bounds[0], bounds[1:-1:2], bounds[2:-1:2], bounds[-1] = 0, begins, ends, len(data)
    every = pa.LargeStringArray.from_buffers(len(bounds) - 1, pa.py_buffer(bounds), pa.py_buffer(data))
    return every.take(pa.array(np.arange(1, len(bounds) - 2, 2)))


def _extract_heads(heads: pa.Array, pattern: str) -> pa.Table:
    """Match heads that end with a label that is known.

    The alternatives of eleven languages make a pattern so large that RE2 matches several times slower. English is
    tried first, by its letters.
    """
    table = extract(heads, f"^{pattern}(?P<label>[A-Z]+[1-5]?):  $")
    known = pc.is_in(table.column("label"), _WORDS).to_numpy()
    if known.all():
        return table
    rest = extract(heads.filter(pa.array(~known)), f"^{pattern}{KNOWN_LABEL}  $")
    places = np.arange(len(heads))
    places[~known] = len(heads) + np.arange(rest.num_rows)
    return pa.concat_tables([table, rest]).take(pa.array(places))


def extract(texts: pa.Array, pattern: str) -> pa.Table:
    """Return the named groups of *pattern* as columns, missing where a text does not match."""
    struct = pc.extract_regex(texts, pattern)
    names = [struct.type.field(place).name for place in range(struct.type.num_fields)]
    return pa.table({name: pc.struct_field(struct, name) for name in names})
