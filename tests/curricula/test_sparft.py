"""SPaRFT against its formula: theta_k ~ N(-mean_k, sigma^2 / (pulls_k + 1)), worked by hand."""

import numpy as np
import pytest

from sparft_verl import bandit
from sparft_verl.curricula import CurriculumConfig, Feedback, build
from sparft_verl.curricula.choosers.base import STREAM_CHOICE


def table(curriculum, *keys):
    return [tuple(arm[key] for key in keys) for arm in curriculum.arm_table()]


def theta(seed, ticket, mean, pulls, sigma, slots):
    """[slots, A] draws, straight from the formula."""
    z = bandit.normal(slots * len(mean), seed=seed, stream=STREAM_CHOICE, step=ticket).astype(np.float64)
    return -np.array(mean) + sigma / np.sqrt(np.array(pulls) + 1.0) * z.reshape(slots, len(mean))


def test_three_steps_by_hand_one_pull_a_slot(arms_of):
    """Two slots a step; the k-th success pattern is fixed, so that means are hand-computed fractions."""
    curriculum = build(CurriculumConfig.of(seed=3, sigma=0.5), arms_of([4, 4]))
    rates = {0: [0.25, 0.5, 1.0, 0.0, 0.75, 0.5], 1: [0.0, 0.25, 0.75, 1.0, 0.5, 0.5]}
    pulls, sums = [0, 0], [0.0, 0.0]
    for step in (1, 2, 3):
        mean = [sums[k] / max(pulls[k], 1) for k in (0, 1)]
        want = theta(3, step - 1, mean, pulls, 0.5, 2).argmax(axis=1)
        ticket = curriculum.propose(2)
        assert ticket.arms.tolist() == want.tolist()
        for row, arm in zip(ticket.rows.tolist(), ticket.arms.tolist(), strict=True):
            rate = rates[arm][pulls[arm]]
            curriculum.observe([Feedback(ticket.id, row, [1.0] * int(4 * rate) + [0.0] * int(4 - 4 * rate))])
            pulls[arm] += 1
            sums[arm] += rate
        curriculum.tick(step)
        assert table(curriculum, "pulls", "observed", "mean", "sd") == [
            (pulls[k], pulls[k], sums[k] / pulls[k] if pulls[k] else None, 0.5 / (pulls[k] + 1) ** 0.5)
            for k in (0, 1)
        ]
    assert sum(pulls) == 6


def test_the_arithmetic_of_one_arm_by_hand(arms_of, group_of):
    """Rates 1/4, 1/2, 1: means .25, .375, .58333; deviations 1/sqrt(2), 1/sqrt(3), 1/2."""
    curriculum = build(CurriculumConfig(), arms_of([5]))
    seen = []
    for rate in (0.25, 0.5, 1.0):
        ticket = curriculum.propose(1)
        curriculum.observe([group_of(ticket.id, int(ticket.rows[0]), rate)])
        seen += table(curriculum, "mean", "sd")
    assert seen == [
        (0.25, pytest.approx(0.70710678)),
        (0.375, pytest.approx(0.57735027)),
        (pytest.approx(0.58333333), 0.5),
    ]


def test_a_pull_counts_when_it_is_proposed_and_its_mean_when_it_comes_back(arms_of, group_of):
    curriculum = build(CurriculumConfig(), arms_of([6]))
    first, second = curriculum.propose(3), curriculum.propose(1)
    assert table(curriculum, "pulls", "observed", "mean", "sd", "outstanding") == [
        (4, 0, None, 1 / 5**0.5, 4)
    ]
    curriculum.observe([group_of(second.id, int(second.rows[0]), 0.5)])
    assert table(curriculum, "pulls", "observed", "mean", "outstanding") == [(4, 1, 0.5, 3)]
    assert curriculum.cancel(first.id, int(first.rows[0]), "failed")
    assert table(curriculum, "pulls", "observed", "sd", "outstanding") == [(3, 1, 0.5, 2)]


def test_an_arm_never_pulled_is_optimistic(arms_of, group_of):
    """Mean 0 is the best that minus a solve rate can be: a certain, always solved arm gives way to it."""
    curriculum = build(CurriculumConfig.of(sigma=1e-6), arms_of([2, 2]))
    arms = []
    for step in range(1, 5):
        ticket = curriculum.propose(1)
        arms.append(int(ticket.arms[0]))
        curriculum.observe([group_of(ticket.id, int(ticket.rows[0]), 1.0)])
        curriculum.tick(step)
    assert arms[1] != arms[0]


def test_a_discarded_group_moves_the_mean_like_a_trained_one(arms_of, group_of):
    curriculum = build(CurriculumConfig(), arms_of([3]))
    ticket = curriculum.propose(2)
    a, b = ticket.rows.tolist()
    curriculum.observe([group_of(ticket.id, a, 0.0, kind="discarded"), group_of(ticket.id, b, 0.5)])
    assert table(curriculum, "observed", "mean") == [(2, 0.25)]
    assert curriculum.metrics()["sparft/discarded_share"] == 0.5


