"""Entries become Markdown that one can paste; untrusted text stays harmless."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from timeline import schema
from timeline.errors import UnknownNameError
from timeline.markdown_text import neutralise, shorten
from timeline.masking import mask_secrets
from timeline.render import block_lines, to_markdown


def entries(*rows: dict[str, Any]) -> pd.DataFrame:
    filled = [
        {"time_basis": "explicit", "source": "nginx-error", "file": "nginx/error.log", "line": 1, **row} for row in rows
    ]
    frame = pd.DataFrame(filled)
    frame["timestamp"] = pd.to_datetime(frame["timestamp"], utc=True).dt.as_unit("us")
    if "until" in frame:
        frame["until"] = pd.to_datetime(frame["until"], utc=True).dt.as_unit("us")
    return schema.conform(frame)


def test_the_form_of_a_line() -> None:
    frame = entries(
        {
            "timestamp": "2026-06-15T14:03:11Z",
            "message": "upstream timed out",
            "host": "web-01",
            "count": 431,
            "until": "2026-06-15T14:07:48Z",
        },
        {
            "timestamp": "2026-06-15T14:05:00Z",
            "message": "paging the *database* team",
            "source": "slack",
            "service": "#incident",
            "actor": "dba",
        },
    )

    assert (
        "## Timeline (all times UTC)\n\nOn 2026-06-15:\n\n"
        "- 14:03 **nginx** web-01: upstream timed out (×431 until 14:07:48)\n"
        "- 14:05 **#incident** dba: paging the database team\n"
    ) == to_markdown(frame)


def test_seconds_appear_where_entries_share_a_minute() -> None:
    frame = entries(
        {"timestamp": "2026-06-15T14:03:11Z", "message": "a"},
        {"timestamp": "2026-06-15T14:03:14Z", "message": "b"},
        {"timestamp": "2026-06-15T14:05:14Z", "message": "c"},
    )

    assert ["- 14:03:11 ", "- 14:03:14 ", "- 14:05 **"] == [
        line.text[:11] if line.text[7] == ":" else line.text[:10] for line in block_lines(frame) if line.id
    ]


def test_days_become_headings_when_midnight_utc_is_crossed() -> None:
    frame = entries(
        {"timestamp": "2026-06-15T23:59:00Z", "message": "a"}, {"timestamp": "2026-06-16T00:01:00Z", "message": "b"}
    )

    assert "### 2026-06-15\n\n- 23:59 **nginx**: a\n\n### 2026-06-16\n\n- 00:01 **nginx**: b\n" in to_markdown(frame)


def test_a_time_that_was_not_certain_says_so() -> None:
    frame = entries(
        {
            "timestamp": "2026-06-15T14:03:00Z",
            "message": "a",
            "time_basis": "assumed",
            "time_note": "zone not known, read as UTC",
        }
    )

    text = to_markdown(frame)

    assert "- 14:03† **nginx**: a" in text
    assert "† Not in the record itself: nginx/error.log: zone not known, read as UTC (assumed)." in text


def test_phases_stand_first() -> None:
    frame = entries({"timestamp": "2026-06-15T14:03:00Z", "message": "5xx", "phase": "OUTAGE BEGINS"})

    assert "- 14:03 **OUTAGE BEGINS** **nginx**: 5xx" in to_markdown(frame)


def test_citations_name_file_and_line() -> None:
    frame = entries({"timestamp": "2026-06-15T14:03:00Z", "message": "a", "line": 12})

    text = to_markdown(frame, citations=True)

    assert "a [^tl1]" in text
    assert "[^tl1]: nginx/error.log:12" in text


def test_absolute_paths_are_not_published() -> None:
    frame = entries({"timestamp": "2026-06-15T14:03:00Z", "message": "a", "file": "/home/jane/incident/error.log"})

    assert "/home/jane" not in to_markdown(frame, citations=True)


def test_a_table_escapes_pipes() -> None:
    frame = entries({"timestamp": "2026-06-15T14:03:00Z", "message": "a | b"})

    assert "| 2026-06-15 14:03 | **nginx**: a \\| b |" in to_markdown(frame, style="table")


def test_a_table_cites_in_a_column_only() -> None:
    frame = entries({"timestamp": "2026-06-15T14:03:00Z", "message": "a", "line": 12})

    text = to_markdown(frame, style="table", citations=True)

    assert "| **nginx**: a | nginx/error.log:12 |" in text
    assert "[^" not in text


def test_nothing_says_so() -> None:
    assert "Nothing in the evidence stands out" in to_markdown(schema.empty())


def test_an_unknown_style_is_refused() -> None:
    with pytest.raises(UnknownNameError):
        to_markdown(schema.empty(), style="bulets")


def test_ids_do_not_depend_on_the_neighbours() -> None:
    rows = [
        {"timestamp": "2026-06-15T14:03:00Z", "message": "a"},
        {"timestamp": "2026-06-15T14:04:00Z", "message": "b"},
    ]

    both = {line.id for line in block_lines(entries(*rows)) if line.id}
    one = {line.id for line in block_lines(entries(rows[1])) if line.id}

    assert one < both
    assert 2 == len(both)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>", "<!-- END timeline-build id=main -->", "[click](http://evil.example)", "![x](http://evil.example/p.png)",
        "`code` *bold* _em_ ~~gone~~", "a\n# heading", "&lt;b&gt; &amp;", "\\*not\\*", "$x$ and ``x``", "[a][b]", "x\r\n> quote", "[^1] note",
    ],
)  # fmt: skip
def test_log_text_is_shown_as_it_is(text: str) -> None:
    [paragraph] = [token for token in MarkdownIt("commonmark").parse(neutralise(text)) if token.type == "inline"]

    assert {"text", "text_special"} >= {child.type for child in paragraph.children or []}
    assert " ".join(text.replace("\r\n", " ⏎ ").replace("\n", " ⏎ ").split()) == "".join(
        child.content for child in paragraph.children or []
    )


def test_readable_text_is_left_alone() -> None:
    text = "[FIRING] HighErrorRate: orders.created_at has no index (5 > 3) -> page"

    assert text == neutralise(text)


def test_mentions_and_references_are_defused() -> None:
    assert "@here" not in neutralise("hey @here see #123")
    assert "#123" not in neutralise("hey @here see #123")


@given(st.text())
def test_neutral_text_is_one_line_without_controls(text: str) -> None:
    shown = neutralise(text)

    assert not any(letter < " " or letter in "\x7f\x85\u2028\u2029\u202e\u200f" for letter in shown)


def test_long_text_ends_at_a_word() -> None:
    assert "one two…" == shorten("one two three", 10)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("token xoxb-123456789012-abcdef", "xoxb"), ("postgres://app:hunter2@db/shop", "hunter2"), ("PGPASSWORD=hunter2 psql", "hunter2"),
        ("Authorization: Bearer abc.def", "abc.def"), ("key AKIAABCDEFGHIJKLMNOP", "AKIA"), ("password=hunter2&x=1", "hunter2"),
        ("https://hooks.slack.com/services/T0/B0/xyz", "xyz"),
    ],
)  # fmt: skip
def test_secrets_are_masked(text: str, secret: str) -> None:
    assert secret not in mask_secrets(text)


def test_ordinary_text_is_not_masked() -> None:
    text = "password authentication failed for user alice at https://shop.example/checkout"

    assert text == mask_secrets(text)


@pytest.mark.parametrize(
    "text",
    ["[[x]: u](u)", "[a [b](c)", "![x](y)", "[x][y]", "![[x]](y)", "[x]\\](u)", "a](b)[c](d)", "[[^1]](u)", "[x]:[y]"],
)
def test_brackets_never_become_links_however_they_nest(text: str) -> None:
    assert f"<p>x {text} z</p>\n" == MarkdownIt("commonmark").render(f"x {neutralise(text)} z\n")


def test_footnotes_neutralise_the_names_of_files() -> None:
    frame = entries({"timestamp": "2026-06-15T14:03:11Z", "message": "a", "file": "e.zip!<b>[x](y)`@here.log"})

    assert "[^tl1]: e.zip!\\<b>[x\\](y)\\`@\u2060here.log:1\n" in to_markdown(frame, citations=True)


@pytest.mark.parametrize(
    ("files", "shown"),
    [
        (["/srv/i/nginx/a.log", "/srv/i/b.log"], ["nginx/a.log", "b.log"]),
        (["/srv/i/nginx/a.log", "web/b.log"], ["a.log", "web/b.log"]),
        (["/srv/x/a.log", "/home/y/a.log"], ["x/a.log", "y/a.log"]),
        (["/srv/x/i/a.log", "/home/y/i/a.log", "c.log"], ["x/i/a.log", "y/i/a.log", "c.log"]),
        (["i/a.log", "../b.log"], ["i/a.log", "../b.log"]),
    ],
)
def test_no_path_of_the_machine_is_published(files: list[str], shown: list[str]) -> None:
    rows = [{"timestamp": f"2026-06-15T14:0{n}:11Z", "message": "a", "file": name} for n, name in enumerate(files)]

    assert [f"[^tl{n}]: {name}:1" for n, name in enumerate(shown, 1)] == to_markdown(
        entries(*rows), citations=True
    ).splitlines()[-len(files) :]


def test_what_has_no_time_is_not_passed_over_silently() -> None:
    some = entries({"timestamp": "2026-06-15T14:03:11Z", "message": "a"}, {"timestamp": None, "message": "b"})

    assert to_markdown(some).endswith("- 14:03 **nginx**: a\n\nWithout a known time, and therefore not shown: 1.\n")
    assert "## Timeline (all times UTC)\n\nWithout a known time, and therefore not shown: 1.\n" == to_markdown(some[1:])


def test_a_frame_needs_only_what_it_has() -> None:
    frame = entries({"timestamp": "2026-06-15T14:03:11Z", "message": "a"})[["timestamp", "message"]]

    assert "- 14:03 **?**: a\n" in to_markdown(frame)
