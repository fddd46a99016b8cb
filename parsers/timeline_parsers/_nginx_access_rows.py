"""Read a block of an access log: cut lines, JSON lines, error-log lines among them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from timeline import schema
from timeline.parser import Batch
from timeline.textlog import Block
from timeline_parsers._nginx_cut import DASH, Cuts, Lines, Mask, cut
from timeline_parsers._nginx_error_frame import BARE, HEAD, Heads
from timeline_parsers._nginx_format import LineFormat
from timeline_parsers._nginx_frame import REQUEST_PARTS, WHOLE_LINE, make_frame
from timeline_parsers._nginx_head import LAST_RESORTS, LENIENT
from timeline_parsers._nginx_json import OPENING, read_objects
from timeline_parsers._nginx_records import count_lines, find_alone, find_extents, reject_rows, settle
from timeline_parsers._nginx_stamp import Stamps, no_stamps, read_stamps, read_texts
from timeline_parsers._nginx_text import unescape_rows

# The best first: `$msec` has milliseconds.
_STAMPS: Final = ("msec", "time_iso8601", "time_local")

# An empty request and `-` are what the client sent, not "no value".
_VERBATIM: Final = frozenset({"request", "status"})

# A line that holds one of these continues no error record, even if it is not understood.
_SELF_STANDING: Final = (
    r"^\{|\[\d\d/[A-Za-z]{3}/\d{4}:\d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d|(?:^|[^\d.])\d{10}\.\d{3}(?:\D|$)"
)

_ACCESS, _ERROR = "nginx-access", "nginx-error"


def looks_like_start(texts: pa.LargeStringArray) -> Mask:
    """Tell which texts are no continuation of an error record."""
    found = [pc.match_substring_regex(texts, pattern) for pattern in (HEAD, BARE, _SELF_STANDING)]
    return pc.or_(pc.or_(found[0], found[1]), found[2]).to_numpy(zero_copy_only=False)


class AccessReader:
    """Turns blocks into batches by formats that are tried in order.

    Args:
        formats: the first is the expected one.
        note: where it comes from, for the account.
        warnings: what a person should know about it.
    """

    def __init__(self, formats: Sequence[LineFormat], note: str = "", warnings: tuple[str, ...] = ()) -> None:
        self._note = note
        self._warnings = warnings
        self._formats = list(formats)
        self._keys = dict(formats[0].keys)

    def read(self, block: Block) -> Batch:
        """Read one block; lines of the error log become records of `nginx-error`."""
        lines, blank = Lines(block), block.blank
        heads = Heads(lines)
        objects = (lines.first_bytes == OPENING) & ~(blank | heads.objects)
        access, known = self._read_cut_lines(lines, heads.found | objects | blank)
        parts = [access]
        if objects.any():
            frame, read = self._read_json_lines(lines, np.flatnonzero(objects))
            parts.append(frame)
            known[read] = True
        loose = ~(known | heads.found | blank | find_alone(block))
        loose[loose] = ~looks_like_start(lines.texts(np.flatnonzero(loose)))
        extents = find_extents(heads.starts, loose, blank)
        tally = count_lines(block, extents.owned)
        reject_rows(tally, lines, np.flatnonzero(~(known | heads.found | blank | extents.owned)))
        errors = heads.frame(extents.last) if heads.found.any() else None
        return tally.batch(settle(_unite(parts, errors), block), note=self._note, warnings=self._warnings)

    def _read_cut_lines(self, lines: Lines, skip: Mask) -> tuple[pd.DataFrame, Mask]:
        cuts = cut(lines, self._formats, skip, (LENIENT, *LAST_RESORTS))
        stamps = _read_times(lines, cuts)
        known = cuts.found & stamps.known
        rows = np.flatnonzero(known) if not known.all() else None
        columns = _cut_columns(lines, cuts, rows, escaped=self._formats[0].escape != "none")
        if rows is None:
            return make_frame(columns, stamps, lines.numbers), known
        return make_frame(columns, stamps.take(rows), lines.numbers[rows]), known

    def _read_json_lines(self, lines: Lines, rows: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
        data = _join_lines(lines, rows)
        columns, times, good = read_objects(data, self._keys)
        stamps = no_stamps(len(rows))
        for column in times:
            unknown = np.flatnonzero(~stamps.known)
            if len(unknown):
                stamps.fill(unknown, read_texts(column.take(pa.array(unknown))))
        known = good & stamps.known & _has_request(columns, len(rows))
        keep = pa.array(np.flatnonzero(known))
        kept = {name: column.take(keep) for name, column in columns.items()}
        return make_frame(kept, stamps.take(np.flatnonzero(known)), lines.numbers[rows[known]]), rows[known]


def _join_lines(lines: Lines, rows: np.ndarray) -> bytes:
    """Return *rows* as one line each; an unwrapped line can hold line breaks."""
    data = bytes(lines.data)
    if len(rows) == len(lines) == data.count(b"\n"):
        return data
    return b"".join(text.encode().replace(b"\n", b" ") + b"\n" for text in lines.texts(rows).to_pylist())


def _has_request(columns: dict[str, pa.LargeStringArray], rows: int) -> Mask:
    """Tell which rows have a status or a request: other JSON lines may stand in the same stream."""
    good = np.zeros(rows, bool)
    for name in ("status", *REQUEST_PARTS):
        if name in columns:
            good |= columns[name].is_valid().to_numpy(zero_copy_only=False)
    return good


def _read_times(lines: Lines, cuts: Cuts) -> Stamps:
    stamps = no_stamps(len(lines))
    for variable in _STAMPS:
        if variable not in cuts.spans:
            continue
        begin = cuts.spans[variable][0]
        rows = np.flatnonzero(cuts.found & ~stamps.known & (begin >= 0))
        if len(rows) == len(lines):
            stamps = read_stamps(lines.flat, begin, variable)
        elif len(rows):
            stamps.fill(rows, read_stamps(lines.flat, begin[rows], variable))
    return stamps


def _cut_columns(lines: Lines, cuts: Cuts, rows: np.ndarray | None, *, escaped: bool) -> dict[str, pa.LargeStringArray]:
    """Cut out the texts of *rows*, all if None; what stands for "no value" becomes null."""
    columns = {}
    starts = lines.starts if rows is None else lines.starts[rows]
    odd = lines.with_backslash if escaped else np.zeros(0, np.int64)
    odd = odd if rows is None else np.flatnonzero(np.isin(rows, odd))
    for name, (begins, ends) in cuts.spans.items():
        if name in _STAMPS:
            continue
        begin, end = (begins, ends) if rows is None else (begins[rows], ends[rows])
        absent = begin < 0
        begin, end = np.maximum(begin, starts), np.maximum(end, starts)
        if name not in _VERBATIM:
            absent |= begin == end
            single = np.flatnonzero(end - begin == 1)
            absent[single] |= lines.byte_at(begin[single]) == DASH
        columns[name] = unescape_rows(lines.slices(begin, end, absent), odd)
    asked = np.zeros(len(lines), bool)
    for name in REQUEST_PARTS:
        if name in cuts.spans:
            asked |= cuts.spans[name][0] >= 0
    asked = asked if rows is None else asked[rows]
    if not asked.all():
        last = lines.ends if rows is None else lines.ends[rows]
        columns[WHOLE_LINE] = lines.slices(starts, last, asked)
    return columns


def _unite(access: list[pd.DataFrame], errors: pd.DataFrame | None) -> pd.DataFrame:
    """Put records of one block into the order of their lines."""
    parts = [part for part in access if len(part)]
    if errors is not None:
        parts = [part.assign(source=schema.full(_ACCESS, "category", part.index)) for part in parts]
        parts.append(errors.assign(source=schema.full(_ERROR, "category", errors.index)))
    if len(parts) < 2:  # noqa: PLR2004 - nothing to put in order
        return parts[0] if parts else access[0]
    frame = schema.concat(parts)
    order = np.argsort(frame[schema.LINE].to_numpy(np.int64), kind="stable")
    return frame.take(order).reset_index(drop=True)
