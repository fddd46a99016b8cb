"""Make UTC of the stamps that parsers read: the only place that knows time rules.

The rules, in order: an offset or epoch in the record wins; a zone abbreviation is read inside the declared zone, else
by PostgreSQL's own table for PostgreSQL, else it stays undated when it means several things; then the zone told for
the file; then the zone told for all; then UTC, with a warning. Integers all the way: no stamp passes through a float.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from timeline import zones
from timeline.schema import (
    BASES,
    BASIS_DTYPE,
    TIME_BASIS,
    TIME_DTYPE,
    TIME_NOTE,
    TIMESTAMP,
    WALL,
    ZONE,
    full,
    string_column,
)  # fmt: skip

NAT: Final = np.iinfo(np.int64).min
SECOND: Final = 1_000_000
DAY: Final = 86_400 * SECOND
# A stamp without a year that falls behind its neighbour by more than half a year belongs to the next one.
HALF_YEAR: Final = 183 * DAY
# Workers of one server keep clocks of their own and step back by seconds; only a longer step is a repeated hour.
STEP_BACK: Final = 600 * SECOND

_ENDS_WITH_ZONE: Final = r".*(?:Z|[+-]\d\d:?\d\d)"
# Among so many years in turn there is one with a February 29.
_LEAP_CYCLE: Final = 9

_EXPLICIT, _DECLARED, _INFERRED, _ASSUMED = range(len(BASES))


@dataclass
class _Times:
    """The columns that are being worked out, one element a record."""

    wall: np.ndarray
    utc: np.ndarray
    basis: np.ndarray
    notes: np.ndarray
    texts: list[str] = field(default_factory=lambda: [""])

    def note(self, rows: np.ndarray, text: str) -> None:
        """Add *text* to the notes of *rows* (bool)."""
        for old in np.unique(self.notes[rows]):
            joined = f"{self.texts[old]}; {text}" if self.texts[old] else text
            self.texts.append(joined)
            self.notes[rows & (self.notes == old)] = len(self.texts) - 1


def normalize(
    records: pd.DataFrame,
    *,
    zone: str | None = None,
    year: int | None = None,
    yearless: bool = False,
    modified: float | None = None,
    shift: timedelta | None = None,
    postgresql: bool = False,
    label: str = "",
    warn: Callable[[str], None] = lambda _: None,
) -> pd.DataFrame:
    """Replace `wall` and `zone` by `timestamp`, `time_basis` and `time_note`.

    Args:
        records: records of one source in file order, with the columns `wall` and `zone` of `timeline.parser.Batch`.
            A frame may have `timestamp` instead: aware stamps are explicit, naive ones are read like `wall`.
            What a parser says in `time_note` comes first in that of the result.
        zone: the zone told for stamps without one, an IANA name or offset; None if nobody told.
        year: the year of the first record, for stamps without one.
        yearless: the stamps have no year; see `Batch.yearless`.
        modified: when the file was written, seconds since 1970, from which a missing year is worked out.
        shift: added to every stamp; a clock that ran 95 s ahead is `timedelta(seconds=-95)`.
        postgresql: read ambiguous abbreviations as PostgreSQL does.
        label: the source, for warnings.
        warn: called with one line for each assumption.

    Returns:
        A frame with the time columns of the schema.
    """
    if WALL not in records:
        known = TIMESTAMP in records
        stamps = given_stamps(records[TIMESTAMP] if known else pd.Series(index=records.index, dtype=TIME_DTYPE))
        if stamps.dt.tz is not None:
            return _from_aware(records, stamps, shift)
        records = records.assign(
            **{WALL: stamps.dt.as_unit("us").astype("int64").astype("Int64").where(stamps.notna())}
        )
    times = _start(records[WALL])
    _take_notes(times, records)
    if yearless:
        _find_years(times, year, modified, label, warn)
    codes, names = _zone_codes(records)
    for code, name in enumerate(names):
        rows = (codes == code) & (times.wall != NAT)
        if rows.any():
            _read_zoned(times, rows, name, zone, postgresql=postgresql, label=label, warn=warn)
    rows = (codes < 0) & (times.wall != NAT)
    if rows.any():
        _read_local(times, rows, zone, label, warn)
    if shift:
        _shift(times, shift)
    return _columns(records, times)


def given_stamps(column: pd.Series) -> pd.Series:
    """Return the stamps that a parser made itself, as datetimes, aware or naive; raises `ValueError` or `TypeError`."""
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return column
    if pd.api.types.is_numeric_dtype(column.infer_objects().dtype) and len(column):
        raise ValueError("numbers are no stamps: give datetimes, or `wall`")
    try:
        return pd.to_datetime(column, format="ISO8601")
    except ValueError:  # of several offsets
        if not column.dropna().astype("str").str.fullmatch(_ENDS_WITH_ZONE).all():
            raise
        return pd.to_datetime(column, format="ISO8601", utc=True)


def _from_aware(records: pd.DataFrame, stamps: pd.Series, shift: timedelta | None) -> pd.DataFrame:
    """Take stamps that are moments already, and what the parser says about them."""
    times = _start(pd.Series(stamps.dt.tz_convert("UTC").dt.as_unit("us").to_numpy("M8[us]").view(np.int64)))
    times.utc = times.wall
    if TIME_BASIS in records:
        known = pd.Categorical(records[TIME_BASIS].astype("object"), dtype=BASIS_DTYPE)
        times.basis = np.maximum(known.codes, _EXPLICIT).astype(np.int8)
    _take_notes(times, records)
    if shift:
        _shift(times, shift)
    return _columns(records, times)


def _take_notes(times: _Times, records: pd.DataFrame) -> None:
    if TIME_NOTE in records:
        codes, texts = pd.factorize(records[TIME_NOTE].fillna("").astype("str"))
        times.notes, times.texts = codes.astype(np.int32), [str(text) for text in texts] or [""]


def _start(column: pd.Series) -> _Times:
    wall = column.to_numpy(dtype=np.int64, na_value=NAT).copy()
    rows = len(wall)
    return _Times(wall, np.full(rows, NAT), np.zeros(rows, np.int8), np.zeros(rows, np.int32))


def _zone_codes(records: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
    if ZONE not in records:
        return np.full(len(records), -1, np.int8), []
    column = records[ZONE]
    if not isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype("category")
    names = [str(name) for name in column.cat.categories]
    codes = column.cat.codes.to_numpy()
    return (np.where(codes == names.index(""), -1, codes) if "" in names else codes), names


def _read_zoned(
    times: _Times,
    rows: np.ndarray,
    name: str,
    zone: str | None,
    *,
    postgresql: bool,
    label: str,
    warn: Callable[[str], None],
) -> None:
    """Date the rows whose stamp names the zone *name*."""
    offset = zones.offset_of(name)
    if offset is not None:
        times.utc[rows] = times.wall[rows] - offset
        return
    if zone and _read_within(times, rows, name, zone):
        if name in zones.AMBIGUOUS:
            times.basis[rows] = _DECLARED
            times.note(rows, f"{name} as in {zone}")
        return
    meaning = zones.ABBREVIATIONS.get(name)
    places = zones.AMBIGUOUS.get(name, ())
    if meaning is None or (places and not postgresql):
        _leave_undated(times, rows, name, places, label, warn)
        return
    if isinstance(meaning, str):
        _read_within(times, rows, name, meaning)
    else:
        times.utc[rows] = times.wall[rows] - meaning * zones.MINUTE
    if places:
        times.basis[rows] = _ASSUMED
        times.note(rows, f"{name} read as PostgreSQL does")
        warn(
            f"{label}: the zone abbreviation {name} was read as in {places[0]}, as PostgreSQL does; it may also mean "
            f"{' or '.join(places[1:])} (--tz '{label}={places[0]}' settles it)"
        )


def _leave_undated(
    times: _Times, rows: np.ndarray, name: str, places: tuple[str, ...], label: str, warn: Callable[[str], None]
) -> None:
    times.basis[rows] = _ASSUMED
    times.note(rows, f"zone {name} not known")
    may = f"may mean {', '.join(places)}" if places else "is not known"
    example = places[0] if places else "AREA/CITY"
    warn(
        f"{label}: {int(rows.sum()):,} records stay undated: the zone abbreviation {name} {may} "
        f"(--tz '{label}={example}')"
    )


def _read_within(times: _Times, rows: np.ndarray, name: str, zone: str) -> bool:
    """Date rows by the offset at which *zone* shows the abbreviation *name*; False if it never does."""
    wall = times.wall[rows]
    years = wall[[wall.argmin(), wall.argmax()]].astype("datetime64[us]").astype("datetime64[Y]").astype(int) + 1970
    offsets = zones.offsets_in(zone, name, int(years[0]) - 1, int(years[1]) + 1)
    if not offsets:
        return False
    utc = wall - offsets[0]
    if len(offsets) > 1:
        # The abbreviation changed its meaning in that zone (MSK): what the zone says at that wall time decides.
        first, second, _ = _localize(wall, zone)
        for candidate in (second, first):
            utc = np.where(np.isin(wall - candidate, offsets), candidate, utc)
    times.utc[rows] = utc
    return True


def _read_local(times: _Times, rows: np.ndarray, zone: str | None, label: str, warn: Callable[[str], None]) -> None:
    """Date the rows whose stamp has no zone at all."""
    if zone is None:
        times.utc[rows] = times.wall[rows]
        times.basis[rows] = _ASSUMED
        times.note(rows, "zone not known, read as UTC")
        warn(f"{label}: its stamps have no zone and were read as UTC (--tz '{label}=AREA/CITY' tells the zone)")
        return
    first, second, gap = _localize(times.wall[rows], zone)
    utc, twice = first.copy(), first != second
    times.basis[rows] = np.maximum(times.basis[rows], _DECLARED)
    times.note(rows, f"zone {zone} as told")
    if twice.any():
        later = _second_pass(times.wall[rows], twice)
        utc = np.where(later, second, first)
        _mark(times, rows, twice & ~later, "repeated hour: first pass")
        _mark(times, rows, twice & later, "repeated hour: second pass")
        unproven = int((twice & ~later).sum()) if not later.any() else 0
        if unproven:
            warn(f"{label}: {unproven:,} stamps lie in an hour that {zone} had twice; they were read as its first pass")
    if gap.any():
        _mark(times, rows, gap, "hour skipped by summer time: read with the offset before")
    times.utc[rows] = utc


def _mark(times: _Times, rows: np.ndarray, part: np.ndarray, text: str) -> None:
    marked = np.zeros(len(rows), bool)
    marked[np.flatnonzero(rows)[part]] = True
    if marked.any():
        times.basis[marked] = _INFERRED
        times.note(marked, text)


def _localize(wall: np.ndarray, zone: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return UTC for the first and second pass of each wall time, and which wall times do not exist.

    A time in the gap is read with the offset before the change (PEP 495, fold=0): a process that had cached the old
    offset wrote it so.
    """
    offset = zones.offset_of(zone)
    if offset is not None:
        return wall - offset, wall - offset, np.zeros(len(wall), bool)
    index = pd.DatetimeIndex(wall.view("M8[us]"))
    name = str(zones.get_zone(zone))
    passes = []
    for summer in (True, False):
        ambiguous = np.full(len(wall), summer)
        passes.append(index.tz_localize(name, ambiguous=ambiguous, nonexistent="NaT").as_unit("us").asi8)
    gap = passes[0] == NAT
    if gap.any():
        before = pd.DatetimeIndex((wall[gap] - DAY).view("M8[us]"))
        earlier = before.tz_localize(name, ambiguous=np.ones(int(gap.sum()), bool), nonexistent="shift_forward")
        offset_before = (wall[gap] - DAY) - earlier.as_unit("us").asi8
        for utc in passes:
            utc[gap] = wall[gap] - offset_before
    return np.minimum(*passes), np.maximum(*passes), gap


