"""Settings of a server whose `postgresql.conf` lies in the evidence: `log_line_prefix` and `log_timezone`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase
from itertools import takewhile
from typing import Final
from weakref import WeakKeyDictionary

from timeline.containers import Container, Folder
from timeline.errors import TimelineError
from timeline.parser import Batch
from timeline.schema import ZONE
from timeline.sources import Source
from timeline.zones import AMBIGUOUS, offsets_in

MAIN: Final = "postgresql.conf"
_ONLY_CONFIGURATION: Final = "configuration of PostgreSQL, not evidence"
# Written by ALTER SYSTEM and read last.
AUTO: Final = "postgresql.auto.conf"
# Debian's include_dir, and the files that are meant to lie in it.
INCLUDED: Final = "conf.d/*.conf"
SIZE_LIMIT: Final = 1 << 20

# Reference: guc-file.l; the sign may be left out, a quote within quotes is doubled or has a backslash.
_SETTING: Final = re.compile(
    r"^[ \t]*(?P<name>log_line_prefix|log_timezone)(?:[ \t]*=[ \t]*|[ \t]+)"
    r"(?:'(?P<quoted>(?:[^'\n\\]|''|\\.)*)'|(?P<bare>[^\s'#]+))[ \t]*(?:#.*)?\r?$",
    re.MULTILINE | re.IGNORECASE,
)
_ANY_SETTING: Final = re.compile(
    r"[ \t]*(?P<comment>#+[ \t]*)?(?P<name>[a-z_][\w.]*)(?:[ \t]*=[ \t]*|[ \t]+)"
    r"(?:'(?:[^'\\]|''|\\.)*'|[^\s'#=]+)[ \t]*(?:#.*)?",
    re.IGNORECASE,
)
_SERVER_SETTING: Final = re.compile(
    r"(?:log|wal|autovacuum|shared|effective|checkpoint|archive|hot_standby|max_(?:connections|wal|worker|parallel))_?\w*"
    r"|listen_addresses|data_directory|(?:hba|ident)_file|work_mem|primary_conninfo|include(?:_dir|_if_exists)?"
    r"|random_page_cost|unix_socket_directories|external_pid_file",
    re.IGNORECASE,
)
_ACCESS_RULE: Final = re.compile(
    r"[ \t]*(?:#.*|include\w*[ \t].*"
    r"|(?:local|host(?:no)?(?:ssl|gssenc)?)[ \t]+\S+[ \t]+\S+[ \t]+(?:\S+[ \t]+){0,2}"
    r"(?:trust|reject|scram-sha-256|md5|password|gss|sspi|ident|peer|pam|ldap|radius|cert|oauth)\b.*)?\r?"
)
_ESCAPED: Final = re.compile(r"''|\\(?P<octal>[0-7]{1,3})|\\(?P<letter>.)", re.DOTALL)
_LETTERS: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True)
class Setting:
    """One value, and the file that says so."""

    value: str
    file: str


@dataclass(frozen=True)
class Settings:
    """What configuration files say; the nearest to a log, and among them the one that is read last, first."""

    prefixes: tuple[Setting, ...] = ()
    zones: tuple[Setting, ...] = ()


_KNOWN: WeakKeyDictionary[Container, dict[str, str]] = WeakKeyDictionary()


def settings_for(source: Source) -> Settings:
    """Find the settings that lie with *source*: in its container, or beside it where it was named itself."""
    texts = _texts_beside(source) if source.given else _texts_of(source.container)
    found: dict[str, list[Setting]] = {"log_line_prefix": [], "log_timezone": []}
    for name in sorted(texts, key=lambda name: (-_shared(name, source.member), -_turn(name), name)):
        last = {match["name"].lower(): _value(match) for match in _SETTING.finditer(texts[name])}
        for setting, value in last.items():
            found[setting].append(Setting(value, name))
    return Settings(tuple(found["log_line_prefix"]), tuple(found["log_timezone"]))


def tell_use(source: Source) -> str:
    """Say what is read from a configuration of PostgreSQL; empty if *source* is none."""
    lines = [line.rstrip("\r") for line in source.head.decode("utf-8", "replace").split("\n") if line.strip()]
    if not _is_configuration(lines):
        return ""
    found = settings_for(source)
    names = {"log_line_prefix": found.prefixes, "log_timezone": found.zones}
    used = [name for name, settings in names.items() if any(one.file == source.member for one in settings)]
    return f"configuration of PostgreSQL: {', '.join(used)} read from it" if used else _ONLY_CONFIGURATION


def _is_configuration(lines: list[str]) -> bool:
    """Tell settings, most of which may be in comments, and rules of access."""
    said = [line for line in lines if not line.lstrip().startswith("#")]
    settings = [_ANY_SETTING.fullmatch(line) for line in lines]
    if any(one is not None and _SERVER_SETTING.fullmatch(one["name"]) for one in settings):
        return all(one is not None for one, line in zip(settings, lines, strict=True) if line in said)
    return bool(said) and all(_ACCESS_RULE.fullmatch(line) for line in said)


def tell_zone(source: Source, batches: Iterator[Batch]) -> Iterator[Batch]:
    """Pass *batches* on; warn once where `log_timezone` in the evidence says how their stamps are to be read.

    A parser does not date records: the user tells the zone, or they are read by the rules for letters that mean
    several zones.
    """
    told = False
    for batch in batches:
        zone = None if told else _unclear_zone(batch)
        setting = next((one for one in settings_for(source).zones if _explains(one, zone)), None) if zone else None
        if setting is None:
            yield batch
            continue
        told = True
        text = (
            f"log_timezone is {setting.value!r} in {setting.file}: {zone} is read so with "
            f"--tz '{source.label}={setting.value}'"
        )
        yield replace(batch, warnings=(*batch.warnings, text))


def _unclear_zone(batch: Batch) -> str | None:
    if ZONE not in batch.records:
        return None
    names = [str(name) for name in batch.records[ZONE].cat.categories]
    return next((name for name in names if name in AMBIGUOUS), None)


def _explains(setting: Setting, zone: str | None) -> bool:
    """Tell whether the zone of *setting* shows these letters at all."""
    try:
        return zone is not None and bool(offsets_in(setting.value, zone, 2000, date.today().year + 1))  # noqa: DTZ011
    except TimelineError:
        return False


def _value(match: re.Match[str]) -> str:
    if match["bare"] is not None:
        return match["bare"]
    return _ESCAPED.sub(
        lambda part: (
            "'" if part[0] == "''"
            else chr(int(part["octal"], 8) & 0xFF) if part["octal"]
            else _LETTERS.get(part["letter"], part["letter"])
        ),
        match["quoted"],
    )  # fmt: skip


def _turn(name: str) -> int:
    """Return when a server reads the file."""
    return (MAIN, "", AUTO).index(name.rpartition("/")[2]) if name.endswith((MAIN, AUTO)) else 1


def _shared(name: str, member: str) -> int:
    """Count the folders that both lie in."""
    pairs = zip(name.split("/")[:-1], member.split("/")[:-1], strict=False)
    return len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))


def _is_settings(name: str) -> bool:
    return name.rpartition("/")[2] in (MAIN, AUTO) or fnmatchcase(name, INCLUDED) or fnmatchcase(name, f"*/{INCLUDED}")


def _texts_of(container: Container) -> dict[str, str]:
    texts = _KNOWN.get(container)
    if texts is None:
        names = [name for name in container.names() if _is_settings(name)]
        texts = _KNOWN[container] = {name: text for name in names if (text := _read(Source(container, name)))}
    return texts


def _texts_beside(source: Source) -> dict[str, str]:
    if not isinstance(source.container, Folder):
        return {}
    siblings = {name: source.sibling(name) for name in (MAIN, AUTO)}
    return {name: text for name, sibling in siblings.items() if sibling and (text := _read(sibling))}


def _read(source: Source) -> str:
    try:
        with source.open() as stream:
            return stream.read(SIZE_LIMIT).decode("utf-8", "replace")
    except (OSError, TimelineError):
        return ""
