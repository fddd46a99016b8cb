"""The places of a timeline that are kept before anything else, and the phases of an outage that they mark."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from timeline import signals
from timeline.arrays import Flags, Ints
from timeline.happenings import DEPLOY, FIRING, OUTAGE_PEAK, RESOLVED, SLOW_BEGIN
from timeline.scene import Outage, Scene
from timeline.schema import SEVERITIES, SEVERITY, SOURCE

BEGINS: Final = "OUTAGE BEGINS"
DETECTED: Final = "DETECTED"
MITIGATED: Final = "MITIGATED"
ENDS: Final = "OUTAGE ENDS"

BEGIN_PLACE, END_PLACE = "begin of the outage", "end of the outage"
DETECTED_PLACE, MITIGATED_PLACE = "first to notice it", "last action before the end"
PHASES: Final = {BEGIN_PLACE: BEGINS, DETECTED_PLACE: DETECTED, MITIGATED_PLACE: MITIGATED, END_PLACE: ENDS}
"""Places that are marked in the timeline."""

BREAKDOWN_BEGIN, BREAKDOWN_END = "begin of the failures", "end of the failures"
"""The same for what failed without a request that shows it, while there are requests."""

PLACES: Final = (
    BEGIN_PLACE, BREAKDOWN_BEGIN, END_PLACE, BREAKDOWN_END, DETECTED_PLACE, "first alert",
    "first error of the database",
    "incident declared", "decision", MITIGATED_PLACE, "cause found", "all clear", "last resolved alert", "slow before",
    "peak of the outage", "deploy",
)  # fmt: skip
"""The places that are kept first, the most important first; what does not fit any more is left out from the end."""

ACTIONS: Final = (DEPLOY, "unit-started", "unit-stopped", "unit-reloaded", "config-reload", "promotion")
RESTART_US: Final = 2 * signals.SECOND_US
ACTION_WORDS: Final = ("fix", "rollback")


def find_pins(scene: Scene, worthy: Flags) -> dict[int, str]:
    """Return the rows that are kept first, the most important first, and which place each takes.

    Args:
        scene: the entries.
        worthy: the rows that are worth a line by themselves.
    """
    pins: dict[int, str] = {}
    for outage in (outage for outage in scene.outages if outage.certain):
        for place, rows in _find_places(scene, outage, worthy):
            for row in rows:
                pins.setdefault(row, place)
    if not pins:
        everywhere = np.ones(len(scene.rows), bool)
        for place, rows in _find_alerts(scene, everywhere):
            for row in rows:
                pins.setdefault(row, place)
    rank = {place: number for number, place in enumerate(PLACES)}
    return dict(sorted(pins.items(), key=lambda pin: (rank[pin[1]], pin[0])))


def _find_places(scene: Scene, outage: Outage, worthy: Flags) -> Iterator[tuple[str, list[int]]]:
    around = outage.surrounds(scene.times)
    during = outage.surrounds(scene.times, before=signals.NEAR_US)
    since = outage.surrounds(scene.times, before=0)
    yield (BEGIN_PLACE if outage.seen else BREAKDOWN_BEGIN), [outage.first]
    yield (END_PLACE if outage.seen else BREAKDOWN_END), [] if outage.last is None else [outage.last]
    if outage.seen:
        yield DETECTED_PLACE, _first(since & ((scene.kinds == FIRING) | (scene.said == "incident declared")))
        yield MITIGATED_PLACE, _find_mitigation(scene, outage, worthy)
    yield from _find_alerts(scene, during)
    before = outage.surrounds(scene.times, signals.NEAR_US, 0)
    yield "first error of the database", _first(before & _database_errors(scene))
    yield "incident declared", _first(during & (scene.said == "incident declared"))
    yield "cause found", _first(during & (scene.said == "cause found"))
    yield "decision", np.flatnonzero(during & (scene.said == "decision")).tolist()
    yield "all clear", _last(during & (scene.said == "all clear"))
    yield "slow before", _first(around & (scene.kinds == SLOW_BEGIN))
    yield "peak of the outage", _first(during & (scene.kinds == OUTAGE_PEAK))
    yield "deploy", np.flatnonzero(around & (scene.kinds == DEPLOY)).tolist()


def _find_mitigation(scene: Scene, outage: Outage, worthy: Flags) -> list[int]:
    """Return the last thing that somebody or something did before the outage ended, once it had been noticed."""
    if outage.last is None:
        return []
    noticed = scene.times[outage.surrounds(scene.times, before=0) & ((scene.kinds == FIRING) | scene.people)]
    begin = int(noticed.min()) if len(noticed) else outage.begin
    done = np.isin(scene.kinds, ACTIONS) & ~scene.matches(signals.ROUTINE) & ~_restarts_itself(scene)
    done |= np.isin(scene.said, ACTION_WORDS) & ~scene.matches(signals.QUESTION)
    done |= scene.notes == "schema change"
    rows = np.flatnonzero(done & worthy & (scene.times > begin) & (scene.times <= outage.end + signals.SECOND_US))
    return rows[-1:].tolist()


def _restarts_itself(scene: Scene) -> Flags:
    """Mark starts and stops of a unit while systemd restarts it again and again: nobody did that."""
    itself = np.zeros(len(scene.times), bool)
    units = np.array([kind.startswith("unit-st") for kind in scene.kinds], bool)
    for row in np.flatnonzero(scene.kinds == "unit-restart-scheduled").tolist():
        begin, end = scene.times[row] - RESTART_US, scene.ends[row] + RESTART_US
        itself |= units & (scene.services == scene.services[row]) & (scene.times >= begin) & (scene.times <= end)
    return itself


def _find_alerts(scene: Scene, where: Flags) -> Iterator[tuple[str, list[int]]]:
    yield "first alert", _first(where & (scene.kinds == FIRING))
    yield "last resolved alert", _last(where & (scene.kinds == RESOLVED))


def _database_errors(scene: Scene) -> Flags:
    codes = scene.rows[SEVERITY].cat.codes.to_numpy()
    loud = (codes >= 0) & (codes <= SEVERITIES.index("err"))
    return loud & (scene.rows[SOURCE] == "postgresql").to_numpy(dtype=bool)


def _first(flags: Flags) -> list[int]:
    return _rows(flags)[:1].tolist()


def _last(flags: Flags) -> list[int]:
    return _rows(flags)[-1:].tolist()


def _rows(flags: Flags) -> Ints:
    return np.flatnonzero(flags)
