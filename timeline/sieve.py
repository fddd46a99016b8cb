"""Merge events, drop copies and what was not asked for, and count by file where each went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from timeline import schema
from timeline.account import SourceAccount
from timeline.clocks import Coverages
from timeline.dedupe import dedupe
from timeline.filters import find_names, keep, unknown_sources
from timeline.merge import merge
from timeline.plan import Plan


class Sieve:
    """What of the events of a run stays.

    Attributes:
        undated: how many of those that stay have no time.
        coverages: from when to when each file holds events.
    """

    def __init__(self, plan: Plan) -> None:
        self.undated = 0
        self.coverages = Coverages()
        self._plan = plan
        self._inside, self._kept, self._wanted = Counter[str](), Counter[str](), Counter[str]()
        self._names: set[str] = set()
        self._doubts: list[str] = []
        self._copies: list[tuple[str, str]] = []

    def sift(self, frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
        """Return the events of *frames*, which lie in the window, merged, without copies, filtered."""
        inside = merge(frames)
        self.coverages.add(inside)
        kept = inside
        if self._plan.dedupe:
            kept = dedupe(inside, warn=self._doubts.append, note=lambda *copy: self._copies.append(copy))
        wanted = keep(kept, **self._plan.filters)
        self._names |= find_names(kept) if self._plan.filters["source"] else set()
        for counts, events in ((self._inside, inside), (self._kept, kept), (self._wanted, wanted)):
            counts.update({str(name): int(count) for name, count in events[schema.FILE].value_counts().items()})
        self.undated += int(wanted[schema.TIMESTAMP].isna().sum())
        return wanted

    def settle(self, accounts: Sequence[SourceAccount]) -> None:
        """Write into the accounts what the window, dedupe and the filters took."""
        for account in accounts:
            inside, kept, wanted = (counts[account.file] for counts in (self._inside, self._kept, self._wanted))
            account.out_of_window = account.records - inside
            account.duplicate, account.filtered, account.events = inside - kept, kept - wanted, wanted
            for text in (text for file, text in self._copies if file == account.file):
                account.add_note(text)

    def warnings(self) -> list[str]:
        """Say which lines may be copies, and which of the sources that were asked for do not occur."""
        return self._doubts + unknown_sources(self._names, self._plan.filters["source"])
