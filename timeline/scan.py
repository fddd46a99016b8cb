"""Statistics over time: when a rate rose and fell, whether a burst, a newcomer or a silence is more than chance.

Pure functions of arrays. A bucket is a stretch of time with a number; only buckets in which something happened are
given, so a stamp that is centuries off costs one bucket and no more.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Span = tuple[int, int]
"""First and last place of an interval, both belong to it."""

LEAST: Final = 12.0
"""Log-likelihood ratio from which an interval is taken: one false alarm in hundreds of quiet hours."""
BURST_LEAST: Final = 6.0
MOST_SPANS: Final = 3
MOST_PLACES: Final = 700
"""So many begins and ends are tried; more are joined to neighbours first, and the ends found are sharpened after."""
QUIET_SHARE: Final = 0.05
"""A lull splits an interval if its rate is this part of the interval's, or close to the rate outside of it."""


def find_elevated(bad: Ints, total: Ints, *, least: float = LEAST, most: int = MOST_SPANS) -> list[tuple[Span, float]]:
    """Return the intervals in which the share of *bad* is higher than elsewhere, the clearest first.

    Kulldorff's scan with a Bernoulli model: of all intervals that begin and end with a bucket that has something bad,
    the one with the largest log-likelihood ratio is taken and removed, until none reaches *least*.

    Args:
        bad: what counts, per bucket.
        total: of how many, per bucket.
        least: the log-likelihood ratio that an interval needs.
        most: how many intervals at most.
    """
    found: list[tuple[Span, float]] = []
    bad, total = bad.astype(np.int64), total.astype(np.int64)
    while len(found) < most:
        span, ratio = _find_best(bad, total)
        if ratio < least:
            break
        found.append((span, ratio))
        bad, total = bad.copy(), total.copy()
        bad[span[0] : span[1] + 1] = total[span[0] : span[1] + 1] = 0
    return found


def split_at_lulls(
    span: Span, bad: Ints, total: Ints, buckets: Ints, *, outside: float, pause: int, least: float = LEAST
) -> list[Span]:
    """Split an interval where the rate fell back in between for at least *pause* buckets, beyond chance.

    The scan joins two outages of a day into one long interval; a person would not.

    Args:
        span: an interval.
        bad: what counts, per bucket.
        total: of how many, per bucket.
        buckets: numbers of the buckets, rising.
        outside: the rate outside of the interval.
        pause: how many buckets long a lull is, at least.
        least: the log-likelihood ratio that a lull needs.
    """
    first, last = span
    inner_bad, inner_total = bad[first : last + 1], total[first : last + 1]
    good = inner_total - inner_bad
    lull, ratio = _find_best(good, inner_total)
    begin, end = _widen(lull, inner_bad)
    begin, end = begin + first, end + first
    if ratio < least or buckets[end] - buckets[begin] + 1 < pause or begin == first or end == last:
        return [span]
    rate = rate_of(bad, total, [span])
    low = rate_of(bad, total, [(begin, end)])
    if low > max(QUIET_SHARE * rate, 2 * outside):
        return [span]
    how = {"outside": outside, "pause": pause, "least": least}
    parts = [trim((first, begin - 1), bad), trim((end + 1, last), bad)]
    return [piece for part in parts if part for piece in split_at_lulls(part, bad, total, buckets, **how)]  # type: ignore[arg-type]


def trim(span: Span, bad: Ints) -> Span | None:
    """Return the part of an interval from its first to its last bucket with something bad."""
    places = np.flatnonzero(bad[span[0] : span[1] + 1])
    return (span[0] + int(places[0]), span[0] + int(places[-1])) if len(places) else None


def rate_of(bad: Ints, total: Ints, spans: list[Span]) -> float:
    """Return the share of *bad* in some intervals together."""
    count = sum(int(total[first : last + 1].sum()) for first, last in spans)
    return sum(int(bad[first : last + 1].sum()) for first, last in spans) / count if count else 0.0


def rate_outside(bad: Ints, total: Ints, spans: list[Span]) -> float:
    """Return the share of *bad* outside of all *spans*."""
    rest = np.ones(len(bad), bool)
    for first, last in spans:
        rest[first : last + 1] = False
    count = int(total[rest].sum())
    return int(bad[rest].sum()) / count if count else 0.0


