"""The composition: evidence in, events and timeline out. Reads like the sentence in the README."""

from __future__ import annotations

import gc
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from timeline import registry, schema
from timeline.account import SourceAccount, to_frame
from timeline.collapse import collapse
from timeline.config import (
    Rule,
    find_config,
    home_zone,
    load_config,
    option_rules,
    rules_from,
    settings_for,
    unused_rules,
)
from timeline.dedupe import dedupe as drop_duplicates
from timeline.errors import SourceError, TimelineError, UnclearFormatError, UnknownNameError, UsageError
from timeline.filters import keep, unknown_sources
from timeline.merge import merge
from timeline.reading import Reader, Reading, date_events, read_source, span_of, within
from timeline.results import Evidence, Timeline
from timeline.select import select
from timeline.sources import LIVE_JOURNAL, Refusal, Source, discover, spelled
from timeline.window import Window, request_window

if TYPE_CHECKING:
    from timeline.parser import Parser

Path_ = str | os.PathLike[str]
Moment = str | datetime
DEFAULT_MAX_LINES = 40


def read(
    *paths: Path_,
    parser: str | None = None,
    tz: str | Mapping[str, str] | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    around: Moment | None = None,
    before: str | timedelta | None = None,
    after: str | timedelta | None = None,
    year: int | Mapping[str, int] | None = None,
    shift: Mapping[str, timedelta | str] | None = None,
    host: str | Mapping[str, str] | None = None,
    options: Mapping[str, Mapping[str, str]] | None = None,
    source: str | Sequence[str] = (),
    severity: str | None = None,
    grep: str | Sequence[str] = (),
    exclude: str | Sequence[str] = (),
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
        before: a duration; "15m" by default.
        after: a duration; "1h" by default.
        year: year of the first record where stamps have none; one for all, or by glob.
        shift: by glob, what is added to every stamp; a clock that ran 95 s ahead is "-95s".
        host: host where records name none; one for all, or by glob.
        options: by parser, its options, such as `{"postgresql": {"log_line_prefix": "%m [%p] "}}`.
        source: keep only this source or service, or these.
        severity: keep only this severity and worse, and what has none.
        grep: keep only messages that contain this regular expression, or each of these.
        exclude: drop messages that contain this regular expression, or one of these.
        dedupe: drop copies of one event; False keeps them.
        config: a settings file; without it `timeline-build.toml` in an evidence folder is read.
        progress: called with the label of each source before it is read.

    Raises:
        TimelineError: a path, option or setting cannot be used, or nothing could be read at all.
    """
    named = _named(paths, parser)
    rules, asked = _rules(named, config)
    rules += [*rules_from(tz=tz, year=year, shift=shift, host=host), *option_rules(options)]
    _check_options(rules)
    given = {"since": since, "until": until, "around": around, "before": before, "after": after}
    request = request_window(given, asked, home_zone(tz) or asked.get("tz"))
    with _collector_paused():
        readings, refusals, warnings = _read_all(named, rules, request.at_once, progress)
    _require_something(readings, refusals, named, warnings)
    labels = [*(reading.account.file for reading in readings), *(refusal.label for refusal in refusals)]
    warnings += unused_rules(rules, labels)
    dated = date_events(readings)
    _count_undated([reading.account for reading in readings], dated)
    span = request.resolve(span_of(dated))
    merged = merge([within(events, span) for events in dated] or [schema.empty()])
    kept = drop_duplicates(merged) if dedupe else merged
    filters = _filters(asked, source=source, severity=severity, grep=grep, exclude=exclude)
    warnings += unknown_sources(kept, filters["source"])
    wanted = keep(kept, **filters)
    accounts = _settle([reading.account for reading in readings], merged, kept, wanted)
    warnings += [text for reading in readings for text in reading.warnings]
    return Evidence(
        wanted,
        to_frame(accounts + [SourceAccount(refusal.label, note=refusal.reason) for refusal in refusals]),
        list(dict.fromkeys(warnings)),
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
    _, asked = _rules(_named(paths, None), how.get("config"))
    if max_lines is None:
        max_lines = asked.get("max_lines", DEFAULT_MAX_LINES)
    entries = evidence.events if everything else select(collapse(evidence.events), max_lines=max_lines)
    form = {name: asked[name] for name in ("style", "citations") if name in asked}
    return Timeline(**vars(evidence), entries=entries, **form)


def _named(paths: Sequence[Path_], parser: str | None) -> list[tuple[str, str | None]]:
    """Split `PARSER:PATH`; paths for which a parser is named come first, since each source is read once."""
    known = set(registry.available_parsers())
    named: list[tuple[str, str | None]] = []
    for path in paths:
        if not isinstance(path, (str, os.PathLike)) or not isinstance(os.fspath(path), str):
            raise UsageError(
                f"{path!r} is not a path", help="give each path as text or a Path of its own: read(*paths)"
            )
        text = os.fspath(path)
        prefix, _, rest = text.partition(":")
        forced = prefix in known and rest and not Path(text).exists()
        named.append((rest, prefix) if forced else (text, parser))
    return sorted(named, key=lambda pair: pair[1] is None)


def _rules(named: Sequence[tuple[str, str | None]], config: Path_ | None) -> tuple[list[Rule], dict[str, Any]]:
    if config:
        found = [load_config(config)]
    else:
        found = [load_config(path, folder=folder) for path, folder in find_config([path for path, _ in named])]
    asked: dict[str, Any] = {}
    for settings in found:
        asked.update(settings.timeline)
    return [rule for settings in found for rule in settings.rules], asked


def _check_options(rules: Sequence[Rule]) -> None:
    """Raise `UnknownNameError` for an option of a parser that is not installed."""
    for name in (key.partition(".")[0] for rule in rules for key in rule.options if "." in key):
        if name not in registry.available_parsers():
            raise UnknownNameError("parser", name, registry.available_parsers())


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep the cycle collector from looking again and again at the growing lists of a chat export: a fifth of its time.

    Nothing that parsers make refers to itself; what is not needed is freed all the same.
    """
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


def _read_all(
    named: Sequence[tuple[str, str | None]],
    rules: Sequence[Rule],
    window: Window | None,
    progress: Callable[[str], None],
) -> tuple[list[Reading], list[Refusal], list[str]]:
    parsers, warnings = registry.load_parsers()
    readings: list[Reading] = []
    refusals: list[Refusal] = []
    for found, wanted in _sources(named):
        if isinstance(found, Refusal):
            refusals.append(found)
            warnings.append(f"{found.label}: {found.reason}; left out")
            continue
        progress(found.label)
        try:
            reading = _read_one(found, wanted, parsers, rules, window)
        except UnclearFormatError as error:
            refusals.append(Refusal(found.label, str(error)))
            warnings.append(f"{found.label}: {error}; left out" + (f" ({error.help})" if error.help else ""))
        except OSError as error:
            refusals.append(Refusal(found.label, error.strerror or str(error)))
            warnings.append(f"{found.label}: {error.strerror or error}; left out")
        else:
            readings.append(reading)
    return readings, refusals, list(dict.fromkeys(warnings))


def _sources(named: Sequence[tuple[str, str | None]]) -> Iterator[tuple[Source | Refusal, str | None]]:
    """Yield each source once, with the parser that was forced for it."""
    seen: set[str] = set()
    for path, parser in named:
        for found in discover(path):
            if spelled(found.label) not in seen:
                seen.add(spelled(found.label))
                yield found, parser


def _read_one(
    source: Source, forced: str | None, parsers: Sequence[Parser], rules: Sequence[Rule], window: Window | None
) -> Reading:
    settings = settings_for(source.label, rules)
    forced = forced or settings.parser or ("journald" if source.label == LIVE_JOURNAL else None)
    parser, why = registry.find_parser(source, forced, parsers)
    reading = read_source(Reader(source, parser, _for_parser(settings, parser.name)), window)
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
    readings: Sequence[Reading],
    refusals: Sequence[Refusal],
    named: Sequence[tuple[str, str | None]],
    warnings: Sequence[str],
) -> None:
    """Raise `SourceError` if not one record was read and that was not because the evidence holds none."""
    unparsed = sum(reading.account.unparsed for reading in readings)
    damaged = unparsed or any(reading.warnings for reading in readings)
    if any(reading.account.records for reading in readings) or (readings and not damaged):
        return
    paths = ", ".join(path for path, _ in named) or "no path"
    if readings:
        told = [*(text for reading in readings for text in reading.warnings), *warnings]
        reason = f" ({told[0]})" if told else f" (none of its {unparsed:,} lines is understood)"
    else:
        reason = f" ({refusals[0].label}: {refusals[0].reason})" if refusals else " (no files in it)"
    raise SourceError(
        f"nothing could be read in {paths}{reason}",
        help="name a log, a folder with logs, or force a format: PARSER:PATH",
    )


