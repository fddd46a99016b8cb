"""Read one source into events: parse, account, make UTC, keep the window."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from timeline import arrays, schema, seek
from timeline.account import SourceAccount
from timeline.config import SourceSettings
from timeline.errors import AccountError, SchemaError, TimelineError, UsageError
from timeline.normalize import given_stamps, normalize
from timeline.parser import Batch
from timeline.sources import Source
from timeline.window import Window
from timeline.zones import offset_of

if TYPE_CHECKING:
    from timeline.parser import Parser


# Frames cost a millisecond each, however small: the records of small sources are dated together.
SMALL: Final = 10_000
# A part of a file is small: smaller blocks cost no time, and a fifth less memory.
PART_BLOCK: Final = 1 << 22
NOTES: Final = 4
"""So many different notes on times are told of a source."""
Bounds = tuple[int | None, int | None]

UNSORTED: Final = "not in the order of time, and so read whole"


@dataclass(frozen=True)
class Clock:
    """How the stamps of one source become UTC: the keywords of `normalize`."""

    zone: str | None
    year: int | None
    yearless: bool
    modified: float | None
    shift: timedelta | None
    postgresql: bool
    label: str


@dataclass
class Reading:
    """The records of one source with their stamps as they stand, its account and what a person should know."""

    records: pd.DataFrame
    account: SourceAccount
    warnings: list[str]
    clock: Clock

    @property
    def is_plain(self) -> bool:
        """Whether the source is small and every stamp settles its own zone, so that no setting but a shift matters."""
        if len(self.records) > SMALL or self.clock.yearless or schema.ZONE not in self.records:
            return False
        zone = self.records[schema.ZONE]
        names = zone.cat.categories if isinstance(zone.dtype, pd.CategoricalDtype) else zone.dropna().unique()
        return bool(zone.notna().all()) and all(offset_of(str(name)) is not None for name in names)


class Reader:
    """Reads one source, a batch at a time, and keeps its account.

    A parser that fails costs the rest of this source, never the run: the failure becomes a warning.

    Args:
        source: what to read.
        parser: who reads it.
        settings: zone, year, shift, host and parser options.
    """

    def __init__(self, source: Source, parser: Parser, settings: SourceSettings) -> None:
        self.source = dataclasses.replace(source, options=settings.options, problems=[])
        self.parser = parser
        self.settings = settings
        self.account = SourceAccount(source.label, parser.name)
        self.warnings: list[str] = []
        self.yearless = False
        self.window: Window | None = None
        """What is kept: the parser may leave out what lies outside."""

    def batches(self) -> Iterator[pd.DataFrame]:
        """Yield the records as the parser gives them, with their origin."""
        for batch in _batches(self.source, self.parser, self.warnings, self._bounds()):
            try:
                self.account.add(batch)
            except AccountError as error:
                self.warnings.append(f"{error}; this is a defect of the parser, please report it")
                _add_unbalanced(self.account, batch)
            self.warnings += [f"{self.source.label}: {text}" for text in batch.warnings]
            self.yearless = self.yearless or batch.yearless
            if len(batch.records):
                yield _tell_origin(batch.records, self.source, self.parser, self.settings)
        self.warnings += [f"{self.source.label}: {problem}" for problem in self.source.problems]
        self.account.damaged = bool(self.source.problems)

    def _bounds(self) -> Bounds:
        """Return the window by the clock of the source, microseconds since 1970."""
        window, shift = self.window or Window(), self.settings.shift or timedelta()
        since, until = (None if end is None else seek.to_micros(end - shift) for end in (window.since, window.until))
        return since, until

    def read_all(self) -> Reading:
        """Read every record."""
        return self.hold(schema.concat(self.batches()))

    def hold(self, records: pd.DataFrame) -> Reading:
        """Put *records* that were read together with what is known of the source."""
        self.warnings[:] = dict.fromkeys(self.warnings)
        clock = Clock(
            zone=self.settings.tz,
            year=self.settings.year,
            yearless=self.yearless,
            modified=self.source.modified if self.yearless else None,
            shift=self.settings.shift,
            postgresql=self.parser.name == "postgresql",
            label=self.source.label,
        )
        return Reading(records, self.account, self.warnings, clock)

    def adopt(self, part: Reader) -> None:
        """Take over what *part*, a reader of a part that is all that is needed, found out."""
        part.account.why = self.account.why
        self.account, self.warnings = part.account, part.warnings

    def over(self, source: Source) -> Reader:
        """Return a reader of another *source*, such as a part of this one, in the same way."""
        return Reader(source, self.parser, self.settings)


def read_source(reader: Reader, window: Window | None = None, *, scale: seek.Scale | None = None) -> Reading:
    """Read every record of a source, or of a large sorted file what can lie in *window*.

    Args:
        reader: the reader of the source.
        window: what will be kept; None if that is not known yet.
        scale: how the window is sought.
    """
    try:
        part = read_part(reader, window, scale or seek.SCALE) if window else None
    except seek.UnsortedError:
        reading = reader.read_all()
        reading.account.add_note(UNSORTED)
        return reading
    return part or reader.read_all()


def read_part(reader: Reader, window: Window, scale: seek.Scale) -> Reading | None:
    """Read what can lie in the window; None if that cannot be told without reading all.

    Raises:
        UnsortedError: the lines are not in the order of time.
    """
    reader.window = window
    if not starts_anywhere(reader):
        return None
    extent = seek.find_extent(reader.source, window, lambda part: find_stamps(reader.over(part).read_all()), scale)
    if extent is None:
        return None
    span = (extent.start, extent.stop)
    part = reader.over(dataclasses.replace(reader.source, spans=(span,), block_size=PART_BLOCK))
    reading = part.read_all()
    stamps = find_stamps(reading)
    if stamps is None or not len(stamps.lines):
        return None
    seek.check_order(stamps.times, scale.disorder)
    reading.records[schema.LINE] += extent.lines_before
    reading.account.skip(extent.lines_before, extent.lines_after)
    reader.adopt(part)
    return reading


def starts_anywhere(reader: Reader) -> bool:
    """Ask the parser whether it reads any run of whole lines of the source."""
    try:
        return bool(getattr(reader.parser, "starts_anywhere", lambda _: False)(reader.source))
    except Exception:  # noqa: BLE001 - then the file is read whole, which says what is wrong
        return False


def find_stamps(reading: Reading) -> seek.Stamps | None:
    """Date the records by themselves; None if their times follow from others: a year, or an hour that came twice."""
    if reading.clock.yearless:
        return None
    names = [schema.WALL, schema.ZONE, schema.TIMESTAMP, schema.TIME_BASIS, schema.LINE]
    dated = normalize(reading.records[[name for name in names if name in reading.records]], **vars(reading.clock))
    if (dated[schema.TIME_BASIS] == "inferred").any():
        return None
    numbers = arrays.lines(dated)
    order = np.argsort(numbers, kind="stable")  # a parser may turn a file round that begins with the newest record
    return seek.Stamps(numbers[order], arrays.micros(dated[schema.TIMESTAMP])[order])


def date_events(readings: Iterable[Reading]) -> list[pd.DataFrame]:
    """Make UTC of the stamps of all *readings*; return event frames in their order, small sources together.

    What was assumed on the way is added to the warnings of the reading, how its stamps became UTC to its account.
    """
    groups: dict[object, list[Reading]] = {}
    for place, reading in enumerate(readings):
        together = (reading.clock.shift,) if reading.is_plain else place
        groups.setdefault(together if len(reading.records) else (), []).append(reading)
    return [_date_together(group) for group in groups.values()]


def _date_together(group: Sequence[Reading]) -> pd.DataFrame:
    first = group[0]
    records = schema.concat([reading.records for reading in group])
    events = schema.conform(normalize(records, warn=first.warnings.append, **vars(first.clock)))
    undated = Counter(events.loc[events[schema.TIMESTAMP].isna(), schema.FILE].astype("str"))
    for reading in group:
        reading.account.undated += undated[reading.account.file]
        if len(reading.records):
            _tell_zone(events, reading.account)
    first.warnings[:] = dict.fromkeys(first.warnings)
    return events


def _tell_zone(events: pd.DataFrame, account: SourceAccount) -> None:
    """Write into an account how stamps became UTC."""
    used = events[schema.TIME_BASIS].value_counts()
    bases = [str(name) for name in schema.BASES if used.get(name, 0) or name in account.bases]
    notes = [note for note in events[schema.TIME_NOTE].unique()[:NOTES] if note]
    account.bases = bases
    account.time_notes = list(
        dict.fromkeys([*account.time_notes, *(part for note in notes for part in note.split("; "))])
    )


def _batches(source: Source, parser: Parser, warnings: list[str], bounds: Bounds) -> Iterator[Batch]:
    """Yield what the parser gives, in the form that the stages rely on; the rest of the lines, if any, comes last."""
    bare, lines, failed, clocks = False, 0, False, set[str]()
    try:
        for result in _parse(source, parser, bounds):
            batch = result if isinstance(result, Batch) else as_batch(result, lines)
            bare = bare or batch is not result
            batch = dataclasses.replace(batch, records=_shape(batch.records))
            _require_one_kind_of_stamps(clocks, batch.records)
            lines += batch.lines
            yield batch
    except UsageError:
        raise
    except TimelineError as error:
        failed = True
        warnings.append(f"{source.label}: {error}" + (f" ({error.help})" if error.help else ""))
    except Exception as error:  # noqa: BLE001 - a defect of one parser must not cost the other evidence
        failed = True
        first_line = str(error).partition("\n")[0]
        warnings.append(
            f"{source.label}: parser {parser.name} failed ({type(error).__name__}: {first_line}); "
            "what it had read is kept, the rest of this file is not in the result"
        )
    if bare or failed:
        rest = max(count_lines(source) - lines, int(failed))
        yield Batch(schema.empty(), lines=rest, unparsed=rest)


def _parse(source: Source, parser: Parser, bounds: Bounds) -> Iterator[Batch | pd.DataFrame]:
    parse_window = getattr(parser, "parse_window", None)
    if parse_window is None or bounds == (None, None):
        return parser.parse(source)
    return parse_window(source, *bounds)


def as_batch(frame: pd.DataFrame, lines: int) -> Batch:
    """Make a batch of a bare frame that comes after *lines* lines."""
    if schema.LINE not in frame:
        frame = frame.assign(**{schema.LINE: pd.array(np.arange(1, len(frame) + 1) + lines, dtype="Int64")})
    return Batch(frame, lines=len(frame))


def _shape(records: pd.DataFrame) -> pd.DataFrame:
    """Give the columns of a parser's frame that the schema knows their types; raises if that cannot be."""
    if not records.columns.is_unique:
        raise SchemaError(f"a column comes twice: {', '.join(map(str, records.columns))}")
    for name in records.columns:
        column = records[name]
        shaped = given_stamps(column) if name == schema.TIMESTAMP else schema.typed(column, str(name))
        if shaped is not column:
            records = records.assign(**{name: shaped})
    return records if records.columns.inferred_type in ("string", "empty") else records.rename(columns=str)


