"""How long it took to detect, mitigate and recover, from the entries that carry the marks."""

from __future__ import annotations

from typing import Final

import pandas as pd

from timeline import schema
from timeline.arrays import micros
from timeline.phrases import SECOND_US, say_clock, say_length, say_list
from timeline.pins import BEGINS, DETECTED, ENDS, MITIGATED

STEPS: Final = {DETECTED: "detected", MITIGATED: "mitigated", ENDS: "over"}


def describe_outages(entries: pd.DataFrame) -> list[str]:
    """Return a line for each outage, such as "Outage from 14:03:11 to 14:07:48: detected after 49 s and over after …".

    Args:
        entries: what `timeline.select` gives; each figure is the time between two entries that carry a mark.
    """
    if schema.PHASE not in entries:
        return []
    marked = entries[entries[schema.PHASE].notna()]
    begin, told, lines = 0, dict[str, int](), []
    for phase, at in zip(marked[schema.PHASE].astype(str), micros(marked[schema.TIMESTAMP]).tolist(), strict=True):
        if phase == BEGINS:
            lines += _describe(begin, told)
            begin, told = at, {}
        elif begin:
            told.setdefault(phase, at)
    return lines + _describe(begin, told)


def _describe(begin: int, told: dict[str, int]) -> list[str]:
    if not told:
        return []
    until = f" to {say_clock(told[ENDS], day_of=begin)}" if ENDS in told else ""
    # Access logs have whole seconds: what happened within one cannot be told apart.
    steps = [
        f"{said} after {say_length((told[phase] // SECOND_US - begin // SECOND_US) * SECOND_US)}"
        for phase, said in STEPS.items()
        if phase in told
    ]
    return [f"Outage from {say_clock(begin)}{until}: {say_list(steps)}."]
