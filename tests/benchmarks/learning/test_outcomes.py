"""What a run needed to reach an accuracy: by hand, on curves whose truth is known, and on noise alone."""

from copy import deepcopy
from math import log

import numpy as np
import pytest

from benchmarks.learning.outcomes import AXES, at_equal, outcome, reach, target, useless_share
from benchmarks.learning.statistics import ratio

from .records import record


def straight(label: str, points: list[float], **others: object) -> object:
    return outcome(record(label, 0, curve=points, updates=10 * (len(points) - 1), **others))


def test_a_record_becomes_its_numbers() -> None:
    run = outcome(record("auto", 3))
    assert (run.label, run.seed) == ("auto", 3)
    assert run.final == pytest.approx(0.3 + 0.5 * (1 - np.exp(-160 / 60)))
    assert run.families.keys() == {"ADD", "REV"}
    assert run.degenerate == pytest.approx(0.375)
    assert run.useless == pytest.approx(0.25)
    assert run.forgetting == pytest.approx(0.02)
    assert (run.seconds, run.stage_a_seconds) == (20.0, 2.0)
    assert set(run.spent) == set(AXES) and run.spent["rollouts"][-1] == 160 * 64


def test_the_area_is_the_mean_over_the_budget() -> None:
    assert straight("a", [0.5, 0.5, 0.5]).area == pytest.approx(0.5)
    assert straight("a", [0.0, 0.5, 1.0]).area == pytest.approx(0.5)
    assert straight("a", [0.0, 1.0, 1.0]).area == pytest.approx(0.75)


def test_a_crossing_by_hand() -> None:
    run = straight("a", [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    # smoothed .05 .1 .2 .3 .4 .5 .55; .35 lies halfway between updates 30 and 40
    found = reach(run, 0.35)
    assert found.reached
    assert found.spent == pytest.approx({"rollouts": 35 * 64, "tokens": 35 * 200, "unique": 35 * 8})


def test_one_lucky_point_is_not_a_crossing() -> None:
    run = straight("a", [0.2, 0.2, 0.5, 0.2, 0.2, 0.2, 0.2])
    assert not reach(run, 0.45).reached


def test_a_run_that_reaches_and_then_forgets_has_reached() -> None:
    run = straight("a", [0.2, 0.6, 0.7, 0.7, 0.3, 0.2, 0.2])
    found = reach(run, 0.6)
    assert found.reached and found.spent["rollouts"] < 20 * 64


def test_what_is_not_reached_costs_the_budget_and_says_so() -> None:
    found = reach(straight("a", [0.2] * 6), 0.3)
    assert not found.reached
    assert found.spent == {"rollouts": 50 * 64, "tokens": 50 * 200, "unique": 400}


def test_a_target_that_holds_from_the_start_costs_one_update() -> None:
    found = reach(straight("a", [0.4] * 6), 0.3)
    assert found.reached and found.spent["rollouts"] == pytest.approx(64)


def test_the_baseline_reaches_its_own_target() -> None:
    for seed in range(50):
        run = outcome(record("uniform-full", seed, noise=0.02))
        assert reach(run, target(run)).reached


def test_the_ratio_of_a_faster_learner_is_its_speed() -> None:
    slow, fast = outcome(record("uniform-full", 0)), outcome(record("auto", 0, speed=2))
    needed, budget = reach(fast, target(slow)), reach(slow, target(slow))
    found = ratio([needed.spent["rollouts"]], [True], [budget.spent["rollouts"]], [True])
    assert found.mean.estimate == pytest.approx(0.5, abs=0.03)


def test_answers_that_difficulty_took_are_rollouts_too() -> None:
    written = {**record("auto", 0, speed=2), "stage_a_rollouts": 1000}
    slow = outcome(record("uniform-full", 0))
    free, paid = (reach(outcome(one), target(slow)).spent for one in (record("auto", 0, speed=2), written))
    assert paid["rollouts"] == pytest.approx(free["rollouts"] + 1000) and paid["tokens"] == free["tokens"]


@pytest.mark.parametrize("noise", [0.005, 0.01, 0.02])
def test_of_two_equal_methods_neither_is_favoured_by_noise(noise: float) -> None:
    logs = []
    for seed in range(400):
        baseline = outcome(record("uniform-full", seed, noise=noise))
        same = outcome(record("auto", seed, noise=noise))
        accuracy = target(baseline)
        needed = [reach(run, accuracy).spent["rollouts"] for run in (same, baseline)]
        logs.append(log(needed[0] / needed[1]))
    assert abs(np.mean(logs)) < 0.05


def test_equal_spending_reads_both_curves_at_the_smaller_budget() -> None:
    short = straight("a", [0.1, 0.2, 0.3, 0.4])
    long = straight("b", [0.1, 0.15, 0.2, 0.25, 0.3, 0.35])
    mine, theirs = at_equal(short, long, "rollouts")
    assert mine == pytest.approx(short.smoothed[-1]) and theirs == pytest.approx(long.smoothed[3])
    assert at_equal(long, short, "rollouts") == (theirs, mine)


def test_a_run_out_of_new_prompts_is_read_at_its_end() -> None:
    written = record("a", 0, curve=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6], updates=50)
    written["curve"]["unique"] = [0, 50, 100, 100, 100, 100]
    few, many = outcome(written), outcome(record("b", 0, curve=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6], updates=50))
    mine, theirs = at_equal(few, many, "unique")
    assert mine == pytest.approx(few.smoothed[-1])
    assert theirs == pytest.approx(np.interp(100, many.spent["unique"], many.smoothed))


def test_useless_prompts_are_those_of_another_kind() -> None:
    assert useless_share({"useful": [1, 2], "unsolvable": [3, 0], "mastered": [0, 2]}) == pytest.approx(5 / 8)
    assert np.isnan(useless_share({"useful": [0]}))


def test_a_curve_that_is_cut_short_is_refused_by_name() -> None:
    good = record("auto", 4)
    broken = {"update": [10, 20], "rollouts": [0, 640], "overall": [0.1], "tokens": [float("nan")] * 17}
    for name, values in broken.items():
        bad = deepcopy(good)
        bad["curve"][name] = values
        with pytest.raises(ValueError, match=r"auto, seed 4"):
            outcome(bad)
