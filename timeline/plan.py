"""What one run reads and how: paths, settings, window and filters, put together before anything is read."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from timeline import registry
from timeline.config import Rule, find_config, home_zone, load_config, option_rules, rules_from
from timeline.errors import UnknownNameError, UsageError
from timeline.window import WindowRequest, request_window

Path_ = str | os.PathLike[str]
Moment = str | datetime


def say_nothing(_: str) -> None:
    """Take the label of a source and do nothing with it."""


@dataclass(frozen=True)
class Plan:
    """What one run reads, and how.

    Attributes:
        named: paths, and the parser that is forced for each.
        rules: settings of sources, the later ones win.
        asked: what the settings files say of the timeline.
        request: the window as it was asked for.
        filters: the keywords of `timeline.filters.keep`.
        dedupe: whether copies of one event are dropped.
        progress: called with the label of each source before it is read.
    """

    named: Sequence[tuple[str, str | None]]
    rules: Sequence[Rule]
    asked: Mapping[str, Any]
    request: WindowRequest
    filters: Mapping[str, Any]
    dedupe: bool
    progress: Callable[[str], None]


def make_plan(
    paths: Sequence[Path_],
    *,
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
    progress: Callable[[str], None] = say_nothing,
) -> Plan:
    """Put together what `timeline.read` is asked for; the arguments are its own.

    Raises:
        TimelineError: a path, option or setting cannot be used.
    """
    named = _name_paths(paths, parser)
    rules, asked = _read_settings(named, config)
    rules += [*rules_from(tz=tz, year=year, shift=shift, host=host), *option_rules(options)]
    _check_options(rules)
    given = {"since": since, "until": until, "around": around, "before": before, "after": after}
    request = request_window(given, asked, home_zone(tz) or asked.get("tz"))
    filters = _choose_filters(asked, source=source, severity=severity, grep=grep, exclude=exclude)
    return Plan(named, rules, asked, request, filters, dedupe, progress)


def _name_paths(paths: Sequence[Path_], parser: str | None) -> list[tuple[str, str | None]]:
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


def _read_settings(named: Sequence[tuple[str, str | None]], config: Path_ | None) -> tuple[list[Rule], dict[str, Any]]:
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


def _choose_filters(asked: Mapping[str, Any], **given: Any) -> dict[str, Any]:
    """Take each filter from the arguments, else from the settings file."""
    chosen = {name: value or asked.get(name) for name, value in given.items()}
    return {name: value if name == "severity" else _several(value) for name, value in chosen.items()}


def _several(value: Any) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)
