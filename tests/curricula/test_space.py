"""The published stand-in for SPaCe, PAC, against its equations 5-11 worked by hand, for two arms.

u = (1 + k / sum|k|) * a, with a the mean and k the slope over the window; precision 1/v + rho,
mean (m/v + rho u) / precision, variance 1 / precision + delta^2. Mean |advantage| of four rollouts under GRPO:
one or three solved .75, two solved sqrt(3)/2, none or all solved 0.
"""

import math

import numpy as np
import pytest
from scipy.stats import norm

from sparft_verl.curricula import METHODS, CurriculumConfig, build
from sparft_verl.curricula.packing import pack, unpack

HALF, QUARTER = 0.8660254, 0.75


def make(arms, **settings):
    return build(CurriculumConfig.of({"method": "space", "cold_steps": 0, **settings}), arms)


def belief(curriculum):
    """[(mean, variance), ...]."""
    return [(arm["mean"], arm["sd"] ** 2) for arm in curriculum.arm_table()]


def groups(group_of, ticket, arm, rates, **more):
    """Feedback for the slots of one arm, in their order."""
    rows = ticket.rows[ticket.arms == arm].tolist()
    return [group_of(ticket.id, row, rate, **more) for row, rate in zip(rows, rates, strict=True)]


def close(*pairs):
    return [(pytest.approx(mean, abs=2e-5), pytest.approx(variance, abs=2e-5)) for mean, variance in pairs]


def chance(ticket, pairs):
    """Probability of the first slot's arm among two Gaussians."""
    (m0, v0), (m1, v1) = pairs
    first = norm.cdf((m0 - m1) / math.sqrt(v0 + v1))
    return pytest.approx([first, 1 - first][ticket.arms[0]], abs=2e-5)


def test_five_steps_by_hand(arms_of, group_of):
    curriculum = make(arms_of([2, 2]), window=3, drift=0.02)
    one = curriculum.propose(4)
    assert one.propensity[0] == pytest.approx(0.5)
    curriculum.observe(groups(group_of, one, 0, [0.5, 0.25]) + groups(group_of, one, 1, [1.0, 1.0]))
    curriculum.tick(1)
    # a = .808013 and 0, one point each: no slope; rho = 2 / (4 / 2) = 1, precision 2
    assert belief(curriculum) == close((0.404006, 0.52), (0.0, 0.52))

    two = curriculum.propose(4)
    assert two.propensity[0] == chance(two, [(0.404006, 0.52), (0.0, 0.52)])
    curriculum.observe(groups(group_of, two, 0, [0.5, 0.5]))
    curriculum.tick(2)
    # arm 0: a = (.808013 + .866025) / 2 = .837019, k = .5 - .375, alone, so that 1 + k/|k| = 2: u = 1.674038;
    # rho = 2 / (2 / 2) = 2, precision 1/.52 + 2 = 3.923077; arm 1 only drifts
    assert belief(curriculum) == close((1.051473, 0.274902), (0.0, 0.54))

    three = curriculum.propose(4)
    late = groups(group_of, two, 1, [0.5, 0.75])
    curriculum.observe(groups(group_of, three, 0, [0.25, 0.25]) + late)
    curriculum.tick(3)
    # arm 0: a = .808013, rates .375, .5, .25 at 0, 1/2, 1: k = -.125; arm 1, whose step 2 is left out:
    # a = (0 + .808013) / 2, rates 1, .625 at 0, 1: k = -.375; u = (1 - 1/4) .808013, (1 - 3/4) .404006; rho = 1
    u = (0.606010, 0.101002)
    v = (1 / (1 / 0.274902 + 1), 1 / (1 / 0.54 + 1))
    m = (v[0] * (1.051473 / 0.274902 + u[0]), v[1] * u[1])
    assert belief(curriculum) == close((m[0], v[0] + 0.02), (m[1], v[1] + 0.02))

    curriculum.tick(4)  # nothing came
    assert belief(curriculum) == close((m[0], v[0] + 0.04), (m[1], v[1] + 0.04))

    curriculum.observe(groups(group_of, three, 1, [0.0, 0.5]))
    curriculum.tick(5)
    # the window holds steps 3 to 5; arm 0 has one point: k = 0. Arm 1: a = (.808013 + .433013) / 2, rates
    # .625, .25 at 0, 1: k / |k| = -1, so that u = 0; rho = 2 / (2 / 2)
    v1 = 1 / (1 / (v[1] + 0.04) + 2)
    assert belief(curriculum) == close((m[0], v[0] + 0.06), (v1 * m[1] / (v[1] + 0.04), v1 + 0.02))


def test_a_step_mean_is_over_rollouts(arms_of, group_of):
    """|advantage| (4 * .75 + 8 * 0) / 12 = 1/4; one arm, so that rho = 1: mean 1/8."""
    curriculum = make(arms_of([2]), drift=0.0)
    ticket = curriculum.propose(2)
    a, b = ticket.rows.tolist()
    curriculum.observe([group_of(ticket.id, a, 0.25), group_of(ticket.id, b, 0.0, rollouts=8)])
    curriculum.tick(1)
    assert belief(curriculum) == close((0.125, 0.5))


