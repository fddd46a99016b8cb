"""The variants of a recorded incident: as it is, among foreign lines, and each without the chat."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from noise import write_noise

import timeline

CHAT = "slack-export.zip"
VARIANTS = ("clean", "noisy", "clean, no chat", "noisy, no chat")


@contextmanager
def variant(recorded: Path, name: str, loghub: Path | None) -> Iterator[str]:
    """Give a folder with one variant, gone afterwards.

    Args:
        recorded: the recorded evidence.
        name: one of `VARIANTS`.
        loghub: the public samples, for the noisy ones.
    """
    with TemporaryDirectory() as scratch:
        folder = Path(scratch) / recorded.name
        shutil.copytree(recorded, folder)
        if "no chat" in name:
            (folder / CHAT).unlink(missing_ok=True)
        if "noisy" in name:
            assert loghub is not None
            write_noise(loghub, folder / "noise", *window(recorded))
        yield str(folder)


def window(recorded: Path) -> tuple[float, float]:
    """Return the first and the last request of the recorded load, in seconds."""
    times = timeline.read(recorded / "web-01" / "access.log").events["timestamp"]
    return times.min().timestamp(), times.max().timestamp()


@contextmanager
def same_files_in_another_order(folder: Path) -> Iterator[Path]:
    """Give a copy whose files were made in the opposite order, which is how many file systems list them."""
    with TemporaryDirectory() as scratch:
        copy = Path(scratch) / folder.name
        for path in sorted((path for path in folder.rglob("*") if path.is_file()), reverse=True):
            target = copy / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)
        yield copy
