"""What successes say: closed forms, the table of expectations over binomial groups, small groups, partial credit."""

import math

import numpy as np
import pytest

from sparft_verl.curricula import Feedback, Groups
from sparft_verl.curricula.statistics import (
    EPSILON,
    STATISTICS,
    abs_advantage,
    abs_advantage_unnorm,
    variance,
)

# G, p: E mean|A| by population deviation, by unbiased deviation, un-normalised, P(neither all 0 nor all 1)
TABLE = [
    (4, 0.05, 0.162, 0.141, 0.071, 0.185),
    (4, 0.10, 0.304, 0.263, 0.135, 0.344),
    (4, 0.20, 0.530, 0.459, 0.240, 0.589),
    (4, 0.30, 0.687, 0.595, 0.315, 0.752),
    (4, 0.50, 0.808, 0.700, 0.375, 0.875),
    (8, 0.05, 0.235, 0.220, 0.083, 0.337),
    (8, 0.10, 0.419, 0.392, 0.157, 0.570),
    (8, 0.20, 0.674, 0.631, 0.280, 0.832),
    (8, 0.30, 0.824, 0.771, 0.367, 0.942),
    (8, 0.50, 0.928, 0.868, 0.438, 0.992),
    (16, 0.05, 0.310, 0.301, 0.089, 0.560),
    (16, 0.10, 0.513, 0.496, 0.169, 0.815),
    (16, 0.20, 0.751, 0.727, 0.300, 0.972),
    (16, 0.30, 0.879, 0.851, 0.394, 0.997),
    (16, 0.50, 0.967, 0.936, 0.469, 1.000),
]


def groups_of(*successes, advantages=None):
    given = [None] * len(successes) if advantages is None else advantages
    return Groups.of(Feedback(0, i, s, a) for i, (s, a) in enumerate(zip(successes, given, strict=True)))


def of_each_count(size):
    """One group with each number of successes."""
    return groups_of(*([1.0] * s + [0.0] * (size - s) for s in range(size + 1)))


@pytest.mark.parametrize(("size", "p", "population", "unbiased", "plain", "mixed"), TABLE)
def test_the_table_of_expectations_over_binomial_groups(size, p, population, unbiased, plain, mixed):
    groups = of_each_count(size)
    chance = np.array([math.comb(size, s) * p**s * (1 - p) ** (size - s) for s in range(size + 1)])
    for q in (p, 1 - p):
        normalised = float(chance @ abs_advantage(groups)) / size
        assert normalised == pytest.approx(unbiased, abs=6e-4)
        assert normalised * math.sqrt(size / (size - 1)) == pytest.approx(population, abs=6e-4)
        assert float(chance @ abs_advantage_unnorm(groups)) / size == pytest.approx(plain, abs=6e-4)
        assert float(chance @ ~groups.degenerate) == pytest.approx(mixed, abs=6e-4)
        assert float(chance @ ~groups.degenerate) == pytest.approx(1 - q**size - (1 - q) ** size)
        chance = chance[::-1]


@pytest.mark.parametrize("size", [2, 3, 8, 16])
def test_the_closed_forms_of_a_binary_group(size):
    groups = of_each_count(size)
    q = np.arange(size + 1) / size
    assert abs_advantage_unnorm(groups) / size == pytest.approx(2 * q * (1 - q))
    sd = np.sqrt(q * (1 - q) * size / (size - 1))
    assert abs_advantage(groups) / size == pytest.approx(2 * q * (1 - q) / (sd + EPSILON), rel=1e-9)
    assert variance(groups) / size == pytest.approx(q * (1 - q) * size / (size - 1))


def test_it_is_grpo_as_verl_computes_it():
    import torch

    scores = [0.0, 1.0, 0.5, 0.1, 1.0]
    torch_scores = torch.tensor(scores, dtype=torch.float64)
    advantages = (torch_scores - torch_scores.mean()) / (torch_scores.std() + 1e-6)
    assert abs_advantage(groups_of(scores))[0] == pytest.approx(float(advantages.abs().sum()), rel=1e-9)


