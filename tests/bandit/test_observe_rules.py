"""What the updates mean: fixed points and formulas of the papers, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from sparft_verl import bandit

ONE = np.zeros(1, dtype=np.int32)


def one(value: float) -> np.ndarray:
    return np.array([value])


def test_bots_evidence_with_a_lazy_scale_settles_at_the_papers_steady_state() -> None:
    # BOTS, m = 16 rollouts a step, lambda = 0.1: alpha + beta -> 2 + m / lambda = 162
    success, failure, scale = np.zeros(1), np.zeros(1), 1.0
    for _ in range(400):
        scale *= 1 - 0.1
        if scale < 2**-8:
            bandit.rescale(success, failure, factor=scale)
            scale = 1.0
        bandit.observe_beta(success, failure, ONE, one(4.0), one(16.0), scale=scale)
    assert 1 + scale * success[0] == pytest.approx(1 + 4 / 0.1, abs=1e-6)
    assert 2 + scale * (success[0] + failure[0]) == pytest.approx(162, abs=1e-6)


def test_mopps_keeps_half_of_visited_prompts_only() -> None:
    # keep = 0.5 and n = 8: evidence -> 16, so alpha + beta -> 18; a prompt never visited stays
    success, failure = np.array([0.0, 3.0]), np.array([0.0, 5.0])
    for _ in range(60):
        bandit.observe_beta(success, failure, ONE, one(6.0), one(8.0), keep=0.5)
    assert 2 + success[0] + failure[0] == pytest.approx(18, abs=1e-8)
    assert success.tolist()[1:] == [3.0] and failure.tolist()[1:] == [5.0]
    assert success[0] / (success[0] + failure[0]) == pytest.approx(0.75)


def test_an_arm_named_twice_in_a_call_is_decayed_once() -> None:
    success, failure = one(8.0), one(4.0)
    arm = np.zeros(2, dtype=np.int32)
    bandit.observe_beta(success, failure, arm, np.array([1.0, 2.0]), np.array([4.0, 4.0]), keep=0.5)
    assert (success[0], failure[0]) == (8 / 2 + 3, 4 / 2 + 5)


@pytest.mark.parametrize("gamma", [0.99, 0.9, 0.5])
def test_a_lazy_scale_with_rescaling_equals_decaying_every_arm_every_step(gamma: float) -> None:
    rng = np.random.default_rng(1)
    arms, scale = 7, 1.0
    total, weight = np.zeros(arms), np.zeros(arms)
    eager_total, eager_weight = np.zeros(arms), np.zeros(arms)
    for _ in range(300):
        arm = rng.integers(0, arms, 5).astype(np.int32)
        value, observed = rng.normal(size=5), rng.exponential(size=5)
        eager_total *= gamma
        eager_weight *= gamma
        np.add.at(eager_total, arm, value * observed)
        np.add.at(eager_weight, arm, observed)
        scale *= gamma
        if scale < 2**-8:
            bandit.rescale(total, weight, factor=scale)
            scale = 1.0
        bandit.observe_sum(total, weight, arm, value, observed, scale=scale)
    np.testing.assert_allclose(scale * total, eager_total, rtol=0, atol=1e-7)
    np.testing.assert_allclose(scale * weight, eager_weight, rtol=0, atol=1e-7)


def test_weights_are_one_each_when_none_are_given() -> None:
    total, weight = np.zeros(2), np.zeros(2)
    bandit.observe_sum(total, weight, np.array([1, 1, 0], dtype=np.int32), np.array([0.5, 0.25, -1.0]))
    assert total.tolist() == [-1.0, 0.75] and weight.tolist() == [1.0, 2.0]


def test_pac_settles_at_its_fixed_point_with_drift_added_lazily() -> None:
    # algorithms: rho = 1, delta^2 = 0.02 -> prior variance (delta^2 + sqrt(delta^4 + 4 delta^2)) / 2 = 0.152
    drift, inflation = 0.02, 0.0
    mean, variance = np.array([0.0, 0.5]), np.array([1.0, 1.0])
    for _ in range(500):
        bandit.observe_kalman(mean, variance, ONE, one(0.3), one(1.0), inflation=inflation)
        inflation += drift
    fixed = (drift + np.sqrt(drift**2 + 4 * drift)) / 2
    assert fixed == pytest.approx(0.152, abs=5e-4)
    assert variance[0] + inflation == pytest.approx(fixed, rel=1e-9)
    assert mean[0] == pytest.approx(0.3, rel=1e-9)
    assert (mean[1], variance[1] + inflation) == (0.5, pytest.approx(1 + 500 * drift))


def test_kalman_takes_the_observations_of_an_arm_at_once() -> None:
    # precision 1/2 + (1 + 3), mean (1/2 * 1 + 1 * 4 + 3 * 2) / precision
    mean, variance = one(1.0), one(2.0)
    bandit.observe_kalman(
        mean, variance, np.zeros(2, dtype=np.int32), np.array([4.0, 2.0]), np.array([1.0, 3.0])
    )
    assert mean[0] == pytest.approx(10.5 / 4.5) and variance[0] == pytest.approx(1 / 4.5)


def test_a_window_holds_the_last_values_of_its_arm() -> None:
    window, seen = np.zeros((2, 3)), np.zeros(2, dtype=np.int64)
    bandit.observe_window(window, seen, np.array([1, 1], dtype=np.int32), np.array([1.0, 2.0]))
    assert bandit.window_mean(window, seen).tolist()[1] == 1.5
    bandit.observe_window(window, seen, np.array([1, 1, 1], dtype=np.int32), np.array([3.0, 4.0, 5.0]))
    assert window.tolist() == [[0.0, 0.0, 0.0], [4.0, 5.0, 3.0]] and seen.tolist() == [0, 5]
    mean = bandit.window_mean(window, seen)
    assert np.isnan(mean[0]) and mean[1] == 4.0


def test_sums_are_exact_up_to_the_limit_and_refused_beyond() -> None:
    total, weight = np.array([0.0, 0.0]), np.array([2.0**21 - 2, 0.0])
    arm = np.array([0, 1, 1, 1], dtype=np.int32)
    bandit.observe_sum(total, weight, arm, np.full(4, 2.0**-32))  # arm by arm it fits
    assert weight.tolist() == [2.0**21 - 1, 3.0] and total.tolist() == [2.0**-32, 3 * 2.0**-32]
    with pytest.raises(
        ValueError, match=r"weight\[0\] = 2097151 would pass 2\*\*21.*rescale\(.., factor=0.5\)"
    ):
        bandit.observe_sum(total, weight, arm, np.zeros(4))
    bandit.rescale(total, weight, factor=0.5)
    bandit.observe_sum(total, weight, arm, np.zeros(4), scale=2.0)
    assert 2 * weight[0] == 2.0**21
