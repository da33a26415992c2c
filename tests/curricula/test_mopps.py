"""MoPPS against its formula: a visited prompt's a <- keep a + (1 - keep) + successes, b likewise, worked by hand."""

import numpy as np
import pytest

from sparft_verl.bandit import Beta, draw
from sparft_verl.curricula import CurriculumConfig, build
from sparft_verl.curricula.choosers.base import STREAM_CHOICE, Request
from sparft_verl.curricula.choosers.candidates import CandidatePrompts
from sparft_verl.curricula.order import ShuffledOrder
from sparft_verl.curricula.packing import pack, unpack


def make(arms, **settings):
    return build(CurriculumConfig.of(method="mopps", **settings), arms)


def parameters(curriculum):
    """[(a, b), ...] of every prompt."""
    state = curriculum.state_dict()["estimator"]
    return [(1 + a, 1 + b) for a, b in zip(state["success"].tolist(), state["failure"].tolist(), strict=True)]


def train(curriculum, group_of, step, answers):
    """Serve all prompts; answer {index: (rate, rollouts)}, lose the others."""
    ticket = curriculum.propose(len(curriculum.arms.rows))
    for row in ticket.rows.tolist():
        index = curriculum.arms.rows.tolist().index(row)
        if index in answers:
            curriculum.observe([group_of(ticket.id, row, *answers[index])])
        else:
            curriculum.cancel(ticket.id, row, "lost")
    curriculum.tick(step)


def test_three_visits_by_hand_and_one_step_without(arms_of, group_of):
    """keep .5. 3 of 4: (4, 2). Not visited: the same. 1 of 2: (3.5, 2.5). 1 of 1: (3.25, 1.75), where the published
    code sets both to 8."""
    curriculum = make(arms_of([2]), keep=0.5)
    seen = []
    for step, answers in enumerate([{0: (0.75, 4)}, {1: (0.0, 8)}, {0: (0.5, 2)}, {0: (1.0, 1)}], start=1):
        train(curriculum, group_of, step, answers)
        seen.append(parameters(curriculum))
    assert [prompt[0] for prompt in seen] == [(4, 2), (4, 2), (3.5, 2.5), (3.25, 1.75)]
    assert [prompt[1] for prompt in seen] == [(1, 1), (1, 9), (1, 9), (1, 9)]


def test_with_keep_1_nothing_is_forgotten(arms_of, group_of):
    curriculum = make(arms_of([1]))
    for step in range(1, 4):
        train(curriculum, group_of, step, {0: (0.25, 8)})
    assert parameters(curriculum) == [(7, 19)]


def test_two_groups_in_one_step_are_one_visit(arms_of, group_of):
    """Forgotten once, both added: .5 * (4, 2) + .5 + (1 + 2, 3 + 0)."""
    curriculum = make(arms_of([1]), keep=0.5)
    train(curriculum, group_of, 1, {0: (0.75, 4)})
    one, two = curriculum.propose(1), curriculum.propose(1)
    curriculum.observe([group_of(two.id, 100, 1.0, 2), group_of(one.id, 100, 0.25, 4)])
    curriculum.tick(2)
    assert parameters(curriculum) == [(0.5 * 4 + 0.5 + 3, 0.5 * 2 + 0.5 + 3)]


def test_the_steady_state_of_a_prompt_visited_every_step(arms_of, group_of):
    """2 + n / (1 - keep) = 18 for 8 rollouts and keep .5."""
    curriculum = make(arms_of([1]), keep=0.5)
    for step in range(1, 60):
        train(curriculum, group_of, step, {0: (0.5, 8)})
    assert sum(parameters(curriculum)[0]) == pytest.approx(18, rel=1e-9)