def _require_one_kind_of_stamps(kinds: set[str], records: pd.DataFrame) -> None:
    """Add the kind of a frame's stamps to *kinds*; all frames of a source must agree, since they are dated together."""
    if len(records):
        aware = schema.TIMESTAMP in records and records[schema.TIMESTAMP].dt.tz is not None
        kinds.add(schema.WALL if schema.WALL in records else "with a zone" if aware else "without a zone")
    if len(kinds) > 1:
        raise SchemaError(f"its frames have different kinds of stamps: {', '.join(sorted(kinds))}")


def count_lines(source: Source) -> int:
    """Return how many physical lines *source* has, as far as it can be read."""
    count, last = 0, b"\n"
    with suppress(OSError):
        for chunk in dataclasses.replace(source, problems=[]).chunks():
            count += chunk.count(b"\n")
            last = chunk[-1:] or last
    return count + (last != b"\n")


def _add_unbalanced(account: SourceAccount, batch: Batch) -> None:
    """Count a batch whose lines do not add up, the difference as not understood."""
    records = len(batch.records)
    known = records + batch.continuation + batch.blank + batch.decoration + batch.skipped
    lines = max(batch.lines, known)
    account.add(dataclasses.replace(batch, lines=lines, unparsed=lines - known))


def _tell_origin(records: pd.DataFrame, source: Source, parser: Parser, settings: SourceSettings) -> pd.DataFrame:
    """Add what the records of a source have in common: file, parser, and the host that the user names."""
    records = records.copy(deep=False)
    records[schema.FILE] = schema.full(source.label, "category", records.index)
    records[schema.SOURCE] = _fill(records, schema.SOURCE, parser.name)
    if settings.host:
        records[schema.HOST] = _fill(records, schema.HOST, settings.host)
    return records


