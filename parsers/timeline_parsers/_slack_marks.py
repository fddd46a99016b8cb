"""Slack's marks for bold, italic and struck text: drop them, or write them as Markdown does."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from timeline_parsers._slack_text import Names, resolve, strip_tokens, unescape

# What holds no marks, whatever it looks like: code, and Slack's own `<…>`.
_KEPT: Final = re.compile(r"```.*?```|`[^`\n]+`|<[^<>\s][^<>]*>", re.DOTALL)
# Stands for such a part while marks are looked for; a text that has it already keeps its marks.
_STAND_IN: Final = "\ue000"
# A mark opens before a word and closes after one, so that globs, cron lines, sums, paths and snake_case stay whole.
_BEFORE: Final = r"(?:^|(?<=[\s(\[{\"'“‘—–\-,.:;!?>*_~]))"
_AFTER: Final = r"(?=$|[\s)\]}\"'”’—–\-,.:;!?<*_~…])"
_MARKED: Final = {
    mark: re.compile(
        rf"{_BEFORE}(?<!{re.escape(mark)}){re.escape(mark)}(?=\S)([^{mark}\n]*[^{mark}\s])"
        rf"{re.escape(mark)}(?!{re.escape(mark)}){_AFTER}",
        re.MULTILINE,
    )
    for mark in "*~_"
}
_MARKDOWN: Final = {"*": "**", "~": "~~", "_": "_"}
# Stand for the marks of Markdown while the text between them is escaped.
_OPEN: Final = {"*": "\ue001", "~": "\ue002", "_": "\ue003"}

_QUOTE: Final = re.compile(r"^&gt;(?!&gt;&gt;) ?", re.MULTILINE)
_QUOTED_REST: Final = re.compile(r"^&gt;&gt;&gt; ?(.*)\Z", re.MULTILINE | re.DOTALL)
_BULLET: Final = re.compile(r"^(\s*)[•◦▪] ?", re.MULTILINE)
# What Markdown would read as markup; an underscore inside a word is none.
_SPECIAL: Final = re.compile(r"[\\*\[\]<`]|(?<![^\W_])_|_(?![^\W_])|~(?=~)|^(?:#{1,6}(?= )|[+](?= ))", re.MULTILINE)
_LINK: Final = re.compile(r"<((?:https?|mailto|ftp):[^<>|\s]+)(?:\|([^<>]*))?>")


def plain(text: str) -> str:
    """Drop the marks of mrkdwn; code keeps its backticks, because they say that it was typed so."""
    if not ("*" in text or "_" in text or "~" in text) or _STAND_IN in text:
        return text
    kept: list[str] = []
    bare = _take_out(text, kept)
    for mark, pattern in _MARKED.items():
        if mark in bare:
            bare = pattern.sub(r"\1", bare)
    return _put_back(bare, kept, str)


def to_markdown(text: str, names: Names | None = None) -> str:
    """Turn mrkdwn, as `text` of a Slack message has it, into Markdown that shows the same.

    `*b*` becomes `**b**`, `~s~` becomes `~~s~~`, links become links, `•` a list, `&gt;` a quote; what Markdown alone
    would take for markup is escaped, and code stays as it is.

    Args:
        text: the mrkdwn.
        names: who and what ids stand for; without it, labels and ids stand.
    """
    known = names or Names()
    kept: list[str] = []
    text = text.translate(dict.fromkeys(map(ord, (_STAND_IN, *_OPEN.values())), "\ufffd"))
    bare = _take_out(text, kept)
    for mark, pattern in _MARKED.items():
        bare = pattern.sub(rf"{_OPEN[mark]}\1{_OPEN[mark]}", bare)
    bare = _QUOTED_REST.sub(lambda found: "\n".join(f"&gt; {line}" for line in found[1].split("\n")), bare)
    lines = [_write_line(line, known) for line in bare.split("\n")]
    return strip_tokens(_put_back("\n".join(lines), kept, lambda part: _write_kept(part, known)))


def _take_out(text: str, kept: list[str]) -> str:
    def remember(found: re.Match[str]) -> str:
        kept.append(found[0])
        return _STAND_IN

    return _KEPT.sub(remember, text)


def _put_back(text: str, kept: list[str], write: Callable[[str], str]) -> str:
    if not kept:
        return text
    parts = iter(kept)
    return re.sub(_STAND_IN, lambda _: write(next(parts)), text)


def _write_line(line: str, names: Names) -> str:
    quote = _QUOTE.match(line)
    body = line[quote.end() :] if quote else line
    bullet = _BULLET.match(body)
    lead = ("> " if quote else "") + (f"{bullet[1]}- " if bullet else "")
    body = _escape(resolve(body[bullet.end() :] if bullet else body, names))
    for mark, sign in _OPEN.items():
        body = body.replace(sign, _MARKDOWN[mark])
    return lead + body


def _write_kept(part: str, names: Names) -> str:
    if part.startswith("`"):
        return resolve(part, names)
    link = _LINK.fullmatch(part)
    shown = _escape(resolve(part, names))
    if link is None or not link[2]:
        return shown
    target = unescape(link[1])
    return f"[{shown}](<{target}>)" if set("()") & set(target) else f"[{shown}]({target})"


def _escape(text: str) -> str:
    return _SPECIAL.sub(lambda found: "\\" + found[0], text)
