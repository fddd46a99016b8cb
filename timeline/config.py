"""Settings of a run: from keyword arguments, and from a `timeline-build.toml` that lies beside the evidence."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

from timeline.errors import SourceError, UnknownNameError, UsageError
from timeline.sources import SETTINGS_FILE, matches
from timeline.window import parse_duration
from timeline.zones import get_zone

SOURCE_KEYS: Final = ("match", "tz", "shift", "year", "host", "parser", "set")
TIMELINE_KEYS: Final = (
    "tz", "since", "until", "around", "before", "after", "max-lines", "source", "severity", "grep", "exclude",
    "citations", "style",
)  # fmt: skip


@dataclass(frozen=True)
class Rule:
    """What holds for the sources whose label a glob matches; "*" is all of them."""

    match: str = "*"
    tz: str | None = None
    shift: timedelta | None = None
    year: int | None = None
    host: str | None = None
    parser: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    def covers(self, label: str) -> bool:
        """Tell whether the rule holds for a source."""
        return self.match == "*" or matches(label, self.match)


@dataclass(frozen=True)
class SourceSettings:
    """What holds for one source, all rules taken together."""

    tz: str | None = None
    shift: timedelta | None = None
    year: int | None = None
    host: str | None = None
    parser: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)


def settings_for(label: str, rules: Sequence[Rule]) -> SourceSettings:
    """Take together the rules that cover *label*: a rule for one file beats one for all, a later one an earlier."""
    ordered = [rule for rule in rules if rule.match == "*"] + [rule for rule in rules if rule.match != "*"]
    found = SourceSettings()
    for rule in ordered:
        if rule.covers(label):
            told = {name: getattr(rule, name) for name in ("tz", "shift", "year", "host", "parser")}
            told = {name: value for name, value in told.items() if value is not None}
            found = replace(found, options={**found.options, **rule.options}, **told)
    return found


def rules_from(
    *,
    tz: str | Mapping[str, str] | None = None,
    year: int | Mapping[str, int] | None = None,
    shift: Mapping[str, timedelta | str] | None = None,
    host: str | Mapping[str, str] | None = None,
) -> list[Rule]:
    """Make rules of the library's keyword arguments: each one value for all, or a mapping from glob to value.

    Raises:
        UsageError: a value cannot be used.
    """
    rules = [Rule(match, tz=_zone(value)) for match, value in _pairs(tz)]
    rules += [Rule(match, year=_year(value)) for match, value in _pairs(year)]
    rules += [Rule(match, host=str(value)) for match, value in _pairs(host)]
    rules += [Rule(match, shift=_duration(value)) for match, value in _pairs(shift)]
    return rules


def _pairs(setting: Any) -> list[tuple[str, Any]]:
    if setting is None:
        return []
    return list(setting.items()) if isinstance(setting, Mapping) else [("*", setting)]


def _zone(value: Any) -> str:
    get_zone(str(value))
    return str(value)


def _duration(value: Any) -> timedelta:
    return value if isinstance(value, timedelta) else parse_duration(str(value))


def _year(value: Any) -> int:
    try:
        year = int(value)
    except (TypeError, ValueError):
        year = 0
    if not 1970 <= year <= 9999:  # noqa: PLR2004
        raise UsageError(f"{value!r} is not a year", help="four digits, such as 2026")
    return year


@dataclass(frozen=True)
class Config:
    """What a settings file says."""

    rules: tuple[Rule, ...] = ()
    timeline: Mapping[str, Any] = field(default_factory=dict)


def find_config(paths: Sequence[str | os.PathLike[str]]) -> list[Path]:
    """Return the settings files that lie in the evidence folders."""
    candidates = [Path(path) / SETTINGS_FILE for path in paths if Path(path).is_dir()]
    return [path for path in candidates if path.is_file()]


def load_config(path: str | os.PathLike[str], *, inside: bool = False) -> Config:
    """Read a settings file.

    Args:
        path: the TOML file.
        inside: it lies in an evidence folder, and its globs are relative to that folder.

    Raises:
        SourceError: it cannot be read.
        UsageError: a key or value in it cannot be used; the message names the file and key.
    """
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: cannot be read: {error}", help="check the path") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: is not TOML: {error}", help="see docs/command-line.md") from error
    _check_keys(path, content, ("source", "timeline"), "table")
    sources = content.get("source", [])
    if not isinstance(sources, list):
        raise UsageError(f"{path}: 'source' is one table", help="write [[source]] with two brackets")
    base = _escape(str(path.parent)) + "/" if inside else ""
    rules = tuple(_rule(path, table, base) for table in sources)
    options = content.get("timeline", {})
    _check_keys(path, options, TIMELINE_KEYS, "key of [timeline]")
    return Config(rules, {name.replace("-", "_"): _plain(value) for name, value in options.items()})


def _rule(path: Path, table: Mapping[str, Any], base: str) -> Rule:
    _check_keys(path, table, SOURCE_KEYS, "key of [[source]]")
    match = str(table.get("match", "*"))
    try:
        return Rule(
            match=f"{base}{match}" if base else match,
            tz=_zone(table["tz"]) if "tz" in table else None,
            shift=_duration(table["shift"]) if "shift" in table else None,
            year=_year(table["year"]) if "year" in table else None,
            host=str(table["host"]) if "host" in table else None,
            parser=str(table["parser"]) if "parser" in table else None,
            options={str(key): str(value) for key, value in dict(table.get("set", {})).items()},
        )
    except UsageError as error:
        raise UsageError(f"{path}: [[source]] {match}: {error}", help=error.help) from error


def _check_keys(path: Path, table: Mapping[str, Any], known: Sequence[str], what: str) -> None:
    for key in table:
        if key not in known:
            error = UnknownNameError(what, str(key), known)
            raise UsageError(f"{path}: {error}", help=error.help)


def _plain(value: Any) -> Any:
    """TOML has dates and times of its own; options are text."""
    return value.isoformat() if isinstance(value, (datetime, date, time)) else value


def _escape(text: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in text)
