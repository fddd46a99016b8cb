"""The layout of a journal file, checked before use. Reference: systemd's docs/JOURNAL_FILE_FORMAT.md."""

from __future__ import annotations

import lzma
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Final

import numpy as np
import pyarrow as pa

MAGIC: Final = b"LPKSHHRH"
SMALLEST_HEADER: Final = 208

# Flags that change the layout. KEYED_HASH changes only the hash function, which a reader of all entries never needs.
XZ, LZ4, KEYED_HASH, ZSTD, COMPACT = 1, 2, 4, 8, 16
KNOWN_FLAGS: Final = XZ | LZ4 | KEYED_HASH | ZSTD | COMPACT

DATA, FIELD, ENTRY, DATA_HASH_TABLE, FIELD_HASH_TABLE, ENTRY_ARRAY, TAG = range(1, 8)
ENTRY_HEAD: Final = 64
ARRAY_HEAD: Final = 24
# journald itself accepts 1024 fields an entry; more only occurs in damaged files.
MOST_ITEMS: Final = 4096

LARGEST_VALUE: Final = 64 << 20
LARGEST_TOTAL: Final = 1 << 30
LARGEST_TOGETHER: Final = 1 << 22
# Longer than any name of a field that is read.
PEEK: Final = 64
# In front of a block of LZ4 is the size of the value.
LZ4_HEAD, LZ4_MORE = 8, 15
XZ_MEMORY: Final = 128 << 20


