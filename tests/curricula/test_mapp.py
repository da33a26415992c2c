"""MaPP against its formula: prompts in proportion to V = 1 - B(a+G, b)/B(a, b) - B(a, b+G)/B(a, b)."""

import numpy as np
import pytest
from scipy.special import betaln
from scipy.stats import chi2

from sparft_verl.curricula import CurriculumConfig, build

RATES = {0: (0.75, 4), 1: (0.0, 4), 2: (1.0, 16)}


def make(arms, **settings):
    return build(CurriculumConfig.of(method="mapp", **settings), arms)


def taught(arms_of, group_of, **settings):
    """Four prompts, the first three observed once."""
    curriculum = make(arms_of([4]), **settings)
    ticket = curriculum.propose(4)
    for row in ticket.rows.tolist():
        index = (row - 100) // 3
        if index in RATES:
            curriculum.observe([group_of(ticket.id, row, *RATES[index])])
        else:
            curriculum.cancel(ticket.id, row, "lost")
    curriculum.tick(1)
    return curriculum


def frequencies(curriculum, runs):
    """How often each prompt is the one prompt of a batch."""
    counts = np.zeros(len(curriculum.arms.rows))
    for _ in range(runs):
        ticket = curriculum.propose(1)
        counts[(int(ticket.rows[0]) - 100) // 3] += 1
        curriculum.cancel(ticket.id, int(ticket.rows[0]), "only looked")
    return counts


def matches(counts, weights):
    expected = counts.sum() * np.array(weights) / np.sum(weights)
    return ((counts - expected) ** 2 / expected).sum() < chi2.ppf(0.9999, len(counts) - 1)


def test_three_steps_of_the_evidence_by_hand(arms_of, group_of):
    """keep .5: (1, 1); 3 of 4: (4, 2); 0 of 2: .5 * 4 + .5 = 2.5, .5 * 2 + .5 + 2 = 3.5; 4 of 4: (5.75, 2.25)."""
    curriculum = make(arms_of([1]), keep=0.5)
    seen = []
    for step, group in enumerate([(0.75, 4), (0.0, 2), (1.0, 4)], start=1):
        ticket = curriculum.propose(1)
        curriculum.observe([group_of(ticket.id, 100, *group)])
        curriculum.tick(step)
        state = curriculum.state_dict()["estimator"]
        seen.append((1 + state["success"][0], 1 + state["failure"][0]))
    assert seen == [(4, 2), (2.5, 3.5), (5.75, 2.25)]


def test_groups_of_two_by_hand(arms_of, group_of):
    """V = 2ab / ((a + b)(a + b + 1)): (4, 2): 16/42. (1, 5): 10/42. (17, 1): 34/342. Unseen (1, 1): 1/3."""
    weights = [16 / 42, 10 / 42, 34 / 342, 1 / 3]
    assert matches(frequencies(taught(arms_of, group_of, group=2), 4000), weights)
    assert not matches(frequencies(taught(arms_of, group_of, group=32), 4000), weights)


def test_groups_of_eight_by_the_beta_functions(arms_of, group_of):
    a, b = np.array([4.0, 1, 17, 1]), np.array([2.0, 5, 1, 1])
    weights = 1 - np.exp(betaln(a + 8, b) - betaln(a, b)) - np.exp(betaln(a, b + 8) - betaln(a, b))
    assert weights[3] == pytest.approx(7 / 9)
    assert matches(frequencies(taught(arms_of, group_of, seed=6), 4000), weights)


def test_a_batch_is_a_sample_without_replacement(arms_of, group_of):
    """Two of four, in order: P(i, j) = V_i / sum * V_j / (sum - V_i)."""
    curriculum, v = taught(arms_of, group_of, group=2, seed=1), np.array([16 / 42, 10 / 42, 34 / 342, 1 / 3])
    counts = np.zeros((4, 4))
    for _ in range(4000):
        ticket = curriculum.propose(2)
        i, j = ((ticket.rows - 100) // 3).tolist()
        counts[i, j] += 1
        for row in ticket.rows.tolist():
            curriculum.cancel(ticket.id, row, "only looked")
    pairs = [(i, j) for i in range(4) for j in range(4) if i != j]
    weights = [v[i] / v.sum() * v[j] / (v.sum() - v[i]) for i, j in pairs]
    assert matches(np.array([counts[pair] for pair in pairs]), weights)
    assert np.trace(counts) == 0


def test_a_prompt_never_solved_loses_its_weight_but_comes_again(arms_of, group_of):
    """0 of 64 and 32 of 64 at G = 4: V = 4 / 69 to leading order against .86."""
    curriculum = make(arms_of([2]), group=4, seed=3)
    for step in range(1, 17):
        ticket = curriculum.propose(2)
        curriculum.observe(
            group_of(ticket.id, row, 0.0 if row == 100 else 0.5) for row in ticket.rows.tolist()
        )
        curriculum.tick(step)
    a, b = np.array([1.0, 33]), np.array([65.0, 33])
    v = 1 - np.exp(betaln(a + 4, b) - betaln(a, b)) - np.exp(betaln(a, b + 4) - betaln(a, b))
    counts = frequencies(curriculum, 2000)
    assert matches(counts, v) and 0 < counts[0] < 200


def test_a_group_of_one_is_refused():
    with pytest.raises(ValueError, match=r"group must be an integer in 2 \.\. 1024, got 1"):
        CurriculumConfig.of(method="mapp", group=1)
