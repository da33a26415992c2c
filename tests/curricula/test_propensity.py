"""The probability of an arm: against closed forms, Monte Carlo and itself under relabelling."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from sparft_verl.bandit import Beta, Gaussian, Identity, Learnability, Mixed, Negative, Softmax, Target
from sparft_verl.curricula import CurriculumConfig, build
from sparft_verl.curricula.laws import law_of
from sparft_verl.curricula.propensity import EXACT_ARMS, argmax_probability, next_best_probability


def everyone(count):
    return np.ones(count, dtype=bool)


@pytest.mark.parametrize("gap", [0.0, 0.3, 2.0, 5.0])
@pytest.mark.parametrize("narrow", [1.0, 0.1, 1e-3, 1e-6])
def test_two_arms_have_the_closed_form(gap, narrow):
    wins = norm.cdf(gap / np.hypot(1.0, narrow))
    got = argmax_probability(np.array([gap, 0.0]), np.array([1.0, narrow]), everyone(2))
    assert got == pytest.approx([wins, 1.0 - wins], abs=1e-10)


@pytest.mark.parametrize("count", [1, 3, 10, 300])
def test_equal_arms_share_equally(count):
    got = argmax_probability(np.full(count, -0.4), np.full(count, 0.2), everyone(count))
    assert got == pytest.approx(np.full(count, 1.0 / count), rel=1e-10)


def test_arms_of_very_different_certainty_match_monte_carlo():
    mean = np.array([-0.1, -0.12, -0.5, -0.9, 0.0])
    sd = np.array([0.003, 0.02, 0.4, 1.0, 0.05])
    draws = mean + sd * np.random.default_rng(0).standard_normal((400_000, 5))
    seen = np.bincount(draws.argmax(axis=1), minlength=5) / len(draws)
    got = argmax_probability(mean, sd, everyone(5))
    assert got == pytest.approx(seen, abs=4 * np.sqrt(0.25 / len(draws)))


def test_a_masked_arm_has_no_share_and_does_not_matter():
    mean, sd = np.array([9.0, -0.1, -0.3]), np.array([1.0, 0.2, 0.1])
    got = argmax_probability(mean, sd, np.array([False, True, True]))
    assert got[0] == 0.0
    assert got[1:] == pytest.approx(argmax_probability(mean[1:], sd[1:], everyone(2)), rel=1e-12)


def test_a_panel_finer_mesh_agrees():
    """Against a plain fine grid of ten arms."""
    rng = np.random.default_rng(1)
    mean, sd = -rng.random(10), 1.0 / np.sqrt(rng.integers(1, 500, 10))
    x = np.linspace(-6.0, 6.0, 600_001)
    cdf = norm.cdf((x[:, None] - mean) / sd)
    exact = [
        np.sum(norm.pdf(x, mean[k], sd[k]) * np.delete(cdf, k, axis=1).prod(axis=1)) * (x[1] - x[0])
        for k in range(10)
    ]
    assert argmax_probability(mean, sd, everyone(10)) == pytest.approx(exact, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-1, 0), st.integers(0, 10**6)), min_size=1, max_size=12),
    st.floats(1e-6, 1e3),
    st.randoms(use_true_random=False),
)
def test_probabilities_sum_to_one_and_follow_a_relabelling(beliefs, sigma, random):
    mean = np.array([m for m, _ in beliefs])
    sd = sigma / np.sqrt(np.array([pulls for _, pulls in beliefs]) + 1.0)
    got = argmax_probability(mean, sd, everyone(len(mean)))
    assert got.sum() == pytest.approx(1.0, abs=1e-12) and (got >= 0).all()
    swap = list(range(len(mean)))
    random.shuffle(swap)
    assert argmax_probability(mean[swap], sd[swap], everyone(len(mean))) == pytest.approx(
        got[swap], abs=1e-12
    )


@pytest.mark.parametrize("places", [1, 2, 3])
def test_the_next_best_arm_of_one_draw_matches_monte_carlo(places):
    mean = np.array([-0.2, -0.3, -0.25, -0.6, -0.4])
    sd = np.array([0.1, 0.3, 0.2, 0.5, 0.15])
    draws = mean + sd * np.random.default_rng(2).standard_normal((600_000, 5))
    order = np.argsort(-draws, axis=1)
    ranked = [1, 3, 0][:places]
    follow = order[(order[:, :places] == ranked).all(axis=1), places]
    free = everyone(5)
    free[ranked] = False
    got = next_best_probability(mean, sd, free, ranked)
    seen = np.bincount(follow, minlength=5) / len(follow)
    assert got == pytest.approx(seen, abs=4.5 * np.sqrt(0.25 / len(follow)))
    assert got.sum() == pytest.approx(1.0) and (got[ranked] == 0.0).all()


def test_a_ranked_arm_far_above_and_narrow_does_not_blow_up_the_mesh():
    mean, sd = np.array([0.0, -0.9, -0.8]), np.array([1e-6, 0.3, 0.3])
    got = next_best_probability(mean, sd, np.array([False, True, True]), [0])
    cut = np.random.default_rng(3).standard_normal((400_000, 2)) * 0.3 + mean[1:]
    cut = cut[(cut < 0.0).all(axis=1)]
    assert got[2] == pytest.approx((cut[:, 1] > cut[:, 0]).mean(), abs=4e-3)


@pytest.mark.parametrize("spread", ["pulls 0-199", "one sd", "two scales"])
def test_above_the_limit_the_values_are_close_to_the_exact_ones(monkeypatch, spread):
    rng = np.random.default_rng(4)
    count = 2 * EXACT_ARMS
    mean = -rng.random(count)
    sd = {
        "pulls 0-199": 1.0 / np.sqrt(rng.integers(1, 200, count)),
        "one sd": np.full(count, 0.3),
        "two scales": rng.choice([0.05, 0.3], count) * (1.0 + 0.1 * rng.random(count)),
    }[spread]
    rounded = argmax_probability(mean, sd, everyone(count))
    monkeypatch.setattr("sparft_verl.curricula.propensity.EXACT_ARMS", count)
    exact = argmax_probability(mean, sd, everyone(count))
    assert rounded.sum() == pytest.approx(1.0) and (rounded >= 0).all()
    assert 0 < np.abs(rounded - exact).sum() / 2 < 0.1  # total variation


SHAPES = np.array([[1.0, 1.0], [9.0, 3.0], [40.0, 60.0], [1.0, 33.0], [300.0, 280.0], [5.5, 1.0]])


@pytest.mark.parametrize(
    "utility", [Identity(), Negative(), Target(0.5), Target(0.2), Learnability(), Mixed(8)]
)
@pytest.mark.parametrize("kind", ["beta", "gaussian"])
def test_the_law_of_the_best_draw_matches_monte_carlo(utility, kind):
    rng = np.random.default_rng(5)
    a, b = SHAPES.T
    mean, sd = a / (a + b), np.sqrt(a * b / (a + b + 1)) / (a + b)
    draws = rng.beta(a, b, (400_000, 6)) if kind == "beta" else mean + sd * rng.standard_normal((400_000, 6))
    belief = Beta(a - 1.0, b - 1.0) if kind == "beta" else Gaussian(mean, sd)
    values = {
        Identity: lambda x: x,
        Negative: lambda x: -x,
        Target: lambda x: -abs(x - getattr(utility, "tau", 0.0)),
        Learnability: lambda x: x * (1 - x),
        Mixed: lambda x: 1 - x**8 - (1 - x) ** 8,
    }[type(utility)](draws)
    law = law_of(belief, utility)
    seen = np.bincount(values.argmax(axis=1), minlength=6) / len(values)
    assert law.argmax_probability(everyone(6)) == pytest.approx(seen, abs=4 * np.sqrt(0.25 / len(values)))
    order = np.argsort(-values, axis=1)
    top = int(seen.argmax())
    free = everyone(6)
    free[top] = False
    second = order[order[:, 0] == top, 1]
    seen = np.bincount(second, minlength=6) / len(second)
    assert law.next_best_probability(free, [top]) == pytest.approx(seen, abs=4 * np.sqrt(0.25 / len(second)))


def test_beta_laws_have_their_closed_forms():
    """P(Beta(a, 1) > Beta(c, 1)) = a / (a + c); folded around 1/2 a Beta and its mirror image are equal."""
    law = law_of(Beta(np.array([2.0, 6.0]), np.zeros(2)), Identity())
    assert law.argmax_probability(everyone(2)) == pytest.approx([0.3, 0.7], abs=1e-9)
    law = law_of(Beta(np.array([2.0, 9.0, 0.0]), np.array([9.0, 2.0, 0.0])), Target(0.5))
    got = law.argmax_probability(everyone(3))
    assert got[0] == pytest.approx(got[1], abs=1e-12) and got.sum() == pytest.approx(1.0)


def test_a_beta_in_the_thousands_is_its_gaussian():
    a, b = np.array([40_000.0, 41_000.0, 39_000.0]), np.array([60_000.0, 60_500.0, 60_400.0])
    mean, sd = a / (a + b), np.sqrt(a * b / (a + b + 1)) / (a + b)
    for utility in (Identity(), Target(0.4)):
        exact = law_of(Beta(a, b, prior_success=0.0, prior_failure=0.0), utility).argmax_probability(
            everyone(3)
        )
        assert exact == pytest.approx(
            law_of(Gaussian(mean, sd), utility).argmax_probability(everyone(3)), abs=2e-3
        )


def test_a_softmax_sums_to_one_over_what_is_allowed_and_never_overflows():
    law = law_of(Softmax(np.array([0.0, 1.0, 900.0]), 0.01), Identity())
    assert law.argmax_probability(everyone(3)).tolist() == [0.0, 0.0, 1.0]
    got = law.next_best_probability(np.array([True, True, False]), [2])
    assert got == pytest.approx([np.exp(-100.0), 1.0, 0.0], rel=1e-6)


def test_an_unknown_belief_has_no_law():
    with pytest.raises(TypeError, match="no law of the best draw is known for float"):
        law_of(1.0, Identity())


@pytest.mark.parametrize("method", ["sparft", "sparft_beta"])
def test_a_batch_over_very_many_arms_has_a_probability_for_each(method, arms_of, group_of):
    """The probability that 140 arms come in one order lies below what a float holds; that of each one does not."""
    curriculum = build(CurriculumConfig.of(method=method, choice="batch"), arms_of([1] * 150))
    for step in (1, 2):
        ticket = curriculum.propose(140)
        assert ((ticket.propensity > 0.0) & (ticket.propensity <= 1.0 + 1e-12)).all()
        # the first arm is one of 150, the last one of the 11 that are left
        assert ticket.propensity[0] < ticket.propensity[-1]
        if step == 1:
            assert ticket.propensity == pytest.approx(1.0 / np.arange(150, 10, -1))
        groups = zip(ticket.rows.tolist(), ticket.arms.tolist(), strict=True)
        curriculum.observe(group_of(ticket.id, row, arm % 5 / 4, rollouts=64) for row, arm in groups)
        curriculum.tick(step)
