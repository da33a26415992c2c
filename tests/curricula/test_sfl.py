"""SFL against its formula: the largest p (1 - p), 1/4 where nothing is known, beside a uniform share."""

import numpy as np
import pytest
from scipy.stats import chi2

from sparft_verl.curricula import CurriculumConfig, build


def make(arms, **settings):
    return build(CurriculumConfig.of(method="sfl", **settings), arms)


def teach(curriculum, group_of, step, rates):
    ticket = curriculum.propose(len(rates))
    for row in ticket.rows.tolist():
        rate = rates[(row - 100) // 3]
        if rate is None:
            curriculum.cancel(ticket.id, row, "lost")
        else:
            curriculum.observe([group_of(ticket.id, row, rate, 8)])
    curriculum.tick(step)


def looked(curriculum, n):
    ticket = curriculum.propose(n)
    for row in ticket.rows.tolist():
        curriculum.cancel(ticket.id, row, "only looked")
    return ((ticket.rows - 100) // 3).tolist()


def test_three_steps_by_hand_from_the_latest_group_alone(arms_of, group_of):
    """p (1 - p) in 64ths. 1: 7 12 15 - 0, unseen 16. 2: 16 12 0 15 7, third never solved any more. 3: 0 12 16 15 7."""
    curriculum = make(arms_of([5]), uniform=0.0, pool_ratio=0)
    steps = [
        ([1 / 8, 2 / 8, 3 / 8, None, 0.0], [3, 2, 1, 0, 4]),
        ([4 / 8, 6 / 8, 0.0, 5 / 8, 7 / 8], [0, 3, 1, 4, 2]),
        ([1.0, None, 4 / 8, None, None], [2, 3, 1, 4, 0]),
    ]
    for step, (rates, ranking) in enumerate(steps, start=1):
        teach(curriculum, group_of, step, rates)
        for n in (1, 2, 3, 4):
            assert sorted(looked(curriculum, n)) == sorted(ranking[:n])


def test_with_keep_the_older_groups_count_too(arms_of, group_of):
    """keep .5: 8 of 8 then 0 of 8 is p = 4 / 12; latest group alone it is 0. The other prompt: 1/8 twice."""
    for keep, best in ((0.5, 0), (0.0, 1)):
        curriculum = make(arms_of([2]), uniform=0.0, keep=keep)
        teach(curriculum, group_of, 1, [1.0, 1 / 8])
        teach(curriculum, group_of, 2, [0.0, 1 / 8])
        assert looked(curriculum, 1) == [best]


def test_the_uniform_share_comes_in_passes_and_the_rest_is_the_best(arms_of, group_of):
    """Half of each batch of 4 is uniform: 6 batches hold a whole pass. A best one is always there."""
    curriculum = make(arms_of([8]), pool_ratio=0)
    teach(curriculum, group_of, 1, [0.5, 0.5] + [0.0] * 6)
    batches = [looked(curriculum, 4) for _ in range(6)]
    assert all(0 in batch or 1 in batch for batch in batches)
    assert {item for batch in batches for item in batch} == set(range(8))


def test_all_uniform_is_uniform(arms_of):
    curriculum = make(arms_of([5]), uniform=1.0, seed=8)
    counts = np.bincount([item for _ in range(500) for item in looked(curriculum, 2)], minlength=5)
    assert ((counts - 200) ** 2 / 200).sum() < chi2.ppf(0.9999, 4)


def test_ties_among_candidates_are_random(arms_of):
    """Nothing is known: each prompt is as learnable as the next, and none is left out."""
    curriculum = make(arms_of([6]), uniform=0.0, pool_ratio=2)
    assert {item for _ in range(100) for item in looked(curriculum, 1)} == set(range(6))


def test_the_share_is_checked():
    with pytest.raises(ValueError, match="uniform must be a number in 0"):
        CurriculumConfig.of(method="sfl", uniform=1.5)
