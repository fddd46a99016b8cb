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
_ALWAYS: Final = ("lines", "records", "unparsed", "events")
"""Other columns are shown if they are not all zero."""

_EXAMPLES: Final = 20
_PATH: Final = 56


def explain(evidence: Evidence) -> str:
    """Return the whole explanation as text.

    Args:
        evidence: what `timeline.read` or `timeline.build` gave.
    """
    account = evidence.account
    unread = account["parser"] == ""
    read, lost = account[~unread], account[unread & (account["why"] == "")]
    left_out, warnings = _left_out(lost, evidence.warnings)
    asides = account[unread & (account["why"] != "")]
    parts = [
        _section("Sources", [describe_source(row) for _, row in read.iterrows()]),
        _section("Left out", left_out),
        _section("Not evidence", [describe_source(row) for _, row in asides.iterrows()]),
        _account_table(read) if len(read) else "",
        _duplicates(account, evidence.events),
        _section("Window", [str(evidence.window)] if evidence.window.since or evidence.window.until else []),
        _unparsed(evidence.unparsed) if evidence.unparsed else "",
        _section("Warnings", warnings),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def describe_source(row: pd.Series) -> str:
    """Return one line about a source of the account."""
    if not row["parser"]:
        return f"{row['file']}: {row['note'] if row['why'] else 'not read: ' + row['note']}"
    sums = f"{_count(row['records'], 'record')} of {_count(row['lines'], 'line')}"
    times = f", times {row['zone']}" if row["zone"] else ""
    note = f"; {row['note']}" if row["note"] else ""
    return f"{row['file']}: {row['parser']} ({row['why']}), {sums}{times}{note}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _section(title: str, lines: Sequence[str]) -> str:
    return "\n".join([title, *(f"  {flatten(line)}" for line in lines)]) if lines else ""


def _left_out(lost: pd.DataFrame, warnings: Sequence[str]) -> tuple[list[str], list[str]]:
    """Say of each file that was left out why and what helps, and return the warnings that say something else."""
    reasons = {f"{row['file']}: {row['note']}" for _, row in lost.iterrows()}
    said = {warning.partition("; left out")[0]: warning for warning in warnings if "; left out" in warning}
    lines = [said.get(reason, reason).replace("; left out", "", 1) for reason in sorted(reasons)]
    return lines, [warning for warning in warnings if warning.partition("; left out")[0] not in reasons]


def _account_table(account: pd.DataFrame) -> str:
    """Show the sums: lines = records + ... + unparsed; records = duplicate + out of window + filtered + events."""
    lines = [name for name in _SHOWN if name in _ALWAYS or account[name].any()]
    taken = [name for name in _TAKEN if name in _ALWAYS or account[name].any()]
    names = [*lines, *taken]
    rows = [[_end_of(str(row["file"])), *(f"{row[name]:,}" for name in names)] for _, row in account.iterrows()]
    if len(rows) > 1:
        rows.append(["total", *(f"{account[name].sum():,}" for name in names)])
    head = ["", *(name.replace("_", " ") for name in names)]
    widths = [max(len(row[place]) for row in [head, *rows]) for place in range(len(head))]
    table = "\n".join("  " + _aligned(row, widths) for row in [head, *rows])
    sums = [name for name in _SHOWN[1:] if name != "skipped" or name in lines]
    return (
        f"Account\n{table}\n  lines = {' + '.join(sums)}\n"
        "  records = duplicate + out of window + filtered + events (undated: those without a time)\n"
        "  what is 0 everywhere has no column"
    )


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
