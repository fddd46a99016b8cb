"""Where sources lie: folders, zip and tar archives, bytes in memory. Nothing is ever extracted to disk."""

from __future__ import annotations

import io
import os
import re
import stat
import tarfile
import weakref
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from timeline.errors import SourceError

MAX_MEMBERS: Final = 100_000
MAX_MEMBER_SIZE: Final = 4 << 30
# A tar is kept in memory.
MAX_TAR_SIZE: Final = 4 << 30
# A line that repeats a million times shrinks three hundredfold; a bomb shrinks a thousandfold.
BOMB_SIZE: Final = 64 << 20
BOMB_RATIO: Final = 1000
# Members that share their bytes make a bomb of ones that are none by themselves.
BOMB_TOTAL: Final = 1 << 30

_UNSAFE_NAME: Final = re.compile(r"(?:^|/)\.\.(?:/|$)|^/|\\|^[A-Za-z]:|\0")
_SYSTEM_LITTER: Final = re.compile(r"(?:^|/)(?:__MACOSX/|\._|\.DS_Store$|Thumbs\.db$|\.git/|\.svn/|\.hg/)")
_TAR_DAMAGE: Final = (tarfile.TarError, OSError, EOFError, ValueError)
# What is read of a tar at once: at a cut the last piece is lost.
_PIECE: Final = 1 << 16
_ZIP_UTF8_FLAG: Final = 0x800
_ZIP_ENCRYPTED_FLAG: Final = 0x1


class Container(Protocol):
    """A set of named byte streams that belong together, such as a folder or an archive."""

    label: str
    separator: str
    refused: dict[str, str]

    def names(self) -> list[str]:
        """List the member names, relative, with `/`, sorted."""
        ...

    def open(self, name: str) -> BinaryIO:
        """Open a member as stored, without decompressing it. Raises `OSError` or `SourceError`."""
        ...

    def modified(self, name: str) -> float | None:
        """When the member was last written, seconds since 1970; None if unknown."""
        ...


def is_litter(name: str) -> bool:
    """Tell files that operating systems and version control leave beside evidence."""
    return bool(_SYSTEM_LITTER.search(name))


class Folder:
    """A directory on disk; links to directories are followed once, loops are not."""

    separator = "/"

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.label = os.fspath(path).rstrip("/") or "/"
        self.refused: dict[str, str] = {}

    @property
    def path(self) -> Path:
        """The directory."""
        return Path(self.label)

    def names(self) -> list[str]:
        """List every file below the folder."""
        return sorted(name for name in self._walk() if not is_litter(name))

    def _walk(self) -> Iterator[str]:
        seen: set[tuple[int, int]] = set()

        def remember(error: OSError) -> None:
            self.refused[os.path.relpath(error.filename, self.label)] = error.strerror or str(error)

        for here, folders, files in os.walk(self.label, followlinks=True, onerror=remember):
            status = os.stat(here)  # noqa: PTH116 - os.walk gives strings
            if (status.st_dev, status.st_ino) in seen:
                folders.clear()
                continue
            seen.add((status.st_dev, status.st_ino))
            folders.sort()
            below = os.path.relpath(here, self.label)
            for name in files:
                yield name if below == "." else f"{below}/{name}"

    def open(self, name: str) -> BinaryIO:
        """Open a file; a pipe, device or socket that lies in a folder is refused, it could block for ever."""
        path = self.path / name
        if not stat.S_ISREG(path.stat().st_mode):
            raise SourceError(f"{path}: is not a regular file")
        return path.open("rb")

    def modified(self, name: str) -> float | None:
        """Return the file's modification time."""
        try:
            return (self.path / name).stat().st_mtime
        except OSError:
            return None


class Memory:
    """Bytes that were read from a pipe; one member with an empty name."""

    separator = ""

    def __init__(self, label: str, data: bytes) -> None:
        self.label = label
        self.data = data
        self.refused: dict[str, str] = {}

    def names(self) -> list[str]:
        """Return the one name."""
        return [""]

    def open(self, name: str) -> BinaryIO:  # noqa: ARG002 - there is one member
        """Open the bytes."""
        return io.BytesIO(self.data)

    def modified(self, name: str) -> float | None:  # noqa: ARG002
        """Return None: a pipe has no date."""
        return None


