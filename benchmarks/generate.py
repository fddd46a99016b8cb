"""Make the evidence that the benchmarks read: always the same bytes for one seed and size.

./run python benchmarks/generate.py FOLDER [--lines N] [--seed N]
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import incident
import logs_journal
import logs_nginx
import logs_postgresql
import logs_slack
from datasets import Dataset

LINES = 400_000
MIN_LINES = 1_000
WEEK_SHARE = 5_400
"""Bytes of the log of a week for each line of the usual one."""


@dataclass(frozen=True)
class Evidence:
    """Data sets in one folder, each written when it is first asked for.

    Attributes:
        folder: where they are written.
        lines: lines of the access log; the others are shares of it.
        seed: of the random numbers.
    """

    folder: Path
    lines: int = LINES
    seed: int = 1

    @cached_property
    def access(self) -> Dataset:
        """An nginx access log in the combined format."""
        return logs_nginx.write_access_log(self._place("access") / "access.log", self.lines, self.seed)

    @cached_property
    def short_access(self) -> Dataset:
        """A short access log of the same kind, for readers that would take minutes."""
        return logs_nginx.write_access_log(self._place("short") / "access.log", max(self.lines // 100, 1), self.seed)

    @cached_property
    def week(self) -> Dataset:
        """A sorted access log of a week, 2 GB by default, of which one hour is asked for."""
        return logs_nginx.write_week(self._place("week") / "access.log", self.lines * WEEK_SHARE, self.seed)

    @cached_property
    def postgresql(self) -> tuple[Dataset, Dataset]:
        """The same records as stderr log and as csvlog."""
        folder = self._place("postgresql")
        return logs_postgresql.write_logs(
            folder / "postgresql-15-main.log", folder / "postgresql.csv", self.lines // 2, self.seed
        )

    @cached_property
    def journal(self) -> Dataset:
        """A folder of binary journals."""
        return logs_journal.write_journal(self._place("journal"), self.lines * 3 // 4, self.seed)

    @cached_property
    def slack(self) -> Dataset:
        """A zip of a Slack export."""
        return logs_slack.write_export(self._place("slack") / "export.zip", self.lines // 4, self.seed)

    @cached_property
    def incident(self) -> Dataset:
        """A folder of 5 MB with all formats; its size does not depend on `lines`."""
        return incident.write_folder(self._place("incident"), self.seed)

    def _place(self, name: str) -> Path:
        place = self.folder / name
        place.mkdir(parents=True, exist_ok=True)
        return place


def parse_lines(text: str) -> int:
    """Read the value of `--lines`.

    Raises:
        argparse.ArgumentTypeError: it is no number, or so small that a data set would be empty.
    """
    lines = int(text.replace(",", "").replace("_", ""))
    if lines < MIN_LINES:
        raise argparse.ArgumentTypeError(f"at least {MIN_LINES}")
    return lines


def main() -> None:
    """Write every data set and say what it holds."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=Path)
    options.add_argument("--lines", type=parse_lines, default=LINES, help="lines of the access log (%(default)s)")
    options.add_argument("--seed", type=int, default=1, help="of the random numbers (%(default)s)")
    given = options.parse_args()
    evidence = Evidence(given.folder, given.lines, given.seed)
    made = [evidence.access, *evidence.postgresql, evidence.slack, evidence.incident]
    hint = logs_journal.missing()
    if hint:
        print(f"no binary journal: {hint}")
    else:
        made.append(evidence.journal)
    for data in made:
        print(f"{data.path}: {data.events:,} records on {data.lines:,} lines, {data.size / 1e6:,.1f} MB")


if __name__ == "__main__":
    main()
