"""Find files that are given twice, before they are read: under another name, compressed, or through a link."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Final

from timeline.containers import Folder
from timeline.errors import TimelineError
from timeline.sources import HEAD_SIZE, Source

HELD_HEADS: Final = 1 << 26
"""Bytes of heads that are kept until the sources are read; further ones are read again."""


def find_copied(sources: Sequence[tuple[Source, Hashable]]) -> dict[int, int]:
    """Return by place in *sources* the place of the one that it is a copy of.

    Files of less than 64 KiB count as copies only if they are one file on disk: two hosts may well write the same few
    lines, which their times tell when they have been read. Of several copies the shortest name stays.

    Args:
        sources: what is to be read, each with what else its events depend on, such as its settings.
    """
    order = sorted(range(len(sources)), key=lambda place: (len(sources[place][0].label), sources[place][0].label))
    alike: dict[Hashable, list[int]] = defaultdict(list)
    copied: dict[int, int] = {}
    held = 0
    for place in order:
        source, settings = sources[place]
        on_disk = _find_on_disk(source)
        keys: list[Hashable] = [] if on_disk is None else [(on_disk, settings)]
        if len(source.head) == HEAD_SIZE:
            keys.append((blake2b(source.head).digest(), settings))
        held += len(source.head)
        if held > HELD_HEADS:
            del source.head
        alike_ones = (first for key in keys for first in alike[key])
        found = next((first for first in alike_ones if _are_equal(sources[first][0], source)), None)
        if found is not None:
            copied[place] = found
            continue
        for key in keys:
            alike[key].append(place)
    return copied


def _find_on_disk(source: Source) -> tuple[int, int] | None:
    """Return what tells a file of a folder from all others, whatever its names."""
    if not isinstance(source.container, Folder):
        return None
    status = os.stat(source.container.path / source.member)  # noqa: PTH116
    return status.st_dev, status.st_ino


def _are_equal(one: Source, other: Source) -> bool:
    """Compare the decompressed content, unless the two are one file on disk."""
    if (on_disk := _find_on_disk(one)) is not None and on_disk == _find_on_disk(other):
        return True
    try:
        return all(ours == theirs for ours, theirs in _side_by_side(one, other))
    except (OSError, TimelineError):
        return False


def _side_by_side(one: Source, other: Source) -> Iterator[tuple[bytes, bytes]]:
    with replace(one, problems=[]).open() as ours, replace(other, problems=[]).open() as theirs:
        while True:
            pair = ours.read(1 << 20), theirs.read(1 << 20)
            yield pair
            if not pair[0] or pair[0] != pair[1]:
                return
