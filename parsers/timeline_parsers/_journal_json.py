"""Read `journalctl -o json` and its relatives json-pretty, json-seq and json-sse."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import orjson
import pyarrow as pa

from timeline.parser import Batch, Tally
from timeline.sources import Source
from timeline.textlog import Block, read_blocks
from timeline_parsers._journal_entries import (
    FIELDS,
    MESSAGE,
    NUMBER_FIELDS,
    WORD_FIELDS,
    Entries,
    decode,
    to_numbers,
    to_words,
)
from timeline_parsers._journal_fields import to_frame

# A line is a whole entry; a value may be megabytes as a list of numbers.
LINE_LIMIT: Final = 1 << 28
RECORD_SEPARATOR: Final = b"\x1e"
SSE_DATA: Final = b"data: "
STARTS: Final = (b"{", RECORD_SEPARATOR, SSE_DATA)
WITHHELD: Final = "[message of 4 KiB or more withheld by journalctl; export with -a]"
MARKS: Final = ("__REALTIME_TIMESTAMP", "__CURSOR", "__MONOTONIC_TIMESTAMP")

GROUP: Final = 256

_COLUMNS: Final = ("__REALTIME_TIMESTAMP", "__CURSOR", "_BOOT_ID", *FIELDS)
_Entry = dict[str, Any]


def read_json(source: Source) -> Iterator[Batch]:
    """Yield a batch for each block of lines."""
    carried: list[bytes] = []
    first = 1
    for block in read_blocks(source, limit=LINE_LIMIT):
        lines = carried + _split(block)
        carried = _unfinished(lines)
        yield _parse(lines[: len(lines) - len(carried)], first)
        first += len(lines) - len(carried)
    if carried:
        yield _parse(carried, first)


def _split(block: Block) -> list[bytes]:
    return block.data.split(b"\n")[:-1]


def _unfinished(lines: Sequence[bytes]) -> list[bytes]:
    """Return the lines from the last `{` that stands alone without its `}`: a pretty object that goes on."""
    for place in range(len(lines) - 1, -1, -1):
        if lines[place].startswith(b"}"):
            return []
        if lines[place] == b"{":
            return list(lines[place:])
        if lines[place].startswith(STARTS):
            return []
    return []


def _parse(lines: Sequence[bytes], first: int) -> Batch:
    tally = Tally(lines=len(lines))
    table = Table()
    for number, text, size in _objects(lines, first, tally):
        entry = _load(text)
        if entry is None:
            tally.reject(number, decode(text), size)
            continue
        table.add(entry, number)
        tally.continuation += size - 1
    return tally.batch(to_frame(table.to_entries()))


def _objects(lines: Sequence[bytes], first: int, tally: Tally) -> Iterator[tuple[int, bytes, int]]:
    """Yield line number, text and number of lines of each JSON object; count blank lines and SSE's other lines."""
    place = 0
    while place < len(lines):
        line = lines[place]
        size = 1
        if not line:
            tally.blank += 1
        elif line.startswith(STARTS):
            if line == b"{":
                size = _length_of_object(lines, place)
                line = b"\n".join(lines[place : place + size])
            yield first + place, line.removeprefix(SSE_DATA).lstrip(RECORD_SEPARATOR), size
        elif line.startswith((b":", b"event:", b"id:", b"retry:")):
            tally.decoration += 1
        else:
            tally.reject(first + place, decode(line))
        place += size


def _length_of_object(lines: Sequence[bytes], start: int) -> int:
    """Count the lines of a pretty object: strings hold no line ends, so `}` at the left edge closes it."""
    for place in range(start + 1, len(lines)):
        if lines[place][:1] == b"}":
            return place + 1 - start
        if lines[place].startswith(STARTS):
            return place - start
    return len(lines) - start


def _load(text: bytes) -> _Entry | None:
    try:
        entry = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return entry if isinstance(entry, dict) and any(mark in entry for mark in MARKS) else None


class Table:
    """Lays JSON entries out as columns, some hundred at a time: so they are still in the processor's cache."""

    def __init__(self) -> None:
        self._lines: list[int] = []
        self._waiting: list[_Entry] = []
        self._columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS}

    def add(self, entry: _Entry, line: int) -> None:
        """Add the entry that begins at *line*."""
        self._lines.append(line)
        self._waiting.append(entry)
        if len(self._waiting) >= GROUP:
            self._distribute()

    def _distribute(self) -> None:
        for name, column in self._columns.items():
            column += [entry.get(name) for entry in self._waiting]
        withheld = [MESSAGE in entry and entry[MESSAGE] is None for entry in self._waiting]
        if any(withheld):
            messages = self._columns[MESSAGE]
            for place, is_withheld in enumerate(withheld, len(messages) - len(withheld)):
                if is_withheld:
                    messages[place] = WITHHELD
        self._waiting = []

    def to_entries(self) -> Entries:
        """Return all entries that were added."""
        self._distribute()
        return Entries(
            lines=np.array(self._lines, np.int64),
            realtime=to_numbers(self._text("__REALTIME_TIMESTAMP")),
            cursors=self._text("__CURSOR"),
            boots=to_words(self._text("_BOOT_ID")),
            messages=self._text(MESSAGE),
            words={name: to_words(self._text(name)) for name in WORD_FIELDS},
            numbers={name: to_numbers(self._text(name)) for name in NUMBER_FIELDS},
        )

    def _text(self, name: str) -> pa.LargeStringArray:
        values = self._columns[name]
        try:
            return pa.array(values, pa.large_string())
        except (pa.ArrowException, UnicodeError, TypeError):
            return pa.array([to_text(value) for value in values], pa.large_string())


def to_text(value: object) -> str | None:
    """Read one value of any of the four shapes: text, bytes as a list of numbers, a list of values, null."""
    while isinstance(value, list):
        if value and all(type(item) is int and 0 <= item <= 255 for item in value):  # noqa: PLR2004 - a byte
            return decode(bytes(value))
        # Repeated field: the first value counts, as it does in a journal file.
        value = value[0] if value else None
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value).decode()
