"""What a message says without what transports add: stamps, levels, process numbers, counts of repetitions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from timeline.arrays import Flags, Ints

_COLOUR: Final = r"\x1b\[[\d;]*[A-Za-z]"
_PG_LABEL = r"(?:DEBUG[1-5]?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC)"
TRANSPORT: Final = (
    # rsyslog writes control bytes as octal; only these, since nginx's 24656#24656 holds a `#246`.
    (r"#011", "\t"),
    (r"#012", "\n"),
    # journalctl and syslog daemons leave out colours and widen tabs.
    (_COLOUR, ""),
    (r"\t", "        "),
    (r"(?s), client: .*$", ""),  # nginx: what its parser keeps as attributes
    (r"^\w{3} [ \d]\d \d\d:\d\d:\d\d [\w.-]+ ", ""),  # syslog's stamp and host
    (r"^[\w./@-]+\[\d+\]: ", ""),  # ident[pid]:
    (r"^nginx: (\[)", r"\1"),
    # PostgreSQL: stamp, whatever log_line_prefix adds, severity
    (rf"^(?:< ?)?\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [^\n]*?\b{_PG_LABEL}: +", ""),
    (r"^\[?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?\]?[ :]*", ""),
    (r"^\[?(?i:debug\d?|info|log|notice|warn|warning|error|err|crit|critical|alert|emerg|fatal|panic)\]?:? +", ""),
    (r"^\d+#\d+: (?:\*\d+ )?", ""),  # nginx: process, thread, connection
    (r"^\s+|\s+$", ""),
)
"""What transports add to a message, in the order in which it is taken away."""

REPEATED: Final = r"(?s)^message repeated (?P<times>\d{1,4}) times: \[(?P<text>.*)\]$"
"""What rsyslog writes instead of equal lines that follow one."""

BLOB: Final = re.compile(r"\[\d+B blob data\]")
"""What journalctl prints instead of a text that has other control characters than these."""

_UNKNOWN: Final = "\ufffd".encode()
_CONTROL: Final = r"[\x00-\x08\x0b-\x1f\x7f\x{80}-\x{9f}\x{fffd}]"

CUT: Final = 200
"""Transports cut long messages; a text of so many characters is a copy of one that it is the beginning of."""


@dataclass(frozen=True)
class Cores:
    """The texts of some messages.

    Attributes:
        codes: by message, equal where the texts are.
        families: by message, equal where one text may stand for the other: it is its beginning, or counts its bytes.
        repeats: how many lines each message stands for.
        texts: by code, the text.
    """

    codes: Ints
    families: Ints
    repeats: Ints
    texts: pa.Array

    def is_cut(self, one: Ints, other: Ints) -> Flags:
        """Tell which pairs of different codes are a text and what a transport left of it."""
        return np.fromiter(map(self._stands_for, one.tolist(), other.tolist()), bool, len(one))

    def _stands_for(self, one: int, other: int) -> bool:
        short, long = sorted((self.texts[one].as_py(), self.texts[other].as_py()), key=len)
        if BLOB.fullmatch(long):
            short, long = long, short
        if BLOB.fullmatch(short):
            return short == as_blob(long)
        return bool(long.startswith(short.rstrip("\ufffd")))  # a letter that was cut in the middle


def find_cores(messages: pa.ChunkedArray) -> Cores:
    """Return what *messages* say.

    Args:
        messages: Arrow strings, none missing.
    """
    stripped = strip_transport(messages).combine_chunks()
    repeats = np.ones(len(stripped), "int64")
    rows = np.flatnonzero(pc.starts_with(stripped, "message repeated ").to_numpy(zero_copy_only=False))
    if len(rows):
        found = pc.extract_regex(stripped.take(pa.array(rows)), REPEATED)
        rows, found = rows[found.is_valid().to_numpy(zero_copy_only=False)], found.drop_null()
        repeats[rows] = np.maximum(found.field("times").cast(pa.int64()).to_numpy(), 1)
        inner = strip_transport(pa.chunked_array([found.field("text")])).combine_chunks()
        is_repeated = np.zeros(len(stripped), bool)
        is_repeated[rows] = True
        stripped = pc.replace_with_mask(stripped, pa.array(is_repeated), inner.cast(stripped.type))
    coded = stripped.dictionary_encode()
    codes = coded.indices.to_numpy(zero_copy_only=False).astype("int64")
    heads = _name_families(coded.dictionary).dictionary_encode().indices
    families = heads.to_numpy(zero_copy_only=False).astype("int64")[codes]
    return Cores(codes, families, repeats, coded.dictionary)


def _name_families(texts: pa.Array) -> pa.Array:
    names = pc.utf8_slice_codeunits(texts, 0, CUT)
    is_long = pc.greater(pc.utf8_length(texts), CUT)
    odd = pc.match_substring_regex(pc.if_else(is_long, pc.utf8_rtrim(texts, "\ufffd"), texts), _CONTROL)
    if not pc.any(odd).as_py():
        return names
    blobs = [as_blob(text) for text in texts.filter(odd).to_pylist()]
    return pc.replace_with_mask(names, odd, pa.array(blobs, names.type))


def as_blob(text: str) -> str:
    """Return what journalctl prints instead of a *text* with control characters."""
    return f"[{len(text.encode().replace(_UNKNOWN, b'?'))}B blob data]"


def strip_transport(messages: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return *messages* without what transports add: stamps, levels, process numbers, nginx's context."""
    for pattern, replacement in TRANSPORT:
        messages = pc.replace_substring_regex(messages, pattern, replacement)
    return messages
