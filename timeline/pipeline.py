"""The composition: evidence in, events and timeline out. Reads like the sentence in the README."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from timeline import registry, schema
from timeline.account import SourceAccount, to_frame
from timeline.collapse import collapse
from timeline.config import Rule, find_config, load_config, rules_from, settings_for
from timeline.dedupe import dedupe as drop_duplicates
from timeline.errors import SourceError, TimelineError, UnclearFormatError
from timeline.filters import keep
from timeline.merge import merge
from timeline.reading import Reading, date_events, read_source, span_of, within
from timeline.render import block_lines, to_markdown
from timeline.select import select
from timeline.sources import LIVE_JOURNAL, Refusal, Source, discover
from timeline.window import Bound, Window, parse_duration, parse_time, resolve

if TYPE_CHECKING:
    from timeline.embed import EmbedResult
    from timeline.parser import Parser

Path_ = str | os.PathLike[str]
Moment = str | datetime
DEFAULT_MAX_LINES = 40


@dataclass(frozen=True)
class Evidence:
    """What was read.

    Attributes:
        events: the event frame, merged and without duplicates, sorted by time, then file and line.
        account: one row a source: where each of its lines went.
        warnings: what a person should know, one line each.
        window: the span that was asked for, in UTC.
        unparsed: (file, line, text) of some lines that were not understood.
    """

    events: pd.DataFrame
    account: pd.DataFrame
    warnings: list[str]
    window: Window = field(default_factory=Window)
    unparsed: list[tuple[str, int, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Timeline(Evidence):
    """A finished timeline, and the evidence it was made of.

    Attributes:
        entries: one row a line of the timeline.
    """

    entries: pd.DataFrame = field(default_factory=schema.empty)

    def to_markdown(self, *, style: str = "bullets", citations: bool = False, heading: bool = True) -> str:
        """Return the timeline as Markdown.

        Args:
            style: "bullets" or "table".
            citations: add a footnote with file and line to each entry.
            heading: begin with `## Timeline (all times UTC)`.
        """
        return to_markdown(self.entries, style=style, citations=citations, heading=heading)

    def embed(
        self,
        path: Path_,
        *,
        style: str = "bullets",
        citations: bool = False,
        block_id: str = "main",
        on_edit: str = "refuse",
        init: bool = False,
    ) -> EmbedResult:
        """Write the timeline into the Markdown file *path*, between its markers or below its Timeline heading.

        Args:
            path: the draft.
            style: see `to_markdown`.
            citations: see `to_markdown`.
            block_id: which block, if the file has several.
            on_edit: "refuse" leaves a block that a person changed alone, "overwrite" replaces it.
            init: add a Timeline section where there is none, and create a missing file.

        Raises:
            EmbedError: the file cannot take the block; it is unchanged.
        """
        from timeline.embed import embed

        lines = block_lines(self.entries, style=style, citations=citations)
        return embed(path, lines, block_id=block_id, on_edit=on_edit, init=init)

    def _repr_markdown_(self) -> str:
        return self.to_markdown()


def read(
    *paths: Path_,
    parser: str | None = None,
    tz: str | Mapping[str, str] | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    around: Moment | None = None,
    before: str | timedelta = "15m",
    after: str | timedelta = "1h",
    year: int | Mapping[str, int] | None = None,
    shift: Mapping[str, timedelta | str] | None = None,
    host: str | Mapping[str, str] | None = None,
    options: Mapping[str, Mapping[str, str]] | None = None,
    source: Sequence[str] = (),
    severity: str | None = None,
    grep: Sequence[str] = (),
    exclude: Sequence[str] = (),
    dedupe: bool = True,
    config: Path_ | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Evidence:
    """Read evidence into one event frame.

    Args:
        paths: files, folders, archives, "-" for standard input, "PARSER:PATH" to force a format, "journal:".
        parser: force this format for all of them.
        tz: zone of stamps without one: a name for all, or a mapping from glob to name.
        since: begin of the window; forms as `timeline.window.parse_time` reads them.
        until: end of the window.
        around: a moment; the window is *before* until *after* it.
        before: a duration such as "15m".
        after: a duration such as "1h".
        year: year of the first record where stamps have none; one for all, or by glob.
        shift: by glob, what is added to every stamp; a clock that ran 95 s ahead is "-95s".
        host: host where records name none; one for all, or by glob.
        options: by parser, its options, such as `{"postgresql": {"log_line_prefix": "%m [%p] "}}`.
        source: keep only these sources or services.
        severity: keep only this severity and worse, and what has none.
        grep: keep only messages that contain each of these regular expressions.
        exclude: drop messages that contain one of these.
        dedupe: drop copies of one event; False keeps them.
        config: a settings file; without it `timeline-build.toml` in an evidence folder is read.
        progress: called with the label of each source before it is read.

    Raises:
        TimelineError: a path, option or setting cannot be used, or nothing could be read at all.
    """
    rules, asked = _rules(paths, config)
    rules += rules_from(tz=tz, year=year, shift=shift, host=host)
    rules += [
        Rule(options={f"{name}.{key}": value}) for name, keys in (options or {}).items() for key, value in keys.items()
    ]
    home = tz if isinstance(tz, str) else asked.get("tz")
    window = _Window.of(asked, home, since=since, until=until, around=around, before=before, after=after)
    readings, refusals, warnings = _read_all(paths, parser, rules, progress)
    _require_something(readings, refusals, paths, warnings)
    dated = date_events(readings)
    span = resolve_window(window, dated)
    frames = [within(events, span) for events in dated]
    merged = merge(frames) if frames else schema.empty()
    kept = drop_duplicates(merged) if dedupe else merged
    wanted = keep(
        kept,
        source=source or _several(asked.get("source")),
        severity=severity or asked.get("severity"),
        grep=grep or _several(asked.get("grep")),
        exclude=exclude or _several(asked.get("exclude")),
    )
    accounts = _settle([reading.account for reading in readings], merged, kept, wanted)
    return Evidence(
        wanted,
        to_frame(accounts + [SourceAccount(refusal.label, note=refusal.reason) for refusal in refusals]),
        list(dict.fromkeys([*warnings, *(text for reading in readings for text in reading.warnings)])),
        span,
        [(account.file, line, text) for account in accounts for line, text in account.unparsed_examples],
    )


def build(*paths: Path_, max_lines: int | None = None, everything: bool = False, **how: Any) -> Timeline:
    """Read evidence and make the timeline of it.

    Args:
        paths: as for `read`.
        max_lines: budget of the timeline; 40 by default.
        everything: keep every event as an entry: no collapse, no selection.
        how: as for `read`.

    Raises:
        TimelineError: see `read`.
    """
    evidence = read(*paths, **how)
    if max_lines is None:
        max_lines = int(_rules(paths, how.get("config"))[1].get("max_lines", DEFAULT_MAX_LINES))
    entries = evidence.events if everything else select(collapse(evidence.events), max_lines=max_lines)
    return Timeline(**vars(evidence), entries=entries)


@dataclass(frozen=True)
class _Window:
    """A window as it was asked for; times of day wait for the evidence's date."""

    since: Bound | None
    until: Bound | None
    around: Bound | None
    before: timedelta
    after: timedelta
    zone: str | None

    @classmethod
    def of(cls, asked: Mapping[str, Any], zone: str | None, **given: Any) -> _Window:
        if any(given[name] is not None for name in ("since", "until", "around")):
            asked = {}
        told = {
            name: given[name] if given[name] is not None else asked.get(name) for name in ("since", "until", "around")
        }
        bounds: dict[str, Any] = {
            name: None if value is None else parse_time(value, zone=zone) for name, value in told.items()
        }
        spans = {name: asked.get(name, given[name]) for name in ("before", "after")}
        lengths: dict[str, Any] = {
            name: value if isinstance(value, timedelta) else parse_duration(value) for name, value in spans.items()
        }
        return cls(**bounds, **lengths, zone=zone)


