"""Runs of look-alike events become one entry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from look_alikes import at, chat, errors, frame, requests

from timeline import schema
from timeline.collapse import collapse
from timeline.errors import SchemaError
from timeline.templates import find_templates, mask, mask_routes, merge_slots

# Runs ------------------------------------------------------------------------------------------------------------


def test_messages_that_differ_in_numbers_become_one_entry_with_the_text_of_the_first() -> None:
    entries = collapse(frame(errors([1, 2, 2, 3])))

    assert ["pool exhausted: 0 of 24"] == entries["message"].tolist()
    assert [4] == entries["count"].tolist()
    assert [at(1)] == entries["timestamp"].tolist()
    assert [at(3)] == entries["until"].tolist()
    assert ["pool exhausted: <*> of <*>"] == entries["template"].tolist()


def test_a_single_event_has_no_until_and_no_peak() -> None:
    entries = collapse(frame(errors([1])))

    assert [1] == entries["count"].tolist()
    assert entries["until"].isna().all()
    assert entries["peak_at"].isna().all()


@pytest.mark.parametrize(("pause", "runs"), [(60, 1), (60.000001, 2)])
def test_a_run_ends_after_a_pause_of_more_than_a_minute(pause: float, runs: int) -> None:
    assert runs == len(collapse(frame(errors([0, 1, 1 + pause]))))


@pytest.mark.parametrize(("pause", "runs"), [(200, 1), (201, 2)])
def test_a_run_with_a_usual_gap_ends_after_ten_of_them(pause: float, runs: int) -> None:
    regular = [20.0 * place for place in range(9)]

    assert runs == len(collapse(frame(errors([*regular, regular[-1] + pause]))))


def test_a_change_of_state_is_a_new_event_after_a_minute_whatever_its_usual_gap_is() -> None:
    regular = [20.0 * place for place in range(9)]

    entries = collapse(frame(errors([*regular, regular[-1] + 100], "Started shop.service", kind="unit-started")))

    assert [9, 1] == entries["count"].tolist()


def test_the_peak_is_the_first_event_of_the_densest_ten_seconds() -> None:
    entries = collapse(frame(errors([0, 11, 21, 22, 23, 31, 32, 33])))

    assert [at(21)] == entries["peak_at"].tolist()


@pytest.mark.parametrize("column", ["host", "service", "severity", "source", "kind"])
def test_events_that_differ_in_a_column_stay_apart(column: str) -> None:
    other = {"severity": "warning"}.get(column, "other")

    assert 2 == len(collapse(frame([*errors([1]), *errors([2], **{column: other})])))


def test_noise_is_left_out() -> None:
    entries = collapse(frame([*errors([1]), *errors([2], kind="noise")]))

    assert 1 == entries["count"].sum()


def test_events_without_a_time_are_kept_as_a_run_of_their_own() -> None:
    entries = collapse(frame(errors([1, None, None])))

    assert [1, 2] == entries["count"].tolist()
    assert entries["until"].isna().all()


def test_nothing_gives_nothing() -> None:
    entries = collapse(schema.empty())

    assert len(entries) == 0
    assert {"count", "until", "peak_at", "template"} <= set(entries.columns)
    with pytest.raises(SchemaError):
        collapse(pd.DataFrame({"message": ["x"]}))


def test_people_are_never_folded() -> None:
    assert 3 == len(collapse(frame(chat([1, 1, 2], "+1", bot=False))))


def test_programs_in_a_chat_are_folded_if_their_texts_are_equal() -> None:
    texts = [*chat([1, 30], "[FIRING:1] HighErrorRate", bot=True), *chat([31], "[FIRING:2] HighErrorRate", bot=True)]

    assert [2, 1] == collapse(frame(texts))["count"].tolist()


# Requests --------------------------------------------------------------------------------------------------------


def test_failed_requests_say_their_share_and_where_they_end() -> None:
    good = requests([float(second) for second in range(100)], 200)
    entries = collapse(frame([*good, *requests([20.5, 30.5, 40.5, 49.5], 502)]))

    # In the seconds from 20 to 49 there are 30 good requests and 4 bad ones.
    failed = entries[entries["kind"] == "http-errors"]
    assert ["502 on POST /checkout: 12 % of 34 requests"] == failed["message"].tolist()
    assert [34] == failed["http.request.count"].tolist()
    assert [4] == failed["count"].tolist()
    end = entries[entries["kind"] == "http-errors-end"]
    assert ["last 502 on POST /checkout"] == end["message"].tolist()
    assert [at(49.5)] == end["timestamp"].tolist()
    assert [104] == end["line"].tolist()
    assert [0] == end["count"].tolist()


def test_a_single_failed_request_is_named_without_a_share() -> None:
    entries = collapse(frame(requests([1], 504)))

    assert ["504 on POST /checkout"] == entries["message"].tolist()


@pytest.mark.parametrize(
    ("statuses", "message"),
    [
        ((502, 504), "502 and 504 on POST /checkout: 100 % of 2 requests"),
        ((500, 502, 504), "5xx on POST /checkout: 100 % of 3 requests"),
    ],
)
def test_several_statuses_are_named_together(statuses: tuple[int, ...], message: str) -> None:
    entries = collapse(
        frame([request for second, status in enumerate(statuses) for request in requests([second], status)])
    )

    assert message == entries["message"][0]


def test_a_small_share_has_a_decimal() -> None:
    entries = collapse(frame([*requests(np.linspace(0, 50, 498).tolist(), 200), *requests([0, 50], 500)]))

    assert "500 on POST /checkout: 0.4 % of 500 requests" in entries["message"].tolist()


def test_good_requests_fold_to_one_entry_a_route_and_class() -> None:
    seconds = [0.0, 1000.0, 5000.0]
    entries = collapse(
        frame(
            [
                *requests(seconds, 200, "/orders/17"),
                *requests(seconds, 201, "/orders/18"),
                *requests(seconds, 404, "/x"),
            ]
        )
    )

    assert ["2xx on /orders/<*>", "4xx on /x"] == sorted(entries["message"])
    assert {"2xx /orders/<*>": 6, "4xx /x": 3} == dict(zip(entries["template"], entries["count"], strict=True))


def test_a_request_without_a_path_is_counted_too() -> None:
    entries = collapse(
        frame([{"t": n, "source": "nginx-access", "message": "-", "http.response.status_code": 500} for n in (1, 2)])
    )

    assert [2, 0] == entries["count"].tolist()
    assert entries["message"][0].startswith("500 on requests")


# Templates ---------------------------------------------------------------------------------------------------------


def arrow(texts: Sequence[str | None]) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(texts, pa.large_string())])


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("took 12.5 ms", "took <*>"),
        ("GET http://10.0.0.1/x failed", "GET <*> failed"),
        ("open /var/lib/x failed", "open <*> failed"),
        ("peer 00:1a:2b:3c:4d:5e left", "peer <*> left"),
        ("Mon Jun 15 12:00:00", "<*>"),
        ("no numbers here", "no numbers here"),
        ("first line 1\n  at 2", "first line <*>"),
    ],
)
def test_what_varies_is_masked(text: str, masked: str) -> None:
    assert [masked] == mask(arrow([text])).to_pylist()


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/checkout?id=1", "/checkout"),
        ("/orders/17/items", "/orders/<*>/items"),
        ("/api/v2/users/7f3a", "/api/v2/users/<*>"),
        ("/static/app.3f2.js", "/static/<*>"),
        ("/v1beta2/x", "/<*>/x"),
        ("/", "/"),
    ],
)
def test_varying_segments_of_a_path_are_masked(path: str, route: str) -> None:
    assert [route] == mask_routes(arrow([path])).to_pylist()


def test_a_word_is_a_parameter_if_three_were_seen_in_its_place() -> None:
    texts = [f"user {name} logged in" for name in ("root", "guest", "admin")]

    assert {"user <*> logged in"} == set(merge_slots(texts).values())
    assert set(texts[:2]) == set(merge_slots(texts[:2]).values())


def test_words_that_say_a_state_are_kept_apart() -> None:
    texts = [f"job {state}" for state in ("failed", "completed", "started", "killed")]

    assert set(texts) == set(merge_slots(texts).values())


def test_a_message_that_is_missing_has_no_template() -> None:
    codes, names = find_templates(arrow(["a 1", None, "a 2"]))

    assert [0, -1, 0] == codes.tolist()
    assert ["a <*>"] == names


def test_long_messages_are_merged_in_reasonable_time() -> None:
    texts = [" ".join(f"word{chr(97 + (place * step) % 26)}" for place in range(400)) for step in range(200)]

    assert len(set(texts)) == len(merge_slots(list(set(texts))))


@given(st.lists(st.text(alphabet="ab1 =", max_size=8), max_size=20), st.randoms(use_true_random=False))
def test_the_order_of_messages_does_not_change_templates(texts: list[str], chance: Any) -> None:
    shuffled = list(texts)
    chance.shuffle(shuffled)
    codes, names = find_templates(arrow(texts))
    other_codes, other_names = find_templates(arrow(shuffled))

    assert names == other_names
    assert {text: names[code] for text, code in zip(texts, codes, strict=True)} == {
        text: names[code] for text, code in zip(shuffled, other_codes, strict=True)
    }


# Properties --------------------------------------------------------------------------------------------------------


@st.composite
def mixtures(draw: st.DrawFn) -> pd.DataFrame:
    """Draw events of all sorts, many alike, some without a time."""
    times = st.one_of(st.none(), st.integers(0, 200).map(float))
    sorts = [
        lambda t: errors([t]),
        lambda t: errors([t], "user {n} logged in", kind="noise"),
        lambda t: errors([t], "unit started", kind="unit-started"),
        lambda t: requests([t], 200),
        lambda t: requests([t], 502),
        lambda t: requests([t], 504, "/orders/5"),
        lambda t: chat([t], "+1", bot=False),
        lambda t: chat([t], "[FIRING]", bot=True, kind="alert-firing"),
    ]
    rows = [
        row
        for make, t in draw(st.lists(st.tuples(st.sampled_from(sorts), times), min_size=1, max_size=25))
        for row in make(t)
    ]
    return frame(rows)


@settings(max_examples=50, deadline=None)
@given(mixtures())
def test_counts_add_up_to_the_events(events: pd.DataFrame) -> None:
    assert (events["kind"] != "noise").sum() == collapse(events)["count"].sum()


@settings(max_examples=50, deadline=None)
@given(mixtures(), st.integers(0, 9))
def test_the_order_of_rows_does_not_matter(events: pd.DataFrame, seed: int) -> None:
    shuffled = events.iloc[np.random.default_rng(seed).permutation(len(events))].reset_index(drop=True)

    pd.testing.assert_frame_equal(collapse(events), collapse(shuffled), check_categorical=False)


@settings(max_examples=60, deadline=None)
@given(mixtures())
def test_entries_are_event_frames_in_order_of_time(events: pd.DataFrame) -> None:
    entries = collapse(events)

    schema.check(entries)
    assert entries["timestamp"].dropna().is_monotonic_increasing
    assert (entries["until"].dropna() >= entries["timestamp"][entries["until"].notna()]).all()
