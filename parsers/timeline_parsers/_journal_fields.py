"""From journal fields to the columns of the event frame: unit, severity, kind, actor, time."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from timeline import schema
from timeline_parsers._journal_entries import Entries, Words, combine, matches
from timeline_parsers._journal_kinds import KERNEL_TEXTS, KINDS, SESSION_UNIT, UNIT_ROUTINE
from timeline_parsers._journal_nested import read_nested

COREDUMP: Final = frozenset({"fc2e22bc6ee647b6b90729ab34a250b1"})
ROOT: Final = frozenset({"0"})
KERNEL: Final = "kernel"
# journald stores this for "no login": (uid_t) -1.
NO_LOGIN: Final = "4294967295"

PID: Final = "process.pid"
UNIT: Final = "systemd.unit"
MESSAGE_ID: Final = "systemd.message_id"
BOOT_ID: Final = "systemd.boot_id"
IDENTIFIER: Final = "syslog.identifier"
REALTIME: Final = "journald.realtime"

# systemd's own limit for a time that is stored: 2^55 microseconds, the year 3111. Reference: VALID_REALTIME.
LATEST: Final = 1 << 55


def to_frame(entries: Entries) -> pd.DataFrame:
    """Apply the rules of docs/formats/journald.md to *entries*."""
    index = pd.RangeIndex(len(entries))
    unit = find_unit(entries)
    service = find_service(entries, unit)
    identifier = combine([entries.word("SYSLOG_IDENTIFIER")])
    nested = read_nested(_severity(entries), entries.messages, service, identifier)
    return pd.DataFrame(
        {
            schema.WALL: to_integers(choose_time(entries)),
            schema.ZONE: schema.full("UTC", "category", index),
            schema.HOST: to_category(combine([entries.word("_HOSTNAME"), entries.word("_MACHINE_ID")])),
            schema.SERVICE: to_category(service),
            schema.SEVERITY: pd.Categorical.from_codes(nested.severity, dtype=schema.SEVERITY_DTYPE),
            schema.ACTOR: _strings(find_actor(entries)),
            schema.MESSAGE: schema.string_column(entries.messages),
            schema.KIND: to_category(combine([find_kind(entries, unit), nested.kinds]).used()),
            schema.LINE: to_integers(entries.lines),
            schema.REF: schema.string_column(entries.cursors),
            PID: to_integers(_first_number(entries.number("_PID"), entries.number("SYSLOG_PID"))),
            UNIT: to_category(unit),
            MESSAGE_ID: to_category(combine([entries.word("MESSAGE_ID")])),
            IDENTIFIER: to_category(identifier),
            BOOT_ID: to_category(entries.boots),
            REALTIME: to_integers(entries.realtime),
            **nested.attributes,
        },
        index=index,
        copy=False,
    )


def no_records() -> pd.DataFrame:
    """Return the frame of no entries, for a batch that only has counts or warnings."""
    nothing = np.zeros(0, np.int64)
    texts = pa.array([], pa.large_string())
    return to_frame(Entries(nothing, nothing, texts, Words.missing(0), texts, {}, {}))


def choose_time(entries: Entries) -> np.ndarray:
    """Return the sender's time where it is valid, else the time of reception, as journalctl prints it; -1 if none."""
    sent, received = entries.number("_SOURCE_REALTIME_TIMESTAMP"), entries.realtime
    time = np.where((sent >= 1) & (sent < LATEST), sent, received)
    return np.where((time >= 1) & (time < LATEST), time, -1)


def find_unit(entries: Entries) -> Words:
    """Return the unit that `journalctl -u` finds an entry by.

    A unit named by the entry's own text counts only when it comes from root or from the manager itself:
    any process can send `UNIT=`. Reference: add_matches_for_unit in systemd's logs-show.c.
    """
    by_root = entries.word("_UID").test(ROOT)
    by_manager = entries.number("_PID") == 1
    own_unit = entries.word("_SYSTEMD_UNIT")
    user_manager = np.array([unit.startswith("user@") for unit in own_unit.values], bool)
    by_user_manager = own_unit.pick(user_manager, default=False)
    is_dump = entries.word("MESSAGE_ID").test(COREDUMP)
    return combine(
        [
            entries.word("COREDUMP_UNIT").where(by_root & is_dump),
            entries.word("OBJECT_SYSTEMD_UNIT").where(by_root),
            entries.word("UNIT").where(by_manager),
            entries.word("USER_UNIT").where(by_user_manager),
            entries.word("_SYSTEMD_USER_UNIT"),
            own_unit,
        ]
    )


