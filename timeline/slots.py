"""Which words of masked messages are parameters: those that differ where all the rest of the messages is equal.

A slot is a place in a message together with all other words of the message. A word is a parameter if three different
ones were seen in its slot, or two beside a placeholder. Three kinds of words are judged otherwise:

- words that say a state are kept apart, unless eight ordinary ones share their slot;
- values of `key=value` need one word less, and so do words that contain a placeholder;
- what has no letter or digit, such as `()` or `-`, is an empty value if a placeholder shares its slot.

A message that would have no word left but placeholders stays as it is, and the first word of a message is a parameter
only where a placeholder was seen as well. All slots are judged at once, so that no order enters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from timeline.arrays import Flags, Ints
from timeline.state_words import STATE_WORDS

HOLE: Final = "<*>"
WORD_LIMIT: Final = 48
"""Words of a message that take part; what follows stays one word."""

ROUNDS: Final = 4
ENOUGH: Final = 3
ENOUGH_DESPITE_STATES: Final = 8
AT_ONCE: Final = 1 << 22
"""Words whose slots are held in memory at a time."""

Hashes = npt.NDArray[np.uint64]
_PARTS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
_STIRS: Final = ((np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)), (np.uint64(27), np.uint64(0x94D049BB133111EB)))
_LAST: Final = np.uint64(31)
"""Constants of splitmix64."""


def find_parameters(texts: list[str]) -> list[str]:
    """Return each of the masked *texts* with placeholders in place of the words that turned out to be parameters."""
    if not texts:
        return []
    split = [_split(text) for text in texts]
    numbers = {HOLE: 0}
    ids = np.array([numbers.setdefault(word, len(numbers)) for words in split for word in words], "int64")
    words = _judge_words(list(numbers))
    rows, where = _Rows(ids, np.array([len(words) for words in split])).distinct(words)
    for _ in range(ROUNDS):
        parameters = _find(rows, words)
        if not parameters.any():
            break
        rows, moved = _Rows(np.where(parameters, 0, rows.ids), rows.sizes).distinct(words)
        where = moved[where]
    merged = rows.join(words)
    return [merged[row] for row in where.tolist()]


def _split(text: str) -> list[str]:
    """Split at blanks, and `key=value` into two words."""
    found: list[str] = []
    for word in text.split(maxsplit=WORD_LIMIT):
        if len(found) >= WORD_LIMIT:
            found.append(word)
            continue
        key, equals, value = word.partition("=")
        found += [key + equals, value] if equals and value else [word]
    return [*found[:WORD_LIMIT], " ".join(found[WORD_LIMIT:])] if len(found) > WORD_LIMIT else found or [""]


@dataclass(frozen=True)
class _Words:
    """What is known of each distinct word, by its number; the placeholder has number 0."""

    names: npt.NDArray[Any]
    hashes: Hashes
    """Of the texts, so that slots do not depend on how words are numbered."""
    hole: Flags
    """Contains a placeholder."""
    blank: Flags
    """Has no letter or digit."""
    key: Flags
    state: Flags


def _judge_words(names: list[str]) -> _Words:
    texts = np.array(names, object)
    bare = [name.replace(HOLE, "") for name in names]
    return _Words(
        names=texts,
        hashes=pd.util.hash_array(texts, categorize=False),
        hole=np.array([HOLE in name for name in names]),
        blank=np.array([not any(map(str.isalnum, text)) for text in bare]),
        key=np.array([name.endswith("=") for name in names]),
        state=np.array([_is_state(text) for text in bare]),
    )


def _is_state(word: str) -> bool:
    """Return whether a part of the word says a state, as in `[NodeFailed]`; the end of a long text never does."""
    return " " not in word and any(part.lower() in STATE_WORDS for part in _PARTS.findall(word))


class _Rows:
    """Texts as numbers of words, one behind the other."""

    def __init__(self, ids: Ints, sizes: Ints) -> None:
        self.ids, self.sizes = ids, sizes
        self.begins = np.cumsum(sizes) - sizes
        self.owner = np.repeat(np.arange(len(sizes)), sizes)
        self.place = np.arange(len(ids)) - self.begins[self.owner]

    def hash_words(self, words: _Words) -> Hashes:
        """Return a hash of each word and its place; their sum is the hash of the text."""
        mixed = words.hashes[self.ids] ^ ((self.place.astype("uint64") + np.uint64(1)) * _STEP)
        for shift, factor in _STIRS:
            mixed = (mixed ^ (mixed >> shift)) * factor
        return mixed ^ (mixed >> _LAST)

    def distinct(self, words: _Words) -> tuple[_Rows, Ints]:
        """Return the texts that differ, and for each text which of them it is."""
        totals = np.add.reduceat(self.hash_words(words), self.begins)
        _, first, which = np.unique(totals, return_index=True, return_inverse=True)
        if len(first) == len(totals):
            return self, np.arange(len(totals))
        sizes = self.sizes[first]
        picked = np.repeat(self.begins[first] - (np.cumsum(sizes) - sizes), sizes) + np.arange(sizes.sum())
        return _Rows(self.ids[picked], sizes), which

    def join(self, words: _Words) -> list[str]:
        """Return the texts."""
        ends = self.begins + self.sizes
        names = words.names[self.ids].tolist()
        return [" ".join(names[begin:end]) for begin, end in zip(self.begins.tolist(), ends.tolist(), strict=True)]


def _find(rows: _Rows, words: _Words) -> Flags:
    """Mark the words that are parameters and are not placeholders yet."""
    hashes = rows.hash_words(words)
    rest = np.add.reduceat(hashes, rows.begins)[rows.owner] - hashes
    said = ~words.blank[rows.ids]
    others = np.bincount(rows.owner[said], minlength=len(rows.sizes))[rows.owner] - said
    keyed = np.append(False, words.key[rows.ids[:-1]]) & (rows.place > 0)
    found = np.zeros(len(rows.ids), bool)
    # Words of one slot have one place, so that places can be looked at one by one.
    step = max(1, AT_ONCE // len(rows.sizes))
    for place in range(0, int(rows.sizes.max()), step):
        here = np.flatnonzero((rows.place >= place) & (rows.place < place + step) & (others > 0))
        found[here] = _judge_slots(rest[here], rows.ids[here], rows.place[here], keyed[here], words)
    return found


def _judge_slots(slots: Hashes, ids: Ints, place: Ints, keyed: Flags, words: _Words) -> Flags:
    """Mark the parameters among words of whole slots; each word is there once a slot, since texts are distinct."""
    _, slot = np.unique(slots, return_inverse=True)

    def count(flags: Flags) -> Ints:
        return np.bincount(slot[flags], minlength=len(ids))[slot]

    hole, blank, state = words.hole[ids], words.blank[ids], words.state[ids]
    free = ~blank & ~state
    seen_hole = count(hole & blank) > 0
    frees = count(free)
    enough = np.where(hole & seen_hole, 1, ENOUGH - keyed - seen_hole)
    parameter = free & (frees >= enough)
    parameter |= state & (frees >= ENOUGH_DESPITE_STATES)
    parameter |= blank & seen_hole & (count(blank) > 1)
    return parameter & ((place > 0) | seen_hole) & (ids != 0)
