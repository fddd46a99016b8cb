"""What the lines of systemd and its daemons say in short texts, which show neither unit nor MESSAGE_ID."""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from timeline_parsers._journal_entries import Words, combine, to_words
from timeline_parsers._journal_fields import label_texts
from timeline_parsers._journal_kinds import DAEMON_TEXTS, KERNEL_TEXTS, MANAGER_TEXTS, SESSION_UNIT, UNIT_ROUTINE

MANAGERS: Final = frozenset({"systemd", "init.scope"})
"""How a manager signs: its identifier, or with-unit its unit."""

_TYPES: Final = "service|scope|slice|socket|target|mount|automount|swap|timer|path|device"
_UNIT: Final = re.compile(rf"[^\s/]+\.(?:{_TYPES})")

# `nginx.service: Failed …`, `Started nginx.service - A web server.`; before systemd 249 only the description is given.
NAMED: Final = (
    r"^(?:[A-Z][a-z]+ (?:[a-z]+ ){0,4})?"
    rf"(?P<unit>[A-Za-z0-9:_.\\@-]{{1,250}}\.(?:{_TYPES}))(?:[:.]| - | was |$)"
)

DAEMONS: Final = frozenset(
    f"systemd-{name}"
    for name in (
        "hostnamed", "journald", "localed", "logind", "machined", "networkd", "oomd", "resolved", "timedated",
        "timesyncd", "udevd",
    )
)  # fmt: skip
"""Identifiers that are the names of their units."""


def find_units(ident: Words, messages: pa.LargeStringArray) -> Words:
    """Return the unit of each line: the one that a manager speaks of, else the identifier if it is one."""
    about = Words.missing(len(messages))
    rows = np.flatnonzero(ident.test(MANAGERS))
    if len(rows):
        named = to_words(pc.struct_field(pc.extract_regex(messages.take(pa.array(rows)), NAMED), "unit"))
        codes = np.full(len(messages), -1, np.int32)
        codes[rows] = named.codes
        about = Words(codes, named.values)
    units = [f"{value}.service" if value in DAEMONS else value for value in ident.values]
    is_unit = np.array([bool(_UNIT.fullmatch(value)) for value in units], bool)
    return combine([about, Words(ident.codes, units).where(ident.pick(is_unit, default=False))])


def find_kinds(ident: Words, unit: Words, messages: pa.LargeStringArray) -> Words:
    """Name well-known happenings by the text of those who report them."""
    names = list(dict.fromkeys([*KERNEL_TEXTS, *MANAGER_TEXTS, *DAEMON_TEXTS]))
    codes = np.full(len(messages), -1, np.int32)
    rows = np.flatnonzero(ident.test(frozenset({"kernel"})))
    label_texts(codes, rows, messages, KERNEL_TEXTS, names)
    label_texts(codes, np.flatnonzero(ident.test(MANAGERS)), messages, MANAGER_TEXTS, names)
    others = np.array([value.startswith(("systemd-", "(", "chronyd")) for value in ident.values], bool)
    label_texts(codes, np.flatnonzero(ident.pick(others, default=False)), messages, DAEMON_TEXTS, names)
    routine = np.isin(codes, [names.index(name) for name in UNIT_ROUTINE])
    session = np.array([bool(SESSION_UNIT.fullmatch(value)) for value in unit.values], bool)
    return Words(np.where(routine & unit.pick(session, default=False), names.index("noise"), codes), names)