def _fill(events: pd.DataFrame, name: str, value: str) -> pd.Series:
    """Put *value* where a category column has none."""
    if name not in events or events[name].isna().all():
        return schema.full(value, "category", events.index)
    column = events[name].astype("category")
    if value not in column.cat.categories:
        column = column.cat.add_categories([value])
    return column.fillna(value)


def within(events: pd.DataFrame, window: Window) -> pd.DataFrame:
    """Keep the events of a window, both ends included; events without a time are outside of every window."""
    if window.since is None and window.until is None:
        return events
    inside = events[schema.TIMESTAMP].notna().to_numpy(bool, copy=True)
    if window.since is not None:
        inside &= (events[schema.TIMESTAMP] >= window.since).to_numpy(bool)
    if window.until is not None:
        inside &= (events[schema.TIMESTAMP] <= window.until).to_numpy(bool)
    rows = np.flatnonzero(inside)
    if len(rows) and rows[-1] - rows[0] < len(rows):  # one run of them, as in a sorted file, need not be copied
        return events.iloc[rows[0] : rows[-1] + 1].reset_index(drop=True)
    return events[inside].reset_index(drop=True)


def span_of(frames: Iterable[pd.DataFrame]) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    """Return the first and last stamp of some frames."""
    stamps = [frame[schema.TIMESTAMP] for frame in frames if frame[schema.TIMESTAMP].notna().any()]
    if not stamps:
        return None
    return min(column.min() for column in stamps), max(column.max() for column in stamps)
