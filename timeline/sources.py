"""From what the user points at to single sources: files, archive members, standard input."""

from __future__ import annotations

import io
import lzma
import os
import re
import stat
import sys
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Final

from timeline import compression
from timeline.containers import Container, Folder, Memory, TarArchive, ZipArchive
from timeline.errors import SourceError, TimelineError
from timeline.plain import READ_SIZE, ChunkStream, decompress, drop_colours, read_spans, to_utf8

HEAD_SIZE: Final = 1 << 16
BLOCK_SIZE: Final = 1 << 24
SETTINGS_FILE: Final = "timeline-build.toml"
LIVE_JOURNAL: Final = "journal:"

_FIRST_REAL_DATE: Final = 315_705_600.0  # 1980-01-03: the day before may still be the 1st somewhere
_TAR_MAGIC: Final = (257, b"ustar")
# What reading a damaged member of an archive raises; zipfile lets the errors of its decompressors through.
_MEMBER_DAMAGE: Final = (zipfile.BadZipFile, EOFError, OSError, zlib.error, lzma.LZMAError)
# Half characters that stand for no byte of a file name; an archive can hold them.
_NO_BYTE: Final = re.compile("[\ud800-\udc7f\udd00-\udfff]")


@dataclass
class Source:
    """One opened piece of evidence: a file, an archive member or standard input.

    Attributes:
        container: the folder or archive it lies in; other members can be opened through it.
        member: its name in the container.
        root: length of the part of the label that the user typed, before the member.
        options: what the user set for the parser that reads it.
        problems: damage found while reading, one phrase each.
        block_size: how many bytes a parser should take at a time. What it finds must not depend on it.
        spans: the parts of a plain file, from byte to byte, that are read instead of all of it; whole lines. The head
            stays that of the file.
    """

    container: Container
    member: str
    options: Mapping[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    given: str = ""
    block_size: int = BLOCK_SIZE
    spans: tuple[tuple[int, int], ...] = ()

    @property
    def label(self) -> str:
        """The path as the user gave it, an archive member after `!`."""
        if self.given:
            return printable(self.given)
        label, separator = self.container.label, self.container.separator
        return printable(f"{label}{separator}{self.member}" if label not in ("", ".") else self.member)

    @property
    def modified(self) -> float | None:
        """When the file was last written, seconds since 1970; None if unknown.

        Zero, or the first day that a zip can hold, is what archives have whose maker set no date.
        """
        when = self.container.modified(self.member)
        return when if when is not None and when >= _FIRST_REAL_DATE else None

    @property
    def is_live_journal(self) -> bool:
        """Whether this is `journal:`, the journal of the running system."""
        return self.label == LIVE_JOURNAL

    @property
    def head(self) -> bytes:
        """Up to 64 KiB from the start, decompressed, text without colours; empty if nothing can be read."""
        return self._start[0]

    @property
    def head_problems(self) -> list[str]:
        """Damage that was met while the head was read."""
        return self._start[1]

    @cached_property
    def _start(self) -> tuple[bytes, list[str]]:
        parts: list[bytes] = []
        size = 0
        quiet = Source(self.container, self.member)
        for chunk in quiet.chunks():
            parts.append(chunk[: HEAD_SIZE - size])
            size += len(parts[-1])
            if size >= HEAD_SIZE:
                break
        return _without_colours(b"".join(parts)), quiet.problems

    def chunks(self) -> Iterator[bytes]:
        """Yield the decompressed bytes in pieces of up to some MiB; damage ends the stream and is noted."""
        with self.container.open(self.member) as raw:
            if self.spans:
                yield from self._tolerate(read_spans(raw, self.spans))
            else:
                yield from to_utf8(self._tolerate(decompress(raw)))

    def _tolerate(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from chunks
        except compression.Damage as damage:
            self.problems.append(f"compressed stream {damage}; read as far as possible")
        except _MEMBER_DAMAGE as error:
            self.problems.append(f"could not be read to its end: {error}")

    def read(self) -> bytes:
        """Return all decompressed bytes."""
        return b"".join(self.chunks())

    def open(self) -> BinaryIO:
        """Open the decompressed bytes as a binary stream."""
        return io.BufferedReader(ChunkStream(self.chunks()), READ_SIZE)

    def sibling(self, name: str) -> Source | None:
        """Return the member *name* of the same container, None if there is none.

        Args:
            name: path relative to the container, with `/`.
        """
        try:
            self.container.open(name).close()
        except (OSError, KeyError, SourceError, ValueError):
            return None
        return Source(self.container, name)

    def matches(self, pattern: str) -> bool:
        """Tell whether a glob of the user means this source.

        The glob is held against the whole label and against each of its endings after a `/` or `!`, so that
        `error.log`, `nginx/*.log` and `incident/nginx/error.log` all work.
        """
        return matches(self.label, pattern)


def matches(label: str, pattern: str, *, whole: bool = False) -> bool:
    """Tell whether the glob *pattern* fits *label* or, unless *whole*, one of its endings after `/` or `!`."""
    path, wanted = spelled(label), spelled(pattern)
    starts = [0] if whole else [0, *(found.end() for found in re.finditer("/", path))]
    # A name may itself look like a glob.
    return any(path[start:] == wanted or fnmatchcase(path[start:], wanted) for start in starts)


def below(label: str, folder: str) -> str | None:
    """Return the part of *label* that is relative to *folder*, None if it does not lie in it."""
    path, top = spelled(label), spelled(f"{folder}/")
    if top:
        return path.removeprefix(top) if path.startswith(top) else None
    return None if path.startswith(("/", "../")) else path


def printable(name: str) -> str:
    r"""Show the bytes of a file name that are not UTF-8 as `\xNN`: frames and documents hold text only."""
    known = _NO_BYTE.sub("\ufffd", name)
    return known.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def spelled(path: str) -> str:
    """Give one spelling to `a/b`, `./a//b` and `a/./b`; an archive is a folder, but `[!a]` stays a glob."""
    path = re.sub(r"(?<!\[)!", "/", printable(path))
    return re.sub(r"/(?:\.?/)+", "/", path).removeprefix("./")


@dataclass(frozen=True)
class Refusal:
    """What is not read, and why.

    Attributes:
        is_loss: whether it may be evidence, so that a person should know.
    """

    label: str
    reason: str
    is_loss: bool = True


def discover(path: str | os.PathLike[str]) -> Iterator[Source | Refusal]:
    """Yield the sources that *path* stands for, in a stable order.

    Args:
        path: a file, a folder (walked), an archive (looked into), `-` for standard input, or `journal:`.

    Raises:
        SourceError: *path* does not exist or cannot be opened at all.
    """
    text = os.fspath(path)
    if text == LIVE_JOURNAL:
        yield Source(Memory(LIVE_JOURNAL, b""), "")
    elif text == "-":
        yield from _look_into(Source(Memory("-", _standard_input()), ""))
    elif Path(text).is_dir():
        yield from _walk(Folder(text))
    else:
        yield from _look_into(_open_file(text))


def _standard_input() -> bytes:
    try:
        return sys.stdin.buffer.read()
    except (AttributeError, OSError, ValueError) as error:  # closed, or not a byte stream, as in a notebook
        raise SourceError("-: standard input cannot be read", help="name a file") from error


def _open_file(text: str) -> Source:
    path = Path(text)
    try:
        mode = path.stat().st_mode
        if stat.S_ISFIFO(mode):
            return Source(Memory(text, path.read_bytes()), "")
        source = Source(Folder(os.fspath(path.parent)), path.name, given=text)
        source.container.open(source.member).close()
    except OSError as error:
        raise SourceError(
            f"{text}: {error.strerror or error}", help="check the path and your permission to read it"
        ) from error
    return source


def _walk(folder: Folder) -> Iterator[Source | Refusal]:
    for name in folder.names():
        source = Source(folder, name)
        if Path(name).name == SETTINGS_FILE:
            yield _describe_settings(source)
            continue
        try:
            yield from _look_into(source)
        except (OSError, TimelineError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error).removeprefix(f"{source.label}: ")
            yield Refusal(source.label, reason or str(error))
    for name, reason in folder.refused.items():
        yield Refusal(Source(folder, name).label, reason)


def _describe_settings(source: Source) -> Refusal:
    if source.member == SETTINGS_FILE:
        return Refusal(source.label, "settings of this folder", is_loss=False)
    return Refusal(source.label, "settings are read from a folder that is named itself (name this one as well)")


def _look_into(source: Source, depth: int = 0) -> Iterator[Source | Refusal]:
    """Yield *source* itself, or what the archive that it is holds."""
    head = source.head
    archive = _as_archive(source, head)
    if archive is None:
        yield source
        return
    if depth > 1:
        yield Refusal(source.label, "an archive in an archive in an archive is not looked into")
        return
    for name in archive.names():
        member = Source(archive, name)
        if name.rpartition("/")[2] == SETTINGS_FILE:
            yield Refusal(member.label, "settings are read from folders only (unpack it, or name a copy with --config)")
            continue
        try:
            yield from _look_into(member, depth + 1)
        except (OSError, TimelineError) as error:
            yield Refusal(member.label, str(error).removeprefix(f"{member.label}: "))
    for name, reason in archive.refused.items():
        yield Refusal(Source(archive, name).label, reason)


def _as_archive(source: Source, head: bytes) -> Container | None:
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return ZipArchive(source.label, _seekable(source))
    place, magic = _TAR_MAGIC
    if head[place : place + len(magic)] == magic:
        return TarArchive(source.label, source.open(), source.problems)
    return None


def _seekable(source: Source) -> BinaryIO:
    raw = source.container.open(source.member)
    if isinstance(source.container, Folder) and raw.read(2) == b"PK":
        raw.seek(0)
        return raw
    raw.close()
    return io.BytesIO(source.read())


def _without_colours(head: bytes) -> bytes:
    """Drop the colours of a text; a full head then ends with a whole line, since its length no longer shows a cut."""
    if b"\0" in head or (text := drop_colours(head)) is head:
        return head
    return text[: text.rfind(b"\n") + 1] if len(head) == HEAD_SIZE else text
