"""Control sequences, entities and tokens of Slack's mrkdwn; expected values follow from Slack's own description."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from timeline_parsers._slack_text import Names, isoformat, micros_of, resolve, strip_tokens, ts_of

NAMES = Names(users={"U1": "Alice", "W2": "Bob & Sons"}, channels={"C1": "general", "C9": "now-called-so"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no markup", "no markup"),
        ("<@U1> ping", "@Alice ping"),
        ("<@U1|alice.old>", "@Alice"),
        ("<@U404|carol>", "@carol"),
        ("<@U404>", "@U404"),
        ("<@W2>", "@Bob & Sons"),
        ("<#C1|general>", "#general"),
        ("<#C9|then-called-so>", "#then-called-so"),
        ("<#C1>", "#general"),
        ("<#C1|>", "#general"),
        ("<#C404|>", "#C404"),
        ("<!here>", "@here"),
        ("<!here|@here> look", "@here look"),
        ("<!channel> <!everyone>", "@channel @everyone"),
        ("<!subteam^S1|@sre>", "@sre"),
        ("<!subteam^S1>", "@S1"),
        ("<!unknown|label>", "label"),
        ("<!unknown>", "!unknown"),
        ("<https://x.example/?a=1&amp;b=2>", "https://x.example/?a=1&b=2"),
        ("<https://x.example/a%20b~c?d&amp;e|the docs>", "the docs"),
        ("<https://x.example/|>", "https://x.example/"),
        ("<mailto:a@example.com|a@example.com>", "a@example.com"),
        ("<mailto:a@example.com>", "a@example.com"),
        ("<tel:28919.8689279|28919.8689279>", "28919.8689279"),
        ("`curl <http://x.example>` ```<@U1>```", "`curl http://x.example` ```@Alice```"),
        ("<something else>", "something else"),
        ("a &lt; b &amp;&amp; c &gt; d", "a < b && c > d"),
        ("&amp;lt;script&amp;gt;", "&lt;script&gt;"),
        ("&copy; &nbsp; &quot;", "&copy; &nbsp; &quot;"),
        ("&lt;@U1&gt;", "<@U1>"),
        ("<https://x.example|R&amp;D &lt;3>", "R&D <3"),
        ("5 < 6 > 4", "5 < 6 > 4"),
        ("<>", "<>"),
    ],
)
def test_markup_becomes_what_people_see(text: str, expected: str) -> None:
    assert expected == resolve(text, NAMES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<!date^1718498400^{date_num} {time}|Jun 15, 2024 8:40 PM>", "2024-06-16T00:40:00Z"),
        ("<!date^1718498400^{date}^https://x.example|then>", "2024-06-16T00:40:00Z"),
        ("<!date^1718498400^Posted {date_num} at {time_secs} by cron|x>", "Posted 2024-06-16T00:40:00Z by cron"),
        ("<!date^1718498400|then>", "2024-06-16T00:40:00Z"),
        ("<!date^soon^{date}|on Monday>", "on Monday"),
    ],
)
def test_dates_become_utc_and_not_the_senders_zone(text: str, expected: str) -> None:
    assert expected == resolve(text, NAMES)


@pytest.mark.parametrize(
    ("ts", "expected"),
    [
        ("1452837318.000002", 1452837318000002),
        (1452837318.000002, 1452837318000002),
        ("1718460191.123459", 1718460191123459),
        (1718460191.12, 1718460191120000),
        (1718460191, 1718460191000000),
        ("1718460191", 1718460191000000),
        ("1718460191.5", 1718460191500000),
        ("0000000000.000001", None),
        ("0000000001", None),
        ("1718460191123", None),
        ("1718460191.12345a", None),
        ("171846019a.123456", None),
        ("١718460191.123456", None),
        ("", None),
        (None, None),
        (True, None),
        (float("nan"), None),
        (1e300, None),
        (["1718460191.000001"], None),
    ],
)
def test_ts_is_read_to_the_microsecond_or_not_at_all(ts: object, expected: int | None) -> None:
    assert expected == micros_of(ts)


@given(st.integers(10**15, 2**31 * 10**6 - 1))
def test_ts_survives_text_and_number(micros: int) -> None:
    text = ts_of(micros)

    assert micros == micros_of(text) == micros_of(float(text))


def test_iso_time_is_utc() -> None:
    assert "2016-01-15T05:55:18.000002Z" == isoformat(1452837318000002)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "https://files.slack.com/files-pri/T1-F1/a.png?t=xoxe-1-2-abc",
            "https://files.slack.com/files-pri/T1-F1/a.png",
        ),
        ("(https://files.slack.com/f/a.png?pub_secret=1&t=xoxe-9) next", "(https://files.slack.com/f/a.png) next"),
        ("HTTPS://FILES.SLACK.COM/a?T=XOXE-1", "HTTPS://FILES.SLACK.COM/a"),
        ("files.slack.com:443/a?t=xoxe-1", "files.slack.com:443/a"),
        ("files-edge.slack-gov.com/a?t=1 b?c", "files-edge.slack-gov.com/a b?c"),
        ("https://slack-files.com/T1-F1-0?x=1", "https://slack-files.com/T1-F1-0"),
        ("https://files.slack.com/a#t=xoxe-1", "https://files.slack.com/a"),
        (
            "https://slack-redir.net/link?url=https%3A%2F%2Fx.example%2Fa%3Ft%3Dxoxe-1-2",
            "https://slack-redir.net/link?url=https%3A%2F%2Fx.example%2Fa",
        ),
        ("https://x.example/a?t=xoxe-12&b=1", "https://x.example/a&b=1"),
        ("https://x.example/?t=12", "https://x.example/?t=12"),
        ("what is files.slack.com?", "what is files.slack.com?"),
    ],
)
def test_file_links_lose_their_query(text: str, expected: str) -> None:
    assert expected == strip_tokens(text)


@given(st.text(alphabet="<>@#!|^&;ampltU1C{}:/ \n-"))
def test_any_text_can_be_resolved(text: str) -> None:
    assert isinstance(strip_tokens(resolve(text, NAMES)), str)
