"""Pair lines of one text where several lie near each other: one to one, in order, channel by channel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

SECOND_US: Final = 1_000_000

SLACK_US: Final = SECOND_US
"""How far the copies of one event may lie apart beyond their precision, in microseconds."""


@dataclass(frozen=True)
class Crowd:
    """Lines of one text near each other, in order of time.

    Attributes:
        begins: the earliest time of each line, microseconds.
        ends: the time before which it happened: its stamp and how fine the stamp is.
        channels: by which way each came; at most one line of each is the same event.
        are_one: tells whether two lines, given by their places, can be one event if their times are near.
        early: how long before its time a line may begin.
    """

    begins: Sequence[int]
    ends: Sequence[int]
    channels: Sequence[int]
    are_one: Callable[[int, int], bool]
    early: int = 0

    def pair(self) -> list[list[int]]:
        """Return the places of lines that are one event, two and more of them."""
        own: dict[int, list[int]] = {}
        for place, channel in enumerate(self.channels):
            own.setdefault(channel, []).append(place)
        clusters: list[list[int]] = []
        for channel in sorted(own):
            clusters = sorted([*clusters, *self._join(clusters, own[channel])])
        return [cluster for cluster in clusters if len(cluster) > 1]

    def _join(self, clusters: list[list[int]], places: list[int]) -> list[list[int]]:
        """Add each of *places* to the first cluster that it fits and that got none of them yet; return the others."""
        alone: list[list[int]] = []
        taken: set[int] = set()
        begin, limit = 0, SLACK_US + self.early
        for place in places:
            while begin < len(clusters) and (begin in taken or self._gap(clusters[begin][0], place) > limit):
                begin += 1
            found = self._first_fit(clusters, taken, begin, place)
            if found is None:
                alone.append([place])
            else:
                clusters[found].append(place)
                taken.add(found)
        return alone

    def _first_fit(self, clusters: list[list[int]], taken: set[int], begin: int, place: int) -> int | None:
        for number in range(begin, len(clusters)):
            if self._gap(place, clusters[number][0]) > SLACK_US + self.early:
                return None
            if number not in taken and all(self._fits(member, place) for member in clusters[number]):
                return number
        return None

    def _fits(self, one: int, other: int) -> bool:
        return max(self._gap(one, other), self._gap(other, one)) <= SLACK_US and self.are_one(one, other)

    def _gap(self, early: int, late: int) -> int:
        """Return the microseconds from the end of one line to the begin of another; negative if they meet."""
        return self.begins[late] - self.ends[early]
