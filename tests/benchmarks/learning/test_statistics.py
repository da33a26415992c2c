"""The statistics against closed forms, scipy, and their own promise: coverage, level, symmetry."""

from math import comb, exp, inf, isnan, nan, sqrt

import numpy as np
import pytest
from scipy import stats

from benchmarks.learning.statistics import (
    Interval,
    holm,
    mean_interval,
    median_interval,
    ratio,
    sign_flip,
)


def test_the_interval_of_a_mean_is_nearly_students() -> None:
    values = stats.norm.ppf((np.arange(10) + 0.5) / 10) * 0.03 + 0.1
    found = mean_interval(values, resamples=40_000)
    half = stats.t.ppf(0.975, 9) * values.std(ddof=1) / sqrt(10)
    assert found.estimate == pytest.approx(0.1)
    assert found.high - found.estimate == pytest.approx(half, rel=0.05)
    assert found.estimate - found.low == pytest.approx(half, rel=0.05)


def test_the_interval_covers_95_percent_where_plain_percentiles_do_not() -> None:
    rng = np.random.Generator(np.random.Philox(1))
    samples = rng.normal(size=(1500, 10))
    found = [mean_interval(sample, resamples=1000) for sample in samples]
    covered = np.mean([one.low <= 0 <= one.high for one in found])
    drawn = [rng.choice(sample, size=(1000, 10)).mean(axis=1) for sample in samples]
    plain = np.mean([np.quantile(d, 0.025) <= 0 <= np.quantile(d, 0.975) for d in drawn])
    assert 0.935 <= covered <= 0.965
    assert plain < 0.92


@pytest.mark.parametrize("n", [2, 3, 5])
def test_few_seeds_have_students_interval(n: int) -> None:
    values = [0.1, 0.35, 0.2, 0.6, 0.5][:n]
    found = mean_interval(values)
    low, high = stats.t.interval(0.95, n - 1, np.mean(values), stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high))


def test_the_interval_is_the_same_each_time_and_moves_with_the_values() -> None:
    values = [0.1, 0.3, 0.2, 0.5, 0.2, 0.4]
    first = mean_interval(values)
    assert first == mean_interval(values)
    moved = mean_interval([value + 1 for value in values])
    assert moved.low == pytest.approx(first.low + 1) and moved.high == pytest.approx(first.high + 1)


def test_few_seeds_have_no_interval_and_equal_ones_a_point() -> None:
    assert isnan(mean_interval([]).estimate)
    one = mean_interval([0.2])
    assert one.estimate == 0.2 and isnan(one.low) and isnan(one.high)
    same = mean_interval([0.25] * 7)
    assert (same.low, same.high) == pytest.approx((0.25, 0.25))
    with pytest.raises(ValueError, match="finite"):
        mean_interval([0.1, nan, 0.2])


@pytest.mark.parametrize(("n", "outside"), [(6, 0), (9, 1), (10, 1), (12, 2), (20, 5)])
def test_the_interval_of_the_median_is_the_sign_tests(n: int, outside: int) -> None:
    values = np.arange(n, dtype=float)
    found = median_interval(values[::-1])
    assert found == Interval(float(np.median(values)), outside, n - 1 - outside)
    assert 2 * sum(comb(n, k) for k in range(outside + 1)) / 2**n <= 0.05
    assert 2 * sum(comb(n, k) for k in range(outside + 2)) / 2**n > 0.05


def test_the_median_takes_infinite_values() -> None:
    one = median_interval([*range(9), inf])
    assert one.estimate == 4.5 and one.high == 8
    two = median_interval([*range(8), inf, inf])
    assert two.estimate == 4.5 and two.high == inf
    assert median_interval([1.0, 2.0, inf, inf]).estimate == inf
    assert median_interval([1.0, 2.0, 3.0]) == Interval(2.0, -inf, inf)


def test_sign_flips_are_exact() -> None:
    assert sign_flip([0.1] * 10) == 2 / 1024
    assert sign_flip([0.3, 0.1, 0.2]) == 0.25
    assert sign_flip([0.0, 0.0, 0.0]) == 1.0
    assert sign_flip([0.1, -0.1]) == 1.0
    values = np.array([0.31, -0.12, 0.22, 0.05, 0.4, -0.02, 0.11])
    known = stats.permutation_test(
        (values,), lambda x, axis: np.mean(x, axis=axis), permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flip(values) == pytest.approx(known.pvalue)
    assert isnan(sign_flip([]))


def test_drawn_signs_agree_with_all_of_them_and_never_give_zero() -> None:
    rng = np.random.Generator(np.random.Philox(3))
    values = rng.normal(0.2, 0.5, size=20)
    whole = stats.ttest_1samp(values, 0).pvalue
    assert sign_flip(values) == pytest.approx(whole, abs=0.02)
    assert sign_flip(np.ones(40)) > 0


def test_the_level_of_the_sign_flips_holds() -> None:
    rng = np.random.Generator(np.random.Philox(4))
    ps = [sign_flip(rng.standard_t(3, size=8)) for _ in range(1500)]
    assert np.mean(np.array(ps) <= 0.05) <= 0.065


def test_holm_by_hand() -> None:
    found = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005, "e": nan})
    assert {name: found[name] for name in "abcd"} == pytest.approx(
        {"d": 0.02, "a": 0.03, "c": 0.06, "b": 0.06}
    )
    assert isnan(found["e"])
    assert holm({"a": 0.7, "b": 0.9}) == {"a": 1.0, "b": 1.0}


def test_a_ratio_of_runs_that_all_reach_the_target() -> None:
    reference = [1000.0, 1500, 2000, 1200, 900, 1700]
    found = ratio([value / 2 for value in reference], [True] * 6, reference, [True] * 6)
    for value in (found.mean.estimate, found.mean.low, found.mean.high, found.median.estimate):
        assert value == pytest.approx(0.5)
    assert found.bound == "" and found.below_one
    swapped = ratio(reference, [True] * 6, [value / 2 for value in reference], [True] * 6)
    assert swapped.mean.estimate == pytest.approx(2.0) and not swapped.below_one


def test_a_run_that_fell_short_makes_the_ratio_a_bound_and_only_the_median_can_still_claim() -> None:
    budget, reference = 2000.0, [2000.0] * 10
    needed = [500.0, 520, 480, 510, 490, 530, 505, 515, 495, budget]
    reached = [True] * 9 + [False]
    found = ratio(needed, reached, reference, [True] * 10)
    assert found.bound == "≥" and found.short == 1
    logs = [np.log(value / budget) for value in needed]
    assert found.mean.estimate == pytest.approx(exp(np.mean(logs)))
    assert found.median.high == pytest.approx(0.265) and found.below_one
    three = ratio([*needed[:7], *[budget] * 3], [True] * 7 + [False] * 3, reference, [True] * 10)
    assert three.mean.high < 1 and three.median.high == inf and not three.below_one


def test_a_reference_that_fell_short_is_a_bound_on_the_safe_side() -> None:
    found = ratio([500.0] * 6, [True] * 6, [2000.0] * 6, [True] * 5 + [False])
    assert found.bound == "≤" and found.short_reference == 1 and found.below_one
    both = ratio([500.0] * 5 + [2000.0], [True] * 5 + [False], [2000.0] * 6, [True] * 5 + [False])
    assert both.bound == "?" and both.median.high == inf
