"""What look-alike messages have in common: mask what varies, then merge what still differs in one word only.

Nothing depends on the order of the messages: masks are applied to each alone, and words are judged on the set of
masked messages (see `timeline.slots`).
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from timeline.arrays import Ints
from timeline.slots import HOLE, find_parameters

_URL = r"\b[a-z][a-z0-9+.-]{1,9}://[^\s\"'<>\])]+"
_PATH = r"(?:/[A-Za-z0-9_.$@%+~*-]+){2,}/?"
_FQDN = r"\b(?:[A-Za-z0-9][A-Za-z0-9_-]*\.){2,}[A-Za-z]{2,}(?:[:$/][A-Za-z0-9_.$/-]*)?"
_MAC = r"\b(?:[0-9a-fA-F]{1,2}:){3,7}[0-9a-fA-F]{1,2}\b"
_HEX = r"\b[a-fA-F]{8,}\b"
_DAY = r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)(?:[a-z]*day)?\b,?"
_MONTH = r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b"
_SPAN = r"(?:[num]|\x{b5})?s|m?secs?|(?:milli|micro|nano)?seconds?|mins?|minutes?|hours?|days?"
_SIZE = r"[kKMGTP]?i?B|[kKMGT]?[Bb]ytes?"
_QUANTITY = rf"[<>~]?[0-9][0-9.,]* ?(?:{_SPAN}|{_SIZE})\b"  # 900 ms and 1.2 seconds are values of one parameter
_DIGITS = r"[A-Za-z0-9_.+\-/\\$@%~#*]*[0-9][A-Za-z0-9_.+\-/\\$@%~#*]*"  # any part of a word with a digit
MASK: Final = f"{_URL}|{_PATH}|{_FQDN}|{_MAC}|{_HEX}|{_DAY}|{_MONTH}|{_QUANTITY}|{_DIGITS}"
"""One pass, one placeholder; RE2 has no look-around and needs none."""

_BETWEEN = r"[ \t,:;./_|\-+@x]*"
RUNS: Final = rf"<\*>(?:{_BETWEEN}(?:<\*>|\((?:<\*>{_BETWEEN})*\)))+"
"""Lists of placeholders become one; brackets behind one repeat it in another form, as in `9216 bytes (9 kB)`."""

ROUTE_MASK: Final = r"/(?:[^/0-9v][^/]*[0-9]|[0-9]|v[0-9]*[^0-9/][^/]*[0-9]|v[0-9]{3,})[^/]*"
"""Segments of a path that hold a digit, but for versions such as `/v2/`."""

TRACEBACK: Final = "Traceback (most recent call last):"
_FRAMES = r"(?s)\s*\n.*\n[ \t][^\n]*\n(\S[^\n]*).*$"  # up to the last indented line; what follows is the exception
_REST = r"(?s)\s*\n.*$"

LINE_END: Final = 10
LONGEST: Final = 4096
"""Characters of a line that take part."""

FEWEST: Final = 1 << 14
"""Messages for which a further thread pays; each compiles the masks for itself."""


def find_templates(messages: pa.ChunkedArray) -> tuple[Ints, list[str]]:
    """Return for each message the number of its template, -1 where there is no message, and the templates.

    Args:
        messages: texts; what takes part of each is told at `mask`.
    """
    masked = _mask_and_encode(messages)
    codes = masked.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype("int64")
    uniques = masked.dictionary.to_pylist()
    merged = merge_slots(sorted(set(uniques)))
    templates = sorted(set(merged.values()))
    numbers = {template: number for number, template in enumerate(templates)}
    places = np.array([*(numbers[merged[text]] for text in uniques), -1], "int64")
    return places[codes], templates


def mask(messages: pa.ChunkedArray) -> pa.ChunkedArray:
    """Put `<*>` in place of numbers with their units, addresses, paths and dates.

    The first line of each message takes part, up to 4,096 characters of it; of a Python traceback also the line that
    names the exception.
    """
    masked = _mask_and_encode(messages)
    return pa.chunked_array([masked.dictionary.take(masked.indices)])


def _mask_and_encode(messages: pa.ChunkedArray) -> pa.DictionaryArray:
    """Return the masked messages; some entries of the dictionary may be equal."""
    threads = min(os.cpu_count() or 1, 1 + len(messages) // FEWEST)
    size = -(-len(messages) // threads)
    parts = [messages.slice(size * part, size) for part in range(threads)]
    if threads > 1:
        with ThreadPoolExecutor(threads) as pool:
            parts = list(pool.map(_mask_part, parts))
    else:
        parts = [_mask_part(part) for part in parts]
    masked = pa.chunked_array(parts).combine_chunks().dictionary_encode()
    # Lists of placeholders are looked for in what differs only: a tenth of the lines or far less.
    short = pc.replace_substring_regex(masked.dictionary, RUNS, HOLE)
    return pa.DictionaryArray.from_arrays(masked.indices, short)


def _mask_part(messages: pa.ChunkedArray) -> pa.Array:
    lines = _cut_lines(messages)
    if pc.any(pc.greater(pc.binary_length(lines), LONGEST)).as_py():
        lines = pc.utf8_slice_codeunits(lines, 0, LONGEST)
    return pc.replace_substring_regex(lines, MASK, HOLE).combine_chunks()


def _cut_lines(messages: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the line of each message that says what happened."""
    if not any(_has_line_end(chunk) for chunk in messages.chunks):
        return messages
    lines = pc.utf8_ltrim_whitespace(messages)
    if _any_has(lines, TRACEBACK):
        traced = pc.match_substring(lines, TRACEBACK)
        lines = pc.if_else(traced, pc.replace_substring_regex(lines, _FRAMES, r" \1"), lines)
    return pc.replace_substring_regex(lines, _REST, "")


def _has_line_end(chunk: pa.Array) -> bool:
    """Look at the bytes at once, which takes a fifth of the time of looking at texts."""
    if not len(chunk):
        return False
    width = "int64" if pa.types.is_large_string(chunk.type) else "int32"
    offsets = np.frombuffer(chunk.buffers()[1], width)[chunk.offset :]
    data = chunk.buffers()[2]
    return data is not None and bool((np.frombuffer(data, "uint8")[offsets[0] : offsets[len(chunk)]] == LINE_END).any())


def _any_has(messages: pa.ChunkedArray, part: str) -> bool:
    return bool(pc.any(pc.match_substring(messages, part)).as_py())


def mask_routes(paths: pa.ChunkedArray) -> pa.ChunkedArray:
    """Put `<*>` in place of the varying segments of URL paths and cut queries off."""
    plain = pc.replace_substring_regex(paths, r"[?#].*$", "")
    return pc.replace_substring_regex(plain, ROUTE_MASK, "/" + HOLE)


def merge_slots(texts: list[str]) -> dict[str, str]:
    """Return for each masked text the template it belongs to.

    Args:
        texts: distinct masked messages, in any order.
    """
    return dict(zip(texts, find_parameters(texts), strict=True))
