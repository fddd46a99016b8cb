"""Choose the entries that are worth a line, and say why each was."""

from __future__ import annotations

from collections import Counter
from typing import Final

import numpy as np
import pandas as pd

from timeline import schema, signals
from timeline.arrays import Flags, Ints, encode, group, starts, take, time_order
from timeline.errors import UsageError
from timeline.happenings import DERIVED
from timeline.pins import PHASES, find_pins
from timeline.scene import Scene, Scores
from timeline.schema import HOST, KIND, MESSAGE, PHASE, SCORE, SERVICE, SOURCE, TIMESTAMP, WHY
from timeline.weigh import Weights

FLOOR: Final = 20.0


def select(entries: pd.DataFrame, *, max_lines: int = 40, floor: float = FLOOR) -> pd.DataFrame:
    """Return the entries worth a line, at most *max_lines*, in order of time.

    Each entry is weighed by what it is (`timeline.signals`): a well-known happening, its severity, the words of
    people, closeness to the begin and end of an outage. Some places are kept first: begin and end of each outage, the
    first alert and the last that resolved, deploys, what people declared, decided and closed, the first error of the
    database. The rest goes to the heaviest, where a further line of the same template or service weighs less, and
    nothing below *floor* is taken: a quiet window gives nothing. Entries without a time are left out.

    Adds `score`, `why` (the reasons, most important first) and `phase` ("OUTAGE BEGINS", "DETECTED", "MITIGATED",
    "OUTAGE ENDS", only where so many requests failed, or a service so often, that it is certain).

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
    pins = dict(list(find_pins(scene, weights.total >= floor).items())[:max_lines])
    chosen = _choose(scene, weights, list(pins), max_lines, floor)
    return _finish(scene, weights, pins, sorted(chosen))


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
        names = scene.rows[SERVICE].astype("str").str.removesuffix(".service")
        self.names = group(encode(names), encode(scene.rows[HOST]))
        self.stories = _number_stories(scene, self.names)
        self.services = np.where(
            scene.people & ~_is_plain(scene), -1, np.where(scene.people, -2 - scene.services, scene.services)
        )
        self.taken: Counter[int] = Counter()
        self.messages = scene.rows[MESSAGE].fillna("").tolist()
        self.people = scene.people
        self.chat = scene.chat | (scene.rows[SOURCE] == DERIVED).to_numpy(dtype=bool)
        self.scene = scene

    def _accompany(self, row: int, rows: Ints) -> Flags:
        """Mark those of the *rows* that begin and end with *row*, count as much and are of the same service."""
        scene = self.scene
        if scene.counts[row] < 2:  # noqa: PLR2004 - single lines meet by chance
            return np.zeros(len(rows), bool)
        same = (scene.counts[rows] == scene.counts[row]) & ~self.chat[rows]
        same &= self.names[rows] == self.names[row]
        same &= np.isin(scene.kinds[rows], ("", scene.kinds[row])) | (scene.kinds[row] == "")
        for times in (scene.times, scene.ends):
            same &= np.abs(times[rows] - times[row]) <= signals.SECOND_US
        return same

    def take(self, row: int, rows: Ints, worth: Scores) -> None:
        """Lower the *worth* of the *rows* that are like *row*, which is taken."""
        looks = self.scene.looks
        worth[rows[looks[rows] == looks[row]]] *= signals.AGAIN
        if self.stories[row] >= 0:
            same = (self.stories[rows] == self.stories[row]) & (looks[rows] != looks[row])
            worth[rows[same]] *= signals.AGAIN_IN_STORY
        if not self.chat[row]:
            worth[rows[self._accompany(row, rows)]] *= signals.ACCOMPANIES
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


def _number_stories(scene: Scene, services: Ints) -> Ints:
    """Number the stories of units and servers, be they told by systemd or by the program; -1 is none."""
    told = np.array([kind.startswith(signals.STORIES) for kind in scene.kinds], bool)
    told |= np.isin(scene.notes, ("lifecycle", "change")) & (scene.kinds == "")
    units = np.flatnonzero(told)
    services = services[units]
    order = np.argsort(services, kind="stable")
    units, services = units[order], services[order]
    pauses = np.diff(scene.times[units], prepend=0) > signals.EPISODE_US
    stories = np.full(len(told), -1)
    stories[units] = np.cumsum(pauses | starts(services))
    return stories


def _finish(scene: Scene, weights: Weights, pins: dict[int, str], chosen: list[int]) -> pd.DataFrame:
    frame = take(scene.rows, chosen)
    reasons = [[*([pins[row]] if row in pins else []), *weights.reasons(row)] for row in chosen]
    frame[WHY] = pd.array(["; ".join(dict.fromkeys(told)) for told in reasons], dtype="str")
    frame[SCORE] = np.round(weights.total[chosen], 2).astype("float64")
    phases = [PHASES.get(pins.get(row, ""), "") for row in chosen]
    names = [*PHASES.values()]
    frame[PHASE] = schema.category_column(np.array([names.index(name) if name else -1 for name in phases], int), names)
    return frame
