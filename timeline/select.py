"""Choose the entries that are worth a line, and say why each was."""

from __future__ import annotations

from collections import Counter
from typing import Final

import numpy as np
import pandas as pd

from timeline import schema, signals
from timeline.arrays import Flags, Ints, encode, group, starts, take, time_order
from timeline.errors import UsageError
from timeline.happenings import DEPLOY, FIRING, RESOLVED
from timeline.scene import Outage, Scene, Scores
from timeline.schema import HOST, KIND, MESSAGE, PHASE, SCORE, SERVICE, SEVERITIES, SEVERITY, SOURCE, TIMESTAMP, WHY
from timeline.weigh import Weights

FLOOR: Final = 20.0

BEGINS: Final = "OUTAGE BEGINS"
DETECTED: Final = "DETECTED"
ENDS: Final = "OUTAGE ENDS"
PHASES: Final = {"begin of the outage": BEGINS, "first alert": DETECTED, "end of the outage": ENDS}
"""Places that are kept first and are marked in the timeline."""


def select(entries: pd.DataFrame, *, max_lines: int = 40, floor: float = FLOOR) -> pd.DataFrame:
    """Return the entries worth a line, at most *max_lines*, in order of time.

    Each entry is weighed by what it is (`timeline.signals`): a well-known happening, its severity, the words of
    people, closeness to the begin and end of an outage. Some places are kept first: begin and end of each outage, the
    first alert and the last that resolved, deploys, what people declared, decided and closed, the first error of the
    database. The rest goes to the heaviest, where a further line of the same template or service weighs less, and
    nothing below *floor* is taken: a quiet window gives nothing. Entries without a time are left out.

    Adds `score`, `why` (the reasons, most important first) and `phase` ("OUTAGE BEGINS", "DETECTED", "OUTAGE ENDS",
    only where failed requests make it certain).

    Args:
        entries: what `timeline.collapse` gives, or any event frame; the order of its rows does not matter.
        max_lines: how many lines at most.
        floor: the least score of a line.

    Raises:
        UsageError: *max_lines* is less than 1.
        SchemaError: *entries* lacks a column of the event frame.
    """
    if max_lines < 1:
        raise UsageError(f"max_lines is {max_lines}", help="give at least 1 line")
    schema.check(entries)
    rows = take(entries, np.flatnonzero((entries[TIMESTAMP].notna() & (entries[KIND] != "noise")).to_numpy()))
    order = time_order(rows)
    scene = Scene(rows if order is None else take(rows, order))
    weights = Weights(scene)
    pins = dict(list(find_pins(scene).items())[:max_lines])
    chosen = _choose(scene, weights, list(pins), max_lines, floor)
    return _finish(scene, weights, pins, sorted(chosen))


def find_pins(scene: Scene) -> dict[int, str]:
    """Return the rows that are kept first, the most important first, and which place each takes."""
    pins: dict[int, str] = {}
    for outage in (outage for outage in scene.outages if outage.certain):
        for place, rows in _places(scene, outage):
            for row in rows:
                pins.setdefault(row, place)
    if not pins:
        for place, rows in _alerts(scene, np.ones(len(scene.rows), bool)):
            for row in rows:
                pins.setdefault(row, place)
    rank = {place: number for number, place in enumerate(PLACES)}
    return dict(sorted(pins.items(), key=lambda pin: (rank[pin[1]], pin[0])))


PLACES: Final = (
    "begin of the outage",
    "end of the outage",
    "first alert",
    "alert",
    "first error of the database",
    "incident declared",
    "decision",
    "cause found",
    "all clear",
    "last resolved alert",
    "deploy",
)
"""The places that are kept first, the most important first; what does not fit any more is left out from the end."""


def _places(scene: Scene, outage: Outage) -> list[tuple[str, list[int]]]:
    around = outage.surrounds(scene.times)
    during = outage.surrounds(scene.times, before=signals.NEAR_US)
    spoken = [(said, _first(during & (scene.said == said))) for said in ("incident declared", "cause found")]
    return [
        ("begin of the outage", [outage.first]),
        ("end of the outage", [] if outage.last is None else [outage.last]),
        *_alerts(scene, during),
        (
            "first error of the database",
            _first(outage.surrounds(scene.times, signals.NEAR_US, 0) & _database_errors(scene)),
        ),
        *spoken,
        ("decision", np.flatnonzero(during & (scene.said == "decision")).tolist()),
        ("all clear", _last(during & (scene.said == "all clear"))),
        ("deploy", np.flatnonzero(around & (scene.kinds == DEPLOY)).tolist()),
    ]


