"""Replace a file as a whole or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from secrets import token_hex


def write_atomically(path: str | os.PathLike[str], data: bytes, *, confirm: Callable[[], None] = lambda: None) -> None:
    """Write *data* to *path* so that at every moment the old or the new file is there, complete.

    A symbolic link stays one, and the file keeps its mode and, where allowed, its owner.

    Args:
        path: the file; it need not exist.
        data: all of its new bytes.
        confirm: called last before the old file goes; raises to keep it.

    Raises:
        OSError: the old file is as it was, and the temporary one is gone.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".timeline-build-{token_hex(8)}.tmp")
    try:
        _write_new(temporary, data, like=target)
        confirm()
        os.replace(temporary, target)  # noqa: PTH105 - named as the system call that it is
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _write_new(path: Path, data: bytes, *, like: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
        with suppress(FileNotFoundError):
            _copy_rights(descriptor, like.stat())
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _copy_rights(descriptor: int, status: os.stat_result) -> None:
    if not hasattr(os, "fchown"):  # Windows
        return
    with suppress(PermissionError):
        os.fchown(descriptor, status.st_uid, status.st_gid)
    # Last, because changing the owner clears mode bits.
    os.fchmod(descriptor, stat.S_IMODE(status.st_mode))


def _sync_folder(folder: Path) -> None:
    # The new file is in place already; some file systems cannot sync a folder.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
