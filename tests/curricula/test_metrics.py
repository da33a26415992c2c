"""Numbers for loggers and reports, worked by hand."""

import dataclasses
import math

import numpy as np
import pytest

from sparft_verl.curricula import CurriculumConfig, Feedback, build
from sparft_verl.curricula.compose import ComposedCurriculum


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
        assert len(keys) <= 30 + 5 * 32 and (count == 32 or len(keys) <= 100)


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


def test_the_largest_of_many_arms_and_sources_are_named_by_rank(arms_of):
    """40 arms of which arm 7 and then arm 3 are served most; 40 sources."""
    arms = arms_of([1] * 40)
    arms = dataclasses.replace(arms, source=tuple(f"s{k:02}" for k in range(40)))
    curriculum = build(CurriculumConfig.of(method="sequential", repeat=True), arms)
    assert isinstance(curriculum, ComposedCurriculum)
    for arm in [7, 7, 7, 3, 3, 39]:
        curriculum.retell([int(arms.rows[np.flatnonzero(arms.arm == arm)[0]])])
    metrics = curriculum.metrics()
    assert [metrics[f"sparft/arms/top{rank}/number"] for rank in (1, 2, 3, 4)] == [7.0, 3.0, 39.0, 0.0]
    assert [metrics[f"sparft/arms/top{rank}/pulls"] for rank in (1, 2, 3, 4)] == [3.0, 2.0, 1.0, 0.0]
    assert [metrics[f"sparft/arms/pulls_{what}"] for what in ("min", "median", "max")] == [0.0, 0.0, 3.0]
    assert not any("/source/" in name or "/arm/" in name for name in metrics)


def test_staleness_and_the_solve_rate_of_each_source_by_hand(arms_of, group_of):
    arms = dataclasses.replace(arms_of([4]), source=("maths", "maths", "code", "logic"))
    curriculum = build(CurriculumConfig.of(method="uniform"), arms)
    ticket = curriculum.propose(4)
    curriculum.tick(5)
    rates = dict(zip(arms.rows.tolist(), (0.0, 0.5, 1.0, 0.25), strict=True))
    curriculum.observe(
        group_of(ticket.id, row, rates[row], policy_step=2 if rates[row] == 1.0 else 5)
        for row in ticket.rows.tolist()
        if rates[row] != 0.25
    )
    metrics = curriculum.metrics()
    assert (metrics["sparft/lag"], metrics["sparft/lag_max"]) == (1.0, 3.0)
    assert metrics["sparft/source/maths/solve_rate"] == 0.25 and metrics["sparft/source/maths/groups"] == 2.0
    assert metrics["sparft/source/code/solve_rate"] == 1.0
    assert "sparft/source/logic/solve_rate" not in metrics
    curriculum.tick(6)
    assert curriculum.metrics()["sparft/lag_max"] == 3.0  # the last step stands until a group comes


@pytest.mark.parametrize("quota", [{}, {"maths": 0.7}])
def test_the_mix_corrected_solve_rate_is_that_of_the_data(arms_of, quota):
    """Three arms of 300, 200 and 100 prompts, solved at 0, 1/2 and 1: mean over the data 1/3, whatever is chosen."""
    arms = arms_of([300, 200, 100])
    settings = {"method": "sparft", "floor": 0.1, "sigma": 0.3, "quota": quota}
    plain, corrected, effective = [], [], []
    for seed in range(40):
        curriculum = build(CurriculumConfig.of({**settings, "seed": seed}), arms)
        for step in range(1, 6):
            ticket = curriculum.propose(64)
            groups = zip(ticket.rows.tolist(), ticket.arms.tolist(), strict=True)
            curriculum.observe([Feedback(ticket.id, row, [arm / 2, arm / 2]) for row, arm in groups])
            curriculum.tick(step)
        metrics = curriculum.metrics()
        plain.append(metrics["sparft/solve_rate"])
        corrected.append(metrics["sparft/solve_rate_mix"])
        effective.append(metrics["sparft/solve_rate_mix_ess"])
    spread = np.std(corrected) / np.sqrt(40)
    assert abs(np.mean(corrected) - 1 / 3) < 3.5 * spread + 0.01
    assert abs(np.mean(plain) - 1 / 3) > 0.1
    assert all(1.0 <= ess <= 64.0 for ess in effective)


def test_nothing_is_corrected_where_probabilities_are_unknown_or_certain(arms_of, answer_of):
    for method in ("mopps", "sequential"):
        curriculum = build(CurriculumConfig.of(method=method), arms_of([5, 5]))
        ticket = curriculum.propose(4)
        curriculum.observe(answer_of(ticket, slot, [0.5] * 2) for slot in range(4))
        assert not any("mix" in name for name in curriculum.metrics())


def test_probabilities_of_arms_are_those_of_the_last_proposal_and_survive_a_save(arms_of, answer_of):
    arms = arms_of([5, 5, 5])
    for method in ("sparft", "sec", "uniform", "stratified"):
        curriculum = build(CurriculumConfig.of(method=method), arms)
        for step in (1, 2):
            ticket = curriculum.propose(3)
            curriculum.observe(answer_of(ticket, slot, [0.0, 0.5, 1.0]) for slot in range(3))
            curriculum.tick(step)
        metrics = curriculum.metrics()
        odds = [metrics[f"sparft/arm/arm{k}/probability"] for k in range(3)]
        assert sum(odds) == pytest.approx(1.0)
        if method != "stratified":
            assert odds[ticket.arms[0]] == pytest.approx(ticket.propensity[0])
        again = build(curriculum.config, arms)
        again.load_state_dict(curriculum.state_dict())
        assert again.metrics() == metrics
