"""SEC against its formula, Q <- alpha r + (1 - alpha) Q and P(k) = exp(Q_k / tau) / sum_j exp(Q_j / tau), by hand.

Mean |advantage| of four rollouts under GRPO: one or three solved .75, two solved sqrt(3)/2, none or all solved 0.
"""

import math

import numpy as np
import pytest

from sparft_verl.curricula import CurriculumConfig, Feedback, build
from sparft_verl.curricula.packing import pack, unpack

HALF, QUARTER = 0.8660254, 0.75


def make(arms, **settings):
    return build(CurriculumConfig.of(method="sec", **settings), arms)


def values(curriculum):
    return [arm["mean"] for arm in curriculum.arm_table()]


def groups(group_of, ticket, arm, rates, **more):
    """Feedback for the slots of one arm, in their order."""
    rows = ticket.rows[ticket.arms == arm].tolist()
    return [group_of(ticket.id, row, rate, **more) for row, rate in zip(rows, rates, strict=True)]


def close(*numbers):
    return [pytest.approx(number, abs=1e-5) for number in numbers]


@pytest.mark.parametrize("absent", ["keep", "decay"])
def test_four_steps_by_hand(arms_of, group_of, absent):
    """Step 2 brings nothing of arm 0: its value .404006 stays, or with `decay` halves to .202003."""
    curriculum = make(arms_of([2, 2]), rate=0.5, tau=0.4, absent=absent)
    one = curriculum.propose(4)
    assert one.propensity[0] == pytest.approx(0.5)
    curriculum.observe(groups(group_of, one, 0, [0.5, 0.25]) + groups(group_of, one, 1, [1.0, 1.0]))
    assert values(curriculum) == [0.0, 0.0]  # a value moves at the tick
    curriculum.tick(1)
    assert values(curriculum) == close((HALF + QUARTER) / 4, 0.0)
    two = curriculum.propose(4)
    first = 1 / (1 + math.exp(-0.404006 / 0.4))
    assert two.propensity[0] == pytest.approx([first, 1 - first][two.arms[0]], abs=1e-5)
    curriculum.observe(groups(group_of, two, 1, [0.25, 0.75]))
    curriculum.tick(2)
    q0 = {"keep": 0.404006, "decay": 0.202003}[absent]
    assert values(curriculum) == close(q0, 0.375)
    curriculum.observe(groups(group_of, two, 0, [0.5, 0.5]))
    curriculum.tick(3)
    assert values(curriculum) == close(0.433013 + q0 / 2, {"keep": 0.375, "decay": 0.1875}[absent])
    curriculum.tick(5)  # a step number left out is a step without data
    assert values(curriculum) == close(
        *{"keep": (0.635016, 0.375), "decay": (0.534014 / 4, 0.1875 / 4)}[absent]
    )


def test_the_mean_is_over_rollouts_and_the_trainers_advantages_go_first(arms_of, group_of):
    """(4 * .75 + 8 * .5) / 12 = 7/12."""
    curriculum = make(arms_of([2]), rate=1.0)
    ticket = curriculum.propose(2)
    a, b = ticket.rows.tolist()
    own = Feedback(ticket.id, b, np.zeros(8), advantages=np.array([0.5, -0.5] * 4))
    curriculum.observe([group_of(ticket.id, a, 0.25), own])
    curriculum.tick(1)
    assert values(curriculum) == close(7 / 12)


@pytest.mark.parametrize(
    ("signal", "value"),
    [("abs_advantage", 0.75), ("abs_advantage_unnorm", 0.375), ("variance", 0.25)],
)
def test_every_signal_of_one_in_four(arms_of, group_of, signal, value):
    curriculum = make(arms_of([1]), rate=1.0, signal=signal)
    ticket = curriculum.propose(1)
    curriculum.observe(groups(group_of, ticket, 0, [0.25]))
    curriculum.tick(1)
    assert values(curriculum) == close(value)


def test_a_cold_temperature_does_not_overflow(arms_of, group_of):
    """exp(.866 / .001) is beyond float64; the arm of value 0 comes only when the other has run out."""
    curriculum = make(arms_of([3, 3]), rate=1.0, tau=1e-3)
    ticket = curriculum.propose(6)
    curriculum.observe(groups(group_of, ticket, 0, [0.0] * 3) + groups(group_of, ticket, 1, [0.5] * 3))
    curriculum.tick(1)
    ticket = curriculum.propose(5)
    assert ticket.arms.tolist() == [1, 1, 1, 0, 0]
    assert ticket.propensity.tolist() == [1.0] * 5


def test_a_single_arm_is_served_in_passes(arms_of, group_of):
    curriculum = make(arms_of([4]))
    for step in (1, 2, 3):
        tickets = [curriculum.propose(2), curriculum.propose(2)]
        rows = np.concatenate([ticket.rows for ticket in tickets])
        assert sorted(rows.tolist()) == sorted(curriculum.arms.rows.tolist())
        assert all((ticket.propensity == 1.0).all() for ticket in tickets)
        curriculum.tick(step)


def test_an_arm_that_is_never_solved_falls_to_value_0_and_keeps_its_chance(arms_of, group_of):
    """From .75: .375, .1875, ...; its chance is at least exp(-dQ / tau) / K."""
    curriculum = make(arms_of([2, 2]), rate=0.5, tau=0.4)
    for step in range(1, 12):
        ticket = curriculum.propose(4)
        dead = 0.25 if step == 1 else 0.0
        curriculum.observe(
            groups(group_of, ticket, 0, [dead, dead]) + groups(group_of, ticket, 1, [0.5, 0.5])
        )
        curriculum.tick(step)
        assert values(curriculum)[0] == pytest.approx(0.75 * 0.5**step, abs=1e-5)
    gap = values(curriculum)[1] - values(curriculum)[0]
    ticket = curriculum.propose(1)
    dead = ticket.propensity[0] if ticket.arms[0] == 0 else 1 - ticket.propensity[0]
    assert dead >= math.exp(-gap / 0.4) / 2


def test_late_unordered_and_duplicate_groups_and_a_restore_within_a_step(arms_of, group_of):
    arms = arms_of([3, 3])
    plain, other = make(arms, seed=4), make(arms, seed=4)
    for curriculum in (plain, other):
        first = curriculum.propose(4)
        second = curriculum.propose(4)
        come = [
            group_of(ticket.id, row, rate)
            for ticket in (first, second)
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
    assert plain.propose(5).rows.tolist() == other.propose(5).rows.tolist()


@pytest.mark.parametrize(
    ("key", "value"),
    [("rate", 0.0), ("rate", 1.5), ("tau", 0.0), ("absent", "zero"), ("signal", "solve_rate")],
)
def test_a_bad_setting_is_named(key, value):
    with pytest.raises(ValueError, match=rf"{key} must be .*{value}"):
        CurriculumConfig.of({"method": "sec", key: value})
