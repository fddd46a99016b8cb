"""Read the time variables of nginx: digits and zone, never a zone rule."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from timeline.stamps import SECOND, Bytes, cells, decode, gather, number
from timeline_parsers._nginx_cut import Mask

UTC: Final = "UTC"

# Variable -> layout of its digits, where its zone stands, and how the zone is written.
_LAYOUTS: Final = {
    "time_local": ("DD/Mon/YYYY:hh:mm:ss ", slice(21, 26)),
    "time_iso8601": ("YYYY-MM-DDThh:mm:ss", slice(19, 25)),
}
_MSEC_WIDTH: Final = (10, 3)
_ZONE_WIDTH: Final = 5

# JSON formats name their times freely and write them in any of these forms.
_ISO: Final = (
    r"^(?P<day>\d{4}-\d\d-\d\d)[T ](?P<time>\d\d:\d\d:\d\d)(?:[.,](?P<fraction>\d{1,9}))?\s*"
    r"(?P<zone>[Zz]|[+-]\d\d:?\d\d)?$"
)
_LOCAL: Final = r"^\[?(?P<stamp>\d\d/[A-Za-z]{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\]?$"
_EPOCH: Final = r"^(?P<second>\d{9,10})(?:\.(?P<fraction>\d{1,9}))?$"
_EPOCH_MILLIS: Final = r"^(?P<milli>\d{12,13})(?:\.0*)?$"


class Stamps:
    """Times of rows: `wall` (int64 microseconds), `known` (bool), and `zone` as codes into `zones`, -1 without."""

    def __init__(self, wall: np.ndarray, known: np.ndarray, zone: np.ndarray, zones: list[str]) -> None:
        self.wall = wall
        self.known = known
        self.zone = zone
        self.zones = zones

    def take(self, rows: np.ndarray) -> Stamps:
        """Return the times of *rows*."""
        return Stamps(self.wall[rows], self.known[rows], self.zone[rows], self.zones)

    def fill(self, rows: np.ndarray, other: Stamps) -> None:
        """Take the times of *rows* from *other*, which has one time for each of them."""
        self.wall[rows], self.known[rows] = other.wall, other.known
        self.zone[rows] = np.where(other.zone < 0, -1, other.zone + len(self.zones))
        self.zones = [*self.zones, *other.zones]


def to_utc(stamps: Stamps) -> tuple[np.ndarray, Mask]:
    """Return microseconds since 1970 of stamps that carry their offset, and which do."""
    offsets = np.array([*map(_offset, stamps.zones), 0], np.int64)
    return stamps.wall - offsets[stamps.zone] * SECOND, stamps.known & (stamps.zone >= 0)


def _offset(zone: str) -> int:
    """Return the seconds of `+hhmm`; every other zone that nginx writes is UTC."""
    if not _is_offset(zone):
        return 0
    return int(f"{zone[0]}1") * (int(zone[1:3]) * 3600 + int(zone[3:5]) * 60)


def no_stamps(rows: int) -> Stamps:
    """Return *rows* unknown times."""
    return Stamps(np.zeros(rows, np.int64), np.zeros(rows, bool), np.full(rows, -1), [])


def read_stamps(data: np.ndarray, places: np.ndarray, variable: str) -> Stamps:
    """Read the time that stands at each of *places* as nginx writes *variable*."""
    if variable == "msec":
        return _read_msec(gather(data, places, sum(_MSEC_WIDTH) + 1))
    layout, zone = _LAYOUTS[variable]
    matrix = _gather_rows(data, places, zone.stop)
    # A second holds many requests: only where a stamp differs from the one above it is it read.
    first = np.ones(len(matrix), bool)
    first[1:] = (matrix[1:] != matrix[:-1]).any(axis=1)
    run = np.cumsum(first) - 1
    stamps = _read_zoned(matrix[first], layout, zone)
    return stamps.take(run)


def _gather_rows(data: np.ndarray, places: np.ndarray, width: int) -> Bytes:
    """Cut rows of *width* bytes; a view of all windows makes one copy a row instead of one index a byte."""
    if not len(places) or len(data) < width or places.max() > len(data) - width:
        return gather(data, places, width)
    windows = np.lib.stride_tricks.sliding_window_view(data, width)
    return np.ascontiguousarray(windows[places])


def _read_zoned(matrix: Bytes, layout: str, zone: slice) -> Stamps:
    wall, known = decode(matrix, layout)
    written, codes = _encode_zones(matrix[:, zone])
    valid = np.array([_is_offset(text) for text in written], bool)
    zones = [text.replace(":", "") for text in written]
    return Stamps(wall, known & valid[codes], codes, zones)


def _encode_zones(matrix: Bytes) -> tuple[list[str], np.ndarray]:
    """Return the distinct rows of *matrix* as texts, and the code of each row."""
    rows = np.ascontiguousarray(matrix).view(f"S{matrix.shape[1]}").ravel()
    distinct, codes = np.unique(rows, return_inverse=True)
    return [bytes(text).decode("latin-1") for text in distinct], codes


def _is_offset(text: str) -> bool:
    digits = text[1:].replace(":", "", 1)
    shaped = text[:1] in ("+", "-") and len(digits) == _ZONE_WIDTH - 1 and digits.isascii() and digits.isdigit()
    return shaped and int(digits[:2]) < 24 and int(digits[2:]) < 60  # noqa: PLR2004 - hours, minutes


def _read_msec(matrix: Bytes) -> Stamps:
    seconds, known = number(matrix[:, :10])
    millis, right = number(matrix[:, 11:14])
    known &= right & (matrix[:, 10] == ord("."))
    return Stamps(seconds * SECOND + millis * 1000, known, np.zeros(len(matrix), int), [UTC])


def read_texts(texts: pa.LargeStringArray) -> Stamps:
    """Read times in any of the forms that JSON formats use."""
    stamps = no_stamps(len(texts))
    for pattern, read in _FORMS:
        rows = np.flatnonzero(~stamps.known)
        if not len(rows):
            break
        found = pc.extract_regex(texts.take(pa.array(rows)), pattern)
        fits = found.is_valid().to_numpy(zero_copy_only=False)
        if fits.any():
            stamps.fill(rows[fits], read(found.filter(pa.array(fits))))
    return stamps


def _from_iso(found: pa.StructArray) -> Stamps:
    join = pc.binary_join_element_wise(found.field("day"), found.field("time"), pa.scalar("T", pa.large_string()))
    wall, known = decode(cells(join, 19), "YYYY-MM-DDThh:mm:ss")
    encoded = pc.dictionary_encode(found.field("zone"))
    zones = [UTC if text in ("Z", "z") else text.replace(":", "") for text in encoded.dictionary.to_pylist()]
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    empty = np.array([not zone for zone in zones] or [True])
    micros = _micros(found.field("fraction"))
    return Stamps(wall + micros, known, np.where(empty[codes], -1, codes), zones)


def _from_local(found: pa.StructArray) -> Stamps:
    layout, zone = _LAYOUTS["time_local"]
    return _read_zoned(cells(found.field("stamp"), zone.stop), layout, zone)


def _from_epoch(found: pa.StructArray) -> Stamps:
    seconds = found.field("second").cast(pa.int64()).to_numpy()
    return _utc(seconds * SECOND + _micros(found.field("fraction")))


def _from_millis(found: pa.StructArray) -> Stamps:
    return _utc(found.field("milli").cast(pa.int64()).to_numpy() * 1000)


def _utc(wall: np.ndarray) -> Stamps:
    return Stamps(wall, np.ones(len(wall), bool), np.zeros(len(wall), int), [UTC])


def _micros(fraction: pa.LargeStringArray) -> np.ndarray:
    """Read digits behind a point as microseconds; further digits are dropped."""
    padded = pc.utf8_slice_codeunits(pc.utf8_rpad(pc.fill_null(fraction, ""), 6, "0"), 0, 6)
    return padded.cast(pa.int64()).to_numpy()


_FORMS: Final = ((_ISO, _from_iso), (_LOCAL, _from_local), (_EPOCH, _from_epoch), (_EPOCH_MILLIS, _from_millis))
