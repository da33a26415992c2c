"""Numbers for loggers and reports, worked by hand."""

import dataclasses
import math

import numpy as np
import pytest

from sparft_verl.curricula import CurriculumConfig, Feedback, build


def test_shares_of_a_step_and_of_the_run_by_hand(arms_of, group_of):
    """Step 1: rates 0, 1/2 (half degenerate). Step 2: rate 1, discarded. Step 3: nothing came, step 2 stands."""
    curriculum = build(CurriculumConfig.of(method="uniform"), arms_of([2, 3]))
    assert "sparft/solve_rate" not in curriculum.metrics()
    a = curriculum.propose(3)
    curriculum.observe([group_of(a.id, int(a.rows[0]), 0.0), group_of(a.id, int(a.rows[1]), 0.5)])
    for _ in ("before its tick", "after it"):
        metrics = curriculum.metrics()
        assert metrics["sparft/solve_rate"] == 0.25 and metrics["sparft/degenerate_share"] == 0.5
        assert metrics["sparft/outstanding"] == 1.0 and metrics["sparft/coverage"] == 0.6
        if _ == "before its tick":
            curriculum.tick(1)
    curriculum.observe([group_of(a.id, int(a.rows[2]), 1.0, kind="discarded")])
    for step in (2, 3):
        curriculum.tick(step)
        if step == 2:
            metrics = curriculum.metrics()
            assert metrics["sparft/solve_rate"] == 1.0 and metrics["sparft/discarded_share"] == 1.0
    metrics = curriculum.metrics()
    assert metrics["sparft/solve_rate_run"] == 0.5
    assert metrics["sparft/degenerate_share_run"] == pytest.approx(2 / 3)
    assert metrics["sparft/groups"] == 3.0 and metrics["sparft/outstanding"] == 0.0


def test_partial_credit_is_degenerate_only_when_all_rollouts_are_equal(arms_of):
    curriculum = build(CurriculumConfig(), arms_of([2]))
    ticket = curriculum.propose(2)
    a, b = ticket.rows.tolist()
    curriculum.observe([Feedback(ticket.id, a, [0.1, 0.1]), Feedback(ticket.id, b, [0.1, 0.2])])
    assert curriculum.metrics()["sparft/degenerate_share"] == 0.5


def test_entropy_of_the_allocation_by_hand(arms_of):
    curriculum = build(CurriculumConfig.of(method="uniform"), arms_of([3, 1]))
    assert curriculum.metrics()["sparft/allocation_entropy"] == 0.0
    curriculum.propose(4)
    want = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25)) / math.log(2)
    assert curriculum.metrics()["sparft/allocation_entropy"] == pytest.approx(want)


def test_each_arm_has_its_series_up_to_32_arms_and_quantiles_stand_for_more(config, arms_of, answer_of):
    for count in (32, 33):
        curriculum = build(config, arms_of([2] * count))
        keys = set()
        for step in range(1, 10):
            ticket = curriculum.propose(10)
            curriculum.observe(answer_of(ticket, slot, [0.5] * count) for slot in range(10))
            curriculum.tick(step)
            keys |= set(curriculum.metrics())
        assert ("sparft/arm/arm3/pulls" in keys) == (count == 32)
        assert ("sparft/arms/pulls_median" in keys) == (count == 33)
        assert len(keys) <= 17 + 4 * 32


def test_what_a_method_watches_is_among_its_metrics(arms_of, group_of):
    """One step in which each of two prompts is solved 3 times in 4, by hand for every method that shows something."""
    shown = {}
    for method, settings in {
        "adarft": {"start": 0.2, "eta": 0.5},
        "bots": {"rho": 0.1},
        "e2h": {"schedule": "cosine", "total_steps": 2},
        "space": {},
        "sec": {},
    }.items():
        arms = arms_of([1, 1])
        # weak .25 and strong .75 on both prompts, which are solved at .75: the policy is as good as the strong one
        arms = dataclasses.replace(arms, references=np.array([[0.25, 0.75]] * 2))
        curriculum = build(CurriculumConfig.of({"method": method, **settings}), arms)
        before = curriculum.metrics()
        ticket = curriculum.propose(2)
        curriculum.observe(group_of(ticket.id, row, 0.75) for row in ticket.rows.tolist())
        curriculum.tick(1)
        shown[method] = before, curriculum.metrics()
    before, after = shown["adarft"]
    assert before["sparft/target"] == 0.2
    assert after["sparft/target"] == pytest.approx(0.2 + 0.5 * math.tanh(2 * 0.25))
    before, after = shown["bots"]
    assert "sparft/standing" not in before and after["sparft/standing"] == 1.0
    before, after = shown["e2h"]  # p = (2, 1) / 3, then (1, 1) / 2
    assert [before["sparft/level"], after["sparft/level"]] == pytest.approx([1 / 3, 1 / 2])
    assert not {"sparft/target", "sparft/standing", "sparft/level"} & set(shown["sec"][1])


def test_progress_of_each_arm_is_among_the_metrics(arms_of, group_of):
    """Two steps: arm 0 from 0 to 1/2, arm 1 from 1 to 3/4; slopes 1/2 and -1/4, shares 2/3 and -1/3."""
    arms = arms_of([1, 1])
    curriculum = build(CurriculumConfig.of(method="space"), arms)
    for step, rates in ((1, (0.0, 1.0)), (2, (0.5, 0.75))):
        ticket = curriculum.propose(2)
        groups = zip(ticket.rows.tolist(), ticket.arms.tolist(), strict=True)
        curriculum.observe(group_of(ticket.id, row, rates[arm]) for row, arm in groups)
        curriculum.tick(step)
    metrics = curriculum.metrics()
    assert metrics["sparft/arm/arm0/progress"] == pytest.approx(2 / 3)
    assert metrics["sparft/arm/arm1/progress"] == pytest.approx(-1 / 3)


def test_the_table_of_arms_adds_up(config, arms_of, answer_of):
    curriculum = build(config, arms_of([4, 0, 5]))
    for step in range(1, 6):
        ticket = curriculum.propose(3)
        curriculum.observe(answer_of(ticket, slot, [0.5] * 3) for slot in range(2))
        curriculum.tick(step)
    table = curriculum.arm_table()
    beliefs = [arm.pop("sd") for arm in table]
    assert beliefs == [None] * 3 or all(sd > 0 for sd in beliefs)  # None: no beliefs about arms
    assert [arm["name"] for arm in table] == ["arm0", "arm1", "arm2"]
    assert [arm["size"] for arm in table] == [4, 0, 5]
    assert sum(arm["served"] for arm in table) == 15
    assert sum(arm["outstanding"] for arm in table) == 5
    assert all(arm["unique"] <= min(arm["size"], arm["served"]) for arm in table)
    assert table[1] == {
        "arm": 1,
        "name": "arm1",
        "size": 0,
        "difficulty": None,
        "pulls": 0,
        "observed": 0,
        "mean": None,
        "served": 0,
        "unique": 0,
        "outstanding": 0,
    }


def test_known_difficulties_are_averaged_over_an_arm(arms_of):
    arms = arms_of([2, 1])
    difficulty = np.where(arms.arm == 0, 0.25, np.nan)
    difficulty[np.flatnonzero(arms.arm == 0)[0]] = 0.75
    table = build(CurriculumConfig(), dataclasses.replace(arms, difficulty=difficulty)).arm_table()
    assert [arm["difficulty"] for arm in table] == [0.5, None]
