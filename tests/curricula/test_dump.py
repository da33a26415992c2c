"""DUMP against its formula by hand: softmax of (window mean + sqrt(2 ln(n + 1) / (n_k + 1))) / tau.

Mean |advantage| of four rollouts under GRPO: one or three solved .75, two solved sqrt(3)/2, none or all solved 0.
"""

import math

import numpy as np
import pytest

from sparft_verl.curricula import CurriculumConfig, Feedback, build
from sparft_verl.curricula.groups import Groups
from sparft_verl.curricula.methods.dump import bonus
from sparft_verl.curricula.packing import pack, unpack

HALF, QUARTER = 0.8660254, 0.75


def make(arms, **settings):
    return build(CurriculumConfig.of(method="dump", **settings), arms)


def means(curriculum):
    return [arm["mean"] for arm in curriculum.arm_table()]


def groups(group_of, ticket, arm, rates, **more):
    """Feedback for the slots of one arm, in their order."""
    rows = ticket.rows[ticket.arms == arm].tolist()
    return [group_of(ticket.id, row, rate, **more) for row, rate in zip(rows, rates, strict=True)]


def chance(ticket, mean, seen, tau):
    """Probability of the first slot's arm among two, from the formula."""
    value = [m + math.sqrt(2 * math.log(sum(seen) + 1) / (n + 1)) for m, n in zip(mean, seen, strict=True)]
    mine = int(ticket.arms[0])
    return pytest.approx(1 / (1 + math.exp((value[1 - mine] - value[mine]) / tau)), abs=1e-4)


def test_three_steps_by_hand(arms_of, group_of):
    """A window of 6 rollouts over groups of 4: the older group counts with 2."""
    curriculum = make(arms_of([2, 2]), window=6, tau=0.5)
    one = curriculum.propose(4)
    assert one.propensity[0] == pytest.approx(0.5)  # n = 0: no bonus anywhere
    curriculum.observe(groups(group_of, one, 0, [0.5, 0.25]) + groups(group_of, one, 1, [1.0, 0.5]))
    curriculum.tick(1)
    mean = [(2 * HALF + 4 * QUARTER) / 6, 4 * HALF / 6]  # .788675, .577350
    assert means(curriculum) == pytest.approx(mean, abs=1e-5)
    two = curriculum.propose(4)
    assert two.propensity[0] == chance(two, [0.788675, 0.577350], [8, 8], 0.5)
    curriculum.observe(groups(group_of, two, 1, [0.25, 0.0]))
    curriculum.tick(2)
    mean = [0.788675, 2 * QUARTER / 6]
    assert means(curriculum) == pytest.approx(mean, abs=1e-5)
    three = curriculum.propose(4)  # the two groups of arm 0 are still out: 2 * 4 rollouts
    assert three.propensity[0] == chance(three, [0.788675, 0.25], [16, 16], 0.5)
    curriculum.observe(groups(group_of, two, 0, [0.75, 1.0]))
    curriculum.tick(3)
    assert means(curriculum) == pytest.approx([2 * QUARTER / 6, 0.25], abs=1e-5)
    four = curriculum.propose(1)  # ticket three is out: 16 + 8 each
    assert four.propensity[0] == chance(four, [0.25, 0.25], [24, 24], 0.5)


def test_with_prompts_as_unit_a_group_is_one_entry(arms_of, group_of):
    """The last two of (.866, .75, 0): .375; n counts prompts."""
    curriculum = make(arms_of([3, 3]), window=2, unit="prompts", tau=0.3)
    ticket = curriculum.propose(6)
    curriculum.observe(
        groups(group_of, ticket, 0, [0.5, 0.25, 0.0]) + groups(group_of, ticket, 1, [0.25] * 3)
    )
    curriculum.tick(1)
    assert means(curriculum) == pytest.approx([0.375, 0.75], abs=1e-5)
    one = curriculum.propose(1)
    assert one.propensity[0] == chance(one, [0.375, 0.75], [3, 3], 0.3)
    two = curriculum.propose(1)
    seen = [3, 3]
    seen[one.arms[0]] += 1
    assert two.propensity[0] == chance(two, [0.375, 0.75], seen, 0.3)


def test_a_group_larger_than_the_window_fills_it(arms_of, group_of):
    curriculum = make(arms_of([2]), window=3)
    ticket = curriculum.propose(2)
    curriculum.observe(groups(group_of, ticket, 0, [0.25, 0.5]))
    curriculum.tick(1)
    assert means(curriculum) == pytest.approx([HALF], abs=1e-5)


