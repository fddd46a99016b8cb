"""What one Slack message becomes; expected values are derived by hand from the rules in docs/formats/slack.md."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from timeline_parsers._slack_export import Place
from timeline_parsers._slack_hearsay import find_pinned
from timeline_parsers._slack_lists import Channel
from timeline_parsers._slack_message import Row, make_frame, read_message
from timeline_parsers._slack_text import Names

from timeline import schema

NAMES = Names(
    users={"U1": "Alice", "U2": "Bob", "UB": "deploybot"},
    bots={"B1": "Alertmanager"},
    robots=frozenset({"UB"}),
    channels={"C1": "general"},
    pins=frozenset({("C1", "1718460000.000100")}),
)
PLACE = Place(NAMES, Channel("C1", "#general"))
TS = "1718460191.123459"


def read(**message: Any) -> Row:
    row = read_message({"type": "message", "ts": TS} | message, 7, PLACE)
    assert row is not None
    return row


def test_a_plain_message() -> None:
    row = read(user="U1", text="<@U2> the &lt;checkout&gt; is down", thread_ts=TS)

    assert row == Row(
        wall=1718460191123459, service="#general", severity=None, actor="Alice", message="@Bob the <checkout> is down", kind=None,
        line=7, ref=f"C1/{TS}", channel_id="C1", ts=TS, thread_ts=TS, user_id="U1", subtype=None, edited=None,
        reactions=None, pinned=False, is_bot=False, broadcast=False,
    )  # fmt: skip


@pytest.mark.parametrize("ts", [None, "", "yesterday", 0, "0", {}, "1718460191123459"])
def test_without_a_valid_ts_there_is_no_row(ts: Any) -> None:
    assert read_message({"type": "message", "text": "x", "ts": ts}, 1, PLACE) is None


@pytest.mark.parametrize(
    ("message", "actor"),
    [
        ({"user": "U1"}, "Alice"),
        ({"user": "U1", "user_profile": {"display_name": "old name"}}, "Alice"),
        ({"user": "U404"}, "U404"),
        (
            {"user": "U404", "user_profile": {"display_name": " ", "real_name": "Connie Connect", "name": "cc"}},
            "Connie Connect",
        ),
        ({"user": "W404", "user_profile": {"display_name": "", "real_name": "", "name": "cc"}}, "cc"),
        ({"user": "U00"}, None),
        ({}, None),
        ({"user": "USLACKBOT"}, "Slackbot"),
        ({"bot_id": "B404"}, "B404"),
        ({"bot_id": "B1"}, "Alertmanager"),
        ({"bot_id": "B1", "username": "hook"}, "hook"),
        ({"bot_id": "B1", "bot_profile": {"name": "Grafana"}}, "Grafana"),
        ({"bot_id": "B404", "user": "UB"}, "deploybot"),
        ({"bot_id": "B404", "user": "U405"}, "U405"),
        ({"subtype": "file_comment", "comment": {"user": "U2", "comment": "nice"}}, "Bob"),
    ],
)
def test_actor_is_the_best_name_there_is(message: dict[str, Any], actor: str | None) -> None:
    assert actor == read(text="x", **message).actor


@pytest.mark.parametrize(
    ("message", "is_bot"),
    [({"user": "U1"}, False), ({"user": "UB"}, True), ({"bot_id": "B9"}, True), ({"subtype": "bot_message"}, True)],
)
def test_bots_are_told_from_people(message: dict[str, Any], is_bot: bool) -> None:  # noqa: FBT001
    assert is_bot == read(text="x", **message).is_bot


SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "*503* on <https://x.example|checkout>"}}
RICH = {
    "type": "rich_text",
    "elements": [
        {
            "type": "rich_text_section",
            "elements": [
                {"type": "text", "text": "a < b, "},
                {"type": "user", "user_id": "U1"},
                {"type": "text", "text": " in "},
                {"type": "channel", "channel_id": "C1"},
                {"type": "text", "text": " "},
                {"type": "link", "url": "https://x.example"},
                {"type": "emoji", "name": "tada"},
                {"type": "broadcast", "range": "here"},
            ],
        },
        {
            "type": "rich_text_list",
            "style": "bullet",
            "elements": [
                {"type": "rich_text_section", "elements": [{"type": "text", "text": "one"}]},
                {"type": "rich_text_section", "elements": [{"type": "text", "text": "two"}]},
            ],
        },
        {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "SELECT 1;\nSELECT 2;"}]},
    ],
}
RICH_TEXT = "a < b, @Alice in #general https://x.example:tada:@here\n• one\n• two\nSELECT 1;\nSELECT 2;"


@pytest.mark.parametrize(
    ("message", "text"),
    [
        # People: text, else their blocks.
        ({"user": "U1", "text": "typed", "blocks": [RICH]}, "typed"),
        ({"user": "U1", "text": "", "blocks": [RICH]}, RICH_TEXT),
        ({"user": "U1", "text": None}, "[no text: empty message]"),
        ({"user": "U1", "text": "", "reactions": [{"name": "eyes", "count": 1}]}, "[no text: reactions]"),
        ({"user": "U1", "text": "", "blocks": [{"type": "actions"}]}, "[no text: blocks]"),
        # Previews are not what was said; a shared message without a word is.
        ({"user": "U1", "text": "see <https://x.example>", "attachments": [{"from_url": "https://x.example", "title": "T", "text": "preview"}]}, "see https://x.example"),
        ({"user": "U1", "text": "", "attachments": [{"from_url": "https://x.example", "is_share": True, "text": "shared words"}]}, "shared words"),
        # Bots: blocks, else text unless it is a placeholder.
        ({"bot_id": "B1", "text": "summary", "blocks": [SECTION]}, "503 on checkout"),
        ({"bot_id": "B1", "text": "said", "blocks": [{"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "Ack"}}]}]}, "said"),
        ({"bot_id": "B1", "text": "This content can't be displayed.", "blocks": [RICH]}, RICH_TEXT),
        ({"bot_id": "B1", "text": "a", "attachments": [{"text": "b"}]}, "a\nb"),
        ({"bot_id": "B1", "text": "same", "attachments": [{"text": "same"}]}, "same"),
        (
            {"bot_id": "B1", "text": "", "attachments": [{
                "pretext": "pre", "title": "[FIRING:1] X", "title_link": "https://x.example", "text": "burn &gt; 14", "fallback": "no",
                "fields": [{"title": "severity", "value": "page"}, {"title": "", "value": "only value"}, {"title": "bare"}],
                "blocks": [SECTION],
            }]},
            "pre\n[FIRING:1] X\nburn > 14\nseverity: page\nonly value\nbare\n503 on checkout",
        ),
        ({"bot_id": "B1", "text": "", "attachments": [{"fallback": "the fallback"}]}, "the fallback"),
        ({"bot_id": "B1", "text": "", "attachments": [{"fallback": "[no preview available]"}]}, "[no text: attachments]"),
        ({"bot_id": "B1", "text": "", "attachments": [{"text": "one"}, {"text": "two"}]}, "one\ntwo"),
        (
            {"bot_id": "B1", "blocks": [
                {"type": "header", "text": {"type": "plain_text", "text": "R&amp;D"}},
                {"type": "divider"},
                {"type": "section", "fields": [{"type": "mrkdwn", "text": "*a*"}, {"type": "mrkdwn", "text": "b"}]},
                {"type": "context", "elements": [{"type": "mrkdwn", "text": "by"}, {"type": "image", "alt_text": "face"}]},
                {"type": "image", "title": {"type": "plain_text", "text": "graph"}, "image_url": "https://x.example/g.png"},
                {"type": "table", "rows": [[{"type": "raw_text", "text": "k"}, {"type": "raw_text", "text": "v"}]]},
                {"type": "call", "call": {"v1": {"name": "Bridge"}}},
                {"type": "never_seen_before", "text": "kept"},
            ]},
            "R&D\na\nb\nby [image: face]\n[image: graph]\nk | v\n[call: Bridge]\nkept",
        ),
        # Files.
        ({"user": "U1", "text": "look", "files": [{"title": "graph.png", "url_private": "https://files.slack.com/a?t=xoxe-1"}]}, "look\n[file: graph.png]"),
        ({"user": "U1", "text": "", "files": [{"name": "a&amp;b.txt"}, {"mode": "tombstone"}, {"mode": "hidden_by_limit", "id": "F3"}]}, "[file: a&b.txt]\n[file: deleted]\n[file: hidden by the plan's limit]"),
        ({"user": "U1", "text": "", "file": {"title": "old style"}}, "[file: old style]"),
        ({"user": "U1", "text": "<https://files.slack.com/a.png?t=xoxe-1-2>"}, "https://files.slack.com/a.png"),
        ({"bot_id": "B1", "attachments": [{"fields": [{"title": "file", "value": "<https://files.slack.com/a?t=xoxe-1|https://files.slack.com/a?t=xoxe-1>"}]}]}, "file: https://files.slack.com/a"),
        ({"user": "U1", "subtype": "file_comment", "comment": {"comment": "well <@U2>"}}, "well @Bob"),
        ({"user": "U1", "subtype": "me_message", "text": "waves"}, "waves"),
    ],
)  # fmt: skip
def test_text_is_chosen_and_never_empty(message: dict[str, Any], text: str) -> None:
    assert text == read(**message).message


def test_an_ordered_list_keeps_its_numbers() -> None:
    items = [
        {"type": "rich_text_section", "elements": [{"type": "text", "text": word}]} for word in ("drain", "restart")
    ]
    block = {"type": "rich_text", "elements": [{"type": "rich_text_list", "style": "ordered", "elements": items}]}

    assert "1. drain\n2. restart" == read(user="U1", blocks=[block]).message


def test_blocks_nested_without_end_are_cut() -> None:
    block: dict[str, Any] = {"type": "context", "elements": [{"type": "mrkdwn", "text": "deep"}]}
    for _ in range(400):
        block = {"type": "context", "elements": [block]}

    assert "said" == read(bot_id="B1", text="said", blocks=[block]).message


@pytest.mark.parametrize(
    ("message", "text", "kind"),
    [
        ({"subtype": "channel_join", "user": "U1", "text": "<@U1> has joined the channel"}, "@Alice has joined the channel", "noise"),
        ({"subtype": "channel_topic", "user": "U1", "text": "<@U1> set the channel topic: SEV1 | IC: <@U2>"}, "@Alice set the channel topic: SEV1 | IC: @Bob", "topic-change"),
        ({"subtype": "channel_name", "user": "U00", "text": "renamed"}, "renamed", "channel-renamed"),
        ({"subtype": "tombstone", "user": "USLACKBOT", "text": "the secret"}, "This message was deleted.", "noise"),
        ({"subtype": "message_deleted", "deleted_ts": "1718460000.000100", "previous_message": {"text": "the secret"}}, "[deleted a message of 2024-06-15T14:00:00Z]", "noise"),
        ({"subtype": "message_changed", "message": {"text": "new", "ts": "1718460000.000100"}, "previous_message": {"text": "the secret"}}, "[edited a message of 2024-06-15T14:00:00Z]", "noise"),
        ({"subtype": "huddle_thread", "user": "USLACKBOT", "text": "", "room": {"created_by": "U1", "date_start": 1718460191, "date_end": 1718460311, "participant_history": ["U1", "U2"]}}, "huddle started by Alice, 2 took part, ended 2024-06-15T14:05:11Z", "huddle"),
        ({"subtype": "huddle_thread", "user": "USLACKBOT", "text": "A huddle started", "room": {"date_end": 0}}, "huddle started", "huddle"),
        ({"subtype": "never_seen", "user": "U1", "text": "kept"}, "kept", None),
    ],
)  # fmt: skip
def test_subtypes(message: dict[str, Any], text: str, kind: str | None) -> None:
    row = read(**message)

    assert (text, kind) == (row.message, row.kind)
    assert "secret" not in repr(row)


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("Alertmanager", "[FIRING:1] HighErrorRate shop-api", "alert-firing"),
        ("Alertmanager", "[RESOLVED] HighErrorRate shop-api (was FIRING for 5m)", "alert-resolved"),
        ("any hook", "[FIRING:2, RESOLVED:1] group", "alert-firing"),
        ("Grafana", "[Alerting] Latency alert", "alert-firing"),
        ("Grafana", "[OK] Latency alert", "alert-resolved"),
        ("PagerDuty", "Triggered #4711: HighErrorRate", "alert-firing"),
        ("PagerDuty", "Resolved #4711: HighErrorRate", "alert-resolved"),
        ("Datadog", "Recovered: [web] errors", "alert-resolved"),
        ("AWS Chatbot", 'ALARM: "cpu" in us-east-1', "alert-firing"),
        ("Amazon Q", 'OK: "cpu" in us-east-1', "alert-resolved"),
        ("lunchbot", "problem solved: pizza", None),
        ("deploybot", "Deploying *shop-api 2.14.0* to production", "deploy"),
        ("deploybot", "shop-api 2.14.0 is live in production (1 of 1 instances)", "deploy"),
        ("deploybot", "rolled back shop-api to 2.13.4", "deploy"),
        ("github", "Deployment to production failed", "deploy"),
        ("github", "[shop] 2 new commits pushed", None),
    ],
)  # fmt: skip
def test_bots_report_alerts_and_deploys(name: str, text: str, kind: str | None) -> None:
    assert kind == read(bot_id="B9", username=name, text=text).kind


@pytest.mark.parametrize("text", ["[FIRING:1] look at this", "I am deploying now", "RESOLVED"])
def test_peoples_words_are_no_alerts(text: str) -> None:
    assert read(user="U1", text=text).kind is None


@pytest.mark.parametrize(
    ("colours", "severity"),
    [
        (["danger"], "err"),
        (["a30200"], "err"),
        (["#A30200"], "err"),
        (["warning"], "warning"),
        (["good"], "info"),
        (["2eb886"], "info"),
        (["439fe0"], None),
        ([None], None),
        (["good", "danger"], "err"),
    ],
)
def test_colour_of_a_bots_attachment_hints_at_severity(colours: list[Any], severity: str | None) -> None:
    attachments = [{"text": "x", "color": colour} for colour in colours]

    assert severity == read(bot_id="B1", attachments=attachments).severity
    assert read(user="U1", text="x", attachments=attachments).severity is None


def test_an_edit_keeps_text_and_time_and_is_marked() -> None:
    row = read(user="U1", text="new text", edited={"user": "U1", "ts": "1718468000.000000"})

    assert (1718460191123459, "new text", "2024-06-15T16:13:20.000000Z") == (row.wall, row.message, row.edited)


def test_reactions_are_counted_without_their_skin_tones() -> None:
    reactions = [
        {"name": "pushpin", "users": ["U1"], "count": 2},
        {"name": "clap::skin-tone-2", "users": ["U1"], "count": 1},
        {"name": "clap", "users": ["U1", "U2"]},
    ]

    assert "pushpin×2, clap×3" == read(user="U1", text="x", reactions=reactions).reactions


@pytest.mark.parametrize(
    "message", [{"pinned_to": ["C1"]}, {"pinned_info": {"pinned_by": "U1"}}, {"ts": "1718460000.000100"}]
)
def test_pins_are_found_on_the_message_and_in_the_lists(message: dict[str, Any]) -> None:
    assert read(user="U1", text="x", **message).pinned


def test_pins_are_found_in_messages_about_them() -> None:
    pin = {"subtype": "pinned_item", "item": {"type": "C", "message": {"ts": TS}}}

    assert frozenset({TS}) == find_pinned([pin, {"subtype": "pinned_item"}, {"text": "x"}])


def test_a_broadcast_reply_is_one_row_without_its_root() -> None:
    row = read(
        user="U1", subtype="thread_broadcast", text="fixed", thread_ts="1718460000.000100", root={"text": "root text"}
    )

    assert ("fixed", True, "1718460000.000100") == (row.message, row.broadcast, row.thread_ts)


def test_a_message_that_names_its_channel_needs_no_folder() -> None:
    message = {"type": "message", "ts": TS, "user": "U1", "text": "x"}
    nowhere = Place(NAMES, Channel())

    assert ("#general", f"C1/{TS}") == _where(read_message(message | {"channel": "C1"}, 1, nowhere))
    assert ("#ops", f"C7/{TS}") == _where(read_message(message | {"channel": {"id": "C7", "name": "ops"}}, 1, nowhere))
    assert (None, None) == _where(read_message(message, 1, nowhere))


def _where(row: Row | None) -> tuple[str | None, str | None]:
    assert row is not None
    return row.service, row.ref


def test_the_frame_has_the_types_of_the_schema() -> None:
    frame = make_frame(
        [read(user="U1", text="x"), read(bot_id="B1", attachments=[{"color": "danger", "text": "[FIRING] y"}])]
    )

    assert [1718460191123459] * 2 == frame[schema.WALL].tolist()
    assert ["UTC", "UTC"] == frame[schema.ZONE].tolist()
    assert schema.SEVERITY_DTYPE == frame[schema.SEVERITY].dtype
    assert [True, False] == frame[schema.KIND].isna().tolist()
    assert {"Int64"} == {str(frame[name].dtype) for name in (schema.WALL, schema.LINE)}
    assert {"boolean"} == {str(frame[name].dtype) for name in ("slack.pinned", "slack.is_bot", "slack.broadcast")}
    assert {"str"} == {str(frame[name].dtype) for name in (schema.MESSAGE, schema.ACTOR, schema.REF, "slack.ts")}
    schema.check(schema.conform(frame))
    schema.check(schema.conform(pd.DataFrame(make_frame([]))))


def test_columns_of_slack_are_always_there_those_of_the_schema_only_with_values() -> None:
    bare, marked = read(user="U1", text="x"), read(user="U1", text="y", reactions=[{"name": "eyes", "count": 1}])

    assert not {schema.KIND, schema.SEVERITY} & {*make_frame([bare]).columns}
    assert make_frame([bare])["slack.reactions"].isna().all()
    assert [True, False] == make_frame([bare, marked])["slack.reactions"].isna().tolist()
    assert {schema.WALL, schema.MESSAGE, schema.ACTOR, "slack.edited"} < {*make_frame([]).columns}