def _alerts(scene: Scene, where: Flags) -> list[tuple[str, list[int]]]:
    """Return the first alert, marked as the detection where there is an outage, and the last that resolved."""
    name = "first alert" if any(outage.certain for outage in scene.outages) else "alert"
    return [
        (name, _first(where & (scene.kinds == FIRING))),
        ("last resolved alert", _last(where & (scene.kinds == RESOLVED))),
    ]


def _database_errors(scene: Scene) -> Flags:
    codes = scene.rows[SEVERITY].cat.codes.to_numpy()
    loud = (codes >= 0) & (codes <= SEVERITIES.index("err"))
    return loud & (scene.rows[SOURCE] == "postgresql").to_numpy(dtype=bool)


def _first(flags: Flags) -> list[int]:
    return np.flatnonzero(flags)[:1].tolist()


def _last(flags: Flags) -> list[int]:
    return np.flatnonzero(flags)[-1:].tolist()


def _choose(scene: Scene, weights: Weights, pinned: list[int], max_lines: int, floor: float) -> list[int]:
    """Take the pinned rows, then the heaviest, each choice making its like lighter."""
    rows = np.setdiff1d(np.flatnonzero(weights.total >= floor), pinned)
    fatigue = _Fatigue(scene)
    worth = weights.total.copy()
    for row in pinned:
        fatigue.take(row, rows, worth)
    chosen = list(pinned)
    while len(chosen) < max_lines and len(rows):
        best = int(np.argmax(np.round(worth[rows], 6)))  # of equals the first in order of time, file and line
        row = int(rows[best])
        if worth[row] < floor:
            break
        chosen.append(row)
        rows = np.delete(rows, best)
        fatigue.take(row, rows, worth)
    return chosen


class _Fatigue:
    """How much less a line is worth after others like it."""

    def __init__(self, scene: Scene) -> None:
        self.looks = _number_stories(scene)
        self.services = np.where(
            scene.people & ~_is_plain(scene), -1, np.where(scene.people, -2 - scene.services, scene.services)
        )
        self.taken: Counter[int] = Counter()
        self.messages = scene.rows[MESSAGE].fillna("").tolist()
        self.people = scene.people

    def take(self, row: int, rows: Ints, worth: Scores) -> None:
        """Lower the *worth* of the *rows* that are like *row*, which is taken."""
        worth[rows[self.looks[rows] == self.looks[row]]] *= signals.AGAIN
        service = int(self.services[row])
        self.taken[service] += 1
        crowd = signals.CROWD if service >= 0 else signals.CROWD_OF_TALK
        if service != -1 and self.taken[service] >= crowd:
            worth[rows[self.services[rows] == service]] *= signals.CROWDED
        message = self.messages[row]
        if len(message) >= signals.ECHO_LENGTH:
            echoes = [other for other in rows.tolist() if not self.people[other] and message in self.messages[other]]
            worth[echoes] *= signals.ECHOED


def _is_plain(scene: Scene) -> Flags:
    """Mark messages of people that say nothing strong: of them, few are enough."""
    pinned = scene.flags("slack.pinned")
    return scene.people & (scene.sayings == 0) & ~pinned


def _number_stories(scene: Scene) -> Ints:
    """Number what looks alike: one template, or one story of a unit."""
    looks = scene.looks.copy()
    units = np.flatnonzero([kind.startswith(signals.STORIES) for kind in scene.kinds])
    names = scene.rows[SERVICE].astype("str").str.removesuffix(".service").take(units)
    services = group(encode(names), encode(scene.rows[HOST])[units])
    order = np.argsort(services, kind="stable")
    units, services = units[order], services[order]
    pauses = np.diff(scene.times[units], prepend=0) > signals.EPISODE_US
    stories = np.cumsum(pauses | starts(services))
    looks[units] = 3 * len(looks) + stories
    return looks


def _finish(scene: Scene, weights: Weights, pins: dict[int, str], chosen: list[int]) -> pd.DataFrame:
    frame = take(scene.rows, chosen)
    reasons = [[*([pins[row]] if row in pins else []), *weights.reasons(row)] for row in chosen]
    frame[WHY] = pd.array(["; ".join(dict.fromkeys(told)) for told in reasons], dtype="str")
    frame[SCORE] = np.round(weights.total[chosen], 2).astype("float64")
    phases = [PHASES.get(pins.get(row, ""), "") for row in chosen]
    names = [BEGINS, DETECTED, ENDS]
    frame[PHASE] = schema.category_column(np.array([names.index(name) if name else -1 for name in phases], int), names)
    return frame
