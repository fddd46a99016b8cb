"""Find the Slack export that a file belongs to, and read its users, channels and pins once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, Final
from weakref import WeakKeyDictionary, ref

from timeline.containers import Container, Folder
from timeline.errors import SourceError
from timeline.sources import Source
from timeline_parsers._slack_content import string, things
from timeline_parsers._slack_json import decode
from timeline_parsers._slack_text import Names, unescape

# What each list at the top of an export holds. The first six are the anchors: one of them makes an export.
LISTS: Final = {
    "channels.json": "channels of the export",
    "groups.json": "private channels of the export",
    "dms.json": "direct conversations of the export",
    "mpims.json": "group conversations of the export",
    "users.json": "users of the export",
    "org_users.json": "users of the export",
    "integration_logs.json": "integration log of the export",
    "canvases.json": "canvases of the export",
    "content_flags.json": "content flags of the export",
    "lists.json": "lists of the export",
    "huddle_transcripts.json": "huddle transcripts of the export",
    "file_conversations.json": "file conversations of the export",
}
ANCHORS: Final = tuple(LISTS)[:6]
CHANNEL_LISTS: Final = ("channels.json", "groups.json", "mpims.json", "dms.json")
MAX_DEPTH: Final = 3

# Where exporters put what people uploaded: it may look like a day file, and was written by anybody.
UPLOADS: Final = frozenset({"__uploads", "__avatars", "attachments"})
ATTACHED_CANVAS: Final = "canvas_in_the_conversation.json"
_ATTACHMENT_NAME: Final = re.compile(r"F[A-Z0-9]{2,}-")

DAY_NAME: Final = re.compile(r"\d{4}-\d{2}-\d{2}.*\.json")
_CONVERSATION_ID: Final = re.compile(r"[CDG][A-Z0-9]{6,}")
_CHANNEL_NAME: Final = re.compile(r"[^\s./\\A-Z]{1,80}")

ReadMember = Callable[[str], bytes | None]


@dataclass(frozen=True)
class Channel:
    """A conversation: its id and how a reader would call it, either missing if it is not known."""

    id: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class Place:
    """Where a file lies in an export.

    Attributes:
        names: who and what ids stand for.
        channel: the conversation by the file's folder.
        listing: what the file lists, if it is one of the export's lists; else empty.
        is_attachment: whether it was uploaded by somebody.
    """

    names: Names
    channel: Channel
    listing: str = ""
    is_attachment: bool = False


class Export:
    """The lists of one workspace in an export, read when they are needed.

    Args:
        read: gives the bytes of a file by its path in the export, None if there is none.
        outer: the organization's export that this is a workspace of.
    """

    def __init__(self, read: ReadMember, outer: Export | None = None) -> None:
        self._read = read
        self._outer = outer

    @cached_property
    def names(self) -> Names:
        """Who and what the ids of this export stand for."""
        outer = self._outer.names if self._outer else Names()
        users = [user for name in ("org_users.json", "users.json") for user in self._list(name)]
        called = {identity: name_user(user) for user in users if (identity := string(user.get("id")))}
        profiles = ((user, user.get("profile")) for user in users)
        bots = {
            bot: name_user(user)
            for user, profile in profiles
            if isinstance(profile, dict) and (bot := string(profile.get("bot_id")))
        }
        channels = {
            key: (channel.name or key).removeprefix("#") for key, channel in self.channels.items() if channel.id == key
        }
        return Names(
            {**outer.users, **called},
            {**outer.bots, **bots},
            outer.robots | {string(user.get("id")) for user in users if user.get("is_bot")},
            {**outer.channels, **channels},
            outer.pins | frozenset(self._pins()),
        )

    @cached_property
    def channels(self) -> dict[str, Channel]:
        """The conversations, by id and by the name of their folder."""
        found: dict[str, Channel] = dict(self._outer.channels) if self._outer else {}
        own: dict[str, Channel] = {}
        for name in CHANNEL_LISTS:
            for entry in self._list(name):
                channel = _read_channel(entry)
                for key in (channel.id, string(entry.get("name"))):
                    if key:
                        own.setdefault(key, channel)
        return {**found, **own}

    def channel(self, folder: str) -> Channel:
        """Return the conversation whose messages lie in *folder*."""
        known = self.channels.get(folder)
        return known or (_guess_channel(folder) if folder else Channel())

    def _pins(self) -> Iterator[tuple[str, str]]:
        for name in CHANNEL_LISTS:
            for entry in self._list(name):
                for pin in things(entry.get("pins")):
                    yield string(entry.get("id")), string(pin.get("id"))

    def _list(self, name: str) -> list[dict[str, Any]]:
        if name not in self._lists:
            self._lists[name] = list_elements(self._read(name) or b"")
        return self._lists[name]

    @cached_property
    def _lists(self) -> dict[str, list[dict[str, Any]]]:
        return {}


def list_elements(data: bytes) -> list[dict[str, Any]]:
    """Return the objects of an export's list, also of a damaged one and of an API answer."""
    document = decode(data)
    if document.cut is not None:
        return things([value for value, _ in document.cut])
    found: list[dict[str, Any]] = []
    for value in document.values:
        inner = (
            next((value[key] for key in ("members", "channels") if key in value), [])
            if isinstance(value, dict)
            else value
        )
        found += things(inner)
    return found