def find_service(entries: Entries, unit: Words) -> Words:
    """Return the unit, or what comes closest to one: container, identifier, command."""
    kernel = entries.word("_TRANSPORT")
    is_kernel = Words(np.where(kernel.test(frozenset({KERNEL})), 0, -1).astype(np.int32), [KERNEL])
    others = [entries.word(name) for name in ("CONTAINER_NAME", "SYSLOG_IDENTIFIER", "_COMM")]
    return combine([is_kernel, unit, *others])


def find_actor(entries: Entries) -> Words:
    """Return the user who logged in (`uid 1000`), else the command; missing where there is neither."""
    login = entries.word("_AUDIT_LOGINUID")
    real = login.where(~login.test(frozenset({NO_LOGIN})))
    return combine([Words(real.codes, [f"uid {value}" for value in real.values]), entries.word("_COMM")])


def find_kind(entries: Entries, unit: Words) -> Words:
    """Name well-known happenings by MESSAGE_ID, and those of the kernel by their text."""
    ids = entries.word("MESSAGE_ID")
    names = list(dict.fromkeys([*KINDS.values(), *KERNEL_TEXTS]))
    table = np.array([names.index(KINDS[value]) if value in KINDS else -1 for value in ids.values], np.int32)
    codes = ids.pick(table, default=-1).astype(np.int32)
    routine = np.isin(codes, [names.index(name) for name in UNIT_ROUTINE])
    session = np.array([bool(SESSION_UNIT.fullmatch(value)) for value in unit.values], bool)
    codes = np.where(routine & unit.pick(session, default=False), names.index("noise"), codes)
    kernel = np.flatnonzero(entries.word("_TRANSPORT").test(frozenset({KERNEL})))
    label_texts(codes, kernel, entries.messages, KERNEL_TEXTS, names)
    return Words(codes, names)


def label_texts(
    codes: np.ndarray,
    rows: np.ndarray,
    messages: pa.LargeStringArray,
    patterns: Mapping[str, str],
    names: list[str],
) -> None:
    """Set `codes[row]` to the place in *names* of the first of *patterns* that the row's message contains."""
    if not len(rows):
        return
    texts = messages.take(pa.array(rows))
    any_of = matches(texts, "|".join(f"(?:{pattern})" for pattern in patterns.values()))
    rows, texts = rows[any_of], texts.filter(pa.array(any_of))
    for name, pattern in reversed(list(patterns.items())):
        codes[rows[matches(texts, pattern)]] = names.index(name)


def _severity(entries: Entries) -> np.ndarray:
    """Return PRIORITY as codes of the severity column: the numbers are the same, 0 emerg to 7 debug."""
    priority = entries.word("PRIORITY")
    table = np.array([int(value) if value in tuple("01234567") else -1 for value in priority.values], np.int8)
    return priority.pick(table, default=-1).astype(np.int8)


def _first_number(*columns: np.ndarray) -> np.ndarray:
    result = columns[0]
    for column in columns[1:]:
        result = np.where(result < 0, column, result)
    return result


def to_integers(values: np.ndarray) -> pd.api.extensions.ExtensionArray:
    """Make an Int64 column; negative numbers are missing."""
    return pd.arrays.IntegerArray(values.astype(np.int64), values < 0)


def to_category(column: Words) -> pd.Categorical:
    """Make a category column; unused and repeated values are allowed."""
    places, dtype = _categories(tuple(column.values))
    return pd.Categorical.from_codes(places[column.codes], dtype=dtype)


@lru_cache(maxsize=64)
def _categories(values: tuple[str, ...]) -> tuple[np.ndarray, pd.CategoricalDtype]:
    """Return the place of each value among the different ones, and these; the chunks of a file mostly have the same."""
    order = {value: place for place, value in enumerate(dict.fromkeys(values))}
    places = np.array([*(order[value] for value in values), -1], np.int16 if len(order) < 1 << 15 else np.int32)
    return places, pd.CategoricalDtype(pd.Index(list(order), dtype="str"))


def _strings(column: Words) -> pd.api.extensions.ExtensionArray:
    codes = pa.array(column.codes, mask=column.codes < 0)
    return schema.string_column(pa.array(list(column.values), pa.large_string()).take(codes))
