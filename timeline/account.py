"""Where every line of every source went, and the check that the sums hold."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Final

from timeline.errors import AccountError

if TYPE_CHECKING:
    import pandas as pd

    from timeline.parser import Batch

COUNTS: Final = (
    "lines", "records", "continuation", "blank", "decoration", "unparsed", "skipped",
    "events", "duplicate", "out_of_window", "filtered", "undated",
)  # fmt: skip

NOT_READ_AGAIN: Final = "not read again"
"""What the note says of a file that is a copy."""


@dataclass
class SourceAccount:
    """The account of one source.

    `lines = records + continuation + blank + decoration + unparsed + skipped`, and
    `records = events + duplicate + out_of_window + filtered`. `undated` counts the records without a time,
    which are out of every window.

    Attributes:
        file: the source's label.
        parser: the parser that read it, empty if none did.
        why: why that parser was taken.
        bases: how its stamps became UTC, values of `time_basis`.
        time_notes: what was done for that, parts of `time_note`.
        skipped: lines of a large sorted file, or entries of a journal, outside of the window that were not read.
        damaged: whether the source was cut off or corrupt, and read as far as possible.
        note: what else a person should know.
        unparsed_examples: (line, text) of the first lines that were not understood.
    """

    file: str
    parser: str = ""
    lines: int = 0
    records: int = 0
    continuation: int = 0
    blank: int = 0
    decoration: int = 0
    unparsed: int = 0
    skipped: int = 0
    events: int = 0
    duplicate: int = 0
    out_of_window: int = 0
    filtered: int = 0
    undated: int = 0
    why: str = ""
    bases: list[str] = field(default_factory=list)
    time_notes: list[str] = field(default_factory=list)
    damaged: bool = False
    note: str = ""
    unparsed_examples: list[tuple[int, str]] = field(default_factory=list)

    @property
    def zone(self) -> str:
        """How its stamps became UTC, in a phrase."""
        notes = f" ({'; '.join(self.time_notes)})" if self.time_notes else ""
        return ", ".join(self.bases) + notes

    def add(self, batch: Batch) -> None:
        """Add the counts of a batch.

        Raises:
            AccountError: its lines do not add up.
        """
        records = len(batch.records)
        total = records + batch.continuation + batch.blank + batch.decoration + batch.unparsed + batch.skipped
        if total != batch.lines:
            raise AccountError(
                f"{self.file}: parser {self.parser} read {batch.lines:,} lines and accounts for {total:,}"
            )
        self.records += records
        for name in ("lines", "continuation", "blank", "decoration", "unparsed", "skipped"):
            setattr(self, name, getattr(self, name) + getattr(batch, name))
        self.unparsed_examples += batch.unparsed_examples[: max(0, 5 - len(self.unparsed_examples))]
        self.add_note(batch.note)

    def add_note(self, note: str) -> None:
        """Add a phrase to the note, once."""
        if note and note not in self.note:
            self.note = "; ".join(filter(None, [self.note, note]))

    def skip(self, before: int, after: int) -> None:
        """Count the lines before and after the part that was read."""
        self.unparsed_examples = [(line + before, text) for line, text in self.unparsed_examples]
        self.skipped = before + after
        self.add_note(f"only its lines {before + 1:,} to {before + self.lines:,} can lie in the window, and were read")
        self.lines += self.skipped

    def of_copy(self, label: str) -> SourceAccount:
        """Return the account of a file with the same content, none of whose records is an event of its own."""
        return replace(
            self, file=label, duplicate=self.records, events=0, out_of_window=0, filtered=0, undated=0,
            note=f"copy of {self.file}, {NOT_READ_AGAIN}", unparsed_examples=[],
        )  # fmt: skip

    def check(self) -> None:
        """Raise `AccountError` unless both sums hold."""
        read = self.records + self.continuation + self.blank + self.decoration + self.unparsed
        if self.lines != read + self.skipped:
            raise AccountError(f"{self.file}: {self.lines:,} lines do not add up: {asdict(self)}")
        if self.records != self.events + self.duplicate + self.out_of_window + self.filtered:
            raise AccountError(f"{self.file}: {self.records:,} records do not add up: {asdict(self)}")


def to_frame(accounts: list[SourceAccount]) -> pd.DataFrame:
    """Return the accounts as a frame, one row a source, sums checked.

    Raises:
        AccountError: the lines of a source do not add up.
    """
    import pandas as pd

    for account in accounts:
        account.check()
    columns = ["file", "parser", *COUNTS, "why", "zone", "damaged", "note"]
    rows = [[getattr(account, name) for name in columns] for account in accounts]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.astype(dict.fromkeys(COUNTS, "int64"))
