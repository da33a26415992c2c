"""The baseline: every prompt once a pass, whatever comes back."""

import numpy as np
import pytest

from sparft_verl.curricula import Arms, CurriculumConfig, build


def test_three_passes_serve_each_prompt_once_a_pass(arms_of):
    arms = arms_of([3, 5, 4])
    curriculum = build(CurriculumConfig.of(method="uniform"), arms)
    served = [curriculum.propose(4).rows.tolist() for _ in range(9)]
    for start in (0, 3, 6):
        assert sorted(row for rows in served[start : start + 3] for row in rows) == arms.rows.tolist()
    assert served[:3] != served[3:6]


@pytest.mark.parametrize("n", [1, 3, 7, 10])
def test_over_a_long_run_no_prompt_is_more_than_one_ahead(arms_of, n):
    """Batches that straddle the end of a pass put a prompt off, never out."""
    arms = arms_of([4, 6])
    curriculum = build(CurriculumConfig.of(method="uniform"), arms)
    counts = dict.fromkeys(arms.rows.tolist(), 0)
    for _ in range(200):
        for row in curriculum.propose(n).rows.tolist():
            counts[row] += 1
        assert max(counts.values()) - min(counts.values()) <= 2
    assert sum(counts.values()) == 200 * n


def test_the_probability_of_an_arm_is_its_share_of_what_is_left_by_hand(arms_of):
    """Arms of 1 and 3 prompts: 4 slots empty the pool; the next pass may not repeat a prompt of the batch."""
    curriculum = build(CurriculumConfig.of(method="uniform"), arms_of([1, 3]))
    left = np.array([1, 3])
    ticket = curriculum.propose(3)
    for arm, probability in zip(ticket.arms, ticket.propensity, strict=True):
        assert probability == pytest.approx(left[arm] / left.sum())
        left[arm] -= 1
    ticket = curriculum.propose(2)  # one left, then a new pass without it
    assert ticket.propensity[0] == 1.0
    left = np.array([1, 3])
    left[ticket.arms[0]] -= 1
    assert ticket.propensity[1] == pytest.approx(left[ticket.arms[1]] / 3)


def test_feedback_does_not_change_what_is_served(arms_of, group_of):
    runs = []
    for rate in (0.0, 1.0):
        curriculum = build(CurriculumConfig.of(method="uniform", seed=4), arms_of([5, 5]))
        rows = []
        for step in range(1, 8):
            ticket = curriculum.propose(3)
            curriculum.observe(group_of(ticket.id, int(row), rate) for row in ticket.rows)
            curriculum.tick(step)
            rows.append(ticket.rows.tolist())
        runs.append(rows)
    assert runs[0] == runs[1]


def test_relabelled_arms_serve_the_same_rows(arms_of):
    arms = arms_of([4, 2, 3])
    swap = np.array([1, 2, 0], dtype=np.int32)
    other = Arms(arms.rows, swap[arms.arm], arms.names, arms.difficulty, arms.source, arms.fingerprint)
    a, b = (build(CurriculumConfig.of(method="uniform"), which) for which in (arms, other))
    for _ in range(6):
        one, two = a.propose(4), b.propose(4)
        assert one.rows.tolist() == two.rows.tolist()
        assert swap[one.arms].tolist() == two.arms.tolist()
        assert one.propensity.tolist() == two.propensity.tolist()


def test_choosing_an_arm_for_the_batch_is_refused():
    with pytest.raises(ValueError, match="choice is not a setting of method 'uniform'"):
        CurriculumConfig.of(method="uniform", choice="batch")


@pytest.mark.parametrize("limit", [{"unique_budget": 4}, {"cooldown": 2}], ids=str)
def test_with_repeat_what_may_not_be_served_has_no_share(arms_of, limit):
    """A share was 0, or below it, where prompts that rest counted as free."""
    for seed in range(40):
        curriculum = build(
            CurriculumConfig.of(method="uniform", repeat=True, seed=seed, **limit), arms_of([5, 1, 4])
        )
        for step in range(1, 12):
            ticket = curriculum.propose(7)
            assert ((ticket.propensity > 0.0) & (ticket.propensity <= 1.0)).all()
            curriculum.tick(step)
