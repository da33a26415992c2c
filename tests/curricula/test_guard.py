"""The all-zero guard, counted by hand."""

import numpy as np

from sparft_verl.curricula import CurriculumConfig, Feedback, build
from sparft_verl.curricula.guard import Guard


def test_an_arm_is_held_from_the_rollout_that_fills_its_memory_until_it_is_solved_once():
    guard = Guard(2, rollouts=8, every=3)
    guard.observe(np.array([0]), np.array([0.0]), np.array([7]))
    assert guard.held.tolist() == [False, False]
    guard.observe(np.array([0, 1]), np.array([0.0, 0.25]), np.array([1, 30]))
    assert guard.held.tolist() == [True, False]
    guard.observe(np.array([0]), np.array([1.0]), np.array([4]))
    assert guard.held.tolist() == [False, False]


def test_a_held_arm_is_due_every_so_many_steps():
    guard = Guard(1, rollouts=1, every=3)
    guard.observe(np.array([0]), np.array([0.0]), np.array([4]))
    due = []
    for step in range(1, 11):
        guard.tick(step)
        due.append(guard.due() == (0,))
        if due[-1]:
            guard.serve(np.array([0]))
    assert [step for step, now in enumerate(due, 1) if now] == [3, 6, 9]


def test_what_is_forgotten_releases_the_arm():
    """8 rollouts at discount 1/2: 8, 4, 2 after two steps, below 3."""
    guard = Guard(1, rollouts=3, every=99, discount=0.5)
    guard.observe(np.array([0]), np.array([0.0]), np.array([8]))
    held = []
    for step in (1, 2):
        guard.tick(step)
        held.append(bool(guard.held[0]))
    assert held == [True, False]


def run(arms, **settings):
    """20 steps of 4 slots; arm 0 is never solved. Return the number of its slots, step by step."""
    curriculum = build(CurriculumConfig.of(settings, guard_rollouts=8, guard_every=5), arms)
    counts = []
    for step in range(1, 41):
        ticket = curriculum.propose(4)
        counts.append(int((ticket.arms == 0).sum()))
        wins = [[0.0] * 4 if arm == 0 else [1.0, 0.0, 1.0, 1.0] for arm in ticket.arms]
        curriculum.observe(Feedback(ticket.id, int(r), w) for r, w in zip(ticket.rows, wins, strict=True))
        curriculum.tick(step)
    return counts, curriculum


def test_a_held_arm_gets_one_slot_when_due_and_none_between(arms_of):
    counts, curriculum = run(arms_of([8, 8, 8]))
    first = next(i for i in range(len(counts)) if sum(counts[: i + 1]) >= 2)  # 2 groups of 4 rollouts
    assert [i for i, n in enumerate(counts) if n and i > first] == list(range(first + 5, 40, 5))
    assert all(n == 1 for n in counts[first + 5 :: 5])
    assert curriculum.metrics()["sparft/held_arms"] == 1.0


def test_a_held_arm_keeps_the_floor(arms_of):
    total = sum(sum(run(arms_of([50, 50, 50]), floor=0.1, seed=seed)[0][10:]) for seed in range(12))
    slots = 12 * 30 * 4
    expected = slots * 0.1 + 12 * 30 / 5 * 0.9  # floor, and one forced slot every fifth step or later
    assert 0.75 * expected < total < 1.25 * expected


def test_where_every_arm_is_held_a_batch_is_served_all_the_same(arms_of, group_of):
    curriculum = build(CurriculumConfig.of(guard_rollouts=1), arms_of([4, 4]))
    for step in range(1, 12):
        ticket = curriculum.propose(8)
        curriculum.observe(group_of(ticket.id, int(row), 0.0) for row in ticket.rows)
        curriculum.tick(step)
    assert curriculum.metrics()["sparft/held_arms"] == 2.0
    assert len(curriculum.propose(3).rows) == 3
