"""Intervals that are known are found, and quiet series stay quiet."""

from __future__ import annotations

from math import log

import numpy as np
import pytest

from timeline import scan

HOUR = 360


def series(
    seed: int, rate: float, *, at: tuple[int, int] | None = None, to: float = 0.0, each: int = 50
) -> tuple[scan.Ints, scan.Ints]:
    """One hour in buckets of ten seconds with *each* requests a bucket on the average."""
    random = np.random.default_rng(seed)
    total = random.poisson(each, HOUR)
    shares = np.full(HOUR, rate)
    if at:
        shares[at[0] : at[1] + 1] = to
    return random.binomial(total, shares), total


def test_the_ratio_is_the_one_of_the_formula() -> None:
    # 8 of 10 inside, 2 of 90 outside, 10 of 100 in all.
    expected = 8 * log(0.8) + 2 * log(0.2) + 2 * log(2 / 90) + 88 * log(88 / 90) - 10 * log(0.1) - 90 * log(0.9)

    assert scan.bernoulli_ratio(np.array([8]), np.array([10]), 10, 100)[0] == pytest.approx(expected)


def test_a_lower_share_is_not_elevated() -> None:
    assert 0 == scan.bernoulli_ratio(np.array([0]), np.array([50]), 10, 100)[0]


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(("length", "to"), [(3, 0.5), (30, 0.1), (60, 0.05)])
def test_a_known_interval_is_found(seed: int, length: int, to: float) -> None:
    bad, total = series(seed, 0.001, at=(100, 99 + length), to=to)

    (first, last), ratio = scan.find_elevated(bad, total)[0]

    assert abs(first - 100) <= 3
    assert abs(last - (99 + length)) <= 3
    assert ratio >= scan.LEAST


def test_quiet_hours_hardly_ever_alarm() -> None:
    alarms = sum(
        bool(scan.find_elevated(*series(seed, rate, each=each)))
        for seed in range(60)
        for rate in (0.001, 0.01)
        for each in (50, 500)
    )

    assert alarms <= 2  # of 240, as measured for the method: 1


def test_nothing_bad_and_nothing_at_all_are_quiet() -> None:
    assert [] == scan.find_elevated(np.zeros(10, int), np.full(10, 5))
    assert [] == scan.find_elevated(np.zeros(0, int), np.zeros(0, int))


def test_what_is_bad_everywhere_is_not_elevated_anywhere() -> None:
    assert [] == scan.find_elevated(np.full(20, 10), np.full(20, 10))


def test_two_intervals_are_two_though_the_scan_alone_joins_them() -> None:
    bad, total = np.zeros(HOUR, int), np.full(HOUR, 20)
    bad[50:60] = bad[200:210] = 10
    buckets = np.arange(HOUR)

    spans = [
        part
        for span, _ in scan.find_elevated(bad, total)
        for part in scan.split_at_lulls(span, bad, total, buckets, outside=0.0, pause=6)
    ]

    assert [(50, 59), (200, 209)] == sorted(spans)


def test_a_weaker_hour_inside_is_no_lull() -> None:
    bad, total = np.zeros(HOUR, int), np.full(HOUR, 20)
    bad[50:80] = 18
    bad[60:70] = 6
    (span, _), *_ = scan.find_elevated(bad, total)

    assert [span] == scan.split_at_lulls(span, bad, total, np.arange(HOUR), outside=0.0, pause=6)


def test_many_places_give_the_same_ends_as_few() -> None:
    random = np.random.default_rng(1)
    total = np.full(6000, 100)
    bad = random.binomial(total, 0.05)
    bad[2000:2300] = random.binomial(100, 0.5, 300)

    assert ((2000, 2299)) == scan.find_elevated(bad, total)[0][0]


def test_a_burst_has_the_ratio_of_its_formula() -> None:
    # 9 of 10 events in a tenth of the time.
    expected = 9 * log(9 / 1) + 1 * log(1 / 9)

    assert scan.burst_ratio(np.array([9]), np.array([6.0]), np.array([10]), 60.0)[0] == pytest.approx(expected)
    assert 0 == scan.burst_ratio(np.array([1]), np.array([6.0]), np.array([10]), 60.0)[0]


def test_a_newcomer_among_many_series_must_be_more_surprising() -> None:
    half, three = np.array([0.5]), np.array([3])

    assert scan.newcomer_strength(half, three, 1)[0] == pytest.approx(0.90309, abs=1e-5)  # -log10(1/8)
    assert scan.newcomer_strength(half, three, 1000)[0] < 0
    assert scan.newcomer_strength(half, np.array([20]), 1000)[0] > 0


def test_silence_is_the_mirror_of_a_newcomer() -> None:
    share, count = np.array([0.4]), np.array([12])

    assert scan.silence_strength(share, count, 10)[0] == pytest.approx(scan.newcomer_strength(1 - share, count, 10)[0])
