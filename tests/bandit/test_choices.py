"""What is chosen has the law that was asked for: softmax, proportions, floors, order, masks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.special import beta as beta_function
from scipy.special import softmax

from sparft_verl import bandit

KEY = {"seed": 5, "stream": 2, "step": 6}
N = 100_000


def test_softmax_chooses_in_proportion_to_the_exponentials() -> None:
    value = np.array([0.1, 0.9, 0.4, -0.5, 0.2])
    chosen = bandit.choose(bandit.Softmax(value, temperature=0.5), N, **KEY)
    assert stats.chisquare(np.bincount(chosen, minlength=5), N * softmax(value / 0.5)).pvalue > 1e-3


def test_softmax_top_two_is_drawing_without_replacement() -> None:
    value = np.log(np.array([1.0, 2.0, 3.0, 4.0]))
    p = softmax(value)
    pairs = np.zeros((4, 4))
    n = 20_000
    for step in range(n):
        i, j = bandit.choose_top(bandit.Softmax(value), 2, seed=1, stream=1, step=step)
        pairs[i, j] += 1
    law = p[:, None] * p[None, :] / (1 - p[:, None])
    off = ~np.eye(4, dtype=bool)
    assert pairs[~off].sum() == 0
    assert stats.chisquare(pairs[off], n * law[off]).pvalue > 1e-3


@pytest.mark.parametrize("group", [2, 8, 100])
def test_mixed_proportional_chooses_in_proportion_to_the_beta_binomial(group: int) -> None:
    success, failure = np.array([0.0, 3.0, 20.0, 1.0, 40.0]), np.array([0.0, 3.0, 2.0, 30.0, 0.0])
    a, b = 1 + success, 0.5 + failure
    v = 1 - (beta_function(a + group, b) + beta_function(a, b + group)) / beta_function(a, b)
    p = bandit.MixedProportional(success, failure, group, prior_failure=0.5)
    chosen = bandit.choose(p, N, **KEY)
    assert stats.chisquare(np.bincount(chosen, minlength=5), N * v / v.sum()).pvalue > 1e-3


def test_an_item_that_cannot_be_mixed_comes_last() -> None:
    success = np.array([0.0, 1e25, 0.0])
    p = bandit.MixedProportional(success, np.zeros(3), 8)
    assert bandit.draw(p, 50, **KEY)[:, 1].max() == -np.inf
    assert bandit.choose_top(p, 3, **KEY)[2] == 1
    alone = bandit.choose(p, 2, capacity=np.array([0, 5, 0]), **KEY)
    assert alone.tolist() == [1, 1]


def test_thompson_choices_have_the_probability_of_being_best() -> None:
    """Two Betas: P(the first is larger) by quadrature."""
    law = [stats.beta(3, 4), stats.beta(2, 2)]
    x = (np.arange(20_000) + 0.5) / 20_000
    first = float(np.mean(law[0].pdf(x) * law[1].cdf(x)))
    chosen = bandit.choose(bandit.Beta(np.array([2.0, 1.0]), np.array([3.0, 1.0])), N, **KEY)
    assert stats.binomtest(int((chosen == 0).sum()), N, first).pvalue > 1e-3


def test_a_floor_is_kept_by_every_arm_and_the_rest_is_the_policy() -> None:
    value = np.array([0.0, 0.0, 1.0, 0.0, 0.5])
    floor = 0.06
    chosen = bandit.choose(bandit.Fixed(value), N, floor=floor, **KEY)
    law = np.full(5, floor)
    law[2] += 1 - 5 * floor
    assert stats.chisquare(np.bincount(chosen, minlength=5), N * law).pvalue > 1e-3


def test_a_floor_of_one_over_arms_is_uniform_over_the_open_arms() -> None:
    capacity = np.array([N, 0, N, N, 0])
    chosen = bandit.choose(bandit.Fixed(np.arange(5.0)), N, capacity=capacity, floor=0.2, **KEY)
    # 3 open arms times 0.2: the other 0.4 go to the best open arm, 3
    law = N * np.array([0.2, 0.2, 0.6])
    counts = np.bincount(chosen, minlength=5)
    assert counts[[1, 4]].sum() == 0
    assert stats.chisquare(counts[[0, 2, 3]], law).pvalue > 1e-3


def test_the_top_is_in_descending_order_and_ties_go_to_the_lowest_item() -> None:
    value = np.array([0.5, 0.2, 0.9, 0.5, 0.9, 0.1, 0.5])
    top = bandit.choose_top(bandit.Fixed(value), 7, **KEY)
    assert top.tolist() == [2, 4, 0, 3, 6, 1, 5]
    equal = np.zeros(5000)
    assert bandit.choose_top(bandit.Fixed(equal), 3000, threads=2, **KEY).tolist() == list(range(3000))


def test_only_open_items_are_chosen_and_all_of_them_can_be() -> None:
    rng = np.random.default_rng(0)
    mask = rng.random(5000) < 0.3
    p = bandit.Beta(rng.integers(0, 9, 5000) * 1.0, rng.integers(0, 9, 5000) * 1.0)
    top = bandit.choose_top(p, int(mask.sum()), open=mask, utility=bandit.Target(0.5), **KEY)
    assert sorted(top.tolist()) == np.flatnonzero(mask).tolist()
    assert bandit.choose_top(p, 0, open=np.zeros(5000, dtype=bool), **KEY).tolist() == []


def test_the_top_of_a_draw_is_the_sorted_draw() -> None:
    rng = np.random.default_rng(1)
    p = bandit.Beta(rng.random(3000) * 9, rng.random(3000) * 9)
    drawn = bandit.draw(p, 1, utility=bandit.Learnability(), **KEY)[0]
    top = bandit.choose_top(p, 500, utility=bandit.Learnability(), **KEY)
    np.testing.assert_array_equal(drawn[top], np.sort(drawn)[::-1][:500])


def test_items_whose_draws_are_infinite_still_have_an_order() -> None:
    p = bandit.Gaussian(np.array([0.0, 1e308, -1e308]), np.array([1.0, 1e308, 1e308]))
    for step in range(20):
        key = {"seed": 1, "stream": 1, "step": step}
        assert sorted(bandit.choose_top(p, 3, utility=bandit.Mixed(9), **key).tolist()) == [0, 1, 2]
        assert bandit.choose(p, 3, utility=bandit.Mixed(9), **key).tolist() == [0, 0, 0]
