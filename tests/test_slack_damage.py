"""Damage of every kind: the whole messages around it are read, nothing else is, and the sums hold."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from timeline_parsers.slack import parser

from timeline.containers import Memory
from timeline.parser import Batch
from timeline.sources import Source
from timeline.testing import check_parser

Json = dict[str, Any]
COUNT = 6
MESSAGES: list[Json] = [
    {
        "type": "message", "user": "U1", "text": f"message {place}", "ts": f"178153200{place}.000100",
        "attachments": [{"id": 1, "text": "inner"}], "previous_message": {"type": "message", "text": "old", "ts": "1781530000.000100"},
    }
    for place in range(COUNT)
]  # fmt: skip
PAGES = [{"ok": True, "messages": MESSAGES[:3], "has_more": True}, {"ok": True, "messages": MESSAGES[3:]}]
CHUNKS = [{"t": 0, "ts": 1683022288506765000, "id": "C0CHUNKS1", "m": page["messages"]} for page in PAGES]


def lines(values: list[Any]) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


FORMS = {
    "laid out": json.dumps(MESSAGES, indent=4),
    "compact": json.dumps(MESSAGES),
    "tight": json.dumps(MESSAGES, separators=(",", ":")),
    "answer": json.dumps({"ok": True, "messages": MESSAGES, "has_more": False}),
    "dump": json.dumps({"channel_id": "C0DUMP001", "name": "ops", "messages": MESSAGES}, indent=2),
    "a line each": lines(MESSAGES),
    "a page a line": lines(PAGES),
    "chunks": lines(CHUNKS),
}


def read(data: bytes) -> Batch:
    (batch,) = parser.parse(Source(Memory("x.json", data), ""))
    known = batch.continuation + batch.blank + batch.decoration + batch.unparsed
    assert batch.lines == len(batch.records) + known
    return batch


def said(batch: Batch) -> list[str]:
    return batch.records["message"].str.partition("\n")[0].tolist()


@pytest.mark.parametrize("form", FORMS)
def test_a_hole_costs_the_message_it_is_in(form: str) -> None:
    data = FORMS[form].replace('"message 2"', '"message 2')

    batch = read(data.encode())

    assert ["message 0", "message 1", "message 3", "message 4", "message 5"] == said(batch)
    assert batch.unparsed >= 1
    assert "damaged at line" in batch.warnings[0]
    assert "old" not in batch.records["message"].str.cat(sep="\n")


@pytest.mark.parametrize("form", FORMS)
def test_two_holes_are_two_of_the_unparsed(form: str) -> None:
    batch = read(FORMS[form].replace('"message 1"', '"message 1').replace('"message 4"', "message 4").encode())

    assert (["message 0", "message 2", "message 3", "message 5"], 2) == (said(batch), batch.unparsed)


@pytest.mark.parametrize("form", FORMS)
def test_a_cut_gives_what_is_whole_before_it(form: str) -> None:
    data = FORMS[form]

    batch = read(data[: data.index("message 4")].encode())

    assert (["message 0", "message 1", "message 2", "message 3"], 1) == (said(batch), batch.unparsed)


@pytest.mark.parametrize("indent", [None, 4])
def test_damage_does_not_bring_back_what_edits_replaced(indent: int | None) -> None:
    dump = {"messages": MESSAGES[:3], "has_edits": True, "edits": [MESSAGES[4] | {"text": "before"}]}
    data = json.dumps(dump, indent=indent)

    for damaged in (data.replace('"message 2"', '"message 2'), data.replace('"message 1"', '"message 1'), data[:-5]):
        assert "before" not in read(damaged.encode()).records["message"].str.cat(sep="\n")


def test_a_damaged_dump_keeps_its_nested_replies() -> None:
    root = MESSAGES[0] | {"slackdump_thread_replies": [MESSAGES[1]]}
    data = json.dumps({"channel_id": "C0DUMP001", "messages": [root, MESSAGES[2], MESSAGES[3]]})

    assert ["message 0", "message 1", "message 3"] == said(read(data.replace('"message 2"', '"message 2').encode()))


@pytest.mark.parametrize("form", FORMS)
def test_every_form_keeps_the_contract_of_parsers(form: str) -> None:
    check_parser(parser, FORMS[form].encode(), physical=False)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(FORMS)), st.data())
def test_random_damage_is_accounted_for(form: str, data: st.DataObject) -> None:
    whole = bytearray(FORMS[form].encode())
    place = st.integers(0, len(whole) - 1)
    match data.draw(st.sampled_from(["cut", "flip", "duplicate", "interleave", "drop"])):
        case "cut":
            del whole[data.draw(place) :]
        case "flip":
            for _ in range(3):
                whole[data.draw(place)] = data.draw(st.integers(0, 255))
        case "duplicate":
            start, end = sorted((data.draw(place), data.draw(place)))
            whole[end:end] = whole[start:end]
        case "interleave":
            start, end = sorted((data.draw(place), data.draw(place)))
            part = whole[start:end]
            whole[start:end] = b"".join(bytes(pair) for pair in zip(part, reversed(part), strict=True))
        case "drop":
            start, end = sorted((data.draw(place), data.draw(place)))
            del whole[start:end]

    parser.sniff(bytes(whole))
    read(bytes(whole))


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(set(FORMS) - {"a page a line", "chunks"})), st.data())
def test_one_flipped_byte_costs_one_message_at_most(form: str, data: st.DataObject) -> None:
    """Anywhere between two messages, so that the frame around them is whole; a page has its frame between them."""
    whole = bytearray(FORMS[form].encode())
    first, last = whole.index(b"message 1"), whole.index(b"message 4")
    whole[data.draw(st.integers(first, last))] ^= 0x80

    assert COUNT - len({*said(read(bytes(whole)))} & {f"message {place}" for place in range(COUNT)}) <= 2
