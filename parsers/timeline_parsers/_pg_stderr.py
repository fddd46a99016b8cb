"""Read the stderr form of a PostgreSQL log: prefix, label, text, further lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from timeline.parser import EXAMPLES, Batch, Tally
from timeline.sources import Source
from timeline.stamps import gather
from timeline.textlog import Block, read_blocks
from timeline_parsers._pg_frame import Fields, build_frame, to_numbers
from timeline_parsers._pg_labels import FOLLOW_WORDS, PART_OF, POSITION_TEXTS, SEVERITY_OF
from timeline_parsers._pg_match import Matches, match_lines, slices
from timeline_parsers._pg_prefix import RDS, Prefix, line_pattern, record_lines

# A further line belongs to one of the last records before it. Records are written whole, so that the parent is
# nearly always the last; the bound makes the result the same however the file is cut into blocks.
REACH: Final = 64
EXPANDED_TAB: Final = 8

# SQLSTATE before the message (log_error_verbosity=verbose): only these classes exist, so that user text like
# "12345: x" is left alone. Reference: Appendix A, PostgreSQL error codes.
STATE_CLASSES: Final = frozenset({
    "00", "01", "02", "03", "08", "09", "0A", "0B", "0F", "0L", "0P", "0Z", "20", "21", "22", "23",
    "24", "25", "26", "27", "28", "2B", "2D", "2F", "34", "38", "39", "3B", "3D", "3F", "40", "42",
    "44", "53", "54", "55", "57", "58", "72", "F0", "HV", "P0", "XX",
})  # fmt: skip
_POSITION: Final = "(?s)^(?P<text>.*?)(?P<place>{})$".format(
    "|".join(re.escape(text).replace(r"\#", r"\d{1,10}") for text in POSITION_TEXTS)
)
_POSITION_ENDS: Final = np.isin(
    np.arange(256), [*b"0123456789", *(text.encode()[-1] for text in POSITION_TEXTS if not text.endswith("#"))]
)
"""Which bytes such a text may end with."""
_STATE: Final = re.compile("[0-9A-Z]{5}")
_STATE_WIDTH: Final = 5

_TAB, _BLANK = ord("\t"), ord(" ")

# Behind what lines without prefix and TAB continue a record; elsewhere they come from other programs.
NEVER: Final = "never"
BEHIND_SQL: Final = "behind SQL"
ALWAYS: Final = "always"
SQL_PARTS: Final = ("statement", "query")
SQL_TEXTS: Final = (b"statement: ", b"duration: ", b"execute ")
_INDENTED: Final = re.compile(rb"^(?:\t| {8})\S", re.MULTILINE)
_FEWEST_RUNS: Final = 3


def find_bare_lines(head: bytes, prefix: Prefix) -> str:
    """Tell whether the TABs of a log got lost, by its first lines.

    Amazon RDS breaks long texts anew, and holds no lines of other programs. Elsewhere a copy has lost its TABs if there
    are none, and if whatever has no prefix stands behind SQL.
    """
    if prefix.text in RDS:
        return ALWAYS
    if _INDENTED.search(head):
        return NEVER
    pattern, runs, behind_sql, inside = line_pattern(prefix.text), 0, False, False
    for line in record_lines(head):
        found = pattern.match(line)
        if found is None:
            if not behind_sql:
                return NEVER
            runs, inside = runs + (not inside), True
            continue
        text = line[found.end() :].encode()
        part = PART_OF.get(found["label"], "")
        behind_sql, inside = part in SQL_PARTS or (not part and text.startswith(SQL_TEXTS)), False
    return BEHIND_SQL if runs >= _FEWEST_RUNS else NEVER


def parse_stderr(
    source: Source, prefix: Prefix, others: Sequence[Prefix] = (), *, bare: str = NEVER, size: int | None = None
) -> Iterator[Batch]:
    """Yield the records of *source*, a log whose lines begin with *prefix*.

    Args:
        source: the source.
        prefix: its `log_line_prefix`.
        others: prefixes that lines may have as well: the setting changes by a reload, in the middle of a file.
        bare: behind what lines without prefix or TAB continue a record: `NEVER`, `BEHIND_SQL` or `ALWAYS`.
        size: bytes a block has at least. The records are the same for every size.
    """
    held = Block(b"", 1)
    for block in read_blocks(source, size):
        data = block.data.lstrip(b"\0") if block.first_line == 1 else block.data  # copytruncate leaves NULs
        whole = Block(held.data + data, held.first_line if held.data else block.first_line)
        records = Records(whole, match_lines(whole, prefix, others), bare)
        cut = records.cut
        if cut:
            yield records.batch(cut)
        held = _tail(whole, cut)
    if held.data:
        records = Records(held, match_lines(held, prefix, others), bare)
        yield records.batch(len(held.ends))


def _tail(block: Block, line: int) -> Block:
    if line >= len(block.ends):
        return Block(b"", block.first_line + len(block.ends))
    return Block(block.data[block.starts[line] :], block.first_line + line)


@dataclass(frozen=True)
class Records:
    """The records of a block: matched lines, the lines that continue them, and the parts that belong to them.

    "Row" is a place among the matched lines, "line" one among all lines of the block.
    """

    block: Block
    rows: Matches
    bare: str = NEVER

    @cached_property
    def is_record(self) -> np.ndarray:
        """Whether each row is a record of its own."""
        return self.rows.parts == ""

    @cached_property
    def owner(self) -> np.ndarray:
        """For each line the row that it begins or continues, -1 if there is none."""
        count = len(self.block.ends)
        flat = np.frombuffer(self.block.data, np.uint8)
        first = flat[self.block.starts] if count else np.zeros(0, np.uint8)
        row = np.full(count, -1)
        row[self.rows.lines] = np.arange(len(self.rows.lines))
        follows = ((first == _TAB) | (first == _BLANK)) & (row < 0)
        if self.bare != NEVER:
            above = self._above(row, row < 0)
            follows |= (row < 0) & (above >= 0) & np.append(self._may_go_on, False)[above]
        owner = self._above(row, follows | self.block.blank)
        owner[self.block.blank] = -1
        return owner

    def _above(self, row: np.ndarray, passed: np.ndarray) -> np.ndarray:
        """Return for each line the row of the line that decides for it: itself, or the last that is not *passed*."""
        decides = np.where(passed, -1, np.arange(len(row)))
        last = np.maximum.accumulate(decides) if len(row) else decides
        return np.where(last >= 0, row[last], -1)

    @cached_property
    def _may_go_on(self) -> np.ndarray:
        """Whether a line without TAB may continue each row."""
        if self.bare == ALWAYS:
            return np.ones(len(self.is_record), bool)
        starts = gather(self.block.data, self.rows.bodies, max(map(len, SQL_TEXTS)))
        logged = [(starts[:, : len(text)] == np.frombuffer(text, np.uint8)).all(axis=1) for text in SQL_TEXTS]
        return np.isin(self.rows.parts, SQL_PARTS) | (self.is_record & np.logical_or.reduce(logged))

    @cached_property
    def parent(self) -> np.ndarray:
        """For each row that is a part the row of its record, -1 for orphans; itself for records."""
        rows = np.arange(len(self.is_record))
        number = np.cumsum(self.is_record)
        parent = np.maximum.accumulate(np.where(self.is_record, rows, -1)) if len(rows) else rows
        pids = self.rows.pids
        if pids is not None:
            strangers = np.flatnonzero((parent >= 0) & (pids != pids[parent]))
            if len(strangers):
                parent[strangers] = _last_of_pid(self.is_record, pids)[strangers]
        parent[(parent >= 0) & (number - number[parent] >= REACH)] = -1
        return self._without_repeats(parent)

    def _without_repeats(self, parent: np.ndarray) -> np.ndarray:
        """Make orphans of parts that their record has already: their own record is not in the file."""
        parts = np.flatnonzero(~self.is_record & (parent >= 0))
        kinds = list(FOLLOW_WORDS)
        keys = parent[parts] * len(kinds)
        for place, kind in enumerate(kinds):
            keys[self.rows.parts[parts] == kind] += place
        _, firsts = np.unique(keys, return_index=True)
        repeated = np.ones(len(parts), bool)
        repeated[firsts] = False
        parent[parts[repeated]] = -1
        return parent

    @cached_property
    def cut(self) -> int:
        """The line up to which no record can get further parts from what follows the block."""
        records = np.flatnonzero(self.is_record)
        if not len(records):
            return len(self.block.ends) if not len(self.rows.lines) else int(self.rows.lines[-1]) + 1
        row = int(records[max(len(records) - REACH, 0)])
        while True:
            later = self.parent[row:]
            first = int(later[later >= 0].min(initial=row))
            if first >= row:
                return int(self.rows.lines[row])
            row = first

    def batch(self, cut: int) -> Batch:
        """Make a batch of the lines before *cut*."""
        records = np.flatnonzero(self.is_record & (self.rows.lines < cut))
        frame = build_frame(self.fields(records))
        return self._count(cut, len(records)).batch(frame)

    @cached_property
    def lost(self) -> np.ndarray:
        """Whether each line belongs to no record."""
        lost: np.ndarray = (self.owner < 0) & ~self.block.blank
        orphans = self.parent < 0
        return lost | ((self.owner >= 0) & orphans[self.owner]) if orphans.any() else lost

    def _count(self, cut: int, records: int) -> Tally:
        lost = self.lost[:cut]
        unparsed = int(lost.sum())
        tally = Tally(lines=cut, blank=int(self.block.blank[:cut].sum()))
        tally.continuation = cut - records - tally.blank - unparsed
        for line in np.flatnonzero(lost)[:EXAMPLES].tolist():
            text = self.block.data[self.block.starts[line] : self.block.ends[line]].decode("utf-8", "replace")
            tally.reject(self.block.first_line + line, text)
        tally.unparsed = unparsed
        return tally

    @cached_property
    def _text_ends(self) -> np.ndarray:
        """For each row the offset where its text ends, continuation lines included."""
        owned = np.flatnonzero(self.owner >= 0)
        last = self.rows.lines.copy()
        last[self.owner[owned]] = owned  # ascending: the last assignment holds
        return self.block.ends[last]

    @cached_property
    def _states(self) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """SQLSTATEs before messages: the rows that have one, which of the words it is, and the words."""
        head = gather(self.block.data, self.rows.bodies, _STATE_WIDTH + 2)
        rows = np.flatnonzero((head[:, 5] == ord(":")) & (head[:, 6] == _BLANK) & self.is_record)
        keys = np.zeros((len(rows), 8), np.uint8)
        keys[:, :_STATE_WIDTH] = head[rows, :_STATE_WIDTH]
        known, codes = np.unique(keys.view(np.int64)[:, 0], return_inverse=True)
        words = [int(key).to_bytes(8, "little", signed=True)[:_STATE_WIDTH].decode("latin-1") for key in known]
        good = np.array([bool(_STATE.fullmatch(word)) and word[:2] in STATE_CLASSES for word in words], bool)
        kept = good[codes] if len(rows) else np.zeros(0, bool)
        return rows[kept], codes[kept], words

    def fields(self, records: np.ndarray) -> Fields:
        """Return the rows *records*, which are records, as columns."""
        rows = self.rows
        bodies = rows.bodies.copy()
        bodies[self._states[0]] += _STATE_WIDTH + 2
        fields = Fields(self.block.first_line + rows.lines[records], rows.wall[records], rows.dated[records])
        for name in ("label", "zone", "database", "application", "backend", "command"):
            fields.text[name] = rows.dictionary(name, records)
        for name in ("user", "client", "session"):
            fields.text[name] = rows.strings(name, records)
        fields.text["state"] = self._state_column(records)
        fields.text["message"], positions = self._messages(records, bodies, fields.text["label"])
        fields.text |= self._parts(records)
        fields.number = self._numbers(records) | positions
        if "epoch" in rows.heads.column_names:
            fields.text["zone"] = pa.array(["UTC"]).take(pa.array(np.zeros(len(records), np.int64)))
        return fields

    def _messages(
        self, records: np.ndarray, bodies: np.ndarray, label: pa.DictionaryArray
    ) -> tuple[pa.Array, dict[str, pa.Array]]:
        """Return the messages without ` at character N`, which only stderr has, and that N where there is one."""
        texts = self._texts(records, bodies)
        # Statements are logged as LOG, and may end with any words.
        words = [SEVERITY_OF.get(word) not in ("info", "debug") for word in label.dictionary.to_pylist()]
        rows = np.flatnonzero(np.array([*words, False])[label.indices.fill_null(len(words)).to_numpy()])
        rows = rows[_POSITION_ENDS[np.frombuffer(self.block.data, np.uint8)[self._text_ends[records[rows]] - 1]]]
        found = pc.extract_regex(texts.take(pa.array(rows)), _POSITION)
        rows, found = rows[found.is_valid().to_numpy(zero_copy_only=False)], found.drop_null()
        if not len(rows):
            return texts, {}
        mask, place = np.zeros(len(texts), bool), np.full(len(texts), -1)
        mask[rows], place[rows] = True, np.arange(len(rows))
        digits = pc.replace_substring_regex(found.field("place"), r"\D+", "")
        numbers = to_numbers(digits).take(pa.array(place, mask=~mask))
        return pc.replace_with_mask(texts, pa.array(mask), found.field("text")), {"position": numbers}

    def _numbers(self, records: np.ndarray) -> dict[str, pa.Array]:
        numbers = {name: self.rows.numbers(name, records) for name in ("session_line", "query_id")}
        if self.rows.pids is not None:
            pids = self.rows.pids[records]
            numbers["pid"] = pa.array(pids, mask=pids < 0)
        return numbers

    def _state_column(self, records: np.ndarray) -> pa.Array | None:
        rows, codes, words = self._states
        prefixed = self.rows.dictionary("state", records)
        if prefixed is not None or not len(rows):
            return prefixed
        states = np.full(len(self.is_record), -1)
        states[rows] = codes
        indices = pa.array(states[records], mask=states[records] < 0)
        return pa.DictionaryArray.from_arrays(indices, pa.array(words, pa.large_string()))

    def _texts(self, rows: np.ndarray, bodies: np.ndarray) -> pa.Array:
        """Return the text of *rows*, continuation lines joined without their TAB."""
        texts = slices(self.block.data, bodies[rows], self._text_ends[rows])
        if not len(texts):
            return texts
        longer = self._text_ends[rows] > self.block.ends[self.rows.lines[rows]]
        if not longer.any():
            return texts
        joined = pc.replace_substring_regex(texts.filter(pa.array(longer)), f"\n(?:\t| {{{EXPANDED_TAB}}})", "\n")
        return pc.replace_with_mask(texts, pa.array(longer), joined)

    def _parts(self, records: np.ndarray) -> dict[str, pa.Array]:
        """Return the further lines of *records*, one column a part."""
        columns: dict[str, pa.Array] = {}
        place = np.full(len(self.is_record) + 1, -1)
        place[records] = np.arange(len(records))
        for part in FOLLOW_WORDS:
            rows = np.flatnonzero((self.rows.parts == part) & (place[self.parent] >= 0))
            if len(rows):
                source = np.full(len(records), -1)
                source[place[self.parent[rows]]] = np.arange(len(rows))
                texts = self._texts(rows, self.rows.bodies)
                columns[part] = texts.take(pa.array(source, mask=source < 0))
        return columns


def _last_of_pid(is_record: np.ndarray, pids: np.ndarray) -> np.ndarray:
    """Return for each row the last record row of the same process up to it, -1 if there is none."""
    order = np.argsort(pids, kind="stable")
    sorted_pids = pids[order]
    places = np.arange(len(order))
    starts = np.maximum.accumulate(np.where(np.diff(sorted_pids, prepend=sorted_pids[0] - 1) != 0, places, 0))
    last = np.maximum.accumulate(np.where(is_record[order], places, -1))
    result = np.empty(len(order), np.int64)
    result[order] = np.where(last >= starts, order[last.clip(min=0)], -1)
    return result
