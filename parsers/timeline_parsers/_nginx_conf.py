"""Find the `log_format` of an access log in an `nginx.conf` that lies in the evidence.

Reference: `ngx_conf_read_token` in src/core/ngx_conf_file.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import takewhile
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from timeline.containers import Container
from timeline.errors import TimelineError, UsageError
from timeline.sources import Source
from timeline_parsers._nginx_cut import Lines, Mask
from timeline_parsers._nginx_format import LineFormat, compile_format

_MAIN: Final = "nginx.conf"
_ONLY_CONFIGURATION: Final = "configuration of nginx, not evidence"
_LARGEST: Final = 1 << 20
_MOST_FILES: Final = 200
_SAMPLE: Final = 100

_TOKEN: Final = re.compile(
    r"\s+|(?P<comment>#[^\n]*)|(?P<end>[;{}])"
    r"""|'(?P<single>(?:[^'\\]|\\.)*)'|"(?P<double>(?:[^"\\]|\\.)*)"|(?P<bare>(?:\$\{\w*\}|\\.|[^\s;{}\\])+)|.""",
    re.DOTALL,
)
# Names of directives that can stand outside of all blocks, in nginx.conf or in a file that one includes.
_DIRECTIVE: Final = re.compile(
    r"http|events|server|location|upstream|stream|mail|map|types|geo|user|pid|include|listen|root|index|gzip|allow|deny"
    r"|expires|charset|resolver|return|rewrite|set|if|env|internal|sendfile|daemon|aio|etag|satisfy"
    r"|(?:access|add|auth|client|default|error|fastcgi|grpc|gzip|http2|keepalive|large|limit|load|log|map|open|proxy|real"
    r"|reset|resolver|scgi|send|server|set_real|split|ssl|stub|sub|tcp|try|types|use|uwsgi|variables|worker)_\w+"
)
# By themselves they could be of any language.
_COMMON_WORDS: Final = frozenset(("if", "set", "return", "include", "user", "map", "use", "root", "index", "pid"))
_ESCAPED: Final = re.compile(r"\\(['\"\\trn])")
_LETTERS: Final = {"t": "\t", "r": "\r", "n": "\n"}


@dataclass(frozen=True)
class FoundFormat:
    """A `log_format` and the file in which it stands."""

    format: LineFormat
    file: str

    @property
    def note(self) -> str:
        """What a person should know about it."""
        return f"log_format {self.format.name} of {self.file}"


_found: WeakKeyDictionary[Container, dict[str, list[FoundFormat]]] = WeakKeyDictionary()


def find_formats(source: Source) -> list[FoundFormat]:
    """Return the formats of every `nginx.conf` beside *source*, those of the nearest one first.

    Of a folder or an archive, all its files are beside each other; of a file that is named itself, those in its folder.
    """
    if source.given:
        folder = source.member.rpartition("/")[0]
        return _read_tree(source, f"{folder}/{_MAIN}".lstrip("/"), [])
    if source.container not in _found:
        names = source.container.names()
        mains = [name for name in names if name.rpartition("/")[2] == _MAIN][:_MOST_FILES]
        _found[source.container] = {name: _read_tree(source, name, names) for name in mains}
    trees = _found[source.container]
    nearest = sorted(trees, key=lambda name: -_count_common(name, source.member))
    return [format_ for name in nearest for format_ in trees[name]]


def _count_common(name: str, other: str) -> int:
    """Count the folders in which both lie."""
    return sum(
        1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(name.split("/"), other.split("/"), strict=False))
    )


def _read_tree(source: Source, main: str, names: list[str]) -> list[FoundFormat]:
    """Read the formats of a file and of what it includes."""
    formats: list[FoundFormat] = []
    waiting, seen = [main], {main}
    while waiting and len(seen) < _MOST_FILES:
        name = waiting.pop(0)
        for words in read_directives(_read(source, name)):
            if words[0] == "include" and len(words) > 1:
                further = [found for found in _find_included(words[1], main, names) if found not in seen]
                waiting += further
                seen.update(further)
            elif (compiled := _compile(tuple(words))) is not None:
                formats.append(FoundFormat(compiled, name))
    return formats


