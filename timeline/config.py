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
from timeline.sources import SETTINGS_FILE, below, matches
from timeline.window import parse_duration
from timeline.zones import get_zone

SOURCE_KEYS: Final = ("match", "tz", "shift", "year", "host", "parser", "set")
TIMELINE_KEYS: Final = (
    "tz", "since", "until", "around", "before", "after", "max-lines", "floor", "source", "severity", "grep", "exclude",
    "citations", "style",
)  # fmt: skip


_TEXT: Final = ("tz", "since", "until", "around", "before", "after", "severity", "style")
_TEXTS: Final = ("source", "grep", "exclude")


@dataclass(frozen=True)
class Rule:
    """What holds for the sources whose label a glob matches; "*" is all of them.

    Attributes:
        match: the glob.
        folder: the evidence folder whose settings file says so, as the user gave it: the rule holds for what lies in
            it, and the glob is relative to it. None: the rule holds wherever the glob fits.
    """

    match: str = "*"
    folder: str | None = None
    tz: str | None = None
    shift: timedelta | None = None
    year: int | None = None
    host: str | None = None
    parser: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    def covers(self, label: str) -> bool:
        """Tell whether the rule holds for a source."""
        inside = label if self.folder is None else below(label, self.folder)
        if inside is None or self.match == "*":
            return inside is not None
        return matches(inside, self.match, whole=self.folder is not None)


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
    ordered = sorted(rules, key=lambda rule: rule.match != "*")
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


def option_rules(options: Mapping[str, Mapping[str, Any]] | None) -> list[Rule]:
    """Make rules of parser options, such as `{"postgresql": {"log_line_prefix": "%m "}}`.

    Raises:
        UsageError: they are not a mapping of mappings.
    """
    if not (
        options is None or (isinstance(options, Mapping) and all(isinstance(o, Mapping) for o in options.values()))
    ):
        raise UsageError(
            f"options = {options!r} cannot be used", help='for example {"postgresql": {"log_line_prefix": "%m [%p] "}}'
        )
    return [
        Rule(options={f"{name}.{key}": str(value)})
        for name, keys in (options or {}).items()
        for key, value in keys.items()
    ]


def home_zone(tz: str | Mapping[str, str] | None) -> str | None:
    """Return the zone that was told for all sources, in which a person's own times are as well."""
    return next((str(value) for match, value in _pairs(tz) if match == "*"), None)


def unused_rules(rules: Sequence[Rule], labels: Sequence[str]) -> list[str]:
    """Say what was told in vain, for a misspelled glob: no clock may stay unshifted silently."""
    return [
        f"no source fits {rule.match!r}{f' in {rule.folder}' if rule.folder else ''}: "
        f"{', '.join(told)} told for it is not used (--explain lists the sources)"
        for rule in rules
        if (told := [name for name in SOURCE_KEYS if name != "match" and getattr(rule, _FIELDS.get(name, name))])
        and not any(rule.covers(label) for label in labels)
    ]


_FIELDS: Final = {"set": "options"}


def _pairs(setting: Any) -> list[tuple[str, Any]]:
    if setting is None:
        return []
    if isinstance(setting, Mapping):
        return [(str(match) or "*", value) for match, value in setting.items()]
    return [("*", setting)]


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


def find_config(paths: Sequence[str | os.PathLike[str]]) -> list[tuple[Path, str]]:
    """Return the settings files that lie in the evidence folders, each with its folder as it was given."""
    folders = [os.fspath(path) for path in paths if Path(path).is_dir()]
    return [(Path(folder) / SETTINGS_FILE, folder) for folder in folders if (Path(folder) / SETTINGS_FILE).is_file()]


