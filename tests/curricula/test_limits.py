"""Floor, cap, cool-down, quota and the budget of different prompts: kept, and lifted where a batch must be filled."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparft_verl.curricula import METHODS, CurriculumConfig, build
from sparft_verl.curricula.quota import Scopes

NAMED = sorted(set(METHODS) - {"custom"})


def serve(curriculum, steps, n):
    """The rows of each step; nothing comes back."""
    out = []
    for step in range(1, steps + 1):
        out.append(curriculum.propose(n).rows.tolist())
        curriculum.tick(step)
    return out


@pytest.mark.parametrize("method", NAMED)
def test_a_prompt_rests_for_its_cooldown(method, arms_of):
    served = serve(build(CurriculumConfig.of(method=method, cooldown=2), arms_of([10, 12])), 20, 5)
    for step, rows in enumerate(served):
        recent = {row for past in served[max(step - 2, 0) : step] for row in past}
        assert not recent & set(rows)


@pytest.mark.parametrize("method", NAMED)
def test_a_cooldown_is_cut_short_rather_than_a_batch(method, arms_of):
    served = serve(build(CurriculumConfig.of(method=method, cooldown=50), arms_of([3, 4])), 20, 5)
    assert all(len(set(rows)) == 5 for rows in served)


@pytest.mark.parametrize("method", NAMED)
@pytest.mark.parametrize("n", [1, 4])
def test_no_more_different_prompts_than_the_budget_are_ever_served(method, n, arms_of):
    served = serve(build(CurriculumConfig.of(method=method, unique_budget=6), arms_of([9, 9, 9])), 30, n)
    assert len({row for rows in served for row in rows}) <= 6
    with pytest.raises(ValueError, match=r"budget of 6; raise curriculum.unique_budget to at least 7"):
        build(CurriculumConfig.of(method=method, unique_budget=6), arms_of([9, 9])).propose(7)


@pytest.mark.parametrize("method", [name for name in NAMED if "quota" not in METHODS[name].refuses])
def test_a_source_gets_its_share_to_within_a_prompt(method, arms_of):
    arms = arms_of([30, 30])
    source = dict(zip(arms.rows.tolist(), arms.source, strict=True))
    for n in (1, 7):
        curriculum = build(CurriculumConfig.of(method=method, quota={"maths": 0.5, "code": 0.2}), arms)
        served = [source[row] for rows in serve(curriculum, 40, n) for row in rows]
        for name, share in (("maths", 0.5), ("code", 0.2), ("logic", 0.3)):
            assert served.count(name) == pytest.approx(share * 40 * n, abs=1.01)


def test_a_quota_moves_along_its_schedule(arms_of):
    arms = arms_of([60, 60])
    source = dict(zip(arms.rows.tolist(), arms.source, strict=True))
    quota = {"maths": [[0, 1.0], [10, 0.0]]}
    served = serve(build(CurriculumConfig.of(method="uniform", quota=quota), arms), 14, 20)
    counts = [sum(source[row] == "maths" for row in rows) for rows in served]
    assert counts == [20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0, 0, 0, 0]


def test_what_a_source_cannot_serve_goes_to_the_others(arms_of):
    arms = arms_of([6])  # two prompts of each source
    curriculum = build(CurriculumConfig.of(method="uniform", quota={"maths": 1.0}), arms)
    assert len(set(curriculum.propose(5).rows.tolist())) == 5


def test_a_source_that_is_not_there_is_refused(arms_of):
    with pytest.raises(
        ValueError, match=r"quota: no selected prompt has the data source 'law'; .*code, logic, maths"
    ):
        build(CurriculumConfig.of(quota={"law": 0.5}), arms_of([4]))


@settings(max_examples=50, deadline=None)
@given(
    shares=st.lists(st.integers(0, 10), min_size=1, max_size=3).filter(any),
    batches=st.lists(st.integers(1, 9), min_size=1, max_size=30),
)
def test_rounding_is_carried_over(shares, batches, arms_of):
    arms = arms_of([12])
    weights = dict(zip(("maths", "logic", "code"), shares, strict=False))
    scopes = Scopes(arms, weights, rest=False)
    total = np.zeros(len(weights))
    for step, n in enumerate(batches):
        split = scopes.split(n, step)
        assert split.sum() == n and (split >= 0).all()
        total += split
    exact = np.array(shares) / sum(shares) * sum(batches)
    assert (np.abs(total - exact) <= 1.0 + 1e-9).all()


def test_no_arm_takes_more_than_the_cap(arms_of, group_of):
    curriculum = build(CurriculumConfig.of(cap=0.4, sigma=1e-6), arms_of([20, 20, 20]))
    for step in range(1, 10):
        ticket = curriculum.propose(10)
        assert np.bincount(ticket.arms, minlength=3).max() <= 4
        curriculum.observe(
            group_of(ticket.id, int(r), a / 2) for r, a in zip(ticket.rows, ticket.arms, strict=True)
        )
        curriculum.tick(step)


def test_the_cap_is_lifted_where_too_few_arms_are_left(arms_of):
    curriculum = build(CurriculumConfig.of(cap=0.1), arms_of([9, 9]))
    assert np.bincount(curriculum.propose(10).arms).tolist() == [5, 5]


@pytest.mark.parametrize("choice", ["slot", "batch"])
def test_every_arm_keeps_the_floor(choice, arms_of, group_of):
    """A narrow belief would never choose arm 1: it is solved always, arm 0 never."""
    config = CurriculumConfig.of(floor=0.15, sigma=1e-3, choice=choice)
    curriculum, seen = build(config, arms_of([40, 40])), 0
    for step in range(1, 301):
        ticket = curriculum.propose(4)
        seen += int((ticket.arms == 1).sum())
        curriculum.observe(
            group_of(ticket.id, int(r), a) for r, a in zip(ticket.rows, ticket.arms, strict=True)
        )
        curriculum.tick(step)
        assert (ticket.propensity >= 0.15 - 1e-12).all()
    assert seen == pytest.approx(0.15 * 1200, rel=0.3)


def test_a_floor_above_an_equal_share_is_refused(arms_of):
    with pytest.raises(ValueError, match=r"floor must be at most 1 / number of arms = 0.25, got 0.3"):
        build(CurriculumConfig.of(floor=0.3), arms_of([2, 2, 2, 2]))
