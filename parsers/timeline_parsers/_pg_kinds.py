"""Well-known happenings in a PostgreSQL log: SQLSTATE or English text to `kind`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from timeline.schema import category_column
from timeline.stamps import cells, gather, lay_out

STATE_KINDS: Final[Mapping[str, str]] = {
    "57P02": "process-crashed",
    "57P03": "not-accepting",
    "53300": "too-many-connections",
    "53200": "out-of-memory",
    "53100": "out-of-disk",
    "XX001": "corruption",
    "XX002": "corruption",
    "40P01": "deadlock",
    "55P03": "lock-timeout",
    "57P01": "connection-terminated",
    "57P05": "connection-terminated",
    "25P03": "connection-terminated",
    "28P01": "authentication-failed",
    "28000": "authentication-failed",
    "F0000": "config-error",
    "57014": "statement-cancelled",
    "40001": "serialization-failure",
    "08006": "connection-lost",
}
"""What a SQLSTATE says by itself."""

TEXT_DECIDES: Final = frozenset({"57014", "40001", "08006"})
"""States that mean several things: the text, where it is known, says more."""

# How a message begins (# is a digit; at least `_HEAD` bytes before one), a pattern that it must fit as well, the kind.
TEXT_KINDS: Final[tuple[tuple[str, str, str], ...]] = (
    ("starting PostgreSQL", "", "server-start"),
    ("listening on ", "", "noise"),
    ("database system is ready to accept", "", "server-ready"),
    ("received ", "received (?:smart|fast|immediate) shutdown request", "server-stop"),
    ("aborting any active transactions", "", "server-stop"),
    ("shutting down", "", "server-stop"),
    ("database system is shut down", "", "server-stop"),
    ("database system was shut down", "", "noise"),
    ("server process (PID ", r"server process \(PID \d+\) (?:was terminated|exited with)", "process-crashed"),
    ("terminating any other active server processes", "", "process-crashed"),
    ("all server processes terminated; reinitializing", "", "process-crashed"),
    ("terminating connection because of crash", "", "process-crashed"),
    ("database system was interrupted", "", "crash-recovery"),
    ("database system was not properly shut down", "", "crash-recovery"),
    ("redo starts at", "", "crash-recovery"),
    ("redo done at", "", "crash-recovery"),
    ("redo is not required", "", "crash-recovery"),
    ("consistent recovery state reached", "", "crash-recovery"),
    ("archive recovery complete", "", "crash-recovery"),
    ("invalid record length at", "", "noise"),
    ("the database system is ", "", "not-accepting"),
    ("sorry, too many clients already", "", "too-many-connections"),
    ("remaining connection slots are reserved", "", "too-many-connections"),
    ("too many connections for ", "", "too-many-connections"),
    ("out of memory", "", "out-of-memory"),
    ("could not ", "could not .*: No space left on device", "out-of-disk"),
    ("could not extend file", "", "out-of-disk"),
    ("could not ", "could not (?:read block|locate a valid checkpoint record)", "corruption"),
    ("invalid page in block", "", "corruption"),
    ("deadlock detected", "", "deadlock"),
    ("process ", r"process \d+ detected deadlock while waiting", "deadlock"),
    ("process ", r"process \d+ (?:still waiting for|acquired|avoided deadlock)", "lock-wait"),
    ("canceling statement due to lock timeout", "", "lock-timeout"),
    ("canceling statement due to statement timeout", "", "statement-timeout"),
    ("canceling statement due to user request", "", "statement-cancelled"),
    ("canceling statement due to conflict with recovery", "", "recovery-conflict"),
    ("terminating connection due to conflict with recovery", "", "recovery-conflict"),
    ("terminating connection due to ", "", "connection-terminated"),
    ("password authentication failed", "", "authentication-failed"),
    ("no pg_hba.conf entry", "", "authentication-failed"),
    ("pg_hba.conf rejects", "", "authentication-failed"),
    ('role "', 'role ".*" (?:does not exist|is not permitted to log in)', "authentication-failed"),
    ("started streaming WAL from primary", "", "replication"),
    ("terminating walreceiver", "", "replication"),
    ("could not receive data from WAL stream", "", "replication"),
    ("requested WAL segment ", "requested WAL segment .* has already been removed", "replication"),
    ("replication terminated by primary server", "", "replication"),
    ("entering standby mode", "", "replication"),
    ("waiting for WAL to become available", "", "replication"),
    ("received promote request", "", "promotion"),
    ("selected new timeline ID", "", "promotion"),
    ("archive command failed", "", "archive-failed"),
    ("archive command was terminated", "", "archive-failed"),
    ("archiving write-ahead log file", "archiving write-ahead log file .* failed too many", "archive-failed"),
    ("received SIGHUP", "", "config-reload"),
    ('parameter "', 'parameter ".*" (?:changed to|removed from configuration)', "config-reload"),
    ('parameter "', 'parameter ".*" cannot be changed without restarting', "config-error"),
    ("configuration file ", "configuration file .* contains errors", "config-error"),
    ('database "', 'database ".*" must be vacuumed within', "wraparound"),
    ("database with OID ", "database with OID .* must be vacuumed within", "wraparound"),
    ("database is not accepting commands", "", "wraparound"),
    ("unexpected EOF on client connection", "", "connection-lost"),
    ("could not receive data from client", "", "connection-lost"),
    ("could not send data to client", "", "connection-lost"),
    # Bookkeeping, on by default or in chatty configurations.
    ("checkpoint ", "checkpoint (?:starting|complete)", "noise"),
    ("restartpoint ", "restartpoint (?:starting|complete)", "noise"),
    ("recovery restart point at", "", "noise"),
    ("automatic ", "automatic (?:aggressive )?(?:vacuum|analyze)", "noise"),
    ("connection ", "connection (?:received|authenticated|authorized|ready)", "noise"),
    ("replication connection authorized", "", "noise"),
    ("disconnection: session time", "", "noise"),
    ("incomplete startup packet", "", "noise"),
    ("invalid length of startup packet", "", "noise"),
    ("received replication command", "", "noise"),
    ("temporary file: path", "", "noise"),
    ("redirecting log output to logging collector", "", "noise"),
    ("ending log output to stderr", "", "noise"),
    ("statement: ", "", "noise"),
    ("execute ", "execute [^:]+: ", "noise"),
    # A statement that took a second or more is worth a look; log_min_duration_statement=0 writes them all.
    ("duration: ####", r"duration: \d{4,}\.\d+ ms  ", "slow-statement"),
    ("duration: #", "", "noise"),
)  # fmt: skip
"""English texts; the first that fits holds."""

_HEAD: Final = 6
_ANY_DIGIT, _ZERO, _TEN = ord("#"), ord("0"), 10


def find_kinds(messages: pa.Array, states: pa.Array) -> pd.Categorical:
    """Return the kind of each record, by SQLSTATE where it says enough, else by the text.

    Args:
        messages: large_string.
        states: SQLSTATE as a dictionary array, missing where unknown.
    """
    names = ["noise", *dict.fromkeys([*STATE_KINDS.values(), *(kind for _, _, kind in TEXT_KINDS)])]
    by_text = _kinds_by_text(messages, names)
    by_state, final = _kinds_by_state(states, names)
    codes = np.where(final | (by_text < 0), by_state, by_text)
    return category_column(codes, names)


def _kinds_by_state(states: pa.DictionaryArray, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    values = states.dictionary.to_pylist()
    kinds = [names.index(STATE_KINDS[value]) if value in STATE_KINDS else -1 for value in values]
    lasts = [kind >= 0 and value not in TEXT_DECIDES for kind, value in zip(kinds, values, strict=True)]
    places = states.indices.fill_null(len(values)).to_numpy(zero_copy_only=False)
    return np.array([*kinds, -1])[places], np.array([*lasts, False])[places]


def _kinds_by_text(messages: pa.Array, names: list[str]) -> np.ndarray:
    """Match only the few messages whose first bytes are those of a text of the table."""
    codes = np.full(len(messages), -1, np.int64)
    heads = _numbers_of(cells(messages, _HEAD))
    keys, tests = _tests_by_head()
    places = np.searchsorted(keys, heads).clip(max=len(keys) - 1)
    hits = np.flatnonzero(keys[places] == heads)
    groups = places[hits].astype(np.int16)
    order = np.argsort(groups, kind="stable")
    bounds = np.searchsorted(groups[order], np.arange(len(keys) + 1))
    for group, (first, last) in enumerate(pairwise(bounds)):
        rows = hits[order[first:last]]
        if len(rows):
            codes[rows] = _first_fit(messages, rows, tests[group], names)
    return codes


@cache
def _tests_by_head() -> tuple[np.ndarray, list[list[tuple[str, str, str]]]]:
    """Return the first bytes of the texts as sorted numbers, and the rows of the table for each."""
    by_head: dict[int, list[tuple[str, str, str]]] = {}
    for row in TEXT_KINDS:
        head = np.frombuffer(row[0].encode()[:_HEAD], np.uint8)[None, :]
        by_head.setdefault(int(_numbers_of(head)[0]), []).append(row)
    keys = sorted(by_head)
    return np.array(keys), [by_head[key] for key in keys]


def _first_fit(messages: pa.Array, rows: np.ndarray, tests: list[tuple[str, str, str]], names: list[str]) -> np.ndarray:
    """Return the codes of the messages in *rows*; patterns are tried on those only that begin as they should."""
    flat, offsets = lay_out(messages)
    heads = np.asfortranarray(gather(flat, offsets[rows], max(len(start) for start, _, _ in tests)))
    lengths = offsets[rows + 1] - offsets[rows]
    codes = np.full(len(rows), -1, np.int64)
    for start, pattern, kind in tests:
        fits = np.flatnonzero((codes < 0) & (lengths >= len(start)) & _begin_so(heads, start))
        if pattern and len(fits):
            matched = pc.match_substring_regex(messages.take(pa.array(rows[fits])), f"^(?:{pattern})")
            fits = fits[matched.to_numpy(zero_copy_only=False)]
        codes[fits] = names.index(kind)
    return codes


def _begin_so(heads: np.ndarray, start: str) -> np.ndarray:
    good = np.ones(len(heads), bool)
    for place, byte in enumerate(start.encode()):
        good &= heads[:, place] - np.uint8(_ZERO) < _TEN if byte == _ANY_DIGIT else heads[:, place] == byte
    return good


def _numbers_of(heads: np.ndarray) -> np.ndarray:
    """Read rows of `_HEAD` bytes as one number each."""
    wide = np.zeros((len(heads), 8), np.uint8)
    wide[:, : heads.shape[1]] = heads
    return wide.view(np.int64)[:, 0]