def test_within_a_batch_the_belief_is_fixed_and_an_empty_arm_is_masked(arms_of):
    sizes, seed = [2, 3, 1], 11
    curriculum = build(CurriculumConfig.of(seed=seed), arms_of(sizes))
    draws, left, want = theta(seed, 0, [0.0] * 3, [0] * 3, 1.0, 6), list(sizes), []
    for draw in draws:
        want.append(max((k for k in range(3) if left[k]), key=lambda k: draw[k]))
        left[want[-1]] -= 1
    ticket = curriculum.propose(6)
    assert ticket.arms.tolist() == want
    assert sorted(ticket.rows.tolist()) == sorted(curriculum.arms.rows.tolist())
    assert ticket.propensity[0] == pytest.approx(1 / 3) and ticket.propensity[-1] == 1.0


def test_batch_choice_fills_from_the_best_arm_then_from_the_next_best_of_the_same_draw(arms_of):
    sizes, seed = [3, 2, 4], 5
    curriculum = build(CurriculumConfig.of(seed=seed, choice="batch"), arms_of(sizes))
    for ticket_id in range(6):
        pulls = [arm["pulls"] for arm in curriculum.arm_table()]
        ranking = np.argsort(-theta(seed, ticket_id, [0.0] * 3, pulls, 1.0, 1)[0])
        want = [k for k in ranking.tolist() for _ in range(sizes[k])][:5]
        assert curriculum.propose(5).arms.tolist() == want


def test_a_batch_pull_has_the_solve_rate_over_all_its_rollouts_by_hand(arms_of, group_of):
    """Three steps of one arm. Step 1: (2 + 3 of 4 + 8) = 5/12. Step 2: one group lost, (1 + 1 of 4 + 2) = 2/6.
    Step 3: all lost, no pull. Mean of the two pulls 3/8, deviation 1/sqrt(3)."""
    curriculum = build(CurriculumConfig.of(choice="batch"), arms_of([6]))
    one = curriculum.propose(2)
    a, b = one.rows.tolist()
    curriculum.observe([group_of(one.id, b, 3 / 8, rollouts=8)])
    assert table(curriculum, "pulls", "observed", "mean") == [(1, 0, None)]
    curriculum.observe([group_of(one.id, a, 0.5, rollouts=4)])
    assert table(curriculum, "pulls", "observed", "mean") == [(1, 1, pytest.approx(5 / 12, abs=1e-9))]
    two = curriculum.propose(3)
    a, b, c = two.rows.tolist()
    curriculum.observe([group_of(two.id, a, 0.25, rollouts=4)])
    curriculum.cancel(two.id, b, "timed out")
    curriculum.observe([group_of(two.id, c, 0.5, rollouts=2)])
    assert table(curriculum, "pulls", "observed", "mean") == [(2, 2, pytest.approx(3 / 8, abs=1e-9))]
    three = curriculum.propose(1)
    curriculum.cancel(three.id, int(three.rows[0]), "timed out")
    assert table(curriculum, "pulls", "observed", "mean", "sd") == [
        (2, 2, pytest.approx(3 / 8, abs=1e-9), pytest.approx(1 / 3**0.5))
    ]


def test_batch_choice_counts_one_pull_for_each_arm_in_the_ticket(arms_of, group_of):
    curriculum = build(CurriculumConfig.of(choice="batch"), arms_of([2, 2]))
    ticket = curriculum.propose(3)
    assert table(curriculum, "pulls") == [(1,), (1,)]
    rates = {int(ticket.arms[0]): 1.0, int(ticket.arms[2]): 0.5}
    curriculum.observe(
        group_of(ticket.id, row, rates[arm])
        for row, arm in zip(ticket.rows.tolist(), ticket.arms.tolist(), strict=True)
    )
    assert table(curriculum, "observed", "mean") == [(1, rates[0]), (1, rates[1])]


def test_relabelled_arms_have_relabelled_estimates(arms_of, group_of):
    """The same groups under swapped names give swapped estimates, to the last bit."""
    swap = [2, 0, 1]
    results = []
    for names in ([0, 1, 2], swap):
        arms = arms_of([3, 3, 3])
        arms = type(arms)(
            arms.rows,
            np.array(names, dtype=np.int32)[arms.arm],
            arms.names,
            arms.difficulty,
            arms.source,
            "x",
        )
        curriculum = build(CurriculumConfig(), arms)
        ticket = curriculum.propose(9)
        curriculum.observe(
            group_of(ticket.id, int(row), (int(row) % 7) / 7, rollouts=7) for row in ticket.rows
        )
        results.append(table(curriculum, "pulls", "mean", "sd"))
    assert [results[1][swap[k]] for k in range(3)] == results[0]
