"""Find generated blocks and Timeline headings in a Markdown draft, by its tokens and never by its text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from timeline.block_lines import VERSION
from timeline.errors import EmbedError

if TYPE_CHECKING:
    from markdown_it.token import Token

# What CommonMark, and so markdown-it's line numbers, take for a line.
# Reference: https://spec.commonmark.org/0.31.2/#line-ending
_LINE: Final = re.compile(rb"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")
_MARKER: Final = re.compile(r"<!--\s*(?P<kind>BEGIN|END)\s+timeline-build(?P<attributes>(?:\s+[a-z]+=[^\s<>]*)*)\s*-->")
_MARKER_LIKE: Final = re.compile(r"<!--\s*(?:BEGIN|END)\s+timeline-build\b")
_TIMELINE: Final = re.compile(r"[*_]*timeline(?![^\W_])", re.IGNORECASE)
# HTML blocks of kinds 6 and 7, such as <details>: the lines in them are HTML, so a comment is one.
_ELEMENT: Final = re.compile(r"\s*</?(?!(?:script|pre|style|textarea)\b)[a-z]", re.IGNORECASE)
_FENCES_OF_FRONT_MATTER: Final = {b"---": (b"---", b"..."), b"+++": (b"+++",)}
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Marker:
    """A BEGIN or END comment that stands alone on its line, outside code, lists and quotes."""

    kind: str
    line: int
    attributes: Mapping[str, str]

    @property
    def id(self) -> str:
        """The block that it belongs to."""
        return self.attributes.get("id", "main")


@dataclass(frozen=True)
class Block:
    """A pair of markers, as indices into `Draft.lines`."""

    begin: Marker
    end: Marker

    @property
    def first(self) -> int:
        """The line of the BEGIN marker."""
        return self.begin.line

    @property
    def last(self) -> int:
        """The line of the END marker."""
        return self.end.line


class Draft:
    """The bytes of a Markdown file as a byte order mark, if any, and lines, with what stands where.

    Args:
        data: the file.
        name: what messages call it.
    """

    def __init__(self, data: bytes, name: str) -> None:
        self.mark = _BOM if data.startswith(_BOM) else b""
        self.lines: list[bytes] = _LINE.findall(data.removeprefix(_BOM))
        self.name = name

    @property
    def newline(self) -> bytes:
        """The line ending that most lines have."""
        windows = sum(line.endswith(b"\r\n") for line in self.lines)
        unix = sum(line.endswith(b"\n") for line in self.lines) - windows
        return b"\r\n" if windows > unix else b"\n"

    def number(self, line: int) -> int:
        """Number a line as editors and grep do: they do not count lone carriage returns."""
        return 1 + sum(before.endswith(b"\n") for before in self.lines[:line])

    def text(self, start: int, stop: int) -> list[str]:
        """Return lines without their endings, for looking at only."""
        return [line.rstrip(b"\r\n").decode("utf-8", "replace") for line in self.lines[start:stop]]

    @cached_property
    def blocks(self) -> dict[str, Block]:
        """The blocks by their ids.

        Raises:
            EmbedError: markers are unpaired, swapped, nested, repeated, misplaced or newer than this program.
        """
        return self._pair(list(self._markers()))

    def timeline_headings(self) -> list[range]:
        """Return the lines of each heading that begins with the word Timeline, outside of blocks."""
        headings = (
            range(*token.map)
            for token, content in zip(self._tokens, self._tokens[1:], strict=False)
            if token.type == "heading_open" and token.level == 0 and token.map and _TIMELINE.match(content.content)
        )
        return [lines for lines in headings if not any(b.first < lines.start < b.last for b in self.blocks.values())]

    @cached_property
    def _tokens(self) -> Sequence[Token]:
        from markdown_it import MarkdownIt

        parser = MarkdownIt("commonmark")
        # Inline parsing is slow and of no use here.
        parser.core.ruler.enableOnly(["normalize", "block"])
        return parser.parse(b"".join(_without_front_matter(self.lines)).decode("utf-8", "replace"))

    def _markers(self) -> Iterator[Marker]:
        for token in self._tokens:
            if token.type == "html_block" and token.map:
                yield from self._markers_of(token, *token.map)

    def _markers_of(self, token: Token, start: int, stop: int) -> Iterator[Marker]:
        if stop - start > 1 and not _ELEMENT.match(token.content):
            return
        for index, text in enumerate(token.content.split("\n")[: stop - start], start):
            if not _MARKER_LIKE.search(text):
                continue
            if token.level > 0:
                raise self._error("marker inside a list or quote", index, fix="move it out, to the start of a line")
            found = _MARKER.fullmatch(text.strip())
            if not found:
                raise self._error(
                    "marker that cannot be read",
                    index,
                    fix="it must stand alone on its line; " + describe_markers("main"),
                )
            attributes = dict(pair.split("=", 1) for pair in found["attributes"].split())
            yield self._checked(Marker(found["kind"], index, attributes))

    def _checked(self, marker: Marker) -> Marker:
        version = marker.attributes.get("v", "")
        if version.isdecimal() and int(version) > VERSION:
            raise self._error(
                f"block of a newer timeline-build (v={version})", marker.line, fix="update timeline-build"
            )
        return marker

    def _pair(self, markers: Sequence[Marker]) -> dict[str, Block]:
        blocks: dict[str, Block] = {}
        begin: Marker | None = None
        for marker in markers:
            if marker.kind == "BEGIN":
                if begin:
                    raise self._unpaired(begin, marker)
                if marker.id in blocks:
                    raise self._repeated(blocks[marker.id], marker)
                begin = marker
            elif begin is None or begin.id != marker.id:
                raise self._unpaired(marker, begin or next((m for m in markers if m.line > marker.line), None))
            else:
                blocks[marker.id] = Block(begin, marker)
                begin = None
        if begin:
            raise self._unpaired(begin, None)
        return blocks

    def _unpaired(self, marker: Marker, other: Marker | None) -> EmbedError:
        message = f"{marker.kind} marker of block {marker.id!r} on line {self.number(marker.line)} has no partner"
        if other:
            relation = "before" if other.line > marker.line else "after"
            message += f" {relation} the {other.kind} marker of block {other.id!r} on line {self.number(other.line)}"
        return self._error(message, marker.line, fix="restore the missing marker, or delete this one")

    def _repeated(self, block: Block, marker: Marker) -> EmbedError:
        lines = f"line {self.number(block.first)} and again on line {self.number(marker.line)}"
        message = f"block {block.begin.id!r} begins on {lines}"
        return self._error(message, marker.line, fix="delete one, or give it another id=")

    def _error(self, message: str, line: int, *, fix: str) -> EmbedError:
        return EmbedError(f"{message} ({self.name}:{self.number(line)})", help=fix)


def describe_markers(block_id: str) -> str:
    """Say what a person types to make a place for a block."""
    return f"<!-- BEGIN timeline-build id={block_id} --> and <!-- END timeline-build id={block_id} -->"


def _without_front_matter(lines: Sequence[bytes]) -> list[bytes]:
    """Blank YAML or TOML front matter: CommonMark would see rules and headings in it."""
    closing = _FENCES_OF_FRONT_MATTER.get(lines[0].rstrip(), ()) if lines else ()
    # A rule above a blank line is a rule (pandoc's way to tell).
    if not closing or not b"".join(lines[1:2]).strip():
        return list(lines)
    end = next((index for index, line in enumerate(lines[1:], 1) if line.rstrip() in closing), -1)
    return [b"\n"] * (end + 1) + list(lines[end + 1 :])
