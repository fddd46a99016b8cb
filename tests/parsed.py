"""What a parser makes of a text, with every line accounted for: shared by the tests of parsers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from timeline.containers import Memory
from timeline.parser import Batch, Parser
from timeline.schema import concat, conform
from timeline.sources import Source


@dataclass(frozen=True)
class Reader:
    """Reads texts by *parser*, as a file called *name*."""

    parser: Parser
    name: str = "log"

    def parse(self, text: str | bytes, **options: str) -> list[Batch]:
        raw = text if isinstance(text, bytes) else text.encode()
        return checked(self.parser.parse(Source(Memory(self.name, raw), "", options)), raw)

    def frame(self, text: str | bytes, **options: str) -> pd.DataFrame:
        return concat(batch.records for batch in self.parse(text, **options))

    def rows(self, text: str | bytes, **options: str) -> list[dict[str, Any]]:
        """Return the records without what is missing in them."""
        rows = self.frame(text, **options).to_dict("records")
        return [{str(name): value for name, value in row.items() if not pd.isna(value)} for row in rows]

    def row(self, text: str | bytes, **options: str) -> dict[str, Any]:
        (only,) = self.rows(text, **options)
        return only

    def counts(self, text: str | bytes, **options: str) -> tuple[int, int, int, int]:
        """Return how many lines are records, continuations, blank and not understood."""
        batches = self.parse(text, **options)
        names = ("continuation", "blank", "unparsed")
        return sum(len(batch.records) for batch in batches), *(sum(getattr(b, name) for b in batches) for name in names)


def checked(batches: Iterable[Batch | pd.DataFrame], raw: bytes) -> list[Batch]:
    """Return *batches* of *raw* if their lines add up to its lines, each batch by itself as well."""
    found: list[Batch] = []
    for batch in batches:
        assert isinstance(batch, Batch)
        assert batch.lines == len(batch.records) + batch.continuation + batch.blank + batch.decoration + batch.unparsed
        assert min(batch.continuation, batch.blank, batch.decoration, batch.unparsed) >= 0
        conform(batch.records)
        found.append(batch)
    plain = Source(Memory("x", raw), "").read()  # arbitrary bytes may be compressed
    assert sum(batch.lines for batch in found) == plain.count(b"\n") + (not plain.endswith(b"\n") and bool(plain))
    return found