def _second_pass(wall: np.ndarray, twice: np.ndarray) -> np.ndarray:
    """Tell which ambiguous rows come after a step back within their hour: those are its second pass."""
    later = np.zeros(len(wall), bool)
    rows = np.flatnonzero(twice)
    # Each repeated hour of a file stands for itself.
    for group in np.split(rows, np.flatnonzero(np.diff(wall[rows] // DAY) != 0) + 1):
        steps = np.flatnonzero(np.maximum.accumulate(wall[group]) - wall[group] > STEP_BACK)
        if len(steps):
            later[group[steps[0] :]] = True
    return later


def _find_years(
    times: _Times, year: int | None, modified: float | None, label: str, warn: Callable[[str], None]
) -> None:
    """Give stamps without a year theirs: the first record's is told, or the last one's follows from the file's date."""
    rows = np.flatnonzero(times.wall != NAT)
    if not len(rows):
        return
    wall = times.wall[rows]
    steps = np.diff(wall, prepend=wall[0])
    turns = np.cumsum((steps < -HALF_YEAR).astype(np.int64) - (steps > HALF_YEAR).astype(np.int64))
    every = times.wall != NAT
    if year is None and modified is None:
        times.wall[rows] = NAT
        times.note(every, "year not known")
        times.basis[every] = _ASSUMED
        warn(
            f"{label}: its stamps have no year and stay undated (--year '{label}=YYYY' tells that of the first record)"
        )
        return
    if year is None:
        year = _year_from_date(wall, turns, modified or 0.0)
        times.basis[every] = _INFERRED
        times.note(every, "year from file date")
        warn(f"{label}: its stamps have no year; {year} was worked out from the file's date (--year '{label}={year}')")
    else:
        times.basis[every] = _DECLARED
        times.note(every, f"year {year} as told")
    dated, real = _with_year(wall, year + turns)
    if not real.all():
        warn(f"{label}: {int((~real).sum()):,} records stay undated: they are of February 29, which {year} has not")
    times.wall[rows] = np.where(real, dated, NAT)


def _year_from_date(wall: np.ndarray, turns: np.ndarray, modified: float) -> int:
    """Return the newest year of the first record with real dates only, none of them a day later than the file's."""
    limit = datetime.fromtimestamp(int(modified), UTC) + timedelta(days=1)
    last = int(turns.max())
    for year in range(limit.year, limit.year - _LEAP_CYCLE, -1):
        dated, real = _with_year(wall, year - last + turns)
        if real.all() and dated.max() <= int(limit.timestamp()) * SECOND:
            return year - last
    return limit.year - 1 - last


def _with_year(wall: np.ndarray, year: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Move stamps of 1972 to *year*; Feb 29 of a year that has none is not real."""
    stamps = wall.astype("datetime64[us]")
    months = stamps.astype("datetime64[M]")
    within = wall - months.astype("datetime64[us]").astype(np.int64)
    moved = (months.astype(np.int64) % 12 + (year - 1970) * 12).astype("datetime64[M]")
    dated = moved.astype("datetime64[us]").astype(np.int64) + within
    return dated, dated.astype("datetime64[us]").astype("datetime64[M]") == moved


def _shift(times: _Times, shift: timedelta) -> None:
    rows = times.utc != NAT
    times.utc[rows] += shift // timedelta(microseconds=1)
    times.basis[rows] = np.maximum(times.basis[rows], _DECLARED)
    times.note(rows, f"shifted by {shift.total_seconds():+g} s")


def _columns(records: pd.DataFrame, times: _Times) -> pd.DataFrame:
    index = records.index
    stamps = pd.DatetimeIndex(times.utc.view("M8[us]")).tz_localize("UTC")
    if times.texts == [""]:
        notes = full("", "str", index)
    else:
        texts = pa.DictionaryArray.from_arrays(pa.array(times.notes), pa.array(times.texts, pa.large_string()))
        notes = pd.Series(string_column(texts.cast(pa.large_string())), index=index)
    columns = {
        TIMESTAMP: pd.Series(stamps, index=index),
        TIME_BASIS: pd.Series(pd.Categorical.from_codes(times.basis, dtype=BASIS_DTYPE), index=index),
        TIME_NOTE: notes,
    }
    rest = {name: records[name] for name in records.columns if name not in (WALL, ZONE, *columns)}
    return pd.DataFrame({**columns, **rest}, index=index)
