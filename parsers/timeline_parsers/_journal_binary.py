"""Read a journal file: entries and their fields as columns, without a Python object an entry.

Many entries share one DATA object. Each distinct one is looked at once, and entries hold its row in a table.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import pyarrow as pa

from timeline_parsers import _journal_cursor as cursor
from timeline_parsers._journal_entries import (
    FIELDS,
    MESSAGE,
    NUMBER_FIELDS,
    WORD_FIELDS,
    Entries,
    Words,
    as_text,
    decode,
    match_prefixes,
    slices,
)
from timeline_parsers._journal_objects import ENTRY_HEAD, Inflater, JournalFile

# Of this size the temporaries of a chunk stay in the processor's cache.
CHUNK: Final = 1 << 15
CHUNK_ITEMS: Final = 1 << 21

# Compressed values that are decompressed in one call; a damaged one costs one call for each of them.
INFLATED_TOGETHER: Final = 256

# So many boots are looked for one by one in a chunk; more, as in the file of a relay, by sorting.
FEW_BOOTS: Final = 16

TEN: Final = 10
# Any number of so many digits fits int64.
LONGEST_NUMBER: Final = 18

_UNSEEN, _UNWANTED, _FIRST = 0, 1, 2
_MESSAGE: Final = FIELDS.index(MESSAGE)
_PATTERNS: Final = [f"{name}=".encode() for name in FIELDS]


class Reader:
    """Turns entry offsets of one file into `Entries`.

    Attributes:
        unreadable: damaged fields and entries with damaged references to fields, so far.
        refused: compressed values that are damaged or too large, so far.
    """

    def __init__(self, file: JournalFile) -> None:
        self.file = file
        self.unreadable = 0
        self._inflater = Inflater()
        # For each place of an object: unseen, unwanted, or its row in the table of wanted objects.
        self._rows = np.zeros(len(file.words) + 1, np.int32)
        self._field = np.zeros(0, np.int8)
        self._start = np.zeros(0, np.int64)
        self._end = np.zeros(0, np.int64)
        self._code = np.zeros(0, np.int64)
        self._packed = np.zeros(0, bool)
        self._inflated: dict[int, bytes] = {}
        self._values: dict[int, list[str]] = {place: [] for place in range(len(FIELDS))}
        self._boots: dict[bytes, int] = {}

    @property
    def refused(self) -> int:
        """Compressed values that could not be decompressed."""
        return self._inflater.refused

    def read(self, offsets: np.ndarray, ordinals: np.ndarray) -> Iterator[Entries]:
        """Yield the entries at *offsets*, which must be sound, in chunks.

        Args:
            offsets: of ENTRY objects, int64.
            ordinals: the number of each entry in the file.
        """
        sizes = (self.file.words[offsets // 8 + 1].astype(np.int64) - ENTRY_HEAD) // self.file.item_size
        totals = np.cumsum(sizes)
        start = 0
        while start < len(offsets):
            limit = (int(totals[start - 1]) if start else 0) + CHUNK_ITEMS
            end = min(start + CHUNK, max(start + 1, int(np.searchsorted(totals, limit, "right"))))
            yield self._chunk(offsets[start:end], sizes[start:end], ordinals[start:end])
            start = end

    def _chunk(self, offsets: np.ndarray, sizes: np.ndarray, ordinals: np.ndarray) -> Entries:
        words, at = self.file.words, offsets // 8
        table = self._fields(offsets, sizes)
        boots = self._boot_words(offsets)
        realtime = words[at + 3]
        cursors = cursor.build_cursors(
            self.file.seqnum_id,
            words[at + 2],
            (boots.codes, boots.values),
            words[at + 4],
            realtime,
            words[at + 7],
        )
        return Entries(
            lines=ordinals,
            realtime=np.where(realtime < 1 << 62, realtime, -1).astype(np.int64),
            cursors=cursors,
            boots=boots,
            messages=self._messages(table[_MESSAGE]),
            words={name: self._words(table, FIELDS.index(name)) for name in WORD_FIELDS},
            numbers={name: self._numbers(table, FIELDS.index(name)) for name in NUMBER_FIELDS},
        )

    def _fields(self, offsets: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        """Return a matrix of fields by entries: the row of the DATA object, -1 if the entry has no such field."""
        items, owners = self._items(offsets, sizes)
        found = self._rows[items]
        unseen = np.flatnonzero(found == _UNSEEN)
        if len(unseen):
            self._classify(self._distinct(items[unseen]))
            found[unseen] = self._rows[items[unseen]]
        wanted = np.flatnonzero(found >= _FIRST)[::-1]
        rows = found[wanted] - _FIRST
        table = np.full(len(FIELDS) * len(offsets), -1, np.int32)
        # Backwards: of a repeated field the first value is written last.
        table[self._field[rows].astype(np.int64) * len(offsets) + owners[wanted]] = rows
        return table.reshape(len(FIELDS), len(offsets))

    def _items(self, offsets: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the places (offset / 8) of all items of the entries, and which entry each belongs to."""
        # In units of the offset: an item is one of them when compact, else an offset and a hash.
        unit, step = (4, 1) if self.file.compact else (8, 2)
        before = np.cumsum(sizes) - sizes
        index = np.arange(0, step * int(sizes.sum()), step)
        index += np.repeat((offsets + ENTRY_HEAD) // unit - step * before, sizes)
        owners = np.repeat(np.arange(len(offsets), dtype=np.int32), sizes)
        raw = self.file.halves[index] if self.file.compact else self.file.words[index]
        last = len(self.file.words) * 8
        if len(raw) and (raw.min() == 0 or raw.max() >= last or np.bitwise_or.reduce(raw) & 7):
            good = self._before_damage((raw < last) & (raw & 7 == 0), before, owners)
            # A zero item of a compact file is padding.
            good &= raw != 0
            raw, owners = raw[good], owners[good]
        return (raw >> 3).astype(np.int64), owners

    def _before_damage(self, good: np.ndarray, before: np.ndarray, owners: np.ndarray) -> np.ndarray:
        """Keep the items of each entry up to its first bad one.

        If the size of an entry is damaged, that is where the next object begins: its head is never a multiple of 8.
        """
        bad = np.concatenate((np.zeros(1, np.int64), np.cumsum(~good)))
        self.unreadable += len(np.unique(owners[~good]))
        return bad[1:] == bad[before][owners]

    def _distinct(self, places: np.ndarray) -> np.ndarray:
        """Drop repeated places without sorting: of equal ones the last leaves its number, which the others miss."""
        numbers = np.arange(len(places), dtype=np.int32)
        self._rows[places] = numbers
        return places[self._rows[places] == numbers]

    def _classify(self, places: np.ndarray) -> None:
        """Find out which of the DATA objects at *places*, all different, are wanted, and where their values are."""
        offsets = places * 8
        good = self.file.sound_data(offsets)
        self.unreadable += int(np.count_nonzero(~good))
        self._rows[places] = _UNWANTED
        places, offsets = places[good], offsets[good]
        flags = self.file.words[places] >> np.uint64(8) & np.uint64(0xFF)
        ends = offsets + self.file.words[places + 1].astype(np.int64)
        starts = offsets + self.file.payload_offset
        field = match_prefixes(self.file.data, starts, ends - starts, _PATTERNS)
        inflated = self._inflate(starts, ends, flags)
        for row, value in inflated.items():
            field[row] = next((k for k, name in enumerate(_PATTERNS) if value.startswith(name)), -1)
        self._admit(places, field, starts, ends, {row: value for row, value in inflated.items() if field[row] >= 0})

    def _inflate(self, starts: np.ndarray, ends: np.ndarray, flags: np.ndarray) -> dict[int, bytes]:
        """Return the values of the compressed objects by row; what cannot be decompressed is empty."""
        found: dict[int, bytes] = {}
        rows = np.flatnonzero(flags)
        for first in range(0, len(rows), INFLATED_TOGETHER):
            some = rows[first : first + INFLATED_TOGETHER].tolist()
            payloads = [self.file.cut(int(starts[row]), int(ends[row])) for row in some]
            values = self._inflater.inflate_all(payloads, flags[some].tolist())
            found |= {row: value or b"" for row, value in zip(some, values, strict=True)}
        return found

    def _admit(
        self,
        places: np.ndarray,
        field: np.ndarray,
        starts: np.ndarray,
        ends: np.ndarray,
        inflated: dict[int, bytes],
    ) -> None:
        """Add the wanted objects to the table."""
        wanted = np.flatnonzero(field >= 0)
        base = len(self._field)
        self._rows[places[wanted]] = np.arange(base, base + len(wanted)) + _FIRST
        field, ends = field[wanted], ends[wanted]
        starts = starts[wanted] + np.array([len(name) for name in _PATTERNS])[field]
        values = {}
        for old, value in inflated.items():
            row = int(np.searchsorted(wanted, old))
            values[row] = value[len(_PATTERNS[field[row]]) :]
        code = np.full(len(wanted), -1, np.int64)
        for place, name in enumerate(FIELDS):
            rows = np.flatnonzero(field == place)
            if name in NUMBER_FIELDS:
                code[rows] = read_numbers(self.file.data, starts[rows], ends[rows])
            elif name != MESSAGE:
                code[rows] = len(self._values[place]) + np.arange(len(rows))
                self._values[place] += [decode(self._cut(row, starts, ends, values)) for row in rows.tolist()]
        packed = np.zeros(len(wanted), bool)
        packed[list(values)] = True
        self._inflated |= {base + row: value for row, value in values.items() if field[row] == _MESSAGE}
        self._packed = np.concatenate((self._packed, packed))
        self._field = np.concatenate((self._field, field.astype(np.int8)))
        self._start = np.concatenate((self._start, starts))
        self._end = np.concatenate((self._end, ends))
        self._code = np.concatenate((self._code, code))

    def _cut(self, row: int, starts: np.ndarray, ends: np.ndarray, inflated: dict[int, bytes]) -> bytes:
        return inflated[row] if row in inflated else self.file.cut(int(starts[row]), int(ends[row]))

    def _words(self, table: np.ndarray, place: int) -> Words:
        rows = table[place]
        values = self._values[place]
        if not values:
            return Words.missing(len(rows))
        return Words(np.where(rows >= 0, self._code[rows], -1).astype(np.int32), values)

    def _numbers(self, table: np.ndarray, place: int) -> np.ndarray:
        rows = table[place]
        return np.where(rows >= 0, self._code[rows], -1) if len(self._code) else np.full(len(rows), -1, np.int64)

    def _boot_words(self, offsets: np.ndarray) -> Words:
        """Read the boot ids of the entry headers, which journalctl prints, not those of the field."""
        at = offsets // 8 + 5
        pairs = np.column_stack((self.file.words[at], self.file.words[at + 1]))
        codes = np.full(len(pairs), -1, np.int32)
        left = np.arange(len(pairs))
        for _ in range(FEW_BOOTS):
            if not len(left):
                break
            same = (pairs[left] == pairs[left[0]]).all(axis=1)
            codes[left[same]] = self._boot_code(pairs[left[0]])
            left = left[~same]
        distinct, places = np.unique(pairs[left], axis=0, return_inverse=True)
        codes[left] = np.array([self._boot_code(pair) for pair in distinct], np.int32)[places.ravel()]
        return Words(codes, [boot.hex() for boot in self._boots])

    def _boot_code(self, pair: np.ndarray) -> int:
        return self._boots.setdefault(pair.tobytes(), len(self._boots))

    def _messages(self, rows: np.ndarray) -> pa.LargeStringArray:
        """Cut the messages of a chunk out of the file; each distinct one is cut once."""
        distinct, inverse = np.unique(rows, return_inverse=True)
        if len(distinct) and distinct[0] < 0:
            distinct, inverse = distinct[1:], inverse - 1
        packed = self._packed[distinct]
        plain = distinct[~packed]
        order = np.argsort(self._start[plain], kind="stable")
        plain = plain[order]
        texts = as_text(slices(self.file.data, self._start[plain], self._end[plain]))
        if packed.any():
            more = [decode(self._inflated[row]) for row in distinct[packed].tolist()]
            texts = pa.concat_arrays([texts, pa.array(more, pa.large_string())])
        place_of = np.empty(len(distinct), np.int64)
        place_of[np.flatnonzero(~packed)[order]] = np.arange(len(plain))
        place_of[packed] = len(plain) + np.arange(int(packed.sum()))
        absent = rows < 0
        places = np.where(absent, 0, np.append(place_of, 0)[inverse])
        return texts.take(pa.array(places, mask=absent if absent.any() else None))


def read_numbers(flat: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Read decimal numbers of up to 18 digits as int64; anything else is -1."""
    lengths = ends - starts
    good = (lengths >= 1) & (lengths <= LONGEST_NUMBER)
    number = np.zeros(len(starts), np.int64)
    for place in range(int(lengths[good].max(initial=0))):
        inside = good & (place < lengths)
        digit = flat[np.where(inside, starts + place, 0)].astype(np.int64) - ord("0")
        good &= ~inside | ((digit >= 0) & (digit < TEN))
        number = np.where(inside & good, number * 10 + digit, number)
    return np.where(good, number, -1)
