"""Weigh the entries of a window, each weight with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from timeline import signals
from timeline.arrays import Flags, Ints, group, starts
from timeline.happenings import DERIVED, ERRORS_RISE, FIRING, HTTP_ERRORS, HTTP_ERRORS_END, OUTAGE_BEGIN, SILENCE
from timeline.phrases import say_length
from timeline.relations import Relations, count_loud_kinds, find_news, find_relations, find_shared_words
from timeline.scene import MINUTE_US, Names, Scene, Scores
from timeline.schema import EVIDENCE, SEVERITIES, SEVERITY, SOURCE

Signal = tuple[Scores, str | Names]
"""Points for each row, and the reason in words: one for all rows, or one for each."""

FAILURE_WORDS: Final = ("error", "fatal or panic")


class Weights:
    """The sum of the signals of each row, and the reasons for it."""

    def __init__(self, scene: Scene) -> None:
        self.parts = [*find_signals(scene)]
        base = np.sum([points for points, _ in self.parts], axis=0) if self.parts else np.zeros(0)
        derived = (scene.rows[SOURCE] == DERIVED).to_numpy(dtype=bool) & (scene.kinds != SILENCE)
        machine = ~scene.chat & ~derived
        relations = find_relations(scene, machine & (base >= signals.TELLING))
        shared = find_shared_words(scene, relations.related) & scene.in_incident_channel
        self.parts.append((np.where(shared, float(signals.SHARED_WORDS), 0.0), "words of the logs"))
        self.parts += [*_weigh_relations(scene, relations, machine & (base >= signals.TELLING))]
        # Small talk of people says nothing, however close to the outage it is.
        telling = base - np.where(scene.people, signals.PERSON + signals.IN_INCIDENT_CHANNEL, 0) > 0
        near = np.where(telling, closeness(scene), 0.0)
        self.parts.append((near, "close to a turning point"))
        self.damping = find_damping(scene, relations, machine)
        self.total: Scores = np.prod([*self.damping.values()], axis=0) * np.sum(
            [points for points, _ in self.parts], axis=0
        )

    def reasons(self, row: int) -> list[str]:
        """Return why *row* has its weight, the heaviest reason first."""
        told = [(-points[row], place, why) for place, (points, why) in enumerate(self.parts) if points[row] > 0]
        texts = [
            why if isinstance(why, str) else str(why[row]) for _, _, why in sorted(told, key=lambda part: part[:2])
        ]
        return [*texts, *(why for why, left in self.damping.items() if left[row] < 1)]


def find_signals(scene: Scene) -> Iterator[Signal]:
    """Yield everything that speaks for a row, but for closeness, which speaks for nothing by itself."""
    yield _weigh_kinds(scene)
    yield _weigh_severity(scene)
    yield _weigh_failed_requests(scene)
    yield _weigh_programs(scene)
    yield from _weigh_people(scene)


def _weigh_relations(scene: Scene, relations: Relations, telling: Flags) -> Iterator[Signal]:
    """Weigh what ties a line to the incident, and what is news."""
    counted = np.array([f"{part:,} of {whole:,} such lines of its service inside the incident"
                        for part, whole in zip(relations.inside.tolist(), relations.errors.tolist(), strict=True)],
                       object)  # fmt: skip
    yield np.where(telling & relations.affected, float(signals.AFFECTED), 0.0), counted
    yield np.where(telling & relations.named, float(signals.NAMED), 0.0), "named by people or alerts"
    news, bursts = find_news(scene, telling)
    begin, end = scene.window()
    quiet = 100 * (scene.times - begin) / max(end - begin, 1)
    late, dense = (np.full(len(telling), "", object) for _ in range(2))
    for row in np.flatnonzero(news > 0).tolist():
        late[row] = f"not seen in the first {quiet[row]:.0f} % of the window"
    for row in np.flatnonzero(bursts > 0).tolist():
        dense[row] = f"×{scene.counts[row]:,} in {say_length(int(scene.ends[row] - scene.times[row]))}"
    yield np.where(news > 0, float(signals.NEWS), 0.0), late
    yield np.where(bursts > 0, float(signals.NEWS), 0.0), dense


def find_damping(scene: Scene, relations: Relations, machine: Flags) -> dict[str, Scores]:
    """Return what takes weight off a row, by reason: the part that is left."""
    incident = bool(scene.spans())
    crowded = count_loud_kinds(scene) > signals.FEW_KINDS
    within = scene.within_reach() | ~machine | ~np.array(incident)
    covered = np.isin(scene.kinds, (HTTP_ERRORS, HTTP_ERRORS_END)) & _is_told(scene)
    for outage in (outage for outage in scene.outages if outage.certain):
        covered[[outage.first, *([] if outage.last is None else [outage.last])]] = False
    flags = {
        "all the time": (is_background(scene) & (scene.kinds != FIRING), signals.BACKGROUND),
        "while the machine boots": (is_boot(scene), signals.BOOT),
        "told by the outage": (covered, signals.COVERED),
        "piece of a stack trace": (machine & scene.matches(signals.TRACE_LINE), signals.TRACE),
        "far from the incident": (~within & ~is_grave(scene), signals.OUT_OF_REACH),
        "errors of its service are spread": (
            machine & incident & relations.spread & (scene.kinds == ""),
            signals.SPREAD,
        ),
        "nothing ties it to the incident": (
            machine & crowded & ~(relations.related & incident),
            signals.UNRELATED,
        ),
    }
    return {why: np.where(where, left, 1.0) for why, (where, left) in flags.items()}


def _is_told(scene: Scene) -> bool:
    """Tell whether entries of `detect` say which requests failed: better than each run of them does."""
    return bool(np.isin(scene.kinds, (OUTAGE_BEGIN, ERRORS_RISE)).any())


def is_grave(scene: Scene) -> Flags:
    """Mark severities that are never beside the point."""
    codes = scene.rows[SEVERITY].cat.codes.to_numpy()
    return (codes >= 0) & (codes <= SEVERITIES.index("crit"))


def _weigh_kinds(scene: Scene) -> Signal:
    kinds, places = np.unique(scene.kinds.astype(str), return_inverse=True)
    weights = [signals.KINDS.get(kind, 0) for kind in kinds.tolist()]
    points = np.array(weights, float)[places]
    routine = np.isin(scene.kinds, ("unit-started", "server-start", "crash-recovery")) & scene.matches(signals.ROUTINE)
    points = np.where(routine, signals.ROUTINE_SHARE * points, points)
    said = np.array([kind.replace("-", " ") for kind in kinds], object)[places]
    if EVIDENCE in scene.rows:
        derived = (scene.rows[SOURCE] == DERIVED).to_numpy(dtype=bool)
        said = np.where(derived, scene.rows[EVIDENCE].fillna("").to_numpy(dtype=object), said)
    return points, said


def _weigh_severity(scene: Scene) -> Signal:
    """Weigh severities; a happening that is named already adds a third of it only."""
    codes = scene.rows[SEVERITY].cat.codes.to_numpy()
    points = np.array([*signals.SEVERITY.values(), 0], float)[codes]
    named = np.array([signals.KINDS.get(kind, 0) for kind in scene.kinds]) > 0
    points = np.where(named | (scene.kinds == HTTP_ERRORS), points / 3, points)
    points[scene.chat | (scene.kinds == HTTP_ERRORS_END)] = 0
    repeated = np.where(points > 0, 2 * np.log10(np.maximum(scene.counts, 1)), 0)
    crowd = signals.CROWD_OF_KINDS * max(0.0, float(np.log10(max(count_loud_kinds(scene), 1) / signals.FEW_KINDS)))
    points = np.where(points > 0, np.maximum(points + repeated - crowd, 1.0), 0.0)
    return points, np.array([*(f"severity {name}" for name in SEVERITIES), ""], object)[codes]


def _weigh_failed_requests(scene: Scene) -> Signal:
    failed = scene.kinds == HTTP_ERRORS
    within = np.zeros(len(failed), bool)
    for outage in scene.outages:
        if outage.certain:
            within |= outage.surrounds(scene.times, 0, 0)
    if _is_told(scene):
        within[:] = False
    points = np.where(
        within & (scene.counts >= signals.OUTAGE_COUNT), signals.FAILED_REQUESTS, signals.FEW_FAILED_REQUESTS
    )
    return np.where(failed, points, 0).astype(float), "requests failed"


def _weigh_programs(scene: Scene) -> Signal:
    """Weigh the words of programs where neither kind nor severity says it."""
    codes = scene.rows[SEVERITY].cat.codes.to_numpy()
    loud = (codes >= 0) & (codes <= SEVERITIES.index("err"))
    known = np.array([kind in signals.KINDS for kind in scene.kinds], bool) | np.isin(
        scene.kinds, (HTTP_ERRORS, HTTP_ERRORS_END)
    )
    known &= scene.notes != "schema change"
    points = np.where(loud | known, 0.0, scene.noticed)
    points += np.where((points > 0) & np.isin(scene.notes, FAILURE_WORDS), 2 * np.log10(np.maximum(scene.counts, 1)), 0)
    return points, scene.notes


def _weigh_people(scene: Scene) -> Iterator[Signal]:
    chatter = scene.matches(signals.CHATTER)
    talk = scene.people & ~chatter & (scene.kinds == "")
    asked = np.where(scene.matches(signals.QUESTION), signals.QUESTION_SHARE, 1.0)
    yield np.where(talk, scene.sayings * asked, 0.0), scene.said
    # Elsewhere a weak word says nothing: "lol the error page cat is cute".
    heard = scene.in_incident_channel | (not scene.in_incident_channel.any())
    weak = talk & heard & (scene.sayings == 0) & scene.matches(signals.WEAK_WORDS)
    yield np.where(weak, signals.WEAK, 0.0), "observation"
    yield np.where(talk, float(signals.PERSON), 0.0), "a person's message"
    remark = talk & ((scene.sayings > 0) | scene.matches(signals.WORDY))
    yield (
        np.where(remark & scene.in_incident_channel, signals.IN_INCIDENT_CHANNEL * asked, 0.0),
        "in the incident's channel",
    )
    first, last = _find_edges(scene, remark & scene.in_incident_channel)
    yield np.where(first, float(signals.FIRST_WORD), 0.0), "first word in the incident's channel"
    yield np.where(last, float(signals.LAST_WORD), 0.0), "last word in the incident's channel"
    pinned = scene.chat & scene.flags("slack.pinned")
    yield np.where(pinned, float(signals.PINNED), 0.0), "pinned"
    marked, liked = _find_reactions(scene)
    yield np.where(marked & ~pinned, float(signals.MARKED), 0.0), "marked by a reaction"
    yield np.where(liked & talk & ~marked, float(signals.REACTED), 0.0), "people reacted"


def _find_edges(scene: Scene, remarks: Flags) -> tuple[Flags, Flags]:
    """Mark the first and the last of the *remarks* in each channel."""
    first, last = np.zeros(len(remarks), bool), np.zeros(len(remarks), bool)
    rows = np.flatnonzero(remarks)
    for channel in np.unique(scene.services[rows]).tolist():
        of_channel = rows[scene.services[rows] == channel]
        first[of_channel[0]], last[of_channel[-1]] = True, len(of_channel) > 1
    return first, last


def _find_reactions(scene: Scene) -> tuple[Flags, Flags]:
    """Mark messages with a reaction that means "timeline", and those with two reactions or more."""
    marked, liked = np.zeros(len(scene.rows), bool), np.zeros(len(scene.rows), bool)
    if "slack.reactions" not in scene.rows:
        return marked, liked
    column = scene.rows["slack.reactions"]
    for row in np.flatnonzero(column.notna().to_numpy()).tolist():
        found = dict(part.rpartition("×")[::2] for part in str(column.iloc[row]).split(", "))
        marked[row] = bool(signals.MARKS & found.keys())
        liked[row] = sum(int(count) for count in found.values() if count.isdigit()) > 1
    return marked, liked


def closeness(scene: Scene) -> Scores:
    """Return points for being close to the begin or end of an outage, to an alert or a deploy."""
    anchors = scene.anchors()
    if not len(anchors):
        return np.zeros(len(scene.rows))
    place = np.searchsorted(anchors, scene.times)
    after = np.abs(anchors[np.minimum(place, len(anchors) - 1)] - scene.times)
    before = np.abs(scene.times - anchors[np.maximum(place - 1, 0)])
    fading = 1 - (np.minimum(before, after) - signals.NEAR_US) / (signals.FADED_US - signals.NEAR_US)
    return signals.NEAR * np.clip(fading, 0.0, 1.0)


def is_boot(scene: Scene) -> Flags:
    """Mark starts while so many units start that the machine itself must have started."""
    starting = np.array([kind.startswith(("unit-", "server-")) for kind in scene.kinds], bool)
    starting |= np.isin(scene.notes, ("lifecycle", "change")) & (scene.kinds == "")
    units = scene.times[scene.kinds == "unit-started"]
    near = np.searchsorted(units, scene.times + signals.BOOT_US, "right") - np.searchsorted(
        units, scene.times - signals.BOOT_US
    )
    return starting & (near >= signals.BOOT_UNITS)


def is_background(scene: Scene) -> Flags:
    """Mark what goes on from the beginning of the window to its end without a burst: no incident made it.

    Entries of one template and service are taken together, so that a job that runs every few minutes is seen as one.
    """
    if not len(scene.times):
        return np.zeros(0, bool)
    begin, end = scene.window()
    edge = (end - begin) * signals.BACKGROUND_EDGE
    looks = group(scene.looks, scene.services)
    order = np.argsort(looks, kind="stable")
    first = np.flatnonzero(starts(looks[order]))
    lasting = np.minimum.reduceat(scene.times[order], first) <= begin + edge
    lasting &= np.maximum.reduceat(scene.ends[order], first) >= end - edge
    lasting &= np.add.reduceat(scene.counts[order], first) >= signals.BACKGROUND_COUNT
    flags = np.zeros(len(looks), bool)
    parts = np.split(order, first[1:])
    for place in np.flatnonzero(lasting).tolist():
        flags[parts[place]] = not _has_burst(scene, parts[place], (end - begin) * signals.BURST_SPAN)
    return flags & (end - begin > MINUTE_US)


def _has_burst(scene: Scene, members: Ints, span: float) -> bool:
    """Tell whether most of what *members* (in order of time) stand for lies within *span* microseconds.

    The events of one entry are taken to be spread evenly from its first to its last one.
    """
    times, lengths = scene.times[members], scene.ends[members] - scene.times[members]
    dense = scene.counts[members] * np.minimum(1.0, span / np.maximum(lengths, 1))
    sums = np.append(0.0, np.cumsum(dense))
    within = sums[np.searchsorted(times, times + span, "right")] - sums[: len(times)]
    return bool(within.max() > signals.BURST_SHARE * scene.counts[members].sum())