def test_candidates_come_in_passes_over_all_prompts(arms_of):
    arms, pools = arms_of([7, 5]), []

    def rank(belief, n, open, key):
        pools.append(belief.success.astype(int).tolist())  # here: the prompt's own index
        return np.arange(n)

    chooser = CandidatePrompts(ShuffledOrder([np.arange(12)], 4), rank, seed=4, pool=2)
    for ticket in range(6):
        request = Request(2, ticket, 0, 0, np.array([7, 5]), np.zeros(12, bool), False)
        chosen = chooser.choose(request, Beta(np.arange(12.0), np.zeros(12)))
        assert sorted(chosen.items.tolist()) == sorted(pools[-1][:2])
    assert [len(pool) for pool in pools] == [4] * 6
    for start in (0, 3):
        assert sorted(item for pool in pools[start : start + 3] for item in pool) == list(range(12))
    assert pools[:3] != pools[3:]
    assert len(make(arms, pool_ratio=100).propose(12).rows) == 12  # a pool larger than the selection


def test_of_the_pool_the_draws_nearest_to_the_target_are_served(arms_of):
    """Pool of every free prompt: the draws of the whole belief, by the formula."""
    arms = arms_of([6, 3])
    curriculum = make(arms, seed=5, pool_ratio=0, target=0.4)
    zero = np.zeros(9)
    theta = draw(Beta(zero, zero), 1, seed=5, stream=STREAM_CHOICE, step=0)[0]
    want = np.argsort(np.abs(theta - 0.4), kind="stable")[:4]
    assert set(curriculum.propose(4).rows.tolist()) == set(arms.rows[want].tolist())


def test_the_band_takes_random_prompts_inside_then_the_nearest(arms_of, group_of):
    """After 400 rollouts: prompts 0-3 at .5, 4 at .8, 5 at .95, 6 and 7 at 0."""
    curriculum = make(arms_of([8]), rule="band", pool_ratio=0, seed=2)
    rates = [0.5] * 4 + [0.8, 0.95, 0.0, 0.0]
    train(curriculum, group_of, 1, {index: (rate, 400) for index, rate in enumerate(rates)})

    def served(n):
        ticket = curriculum.propose(n)
        for row in ticket.rows.tolist():
            curriculum.cancel(ticket.id, row, "only looked")
        return [(row - 100) // 3 for row in ticket.rows.tolist()]

    inside = np.bincount([item for _ in range(200) for item in served(2)], minlength=8)
    assert inside[4:].sum() == 0 and (inside[:4] > 60).all()
    assert all(set(served(5)) == {0, 1, 2, 3, 4} for _ in range(20))
    assert all(set(served(6)) == {0, 1, 2, 3, 4, 5} for _ in range(20))


def test_a_prompt_found_hopeless_is_retired(arms_of, group_of):
    curriculum = make(arms_of([10]), pool_ratio=0)
    train(curriculum, group_of, 1, {index: (0.0 if index == 0 else 0.5, 64) for index in range(10)})
    for step in range(2, 40):
        ticket = curriculum.propose(4)
        assert 100 not in ticket.rows.tolist()
        curriculum.observe(group_of(ticket.id, int(row), 0.5) for row in ticket.rows)
        curriculum.tick(step)


@pytest.mark.parametrize("settings", [{"keep": 0.5}, {"rule": "band", "keep": 0.5}])
def test_a_resume_keeps_evidence_waiting_groups_and_candidates(arms_of, group_of, settings):
    curriculum, again = (make(arms_of([9]), pool_ratio=2, **settings) for _ in range(2))
    for step in (1, 2, 3):
        ticket = curriculum.propose(2)
        curriculum.observe([group_of(ticket.id, int(ticket.rows[0]), 0.5)])
        if step < 3:
            curriculum.tick(step)
    again.load_state_dict(unpack(pack(curriculum.state_dict())))
    for each in (curriculum, again):
        each.tick(3)
    assert pack(again.state_dict()) == pack(curriculum.state_dict())
    assert again.propose(4).rows.tolist() == curriculum.propose(4).rows.tolist()


def test_bad_settings_are_refused_with_the_fix():
    with pytest.raises(ValueError, match=r"low must not exceed high, got 0\.8 > 0\.7"):
        CurriculumConfig.of(method="mopps", low=0.8)
    with pytest.raises(ValueError, match="rule must be one of nearest, band, got 'threshold'"):
        CurriculumConfig.of(method="mopps", rule="threshold")
    with pytest.raises(ValueError, match="keep must be a number in 0"):
        CurriculumConfig.of(method="mopps", keep=1.5)