def _count_undated(accounts: Sequence[SourceAccount], dated: Sequence[pd.DataFrame]) -> None:
    """Write into the accounts how many records have no time: a window leaves them out, but not silently."""
    files = [events.loc[events[schema.TIMESTAMP].isna(), schema.FILE] for events in dated]
    counts = Counter(str(name) for column in files if len(column) for name in column)
    for account in accounts:
        account.undated = counts[account.file]


def _settle(
    accounts: list[SourceAccount], merged: pd.DataFrame, kept: pd.DataFrame, wanted: pd.DataFrame
) -> list[SourceAccount]:
    """Write into the accounts what dedupe and the filters took."""
    before, after, last = (frame[schema.FILE].value_counts() for frame in (merged, kept, wanted))
    for account in accounts:
        rows = [int(counts.get(account.file, 0)) for counts in (before, after, last)]
        account.out_of_window = account.records - rows[0]
        account.duplicate, account.filtered, account.events = rows[0] - rows[1], rows[1] - rows[2], rows[2]
    return accounts


def _filters(asked: Mapping[str, Any], **given: Any) -> dict[str, Any]:
    """Take each filter from the arguments, else from the settings file."""
    chosen = {name: value or asked.get(name) for name, value in given.items()}
    return {name: value if name == "severity" else _several(value) for name, value in chosen.items()}


def _several(value: Any) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


__all__ = ["Evidence", "Timeline", "TimelineError", "build", "read"]
