"""Choose and render what a Slack message says: text, blocks, attachments, files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from timeline_parsers._slack_marks import plain
from timeline_parsers._slack_text import Names, isoformat, micros_of, resolve, strip_tokens, unescape

Thing = Mapping[str, Any]

# What Slack and its apps write where there is nothing to read.
PLACEHOLDERS: Final = frozenset(
    {
        "This content can't be displayed.",
        "[no preview available]",
        "This message contains interactive elements.",
    }
)

FILE_STATES: Final = {"tombstone": "deleted", "hidden_by_limit": "hidden by the plan's limit"}
FILE_ACCESS: Final = {"access_denied": "no access", "file_not_found": "not found"}

# Blocks nest: sections in lists in quotes. Nobody nests them deeper.
_DEPTH: Final = 12


def read_content(message: Thing, names: Names, *, is_bot: bool) -> str:
    """Return the plain text of *message*, never empty.

    People are taken by their text, bots by their blocks: there, `text` is only a summary for notifications.
    Link previews are not what the writer said; they stand in only when there is nothing else.
    """
    body = _read_bot_body(message, names) if is_bot else _read_human_body(message, names)
    if body and not ("attachments" in message or "files" in message or "file" in message):
        return strip_tokens(body) or _describe_silence(message)
    attachments = things(message.get("attachments"))
    parts = [body]
    if attachments:
        parts += [_render_attachment(one, names) for one in attachments if not is_preview(one)]
    if message.get("files") or message.get("file"):
        parts += [_render_file(one) for one in _files(message)]
    text = "\n".join(dict.fromkeys(part for part in parts if part))
    if not text and attachments:
        text = "\n".join(filter(None, (_render_attachment(one, names) for one in attachments)))
    return strip_tokens(text) or _describe_silence(message)


def things(value: object) -> list[dict[str, Any]]:
    """Return the objects of a JSON array, nothing for anything else."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def as_list(value: object) -> list[Any]:
    """Return *value* if it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else []


def string(value: object) -> str:
    """Return *value* if it is a string that says something, else the empty string."""
    return value if isinstance(value, str) and value.strip() else ""


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


def read_profile(message: Thing) -> str:
    """Return the name that the writer of *message* brought along, as guests of other workspaces do."""
    profile = message.get("user_profile")
    return name_user({"profile": profile, "name": profile.get("name")}) if isinstance(profile, dict) else ""


def is_preview(attachment: Thing) -> bool:
    """Tell an unfolded link or shared message from what a bot attaches itself."""
    return bool(attachment.get("from_url") or attachment.get("is_msg_unfurl") or attachment.get("is_share"))


def _read_human_body(message: Thing, names: Names) -> str:
    text = string(message.get("text"))
    if not text and isinstance(comment := message.get("comment"), dict):
        text = string(comment.get("comment"))
    return _say(text, names) if text else _render_blocks(things(message.get("blocks")), names)


def _read_bot_body(message: Thing, names: Names) -> str:
    blocks = things(message.get("blocks"))
    if any(block.get("type") != "rich_text" for block in blocks) and (text := _render_blocks(blocks, names)):
        return text
    text = string(message.get("text"))
    return _say(text, names) if text and text.strip() not in PLACEHOLDERS else _render_blocks(blocks, names)


def _say(mrkdwn: str, names: Names) -> str:
    return resolve(plain(mrkdwn), names).strip()


def _render_attachment(attachment: Thing, names: Names) -> str:
    lines = [_say(string(attachment.get(key)), names) for key in ("pretext", "title", "text")]
    for field in things(attachment.get("fields")):
        title, value = (_say(string(field.get(key)), names) for key in ("title", "value"))
        lines.append(f"{title}: {value}" if title and value else title or value)
    lines.append(_render_blocks(things(attachment.get("blocks")), names))
    text = _join(line for line in lines if line not in PLACEHOLDERS)
    fallback = resolve(string(attachment.get("fallback")), names).strip()
    return text or (fallback if fallback not in PLACEHOLDERS else "")


def _files(message: Thing) -> list[dict[str, Any]]:
    files = message.get("files")
    return things(files or [message.get("file")])


def _render_file(file: Thing) -> str:
    state = FILE_STATES.get(str(file.get("mode"))) or FILE_ACCESS.get(str(file.get("file_access")))
    title = unescape(string(file.get("title")) or string(file.get("name")))
    return f"[file: {title or state or file.get('id') or 'no name'}]"


def _describe_silence(message: Thing) -> str:
    kept = [key for key in ("attachments", "blocks", "reactions") if message.get(key)]
    return f"[no text: {'/'.join(kept) or 'empty message'}]"


def _join(lines: Iterable[str]) -> str:
    return "\n".join(line for line in lines if line)


def _render_blocks(blocks: list[dict[str, Any]], names: Names, depth: int = 0) -> str:
    return _join(_render_block(block, names, depth) for block in blocks)


def _render_block(block: Thing, names: Names, depth: int) -> str:
    if depth >= _DEPTH:
        return ""
    kind = block.get("type")
    if isinstance(kind, str) and kind in _BLOCKS:
        return _BLOCKS[kind](block, names, depth + 1).strip()
    return _render_section(block, names, depth)


def _text_object(value: object, names: Names) -> str:
    if not isinstance(value, dict):
        return resolve(string(value), names).strip()
    text = string(value.get("text"))
    return resolve(text, names).strip() if value.get("type") == "plain_text" else _say(text, names)


def _render_section(block: Thing, names: Names, _depth: int) -> str:
    """Render a header, section, input, markdown, or a block that we do not know but that has a text."""
    fields = [_text_object(field, names) for field in things(block.get("fields"))]
    lines = [_text_object(block.get(key), names) for key in ("title", "label", "text")]
    return _join([*lines, *fields])


def _render_context(block: Thing, names: Names, depth: int) -> str:
    return " ".join(filter(None, (_render_block(one, names, depth) for one in things(block.get("elements")))))


def _render_image(block: Thing, names: Names, _depth: int) -> str:
    title = _text_object(block.get("title"), names) or unescape(string(block.get("alt_text")))
    return f"[image: {title}]" if title else ""


def _render_call(block: Thing, _names: Names, _depth: int) -> str:
    call = block.get("call")
    inner = call.get("v1") if isinstance(call, dict) else None
    name = string(inner.get("name")) if isinstance(inner, dict) else ""
    return f"[call: {unescape(name)}]" if name else "[call]"


def _render_table(block: Thing, names: Names, depth: int) -> str:
    rows = block.get("rows")
    cells = (
        ([_render_block(cell, names, depth) for cell in things(row)] for row in rows) if isinstance(rows, list) else ()
    )
    return _join(" | ".join(row) for row in cells)


def _render_rich_text(block: Thing, names: Names, depth: int) -> str:
    """Render people's own blocks; each element is a paragraph, a quote, code or a list."""
    return "\n".join(_rich_lines(block, names, depth))


