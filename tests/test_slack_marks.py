"""Slack's marks for bold, italic and struck text, in plain text and in Markdown."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from timeline_parsers._slack_marks import plain
from timeline_parsers._slack_text import Names
from timeline_parsers.slack import to_markdown

from timeline.markdown_text import drop_chat_markup

NAMES = Names(users={"U1": "Al_ice"}, channels={"C1": "general"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*bold* _it_ ~no~", "bold it no"),
        ("*two words*, _two words_.", "two words, two words."),
        ("_*both*_ and *_both_*", "both and both"),
        ("(*in brackets*)", "(in brackets)"),
        ("*<@U1>* and *<https://x.example/_a_|*label*>*", "<@U1> and <https://x.example/_a_|*label*>"),
        ("*a*\n_b_", "a\nb"),
        # Code is kept with its backticks.
        ("`*a*` *b*", "`*a*` b"),
        ("```\n*a* _b_\n``` *c*", "```\n*a* _b_\n``` c"),
        # What only looks like marks.
        ("*/5 * * * * root run", "*/5 * * * * root run"),
        ("rm *.log *.txt", "rm *.log *.txt"),
        ("/var/*/log/*/x", "/var/*/log/*/x"),
        ("2*3*4 2 * 3 * 4", "2*3*4 2 * 3 * 4"),
        ("created_at, _id, user_id_", "created_at, _id, user_id_"),
        ("__init__ and **kwargs**", "__init__ and **kwargs**"),
        ("cp ~/a ~/b", "cp ~/a ~/b"),
        ("* not bold *", "* not bold *"),
        ("*not\nbold*", "*not\nbold*"),
    ],
)  # fmt: skip
def test_marks_are_dropped_at_the_borders_of_words(text: str, expected: str) -> None:
    assert expected == plain(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*b* _i_ ~s~ `c`", "**b** _i_ ~~s~~ `c`"),
        ("<https://x.example/a?b=1&amp;c=2|the *docs*>", r"[the \*docs\*](https://x.example/a?b=1&c=2)"),
        ("<https://x.example/a_(b)|x>", "[x](<https://x.example/a_(b)>)"),
        ("<https://x.example/>", "https://x.example/"),
        ("<@U1> in <#C1>", "@Al_ice in #general"),
        ("• one\n• two", "- one\n- two"),
        ("&gt; said\nanswer", "> said\nanswer"),
        ("&gt;&gt;&gt; all\nof it", "> all\n> of it"),
        ("5 * 3 &lt;b&gt; [x] # y", r"5 \* 3 \<b> \[x\] # y"),
        ("# no heading", r"\# no heading"),
        ("`a *b* &lt;c&gt;`", "`a *b* <c>`"),
        ("<https://files.slack.com/a?t=xoxe-1|f>", "[f](https://files.slack.com/a)"),
    ],
)
def test_markdown_shows_what_slack_shows(text: str, expected: str) -> None:
    assert expected == to_markdown(text, NAMES)


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="ab *_~`<>&\n|:/.-#!@U1"))
def test_any_text_survives(text: str) -> None:
    said = plain(text)

    assert sorted(said.replace("*", "").replace("_", "").replace("~", "")) == sorted(
        text.replace("*", "").replace("_", "").replace("~", "")
    )
    drop_chat_markup(said)
    MarkdownIt().render(to_markdown(text))
