"""Write a Slack export: users.json, channels.json and one file a channel and day, in a zip."""

from __future__ import annotations

import json
import random
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datasets import START, Dataset

Message = dict[str, Any]

DAY = 86_400
CHANNELS = ("incident", "alerts", "deploys", "general", "database", "shop-api", "random", "on-call")
PEOPLE = 60
THREAD_SHARE, BROADCAST_SHARE, BOT_SHARE, JOIN_SHARE, EDIT_SHARE, REACTION_SHARE = 0.25, 0.02, 0.15, 0.01, 0.03, 0.1
ZIP_DATE = (2026, 6, 16, 0, 0, 0)
SENTENCES = (
    "checkout answers 502 for some customers", "the pool is exhausted, {who} can you look?", "rolling back :eyes:",
    "graph: <https://grafana.example/d/abc?from=1&amp;to=2|5xx by route>", "5xx &lt; 0.1 % again, {channel} is green",
    "index is being built, `CREATE INDEX CONCURRENTLY`\n```\nSELECT 1;\n```", "lunch?", "who owns *shop-api* today?",
)  # fmt: skip


def write_export(path: Path, messages: int, seed: int = 1, days: int = 20) -> Dataset:
    """Write an export of *messages* messages, spread over *days* days and all channels."""
    rng = random.Random(seed)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, "users.json", [_user(number) for number in range(PEOPLE)])
        _add(archive, "channels.json", [_channel(name) for name in CHANNELS])
        files = [(name, day) for name in CHANNELS for day in range(days)]
        for number, (name, day) in enumerate(files):
            share = messages * (number + 1) // len(files) - messages * number // len(files)
            date = time.strftime("%Y-%m-%d", time.gmtime(START + day * DAY))
            _add(archive, f"{name}/{date}.json", list(_day(share, START + day * DAY, rng)))
    return Dataset(path, messages, messages)


def _add(archive: zipfile.ZipFile, name: str, content: list[Message]) -> None:
    # A fixed date: the same seed gives the same bytes.
    info = zipfile.ZipInfo(name, ZIP_DATE)
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, json.dumps(content, indent=4, ensure_ascii=True))


def _user_id(number: int) -> str:
    return f"U{number:010X}"


def _user(number: int) -> Message:
    name = f"person{number}"
    profile = {"real_name": f"Person {number}", "display_name": name, "email": f"{name}@shop.example"}
    return {
        "id": _user_id(number),
        "team_id": "T1",
        "name": name,
        "deleted": False,
        "is_bot": False,
        "profile": profile,
    }


def _channel(name: str) -> Message:
    number = CHANNELS.index(name)
    members = [_user_id(person) for person in range(PEOPLE)]
    return {"id": f"C{number:010X}", "name": name, "created": START - DAY, "is_archived": False, "members": members}


def _day(count: int, begin: int, rng: random.Random) -> Iterator[Message]:
    """Yield the messages of one channel and day; a reply answers the last message that began a thread."""
    parent = ""
    for number in range(count):
        ts = f"{begin + number * DAY // 2 // max(count, 1)}.{number + 100:06d}"
        message = _message(ts, rng)
        if parent and rng.random() < THREAD_SHARE:
            message |= {"thread_ts": parent, "parent_user_id": _user_id(1)}
            if rng.random() < BROADCAST_SHARE:
                message["subtype"] = "thread_broadcast"
        elif "subtype" not in message:
            parent = ts
            message |= {"thread_ts": ts, "reply_count": 2, "reply_users_count": 1, "latest_reply": ts}
        yield message


def _message(ts: str, rng: random.Random) -> Message:
    draw = rng.random()
    if draw < BOT_SHARE:
        return _alert(ts, rng)
    user = _user_id(rng.randrange(PEOPLE))
    if draw > 1 - JOIN_SHARE:
        return {"type": "message", "subtype": "channel_join", "ts": ts, "user": user, "text": f"<@{user}> has joined"}
    text = _text(rng)
    message: Message = {
        "client_msg_id": f"{rng.getrandbits(128):032x}", "type": "message", "text": text, "user": user, "ts": ts,
        "team": "T1", "user_team": "T1", "source_team": "T1", "blocks": [_block(text)],
    }  # fmt: skip
    if rng.random() < EDIT_SHARE:
        message["edited"] = {"user": user, "ts": ts}
    if rng.random() < REACTION_SHARE:
        message["reactions"] = [{"name": "eyes", "users": [_user_id(1), _user_id(2)], "count": 2}]
    return message


def _text(rng: random.Random) -> str:
    words = rng.choice(SENTENCES).format(
        who=f"<@{_user_id(rng.randrange(PEOPLE))}>", channel=f"<#C{rng.randrange(len(CHANNELS)):010X}>"
    )
    return f"{words} ({rng.randrange(10**6)})"


def _block(text: str) -> Message:
    section = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
    return {"type": "rich_text", "block_id": "b1", "elements": [section]}


def _alert(ts: str, rng: random.Random) -> Message:
    """Write what an alert manager posts: no text, all of it in an attachment."""
    state, color = rng.choice((("FIRING:1", "danger"), ("RESOLVED", "good")))
    title = f"[{state}] HighErrorRate shop-api"
    attachment = {
        "id": 1, "color": color, "fallback": title, "title": title, "title_link": "https://alerts.example/#/alerts",
        "text": f"*Summary:* {rng.randrange(60)} % of the requests fail", "mrkdwn_in": ["text"],
    }  # fmt: skip
    return {
        "type": "message", "subtype": "bot_message", "text": "", "ts": ts, "bot_id": "B0000000001",
        "username": "Alertmanager", "attachments": [attachment],
    }  # fmt: skip