def test_a_steady_share_settles_at_the_fixed_point(arms_of, group_of):
    """rho = 1 every step: variance (d + sqrt(d^2 + 4 d)) / 2 = .152 with d = .02; mean = u = .75."""
    curriculum = make(arms_of([1, 1]))
    for step in range(1, 80):
        ticket = curriculum.propose(2)
        curriculum.observe(group_of(ticket.id, row, 0.25) for row in ticket.rows.tolist())
        curriculum.tick(step)
    fixed = (0.02 + math.sqrt(0.02**2 + 4 * 0.02)) / 2
    assert fixed == pytest.approx(0.152, abs=5e-4)
    assert belief(curriculum) == close((0.75, fixed), (0.75, fixed))


def test_an_arm_that_gets_nothing_keeps_its_mean_and_gains_the_drift_of_every_step(arms_of, group_of):
    curriculum = make(arms_of([2, 2]))
    ticket = curriculum.propose(4)
    curriculum.observe(groups(group_of, ticket, 0, [0.5, 0.5]) + groups(group_of, ticket, 1, [0.25, 0.25]))
    curriculum.tick(1)
    curriculum.tick(11)
    assert belief(curriculum) == close((HALF / 2, 0.72), (QUARTER / 2, 0.72))


def test_the_cold_start_is_uniform_while_beliefs_form(arms_of, group_of):
    curriculum = make(arms_of([3, 3]), cold_steps=2)
    for step in (1, 2):
        ticket = curriculum.propose(6)
        assert ticket.propensity[0] == pytest.approx(0.5)
        curriculum.observe(groups(group_of, ticket, 0, [0.5] * 3) + groups(group_of, ticket, 1, [0.0] * 3))
        curriculum.tick(step)
    pairs = belief(curriculum)
    assert pairs[0][0] > 0.5 and pairs[1][0] == 0.0
    ticket = curriculum.propose(1)
    assert ticket.propensity[0] == chance(ticket, pairs) != pytest.approx(0.5)


def test_what_lies_before_the_window_is_forgotten_even_where_step_numbers_jump(arms_of, group_of):
    """Step 1 is 8 steps before step 9, window 3: u = .75 alone. Mean (.433013 / .5 + .75) / (1 / .5 + 1)."""
    curriculum = make(arms_of([1]), window=3, drift=0.0)
    for step, rate in ((1, 0.5), (9, 0.25)):
        ticket = curriculum.propose(1)
        curriculum.observe([group_of(ticket.id, int(ticket.rows[0]), rate)])
        curriculum.tick(step)
    assert belief(curriculum) == close(((HALF + QUARTER) / 3, 1 / 3))


def test_an_empty_arm_has_no_share(arms_of, group_of):
    """Two arms with prompts of three: an equal share is half."""
    curriculum = make(arms_of([1, 0, 1]), drift=0.0)
    ticket = curriculum.propose(2)
    curriculum.observe(group_of(ticket.id, row, 0.25) for row in ticket.rows.tolist())
    curriculum.tick(1)
    table = [(arm["mean"], arm["sd"] ** 2) for arm in curriculum.arm_table() if arm["size"]]
    assert table == close((0.375, 0.5), (0.375, 0.5))


def test_never_solved_arms_and_a_single_arm_are_served(arms_of, group_of):
    for sizes in ([3], [3, 3]):
        curriculum = make(arms_of(sizes))
        for step in range(1, 20):
            ticket = curriculum.propose(3)
            curriculum.observe(group_of(ticket.id, row, 0.0) for row in ticket.rows.tolist())
            curriculum.tick(step)
        assert curriculum.metrics()["sparft/coverage"] == 1.0
        assert {arm["mean"] for arm in curriculum.arm_table()} == {0.0}


def test_late_unordered_and_duplicate_groups_and_a_restore_within_a_step(arms_of, group_of):
    arms = arms_of([3, 3])
    plain, other = make(arms, seed=4), make(arms, seed=4)
    for curriculum in (plain, other):
        tickets = [curriculum.propose(4), curriculum.propose(4)]
        come = [
            group_of(ticket.id, row, rate)
            for ticket in tickets
            for row, rate in zip(ticket.rows.tolist(), [0.25, 0.5, 0.75, 1.0], strict=True)
        ]
        if curriculum is plain:
            assert curriculum.observe(come[:6]) == 6
            continue
        assert curriculum.observe([*come[:6][::-1], *come[2:4]]) == 6
        restored = make(arms, seed=4)
        restored.load_state_dict(unpack(pack(curriculum.state_dict())))
        other = restored
    for curriculum in (plain, other):
        curriculum.tick(1)
        assert curriculum.observe(come[5:]) == 2  # one of them twice
        curriculum.tick(2)
    assert pack(plain.state_dict()) == pack(other.state_dict())
    assert np.isfinite([mean for mean, _ in belief(plain)]).all()
    assert plain.propose(5).rows.tolist() == other.propose(5).rows.tolist()


def test_a_damaged_variance_is_refused(arms_of):
    curriculum = make(arms_of([2, 2]))
    state = curriculum.state_dict()
    broken = {**state["estimator"], "variance": np.array([1.0, 0.0])}
    with pytest.raises(ValueError, match="a variance that is not above 0"):
        curriculum.load_state_dict({**state, "estimator": broken})


def test_its_line_says_that_it_is_a_stand_in():
    assert "stand-in" in METHODS["space"].summary and "not public" in METHODS["space"].summary


@pytest.mark.parametrize(("key", "value"), [("window", 1), ("drift", -0.1), ("cold_steps", -1)])
def test_a_bad_setting_is_named(key, value):
    with pytest.raises(ValueError, match=rf"{key} must be .*{value}"):
        CurriculumConfig.of({"method": "space", key: value})
