"""Read compressed bytes as a stream of plain chunks, told by magic bytes, as far as they are readable."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final

CHUNK: Final = 1 << 20

MAGIC: Final = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bz2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
}


class Damage(Exception):  # noqa: N818 - a statement about the input, not a failure of ours
    """The compressed stream ends early or is corrupt; what came before it was delivered."""


def detect(head: bytes) -> str | None:
    """Name the compression that *head* begins with, or None."""
    return next((name for magic, name in MAGIC.items() if head.startswith(magic)), None)


def decompress(stream: BinaryIO, codec: str) -> Iterator[bytes]:
    """Yield the plain bytes of *stream*.

    Args:
        stream: at the start of the compressed data.
        codec: a name from `MAGIC`.

    Raises:
        Damage: after everything that could be read, if the stream is cut or corrupt.
    """
    if codec in ("zstd", "lz4"):
        yield from _decompress_with_arrow(stream, codec)
    else:
        yield from _decompress_members(stream, _MEMBER[codec])


_DECODE_ERRORS: Final = (zlib.error, OSError, lzma.LZMAError, EOFError, ValueError)


def _gzip_member() -> Any:
    from isal import isal_zlib  # twice the speed of zlib

    return isal_zlib.decompressobj(wbits=31)


_MEMBER: Final[dict[str, Callable[[], Any]]] = {
    "gzip": _gzip_member,
    "bz2": bz2.BZ2Decompressor,
    "xz": lzma.LZMADecompressor,
}


def _decompress_members(stream: BinaryIO, member: Callable[[], Any]) -> Iterator[bytes]:
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
            try:
                plain = decoder.decompress(data)
            except (*_DECODE_ERRORS, _isal_error()) as error:
                raise Damage(f"corrupt: {error}") from error
            data = decoder.unused_data if decoder.eof else b""
            if plain:
                yield plain
    if started and not decoder.eof:
        raise Damage("cut off")


def _isal_error() -> Any:
    from isal import isal_zlib

    return isal_zlib.error


def _decompress_with_arrow(stream: BinaryIO, codec: str) -> Iterator[bytes]:
    import pyarrow as pa

    try:
        with pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), codec) as plain:
            # Small reads: an error loses what its own call had already decoded.
            while data := plain.read(CHUNK >> 4):
                yield data
    except OSError as error:
        raise Damage("cut off or corrupt") from error
