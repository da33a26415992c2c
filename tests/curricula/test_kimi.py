"""Kimi's rule against its formula: weight min(1 - s, most), s = (successes + 1) / (rollouts + 2)."""

import numpy as np
import pytest
from scipy.stats import chi2

from sparft_verl.curricula import CurriculumConfig, build


def weights_by_frequency(curriculum, runs=1500):
    counts = np.zeros(len(curriculum.arms.rows))
    for _ in range(runs):
        ticket = curriculum.propose(1)
        counts[(int(ticket.rows[0]) - 100) // 3] += 1
        curriculum.cancel(ticket.id, int(ticket.rows[0]), "only looked")
    return counts


@pytest.mark.parametrize(
    ("most", "by_hand"),
    [
        (1.0, [[1 / 2, 2 / 6, 5 / 6], [5 / 6, 3 / 10, 9 / 10], [9 / 14, 1 / 4, 11 / 12]]),
        (0.5, [[1 / 2, 2 / 6, 1 / 2], [1 / 2, 3 / 10, 1 / 2], [1 / 2, 1 / 4, 1 / 2]]),
    ],
)
def test_three_steps_by_hand(arms_of, group_of, most, by_hand):
    """Step 1: -, 3/4, 0/4. Step 2: 0/4, 3/4, 0/4. Step 3: 4/8, 2/2, 0/2. The unsolvable third prompt comes most
    often of all, the trap of literal SPaRFT, unless the weight is capped."""
    curriculum = build(CurriculumConfig.of(method="kimi", most=most), arms_of([3]))
    groups = [[None, (0.75, 4), (0, 4)], [(0, 4), (0.75, 4), (0, 4)], [(0.5, 8), (1, 2), (0, 2)]]
    for step, (answers, weights) in enumerate(zip(groups, by_hand, strict=True), start=1):
        ticket = curriculum.propose(3)
        for row in ticket.rows.tolist():
            answer = answers[(row - 100) // 3]
            if answer:
                curriculum.observe([group_of(ticket.id, row, *answer)])
            else:
                curriculum.cancel(ticket.id, row, "lost")
        curriculum.tick(step)
        counts = weights_by_frequency(curriculum)
        expected = counts.sum() * np.array(weights) / sum(weights)
        assert ((counts - expected) ** 2 / expected).sum() < chi2.ppf(0.9999, 2)
    assert counts.argmax() == 2 or most < 1.0


def test_most_is_a_weight():
    with pytest.raises(ValueError, match="most must be a number in"):
        CurriculumConfig.of(method="kimi", most=0.0)
