"""Find the Slack export that a file belongs to, and read its users, channels and pins once."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Final
from weakref import WeakKeyDictionary, ref

from timeline.containers import Container, Folder
from timeline.errors import SourceError
from timeline.sources import Source
from timeline_parsers._slack_hearsay import Hearsay
from timeline_parsers._slack_lists import (
    ANCHORS,
    CONVERSATION_ID,
    LISTS,
    Channel,
    Export,
    ReadMember,
    guess_channel,
    show_channel,
)
from timeline_parsers._slack_text import Names

MAX_DEPTH: Final = 3

# Where exporters put what people uploaded: it may look like a day file, and was written by anybody.
UPLOADS: Final = frozenset({"__uploads", "__avatars", "attachments"})
ATTACHED_CANVAS: Final = "canvas_in_the_conversation.json"
_ATTACHMENT_NAME: Final = re.compile(r"F[A-Z0-9]{2,}-")

# Lies in `YYYY/MM/DD/<user>/<channel>/`.
DISCOVERY_NAME: Final = re.compile(r"discovery_conversations\w*\.json")

DAY_NAME: Final = re.compile(r"\d{4}-\d{2}-\d{2}.*\.json")
HELD_LIMIT: Final = 1 << 27
"""Bytes of day files that are kept from the search for pins until they are parsed; what is above is read twice."""
_CHANNEL_NAME: Final = re.compile(r"[^\s./\\A-Z]{1,80}")


@dataclass(frozen=True)
class Place:
    """Where a file lies in an export.

    Attributes:
        names: who and what ids stand for.
        channel: the conversation by the file's folder.
        listing: what the file lists, if it is one of the export's lists; else empty.
        is_attachment: whether it was uploaded by somebody.
        folder: the folder it lies in, if that is a conversation's.
        heard: what the messages of all days say about each other.
    """

    names: Names
    channel: Channel
    listing: str = ""
    is_attachment: bool = False
    folder: str = ""
    heard: Hearsay = field(default_factory=Hearsay)


def locate(source: Source) -> Place:
    """Tell where *source* lies in an export.

    The look-up is kept with the container, so that an export of thousands of day files lists its members and
    decodes its users once. A file that the user named alone is looked up on disk, without walking its folder.
    """
    container, member = source.container, source.member
    if source.given and isinstance(container, Folder):
        return _locate_on_disk(container.path / member)
    layout = _layout_of(container)
    export, path = layout.find(member)
    if export is None and layout.enclosing:
        export, path = layout.enclosing[0], "/".join(filter(None, (layout.enclosing[1], member)))
    elif export is None and layout.channel_folder and "/" not in member:
        path = f"{layout.channel_folder}/{member}"
    heard, folder = layout.listen(member)
    place = replace(_place(export, path, heard), folder=folder, heard=heard)
    if _is_uploaded_archive(container.label):
        return Place(place.names, place.channel, is_attachment=True)
    return place


def read_once(source: Source) -> bytes:
    """Return the bytes of *source*; what was read already, to find what is pinned, is not read again."""
    layout = _LAYOUTS.get(source.container)
    held = layout.hand_out(source.member) if layout else None
    return source.read() if held is None else held


def _place(export: Export | None, path: str, heard: Hearsay | None = None) -> Place:
    parts = PurePosixPath(path).parts
    names = export.names if export else Names()
    if _is_upload(parts, known=export is not None):
        return Place(names, Channel(), is_attachment=True)
    if len(parts) > 1 and DISCOVERY_NAME.fullmatch(parts[-1]):
        known = (names.channels.get(parts[-2]), guess_channel(parts[-2]))
        return Place(names, Channel(parts[-2], show_channel(known[0]) if known[0] else known[1].name))
    if export is None:
        folder = parts[-2] if len(parts) > 1 and DAY_NAME.fullmatch(parts[-1]) else ""
        return Place(names, guess_channel(folder) if _is_channel_folder(folder) else Channel())
    if len(parts) == 1:
        return Place(names, Channel(), LISTS.get(path, ""))
    if len(parts) != 2:  # noqa: PLR2004 - channel/day
        return Place(names, Channel())
    folder = heard.renamed(parts[0]) if heard and parts[0] not in export.channels else parts[0]
    return Place(names, export.channel(folder))


def _is_channel_folder(folder: str) -> bool:
    """Tell a name that can be a channel's, which is always lower case, from that of any other folder."""
    return bool(folder and (CONVERSATION_ID.fullmatch(folder) or _CHANNEL_NAME.fullmatch(folder)))


def _is_upload(parts: tuple[str, ...], *, known: bool) -> bool:
    if parts and parts[-1] == ATTACHED_CANVAS:
        return True
    folders = UPLOADS.intersection(parts[:-1])
    # Outside an export, a folder "attachments" may be anybody's: there, the name of the file decides.
    return bool(folders) and (known or folders != {"attachments"} or bool(_ATTACHMENT_NAME.match(parts[-1])))


def _is_uploaded_archive(label: str) -> bool:
    """Tell an archive that lies inside an export, and so was uploaded by somebody."""
    outer, _, inner = label.partition("!")
    return "__uploads" in re.split(r"[/\\]", outer) or bool(UPLOADS.intersection(re.split(r"[/!]", inner)))


