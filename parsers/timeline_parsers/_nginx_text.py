"""Undo nginx's escaping, and take request lines apart."""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from timeline.schema import category_column
from timeline_parsers._nginx_cut import Mask, Places, slice_text

# `\xHH` is one byte of the original (escape=default); `\u00HH` and letters are escape=json, `\"` also Apache's.
_ESCAPED: Final = re.compile(rb'\\(?:x([0-9A-Fa-f]{2})|u00([0-9A-Fa-f]{2})|(["\\/bfnrtv]))')
_LETTERS: Final = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}

_METHOD: Final = re.compile(r"[A-Z][A-Z_-]*")
_PROTOCOL: Final = re.compile(r"HTTP/(\d(?:\.\d)?|-)")
NO_PROTOCOL: Final = "HTTP/-"
"""Stands for the protocol where a format gives method and target but not it."""

_ABSOLUTE: Final = r"^[A-Za-z][A-Za-z0-9+.-]*://[^/?]*(?P<path>[^?]*)"
_BLANK, _QUESTION, _SLASH, _STAR = b" ?/*"


def unescape(text: str) -> str:
    """Give back the bytes that nginx escaped, read as UTF-8; what is not UTF-8 becomes U+FFFD."""
    return _ESCAPED.sub(_original, text.encode()).decode("utf-8", "replace")


def _original(found: re.Match[bytes]) -> bytes:
    digits = found[1] or found[2]
    return bytes.fromhex(digits.decode()) if digits else _LETTERS.get(found[3], found[3])


def unescape_rows(column: pa.LargeStringArray, rows: np.ndarray) -> pa.LargeStringArray:
    """Undo the escaping in *rows*, the only ones in which a backslash stands; they are few."""
    if not len(rows):
        return column
    texts = column.take(pa.array(rows)).to_pylist()
    escaped = [bool(text) and "\\" in text for text in texts]
    if not any(escaped):
        return column
    originals = [unescape(text) for text, odd in zip(texts, escaped, strict=True) if odd]
    mask = np.zeros(len(column), bool)
    mask[rows[escaped]] = True
    return pc.replace_with_mask(column, pa.array(mask), pa.array(originals, pa.large_string()))


class Requests:
    """The parts of request lines; all missing where a line is not `METHOD target HTTP/x.y`.

    Attributes:
        method, version: category columns; the version as "1.1".
        path, query: texts; the query without its question mark.
    """

    def __init__(self, lines: pa.LargeStringArray) -> None:
        self._buffer, self._begin, self._end = _places(lines)
        flat = np.frombuffer(self._buffer, np.uint8)
        first, last, good = self._find_blanks(flat)
        methods, method_names = self._match(self._begin, first, good, _METHOD)
        good = good & (methods >= 0)
        versions, version_names = self._match(last + 1, self._end, good, _PROTOCOL)
        good = good & (versions >= 0)
        self.method = category_column(np.where(good, methods, -1), method_names)
        self.version = category_column(*_drop(versions, version_names, NO_PROTOCOL.removeprefix("HTTP/")))
        self.path, self.query = self._split_target(flat, first + 1, last, good)

    def _find_blanks(self, flat: np.ndarray) -> tuple[Places, Places, Mask]:
        """Return the first and the last blank of each line, and whether there are just two."""
        blanks = np.append(np.flatnonzero(flat == _BLANK), len(flat))
        after = np.searchsorted(blanks, self._begin)
        first, second = blanks[after], blanks[np.minimum(after + 1, len(blanks) - 1)]
        third = blanks[np.minimum(after + 2, len(blanks) - 1)]
        good = (second < self._end) & (third >= self._end) & (second > first)
        return np.where(good, first, self._begin), np.where(good, second, self._begin), good

    def _match(self, begin: Places, end: Places, good: Mask, pattern: re.Pattern[str]) -> tuple[np.ndarray, list[str]]:
        """Cut words that must fit *pattern*: few distinct ones, so the pattern runs over these only.

        Returns:
            Codes into the matched texts, -1 where a word does not fit, and the texts.
        """
        begin = np.where(good, begin, self._begin)
        words = slice_text(self._buffer, begin, np.where(good, end, begin), ~good).dictionary_encode()
        matches = [pattern.fullmatch(word) for word in words.dictionary.to_pylist()]
        places = np.cumsum([bool(found) for found in matches], dtype=np.int64) - 1
        fitting = np.array([place if found else -1 for found, place in zip(matches, places, strict=True)] + [-1])
        codes = words.indices.fill_null(-1).to_numpy()
        return fitting[codes], [found[pattern.groups] for found in matches if found]

    def _split_target(
        self, flat: np.ndarray, begin: Places, end: Places, good: Mask
    ) -> tuple[pa.LargeStringArray, pa.LargeStringArray]:
        begin, end = np.where(good, begin, self._begin), np.where(good, end, self._begin)
        marks = np.append(np.flatnonzero(flat == _QUESTION), len(flat))
        mark = np.minimum(marks[np.searchsorted(marks, begin)], end)
        start = flat.take(begin, mode="clip") if len(flat) else np.zeros(len(begin), np.uint8)
        other = good & (start != _SLASH) & (start != _STAR)
        path_begin, has_path = self._skip_authority(begin, mark, other, good)
        path = slice_text(self._buffer, path_begin, mark, ~has_path)
        query_begin = np.minimum(mark + 1, end)
        return path, slice_text(self._buffer, query_begin, end, ~(good & (mark < end)))

    def _skip_authority(self, begin: Places, end: Places, other: Mask, good: Mask) -> tuple[Places, Mask]:
        """Move to the path of `http://host/path`; targets such as `host:443` have none."""
        rows = np.flatnonzero(other)
        if not len(rows):
            return begin, good
        found = pc.extract_regex_span(slice_text(self._buffer, begin[rows], end[rows]), _ABSOLUTE)
        fits = found.is_valid().to_numpy(zero_copy_only=False)
        spans = found.field("path").values.fill_null(0).to_numpy().reshape(-1, 2)
        begin, good = begin.copy(), good.copy()
        begin[rows[fits]] += spans[fits, 0]
        good[rows[~fits]] = False
        return begin, good


def _drop(codes: np.ndarray, names: list[str], name: str) -> tuple[np.ndarray, list[str]]:
    """Make the rows of *name* missing."""
    if name not in names:
        return codes, names
    place = names.index(name)
    return np.where(codes == place, -1, codes - (codes > place)), [other for other in names if other != name]


def _places(lines: pa.LargeStringArray) -> tuple[pa.Buffer, Places, Places]:
    offsets = np.frombuffer(lines.buffers()[1], np.int64)[lines.offset : lines.offset + len(lines) + 1]
    if not len(offsets):
        offsets = np.zeros(1, np.int64)
    return lines.buffers()[2] or pa.py_buffer(b""), offsets[:-1], offsets[1:]
