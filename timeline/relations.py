"""Which services have to do with the incident: their errors lie inside of it, or people and alerts name them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from timeline import scan, signals
from timeline.arrays import Flags, Ints, encode, group, starts
from timeline.schema import HOST, MESSAGE, SERVICE, SEVERITIES, SEVERITY

if TYPE_CHECKING:
    from timeline.scene import Scene, Scores

_TOKEN: Final = re.compile(r"[A-Za-z][\w.@-]{2,}")
_DISTINCT: Final = re.compile(r"[\w/.-]*(?:[a-z][A-Z]|[A-Za-z]_[A-Za-z]|/[a-z]|\d\.\d+\.\d)[\w/.-]*")
_ENDING: Final = re.compile(r"\.(?:service|socket|timer|scope)$")


@dataclass(frozen=True)
class Relations:
    """For each row, what ties it to the incident.

    Attributes:
        inside: errors of its service inside of the incident, weighted by how much of each run lies in it.
        errors: errors of its service in all.
        affected: the errors of its service concentrate inside.
        spread: they do not, though they are many.
        named: its service or host is named in the talk of the incident or by an alert.
        related: one of these, or its host has a service that is, or it serves the requests that failed.
    """

    inside: Ints
    errors: Ints
    affected: Flags
    spread: Flags
    named: Flags
    related: Flags


def find_relations(scene: Scene, telling: Flags) -> Relations:
    """Find which services have to do with the incident.

    Args:
        scene: the entries.
        telling: those that are errors or changes of state.
    """
    services = group(encode(scene.rows[HOST]), scene.services)
    spans = scene.spans()
    share = overlap(scene, spans)
    counts = np.where(telling, scene.counts, 0)
    inside = np.bincount(services, np.minimum(share, 1) * counts).round().astype("int64")
    errors = np.bincount(services, counts).astype("int64")
    begin, end = scene.window()
    part = sum(last - first for first, last in spans) / max(end - begin, 1)
    part = min(max(part, 1e-6), 0.999)
    ratios = _concentration(inside, errors, part)
    affected = (ratios >= signals.AFFECTED_RATIO + np.log(len(errors) or 1)) & (
        inside >= signals.AFFECTED_SHARE * errors
    )
    affected &= _begin_with(scene, spans, services, telling & (share > 0))
    spread = (errors >= signals.MANY_ERRORS) & (ratios < 1)
    named = _find_named(scene)
    failing = np.zeros(len(errors), bool)
    for outage in scene.outages:
        failing[services[outage.first]] = True
    of_host = encode(scene.rows[HOST])
    ties = (affected | failing)[services]
    hosts = np.unique(of_host[(ties | _find_names(scene, HOST)) & ~scene.chat])
    related = np.isin(of_host, [-1, *hosts.tolist()]) | ties | named
    return Relations(inside[services], errors[services], affected[services], spread[services], named, related)


def _begin_with(scene: Scene, spans: list[tuple[int, int]], services: Ints, where: Flags) -> Flags:
    """Tell of each service whether one of its runs *where* it is marked begins or ends when the incident does."""
    edges = np.array([edge for span in spans for edge in span], "int64")
    near = np.zeros(int(services.max(initial=-1)) + 1, bool)
    if len(edges):
        from_edge = np.abs(scene.times[:, None] - edges[None, :]).min(axis=1)
        near[services[where & (from_edge <= signals.NEAR_US)]] = True
    return near


def overlap(scene: Scene, spans: list[tuple[int, int]]) -> Scores:
    """Return which part of each run lies inside of *spans*; its events are taken to be spread evenly."""
    lengths = np.maximum(scene.ends - scene.times, 1)
    share = np.zeros(len(scene.times))
    for first, last in spans:
        covered = np.minimum(scene.ends, last) - np.maximum(scene.times, first)
        at_once = (scene.ends == scene.times) & (scene.times >= first) & (scene.times <= last)
        share += np.where(at_once, 1.0, np.clip(covered / lengths, 0, 1))
    return share


def _concentration(inside: Ints, errors: Ints, part: float) -> Scores:
    """Return the log-likelihood ratio of so many errors inside, which is *part* of the time; 0 if they are fewer."""
    rest = errors - inside
    share = inside / np.maximum(errors, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(inside > 0, inside * np.log(share / part), 0.0)
        ratio += np.where(rest > 0, rest * np.log((1 - share) / (1 - part)), 0.0)
    return np.where(share > part, ratio, 0.0)


def _find_named(scene: Scene) -> Flags:
    """Mark rows whose service or host is a word of the talk during the incident, or of an alert."""
    return _find_names(scene, SERVICE) | _find_names(scene, HOST)


def _find_names(scene: Scene, column: str) -> Flags:
    talk = scene.chat & scene.near_outage() & (scene.kinds != "noise")
    texts = scene.rows[MESSAGE][talk].fillna("")
    words = {word.lower().strip(".-") for text in texts for word in _TOKEN.findall(text)} - signals.COMMON_NAMES
    names = scene.rows[column].cat.categories
    known = np.array([_is_named(_ENDING.sub("", str(name)).lower(), words) for name in names] + [False], bool)
    return known[scene.rows[column].cat.codes.to_numpy()] & ~scene.chat


def _is_named(name: str, words: set[str]) -> bool:
    """Tell whether people name it: "shop-api" as it is, as "shop", or "postgresql" as "postgres"."""
    parts = {name, *(part for part in name.split("-") if len(part) >= signals.NAME_PART)}
    if parts & words:
        return True
    return any(len(word) > signals.NAME_PART and name.startswith(word) for word in words)


def find_shared_words(scene: Scene, related: Flags) -> Flags:
    """Mark messages of people that hold a distinctive word of what the machines of the incident say.

    Distinctive are names of services and words such as `KeyError`, `created_at`, `/opt/spool`, `1.5.0`.
    """
    words: set[str] = set()
    for text in dict.fromkeys(scene.rows[MESSAGE][related & ~scene.chat].fillna("")):
        words.update(word.strip(".:,") for word in _DISTINCT.findall(text))
    for name in scene.rows[SERVICE][related & ~scene.chat].dropna().unique():
        words.add(_ENDING.sub("", str(name)))
    shared = np.zeros(len(scene.times), bool)
    for row in np.flatnonzero(scene.people).tolist():
        text = str(scene.rows[MESSAGE].iloc[row])
        shared[row] = any(word.strip(".:,") in words for word in (*_DISTINCT.findall(text), *_TOKEN.findall(text)))
    return shared


def find_news(scene: Scene, telling: Flags) -> tuple[Scores, Scores]:
    """Return for each row how surprising it is that its like begins so late, and the likelihood ratio of its burst.

    Both are 0 where it is no more than chance among so many kinds of lines.

    Args:
        scene: the entries.
        telling: those that are errors or changes of state; the others are not looked at.
    """
    news, bursts = np.zeros(len(scene.times)), np.zeros(len(scene.times))
    rows = np.flatnonzero(telling)
    if not len(rows):
        return news, bursts
    begin, end = scene.window()
    looks = group(scene.looks, scene.services)[rows]
    order = np.argsort(looks, kind="stable")
    first = np.flatnonzero(starts(looks[order]))
    sizes = np.diff(np.append(first, len(order)))
    sums = np.add.reduceat(scene.counts[rows][order], first)
    since = np.minimum.reduceat(scene.times[rows][order], first)
    length = max(end - begin, 1)
    strength = scan.newcomer_strength(np.clip((since - begin) / length, 0, 1), sums, len(first))
    ratio = scan.burst_ratio(
        scene.counts[rows][order],
        np.maximum(scene.ends - scene.times, 1_000_000)[rows][order].astype(float),
        np.repeat(sums, sizes),
        float(length),
    )
    news[rows[order]] = np.repeat(np.where(strength > 0, strength, 0), sizes)
    bursts[rows[order]] = np.where(ratio >= scan.burst_threshold(len(first)), ratio, 0)
    return news, bursts


def count_loud_kinds(scene: Scene) -> int:
    """Return how many kinds of severe lines there are: among many none is special."""
    codes = scene.rows[SEVERITY].cat.codes.to_numpy()
    loud = (codes >= 0) & (codes <= SEVERITIES.index("err")) & ~scene.chat
    return len(np.unique(group(scene.looks, scene.services)[loud]))
