"""Say of one event which records it is, and by which rule they became one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from timeline import schema
from timeline.account import NOT_READ_AGAIN
from timeline.errors import UsageError
from timeline.markdown_text import flatten, shorten
from timeline.sources import matches

if TYPE_CHECKING:
    import pandas as pd

    from timeline.results import Evidence


def explain_dedupe(evidence: Evidence, ref: str) -> str:
    """Return as text the records that are the event at *ref*, and the rule that found them.

    Args:
        evidence: what `timeline.read` or `timeline.build` gave.
        ref: the place of one of its records, "FILE:LINE"; the end of a path will do.

    Raises:
        UsageError: no event of the evidence, after window and filters, has a record there.
    """
    file, colon, line = ref.rpartition(":")
    if not colon or not line.isascii() or not line.isdigit():
        raise UsageError(f"{ref!r} is no FILE:LINE", help="name a record as --citations does: nginx/error.log:12")
    copies = _files_read_once(evidence.account, file)
    rows = [row for name in (file, *copies.values()) for row in _find_rows(evidence.events, name, int(line))]
    if not rows:
        raise UsageError(
            f"no event has a record at {ref}", help="see --all --citations for the places, --explain for the files"
        )
    told = [f"{copy} is a copy of {name}, {NOT_READ_AGAIN}" for copy, name in copies.items()]
    return "\n".join([*told, *(_describe(evidence.events.iloc[row]) for row in dict.fromkeys(rows))]) + "\n"


def _files_read_once(account: pd.DataFrame, file: str) -> dict[str, str]:
    """Return the files called *file* that were not read again, and the names of what they are copies of."""
    rows = account[account["note"].str.endswith(f", {NOT_READ_AGAIN}")]
    notes = zip(rows["file"], rows["note"], strict=True)
    return {
        name: note.removeprefix("copy of ").removesuffix(f", {NOT_READ_AGAIN}")
        for name, note in notes
        if matches(name, file)
    }


def _find_rows(events: pd.DataFrame, file: str, line: int) -> list[int]:
    names = [name for name in events[schema.FILE].cat.categories if matches(str(name), file)]
    own = events[schema.FILE].isin(names) & (events[schema.LINE] == line)
    found = own.to_numpy(bool, na_value=False).nonzero()[0].tolist()
    if schema.ALSO_IN in events:
        near = events[schema.ALSO_IN].str.contains(f":{line}", regex=False, na=False).to_numpy(bool).nonzero()[0]
        found += [row for row in near.tolist() if _stands_in(events[schema.ALSO_IN].iloc[row], file, line)]
    return found


def _stands_in(also_in: str, file: str, line: int) -> bool:
    places = (place.rpartition(":") for place in also_in.split(", "))
    return any(number == str(line) and matches(name, file) for name, _, number in places)


def _describe(event: pd.Series) -> str:
    others = event.get(schema.ALSO_IN)
    places = others.split(", ") if isinstance(others, str) else []
    copies = int(event.get(schema.COPIES, 1))
    rule = f"{copies:,} records, by {event[schema.DEDUPE_RULE]}" if copies > 1 else "1 record, no copies"
    when, message = event[schema.TIMESTAMP], event[schema.MESSAGE]
    text = shorten(flatten(message), 120) if isinstance(message, str) else "(no message)"
    kept = f"{event[schema.FILE]}:{event[schema.LINE]}"
    lines = [f"{'no time' if when != when else f'{when:%Y-%m-%d %H:%M:%S.%f}Z'}  {text}", f"  {rule}"]  # noqa: PLR0124 - NaT
    return "\n".join([*lines, f"  kept     {kept}", *(f"  also in  {place}" for place in places)])