def _read(source: Source, name: str) -> str:
    member = source.sibling(name)
    data = b""
    try:
        for chunk in member.chunks() if member is not None else ():
            data += chunk[: _LARGEST - len(data)]
            if len(data) >= _LARGEST:
                break
    except (OSError, TimelineError):
        return ""
    return data.decode("utf-8", "replace")


def tell_use(source: Source) -> str:
    """Say what is read from a configuration of nginx; empty if *source* is none."""
    names = _outer_directives(source.head.decode("utf-8", "replace"))
    if names <= _COMMON_WORDS or not all(map(_DIRECTIVE.fullmatch, names)):
        return ""
    formats = [found.format.name for found in find_formats(source) if found.file == source.member]
    return f"configuration of nginx: log_format {', '.join(formats)} read from it" if formats else _ONLY_CONFIGURATION


def _outer_directives(text: str) -> set[str]:
    """Name the directives outside of all blocks; none if *text* does not end with one."""
    names: set[str] = set()
    depth, is_first = 0, True
    for token in _TOKEN.finditer(text):
        if token["end"]:
            depth += (token["end"] == "{") - (token["end"] == "}")
            is_first = True
        elif token["comment"] is None and (word := _word(token)) is not None:
            if is_first and not depth:
                names.add(word)
            is_first = False
    return names if is_first or depth else set()


def read_directives(text: str) -> Iterator[list[str]]:
    """Yield the words of each directive; a block's own words too."""
    words: list[str] = []
    for token in _TOKEN.finditer(text):
        if token["end"]:
            if words:
                yield words
            words = []
        elif token["comment"] is None and (word := _word(token)) is not None:
            words.append(word)


def _word(token: re.Match[str]) -> str | None:
    found = next((token[name] for name in ("single", "double", "bare") if token[name] is not None), None)
    return found if found is None else _ESCAPED.sub(lambda escape: _LETTERS.get(escape[1], escape[1]), found)


@lru_cache(maxsize=256)
def _compile(words: tuple[str, ...]) -> LineFormat | None:
    """Compile a `log_format` directive; None if it is none, or has no time."""
    if words[0] != "log_format" or len(words) < 3:  # noqa: PLR2004 - a name and a piece
        return None
    escape = words[2].removeprefix("escape=") if words[2].startswith("escape=") else "default"
    pieces = words[3:] if words[2].startswith("escape=") else words[2:]
    try:
        return compile_format("".join(pieces), name=words[1], escape=escape)
    except UsageError:
        return None


def _find_included(pattern: str, main: str, names: list[str]) -> list[str]:
    """Return the files that an `include` of *main* means: below its folder, whatever folder that was on the server."""
    top = [*main.split("/")[:-1]]
    parts = [part for part in pattern.split("/") if part]
    tails = [parts[first:] for first in range(len(parts))] if pattern.startswith("/") else [parts]
    for tail in tails:
        wanted = [*top, *tail]
        found = [name for name in names if _fits(name.split("/"), wanted)]
        if found:
            return found
    return [] if names else ["/".join([*top, *tails[0]])]


def _fits(parts: list[str], wanted: list[str]) -> bool:
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


def choose_format(found: Sequence[FoundFormat], known: LineFormat, lines: Lines, skip: Mask) -> FoundFormat | None:
    """Return the one that explains most of *lines*, and no fewer than the *known* format; None if there is none.

    Of formats that explain as many the one with most variables is taken, then the first.
    """
    rows = np.flatnonzero(~skip)
    texts = lines.texts(rows[:: max(len(rows) // _SAMPLE, 1)])
    scores = [(_count(texts, one.format), len(one.format.variables)) for one in found]
    best = max(scores, default=(0, 0))
    if not best[0] or best[0] < _count(texts, known):
        return None
    return found[scores.index(best)]


def _count(texts: pa.LargeStringArray, form: LineFormat) -> int:
    """Return how many of *texts* the format explains; a JSON template by its keys."""
    if not form.keys:
        return int(pc.sum(pc.match_substring_regex(texts, form.pattern)).as_py() or 0)
    fits = pc.starts_with(texts, "{")
    for key, _ in form.keys:
        fits = pc.and_(fits, pc.match_substring(texts, f'"{key}"'))
    return int(pc.sum(fits).as_py() or 0)
