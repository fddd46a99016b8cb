"""Cells of parts of the evidence give what all of it gives, in memory that does not grow with it."""

from __future__ import annotations

import pickle
import random
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from look_alikes import at, chat, errors, frame, requests

from timeline import schema
from timeline.arrays import take
from timeline.cell_keys import PERSON
from timeline.cells import Cells, combine, entries_of, reduce_events
from timeline.collapse import collapse
from timeline.errors import SchemaError

LIMITS = (1, 3, 8, 16, 33, 64, 1 << 19)
WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta")
# Seconds after noon: close together, hours apart, centuries off, unknown.
TIMES = st.one_of(
    st.none(), st.integers(0, 2_000).map(lambda tenth: tenth / 10), st.integers(0, 500_000).map(float),
    st.sampled_from([-8.6e9, 9e9]),
)  # fmt: skip


@st.composite
def mixtures(draw: st.DrawFn) -> pd.DataFrame:
    """Draw events of all sorts, many alike, some that are unlike any other."""
    word = st.sampled_from(WORDS)
    path = st.lists(word, min_size=1, max_size=3).map(lambda words: "/" + "/".join(words))
    text = st.lists(word, min_size=1, max_size=10).map(" ".join)
    rows = []
    for sort in draw(st.lists(st.integers(0, 7), min_size=1, max_size=40)):
        t = draw(TIMES)
        if sort == 0:
            rows += errors([t], draw(text), service=draw(word))
        elif sort == 1:
            rows += errors([t], "tick", severity=draw(st.sampled_from(["info", "err"])), host=draw(word))
        elif sort == 2:
            rows += errors([t], "unit started", kind="unit-started", service=draw(word))
        elif sort == 3:
            rows += errors([t], "bookkeeping", kind="noise")
        elif sort == 4:
            rows += requests([t or 0.0], draw(st.sampled_from([200, 204, 404])), draw(path))
        elif sort == 5:
            status, method = draw(st.sampled_from([500, 502, 504])), draw(st.sampled_from(["GET", "POST"]))
            rows += requests([t or 0.0], status, draw(path), method)
        elif sort == 6:
            rows += chat([t or 0.0], "+1", bot=False)
        else:
            rows += chat([t or 0.0], f"[FIRING] {draw(word)}", bot=True, kind="alert-firing")
    return frame(rows)


def split(events: pd.DataFrame, places: list[int]) -> list[pd.DataFrame]:
    return [take(events, np.flatnonzero(np.array(places) == part)) for part in sorted(set(places))]


def folded(cells: Cells) -> int:
    """Count the cells of what may be folded: all but those of people."""
    return int((cells.keys["form"].to_numpy()[cells.table.key] != PERSON).sum())


# Properties --------------------------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(mixtures(), st.integers(1, 6), st.sampled_from(LIMITS), st.randoms(use_true_random=False))
def test_parts_give_what_the_whole_gives(events: pd.DataFrame, parts: int, limit: int, chance: random.Random) -> None:
    reduced = [
        reduce_events(part, limit=limit) for part in split(events, [chance.randrange(parts) for _ in events.index])
    ]
    chance.shuffle(reduced)
    if len(reduced) > 2:
        reduced = [combine(reduced[:2]), *reduced[2:]]
    whole, got = reduce_events(events, limit=limit), combine(reduced)

    pd.testing.assert_frame_equal(entries_of(whole), entries_of(got))
    assert (whole.share, len(whole), len(whole.rows)) == (got.share, len(got), len(got.rows))