class ZipArchive:
    """A zip file. Members with dangerous names, sizes or encryption are refused and named."""

    separator = "!"

    def __init__(self, label: str, stream: BinaryIO) -> None:
        self.label = label
        try:
            self._zip = zipfile.ZipFile(stream)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError) as error:
            stream.close()
            raise SourceError(
                f"{label}: is not a readable zip file ({error})", help="copy or download it again"
            ) from error
        weakref.finalize(self, stream.close)
        self.refused: dict[str, str] = {}
        self._members = self._index()

    def _index(self) -> dict[str, zipfile.ZipInfo]:
        members: dict[str, zipfile.ZipInfo] = {}
        total, most = 0, max(BOMB_TOTAL, BOMB_RATIO * _size_of(self._zip))
        for place, info in enumerate(self._zip.infolist()):
            name = _zip_name(info)
            problem = "too many members" if place >= MAX_MEMBERS else _zip_problem(info, name, members)
            if not problem and total + info.file_size > most:
                problem = f"with it the archive expands to {total + info.file_size:,} bytes, as a bomb does"
            if problem:
                self.refused[name] = problem
            elif not info.is_dir() and not is_litter(name):
                members[name] = info
                total += info.file_size
        return members

    def names(self) -> list[str]:
        """List the members that may be read."""
        return sorted(self._members)

    def open(self, name: str) -> BinaryIO:
        """Open a member for reading in memory."""
        try:
            return self._zip.open(self._members[name])  # type: ignore[return-value]
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
            raise SourceError(f"{self.label}!{name}: {error}") from error

    def modified(self, name: str) -> float | None:
        """Return the member's date; None if it is impossible (slackdump writes 1980-00-00)."""
        try:
            return datetime(*self._members[name].date_time, tzinfo=UTC).timestamp()
        except ValueError:
            return None


def _size_of(archive: zipfile.ZipFile) -> int:
    return archive.fp.seek(0, io.SEEK_END) if archive.fp is not None else 0


def _zip_name(info: zipfile.ZipInfo) -> str:
    """Undo zipfile's cp437: Slack writes UTF-8 names without the UTF-8 flag."""
    if info.flag_bits & _ZIP_UTF8_FLAG:
        return info.orig_filename
    try:
        return info.orig_filename.encode("cp437").decode("utf-8")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return info.orig_filename


def _zip_problem(info: zipfile.ZipInfo, name: str, members: Mapping[str, object]) -> str:
    if _UNSAFE_NAME.search(name):
        return "its name leads out of the archive"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "is a symbolic link"
    if info.flag_bits & _ZIP_ENCRYPTED_FLAG:
        return "is encrypted"
    if name in members:
        return "has the name of an earlier member"
    bomb = info.file_size > BOMB_SIZE and info.file_size > BOMB_RATIO * max(info.compress_size, 1)
    if bomb or info.file_size > MAX_MEMBER_SIZE:
        return f"expands to {info.file_size:,} bytes from {info.compress_size:,}, as a bomb does"
    return ""


class TarArchive:
    """A tar file, plain or compressed as a whole; regular members only, kept in memory.

    Args:
        label: the archive as the user knows it.
        stream: its plain bytes.
        problems: where the reader of *stream* notes what stops it.
    """

    separator = "!"

    def __init__(self, label: str, stream: BinaryIO, problems: Sequence[str] = ()) -> None:
        self.label = label
        self._stream = stream
        self._problems = problems
        self._cut: dict[str, str] = {}
        self._held = 0
        self.refused: dict[str, str] = {}

    @cached_property
    def _members(self) -> dict[str, tuple[bytes, float]]:
        members: dict[str, tuple[bytes, float]] = {}
        try:
            with tarfile.open(fileobj=self._stream, mode="r|") as archive:
                for info in archive:
                    self._take(archive, info, members)
        except _TAR_DAMAGE as error:
            self.refused["(rest of the archive)"] = f"cannot be read: {self._reason(error)}"
        return members

    def _reason(self, error: Exception) -> str:
        return "; ".join(self._problems) or str(error)

    def _take(self, archive: tarfile.TarFile, info: tarfile.TarInfo, members: dict[str, tuple[bytes, float]]) -> None:
        name = _tar_name(info)
        if _UNSAFE_NAME.search(name):
            self.refused[name] = "its name leads out of the archive"
        elif not info.isreg():
            if not info.isdir():
                self.refused[name] = "is not a regular file"
        elif len(members) >= MAX_MEMBERS or info.size > MAX_MEMBER_SIZE:
            self.refused[name] = "too many members, or too large"
        elif info.size + self._held > MAX_TAR_SIZE:
            self.refused[name] = f"the archive holds more than {MAX_TAR_SIZE >> 30} GiB: unpack it and name the folder"
        elif not is_litter(name) and (stream := archive.extractfile(info)) is not None:
            data = bytearray()
            try:
                while piece := stream.read(_PIECE):
                    data += piece
            except _TAR_DAMAGE as error:
                self._cut[name] = self._reason(error)
                raise
            finally:
                members[name] = (bytes(data), float(info.mtime))
                self._held += info.size

    def names(self) -> list[str]:
        """List the members that may be read."""
        return sorted(self._members)

    def open(self, name: str) -> BinaryIO:
        """Open a member's bytes; one that is cut off ends with an `EOFError`."""
        data = self._members[name][0]
        return _CutOff(data, self._cut[name]) if name in self._cut else io.BytesIO(data)

    def modified(self, name: str) -> float | None:
        """Return the member's modification time."""
        return self._members[name][1]


class _CutOff(io.BytesIO):
    """What there is of a member, and an error where the rest should be."""

    def __init__(self, data: bytes, reason: str) -> None:
        super().__init__(data)
        self._reason = reason

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if not data:
            raise EOFError(self._reason)
        return data


def _tar_name(info: tarfile.TarInfo) -> str:
    return info.name.removeprefix("./")
