"""Read and write a draft on disk, with errors that a person can act on."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from shlex import quote
from typing import Final

from timeline.atomic import write_atomically
from timeline.errors import EmbedError

_FIXES: Final = {
    errno.ENOENT: "make the folder first",
    errno.EACCES: "the file must be readable, and its folder writable for you",
    errno.EPERM: "the file must be readable, and its folder writable for you",
    errno.EROFS: "copy the draft to a place that can be written",
    errno.ENOSPC: "free some space and run it again",
    errno.EDQUOT: "free some space and run it again",
    errno.EFBIG: "raise the limit for file sizes (ulimit -f) and run it again",
}


def read_draft(name: str, *, init: bool) -> bytes | None:
    """Return the bytes of the draft; None if it is missing and may be made.

    Raises:
        EmbedError: it is missing, cannot be read, or is no regular file.
    """
    try:
        # Opening a pipe would block.
        if not stat.S_ISREG(Path(name).stat().st_mode):
            kind = "a folder" if Path(name).is_dir() else "not a regular file"
            raise EmbedError(f"the draft is {kind} ({name})", help="name the Markdown file itself")
        return Path(name).read_bytes()
    except FileNotFoundError as error:
        if init:
            return None
        raise EmbedError(
            f"the draft does not exist ({name})", help="--init makes it, with a Timeline section"
        ) from error
    except OSError as error:
        raise EmbedError(f"the draft cannot be read: {_reason(error)} ({name})", help=_fix(error)) from error


def write_draft(name: str, data: bytes, old: bytes | None) -> None:
    """Replace the draft atomically, unless it is not *old* any more.

    Raises:
        EmbedError: it cannot be written, or another program wrote to it. It is as it was.
    """

    def confirm() -> None:
        if read_draft(name, init=True) != old:
            raise EmbedError(f"another program changed the draft meanwhile ({name})", help="run it again")

    if old is not None and not os.access(name, os.W_OK):
        raise EmbedError(f"the draft is read-only ({name})", help=f"chmod u+w {quote(name)}")
    try:
        write_atomically(name, data, confirm=confirm)
    except OSError as error:
        state = "nothing was made" if old is None else "it is unchanged"
        raise EmbedError(
            f"the draft cannot be written: {_reason(error)}; {state} ({name})", help=_fix(error)
        ) from error


def _reason(error: OSError) -> str:
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]


def _fix(error: OSError) -> str:
    return _FIXES.get(error.errno or 0, "")