@pytest.mark.parametrize(
    ("n", "total", "expected"),
    [(172, 2_048, 0.297), (17_067, 204_799, 0.038), (172, 204_799, 0.376), (0, 2_048, 3.905)],
)
def test_the_size_of_the_bonus(n, total, expected):
    assert bonus(np.array([n, total - n], dtype=float))[0] == pytest.approx(expected, abs=6e-4)


def test_an_arm_never_seen_does_not_take_every_batch_in_flight(arms_of, group_of):
    """After 2048 rollouts of one arm the other's bonus is 3.905; it falls to .09 as soon as one prompt is in flight."""
    curriculum = make(arms_of([4, 4]))
    first = curriculum.propose(1)
    curriculum.observe([group_of(first.id, int(first.rows[0]), 1.0, rollouts=2048)])
    curriculum.tick(1)
    second = curriculum.propose(1)
    assert second.arms[0] != first.arms[0] and second.propensity[0] > 0.999
    third = curriculum.propose(1)
    assert third.propensity[0] == pytest.approx(0.5)
    curriculum.cancel(third.id, int(third.rows[0]), "failed")
    curriculum.cancel(second.id, int(second.rows[0]), "failed")
    again = curriculum.propose(1)
    assert again.arms[0] != first.arms[0] and again.propensity[0] > 0.999


def test_an_arm_that_is_never_solved_has_mean_0_and_keeps_its_bonus(arms_of, group_of):
    curriculum = make(arms_of([2, 2]), tau=0.5)
    for step in range(1, 4):
        ticket = curriculum.propose(4)
        curriculum.observe(groups(group_of, ticket, 0, [0.0] * 2) + groups(group_of, ticket, 1, [0.5] * 2))
        curriculum.tick(step)
    assert means(curriculum) == pytest.approx([0.0, HALF], abs=1e-5)
    ticket = curriculum.propose(1)
    assert ticket.propensity[0] == chance(ticket, [0.0, HALF], [24, 24], 0.5)


def test_evaluation_data_cannot_reach_it(arms_of, group_of):
    curriculum = make(arms_of([2, 2]))
    ticket = curriculum.propose(2)
    before = pack(curriculum.state_dict())
    row = int(ticket.rows[0])
    with pytest.raises(ValueError, match="split='val' is refused"):
        curriculum.observe([Feedback(ticket.id, row, [1.0, 0.0], split="val")])
    one = np.array([0])
    with pytest.raises(TypeError, match="split"):  # there is no column by which it could come in
        Groups(one + ticket.id, one + row, np.ones(1), np.array([0, 1]), split="val")
    with pytest.raises(ValueError, match="was never issued"):  # validation has no ticket
        curriculum.observe([group_of(ticket.id + 1, row, 0.5)])
    assert pack(curriculum.state_dict()) == before


@pytest.mark.parametrize("replacement", [True, False])
def test_prompts_come_in_passes_or_with_replacement(arms_of, replacement):
    curriculum = make(arms_of([40]), replacement=replacement, seed=1)
    rows = np.concatenate([curriculum.propose(10).rows for _ in range(4)])
    assert (len(np.unique(rows)) == 40) is not replacement


def test_late_unordered_and_duplicate_groups_and_a_restore_within_a_step(arms_of, group_of):
    """Windows depend on the order of entries: it is that of the proposals, whatever the order of arrival."""
    arms = arms_of([3, 3])
    plain, other = (make(arms, seed=4, window=5) for _ in range(2))
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
        restored = make(arms, seed=4, window=5)
        restored.load_state_dict(unpack(pack(curriculum.state_dict())))
        other = restored
    for curriculum in (plain, other):
        curriculum.tick(1)
        assert curriculum.observe(come[5:]) == 2  # one of them twice
        curriculum.tick(2)
    assert pack(plain.state_dict()) == pack(other.state_dict())
    assert plain.propose(5).rows.tolist() == other.propose(5).rows.tolist()


@pytest.mark.parametrize(
    ("key", "value"), [("window", 0), ("unit", "tokens"), ("tau", 0.0), ("replacement", 1)]
)
def test_a_bad_setting_is_named(key, value):
    with pytest.raises(ValueError, match=rf"{key} must be .*{value}"):
        CurriculumConfig.of({"method": "dump", key: value})
