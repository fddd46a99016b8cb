"""Templates: what is masked, which words are parameters, and that neither order nor odd input matters."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from timeline import templates
from timeline.templates import find_templates, mask, merge_slots

NAMES = ("root", "guest", "admin")
EIGHT = ("ann", "bob", "cyd", "dan", "eve", "fay", "gus", "hal")


def arrow(texts: Sequence[str | None]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(texts, pa.large_string())])


def name(texts: Sequence[str]) -> dict[str, str]:
    """Return the template of each text."""
    codes, names = find_templates(arrow(texts))
    return {text: names[code] for text, code in zip(texts, codes.tolist(), strict=True)}


# Masks -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "texts",
    [
        ("took 900 ms", "took 1.2 s", "took 1 second", "took <1 sec", "took 00:14"),
        ("sent 12 bytes now", "sent 9216 bytes (9 kB) now", "sent 1073741824 bytes (1.1 GB, 1.0 GiB) now"),
        ("from 10.0.0.1 () at", "from 10.0.0.1 (h1.example.com) at"),
    ],
)
def test_quantities_are_one_parameter_with_their_units_and_what_repeats_them(texts: tuple[str, ...]) -> None:
    assert 1 == len(set(mask(arrow(texts)).to_pylist()))


@pytest.mark.parametrize("text", ["s of bytes", "Bytes sent", "call main() now", "wait (see above)"])
def test_words_and_brackets_without_a_number_stay(text: str) -> None:
    assert [text] == mask(arrow([text])).to_pylist()


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("failed\n\tat a.b.C\n\tat d.e.F", "failed"),
        ("failed\r\nmore", "failed"),
        ("\n\n  failed 3 times\nmore", "failed <*> times"),
        ("Traceback (most recent call last):\n  File x\n    y()\nKeyError: 'id'", None),
        ("boom\nTraceback (most recent call last):\n  File x\nKeyError: 'id'\nDETAIL: more", "boom KeyError: 'id'"),
        ("Traceback (most recent call last):", "Traceback (most recent call last):"),
        ("", ""),
        ("\n", ""),
    ],
)
def test_the_line_that_says_what_happened_takes_part(text: str, masked: str | None) -> None:
    expected = "Traceback (most recent call last): KeyError: 'id'" if masked is None else masked

    assert [expected] == mask(arrow([text])).to_pylist()


def test_many_messages_are_masked_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(templates, "FEWEST", 3)
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    texts = [None if place == 4 else f"{chr(97 + place)} {place}" for place in range(11)]

    assert [text and f"{text[0]} <*>" for text in texts] == mask(arrow(texts)).to_pylist()


# Slots -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "templates"),
    [
        ([f"user {name} came" for name in NAMES], {"user <*> came"}),
        ([f"user {name} came" for name in NAMES[:2]], {"user root came", "user guest came"}),
        (["user <*> came", "user root came", "user guest came"], {"user <*> came"}),
        (["user <*> came", "user root came"], {"user <*> came", "user root came"}),
        (["by user=root now", "by user=guest now"], {"by user= <*> now"}),
        (["by user=<*> now", "by user=root now"], {"by user= <*> now"}),
        (["peer <*>, up", "peer LOCAL(<*>), up"], {"peer <*> up"}),
        (["from (<*>) now", "from () now"], {"from <*> now"}),
        (["from () now", "from [] now"], {"from () now", "from [] now"}),
    ],
)
def test_how_many_words_make_a_parameter(texts: list[str], templates: set[str]) -> None:
    assert templates == set(merge_slots(texts).values())


@pytest.mark.parametrize("texts", [list(NAMES), ["<*>", *NAMES], [f"<*> {name} <*>" for name in NAMES]])
def test_messages_with_nothing_in_common_stay_apart(texts: list[str]) -> None:
    assert set(texts) == set(merge_slots(texts).values())


@pytest.mark.parametrize(
    "words",
    [
        ("failed", "completed", "started", "killed"),
        ("NodeReady", "NodeFailed", "NodeKilled"),
        ("[failed],", "[started],", "[stopped],"),
        ('"GET', '"POST', '"DELETE'),
    ],
)
def test_words_that_say_a_state_or_a_request_are_kept_apart(words: tuple[str, ...]) -> None:
    texts = [f"this {word} happened" for word in words]

    assert set(texts) == set(merge_slots(texts).values())


@pytest.mark.parametrize(("ordinary", "number"), [(8, 1), (7, 2)])
def test_a_state_among_eight_ordinary_words_is_a_parameter(ordinary: int, number: int) -> None:
    texts = [f"user {word} came" for word in (*EIGHT[:ordinary], "master")]

    assert number == len(set(merge_slots(texts).values()))


def test_words_behind_the_limit_are_one_word() -> None:
    head = " ".join("abcdefgh" * 6)
    texts = [f"{head} the end of {word} is near" for word in NAMES]

    assert {f"{head} <*>"} == set(merge_slots(texts).values())


def test_no_texts_give_nothing() -> None:
    assert {} == merge_slots([])
    assert {"": ""} == merge_slots([""])


# Properties --------------------------------------------------------------------------------------------------------

WORDS = st.sampled_from(["user", "root", "ann", "bob", "failed", "started", "17", "(8)", "()", "k=v", "k=w", "-", "="])
MESSAGES = st.lists(st.lists(WORDS, max_size=5).map(" ".join), max_size=40)


@settings(max_examples=200, deadline=None)
@given(MESSAGES, st.randoms(use_true_random=False))
def test_any_order_gives_the_same_templates(texts: list[str], chance: Any) -> None:
    shuffled = list(texts)
    chance.shuffle(shuffled)

    assert name(texts) == name(shuffled)


@settings(max_examples=100, deadline=None)
@given(MESSAGES, st.integers(1, 7))
def test_parts_masked_apart_give_the_templates_of_the_whole(texts: list[str], parts: int) -> None:
    masked = [mask(arrow(texts[part::parts])).to_pylist() for part in range(parts)]
    merged = merge_slots(sorted({text for part in masked for text in part}))

    for part in range(parts):
        for text, shape in zip(texts[part::parts], masked[part], strict=True):
            assert name(texts)[text] == merged[shape]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=30), max_size=20, unique=True))
def test_any_text_has_one_template(texts: list[str]) -> None:
    codes, names = find_templates(arrow(texts))

    assert len(texts) == len(codes)
    assert set(range(len(names))) == set(codes.tolist())


# Odd input: these would take minutes or gigabytes if cost grew with the square ---------------------------------------


def letters(number: int) -> str:
    """Spell a number without digits."""
    return "".join(chr(97 + int(digit)) for digit in str(number))


def test_a_hundred_thousand_different_messages() -> None:
    texts = [f"{letters(place)} said {letters(place * 7)} of {letters(place * 13)} here" for place in range(100_000)]

    assert 100_000 == len(set(find_templates(arrow(texts))[0].tolist()))


def test_many_places_at_a_time_or_few_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(1)
    texts = sorted({" ".join(chance.choices([*EIGHT, "failed", "<*>"], k=6)) for _ in range(3000)})
    whole = merge_slots(texts)
    monkeypatch.setattr("timeline.slots.AT_ONCE", 1)

    assert whole == merge_slots(texts)


def test_long_messages_with_many_different_words() -> None:
    texts = [" ".join(letters(place * step) for place in range(1, 400)) for step in range(1, 3000)]

    assert 2999 == len(set(find_templates(arrow(texts))[0].tolist()))


def test_messages_of_a_megabyte() -> None:
    texts = ["{" + f'"{letters(place)}":[' + '"x y",' * 200_000 + "]}" for place in range(5)]

    codes, names = find_templates(arrow(texts))

    assert 5 == len(codes)
    assert max(map(len, names)) <= templates.LONGEST
    assert np.all(codes >= 0)
