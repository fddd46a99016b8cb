"""Take log lines out of what carried them: Docker's json-file, CRI of Kubernetes, syslog.

A wrapper dates each line once more; what a program wrote itself says more, so that only the text is kept, and the host.
References: https://docs.docker.com/engine/logging/drivers/json-file/,
https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md, RFC 3164, RFC 5424.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from timeline.schema import category_column
from timeline.textlog import Block, clean

Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]
Starts = Callable[[pa.LargeStringArray], Mask]

_ISO: Final = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)"
_CRI: Final = rf"(?s)^{_ISO} (?P<stream>stdout|stderr) (?P<tags>[FP](?::\S*)?)(?: (?P<text>.*))?$"
_SYSLOG: Final = (
    rf"(?s)^(?:<\d{{1,3}}>)?(?:[A-Z][a-z]{{2}} [ 0-3]\d \d\d:\d\d:\d\d(?:\.\d{{1,9}})?|{_ISO}) "
    r"(?:(?P<host>\S*[^\s:]) )?(?P<tag>[A-Za-z][\w./-]*)(?P<pid>\[\d+\])?: ?(?P<text>.*)$"
)
# RFC 5424; its structured data is skipped.
_SYSLOG_5424: Final = (
    rf"(?s)^<\d{{1,3}}>1 (?:{_ISO}|-) (?P<host>\S+) (?P<tag>\S+) (?P<pid>\S+) \S+ "
    r'(?:-|(?:\[(?:[^\]\\"]|"(?:[^"\\]|\\.)*")*\])+) ?\x{FEFF}?(?P<text>.*)$'
)
_DOCKER: Final = re.compile(r'\{"log":".*"stream":"(?:stdout|stderr)".*"time":"', re.DOTALL)

# rsyslog writes control bytes as `#ooo`; `24656#24656` of nginx is none.
_OCTAL: Final = re.compile(r"#(0[0-3][0-7]|177)")

_NO_HOST: Final = "-"
_LONGEST_HOLD: Final = 1 << 20
_SAMPLE: Final = 50


@dataclass(frozen=True, kw_only=True)
class Unwrapped(Block):
    """Lines out of their wrappers. A line may hold line breaks, and be put together from several lines of the file.

    Attributes:
        line_ends: offset of the end of each line.
        line_numbers: number of the first line of the file that each one is made of.
        joined: how many lines of the file were joined to the one before.
        alone: lines that continue no record above them.
        hosts: the host that the wrapper names, for each line, null where it names none.
    """

    line_ends: np.ndarray
    line_numbers: np.ndarray
    joined: int
    alone: Mask
    hosts: pa.LargeStringArray

    @cached_property
    def ends(self) -> np.ndarray:
        """Offset of each line's end, int64."""
        return self.line_ends

    @cached_property
    def numbers(self) -> np.ndarray:
        """Line numbers, int64."""
        return self.line_numbers

    def find_hosts(self, numbers: np.ndarray) -> pd.Categorical | None:
        """Return the hosts of the lines with these *numbers*; None if no wrapper names one."""
        if self.hosts.null_count == len(self.hosts):
            return None
        order = np.argsort(self.line_numbers)
        rows = order[np.searchsorted(self.line_numbers[order], numbers)]
        coded = self.hosts.take(pa.array(rows)).dictionary_encode()
        return category_column(coded.indices.fill_null(-1).to_numpy(), coded.dictionary.to_pylist())


@dataclass(frozen=True)
class Parts:
    """What the wrappers of some lines say; `join_pieces` puts together what they divided.

    Attributes:
        texts: what was wrapped; the whole line where there is no wrapper.
        streams: 0, or 1 for standard error.
        partial: whether the text goes on in the next line of its stream.
        alone: whether it is surely no continuation.
        hosts: host names, null where there is none.
    """

    texts: pa.LargeStringArray
    streams: np.ndarray
    partial: Mask
    alone: Mask
    hosts: pa.LargeStringArray

    def slice(self, first: int, last: int | None = None) -> Parts:
        rows = slice(first, last)
        return Parts(self.texts[rows], self.streams[rows], self.partial[rows], self.alone[rows], self.hosts[rows])


Wrapper = Callable[[Block], Parts]


def find_wrapper(block: Block, starts: Starts) -> Wrapper | None:
    """Return what takes the lines of a source out, by its first lines; None if most of them are not wrapped.

    Args:
        block: the first lines.
        starts: tells which texts start a record; a date, a word and a colon alone are too little for syslog.
    """
    lines = [text for text in block.lines.slice(0, _SAMPLE).to_pylist() if text]
    if not lines:
        return None
    sample = pa.array(lines, pa.large_string())
    counts = {
        read_docker: sum(_DOCKER.match(line) is not None for line in lines),
        read_cri: _count(sample, _CRI),
        read_syslog: _count(sample, _SYSLOG) + _count(sample, _SYSLOG_5424),
    }
    best = max(counts, key=lambda wrapper: counts[wrapper])
    if counts[best] * 2 <= len(lines):
        return None
    if best is not read_syslog:
        return best
    found = read_syslog(clean("".join(f"{line}\n" for line in lines).encode()))
    return best if (starts(found.texts) & found.alone).sum() * 2 > len(lines) else None


