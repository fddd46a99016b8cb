"""From bytes as they are stored to those that parsers read: decompressed, UTF-8, without what no line has."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Final, cast

from timeline import compression

READ_SIZE: Final = 1 << 23

# Colours, and the erasing that grep writes with them.
_COLOUR: Final = re.compile(rb"\x1b\[[\d;]*[mK]")
_COLOUR_START: Final = b"\x1b["
_SAMPLE: Final = 1 << 10
_MOSTLY: Final = 0.9
_UTF16: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def drop_colours(text: bytes) -> bytes:
    """Return *text* without the colours of a terminal."""
    return _COLOUR.sub(b"", text) if _COLOUR_START in text else text


def decompress(raw: BinaryIO) -> Iterator[bytes]:
    """Yield the bytes of *raw*, decompressed if they are compressed. Raises `compression.Damage`."""
    start = raw.read(compression.MAGIC_SIZE)
    codec = compression.detect(start)
    stream: BinaryIO = _rewound(raw, start)
    yield from _decompress_again(compression.decompress(stream, codec)) if codec else _read(stream)


def _decompress_again(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Decompress what was compressed twice, as a rotation does with a log that is packed already; no deeper."""
    start = b""
    for chunk in chunks:
        start += chunk
        if len(start) >= compression.MAGIC_SIZE:
            break
    codec = compression.detect(start)
    whole = _chain(start, chunks)
    yield from compression.decompress(cast("BinaryIO", ChunkStream(whole)), codec) if codec else whole


def _chain(start: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if start:
        yield start
    yield from rest


def _read(stream: BinaryIO) -> Iterator[bytes]:
    while data := stream.read(READ_SIZE):
        yield data


def read_spans(raw: BinaryIO, spans: Iterable[tuple[int, int]]) -> Iterator[bytes]:
    """Yield the parts of *raw* from byte to byte."""
    for start, stop in spans:
        raw.seek(start)
        place = start
        while place < stop and (data := raw.read(min(READ_SIZE, stop - place))):
            place += len(data)
            yield data


def _rewound(raw: BinaryIO, start: bytes) -> BinaryIO:
    try:
        raw.seek(0)
    except (OSError, ValueError, io.UnsupportedOperation):
        return io.BufferedReader(ChunkStream(_chain(start, _read(raw))))
    return raw


def to_utf8(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Turn UTF-16 into UTF-8; drop marks of byte order, and zeros at the start, which a log has that was truncated."""
    first = next(chunks, b"")
    encoding = _UTF16.get(first[:2]) or _guess_utf16(first[:_SAMPLE])
    if encoding is None:
        yield from _drop_zeros(_chain(first.removeprefix(codecs.BOM_UTF8), chunks))
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    yield decoder.decode(first[2 * (first[:2] in _UTF16) :]).encode("utf-8", "replace")
    for chunk in chunks:
        yield decoder.decode(chunk).encode("utf-8", "replace")
    yield decoder.decode(b"", final=True).encode("utf-8", "replace")


def _guess_utf16(sample: bytes) -> str | None:
    """Tell UTF-16 without a mark: every other byte of western text is zero."""
    high, low = sample[::2], sample[1::2]
    if b"\0" not in high and low.count(0) > _MOSTLY * len(high):
        return "utf-16-le"
    return "utf-16-be" if b"\0" not in low and high.count(0) > _MOSTLY * len(low) else None


def _drop_zeros(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Pass *chunks* on without the zeros at the start; one is left where there is nothing else."""
    last = b""
    for chunk in chunks:
        last = chunk[-1:]
        if rest := chunk.lstrip(b"\0"):
            yield rest
            yield from chunks
            return
    yield last


class ChunkStream(io.RawIOBase):
    """A readable stream over an iterator of chunks."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill *buffer* from the next chunk."""
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
