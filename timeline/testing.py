"""Hold a parser to the contract: `check_parser`, for tests of any parser, ours or yours."""

from __future__ import annotations

import dataclasses
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, Final

import pandas as pd

from timeline import schema
from timeline.account import SourceAccount
from timeline.config import SourceSettings
from timeline.containers import Container, Folder, Memory
from timeline.errors import AccountError, TimelineError
from timeline.normalize import normalize
from timeline.parser import Batch, Parser
from timeline.reading import Reader, as_batch, count_lines, date_events, read_source, within
from timeline.seek import Scale
from timeline.sources import Source
from timeline.window import Window

Sample = bytes | str | os.PathLike[str] | Source

ROUNDS: Final = 12
BLOCKS: Final = ((1 << 24, 1 << 23), (1, 61), (500, 100), (3_000, 4_096))
"""(block size, bytes that one read gives): what a parser finds must not depend on them."""

JUNK: Final = {
    "nothing": b"",
    "blank lines": b"\n\n\n",
    "zeros": b"\0" * 1000,
    "a picture": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\2\0",
    "prose": b"Dear all,\n\nthe minutes of our meeting are attached.\n\nYours\n",
    "empty JSON objects": b"{}\n" * 20,
    "random bytes": Random(0).randbytes(5000),  # noqa: S311 - nothing secret
}
_COUNTS: Final = ("lines", "continuation", "blank", "decoration", "unparsed")
# So small that a sample of some kilobytes counts as a large file.
_SCALE: Final = Scale(1, disorder=1_000_000, margin=1_000, probes=16, probe_size=400, largest_share=1.0)
_YEAR: Final = 2024  # a leap year, so that Feb 29 of stamps without a year is real


def check_parser(
    parser: Parser,
    sample: Sample,
    *,
    options: Mapping[str, str] | None = None,
    physical: bool = True,
    rounds: int = ROUNDS,
    seed: int = 0,
) -> None:
    """Hold *parser* to the contract of docs/writing-a-parser.md.

    Its `sniff` claims the sample and no junk; its records fit the schema; every line is accounted for; reading again,
    and in blocks of any size, gives the same; damaged and arbitrary bytes raise nothing and are accounted for as well;
    if it `starts_anywhere`, a window is what filtering after reading gives.

    Args:
        parser: the parser.
        sample: evidence that it must understand: the bytes, the path of a file, or a `timeline.sources.Source` where
            the files beside it matter. Some kilobytes with every kind of record are best.
        options: what a user would set for the parser.
        physical: it counts physical lines; False for formats whose "lines" are entries or messages.
        rounds: how many times the sample is damaged.
        seed: of the damage.

    Raises:
        AssertionError: one sentence about what does not hold, and for what bytes.
    """
    source = dataclasses.replace(_as_source(sample), options=dict(options or {}))
    check = _Check(parser, source, physical)
    check.sniffs()
    found = check.reads(source.read(), "the sample", BLOCKS)
    _require(len(found.records) > 0, f"{parser.name}: found no record in the sample")
    random = Random(seed)  # noqa: S311 - nothing secret
    for number in range(rounds):
        kind, data = _damage(source.read(), random)
        check.reads(data, f"the sample after damage {number} ({kind}, seed {seed})", [random.choice(BLOCKS)])
    for kind, data in JUNK.items():
        check.reads(data, kind)
    check.reads_windows(rounds, random)


@dataclass(frozen=True)
class _Found:
    records: pd.DataFrame
    counts: dict[str, int]


