"""What look-alike messages have in common: mask what varies, then merge what still differs in one word only.

Nothing depends on the order of the messages: masks are applied to each alone, and words are judged on the sorted set of
masked messages. A word is a parameter if three different words were seen in its place with everything else equal.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from timeline.arrays import Ints

HOLE: Final = "<*>"

_URL = r"\b[a-z][a-z0-9+.-]{1,9}://[^\s\"'<>\])]+"
_PATH = r"(?:/[A-Za-z0-9_.$@%+~*-]+){2,}/?"
_FQDN = r"\b(?:[A-Za-z0-9][A-Za-z0-9_-]*\.){2,}[A-Za-z]{2,}(?:[:$/][A-Za-z0-9_.$/-]*)?"
_MAC = r"\b(?:[0-9a-fA-F]{1,2}:){3,7}[0-9a-fA-F]{1,2}\b"
_HEX = r"\b[a-fA-F]{8,}\b"
_DAY = r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)(?:[a-z]*day)?\b,?"
_MONTH = r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b"
_DIGITS = r"[A-Za-z0-9_.+\-/\\$@%~#*]*[0-9][A-Za-z0-9_.+\-/\\$@%~#*]*"  # any part of a word with a digit
MASK: Final = f"{_URL}|{_PATH}|{_FQDN}|{_MAC}|{_HEX}|{_DAY}|{_MONTH}|{_DIGITS}"
"""One pass, one placeholder; RE2 has no look-around and needs none."""

RUNS: Final = r"<\*>(?:[ \t,:;./_|\-+@x]*<\*>)+"
"""Lists of placeholders, which become one."""

ROUTE_MASK: Final = r"/(?:[^/0-9v][^/]*[0-9]|[0-9]|v[0-9]*[^0-9/][^/]*[0-9]|v[0-9]{3,})[^/]*"
"""Segments of a path that hold a digit, but for versions such as `/v2/`."""

WORD_LIMIT: Final = 48
"""Words of a message that take part; what follows stays one word. Without it, stack traces make merging quadratic."""

ROUNDS: Final = 4
ENOUGH: Final = 3
ENOUGH_DESPITE_STATES: Final = 8

STATE_WORDS: Final = frozenset(
    """
    abort aborted aborting accept accepted accepting acquired activated activating active added allowed attached
    available bad begin blocked bound broken cancel cancelled canceled changed cleared close closed closing complete
    completed connect connected connecting connection corrupt crash crashed created critical dead deactivated deleted
    denied destroyed detached disable disabled disconnect disconnected done down dropped dumped elected empty enable
    enabled end ended entered error errors exceeded exit exited expired fail failed failing failure false fatal finished
    firing follower found full gone granted halted healthy idle ignored inactive initialized installed invalid joined
    killed leader leaving left listening loaded locked login logout lost mask masked master missing mounted new no off
    offline ok old on online open opened opening panic passed paused pending permitted primary promoted queued ready
    rebooting received recovered recovering recovery refused rejected reload reloaded released removed replica reset
    resolved restart restarted restarting restored resumed resuming retry retrying revoked rollback running secondary
    sent shutdown skipped slave standby start started starting stop stopped stopping success successful succeeded
    suspended terminated timeout timedout true unable unavailable unblocked unhealthy unknown unloaded unlocked
    unmounted unreachable up updated valid waiting warning yes
    """.split()  # noqa: SIM905 - a list of 200 quoted words cannot be read
)
"""Words that say in which state something is: "Job x failed" and "Job x completed" are two things that happened."""


def find_templates(messages: pa.ChunkedArray) -> tuple[Ints, list[str]]:
    """Return for each message the number of its template, -1 where there is no message, and the templates.

    Args:
        messages: texts; only the first line of each takes part.
    """
    masked = mask(messages).combine_chunks().dictionary_encode()
    codes = masked.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype("int64")
    uniques = masked.dictionary.to_pylist()
    merged = merge_slots(uniques)
    templates = sorted(set(merged.values()))
    numbers = {template: number for number, template in enumerate(templates)}
    places = np.array([*(numbers[merged[text]] for text in uniques), -1], "int64")
    return places[codes], templates


def mask(messages: pa.ChunkedArray) -> pa.ChunkedArray:
    """Put `<*>` in place of numbers, addresses, paths and dates, in the first line of each message."""
    first = pc.replace_substring_regex(messages, r"(?s)\n.*$", "") if _has_lines(messages) else messages
    return pc.replace_substring_regex(pc.replace_substring_regex(first, MASK, HOLE), RUNS, HOLE)


def _has_lines(messages: pa.ChunkedArray) -> bool:
    return bool(pc.any(pc.match_substring(messages, "\n")).as_py())


def mask_routes(paths: pa.ChunkedArray) -> pa.ChunkedArray:
    """Put `<*>` in place of the varying segments of URL paths and cut queries off."""
    plain = pc.replace_substring_regex(paths, r"[?#].*$", "")
    return pc.replace_substring_regex(plain, ROUTE_MASK, "/" + HOLE)


def merge_slots(texts: list[str]) -> dict[str, str]:
    """Return for each masked text the template it belongs to.

    Args:
        texts: distinct masked messages, in any order.
    """
    words = {text: _split(text) for text in sorted(texts)}
    for _ in range(ROUNDS):
        rewritten = _rewrite(sorted(set(words.values())))
        if not rewritten:
            break
        words = {text: rewritten.get(parts, parts) for text, parts in words.items()}
    return {text: " ".join(parts) for text, parts in words.items()}


def _split(text: str) -> tuple[str, ...]:
    """Split at blanks, and `key=value` into two words."""
    found: list[str] = []
    for word in text.split():
        key, equals, value = word.partition("=")
        found += [key + equals, value] if equals and value else [word]
    head = found[:WORD_LIMIT]
    return (*head, " ".join(found[WORD_LIMIT:])) if len(found) > WORD_LIMIT else tuple(head)


def _rewrite(texts: list[tuple[str, ...]]) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Return the texts of which a word turned out to be a parameter, judged on all texts at once."""
    slots: dict[tuple[object, ...], set[str]] = defaultdict(set)
    for parts in texts:
        for place, word in enumerate(parts):
            slots[_slot(parts, place)].add(word)
    changed = {}
    for parts in texts:
        new = tuple(
            HOLE if _is_parameter(word, slots[_slot(parts, place)], place) else word for place, word in enumerate(parts)
        )
        if new != parts:
            changed[parts] = new
    return changed


def _slot(parts: tuple[str, ...], place: int) -> tuple[object, ...]:
    return place, parts[:place], parts[place + 1 :]


def _is_parameter(word: str, seen: set[str], place: int) -> bool:
    free = {other for other in seen if other != HOLE and not _is_state(other)}
    if word == HOLE or (place == 0 and HOLE not in seen):
        return False
    if _is_state(word):
        return len(free) >= ENOUGH_DESPITE_STATES
    return len(free) >= (ENOUGH - 1 if HOLE in seen else ENOUGH)


def _is_state(word: str) -> bool:
    return word.strip(".,:;!?()[]'\"").lower() in STATE_WORDS