def test_groups_of_one_and_two_are_defined():
    ones = groups_of([1.0], [0.0], [0.3])
    for name in ("abs_advantage", "abs_advantage_unnorm", "variance"):
        assert STATISTICS[name](ones).tolist() == [0.0, 0.0, 0.0]
    assert STATISTICS["solve_rate"](ones) == pytest.approx([1.0, 0.0, 0.3], abs=1e-9)
    pair = groups_of([1.0, 0.0], [0.4, 0.4])
    assert abs_advantage(pair) == pytest.approx([2 * 0.5 / (math.sqrt(0.5) + EPSILON), 0.0])


def test_partial_credit_counts_in_part():
    """0.1, 0.1, 1: mean .4, |x - mean| .3 + .3 + .6, squares .09 + .09 + .36 over 2."""
    groups = groups_of([0.1, 0.1, 1.0])
    assert STATISTICS["solve_rate"](groups)[0] == pytest.approx(1.2, abs=1e-9)
    assert abs_advantage_unnorm(groups)[0] == pytest.approx(1.2)
    assert variance(groups)[0] == pytest.approx(3 * 0.27)
    assert abs_advantage(groups)[0] == pytest.approx(1.2 / (math.sqrt(0.27) + EPSILON))


def test_the_trainers_own_advantages_come_first_where_it_gives_them():
    groups = groups_of([1.0, 0.0], [1.0, 0.0], advantages=[np.array([2.0, -1.0]), None])
    assert abs_advantage(groups).tolist() == [3.0, abs_advantage(groups_of([1.0, 0.0]))[0]]


@pytest.mark.parametrize("name", sorted(STATISTICS))
def test_the_order_of_rollouts_does_not_matter(name):
    values = np.random.default_rng(0).random(7)
    a, b = groups_of(values), groups_of(values[::-1])
    assert STATISTICS[name](a) == pytest.approx(STATISTICS[name](b), rel=1e-12)
    assert a.solved.tobytes() == b.solved.tobytes()


def test_groups_in_columns_are_the_groups_one_by_one():
    feedback = [
        Feedback(3, 9, [1.0, 0.0], policy_step=4),
        Feedback(3, 7, [0.5], kind="discarded"),
        Feedback(1, 2, [0.0, 0.0, 0.0], advantages=[0.0, 1.0, 2.0]),
    ]
    groups = Groups.of(feedback)
    assert Groups.of(groups) is groups and len(groups) == 3 and len(Groups.of([])) == 0
    assert groups.rollouts.tolist() == [2, 1, 3] and groups.solved.tolist() == [1.0, 0.5, 0.0]
    assert groups.degenerate.tolist() == [False, True, True]
    assert groups.trained.tolist() == [True, False, True] and groups.policy_step.tolist() == [4, -1, -1]
    taken = groups.take(np.array([True, False, True]))
    assert taken.row.tolist() == [9, 2] and taken.start.tolist() == [0, 2, 5]
    assert taken.advantages.tolist()[2:] == [0.0, 1.0, 2.0] and np.isnan(taken.advantages[:2]).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"successes": np.array([1.0, 2.0, 0.0])}, r"ticket 5, row 2: a success lies in \[0, 1\], got 2.0"),
        ({"successes": np.array([1.0, 0.0, np.nan])}, "ticket 5, row 3: .* got nan"),
        ({"start": np.array([0, 0, 3])}, "ticket 5, row 2: the group is empty; use cancel"),
        ({"start": np.array([0, 2, 4])}, "start must run from 0 to 3"),
        ({"start": np.array([0, 3])}, "start must be a vector of 3"),
        ({"row": np.array([2])}, "row must be a vector of 2"),
        ({"ticket": np.array([1.5, 2.0])}, "ticket must be integers"),
        ({"advantages": np.array([1.0, np.inf, 0.0])}, "ticket 5, row 2: advantages must be finite"),
        ({"trained": np.array([True])}, "trained must be a vector of 2"),
    ],
)
def test_malformed_columns_are_refused(changes, message):
    fields = {
        "ticket": np.array([5, 5]),
        "row": np.array([2, 3]),
        "successes": np.array([1.0, 0.0, 1.0]),
        "start": np.array([0, 2, 3]),
    }
    Groups(**fields)
    with pytest.raises(ValueError, match=message):
        Groups(**{**fields, **changes})
