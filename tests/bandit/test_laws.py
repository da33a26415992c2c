"""The draws follow the laws they are named after: moments, tails, Kolmogorov-Smirnov against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from sparft_verl import bandit

KEY = {"seed": 3, "stream": 8, "step": 1}
N = 200_000


def sample(p: bandit.Posterior, n: int = N) -> np.ndarray:
    return bandit.draw(p, n, **KEY)


def beta(a: float, b: float, n: int = N) -> np.ndarray:
    zero = np.zeros(1)
    return sample(bandit.Beta(zero, zero, prior_success=a, prior_failure=b), n)[:, 0]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (1, 1),
        (2, 5),
        (0.5, 0.5),
        (0.1, 0.3),
        (1, 0.2),
        (0.7, 3),
        (30, 4),
        (500, 400),
        (4000, 5000),
        (1e5, 2e5),
    ],
)
def test_beta_follows_its_law(a: float, b: float) -> None:
    x, law = beta(a, b), stats.beta(a, b)
    # float32 has no numbers between 1 - 6e-8 and 1, where shapes below 1 put up to 4 % of the draws
    below = x[x <= 0.999]
    assert stats.kstest(below, lambda v: law.cdf(v) / law.cdf(0.999)).pvalue > 1e-3
    assert stats.binomtest(N - len(below), N, law.sf(0.999)).pvalue > 1e-3
    for power in (1, 2):
        moment, second = law.moment(power), law.moment(2 * power)
        error = (np.mean(x**power) - moment) / np.sqrt((second - moment**2) / N)
        assert abs(error) < 4
    for tail in (1e-3, 1e-4):
        if law.ppf(tail) > 1e-37:  # nearer to 0 the logit is clamped
            assert stats.binomtest(int((x < law.ppf(tail)).sum()), N, tail).pvalue > 1e-4
        if law.isf(tail) < 0.999:
            assert stats.binomtest(int((x > law.isf(tail)).sum()), N, tail).pvalue > 1e-4


def test_tiny_shapes_end_at_zero_or_one_in_the_right_proportion() -> None:
    x = beta(1e-6, 3e-6)
    assert ((x < 1e-30) | (x > 1 - 1e-6)).mean() > 0.999
    assert stats.binomtest(int((x > 0.5).sum()), N, 0.25).pvalue > 1e-3


def test_huge_shapes_have_their_mean_and_stay_finite() -> None:
    x = beta(1e30, 1e30, 1000)
    assert np.abs(x - 0.5).max() < 1e-6


def test_beta_takes_evidence_scale_and_a_prior_for_each_arm() -> None:
    success, failure = np.array([4.0, 0.0, 10.0]), np.array([2.0, 8.0, 0.0])
    prior = np.array([1.0, 0.5, 2.0])
    x = sample(bandit.Beta(success, failure, scale=0.5, prior_success=prior, prior_failure=2.0))
    for k in range(3):
        law = stats.beta(prior[k] + success[k] / 2, 2 + failure[k] / 2)
        assert stats.kstest(x[:, k], law.cdf).pvalue > 1e-3


def test_the_two_gammas_of_a_beta_and_neighbouring_arms_are_independent() -> None:
    x = sample(bandit.Beta(np.full(6, 3.0), np.full(6, 3.0)))
    correlation = np.corrcoef(x.T)[np.triu_indices(6, 1)]
    assert np.abs(correlation).max() < 4.5 / np.sqrt(N)
    assert stats.kstest(x.max(axis=1), lambda v: stats.beta(4, 4).cdf(v) ** 6).pvalue > 1e-3


def test_softmax_noise_is_gumbel_up_to_its_tails() -> None:
    x = sample(bandit.Softmax(np.zeros(4))).ravel()
    assert stats.kstest(x, "gumbel_r").pvalue > 1e-3
    for tail in (1e-3, 1e-4):
        for beyond in ((x < stats.gumbel_r.ppf(tail)).sum(), (x > stats.gumbel_r.isf(tail)).sum()):
            assert stats.binomtest(int(beyond), len(x), tail).pvalue > 1e-4
    assert x.max() < 32 * np.log(2) + 1e-4


def test_gaussian_beliefs_have_the_mean_and_deviation_they_name() -> None:
    total, count = np.array([3.0, 0.0, 20.0]), np.array([4.0, 0.0, 40.0])
    mean = sample(bandit.GaussianMean(total, count, scale=0.5, sigma=2.0, prior_mean=-1.0))
    kalman = sample(bandit.Kalman(np.array([1.0, -2.0, 0.0]), np.array([0.5, 0.0, 3.0]), inflation=0.25))
    for x, centres, deviations in [
        (mean, [0.75, -1.0, 0.5], [2 / np.sqrt(3), 2.0, 2 / np.sqrt(21)]),
        (kalman, [1.0, -2.0, 0.0], [np.sqrt(0.75), 0.5, np.sqrt(3.25)]),
    ]:
        for k in range(3):
            assert stats.kstest(x[:, k], stats.norm(centres[k], deviations[k]).cdf).pvalue > 1e-3


def test_the_largest_of_a_million_normals_lies_where_order_statistics_put_it() -> None:
    p = bandit.Gaussian(np.zeros(10**6), np.ones(10**6))
    largest = []
    for step in range(40):
        best = bandit.choose(p, 1, seed=1, stream=1, step=step)[0]
        z = bandit.normal(1, first=int(best), seed=1, stream=1, step=step)[0]
        largest.append(stats.norm.cdf(float(z)) ** 10**6)
    assert stats.kstest(largest, "uniform").pvalue > 1e-3


@pytest.mark.parametrize(
    ("utility", "formula"),
    [
        (bandit.Identity(), lambda x: x),
        (bandit.Negative(), lambda x: -x),
        (bandit.Target(0.3), lambda x: -np.abs(x - 0.3)),
        (bandit.Learnability(), lambda x: x * (1 - x)),
        (bandit.Mixed(2), lambda x: 2 * x * (1 - x)),
        (bandit.Mixed(1000), lambda x: 1 - x**1000 - (1 - x) ** 1000),
    ],
)
def test_utilities_are_their_formulas(utility: bandit.Utility, formula: object) -> None:
    value = np.linspace(0, 1, 501)
    drawn = bandit.draw(bandit.Fixed(value), 1, utility=utility, **KEY)[0]
    np.testing.assert_allclose(drawn, formula(value), atol=1e-13)  # type: ignore[operator]