def _count(texts: pa.LargeStringArray, pattern: str) -> int:
    return int(pc.sum(pc.match_substring_regex(texts, pattern)).as_py() or 0)


def has_pids(block: Block) -> bool:
    """Tell whether a syslog tag carries a process id, as journalctl and programs other than nginx write it."""
    found = pc.extract_regex(block.lines.slice(0, _SAMPLE), _SYSLOG)
    return bool(pc.any(pc.not_equal(found.field("pid"), "")).as_py())


def has_priorities(block: Block) -> bool:
    """Tell whether the lines begin with `<PRI>`."""
    return bool(pc.any(pc.starts_with(block.lines.slice(0, _SAMPLE), "<")).as_py())


def read_docker(block: Block) -> Parts:
    r"""Read `{"log":"…\n","stream":"stderr","time":"…"}`; a text without line break goes on in the next line."""
    lines = block.lines
    table = _read_objects(block)
    whole = pa.scalar("\n", pa.large_string())
    wrapped = table["log"].is_valid()
    texts = pc.coalesce(table["log"], pc.binary_join_element_wise(lines, whole, pa.scalar("", pa.large_string())))
    partial = pc.invert(pc.ends_with(texts, "\n")).to_numpy(zero_copy_only=False)
    texts = pc.replace_substring_regex(texts, r"\r?\n$", "")
    streams = pc.equal(table["stream"], "stderr").fill_null(False).to_numpy(zero_copy_only=False)
    alone = pc.invert(wrapped).to_numpy(zero_copy_only=False)
    return Parts(texts, streams.astype(np.int8), partial, alone, no_hosts(len(lines)))


def _read_objects(block: Block) -> dict[str, pa.LargeStringArray]:
    names = ("log", "stream")
    options = pyarrow.json.ParseOptions(
        explicit_schema=pa.schema([(name, pa.large_string()) for name in names]), unexpected_field_behavior="ignore"
    )
    reading = pyarrow.json.ReadOptions(use_threads=False, block_size=len(block.data) + 1)
    try:
        table = pyarrow.json.read_json(pa.BufferReader(block.data), read_options=reading, parse_options=options)
    except pa.ArrowInvalid:
        table = None
    if table is not None and table.num_rows == len(block.ends):
        return {name: table.column(name).combine_chunks() for name in names}
    found = [_load(line) for line in block.lines.to_pylist()]
    return {
        name: pa.array([values.get(name) if values else None for values in found], pa.large_string()) for name in names
    }


def _load(line: str) -> dict[str, str] | None:
    try:
        found = orjson.loads(line)
    except ValueError:
        return None
    wrapped = isinstance(found, dict) and isinstance(found.get("log"), str) and isinstance(found.get("stream"), str)
    return found if wrapped else None


def read_cri(block: Block) -> Parts:
    """Read `2026-06-15T14:03:11.123456789Z stdout F …`; the tag P says that the text goes on."""
    lines = block.lines
    found = pc.extract_regex(lines, _CRI)
    wrapped = found.is_valid()
    texts = pc.if_else(wrapped, found.field("text"), lines)
    partial = pc.starts_with(found.field("tags"), "P").fill_null(False).to_numpy(zero_copy_only=False)
    streams = pc.equal(found.field("stream"), "stderr").fill_null(False).to_numpy(zero_copy_only=False)
    alone = pc.invert(wrapped).to_numpy(zero_copy_only=False)
    return Parts(texts, streams.astype(np.int8), partial, alone, no_hosts(len(lines)))


def read_syslog(block: Block) -> Parts:
    """Read `<PRI>Mon dd hh:mm:ss HOST TAG: …` and RFC 5424; each header begins a record of its own."""
    lines = block.lines
    newer, older = pc.extract_regex(lines, _SYSLOG_5424), pc.extract_regex(lines, _SYSLOG)
    wrapped = pc.or_(newer.is_valid(), older.is_valid())
    texts, hosts = (
        pc.if_else(newer.is_valid(), newer.field(name), pc.if_else(older.is_valid(), older.field(name), other))
        for name, other in (("text", lines), ("host", pa.scalar("", pa.large_string())))
    )
    unnamed = pc.or_(pc.equal(hosts, ""), pc.equal(hosts, _NO_HOST))
    hosts = pc.if_else(unnamed, pa.scalar(None, pa.large_string()), hosts)
    none, alone = np.zeros(len(lines), bool), wrapped.to_numpy(zero_copy_only=False)
    return Parts(_decode_octal(texts), none.astype(np.int8), none, alone, hosts)


