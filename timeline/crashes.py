"""Tell what systemd says of a unit that fails, is restarted and fails again as one sentence."""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from timeline import schema
from timeline.arrays import NEVER, Ints, group, micros, ranks, strings
from timeline.phrases import say_clock
from timeline.schema import COUNT, EVIDENCE, HOST, KIND, MESSAGE, SERVICE, TIMESTAMP, UNTIL

FAILED, EXITED, RESTARTS = "unit-failed", "unit-process-exit", "unit-restart-scheduled"
NEAR_US: Final = 60_000_000
_RESULT: Final = re.compile(r"^(?P<unit>\S+): Failed with result '(?P<result>[^']+)'")
_STATUS: Final = re.compile(r"code=(?P<code>\w+), status=(?P<status>\d+)(?:/(?P<name>\w+))?")
RESULTS: Final = {
    "signal": "killed by a signal", "core-dump": "dumped core", "timeout": "timed out", "watchdog": "watchdog timeout",
    "oom-kill": "out of memory", "start-limit-hit": "restarted too often", "resources": "resources are missing",
}  # fmt: skip
"""What systemd calls the ways to fail, in words."""


def tell_crashes(entries: pd.DataFrame) -> pd.DataFrame:
    """Word the entries of units that failed: "x.service failed (exit code 1), restarted 12 times until 09:41:05".

    The figures come from what systemd says of the same unit meanwhile: how its process exited, how often a restart was
    scheduled.

    Args:
        entries: collapsed entries with a time, in order of time.
    """
    rows = np.flatnonzero(entries[KIND].isin([FAILED, EXITED, RESTARTS]).to_numpy())
    if COUNT not in entries or not len(rows):
        return entries
    units = entries.take(rows)
    kinds = units[KIND].astype("str").to_numpy()
    keys = group(ranks(units[HOST]), ranks(units[SERVICE]))
    times = micros(units[TIMESTAMP])
    ends = np.where(micros(units[UNTIL]) == NEVER, times, micros(units[UNTIL]))
    messages, counts = units[MESSAGE].fillna("").tolist(), units[COUNT].to_numpy("int64")
    said: dict[int, str] = {}
    for row in np.flatnonzero(kinds == FAILED).tolist():
        found = _RESULT.match(messages[row])
        if not found:
            continue
        same = (keys == keys[row]) & (times <= ends[row] + NEAR_US) & (ends >= times[row] - NEAR_US)
        exits = [_say_exit(messages[place]) for place in np.flatnonzero(same & (kinds == EXITED)).tolist()]
        why = next(filter(None, exits), RESULTS.get(found["result"], found["result"].replace("-", " ")))
        again = np.flatnonzero(same & (kinds == RESTARTS))
        said[int(rows[row])] = f"{found['unit']} failed ({why})" + _say_restarts(again, counts, times, ends)
    return _write(entries, said)


def _say_exit(message: str) -> str:
    found = _STATUS.search(message)
    if not found:
        return ""
    if found["code"] == "exited":
        return f"exit code {found['status']}"
    return f"signal {found['status']}" + (f", {found['name']}" if found["name"] else "")


def _say_restarts(again: Ints, counts: Ints, times: Ints, ends: Ints) -> str:
    if not len(again):
        return ""
    times_said = int(counts[again].sum())
    if times_said == 1:
        return ", restarted"
    return f", restarted {times_said:,} times until {say_clock(int(ends[again].max()), day_of=int(times[again].min()))}"


def _write(entries: pd.DataFrame, said: dict[int, str]) -> pd.DataFrame:
    """Put the sentences in place of the messages, which the column of evidence keeps."""
    if not said:
        return entries
    chosen = np.full(len(entries), -1)
    chosen[list(said)] = np.arange(len(said))
    new = pa.array(list(said.values()), pa.large_string()).take(pa.array(chosen, mask=chosen < 0))
    old = strings(entries[MESSAGE]).combine_chunks()
    made = entries.copy(deep=False)
    made[MESSAGE] = schema.string_column(pc.coalesce(new, old))
    kept = pc.if_else(pc.is_valid(new), old, pa.scalar(None, pa.large_string()))
    if EVIDENCE in entries:
        kept = pc.coalesce(kept, strings(entries[EVIDENCE]).combine_chunks())
    made[EVIDENCE] = schema.string_column(kept)
    return made
