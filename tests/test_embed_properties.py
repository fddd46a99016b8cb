"""Embedding, for any draft and any lines: bytes outside the block stay, and running it again changes nothing."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from timeline.embed import BlockLine, plan
from timeline.errors import EmbedError

BEGIN = b"<!-- BEGIN timeline-build id=main v=1 -->"
END = b"<!-- END timeline-build id=main -->"
MARKDOWN = [
    b"", b"text", b"# Timeline", b"## Timeline (all times UTC)", b"Timeline", b"===", b"---", b"+++", b"title: x", b"...",
    b"```", b"````md", b"~~~", b"    code", b"\tcode", b"> quote", b"- item", b"  - nested", b"1. one", b"<!--", b"-->",
    b"<!-- a -->", b"<pre>", b"</pre>", b"<details>", b"<div>", b"</div>", b"[a]: b", b"| a | b |", b"|---|---|", b"\\", b"***",
]  # fmt: skip
MARKERS = [
    BEGIN,
    END,
    b"> " + BEGIN,
    b"  " + END,
    b"    " + BEGIN,
    BEGIN + b" x",
    BEGIN.replace(b"main", b"b"),
    END.replace(b"main", b"b"),
]
ODD = [
    b"\xff\xfe",
    b"caf\xe9",
    b"\xed\xa0\x80",
    b"\0",
    b"\x0b\x0c\x1c",
    b"\xc2\x85",
    b"\xe2\x80\xa8",
    b"a\rb",
    b"\xef\xbb\xbf",
    b"\x1b[0m",
]


def drafts(*extra: list[bytes]) -> st.SearchStrategy[bytes]:
    pieces = st.sampled_from([*MARKDOWN, *ODD, *(piece for pieces in extra for piece in pieces)]) | st.binary(
        max_size=6
    )
    lines = st.tuples(pieces, st.sampled_from([b"\n", b"\n", b"\r\n", b"\r\n", b"\r", b""]))
    marks = st.sampled_from([b"", b"", b"\xef\xbb\xbf"])
    return st.builds(lambda mark, body: mark + b"".join(a + b for a, b in body), marks, st.lists(lines, max_size=14))


TEXTS = st.text(max_size=12) | st.sampled_from(
    ["### 2026-06-15", "", "[^1]: note", "- 14:03 a --> b", "a\nb", "| a | b |", END.decode()]
)
LINES = st.lists(
    st.builds(BlockLine, TEXTS.map("- 14:03 {}".format) | TEXTS, st.sampled_from(["", "a1", "b2", "c3", "--> x"])),
    max_size=6,
)
BULLETS = st.lists(st.builds(BlockLine, st.from_regex(r"- 1[0-9]:[0-5][0-9] [a-z]{1,9}", fullmatch=True), st.from_regex(r"[0-9a-f]{8}", fullmatch=True)), min_size=1, max_size=6)  # fmt: skip


@given(drafts(), LINES)
@settings(max_examples=400)
def test_nothing_outside_an_inserted_block_changes(old: bytes, lines: list[BlockLine]) -> None:
    with suppress(EmbedError):
        new = plan(old, lines, init=True)

        places = [i for i in range(len(old) + 1) if new.startswith(old[:i]) and new.endswith(old[i:])]
        inserted = [new[i : len(new) - len(old) + i] for i in places]
        assert any(text.count(b"<!-- BEGIN timeline-build ") == 1 for text in inserted)


@given(drafts(), drafts(), LINES, LINES)
@settings(max_examples=400)
@example(b"\xef\xbb\xbf", b"", [], [])
def test_nothing_outside_a_replaced_block_changes(
    above: bytes, below: bytes, lines: list[BlockLine], others: list[BlockLine]
) -> None:
    assume(b"imeline" not in above + below)  # or hidden markers lead to an insertion there
    above += b"\n\n"
    below = b"\n" + below
    with suppress(EmbedError):
        first = plan(above + BEGIN + b"\n" + END + below, lines)
        second = plan(first, others)

        for new in (first, second):
            assert new.startswith(above + BEGIN)
            assert new.endswith(b" -->" + below)
            assert new.count(BEGIN) == (above + BEGIN + below).count(BEGIN)


@given(old=drafts(MARKERS), lines=LINES, init=st.booleans())
@settings(max_examples=400)
def test_again_changes_nothing(old: bytes, lines: list[BlockLine], *, init: bool) -> None:
    with suppress(EmbedError):
        new = plan(old, lines, init=init)

        assert new == plan(new, lines)
        assert new == plan(new, lines, init=True, on_edit="overwrite")


@given(st.binary() | drafts(MARKERS), LINES)
def test_any_bytes_give_a_plan_or_an_embed_error(old: bytes, lines: list[BlockLine]) -> None:
    with suppress(EmbedError):
        plan(old, lines)


@given(BULLETS, st.data())
def test_a_word_typed_into_any_line_is_found_at_its_number(lines: list[BlockLine], data: st.DataObject) -> None:
    rows = plan(b"## Timeline\n", lines).decode().split("\n")
    # Rows: 0 heading, 1 blank, 2 BEGIN, 3 note, 4 blank, 5... entries
    row = data.draw(st.integers(5, 4 + len(lines)))
    column = data.draw(st.integers(2, rows[row].index(" <!-- tl:")))
    rows[row] = f"{rows[row][:column]} typed {rows[row][column:]}"

    assert f"line {row + 1} changed (draft:{row + 1})" in refusal("\n".join(rows), lines)


@given(BULLETS, st.data())
def test_a_line_typed_anywhere_is_found_at_its_number(lines: list[BlockLine], data: st.DataObject) -> None:
    rows = plan(b"## Timeline\n", lines).decode().split("\n")
    row = data.draw(st.integers(3, 6 + len(lines)))
    rows.insert(
        row,
        data.draw(st.sampled_from(["- 14:00 typed", "typed", "  - typed", "<!-- typed -->", "### typed"])),
    )

    assert f"line {row + 1} added (draft:{row + 1})" in refusal("\n".join(rows), lines)


@given(BULLETS, st.data())
def test_a_line_taken_out_anywhere_is_found(lines: list[BlockLine], data: st.DataObject) -> None:
    rows = plan(b"## Timeline\n", lines).decode().split("\n")
    row = data.draw(st.integers(5, 4 + len(lines)))
    assume(rows.count(rows[row]) == 1)
    del rows[row]

    assert "text removed after line" in refusal("\n".join(rows), lines)


def refusal(text: str, lines: list[BlockLine]) -> str:
    try:
        plan(text.encode(), lines)
    except EmbedError as error:
        return str(error)
    raise AssertionError("an edited block was not refused")
