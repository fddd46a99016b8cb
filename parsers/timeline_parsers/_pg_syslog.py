"""PostgreSQL behind syslog, Heroku's Logplex and containers: the header of each line, and the pieces of a record."""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from timeline.stamps import SECOND, cells, decode
from timeline.textlog import Block
from timeline_parsers._pg_frame import Fields, to_numbers, without
from timeline_parsers._pg_labels import PART_OF
from timeline_parsers._pg_match import extract
from timeline_parsers._pg_wrapped import Pieces
from timeline_parsers._wrappers import Parts, join_pieces, no_hosts

_DATED: Final = (
    r"(?P<stamp>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,](?P<fraction>\d{1,9}))?(?P<zone>Z|[+-]\d\d(?::?\d\d)?)?"
)
_YEARLESS: Final = r"(?P<stamp>[A-Z][a-z]{2} [ 0-3]\d \d\d:\d\d:\d\d)(?:\.(?P<fraction>\d{1,6}))?(?P<zone>)"
_HOST: Final = r"(?:(?P<host>[^\s\[\]]+) )?"
# RFC 3164 and rsyslog's ISO form; Heroku writes `app[postgres.24]: [PURPLE] `.
_TAG: Final = r"(?P<ident>[^\s\[\]:]+)\[(?:[a-z_-]+\.)?(?P<pid>\d{1,18})\]: (?:\[[A-Z_ -]+\] )?"
# RFC 5424: application, process, message id, structured data.
_NEW_TAG: Final = (
    r'(?P<ident>[^\s\[\]:]+) (?:[a-z_-]+\.)?(?P<pid>\d{1,18}) \S+ (?:-|(?:\[(?:[^"\]]|"(?:[^"\\]|\\.)*")*\])+) '
)
# syslog_sequence_numbers: number of the record in its process, number of the piece.
_NUMBERS: Final = r"(?:\[(?P<record>\d{1,18})(?:-(?P<piece>\d{1,18}))?\] )"
_NO_NUMBERS: Final = "(?P<record>)(?P<piece>)"
_PRI: Final = r"(?:<\d{1,3}>)?"

HEADERS: Final = (
    f"{_PRI}{_YEARLESS} {_HOST}{_TAG}",
    f"{_PRI}{_DATED} {_HOST}{_TAG}",
    rf"(?:\d+ )?<\d{{1,3}}>1 {_DATED} {_HOST}{_NEW_TAG}",
    rf"{_DATED} (?P<stream>stdout|stderr) (?P<tag>[FP])(?::\S*)? (?P<host>)(?P<ident>)(?P<pid>){_NO_NUMBERS}",
)
YEARLESS, CONTAINER = HEADERS[0], HEADERS[3]
"""CONTAINER is CRI of Kubernetes. Reference: kubelet-cri-logging.md in kubernetes/design-proposals-archive."""

_TAIL: Final = f"{_NUMBERS}?(?P<text>.*)$"
_PIECE: Final = tuple(
    re.compile(f"{header}{'' if header == CONTAINER else _NUMBERS}(?P<text>.*)", re.ASCII) for header in HEADERS
)
_PART: Final = re.compile(f"(?:^|[ \\]>:-])(?:{'|'.join(map(re.escape, PART_OF))}) ?:  ")
# rsyslog writes control characters so; `812#812` of other programs is none. A line end stands only in the records of
# syslog_split_messages=off, whose pieces have no number.
_ESCAPED: Final = "#(?:0[0-3][0-7]|177)"
_CODES: Final = tuple(code for code in (*range(0o40), 0o177) if code != ord("\n"))


def find_header(head: bytes) -> tuple[str, float, bytes]:
    """Find the header that the lines of *head* have.

    Returns:
        The pattern, the share of the lines that are pieces behind it (in syslog numbered ones), and the texts of the
        first pieces.
    """
    lines = [line for line in head.lstrip(b"\0").decode("utf-8", "replace").split("\n")[:-1] if line.strip()]
    best: tuple[str, float, bytes] = ("", 0.0, b"")
    for header, piece in zip(HEADERS, _PIECE, strict=True):
        found = [match for match in map(piece.match, lines) if match]
        share = len(found) / max(len(lines), 1)
        if share > best[1]:
            first = [match["text"].partition("#012")[0] for match in found if match["piece"] in ("1", None, "")]
            if header != CONTAINER and _are_lines(found):
                header += _NO_NUMBERS  # noqa: PLW2901 - the next one is of the table again
                first = [f"[{match['record']}-1] {text}" for match, text in zip(found, first, strict=True)]
            best = header, share, "".join(f"{text}\n" for text in first).encode()
    return best


def _are_lines(found: list[re.Match[str]]) -> bool:
    """Tell whether the numbers are those of `[%l-1]` in the prefix: then a part begins with a number of its own."""
    return all(match["piece"] == "1" for match in found) and any(_PART.search(match["text"][:200]) for match in found)