def resolve_window(window: _Window, dated: Sequence[pd.DataFrame]) -> Window:
    """Date the times of day of a window by the evidence.

    Raises:
        UsageError: see `timeline.window.resolve`.
    """
    return resolve(**vars(window), span=span_of(dated))


def _rules(paths: Sequence[Path_], config: Path_ | None) -> tuple[list[Rule], dict[str, Any]]:
    if config:
        found = [load_config(config)]
    else:
        found = [load_config(path, folder=folder) for path, folder in find_config(paths)]
    asked: dict[str, Any] = {}
    for settings in found:
        asked.update(settings.timeline)
    rules = [rule for settings in found for rule in settings.rules]
    return [*rules, *rules_from(tz=asked.get("tz"))], asked


def _read_all(
    paths: Sequence[Path_], forced: str | None, rules: Sequence[Rule], progress: Callable[[str], None]
) -> tuple[list[Reading], list[Refusal], list[str]]:
    parsers, warnings = registry.load_parsers()
    readings: list[Reading] = []
    refusals: list[Refusal] = []
    for found, wanted in _sources(paths, forced):
        if isinstance(found, Refusal):
            refusals.append(found)
            warnings.append(f"{found.label}: {found.reason}; left out")
            continue
        progress(found.label)
        try:
            reading = _read_one(found, wanted, parsers, rules)
        except UnclearFormatError as error:
            refusals.append(Refusal(found.label, str(error)))
            warnings.append(f"{found.label}: {error}; left out" + (f" ({error.help})" if error.help else ""))
        except OSError as error:
            refusals.append(Refusal(found.label, error.strerror or str(error)))
            warnings.append(f"{found.label}: {error.strerror or error}; left out")
        else:
            readings.append(reading)
    return readings, refusals, list(dict.fromkeys(warnings))


