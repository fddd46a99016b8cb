"""Write an incident folder of 5 MB: every format, as an engineer on call collects them."""

from __future__ import annotations

import gzip
from pathlib import Path

import logs_journal
import logs_nginx
import logs_postgresql
import logs_slack
from datasets import START, Dataset

ACCESS, OLD_ACCESS, ERRORS, RECORDS, ENTRIES, MESSAGES = 13_000, 2_000, 900, 5_000, 1_500, 300
SETTINGS = """\
[[source]]
match = "web-01/error.log"
tz = "Europe/Berlin"
"""


def write_folder(folder: Path, seed: int = 1) -> Dataset:
    """Write the folder; without systemd-journal-remote the journal is text of `journalctl -o export`."""
    web, database = folder / "web-01", folder / "db-01"
    for host in (web, database):
        host.mkdir(parents=True, exist_ok=True)
    (folder / "timeline-build.toml").write_text(SETTINGS, encoding="utf-8")
    plain, csv = database / "postgresql-15-main.log", database / "postgresql.csv"
    parts = [
        logs_nginx.write_access_log(web / "access.log", ACCESS, seed),
        logs_nginx.write_access_log(web / "access.log.1", OLD_ACCESS, seed + 1, START - logs_nginx.HOURS * 3600),
        logs_nginx.write_error_log(web / "error.log", ERRORS, seed),
        logs_postgresql.write_logs(plain, csv, RECORDS, seed)[0],
        _write_journal(folder, seed),
        logs_slack.write_export(folder / "slack-export.zip", MESSAGES, seed, days=1),
    ]
    csv.unlink()
    _compress(web / "access.log.1")
    return Dataset(folder, sum(part.events for part in parts), sum(part.lines for part in parts))


def _write_journal(folder: Path, seed: int) -> Dataset:
    if logs_journal.missing():
        return logs_journal.write_export(folder / "journal.export", ENTRIES, seed)
    return logs_journal.write_journal(folder / "journal", ENTRIES, seed)


def _compress(path: Path) -> None:
    # mtime=0: the same seed gives the same bytes.
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
    path.unlink()