def load_config(path: str | os.PathLike[str], *, folder: str | None = None) -> Config:
    """Read a settings file.

    Args:
        path: the TOML file.
        folder: the evidence folder that it lies in and speaks of, as the user gave it.

    Raises:
        SourceError: it cannot be read.
        UsageError: a key or value in it cannot be used; the message names the file and key.
    """
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror or error}", help="check the path") from error
    except UnicodeDecodeError as error:
        raise SourceError(f"{path}: is not UTF-8: {error}", help="save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: is not TOML: {error}", help="see docs/command-line.md") from error
    _check_keys(path, content, ("source", "timeline"), "table")
    sources, options = content.get("source", []), content.get("timeline", {})
    if not (isinstance(sources, list) and all(isinstance(table, dict) for table in sources)):
        raise UsageError(f"{path}: 'source' is one table", help="write [[source]] with two brackets")
    if not isinstance(options, dict):
        raise UsageError(f"{path}: 'timeline' is a list", help="write [timeline] with one bracket")
    rules = tuple(_rule(path, table, folder) for table in sources)
    _check_keys(path, options, TIMELINE_KEYS, "key of [timeline]")
    told = {name: _option(path, name, _plain(value)) for name, value in options.items()}
    if "tz" in told:
        rules = (_rule(path, {"tz": told["tz"]}, folder), *rules)
    return Config(rules, {name.replace("-", "_"): value for name, value in told.items()})


def _rule(path: Path, table: Mapping[str, Any], folder: str | None) -> Rule:
    _check_keys(path, table, SOURCE_KEYS, "key of [[source]]")
    match = table.get("match", "*")
    place = f"[[source]] {match}"
    for name in ("match", "tz", "shift", "host", "parser"):
        if not isinstance(table.get(name, ""), str):
            raise _wrong_type(path, place, name, table[name], "text in quotes")
    options = table.get("set", {})
    if not (isinstance(options, dict) and all(isinstance(value, (str, int, float)) for value in options.values())):
        raise _wrong_type(path, place, "set", options, 'a table such as { "postgresql.log_line_prefix" = "%m [%p] " }')
    try:
        return Rule(
            match=match,
            folder=folder,
            tz=_zone(table["tz"]) if "tz" in table else None,
            shift=_duration(table["shift"]) if "shift" in table else None,
            year=_year(table["year"]) if "year" in table else None,
            host=table.get("host"),
            parser=table.get("parser"),
            options={key: str(value) for key, value in options.items()},
        )
    except UsageError as error:
        raise UsageError(f"{path}: {place}: {error}", help=error.help) from error


def _option(path: Path, name: str, value: Any) -> Any:
    """Check the type of a value of [timeline]; what it means is checked where it is used, as for the command line."""
    if name in _TEXT and not isinstance(value, str):
        raise _wrong_type(path, "[timeline]", name, value, "text in quotes")
    if name in _TEXTS and not (
        isinstance(value, str) or (isinstance(value, list) and all(isinstance(item, str) for item in value))
    ):
        raise _wrong_type(path, "[timeline]", name, value, "text in quotes, or a list of such")
    if name == "floor" and not (type(value) in (int, float) and value >= 0):
        raise _wrong_type(path, "[timeline]", name, value, "a score from 0 on, such as 20")
    if name == "max-lines" and not (type(value) is int and value > 0):
        raise _wrong_type(path, "[timeline]", name, value, "a number from 1 on, such as 40")
    if name == "citations" and not isinstance(value, bool):
        raise _wrong_type(path, "[timeline]", name, value, "true or false")
    return value


def _wrong_type(path: Path, place: str, name: str, value: Any, wanted: str) -> UsageError:
    return UsageError(f"{path}: {place}: {name} = {value!r} cannot be used", help=f"{name} is {wanted}")


def _check_keys(path: Path, table: Mapping[str, Any], known: Sequence[str], what: str) -> None:
    for key in table:
        if key not in known:
            error = UnknownNameError(what, str(key), known)
            raise UsageError(f"{path}: {error}", help=error.help)


def _plain(value: Any) -> Any:
    """TOML has dates and times of its own; options are text."""
    return value.isoformat() if isinstance(value, (datetime, date, time)) else value