@dataclass(frozen=True)
class _Check:
    parser: Parser
    source: Source
    physical: bool

    def sniffs(self) -> None:
        """Check what `sniff` says of the sample and of junk."""
        name = getattr(self.parser, "name", None)
        _require(isinstance(name, str) and bool(name), f"{self.parser!r} has no name")
        _require(self._sniff(self.source.head, "the sample") > 0, f"{name}: sniff() does not claim the sample")
        for kind, head in JUNK.items():
            _require(self._sniff(head, kind) == 0, f"{name}: sniff() claims {kind}")

    def _sniff(self, head: bytes, what: str) -> float:
        try:
            answer = self.parser.sniff(head)
        except Exception as error:
            raise AssertionError(f"{self.parser.name}: sniff() raised {_name(error)} on {what}") from error
        _require(
            isinstance(answer, (bool, float, int)) and 0 <= answer <= 1,
            f"{self.parser.name}: sniff() gave {answer!r} for {what}, not a share between 0 and 1",
        )
        return float(answer)

    def reads(self, data: bytes, what: str, blocks: Sequence[tuple[int, int]] = ()) -> _Found:
        """Check what `parse` makes of *data*: by itself, and again in blocks of some sizes."""
        whole = self._read(_served(self.source, data), what)
        self._sniff(data[: len(self.source.head)], what)
        if self.physical:
            lines = data.count(b"\n") + (not data.endswith(b"\n") and bool(data))
            _require(
                whole.counts["lines"] == lines,
                f"{self.parser.name}: accounts for {whole.counts['lines']:,} of the {lines:,} lines of {what}",
            )
        for size, piece in blocks:
            small = self._read(_served(self.source, data, size, piece), what)
            self._require_same(whole, small, f"reading {what} in blocks of {size:,} bytes")
        return whole

    def reads_windows(self, rounds: int, random: Random) -> None:
        """Check that a window of the sample, sought in the file, is what filtering after reading gives."""
        settings = SourceSettings(tz="UTC", year=_YEAR, options=self.source.options)
        with TemporaryDirectory() as folder:
            (Path(folder) / "sample").write_bytes(self.source.read())
            source = Source(Folder(folder), "sample")
            reader = partial(Reader, source, self.parser, settings)
            (events,) = date_events([reader().read_all()])
            stamps = events[schema.TIMESTAMP].dropna().tolist()
            for _ in range(rounds if stamps else 0):
                window = Window(*sorted(random.choices(stamps, k=2)))
                (found,) = date_events([read_source(reader(), window, scale=_SCALE)])
                expected, got = (_Found(within(frame, window).reset_index(drop=True), {}) for frame in (events, found))
                self._require_same(expected, got, f"reading the window {window}")

    def _read(self, source: Source, what: str) -> _Found:
        frames: list[pd.DataFrame] = []
        counts = dict.fromkeys(_COUNTS, 0)
        account = SourceAccount(source.label, self.parser.name)
        last = 1
        for batch in self._batches(source, what):
            try:
                account.add(batch)
            except AccountError as error:
                raise AssertionError(f"{error} ({what})") from error
            for name in _COUNTS:
                _require(getattr(batch, name) >= 0, f"{self.parser.name}: {name} is negative in a batch of {what}")
                counts[name] += getattr(batch, name)
            frames.append(batch.records)
            last = self._check_records(batch, last, what)
        return _Found(schema.concat(frames), counts)

    def _batches(self, source: Source, what: str) -> Iterator[Batch]:
        lines, bare = 0, False
        try:
            for result in self.parser.parse(source):
                if not isinstance(result, (Batch, pd.DataFrame)):
                    raise TypeError(f"gave a {type(result).__name__}, not a Batch or a frame")  # noqa: TRY301
                batch = result if isinstance(result, Batch) else as_batch(result, lines)
                bare = bare or batch is not result
                lines += batch.lines
                yield batch
        except Exception as error:
            raise AssertionError(f"{self.parser.name}: parse() raised {_name(error)} on {what}") from error
        if bare:
            rest = count_lines(source) - lines
            yield Batch(schema.empty(), lines=rest, unparsed=rest)

    def _check_records(self, batch: Batch, last: int, what: str) -> int:
        """Check the columns of a batch whose lines must not come before line *last*; return its last line."""
        records, name = batch.records, self.parser.name
        if not len(records):
            return last
        _require(schema.LINE in records, f"{name}: records without the column 'line' in {what}")
        _require(
            schema.WALL in records or schema.TIMESTAMP in records,
            f"{name}: records with neither 'wall' nor 'timestamp' in {what}",
        )
        for column, allowed in ((schema.SEVERITY, schema.SEVERITIES), (schema.TIME_BASIS, schema.BASES)):
            odd = set(records[column].dropna().astype(str)) - set(allowed) if column in records else set()
            _require(not odd, f"{name}: {column} is {sorted(odd)} in {what}; known are {', '.join(allowed)}")
        try:
            dated = normalize(records, zone="UTC", year=_YEAR, yearless=batch.yearless)
            lines = schema.conform(dated)[schema.LINE]
        except (TimelineError, TypeError, ValueError) as error:
            raise AssertionError(f"{name}: records that do not fit the schema in {what}: {error}") from error
        _require(bool(lines.notna().all()), f"{name}: records without a line number in {what}")
        numbers = [last, *(int(line) for line in lines)]
        _require(numbers == sorted(numbers), f"{name}: records that are not in the order of the lines in {what}")
        return numbers[-1]

    def _require_same(self, left: _Found, right: _Found, how: str) -> None:
        name = self.parser.name
        rows = len(left.records), len(right.records)
        _require(rows[0] == rows[1], f"{name}: {how} gives {rows[1]:,} records instead of {rows[0]:,}")
        _require(left.counts == right.counts, f"{name}: {how} counts {right.counts} instead of {left.counts}")
        first, second = _values(left.records), _values(right.records)
        for column in sorted(first.keys() | second.keys()):
            pairs = zip(first.get(column, [None] * rows[0]), second.get(column, [None] * rows[0]), strict=True)
            for row, (before, after) in enumerate(pairs):
                _require(before == after, f"{name}: {how} gives {column} = {after!r} in row {row}, not {before!r}")


