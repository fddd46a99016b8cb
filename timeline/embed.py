"""Put a generated block into a person's Markdown draft and leave every other byte of it alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from re import findall, fullmatch
from typing import Final

from timeline.block_lines import BlockLine, Edit, checksum, compose, find_edits, same_content
from timeline.draft_file import read_draft, write_draft
from timeline.errors import EmbedError
from timeline.markdown_block import Block, Draft, describe_markers

__all__ = ["HEADING", "BlockLine", "EmbedResult", "check", "diff", "embed", "plan"]

HEADING: Final = "## Timeline (all times UTC)"

_SHOWN_NUMBERS: Final = 8
_BLOCK_ID: Final = r"[A-Za-z0-9]+(?:[-_.][A-Za-z0-9]+)*"
_UTF_16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
_NO_NEWLINE: Final = "\n\\ No newline at end of file\n"


@dataclass(frozen=True)
class EmbedResult:
    """What `embed` did.

    Args:
        path: the draft as it was named.
        changed: whether the file was written.
        created: whether the file is new.
        overwritten: numbers of the lines edited by hand that the old file had and that were replaced.
    """

    path: Path
    changed: bool
    created: bool = False
    overwritten: tuple[int, ...] = ()


@dataclass(frozen=True)
class _Plan:
    data: bytes
    overwritten: tuple[int, ...] = ()


def embed(
    path: str | os.PathLike[str],
    lines: Sequence[BlockLine],
    *,
    block_id: str = "main",
    on_edit: str = "refuse",
    init: bool = False,
) -> EmbedResult:
    """Write *lines* as the generated block of a Markdown file, atomically.

    A file that has the block already, be it reformatted, is not touched.

    Args:
        path: the draft.
        lines: the block without its heading, neutralised.
        block_id: which block, when the draft has several.
        on_edit: what to do about a block in which a person changed, added or removed lines: `refuse` or
            `overwrite`.
        init: make the section, and the file, where there is none.

    Raises:
        EmbedError: the file cannot be read, does not say where the block belongs, holds edits, or cannot
            be written. It is as it was.
    """
    name = os.fspath(path)
    old = read_draft(name, init=init)
    planned = _plan(old or b"", lines, block_id=block_id, on_edit=on_edit, init=init, name=name)
    if planned.data == old:
        return EmbedResult(Path(path), changed=False)
    write_draft(name, planned.data, old)
    return EmbedResult(Path(path), changed=True, created=old is None, overwritten=planned.overwritten)


def check(
    path: str | os.PathLike[str],
    lines: Sequence[BlockLine],
    *,
    block_id: str = "main",
    on_edit: str = "refuse",
    init: bool = False,
) -> bool:
    """Tell whether `embed` with the same arguments would leave the file alone. Never writes.

    Raises:
        EmbedError: as `embed` does.
    """
    name = os.fspath(path)
    old = read_draft(name, init=init)
    return plan(old or b"", lines, block_id=block_id, on_edit=on_edit, init=init, name=name) == old


def diff(
    path: str | os.PathLike[str],
    lines: Sequence[BlockLine],
    *,
    block_id: str = "main",
    on_edit: str = "refuse",
    init: bool = False,
) -> str:
    """Return what `embed` with the same arguments would change, as a unified diff. Never writes.

    Raises:
        EmbedError: as `embed` does.
    """
    name = os.fspath(path)
    old = read_draft(name, init=init)
    new = plan(old or b"", lines, block_id=block_id, on_edit=on_edit, init=init, name=name)
    before = "/dev/null" if old is None else name
    lines_of_diff = unified_diff(_diff_lines(old or b""), _diff_lines(new), before, name)
    return "".join(line if line.endswith("\n") else line + _NO_NEWLINE for line in lines_of_diff)


def plan(
    old: bytes,
    lines: Sequence[BlockLine],
    *,
    block_id: str = "main",
    on_edit: str = "refuse",
    init: bool = False,
    name: str = "draft",
) -> bytes:
    """Return the bytes of a draft with the block in it; the same bytes if it is fresh.

    Args:
        old: the bytes of the draft now; empty for a new one.
        lines: see `embed`.
        block_id: see `embed`.
        on_edit: see `embed`.
        init: see `embed`.
        name: what messages call the draft.

    Raises:
        EmbedError: the draft does not say where the block belongs, or holds edits.
    """
    return _plan(old, lines, block_id=block_id, on_edit=on_edit, init=init, name=name).data


def _plan(old: bytes, lines: Sequence[BlockLine], *, block_id: str, on_edit: str, init: bool, name: str) -> _Plan:
    _check_arguments(old, block_id, on_edit, name)
    draft = Draft(old, name)
    wanted = compose(lines, block_id)
    block = draft.blocks.get(block_id)
    if block is None:
        planned = _Plan(_insert(draft, wanted, block_id, init=init))
    elif same_content(draft.text(block.first, block.last + 1), wanted):
        return _Plan(old)
    else:
        planned = _replace(draft, block, wanted, on_edit)
    _check_found_again(draft, planned.data, wanted, block_id)
    return planned


def _check_arguments(old: bytes, block_id: str, on_edit: str, name: str) -> None:
    if not fullmatch(_BLOCK_ID, block_id):
        raise EmbedError(f"block id {block_id!r} cannot be used", help="use letters, digits and single - _ .")
    if on_edit not in ("refuse", "overwrite"):
        raise EmbedError(f"on_edit {on_edit!r} is not known", help="use refuse or overwrite")
    if old.startswith(_UTF_16_MARKS):
        raise EmbedError(f"the file is UTF-16 ({name}:1)", help="save it as UTF-8")


def _replace(draft: Draft, block: Block, wanted: Sequence[str], on_edit: str) -> _Plan:
    edits = _find_edits(draft, block, wanted)
    if edits and on_edit == "refuse":
        raise _edited(draft, block, edits)
    ending = draft.lines[block.last].removeprefix(draft.lines[block.last].rstrip(b"\r\n"))
    before, after = draft.lines[: block.first], draft.lines[block.last + 1 :]
    data = b"".join([draft.mark, *before, _encode(wanted, draft.newline), ending, *after])
    return _Plan(data, tuple(dict.fromkeys(draft.number(block.first + 1 + edit.index) for edit in edits)))


def _find_edits(draft: Draft, block: Block, wanted: Sequence[str]) -> list[Edit]:
    body = draft.text(block.first + 1, block.last)
    if checksum(body) == checksum(wanted[1:-1]):
        return []  # Whatever was done by hand, the evidence now says the same.
    attributes = block.end.attributes
    marks = [mark for mark in attributes.get("lines", "").split(",") if mark]
    return find_edits(body, attributes.get("sum", ""), marks)


def _edited(draft: Draft, block: Block, edits: Sequence[Edit]) -> EmbedError:
    numbers = {
        kind: [draft.number(block.first + 1 + edit.index) for edit in edits if edit.kind == kind]
        for kind in ("changed", "added", "removed")
    }
    phrases = [
        f"{_list_lines(found)} {kind}" if kind != "removed" else f"text removed after {_list_lines(found)}"
        for kind, found in numbers.items()
        if found
    ]
    first = min(number for found in numbers.values() for number in found)
    return EmbedError(
        f"the timeline block was edited by hand: {', '.join(phrases)} ({draft.name}:{first})",
        help="--on-edit overwrite drops these edits; text that is to stay belongs above or below the block",
    )


def _list_lines(numbers: Sequence[int]) -> str:
    listed = ", ".join(map(str, numbers[:_SHOWN_NUMBERS]))
    more = len(numbers) - _SHOWN_NUMBERS
    return f"line{'s' if len(numbers) > 1 else ''} {listed}" + (f" and {more} more" if more > 0 else "")


def _insert(draft: Draft, wanted: Sequence[str], block_id: str, *, init: bool) -> bytes:
    headings = draft.timeline_headings()
    by_hand = describe_markers(block_id)
    if len(headings) > 1:
        numbers = [draft.number(lines.start) for lines in headings]
        raise EmbedError(
            f"more than one heading begins with Timeline: {_list_lines(numbers)} ({draft.name}:{numbers[1]})",
            help=f"put {by_hand} below the one that is meant",
        )
    if headings:
        return _insert_below(draft, headings[0].stop, wanted)
    if not init:
        raise EmbedError(
            f"no markers of block {block_id!r} and no heading that begins with Timeline ({draft.name})",
            help=f"--init appends a Timeline section; or put {by_hand} where it belongs",
        )
    return _append(draft, [HEADING, "", *wanted])


def _insert_below(draft: Draft, index: int, wanted: Sequence[str]) -> bytes:
    newline = draft.newline
    before, after = draft.lines[:index], draft.lines[index:]
    if not before[-1].endswith((b"\n", b"\r")):
        return b"".join([draft.mark, *before, newline, newline, _encode(wanted, newline)])
    blank = newline if after and after[0].strip() else b""
    return b"".join([draft.mark, *before, newline, _encode(wanted, newline), newline, blank, *after])


def _append(draft: Draft, wanted: Sequence[str]) -> bytes:
    newline = draft.newline
    last = draft.lines[-1] if draft.lines else newline
    if not last.endswith((b"\n", b"\r")):
        return b"".join([draft.mark, *draft.lines, newline, newline, _encode(wanted, newline)])
    blank = newline if last.strip() else b""
    return b"".join([draft.mark, *draft.lines, blank, _encode(wanted, newline), newline])


def _check_found_again(draft: Draft, data: bytes, wanted: Sequence[str], block_id: str) -> None:
    """Make sure that the next run will find this block, whatever surrounds it and whatever is in it."""
    planned = Draft(data, draft.name)
    try:
        block = planned.blocks.get(block_id)
        found = block and planned.text(block.first, block.last + 1) == list(wanted)
        kept = planned.blocks.keys() - {block_id} == draft.blocks.keys() - {block_id}
    except EmbedError:
        found = False
    if not (found and kept):
        raise EmbedError(
            f"the timeline block would not be seen as one in this place ({draft.name})",
            help="close the code fence, HTML element or comment that is left open above it",
        )


def _encode(lines: Sequence[str], newline: bytes) -> bytes:
    return newline.join(line.encode() for line in lines)


def _diff_lines(data: bytes) -> list[str]:
    return findall(r"[^\n]*\n|[^\n]+", data.decode("utf-8", "replace"))