@settings(max_examples=60, deadline=None)
@given(mixtures(), st.sampled_from(LIMITS), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(events: pd.DataFrame, limit: int, chance: random.Random) -> None:
    order = list(range(len(events)))
    chance.shuffle(order)

    pd.testing.assert_frame_equal(
        entries_of(reduce_events(events, limit=limit)), entries_of(reduce_events(take(events, order), limit=limit))
    )


@settings(max_examples=60, deadline=None)
@given(mixtures(), st.sampled_from(LIMITS))
def test_nothing_is_lost_and_the_limit_holds(events: pd.DataFrame, limit: int) -> None:
    cells = reduce_events(events, limit=limit)
    # What is left if everything that may be given up was given up.
    least = events.assign(
        undated=events["timestamp"].isna(), status=events["http.response.status_code"] // 100
        if "http.response.status_code" in events else 0,
    ).groupby(["source", "severity", "kind", "undated", "status"], dropna=False, observed=True).ngroups  # fmt: skip

    assert (events["kind"] != "noise").sum() == entries_of(cells)["count"].sum()
    assert folded(cells) <= max(limit, least)


@settings(max_examples=40, deadline=None)
@given(mixtures(), st.sampled_from(LIMITS))
def test_nothing_added_changes_nothing(events: pd.DataFrame, limit: int) -> None:
    cells, nothing = reduce_events(events, limit=limit), reduce_events(schema.empty(), limit=limit)

    for parts in ([cells], [nothing, cells], [cells, nothing, nothing], [combine([cells])]):
        pd.testing.assert_frame_equal(entries_of(cells), entries_of(combine(parts)))


@settings(max_examples=40, deadline=None)
@given(mixtures())
def test_collapse_is_made_of_cells(events: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(collapse(events), entries_of(combine([reduce_events(events)])))


# What is kept --------------------------------------------------------------------------------------------------------


def test_nothing_at_all_gives_no_entries() -> None:
    assert 0 == len(entries_of(combine([])))
    with pytest.raises(SchemaError):
        reduce_events(pd.DataFrame({"message": ["x"]}))


def test_cells_travel_between_processes() -> None:
    events = frame([*errors([0, 5]), *requests([1.0, 2.0], 502), *chat([3.0], "+1", bot=False)])
    cells = reduce_events(events)

    pd.testing.assert_frame_equal(collapse(events), entries_of(combine([pickle.loads(pickle.dumps(cells))])))


def test_a_run_goes_on_in_the_next_part() -> None:
    events = frame(errors([0, 30, 60, 90, 200]))
    parts = [reduce_events(part) for part in split(events, [0, 1, 0, 1, 0])]

    assert [4, 1] == entries_of(combine(parts))["count"].tolist()


def test_of_a_flood_the_rows_at_its_ends_are_kept() -> None:
    flood = errors([*range(600), *range(1000, 1600)], "unit started", kind="unit-started")

    cells = reduce_events(frame(flood))

    assert [1, 600, 601, 1200] == cells.rows["line"].tolist()
    assert 120 == len(cells)


def test_of_requests_that_did_not_fail_two_rows_are_kept() -> None:
    assert 2 == len(reduce_events(frame(requests([0.0, 500.0, 9000.0, 20000.0], 200))).rows)


def test_rows_of_one_line_are_told_apart_by_their_text() -> None:
    rows: list[dict[str, Any]] = [{"line": None, **row} for row in errors([1, 1, 1], "user {n}")]
    events = frame(rows)

    texts = {entries_of(reduce_events(take(events, order)))["message"][0] for order in ([0, 1, 2], [2, 1, 0])}

    assert {"user 0"} == texts


def test_a_stamp_centuries_off_costs_one_cell() -> None:
    events = frame(errors([0, 1, -8.6e9]))

    assert 2 == len(reduce_events(events))
    assert [1, 2] == collapse(events)["count"].tolist()


# The limit -----------------------------------------------------------------------------------------------------------


def test_buckets_become_wider_until_the_cells_fit() -> None:
    # Every 10 s for 640 s: 64 cells. Noon is no multiple of 160 s, so that four wide buckets become five.
    events = frame(errors([10.0 * place for place in range(64)]))

    assert [64, 32, 16] == [len(reduce_events(events, limit=limit)) for limit in (64, 32, 16)]
    entries = entries_of(reduce_events(events, limit=16))
    assert [64] == entries["count"].tolist()
    assert [at(630)] == entries["until"].tolist()
    assert [64] == entries["last_line"].tolist()


def test_the_busiest_keys_get_wider_buckets_first() -> None:
    # 60 cells of one text and 2 of another: with 16 for both, those of the first become 15 or less.
    often = errors([10.0 * place for place in range(60)], "still waiting")
    events = frame([*often, *errors([0, 100], "gave up")])

    cells = reduce_events(events, limit=32)

    exponents = dict(zip(cells.keys["text"], cells.keys["exponent"], strict=True))
    assert exponents["gave up"] == 0
    assert exponents["still waiting"] > 0
    assert [1, 1] == entries_of(cells)["count"][lambda counts: counts < 60].tolist()


def test_texts_that_never_repeat_are_cut_to_their_first_words() -> None:
    # A limit of 32 allows two texts: four words are too many, two leave one text.
    texts = [f"cannot parse {word} {other} at all" for word in WORDS for other in WORDS]
    events = frame([row for place, text in enumerate(texts) for row in errors([float(place)], text)])

    entries = entries_of(reduce_events(events, limit=32))

    assert ["cannot parse \u2026"] == entries["template"].tolist()
    assert [36] == entries["count"].tolist()


def test_texts_without_common_words_become_other_messages() -> None:
    texts = [f"{word}x {other}" for word in WORDS for other in WORDS]
    rows = [row for place, text in enumerate(texts) for row in errors([float(place)], text, service="shop-api")]

    entries = entries_of(reduce_events(frame(rows), limit=32))

    assert ["\u2026 other messages of shop-api"] == entries["message"].tolist()
    assert [36] == entries["count"].tolist()


def test_a_service_with_endless_texts_leaves_the_others_alone() -> None:
    texts = [f"{word}x {other}" for word in WORDS for other in WORDS]
    rows = [row for place, text in enumerate(texts) for row in errors([float(place)], text, service="shop-api")]

    entries = entries_of(reduce_events(frame([*rows, *errors([5], "disk full", service="db")]), limit=64))

    assert {"disk full": 1, "\u2026 other messages of shop-api": 36} == dict(
        zip(entries["message"], entries["count"], strict=True)
    )


def test_routes_that_never_repeat_are_cut_to_their_first_segments() -> None:
    paths = [f"/shop/{word}/{other}" for word in WORDS for other in WORDS]
    events = frame([row for place, path in enumerate(paths) for row in requests([float(place)], 502, path)])

    entries = entries_of(reduce_events(events, limit=32))

    assert "502 on POST /shop/\u2026: 100 % of 36 requests" in entries["message"].tolist()


def test_more_services_than_the_limit_are_told_together() -> None:
    events = frame([row for place in range(40) for row in errors([float(place)], "x", service=f"s{place}")])

    cells = reduce_events(events, limit=16)

    assert 1 == len(cells)
    assert ["\u2026 other messages of app"] == entries_of(cells)["message"].tolist()


def test_people_are_not_folded_whatever_the_limit() -> None:
    assert 5 == len(entries_of(reduce_events(frame(chat([1, 2, 3, 4, 5], "+1", bot=False)), limit=1)))