def _decode_octal(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    odd = pc.match_substring_regex(texts, _OCTAL.pattern)
    if not pc.any(odd).as_py():
        return texts
    decoded = [_OCTAL.sub(lambda found: chr(int(found[1], 8)), text) for text in texts.filter(odd).to_pylist()]
    return pc.replace_with_mask(texts, odd, pa.array(decoded, pa.large_string()))


def no_hosts(rows: int) -> pa.LargeStringArray:
    """Return the hosts of lines whose wrappers name none."""
    return pa.nulls(rows, pa.large_string())


def unwrap(block: Block, wrapper: Wrapper, starts: Starts) -> Unwrapped:
    """Take the lines of *block* out.

    Args:
        block: lines of a source.
        wrapper: what reads their wrappers.
        starts: tells which of some texts start a record.
    """
    return _build(wrapper(block), block.first_line, starts)


def unwrap_blocks(blocks: Iterable[Block], wrapper: Wrapper, starts: Starts) -> Iterator[Unwrapped]:
    """Take the lines of all *blocks* out; a record is never divided between two, whichever stream it is of."""
    held: Block | None = None
    for block in blocks:
        if held is None:
            held = block
            continue
        whole, held = held, block
        parts = wrapper(whole)
        cut = _find_cut(whole, parts, starts)
        if cut < len(parts.texts):
            rest = whole.data[int(whole.starts[cut]) :]
            held = Block(rest + block.data, whole.first_line + cut)
        if cut:
            yield _build(parts.slice(0, cut), whole.first_line, starts)
    if held is not None:
        yield _build(wrapper(held), held.first_line, starts)


def _find_cut(block: Block, parts: Parts, starts: Starts) -> int:
    """Return the row from which on records may go on behind the block; only its last MiB is looked at."""
    window = int(np.searchsorted(block.starts, len(block.data) - _LONGEST_HOLD))
    rows, first = _group(parts.slice(window))
    texts = _join(parts.slice(window), rows, first)
    streams = parts.streams[window:][rows]
    begins = first.copy()
    begins[first] = starts(texts) | parts.alone[window:][rows][first]
    begins[:1] = True
    begins[1:] |= streams[1:] != streams[:-1]
    units = np.flatnonzero(begins)
    # Where each unit ends: before the next one of its stream.
    ends = np.append(units[1:], len(rows)) - 1
    ends = np.where(streams[units] == streams[ends], ends, np.searchsorted(streams[: len(rows)], 1) - 1)
    begin, end = rows[units], rows[ends]
    last = [begin[streams[units] == stream][-1] for stream in (0, 1) if (streams[units] == stream).any()]
    cut = min(last, default=len(rows))
    while (open_ := (begin < cut) & (end >= cut)).any():
        cut = begin[open_].min()
    return window + int(cut)


def _group(parts: Parts) -> tuple[np.ndarray, Mask]:
    """Return the rows ordered by stream, and which of them begin a text."""
    rows = np.argsort(parts.streams, kind="stable") if parts.streams.any() else np.arange(len(parts.texts))
    streams, partial = parts.streams[rows], parts.partial[rows]
    first = np.ones(len(rows), bool)
    first[1:] = ~partial[:-1] | (streams[1:] != streams[:-1])
    return rows, first


def _join(parts: Parts, rows: np.ndarray, first: Mask) -> pa.LargeStringArray:
    """Put texts together that were wrapped in pieces."""
    texts = parts.texts.take(pa.array(rows))
    if first.all():
        return texts
    offsets = np.frombuffer(texts.buffers()[1], np.int64)[texts.offset : texts.offset + len(texts) + 1]
    wanted = np.append(offsets[:-1][first], offsets[-1])
    return pa.LargeStringArray.from_buffers(int(first.sum()), pa.py_buffer(wanted), texts.buffers()[2])


def join_pieces(parts: Parts) -> tuple[pa.LargeStringArray, np.ndarray, np.ndarray]:
    """Put texts together that were wrapped in pieces.

    Returns:
        The texts, the row in which each begins, ascending, and for every row the one in which its text begins.
    """
    rows, first = _group(parts)
    heads = rows[first]
    begins = np.empty(len(rows), np.int64)
    begins[rows] = heads[np.cumsum(first) - 1]
    order = np.argsort(heads)
    return _join(parts, rows, first).take(pa.array(order)), heads[order], begins


def _build(parts: Parts, first_line: int, starts: Starts) -> Unwrapped:
    rows, first = _group(parts)
    texts = _join(parts, rows, first)
    heads = rows[first]
    end = pa.scalar("\n", pa.large_string())
    ended = pc.binary_join_element_wise(texts, end, pa.scalar("", pa.large_string()))
    offsets = np.frombuffer(ended.buffers()[1], np.int64)[ended.offset : ended.offset + len(ended) + 1]
    data = ended.buffers()[2].to_pybytes()[: int(offsets[-1])] if len(ended) else b""
    alone = parts.alone[heads]
    errors = int(np.searchsorted(parts.streams[heads], 1))
    if errors < len(heads):
        # What stands first in a stream does not continue the last record of the other.
        opening = np.flatnonzero(starts(texts.slice(errors)))
        alone[errors : errors + int(opening[0]) if len(opening) else None] = True
    return Unwrapped(
        data,
        first_line,
        line_ends=offsets[1:] - 1,
        line_numbers=first_line + heads,
        joined=len(rows) - len(heads),
        alone=alone,
        hosts=parts.hosts.take(pa.array(heads)),
    )
