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
    pieces,
    read_words,
)
from timeline_parsers._journal_objects import ENTRY_HEAD, Inflater, JournalFile

# Of this size the temporaries of a chunk stay in the processor's cache.
CHUNK: Final = 1 << 15
BLOCK: Final = 1 << 14
CHUNK_ITEMS: Final = 1 << 21

# Compressed values that are decompressed in one call; a damaged one costs one call for each of them.
INFLATED_TOGETHER: Final = 256
# Compressed bytes from which on the name is looked at before a value is decompressed.
LARGE: Final = 1 << 14

# So many boots are looked for one by one in a chunk; more, as in the file of a relay, by sorting.
FEW_BOOTS: Final = 16

# Any number of so many digits fits int64.
LONGEST_NUMBER: Final = 18

_UNSEEN, _UNWANTED, _FIRST = 0, 1, 2
_MESSAGE: Final = FIELDS.index(MESSAGE)
_NUMBERS: Final = range(FIELDS.index(NUMBER_FIELDS[0]), FIELDS.index(NUMBER_FIELDS[-1]) + 1)
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
        # The last is for the row -1, of an entry without the field.
        code = np.append(self._code, -1)
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
            words={name: self._words(table, code, FIELDS.index(name)) for name in WORD_FIELDS},
            numbers={name: code[table[FIELDS.index(name)]] for name in NUMBER_FIELDS},
        )

    def _fields(self, offsets: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        """Return a matrix of fields by entries: the row of the DATA object, -1 if the entry has no such field."""
        table = np.full((len(FIELDS), len(offsets)), -1, np.int32)
        for start in range(0, len(offsets), BLOCK):
            end = start + BLOCK
            owners, rows = self._wanted_rows(offsets[start:end], sizes[start:end])
            # Backwards: of a repeated field the first value is written last.
            owners, rows = owners[::-1], rows[::-1]
            table.reshape(-1)[self._field[rows].astype(np.int64) * len(offsets) + (owners + start)] = rows
        return table

    def _wanted_rows(self, offsets: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the items of entries that are of wanted fields: which entry each belongs to, and its row."""
        items, owners = self._items(offsets, sizes)
        found = self._rows[items]
        unseen = np.flatnonzero(found == _UNSEEN)
        if len(unseen):
            self._classify(self._distinct(items[unseen]))
            found[unseen] = self._rows[items[unseen]]
        wanted = np.flatnonzero(found >= _FIRST)
        return owners[wanted], found[wanted] - _FIRST

    def _items(self, offsets: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the places (offset / 8) of all items of the entries, and which entry each belongs to."""
        # In units of the offset: an item is one of them when compact, else an offset and a hash.
        units, unit, step = (self.file.halves, 4, 1) if self.file.compact else (self.file.words, 8, 2)
        before = np.cumsum(sizes) - sizes
        index = np.arange(0, step * int(sizes.sum()), step)
        index += np.repeat((offsets + ENTRY_HEAD) // unit - step * before, sizes)
        owners = np.repeat(np.arange(len(offsets), dtype=np.int32), sizes)
        raw = units[index]
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
        good, flags, sizes = self.file.look_at_data(places)
        self._rows[places] = _UNWANTED
        if not good.all():
            self.unreadable += int(np.count_nonzero(~good))
            places, flags, sizes = places[good], flags[good], sizes[good]
        starts = places * 8 + self.file.payload_offset
        ends = places * 8 + sizes
        field = match_prefixes(self.file.data, starts, ends - starts, _PATTERNS)
        field[flags != 0] = -1
        inflated = self._inflate(starts, ends, flags)
        for row, value in inflated.items():
            field[row] = next((k for k, name in enumerate(_PATTERNS) if value.startswith(name)), -1)
        self._admit(places, field, starts, ends, {row: value for row, value in inflated.items() if field[row] >= 0})

    def _inflate(self, starts: np.ndarray, ends: np.ndarray, flags: np.ndarray) -> dict[int, bytes]:
        """Return the values of the compressed objects by row; what cannot be decompressed is empty."""
        found: dict[int, bytes] = {}
        rows = np.array(
            [row for row in np.flatnonzero(flags).tolist() if self._may_be_wanted(starts, ends, flags, row)]
        )
        for first in range(0, len(rows), INFLATED_TOGETHER):
            some = rows[first : first + INFLATED_TOGETHER].tolist()
            payloads = [self.file.cut(int(starts[row]), int(ends[row])) for row in some]
            values = self._inflater.inflate_all(payloads, flags[some].tolist())
            found |= {row: value or b"" for row, value in zip(some, values, strict=True)}
        return found

    def _may_be_wanted(self, starts: np.ndarray, ends: np.ndarray, flags: np.ndarray, row: int) -> bool:
        """Tell a large value of another field, such as COREDUMP, by its first bytes."""
        start, end = int(starts[row]), int(ends[row])
        if end - start < LARGE:
            return True
        begin = self._inflater.peek(self.file.cut(start, end), int(flags[row]))
        return any(begin.startswith(name) or name.startswith(begin) for name in _PATTERNS)

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
        numeric = np.flatnonzero((field >= _NUMBERS.start) & (field < _NUMBERS.stop))
        code[numeric] = read_numbers(self.file.data, starts[numeric], ends[numeric])
        for row in np.flatnonzero(field >= _NUMBERS.stop).tolist():
            known = self._values[int(field[row])]
            code[row] = len(known)
            known.append(decode(self._cut(row, starts, ends, values)))
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

    def _words(self, table: np.ndarray, code: np.ndarray, place: int) -> Words:
        values = self._values[place]
        return Words(code[table[place]].astype(np.int32), values) if values else Words.missing(table.shape[1])

    def _boot_words(self, offsets: np.ndarray) -> Words:
        """Read the boot ids of the entry headers, which journalctl prints, not those of the field."""
        at = offsets // 8 + 5
        first, second = self.file.words[at], self.file.words[at + 1]
        codes = np.full(len(at), -1, np.int32)
        for _ in range(FEW_BOOTS):
            row = int(np.argmin(codes))
            if codes[row] >= 0:
                break
            pair = np.array([first[row], second[row]])
            codes[(first == pair[0]) & (second == pair[1])] = self._boot_code(pair)
        left = np.flatnonzero(codes < 0)
        pairs, places = np.unique(np.column_stack((first[left], second[left])), axis=0, return_inverse=True)
        codes[left] = np.array([self._boot_code(pair) for pair in pairs], np.int32)[places.ravel()]
        return Words(codes, [boot.hex() for boot in self._boots])

    def _boot_code(self, pair: np.ndarray) -> int:
        return self._boots.setdefault(pair.tobytes(), len(self._boots))

    def _messages(self, rows: np.ndarray) -> pa.LargeStringArray:
        """Cut the messages of a chunk out of the file."""
        absent = rows < 0
        packed = np.flatnonzero(np.append(self._packed, False)[rows])
        starts, ends = np.append(self._start, 0)[rows], np.append(self._end, 0)[rows]
        starts[packed] = ends[packed] = 0
        texts = as_text(pieces(self.file.data, starts, ends))
        if not len(packed) and not absent.any():
            return texts
        more = [decode(self._inflated[row]) for row in rows[packed].tolist()]
        places = np.arange(len(rows))
        places[packed] = len(rows) + np.arange(len(packed))
        return pa.concat_arrays([texts, pa.array(more, pa.large_string())]).take(pa.array(places, mask=absent))


def read_numbers(flat: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Read decimal numbers of up to 18 digits as int64, eight digits at a time; anything else is -1.

    Args:
        flat: uint8.
        starts: at least 24, for the words that end with a number reach so far back.
        ends: where each number ends.
    """
    lengths = ends - starts
    good = (lengths >= 1) & (lengths <= LONGEST_NUMBER)
    number, scale = np.zeros(len(starts), np.uint64), 1
    for place in range(0, int(lengths[good].max(initial=0)), 8):
        digits = np.clip(lengths - place, 0, 8)
        word = read_words(flat, ends - place - 8)
        # In front of the number stands something else: zeros are put in its place. The first byte is the lowest.
        kept = _KEPT[digits]
        word = word & kept | _ZEROS & ~kept
        good &= (word & _HIGH | (word + _SIX & _HIGH) >> np.uint64(4)) == _ALL_THREE
        number += _eight_digits(word) * np.uint64(scale)
        scale *= 10**8
    return np.where(good, number.astype(np.int64), -1)


# By how many of its last bytes a word keeps.
_KEPT: Final = np.array([0, *((1 << 64) - (1 << 8 * (8 - count)) for count in range(1, 9))], np.uint64)
_ZEROS: Final = np.uint64(int.from_bytes(b"00000000"))
# Of a digit the high half is 3, and it stays so if 6 is added.
_HIGH, _SIX, _ALL_THREE = np.uint64(0xF0F0F0F0F0F0F0F0), np.uint64(0x0606060606060606), np.uint64(0x3333333333333333)


def _eight_digits(word: np.ndarray) -> np.ndarray:
    """Return the numbers that words of eight digits are: neighbours are joined to pairs, fours and eights."""
    pairs = (word & np.uint64(0x0F0F0F0F0F0F0F0F)) * np.uint64(2561) >> np.uint64(8)
    fours = (pairs & np.uint64(0x00FF00FF00FF00FF)) * np.uint64(6553601) >> np.uint64(16)
    return (fours & np.uint64(0x0000FFFF0000FFFF)) * np.uint64(42949672960001) >> np.uint64(32)
