"""An export of Slack as a folder or zip, and what the parser makes of it: shared by tests."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from timeline_parsers.slack import parser

from timeline.containers import Memory
from timeline.parser import Batch
from timeline.sources import Source, discover

USERS = [
    {"id": "U1", "name": "alice", "profile": {"display_name": "", "real_name": "Alice Liddell"}},
    {"id": "U2", "name": "bob", "profile": {"display_name": "bob", "real_name": "Bob"}},
]


CHANNELS = [
    {"id": "C0GENERAL", "name": "general", "members": ["U1"], "pins": [{"id": "1781532000.000100", "type": "C"}]}
]


FAKE = [{"type": "message", "user": "U1", "text": "forged", "ts": "1781532000.000200"}]


def say(text: str, ts: str = "1781532000.000100", user: str = "U1", **more: Any) -> dict[str, Any]:
    return {"type": "message", "user": user, "text": text, "ts": ts} | more


EXPORT: Mapping[str, Any] = {
    "users.json": USERS,
    "channels.json": CHANNELS,
    "groups.json": [{"id": "G0SECRET1", "name": "secret", "members": []}],
    "dms.json": [{"id": "D0ABCDEF1", "created": 1, "members": ["U1", "U2"]}],
    "mpims.json": [{"id": "G0MPDM001", "name": "mpdm-alice--bob-1", "members": []}],
    "integration_logs.json": [{"user_id": "U1", "user_name": "a", "date": "1718460191", "change_type": "added"}],
    "canvases.json": [{"id": "F1", "title": "runbook", "filetype": "quip"}],
    "general/2026-06-15.json": [say("hello <@U2>"), say("root", "1781532001.000100")],
    "general/2026-06-16.json": [say("late reply", "1781568000.000100", thread_ts="1781532001.000100")],
    "general/canvas_in_the_conversation.json": FAKE,
    "general/attachments/F0AAAAAAA-2026-06-15.json": FAKE,
    "__uploads/F0BBBBBBB/2026-06-15.json": FAKE,
    "__uploads/F0CCCCCCC/users.json": [{"id": "U1", "name": "mallory"}],
    "secret/2026-06-15.json": [say("psst")],
    "D0ABCDEF1/2026-06-15.json": [say("between us")],
    "mpdm-alice--bob-1/2026-06-15.json": [say("among us")],
    "random/2026-06-15.json": [],
}


def write_folder(root: Path, files: Mapping[str, Any] = EXPORT) -> Path:
    for name, value in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(value if isinstance(value, bytes) else json.dumps(value, indent=4).encode())
    return root


def write_zip(path: Path, files: Mapping[str, Any] = EXPORT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in files.items():
            archive.writestr(name, value if isinstance(value, bytes) else json.dumps(value, indent=4))
    return path


def read_source(source: Source) -> Batch:
    batches = list(parser.parse(source))
    for batch in batches:
        known = batch.continuation + batch.blank + batch.decoration + batch.unparsed
        assert batch.lines == len(batch.records) + known
    assert 1 == len(batches)
    return batches[0]


def read(path: Path) -> dict[str, Batch]:
    """Read every source that the parser takes, by the end of its label."""
    sources = [source for source in discover(path) if isinstance(source, Source)]
    return {source.member: read_source(source) for source in sources if parser.sniff(source.head)}


def read_bytes(data: bytes) -> Batch:
    return read_source(Source(Memory("x.json", data), ""))


def messages(batches: Mapping[str, Batch]) -> pd.DataFrame:
    return pd.concat([batch.records for batch in batches.values() if len(batch.records)], ignore_index=True)
