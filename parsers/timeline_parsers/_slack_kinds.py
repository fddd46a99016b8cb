"""What a Slack message is evidence of: its kind by subtype or wording, its severity by colour."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

NOISE: Final = "noise"

# Subtypes that are no content; a subtype that is not named here is kept as it is.
_BOOKKEEPING: Final = (
    "app_conversation_join", "app_conversation_leave", "bot_add", "bot_disable", "bot_enable", "bot_remove",
    "channel_join", "channel_leave", "group_join", "group_leave", "joiner_notification",
    "joiner_notification_for_inviter", "message_changed", "message_deleted", "message_replied", "reminder_add",
    "tabbed_canvas_updated", "tombstone",
)  # fmt: skip
KIND_BY_SUBTYPE: Final[Mapping[str, str]] = {
    **dict.fromkeys(_BOOKKEEPING, NOISE),
    "channel_topic": "topic-change",
    "group_topic": "topic-change",
    "channel_purpose": "purpose-change",
    "group_purpose": "purpose-change",
    "channel_name": "channel-renamed",
    "group_name": "channel-renamed",
    "channel_archive": "channel-archived",
    "group_archive": "channel-archived",
    "channel_unarchive": "channel-unarchived",
    "group_unarchive": "channel-unarchived",
    "channel_posting_permissions": "channel-changed",
    "channel_canvas_updated": "channel-changed",
    "channel_convert_to_private": "channel-changed",
    "huddle_thread": "huddle",
    "sh_room_created": "huddle",
    "pinned_item": "pin",
}  # fmt: skip

FIRING, RESOLVED, DEPLOY = "alert-firing", "alert-resolved", "deploy"

# Wordings of any bot. The leftmost in the message decides: "[RESOLVED] …, was FIRING for 5m" is a resolution.
# Reference: https://github.com/prometheus/alertmanager/blob/main/template/default.tmpl
ALERT_WORDS: Final = (
    (FIRING, r"\b(?:FIRING|TRIGGERED|ALARM|PROBLEM)\b"),
    (FIRING, r"\[(?:Alerting|No Data)\]"),
    (FIRING, r"\bis DOWN\b"),
    (RESOLVED, r"\b(?:RESOLVED|RECOVERED|RECOVERY)\b"),
    (RESOLVED, r"\[OK\]"),
    (RESOLVED, r"\bis UP\b"),
)
# Wordings, in any case, that mean an alert only when one of ALERT_BOTS says them.
KNOWN_BOT_WORDS: Final = (
    (FIRING, r"\b(?:triggered|firing|alerting|new alert|new incident|opened|is down|problem|no data)\b"),
    (FIRING, r"^\W*(?:alarm|warn)\b"),
    (RESOLVED, r"\b(?:resolved|recovered|closed|is (?:back )?up|all clear)\b"),
    (RESOLVED, r"^\W*ok:"),
)
ALERT_BOTS: Final = re.compile(
    r"(?i)alert|amazon q|aws chatbot|better ?stack|checkly|cloudwatch|datadog|grafana|honeycomb|icinga|monitor"
    r"|nagios|new ?relic|opsgenie|pager|pingdom|prometheus|sentry|splunk on-call|statuspage|uptime|victorops|zabbix"
)

# Wordings of deploys and of their undoing.
DEPLOY_WORDS: Final = re.compile(
    r"(?i)\b(?:re-?)?deploy(?:s|ed|ing|ments?)?\b|\broll(?:ed|ing|s)?[ -]?back\b|\brollbacks?\b|\brolled out\b"
    r"|\breleas(?:ed|ing)\b|\brelease\b.{0,60}\b(?:published|started|finished|failed|succeeded)\b"
    r"|\b(?:is|now) live (?:in|on)\b|\bpromot(?:ed|ing)\b.{0,60}\bto prod"
    r"|\bsync(?:ed)? (?:status|succeeded|failed)\b"
)

# Names and the values that Slack stores for them. Other colours are a sender's taste.
SEVERITY_BY_COLOUR: Final[Mapping[str, str]] = {
    "danger": "err", "a30200": "err", "d00000": "err",
    "warning": "warning", "daa038": "warning",
    "good": "info", "2eb886": "info", "36a64f": "info",
}  # fmt: skip
_WORST_FIRST: Final = ("err", "warning", "info")

# What an alert says, it says at its beginning; runbooks and annotations follow.
_WINDOW: Final = 300
_BY_ANYBODY: Final = re.compile("|".join(f"({pattern})" for _, pattern in ALERT_WORDS))
_BY_KNOWN_BOT: Final = re.compile("(?i)" + "|".join(f"({pattern})" for _, pattern in KNOWN_BOT_WORDS), re.MULTILINE)


def kind_of(subtype: str | None, text: str, *, is_bot: bool, actor: str | None) -> str | None:
    """Name the well-known happening that a message reports, None if it is none.

    Args:
        subtype: the message's subtype.
        text: its plain text.
        is_bot: whether a bot wrote it: people's words are never taken for an alert or a deploy.
        actor: the bot's name.
    """
    known = KIND_BY_SUBTYPE.get(subtype) if subtype else None
    if known or not is_bot:
        return known
    start = text[:_WINDOW]
    if found := _BY_ANYBODY.search(start):
        return ALERT_WORDS[(found.lastindex or 1) - 1][0]
    if actor and ALERT_BOTS.search(actor) and (found := _BY_KNOWN_BOT.search(start)):
        return KNOWN_BOT_WORDS[(found.lastindex or 1) - 1][0]
    return DEPLOY if DEPLOY_WORDS.search(start) else None


def severity_of(attachments: list[dict[str, Any]]) -> str | None:
    """Give the worst severity that the colours of a bot's attachments hint at, None if they hint at none."""
    found = {SEVERITY_BY_COLOUR.get(str(attachment.get("color", "")).lstrip("#").lower()) for attachment in attachments}
    return next((severity for severity in _WORST_FIRST if severity in found), None)