def name_user(user: dict[str, Any]) -> str:
    """Return what people call *user*: blank names do not count, and most people have no display name."""
    profile = user.get("profile")
    inner = profile if isinstance(profile, dict) else {}
    names = (
        inner.get("display_name"),
        inner.get("real_name"),
        user.get("real_name"),
        user.get("name"),
        user.get("id"),
    )
    return unescape(next(filter(None, map(string, names)), "")).strip()


def _read_channel(entry: dict[str, Any]) -> Channel:
    identity, name = string(entry.get("id")) or None, string(entry.get("name"))
    return Channel(identity, show_channel(name or identity))


def show_channel(name: str | None) -> str | None:
    """Write a conversation's name or id as people do: `#general`, `DM`, `mpdm-ann--bob-1`."""
    if not name:
        return None
    if name.startswith("D") and _CONVERSATION_ID.fullmatch(name):
        return "DM"
    return name if name.startswith(("mpdm-", "#")) or _CONVERSATION_ID.fullmatch(name) else f"#{name}"


def _guess_channel(folder: str) -> Channel:
    is_id = _CONVERSATION_ID.fullmatch(folder)
    return Channel(folder if is_id else None, show_channel(folder))


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
    place = _place(export, path)
    if _is_uploaded_archive(container.label):
        return Place(place.names, place.channel, is_attachment=True)
    return place


def _place(export: Export | None, path: str) -> Place:
    parts = PurePosixPath(path).parts
    names = export.names if export else Names()
    if _is_upload(parts, known=export is not None):
        return Place(names, Channel(), is_attachment=True)
    if export is None:
        folder = parts[-2] if len(parts) > 1 and DAY_NAME.fullmatch(parts[-1]) else ""
        return Place(names, _guess_channel(folder) if _is_channel_folder(folder) else Channel())
    if len(parts) == 1:
        return Place(names, Channel(), LISTS.get(path, ""))
    return Place(names, export.channel(parts[0]) if len(parts) == 2 else Channel())  # noqa: PLR2004 - channel/day


def _is_channel_folder(folder: str) -> bool:
    """Tell a name that can be a channel's, which is always lower case, from that of any other folder."""
    return bool(folder and (_CONVERSATION_ID.fullmatch(folder) or _CHANNEL_NAME.fullmatch(folder)))


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
        members = container.names()
        for root in sorted(
            {_parent(name) for name in members if _is_anchor(name)}, key=lambda root: (root.count("/"), root)
        ):
            if self._nearest(root) is None or not UPLOADS.intersection(root.split("/")):
                self._exports[root] = Export(self._reader(root), self._exports.get(_organization(root)))
        self.enclosing: tuple[Export, str] | None = None
        self.channel_folder = ""
        if isinstance(container, Folder) and not self._exports:
            folder = container.path.resolve()
            self.enclosing = _enclosing_export(folder)
            if all(DAY_NAME.fullmatch(name) for name in members if "/" not in name):
                self.channel_folder = folder.name

    def _reader(self, root: str) -> ReadMember:
        def read(name: str) -> bytes | None:
            container = self._container()
            try:
                return Source(container, f"{root}/{name}" if root else name).read() if container else None
            except (OSError, KeyError, ValueError):
                return None

        return read

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