def _sources(paths: Sequence[Path_], forced: str | None) -> Iterator[tuple[Source | Refusal, str | None]]:
    """Yield each source once, with the parser that was forced for it."""
    known = set(registry.available_parsers())
    seen: set[str] = set()
    for path in paths:
        text, name = os.fspath(path), forced
        prefix, _, rest = text.partition(":")
        if prefix in known and rest and not Path(text).exists():
            text, name = rest, prefix
        for found in discover(text):
            if found.label in seen:
                continue
            seen.add(found.label)
            yield found, name


def _read_one(source: Source, forced: str | None, parsers: Sequence[Parser], rules: Sequence[Rule]) -> Reading:
    settings = settings_for(source.label, rules)
    forced = forced or settings.parser or ("journald" if source.label == LIVE_JOURNAL else None)
    parser, why = registry.find_parser(source, forced, parsers)
    reading = read_source(source, parser, _for_parser(settings, parser.name))
    reading.account.why = why
    return reading


def _for_parser(settings: Any, name: str) -> Any:
    """Keep the options of one parser; "postgresql.log_line_prefix" becomes "log_line_prefix"."""
    from dataclasses import replace

    prefix = f"{name}."
    own = {
        key.removeprefix(prefix): value
        for key, value in settings.options.items()
        if key.startswith(prefix) or "." not in key
    }
    return replace(settings, options=own)


def _require_something(
    readings: Sequence[Reading], refusals: Sequence[Refusal], paths: Sequence[Path_], warnings: Sequence[str]
) -> None:
    """Raise `SourceError` if not one record was read and that was not because the evidence holds none."""
    unparsed = sum(reading.account.unparsed for reading in readings)
    damaged = unparsed or any(reading.warnings for reading in readings)
    if any(reading.account.records for reading in readings) or (readings and not damaged):
        return
    named = ", ".join(os.fspath(path) for path in paths) or "no path"
    if readings:
        told = [*(text for reading in readings for text in reading.warnings), *warnings]
        reason = f" ({told[0]})" if told else f" (none of its {unparsed:,} lines is understood)"
    else:
        reason = f" ({refusals[0].label}: {refusals[0].reason})" if refusals else " (no files in it)"
    raise SourceError(
        f"nothing could be read in {named}{reason}",
        help="name a log, a folder with logs, or force a format: PARSER:PATH",
    )


def _settle(
    accounts: list[SourceAccount], merged: pd.DataFrame, kept: pd.DataFrame, wanted: pd.DataFrame
) -> list[SourceAccount]:
    """Write into the accounts what dedupe and the filters took."""
    before, after, last = (frame[schema.FILE].value_counts() for frame in (merged, kept, wanted))
    undated = wanted.loc[wanted[schema.TIMESTAMP].isna(), schema.FILE].value_counts()
    for account in accounts:
        rows = [int(counts.get(account.file, 0)) for counts in (before, after, last)]
        account.out_of_window = account.records - rows[0]
        account.duplicate, account.filtered, account.events = rows[0] - rows[1], rows[1] - rows[2], rows[2]
        account.undated = int(undated.get(account.file, 0))
    return accounts


def _several(value: Any) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


__all__ = ["Evidence", "Timeline", "TimelineError", "build", "read"]
