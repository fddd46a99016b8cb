"""Make untrusted log text harmless and readable inside one line of Markdown."""

from __future__ import annotations

import re
from typing import Final

from timeline.masking import mask_secrets

MAX_LENGTH: Final = 200
"""Characters of a message that an entry shows; the evidence keeps the rest."""

_ANSI: Final = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])")
_LINE_ENDS: Final = re.compile(r"[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+")
# C0 and C1 controls, direction overrides, zero-width characters, the byte order mark.
_INVISIBLE: Final = re.compile("[\x00-\x08\x0e-\x1b\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_SPECIAL: Final = re.compile(
    r"""(?x)
      [`*]                                     # code, emphasis
    | ~(?=.*~) | \$(?=.*\$)                   # strike-through, formulas: they come in pairs
    | <(?=[A-Za-z/!?])                         # HTML
    | \\(?=[!-/:-@\[-`{-~])                    # a backslash that would escape something
    | (?<![^\W_])_ | _(?![^\W_])               # emphasis: not inside a word such as created_at
    | \](?=[(\[]) | \[(?=\^)                # what makes links, pictures, footnotes of brackets: not [FIRING]
    | &(?=\#?\w+;)                             # entities
    | (?<=--)>                                 # the end of a comment
    """
)
# A joiner that is not seen keeps hosts from turning these into mentions and references.
_REFERENCE: Final = re.compile(r"(?<!\w)(@(?=\w)|#(?=\d))")
# Slack's mrkdwn: a mark opens at the begin of a word and closes at the end of one, so that globs and sums stay whole.
_CHAT_MARK: Final = re.compile(r"(?<![\w*~_])([*~_])(?=\S)([^*~_\n]*[^*~_\s])\1(?![\w*~_])")
_CHAT_CODE: Final = re.compile(r"(?<![\w`])`{1,3}([^`]+)`{1,3}(?![\w`])")
_JOINER: Final = "\u2060"


def neutralise(text: str, *, table: bool = False) -> str:
    """Return *text* so that Markdown shows it as it is: nothing in it is markup, mentions anyone or breaks the line.

    Args:
        text: text from a log or chat.
        table: it stands in a table cell, where `|` ends the cell.
    """
    text = flatten(text)
    text = _SPECIAL.sub(lambda found: "".join("\\" + letter for letter in found[0]), text)
    text = _REFERENCE.sub(rf"\1{_JOINER}", text)
    return text.replace("|", "\\|") if table else text


def flatten(text: str) -> str:
    """Put *text* on one line: controls dropped, line ends shown as a sign, secrets masked."""
    text = _ANSI.sub("", mask_secrets(text))
    text = _LINE_ENDS.sub(" ⏎ ", text.strip())
    text = _INVISIBLE.sub("", text.encode("utf-8", "replace").decode("utf-8"))
    return " ".join(text.split())


def drop_chat_markup(text: str) -> str:
    """Drop Slack's marks for bold, italic, struck and code text; what stands in code stays as it is."""
    parts = _CHAT_CODE.split(text)
    return "".join(part if place % 2 else _CHAT_MARK.sub(r"\2", part) for place, part in enumerate(parts))


def shorten(text: str, length: int = MAX_LENGTH) -> str:
    """Cut *text* at the end of a word so that it has at most *length* characters."""
    if len(text) <= length:
        return text
    cut = text[: length - 1]
    space = cut.rfind(" ", length // 2)
    return (cut[:space] if space > 0 else cut).rstrip(" ,;:") + "…"