def _widen(lull: Span, bad: Ints) -> Span:
    """Let a lull reach to the buckets with something bad that lie next to it."""
    first, last = lull
    while first > 0 and not bad[first - 1]:
        first -= 1
    while last < len(bad) - 1 and not bad[last + 1]:
        last += 1
    return first, last


def _find_best(bad: Ints, total: Ints) -> tuple[Span, float]:
    """Return the interval with the largest log-likelihood ratio, and that ratio."""
    places = np.flatnonzero(bad)
    if not len(places):
        return (0, 0), 0.0
    if len(places) > MOST_PLACES:
        step = -(-len(places) // MOST_PLACES)
        begins, ends = places[::step], np.append(places[step - 1 :: step], places[-1:])[: len(places[::step])]
    else:
        begins = ends = places
    span, ratio = _best_of(bad, total, begins, ends)
    if len(begins) == len(places):
        return span, ratio
    near = 2 * step
    at = np.searchsorted(places, span)
    return _best_of(bad, total, *(places[max(place - near, 0) : place + near] for place in at.tolist()))


def _best_of(bad: Ints, total: Ints, begins: Ints, ends: Ints) -> tuple[Span, float]:
    sum_bad, sum_total = np.append(0, np.cumsum(bad)), np.append(0, np.cumsum(total))
    count = sum_bad[ends + 1][None, :] - sum_bad[begins][:, None]
    size = sum_total[ends + 1][None, :] - sum_total[begins][:, None]
    ratios = bernoulli_ratio(count, size, int(sum_bad[-1]), int(sum_total[-1]))
    ratios[ends[None, :] < begins[:, None]] = 0
    best = int(np.argmax(np.round(ratios, 9)))
    row, column = divmod(best, len(ends))
    return (int(begins[row]), int(ends[column])), float(ratios[row, column])


def bernoulli_ratio(count: Ints, size: Ints, all_count: int, all_size: int) -> Floats:
    """Return the log-likelihood ratio of *count* of *size* inside against the rest, 0 where the share is not higher."""
    rest, rest_size = all_count - count, all_size - size
    ratio = _likelihood(count, size) + _likelihood(rest, rest_size)
    ratio -= _likelihood(np.array([all_count]), np.array([all_size]))
    return np.where(count * rest_size > rest * size, ratio, 0.0)


def _likelihood(count: Ints, size: Ints) -> Floats:
    """Return the largest log-likelihood of *count* successes in *size* trials."""
    return _log_part(count, size) + _log_part(size - count, size)


def _log_part(part: Ints, whole: Ints) -> Floats:
    share = np.maximum(part, 1) / np.maximum(whole, 1)
    return np.where(part > 0, part * np.log(share), 0.0)


def burst_ratio(count: Ints, length: Floats, all_count: Ints, all_length: float) -> Floats:
    """Return the log-likelihood ratio of *count* events within *length* against an even spread (Poisson).

    Args:
        count: events in the burst.
        length: how long it is.
        all_count: events of the whole series.
        all_length: how long the series could have been.
    """
    share = np.clip(length / max(all_length, 1e-9), 1e-9, 1.0)
    expected = all_count * share
    inside = count * np.log(np.maximum(count, 1) / np.maximum(expected, 1e-9))
    rest, rest_expected = all_count - count, all_count * (1 - share)
    outside = np.where(rest > 0, rest * np.log(np.maximum(rest, 1) / np.maximum(rest_expected, 1e-9)), 0.0)
    return np.where(count > expected, inside + outside, 0.0)


def burst_threshold(series: int) -> float:
    """Return the ratio that a burst needs if so many *series* were looked at."""
    return BURST_LEAST + float(np.log(max(series, 1)))


def newcomer_strength(share_before: Floats, count: Ints, series: int) -> Floats:
    """Return how surprising it is that *count* events all lie after the first part of a window; above 0 is surprising.

    Under chance the probability is (1 - share)^count; the logarithm is corrected for so many *series* (Bonferroni).
    """
    after = np.clip(1 - share_before, 1e-12, 1.0)
    return (-count * np.log10(after) - np.log10(max(series, 1))).astype(np.float64)


def silence_strength(share_until: Floats, count: Ints, series: int) -> Floats:
    """Return how surprising it is that *count* events all lie before the last part of a window; see above."""
    return newcomer_strength(1 - share_until, count, series)