def read_pieces(block: Block, header: str) -> Pieces:
    """Take the header off the lines of *block*; lines without one are left out."""
    numbered = not header.endswith(_NO_NUMBERS)
    table = extract(block.lines, f"^{header}{_TAIL}" if numbered else f"^{header}(?P<text>.*)$")
    lines = np.flatnonzero(table.column("text").is_valid().to_numpy())
    table = table.take(pa.array(lines))
    if header == CONTAINER:
        return _read_container(lines, table)
    part = {name: table.column(name).combine_chunks() for name in table.column_names}
    record, piece = (_whole(part[name]) for name in ("record", "piece"))
    whole = (record >= 0) & (piece < 0)
    stamps = read_headers(lines, part, yearless=header.startswith(YEARLESS))
    texts = _decode(part["text"], pa.array(piece < 0))
    return Pieces(lines, texts, _processes(part), record, np.where(whole, 1, piece.clip(0)), stamps)


def _read_container(lines: np.ndarray, table: pa.Table) -> Pieces:
    """Take lines of CRI, whose tag P says that the text goes on in the next line of its stream."""
    part = {name: table.column(name).combine_chunks() for name in table.column_names}
    texts, heads, begins = join_texts(part["text"], pc.equal(part["stream"], "stderr"), pc.equal(part["tag"], "P"))
    tails = np.flatnonzero(begins != np.arange(len(begins)))
    some = {name: column.take(pa.array(heads)) for name, column in part.items()}
    none = np.zeros(len(heads), np.int64)
    divided = np.stack((lines[tails], lines[begins[tails]]))
    stream = pc.equal(some["stream"], "stderr").to_numpy(zero_copy_only=False).astype(np.int64)
    return Pieces(lines[heads], texts, none - 1, stream, none, read_headers(lines[heads], some), divided)


def join_texts(texts: pa.Array, errors: pa.Array, partial: pa.Array) -> tuple[pa.Array, np.ndarray, np.ndarray]:
    """Put together what a container's log divided; see `join_pieces`.

    Args:
        texts: what was wrapped.
        errors: whether it was written to standard error.
        partial: whether it goes on in the next one of its stream.
    """
    streams = errors.to_numpy(zero_copy_only=False).astype(np.int8)
    none = np.zeros(len(texts), bool)
    return join_pieces(Parts(texts, streams, partial.to_numpy(zero_copy_only=False), none, no_hosts(len(texts))))


def _whole(values: pa.Array) -> np.ndarray:
    return to_numbers(without(values)).fill_null(-1).to_numpy(zero_copy_only=False)


def _processes(part: dict[str, pa.Array]) -> np.ndarray:
    names = [part[name].fill_null("") for name in ("host", "ident", "pid")]
    encoded = pc.binary_join_element_wise(*names, pa.scalar(" ", pa.large_string())).dictionary_encode()
    return encoded.indices.to_numpy().astype(np.int64)


def read_headers(lines: np.ndarray, part: dict[str, pa.Array], *, yearless: bool = False) -> Fields:
    """Make the times, hosts and process ids of wrappers from the named groups of their pattern."""
    layouts = ("Mon DD hh:mm:ss",) if yearless else ("YYYY-MM-DDThh:mm:ss", "YYYY-MM-DD hh:mm:ss")
    wall, dated = np.zeros(len(lines), np.int64), np.zeros(len(lines), bool)
    for layout in layouts:
        seconds, good = decode(cells(part["stamp"].fill_null(""), len(layout)), layout)
        wall, dated = np.where(good, seconds, wall), dated | good
    digits = pc.utf8_rpad(pc.utf8_slice_codeunits(part["fraction"].fill_null(""), 0, 6), 6, "0")
    wall += to_numbers(digits).to_numpy(zero_copy_only=False) % SECOND
    zone = without(part["zone"])
    zone = pc.if_else(pc.equal(zone, "Z"), pa.scalar("UTC", pa.large_string()), zone).dictionary_encode()
    text = {"zone": zone, "host": without(part["host"]).dictionary_encode()}
    return Fields(lines, wall, dated, text, {"pid": to_numbers(without(part["pid"]))})


def _decode(texts: pa.LargeStringArray, whole: pa.Array) -> pa.LargeStringArray:
    """Turn `#011` into a TAB, and further control characters likewise; line ends only in *whole* records."""
    escaped = pc.match_substring_regex(texts, _ESCAPED)
    if not pc.any(escaped).as_py():
        return texts
    some = texts.filter(escaped)
    lines = pc.replace_substring(pc.replace_substring_regex(some, "(?:#012)+$", ""), "#012", "\n")
    some = pc.if_else(whole.filter(escaped), lines, some)
    some = pc.replace_substring(some, "#011", "\t")
    if pc.any(pc.match_substring_regex(some, _ESCAPED)).as_py():
        for code in _CODES:
            some = pc.replace_substring(some, f"#{code:03o}", chr(code))
        some = pc.replace_substring_regex(some, "(?m)\r$", "")  # as in a file, whose line ends it would be
    return pc.replace_with_mask(texts, escaped, some)