class _Layout:
    """The exports of one container, by the folder they begin in."""

    def __init__(self, container: Container) -> None:
        # Weak: the layout is kept under its container and must not keep it open.
        self._container = ref(container)
        self._exports: dict[str, Export] = {}
        self._held: dict[str, bytes] = {}
        self._given: set[str] = set()
        self._room = HELD_LIMIT
        members = container.names()
        for root in sorted(
            {_parent(name) for name in members if _is_anchor(name)}, key=lambda root: (root.count("/"), root)
        ):
            if self._nearest(root) is None or not UPLOADS.intersection(root.split("/")):
                self._exports[root] = Export(self._reader(root), self._exports.get(_organization(root)))
        self._heard = self._gather_days(members)
        self.enclosing: tuple[Export, str] | None = None
        self.channel_folder = ""
        if isinstance(container, Folder) and not self._exports:
            folder = container.path.resolve()
            self.enclosing = _enclosing_export(folder)
            if all(DAY_NAME.fullmatch(name) for name in members if "/" not in name):
                self.channel_folder = folder.name

    def _gather_days(self, members: list[str]) -> dict[str | None, Hearsay]:
        days: dict[str | None, list[str]] = {}
        for name in members:
            if DAY_NAME.fullmatch(name.rpartition("/")[2]) and not UPLOADS.intersection(name.split("/")):
                root = self._nearest(_parent(name))
                days.setdefault(root, []).append(name[len(root) + 1 :] if root else name)
        return {root: Hearsay(names, self._reader(root or "", hold=True)) for root, names in days.items()}

    def listen(self, member: str) -> tuple[Hearsay, str]:
        """Return what the messages around *member* say about each other, and the folder it has there."""
        root = self._nearest(_parent(member))
        return self._heard.get(root) or Hearsay(), _parent(member[len(root) + 1 :] if root else member)

    def _reader(self, root: str, *, hold: bool = False) -> ReadMember:
        def read(name: str) -> bytes | None:
            container = self._container()
            if container is None:
                return None
            source = Source(container, f"{root}/{name}" if root else name)
            try:
                data = source.read()
            except (OSError, KeyError, ValueError):
                return None
            wanted = hold and source.member not in self._given and not source.problems  # its parser tells damage
            if wanted and len(data) <= self._room:
                self._room -= len(data)
                self._held[source.member] = data
            return data

        return read

    def hand_out(self, member: str) -> bytes | None:
        """Return the bytes of *member* if they are held, and hold them no longer nor again."""
        self._given.add(member)
        data = self._held.pop(member, None)
        self._room += len(data or b"")
        return data

    def _nearest(self, folder: str) -> str | None:
        while folder not in self._exports:
            if not folder:
                return None
            folder = _parent(folder)
        return folder

    def find(self, member: str) -> tuple[Export | None, str]:
        """Return the nearest export above *member*, and the path in it."""
        root = self._nearest(_parent(member))
        if root is None:
            return None, member
        return self._exports[root], member[len(root) + 1 :] if root else member


_LAYOUTS: Final[WeakKeyDictionary[Container, _Layout]] = WeakKeyDictionary()


def _layout_of(container: Container) -> _Layout:
    layout = _LAYOUTS.get(container)
    if layout is None:
        layout = _LAYOUTS[container] = _Layout(container)
    return layout


def _is_anchor(name: str) -> bool:
    folder, _, file = name.rpartition("/")
    depth = name.count("/") - (2 if _organization(folder) != _NO_FOLDER else 0)
    return file in ANCHORS and depth <= MAX_DEPTH


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


_NO_FOLDER: Final = "\0"


def _organization(root: str) -> str:
    """Return the folder of the organization that a workspace `…/teams/<workspace>` belongs to."""
    parts = root.split("/")
    return "/".join(parts[:-2]) if len(parts) > 1 and parts[-2] == "teams" else _NO_FOLDER


def _locate_on_disk(path: Path) -> Place:
    folder = path.parent.resolve()
    enclosing = _enclosing_export(folder)
    if enclosing:
        return _place(enclosing[0], "/".join(filter(None, (enclosing[1], path.name))))
    return _place(None, f"{folder.name}/{path.name}")


def _enclosing_export(folder: Path) -> tuple[Export, str] | None:
    """Find the export on disk that *folder* is or lies in, and the path between."""
    below: list[str] = []
    for root in (folder, *folder.parents)[:3]:
        # Further up than the parent of a channel's folder, only uploads belong to an export.
        if (len(below) < 2 or UPLOADS.intersection(below)) and _has_anchor(root):  # noqa: PLR2004
            outer = root.parent.parent if root.parent.name == "teams" else None
            stamps = tuple(_stamp(base / name) for base in (root, outer) if base for name in ANCHORS)
            return _read_disk_export(root, outer, stamps), "/".join(below)
        below.insert(0, root.name)
    return None


def _has_anchor(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ANCHORS)


def _stamp(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=8)
def _read_disk_export(root: Path, outer: Path | None, stamps: tuple[int, ...]) -> Export:  # noqa: ARG001 - part of the key
    """Make an export on disk; kept, because a shell's `general/*.json` names every day file alone."""
    above = Export(_disk_reader(outer)) if outer else None
    return Export(_disk_reader(root), above)


def _disk_reader(root: Path) -> ReadMember:
    container = Folder(root)

    def read(name: str) -> bytes | None:
        try:
            return Source(container, name).read()
        except (OSError, SourceError):
            return None

    return read
