"""What a parser is, and what it gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import pandas as pd

    from timeline.sources import Source


@dataclass(frozen=True)
class Batch:
    """Some records of one source, and where each of its lines went.

    `lines == len(records) + continuation + blank + decoration + unparsed + skipped` must hold; the pipeline asserts it.
    A "line" is a physical line of a text log, an entry of a binary journal, a message of a chat file.

    Attributes:
        records: one row a record: the columns of `timeline.schema` as far as the format has them (absent columns
            are filled), `line` always, and `wall` + `zone` instead of `timestamp`. `wall`: Int64, microseconds
            since 1970 of the stamp's digits read as if they were UTC, missing if the record has no time. `zone`:
            category, the zone as the record writes it ("UTC", "+0200", "-03", "CEST"), missing if it has none.
        lines: how many lines this batch accounts for.
        continuation: lines that were joined to a record that starts on another line.
        blank: empty lines.
        decoration: lines of the format that are no records (headers, `-- Boot --`, users of a chat export).
        unparsed: lines that were not understood.
        unparsed_examples: (line number, text) of the first few of them.
        warnings: what a person should know, each said once a source.
        yearless: the stamps carry no year; `wall` then lies in the leap year 1972.
        skipped: lines that surely lie outside of the window that was asked for, and were not read.
        note: one phrase for the account, such as "attachment of the export, not read".
    """

    records: pd.DataFrame
    lines: int
    continuation: int = 0
    blank: int = 0
    decoration: int = 0
    unparsed: int = 0
    unparsed_examples: tuple[tuple[int, str], ...] = ()
    warnings: tuple[str, ...] = ()
    yearless: bool = False
    note: str = ""
    skipped: int = 0


@runtime_checkable
class Parser(Protocol):
    """An object that knows one format, named in the entry-point group `timeline.parsers`.

    It may also have `starts_anywhere(source) -> bool`, which says that any run of whole lines of *source* can be read
    by itself: then only the part of a large sorted file that can lie in the window is read. And it may have
    `parse_window(source, since, until) -> Iterator[Batch]`, which leaves out what surely lies outside of a window
    (microseconds since 1970 by the clock of the source, None where it is open) and counts it as `skipped`.
    Of a file that holds no records, such as the configuration of a server, `tell_use(source) -> str` may say what it is
    to the parser ("configuration of nginx: log_format main read from it"); it is empty for all others.
    """

    name: str

    def sniff(self, head: bytes) -> float | bool:
        """Say how sure this is the parser's format: 0 or False is no, 1 or True is certain.

        Args:
            head: up to 64 KiB from the start of the decompressed source, as it is.

        By content only, never by file name. A text parser gives the share of the lines of *head* it understands.
        It must not raise, whatever the bytes are.
        """
        ...

    def parse(self, source: Source) -> Iterator[Batch | pd.DataFrame]:
        """Yield the records of *source* in batches, in the order of the file.

        `source.options` holds what the user set for this parser. A bare frame is taken as a batch whose other lines
        were not understood. Bad input is counted, never raised.
        """
        ...


@dataclass
class Tally:
    """Counts that a parser adds up while it works, to be put into a `Batch`."""

    lines: int = 0
    continuation: int = 0
    blank: int = 0
    decoration: int = 0
    unparsed: int = 0
    examples: list[tuple[int, str]] = field(default_factory=list)

    def reject(self, line: int, text: str, count: int = 1) -> None:
        """Count *count* lines that were not understood and keep the first few as examples."""
        self.unparsed += count
        if len(self.examples) < EXAMPLES:
            self.examples.append((line, text[:EXAMPLE_LENGTH]))

    def batch(
        self, records: pd.DataFrame, *, yearless: bool = False, warnings: tuple[str, ...] = (), note: str = ""
    ) -> Batch:
        """Make a batch of *records* and these counts."""
        return Batch(
            records, self.lines, self.continuation, self.blank, self.decoration, self.unparsed,
            tuple(self.examples), warnings, yearless, note,
        )  # fmt: skip


EXAMPLES = 5
EXAMPLE_LENGTH = 200
