"""Say what was read, by which parser and why, which zone was used, and where every line went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from timeline import schema
from timeline.account import NOT_READ_AGAIN
from timeline.markdown_text import flatten, shorten

if TYPE_CHECKING:
    import pandas as pd

    from timeline.results import Evidence

_SHOWN: Final = ("lines", "records", "continuation", "blank", "decoration", "unparsed", "skipped")
_TAKEN: Final = ("duplicate", "out_of_window", "filtered", "events", "undated")
_EXAMPLES: Final = 20
_PATH: Final = 56


def explain(evidence: Evidence) -> str:
    """Return the whole explanation as text.

    Args:
        evidence: what `timeline.read` or `timeline.build` gave.
    """
    parts = [
        _sources(evidence.account),
        _account_table(evidence.account),
        _duplicates(evidence.account, evidence.events),
    ]
    if evidence.window.since or evidence.window.until:
        parts.append(f"Window\n  {evidence.window}")
    if evidence.unparsed:
        parts.append(_unparsed(evidence.unparsed))
    if evidence.warnings:
        parts.append("Warnings\n" + "\n".join(f"  {flatten(warning)}" for warning in evidence.warnings))
    return "\n\n".join(filter(None, parts)) + "\n"


def describe_source(row: pd.Series) -> str:
    """Return one line about a source of the account."""
    if not row["parser"]:
        return f"{row['file']}: not read: {row['note']}"
    text = f"{row['file']}: {row['parser']} ({row['why']}), {row['records']:,} records of {row['lines']:,} lines"
    text += f", times {row['zone']}" if row["zone"] else ""
    return text + (f"; {row['note']}" if row["note"] else "")


def _sources(account: pd.DataFrame) -> str:
    return "Sources\n" + "\n".join(f"  {flatten(describe_source(row))}" for _, row in account.iterrows())


def _account_table(account: pd.DataFrame) -> str:
    """Show the sums: lines = records + ... + unparsed; records = duplicate + out of window + filtered + events."""
    shown = [name for name in _SHOWN if name != "skipped" or account[name].any()]
    names = [*shown, *_TAKEN]
    rows = [[_end_of(str(row["file"])), *(f"{row[name]:,}" for name in names)] for _, row in account.iterrows()]
    rows.append(["total", *(f"{account[name].sum():,}" for name in names)])
    head = ["", *(name.replace("_", " ") for name in names)]
    widths = [max(len(row[place]) for row in [head, *rows]) for place in range(len(head))]
    table = "\n".join("  " + _aligned(row, widths) for row in [head, *rows])
    sums = (
        f"  lines = {' + '.join(shown[1:])}\n"
        "  records = duplicate + out of window + filtered + events (undated: those without a time)"
    )
    return f"Account\n{table}\n{sums}"


def _end_of(path: str) -> str:
    """Keep the end of a long path, which tells files apart."""
    return path if len(path) <= _PATH else "…" + path[1 - _PATH :]


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
    return "  ".join(cells).rstrip()


def _duplicates(account: pd.DataFrame, events: pd.DataFrame) -> str:
    """Count the records that are copies, by the rule that found them."""
    again = account.loc[account["note"].str.endswith(NOT_READ_AGAIN), "duplicate"].sum()
    counts = {"same file": int(again)} if again else {}
    if schema.COPIES in events and schema.DEDUPE_RULE in events:
        merged = events[events[schema.COPIES] > 1]
        extra = (merged[schema.COPIES] - 1).groupby(merged[schema.DEDUPE_RULE].astype(str)).sum()
        counts |= {str(rule): int(count) for rule, count in extra.items()}
    return "Duplicates\n" + "\n".join(f"  {count:,} by {rule}" for rule, count in counts.items()) if counts else ""


def _unparsed(examples: Sequence[tuple[str, int, str]]) -> str:
    shown: list[Any] = [f"  {file}:{line}: {shorten(flatten(text), 120)}" for file, line, text in examples[:_EXAMPLES]]
    return "Not understood, for example\n" + "\n".join(shown)
