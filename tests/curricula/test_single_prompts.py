"""What methods that rank single prompts share: limits hold for each, and what an unsolvable arm costs them."""

import numpy as np
import pytest

from sparft_verl.curricula import Arms, CurriculumConfig, Feedback, build

METHODS = ["adarft", "bots", "kimi", "mapp", "mopps", "sfl"]
ARMS, PROMPTS, SLOTS, ROLLOUTS, STEPS = 10, 16, 8, 8, 200


def train(curriculum, group_of, steps, n, rate=0.5):
    """Rows of each batch, every group answered."""
    out = []
    for step in range(1, steps + 1):
        ticket = curriculum.propose(n)
        out.append(ticket.rows.tolist())
        curriculum.observe(group_of(ticket.id, row, rate) for row in out[-1])
        curriculum.tick(step)
    return out


@pytest.mark.parametrize("method", METHODS)
def test_each_data_source_gets_its_share(arms_of, group_of, method):
    arms = arms_of([9, 9, 9])
    source = dict(zip(arms.rows.tolist(), arms.source, strict=True))
    curriculum = build(CurriculumConfig.of(method=method, quota={"maths": 0.5}), arms)
    for batch in train(curriculum, group_of, 12, 6):
        assert [source[row] for row in batch].count("maths") == 3
        assert len(set(batch)) == 6


@pytest.mark.parametrize("method", METHODS)
def test_cool_down_and_budget_hold(arms_of, group_of, method):
    arms = arms_of([10, 10])
    served = train(build(CurriculumConfig.of(method=method, cooldown=3), arms), group_of, 30, 4)
    for before, after in ((a, b) for i, a in enumerate(served) for b in served[i + 1 : i + 4]):
        assert not set(before) & set(after)
    few = train(build(CurriculumConfig.of(method=method, unique_budget=7), arms), group_of, 30, 4)
    different = len({row for batch in few for row in batch})
    assert different == (4 if method == "adarft" else 7)  # at a mean reward of 1/2 its target stands still


def dead_share(method, seed, **settings):
    """Share of groups from an arm that nothing solves, one of ten; the others lie at .3 to .9 in solve rate."""
    arm = np.repeat(np.arange(ARMS), PROMPTS).astype(np.int32)
    p = np.linspace(0.3, 0.9, ARMS)
    p[0] = 0.0
    arms = Arms(
        np.arange(len(arm)), arm, tuple(map(str, range(ARMS))), 1.0 - p[arm], ("toy",) * len(arm), "toy"
    )
    curriculum = build(CurriculumConfig.of(method=method, seed=seed, **settings), arms)
    chance, dead = np.random.default_rng(seed), 0
    for step in range(1, STEPS + 1):
        ticket = curriculum.propose(SLOTS)
        wins = chance.random((SLOTS, ROLLOUTS)) < p[ticket.arms][:, None]
        dead += int((ticket.arms == 0).sum())
        rows = zip(ticket.rows.tolist(), wins, strict=True)
        curriculum.observe(Feedback(ticket.id, row, won) for row, won in rows)
        curriculum.tick(step)
    return dead / (STEPS * SLOTS)


@pytest.mark.parametrize(
    ("method", "low", "high"),
    [
        ("adarft", 0.0, 0.0),
        ("bots", 0.02, 0.09),
        ("mapp", 0.02, 0.07),
        ("mopps", 0.005, 0.03),
        ("sfl", 0.03, 0.08),
    ],
)
def test_methods_with_a_target_leave_an_unsolvable_arm(method, low, high):
    """Uniform gives it .1; half of sfl's batch is uniform."""
    assert low <= np.mean([dead_share(method, seed) for seed in range(3)]) <= high


def test_kimi_is_drawn_to_it_unless_the_weight_is_capped():
    """Weights 1 against .4 on average: .1 / (.1 + .9 * .4) = .22; capped at .3, .1 / (.1 + .9 * .28 / .3) = .11."""
    free = np.mean([dead_share("kimi", seed) for seed in range(3)])
    capped = np.mean([dead_share("kimi", seed, most=0.3) for seed in range(3)])
    assert 0.18 < free < 0.25
    assert 0.09 < capped < 0.13
