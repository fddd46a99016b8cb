"""Find the sources of a run and who reads each; what cannot be read is refused, by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from timeline import registry
from timeline.account import SourceAccount
from timeline.config import Rule, SourceSettings, settings_for, unused_rules
from timeline.copies import find_copied
from timeline.errors import NoEvidenceError, SourceError, UnclearFormatError
from timeline.plan import Plan
from timeline.reading import Reader
from timeline.sources import LIVE_JOURNAL, Refusal, Source, discover, spelled

if TYPE_CHECKING:
    from timeline.parser import Parser


NOT_EVIDENCE = "no evidence"
"""Why a source that no parser reads is no loss."""


@dataclass
class Gathering:
    """The sources of a run, as far as they were found.

    Attributes:
        readers: one for each source that is read.
        refusals: what is not read, and why.
        warnings: what a person should know.
        copies: by label of a file that is not read again, that of the one it is a copy of.
    """

    plan: Plan
    readers: list[Reader] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    copies: dict[str, str] = field(default_factory=dict)

    def find_readers(self) -> Iterator[Reader]:
        """Yield a reader for each source, in a stable order."""
        parsers, warnings = registry.load_parsers()
        self.warnings += warnings
        for found, forced in self._set_copies_aside(list(_find_sources(self.plan.named))):
            if isinstance(found, Refusal):
                self._leave_out(found)
                continue
            self.plan.progress(found.label)
            try:
                reader = _choose_reader(found, forced, parsers, self.plan.rules)
            except UnclearFormatError as error:
                is_loss = not isinstance(error, NoEvidenceError)
                self._leave_out(Refusal(found.label, str(error), is_loss), error.help)
            except OSError as error:
                self._leave_out(Refusal(found.label, error.strerror or str(error)))
            else:
                self.readers.append(reader)
                yield reader

    def _set_copies_aside(
        self, found: list[tuple[Source | Refusal, str | None]]
    ) -> list[tuple[Source | Refusal, str | None]]:
        """Return *found* without the files that are copies of others."""
        if not self.plan.dedupe:
            return found
        sources = [
            (source, repr((forced, settings_for(source.label, self.plan.rules))))
            for source, forced in found
            if isinstance(source, Source)
        ]
        copied = find_copied(sources)
        self.copies = {sources[place][0].label: sources[first][0].label for place, first in copied.items()}
        return [(source, forced) for source, forced in found if source.label not in self.copies]

    def _leave_out(self, refusal: Refusal, help_text: str = "") -> None:
        self.refusals.append(refusal)
        if refusal.is_loss or help_text:
            left_out, fix = "; left out" * refusal.is_loss, f" ({help_text})" if help_text else ""
            self.warnings.append(f"{refusal.label}: {refusal.reason}{left_out}{fix}")

    def require_something(self) -> None:
        """Raise `SourceError` if not one record was read and that was not because the evidence holds none."""
        accounts = [reader.account for reader in self.readers]
        unparsed = sum(account.unparsed for account in accounts)
        damaged = unparsed or any(reader.warnings for reader in self.readers)
        if any(account.records or account.skipped for account in accounts) or (accounts and not damaged):
            return
        paths = ", ".join(path for path, _ in self.plan.named) or "no path"
        if accounts:
            told = [*(text for reader in self.readers for text in reader.warnings), *self.warnings]
            reason = f" ({told[0]})" if told else f" (none of its {unparsed:,} lines is understood)"
        else:
            first = self.refusals[0] if self.refusals else None
            reason = f" ({first.label}: {first.reason})" if first else " (no files in it)"
        raise SourceError(
            f"nothing could be read in {paths}{reason}",
            help="name a log, a folder with logs, or force a format: PARSER:PATH",
        )

    def all_warnings(self) -> list[str]:
        """Return what a person should know of the run and of each source, each once."""
        read = (reader.account.file for reader in self.readers)
        labels = [*read, *self.copies, *(refusal.label for refusal in self.refusals)]
        told = [text for reader in self.readers for text in reader.warnings]
        return list(dict.fromkeys([*self.warnings, *unused_rules(self.plan.rules, labels), *told]))

    def accounts(self) -> list[SourceAccount]:
        """Return the accounts of what was read and of what was not."""
        left_out = [
            SourceAccount(refusal.label, why="" if refusal.is_loss else NOT_EVIDENCE, note=refusal.reason)
            for refusal in self.refusals
        ]
        return [*(reader.account for reader in self.readers), *left_out]

    def accounts_of_copies(self) -> list[SourceAccount]:
        """Return the accounts of files that were not read again: all of their records are duplicates."""
        originals = {reader.account.file: reader.account for reader in self.readers}
        return [originals.get(first, SourceAccount(first)).of_copy(copy) for copy, first in sorted(self.copies.items())]


def _find_sources(named: Sequence[tuple[str, str | None]]) -> Iterator[tuple[Source | Refusal, str | None]]:
    """Yield each source once, with the parser that was forced for it."""
    seen: set[str] = set()
    for path, parser in named:
        for found in discover(path):
            if spelled(found.label) not in seen:
                seen.add(spelled(found.label))
                yield found, parser


def _choose_reader(source: Source, forced: str | None, parsers: Sequence[Parser], rules: Sequence[Rule]) -> Reader:
    settings = settings_for(source.label, rules)
    forced = forced or settings.parser or ("journald" if source.label == LIVE_JOURNAL else None)
    parser, why = registry.find_parser(source, forced, parsers)
    reader = Reader(source, parser, _keep_options(settings, parser.name))
    reader.account.why = why
    return reader


def _keep_options(settings: SourceSettings, name: str) -> SourceSettings:
    """Keep the options of one parser; "postgresql.log_line_prefix" becomes "log_line_prefix"."""
    prefix = f"{name}."
    own = {
        key.removeprefix(prefix): value
        for key, value in settings.options.items()
        if key.startswith(prefix) or "." not in key
    }
    return replace(settings, options=own)