def _rich_lines(block: Thing, names: Names, depth: int) -> Iterator[str]:
    if depth >= _DEPTH:
        return
    for number, element in enumerate(things(block.get("elements")), 1):
        if element.get("type") in ("rich_text_list", "rich_text"):
            yield from _rich_lines(element, names, depth + 1)
            continue
        mark = {"ordered": f"{number}. ", "bullet": "• "}.get(str(block.get("style")), "")
        yield mark + "".join(_render_inline(one, names) for one in things(element.get("elements"))).strip("\n")


def _render_inline(one: Thing, names: Names) -> str:
    """Render one run of rich text; its text is not escaped, unlike that of mrkdwn."""
    kind, text = one.get("type"), one.get("text")
    if kind == "user":
        return "@" + _name_of(one.get("user_id"), names.users)
    if kind == "channel":
        return "#" + _name_of(one.get("channel_id"), names.channels)
    if kind == "date":
        micros = micros_of(one.get("timestamp"))
        return string(one.get("fallback")) if micros is None else isoformat(micros, "seconds")
    mark, key, end = _INLINE.get(str(kind), ("", "text", ""))
    if isinstance(text, str) and text:
        return text
    return f"{mark}{one[key]}{end}" if string(one.get(key)) else ""


def _name_of(identity: object, names: Mapping[str, str]) -> str:
    return names.get(string(identity)) or string(identity)


# What stands before and after the value of which key.
_INLINE: Final[Mapping[str, tuple[str, str, str]]] = {
    "broadcast": ("@", "range", ""),
    "color": ("", "value", ""),
    "emoji": (":", "name", ":"),
    "link": ("", "url", ""),
    "usergroup": ("@", "usergroup_id", ""),
}
_BLOCKS: Final[Mapping[str, Callable[[Thing, Names, int], str]]] = {
    "actions": lambda _block, _names, _depth: "",  # buttons: nothing was said with them yet
    "call": _render_call,
    "contact_card": lambda _block, _names, _depth: "[contact card]",
    "context": _render_context,
    "divider": lambda _block, _names, _depth: "",
    "image": _render_image,
    "rich_text": _render_rich_text,
    "table": _render_table,
}