@dataclass(frozen=True)
class JournalFile:
    """A journal file as uint8, with its header fields."""

    data: np.ndarray

    @cached_property
    def words(self) -> np.ndarray:
        """The file as uint64, which every object is aligned to."""
        return np.frombuffer(self.data, "<u8", len(self.data) // 8)

    @cached_property
    def halves(self) -> np.ndarray:
        """The file as uint32, for the offsets of compact files."""
        return np.frombuffer(self.data, "<u4", len(self.data) // 4)

    def number(self, offset: int, size: int = 8) -> int:
        """Return a header field."""
        return int.from_bytes(self.cut(offset, offset + size), "little")

    def cut(self, start: int, end: int) -> bytes:
        """Return some of the file's bytes."""
        return self.data[start:end].tobytes()

    @property
    def flags(self) -> int:
        """The incompatible flags."""
        return self.number(12, 4)

    @property
    def compact(self) -> bool:
        """Whether offsets are 32 bits wide."""
        return bool(self.flags & COMPACT)

    @property
    def payload_offset(self) -> int:
        """Where the payload of a DATA object begins."""
        return 72 if self.compact else 64

    @property
    def item_size(self) -> int:
        """Bytes of an item of an ENTRY object."""
        return 4 if self.compact else 16

    @property
    def slot_size(self) -> int:
        """Bytes of a slot of an ENTRY_ARRAY object."""
        return 4 if self.compact else 8

    @property
    def seqnum_id(self) -> str:
        """The first part of a cursor."""
        return self.cut(72, 88).hex()

    @property
    def header_size(self) -> int:
        """Where objects begin."""
        return self.number(88)

    @property
    def claimed_size(self) -> int:
        """How long the header says that the file is."""
        return self.header_size + self.number(96)

    @property
    def claimed_entries(self) -> int:
        """How many entries the header counts."""
        return self.number(152)

    def problem(self) -> str:
        """Say why nothing can be read at all, or return an empty string."""
        if len(self.data) < SMALLEST_HEADER:
            return "cut inside the header; nothing can be read"
        if self.cut(0, 8) != MAGIC:
            return "not a journal file"
        if not SMALLEST_HEADER <= self.header_size <= len(self.data) or self.header_size % 8:
            return "the header is damaged; nothing can be read"
        return ""

    def unknown_flags(self) -> int:
        """Return the incompatible flags that this reader does not know."""
        return self.flags & ~KNOWN_FLAGS

    def chain(self) -> tuple[np.ndarray, bool]:
        """Follow the entry arrays.

        Returns:
            Offsets of entries in the order they were written, int64, not yet checked, and whether the chain is sound.
        """
        slots = self.halves if self.slot_size == 4 else self.words  # noqa: PLR2004 - bytes
        parts: list[np.ndarray] = []
        at, before = self.number(176), self.header_size - 1
        while at:
            # Arrays are appended, so offsets grow; that also ends a loop.
            if at <= before or at % 8 or at + ARRAY_HEAD > len(self.data) or self.data[at] != ENTRY_ARRAY:
                return _join(parts), False
            size = int(self.words[at // 8 + 1])
            end = min(at + size, len(self.data))
            parts.append(slots[(at + ARRAY_HEAD) // self.slot_size : end // self.slot_size])
            if size < ARRAY_HEAD or end < at + size:
                return _join(parts), False
            at, before = int(self.words[at // 8 + 2]), at
        return _join(parts), True

    def sound_entries(self, offsets: np.ndarray) -> np.ndarray:
        """Tell which of *offsets* hold an ENTRY object that can be read."""
        good = (offsets % 8 == 0) & (offsets >= self.header_size) & (offsets <= len(self.data) - ENTRY_HEAD)
        at = np.where(good, offsets, 0) // 8
        size = self.words[at + 1]
        room = (len(self.data) - np.where(good, offsets, 0)).astype(np.uint64)
        good &= (self.words[at] & 0xFF) == ENTRY
        good &= (size >= ENTRY_HEAD) & (size <= room) & (size <= ENTRY_HEAD + MOST_ITEMS * self.item_size)
        return good

    def look_at_data(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return which of *places* (offset / 8) hold a DATA object that can be read, and its flags and size."""
        head = self.payload_offset
        good = (places >= self.header_size // 8) & (places < (len(self.data) - head) // 8)
        at = places if good.all() else np.where(good, places, 0)
        first, size = self.words[at], self.words[at + 1]
        good &= (first & np.uint64(0xFF)) == DATA
        good &= (size > head) & (size <= (len(self.data) - at * 8).astype(np.uint64))
        return good, first >> np.uint64(8) & np.uint64(0xFF), size.astype(np.int64)


def _join(parts: list[np.ndarray]) -> np.ndarray:
    # Slots not used yet are 0. An offset beyond 2^62 is damage, and must stay positive as int64.
    slots = np.concatenate([np.zeros(0, np.uint64), *parts])
    return np.minimum(slots[slots != 0], 1 << 62).astype(np.int64)


class Inflater:
    """Decompresses DATA payloads, with limits on each and on all of a file together."""

    def __init__(self) -> None:
        self.left = LARGEST_TOTAL
        self.refused = 0
        self._zstd = pa.Codec("zstd")
        self._lz4 = pa.Codec("lz4_raw")

    def inflate(self, payload: bytes, flag: int) -> bytes | None:
        """Return the value, or None if it is damaged or larger than allowed."""
        try:
            value = self._inflate(payload, flag)
        except (OSError, ValueError, lzma.LZMAError, pa.ArrowException, MemoryError):
            value = None
        if value is None:
            self.refused += 1
        else:
            self.left -= len(value)
        return value

    def inflate_all(self, payloads: Sequence[bytes], flags: Sequence[int]) -> list[bytes | None]:
        """Return the value of each payload, as `inflate` does; zstd frames together, which is four times faster."""
        pairs = list(zip(payloads, flags, strict=True))
        sizes = [zstd_size(payload) if flag == ZSTD_OBJECT else 0 for payload, flag in pairs]
        total = sum(sizes)
        if not 0 < total <= min(LARGEST_TOGETHER, LARGEST_VALUE, self.left) or not all(sizes):
            return [self.inflate(payload, flag) for payload, flag in pairs]
        try:
            # A frame that is damaged does not give its size, or what follows it is no frame.
            joined = self._zstd.decompress(b"".join(payloads), decompressed_size=total, asbytes=True)
        except (OSError, ValueError, pa.ArrowException, MemoryError):
            return [self.inflate(payload, flag) for payload, flag in pairs]
        self.left -= total
        return [joined[end - size : end] for size, end in zip(sizes, accumulate(sizes), strict=True)]

    def peek(self, payload: bytes, flag: int) -> bytes:
        """Return the first bytes of a value, so that a core dump is not decompressed; none if they cannot be told."""
        try:
            if flag == XZ:
                return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY).decompress(payload, max_length=PEEK)
            if flag == ZSTD_OBJECT:
                with pa.CompressedInputStream(pa.BufferReader(payload), "zstd") as stream:
                    return bytes(stream.read(PEEK))
        except (OSError, ValueError, lzma.LZMAError, pa.ArrowException, MemoryError):
            return b""
        if flag != LZ4 or len(payload) <= LZ4_HEAD:
            return b""
        # A block begins with bytes as they are. How many is in the upper half of its first byte; 15 means more, and is
        # followed by bytes to add, of which only the last is not 255.
        literals, start = payload[LZ4_HEAD] >> 4, LZ4_HEAD + 1
        while literals == LZ4_MORE and payload[start : start + 1] == b"\xff":
            start += 1
        return payload[start + (literals == LZ4_MORE) :][:literals]

    def _inflate(self, payload: bytes, flag: int) -> bytes | None:
        limit = min(LARGEST_VALUE, self.left)
        if flag == XZ:
            stream = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)
            value = stream.decompress(payload, max_length=limit)
            return value if stream.eof else None
        if flag == LZ4:
            size, payload, codec = int.from_bytes(payload[:8], "little"), payload[8:], self._lz4
        elif flag == ZSTD_OBJECT:
            size, codec = zstd_size(payload), self._zstd
        else:
            return None
        if not 0 < size <= limit:
            return None
        return codec.decompress(payload, decompressed_size=size, asbytes=True)


ZSTD_OBJECT: Final = 4
"""The flag of a zstd object; those of XZ and LZ4 are the same as in the header."""


def zstd_size(frame: bytes) -> int:
    """Return the content size that the header of a zstd frame gives, 0 if none. Reference: RFC 8878, 3.1.1.1."""
    if frame[:4] != b"\x28\xb5\x2f\xfd" or len(frame) < 6:  # noqa: PLR2004 - magic, descriptor and one byte
        return 0
    descriptor = frame[4]
    single = bool(descriptor & 0x20)
    start = 5 + (0 if single else 1) + (0, 1, 2, 4)[descriptor & 3]
    width = (1 if single else 0, 2, 4, 8)[descriptor >> 6]
    size = int.from_bytes(frame[start : start + width], "little")
    return size + 256 if width == 2 else size  # noqa: PLR2004 - bytes; the RFC adds 256
