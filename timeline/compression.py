"""Read compressed bytes as a stream of plain chunks, told by magic bytes, as far as they are readable."""

from __future__ import annotations

import bz2
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final

MAGIC_SIZE: Final = 10
CHUNK: Final = 1 << 18
# What is decompressed in one call; the chunk of a bomb can hold gigabytes.
PIECE: Final = 1 << 23
# An error of Arrow loses what its own call had already decoded.
SMALL_PIECE: Final = 1 << 16

MAGIC: Final = {
    "gzip": re.compile(rb"\x1f\x8b\x08"),
    "bz2": re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"),
    "xz": re.compile(rb"\xfd7zXZ\x00"),
    "zstd": re.compile(rb"\x28\xb5\x2f\xfd"),
    "lz4": re.compile(rb"\x04\x22\x4d\x18"),
}
# A stretch of that size that shrank by more than the ratio is a bomb. A line that repeats ten million times shrinks
# 300 times in gzip, which cannot do more than 1032, and ten thousand times in the others.
BOMB_RATIO: Final = 1000
BOMB_SIZE: Final = {"gzip": 64 << 20}
OTHER_BOMB_SIZE: Final = 1 << 30


class Damage(Exception):  # noqa: N818 - a statement about the input, not a failure of ours
    """The compressed stream ends early, is corrupt or a bomb; what came before it was delivered."""


def detect(head: bytes) -> str | None:
    """Name the compression that *head* begins with, or None."""
    return next((name for name, magic in MAGIC.items() if magic.match(head)), None)


def decompress(stream: BinaryIO, codec: str) -> Iterator[bytes]:
    """Yield the plain bytes of *stream*.

    Args:
        stream: at the start of the compressed data.
        codec: a name from `MAGIC`.

    Raises:
        Damage: after everything that could be read, if the stream is cut, corrupt or a bomb.
    """
    counted = _Counted(stream)
    if codec in ("zstd", "lz4"):
        pieces = _decompress_with_arrow(counted, codec)
    else:
        pieces = _decompress_members(counted, _MEMBER[codec])
    yield from _stop_bombs(pieces, counted, BOMB_SIZE.get(codec, OTHER_BOMB_SIZE))


class _Counted:
    """A stream that counts what was taken of it.

    Attributes:
        waiting: how many of the bytes that were read are not decompressed yet; 0 where the decoder does not tell.
    """

    closed = False

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._read = 0
        self.waiting = 0

    @property
    def taken(self) -> int:
        """How many bytes were decompressed."""
        return self._read - self.waiting

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._read += len(data)
        return data

    def close(self) -> None:
        """Leave the stream to its owner."""


def _stop_bombs(pieces: Iterator[bytes], counted: _Counted, size: int) -> Iterator[bytes]:
    given, before = 0, 0
    for piece in pieces:
        yield piece
        given += len(piece)
        if given < size:
            continue
        taken = counted.taken - before
        if given > BOMB_RATIO * taken:
            raise Damage(f"expands to {given:,} bytes from {taken:,}, as a bomb does")
        given, before = 0, counted.taken


_DECODE_ERRORS: Final = (zlib.error, OSError, lzma.LZMAError, EOFError, ValueError)


def _gzip_member() -> Any:
    from isal import isal_zlib  # twice the speed of zlib

    return isal_zlib.decompressobj(wbits=31)


_MEMBER: Final[dict[str, Callable[[], Any]]] = {
    "gzip": _gzip_member,
    "bz2": bz2.BZ2Decompressor,
    "xz": lzma.LZMADecompressor,
}


def _decompress_members(stream: _Counted, member: Callable[[], Any]) -> Iterator[bytes]:
    """Decompress one member after the other: nginx's `gzip` access logs and logrotate make many in one file."""
    decoder = member()
    started = False
    while data := stream.read(CHUNK):
        while data:
            if decoder.eof:
                data = data.lstrip(b"\0")  # padding between members
                decoder = member()
                started = False
                continue
            started = True
            yield from _decompress_chunk(decoder, data, stream)
            data = decoder.unused_data if decoder.eof else b""
    if started and not decoder.eof:
        raise Damage("is cut off")


def _decompress_chunk(decoder: Any, data: bytes, counted: _Counted) -> Iterator[bytes]:
    """Yield what *data* gives in pieces: zlib hands back what it did not take, the others keep it."""
    while not decoder.eof:
        try:
            plain = decoder.decompress(data, PIECE)
        except (*_DECODE_ERRORS, _isal_error()) as error:
            raise Damage(f"is corrupt: {error}") from error
        data = getattr(decoder, "unconsumed_tail", b"")
        counted.waiting = len(data)
        if plain:
            yield plain
        if not data and (len(plain) < PIECE or getattr(decoder, "needs_input", False)):
            return


def _isal_error() -> Any:
    from isal import isal_zlib

    return isal_zlib.error


def _decompress_with_arrow(stream: _Counted, codec: str) -> Iterator[bytes]:
    import pyarrow as pa

    try:
        with pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), codec) as plain:
            while data := plain.read(SMALL_PIECE):
                yield data
    except OSError as error:
        raise Damage("is cut off or corrupt") from error