class _Served:
    """The container of a sample, with other bytes in the place of the sample, given in pieces."""

    def __init__(self, source: Source, data: bytes, piece: int) -> None:
        self._container: Container = source.container
        self._member = source.member
        self._data = data
        self._piece = piece
        self.label = source.container.label
        self.separator = source.container.separator
        self.refused: dict[str, str] = {}

    def names(self) -> list[str]:
        return self._container.names()

    def open(self, name: str) -> BinaryIO:
        return _Slow(self._data, self._piece) if name == self._member else self._container.open(name)

    def modified(self, name: str) -> float | None:
        return self._container.modified(name)


class _Slow(io.BytesIO):
    """Bytes of which one read gives a piece at most."""

    def __init__(self, data: bytes, piece: int) -> None:
        super().__init__(data)
        self._piece = piece

    def read(self, size: int | None = -1) -> bytes:
        return super().read(self._piece if size is None or size < 0 else min(size, self._piece))


def _served(source: Source, data: bytes, size: int = 1 << 24, piece: int = 1 << 23) -> Source:
    return dataclasses.replace(source, container=_Served(source, data, piece), problems=[], block_size=size)


def _as_source(sample: Sample) -> Source:
    if isinstance(sample, Source):
        return sample
    if isinstance(sample, bytes):
        return Source(Memory("sample", sample), "")
    path = Path(sample)
    return Source(Folder(path.parent), path.name)


def _damage(data: bytes, random: Random) -> tuple[str, bytes]:
    """Return *data* with a damage of a random kind, and what it is."""
    lines = data.splitlines(keepends=True)
    place, length = random.randrange(len(data) + 1), random.randrange(1, 200)
    kind = random.choice(("cut", "flip", "duplicate", "interleave", "hole", "zeros", "noise", "crlf"))
    if kind == "flip":
        flipped = bytearray(data)
        for _ in range(random.randrange(1, 20)):
            flipped[random.randrange(len(data))] = random.randrange(256)
        return kind, bytes(flipped)
    if kind == "duplicate":
        row = random.randrange(len(lines))
        return kind, b"".join([*lines[: row + 1], *lines[max(row - random.randrange(5), 0) :]])
    if kind == "interleave":
        half = len(lines) // 2
        pairs = zip(lines[:half], lines[half : 2 * half], strict=True)
        return kind, b"".join(line for pair in pairs for line in pair) + b"".join(lines[2 * half :])
    if kind == "crlf":
        return kind, data.replace(b"\n", b"\r\n")
    middle = {"zeros": b"\0" * length, "noise": random.randbytes(length), "hole": b""}.get(kind, b"")
    rest = b"" if kind == "cut" else data[place + (length if kind == "hole" else 0) :]
    return kind, data[:place] + middle + rest


def _values(records: pd.DataFrame) -> dict[str, list[Any]]:
    """Return the columns as plain values, missing ones as None; columns without a value are left out."""
    columns = {}
    for name in records.columns:
        column = records[name]
        missing = column.isna()
        if not missing.all():
            columns[str(name)] = [None if lost else value for value, lost in zip(column.tolist(), missing, strict=True)]
    return columns


def _name(error: Exception) -> str:
    return f"{type(error).__name__} ({error})"


def _require(condition: bool, sentence: str) -> None:  # noqa: FBT001 - an assertion
    if not condition:
        raise AssertionError(sentence)
