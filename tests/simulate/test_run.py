"""Whole runs: the toy's table, bookkeeping, and every registered method under everything that can go wrong."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from sparft_verl.simulate import (
    SCENARIOS,
    Items,
    Learning,
    Returns,
    Variant,
    compare,
    parse_variants,
    simulate,
)
from sparft_verl.simulate.variants import ready

TRAP = SCENARIOS["trap"]


def means(variant: str, seeds: int = 5) -> list[float]:
    (one,) = parse_variants(variant)
    comparison = compare(TRAP, [one], range(seeds))
    return [comparison.mean(one.label, name)[0] for name in ("dead", "no_signal", "solve_rate")]


@pytest.mark.parametrize(
    ("variant", "published"),
    [
        ("uniform", (0.10, 0.22, 0.639)),
        ("sparft:choice=batch", (0.55, 0.59, 0.609)),
        ("sparft:choice=batch:sigma=.25", (0.94, 0.94, 0.575)),
    ],
)
def test_the_trap_is_the_toy_whose_table_is_known(variant, published) -> None:
    """Share of pulls on the dead arm, share of groups without a signal, final mean solve rate."""
    dead, no_signal, solve_rate = means(variant)
    assert dead == pytest.approx(published[0], abs=0.03)
    assert no_signal == pytest.approx(published[1], abs=0.03)
    assert solve_rate == pytest.approx(published[2], abs=0.004)


def test_the_regret_of_uniform_on_a_learner_that_stands_still_is_known() -> None:
    still = replace(TRAP, learning=replace(TRAP.learning, gain=0.0), batch=160, steps=3)
    result = simulate(still, Variant("uniform", "uniform"), 0)
    p = np.linspace(0.3, 0.9, 10)
    p[0] = 0.0
    each = 4 * p * (1 - p)
    assert result.measures["regret"] == pytest.approx(each.max() - each.mean())
    assert result.measures["entropy"] == pytest.approx(1.0)
    assert result.measures["unique"] == 160
    np.testing.assert_allclose(result.allocation, 0.1)


def test_a_run_is_repeated_to_the_bit_and_leaves_the_global_generator_alone() -> None:
    scenario = replace(SCENARIOS["mixed"], steps=20)
    (variant,) = parse_variants("sparft")
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    first, again, other = (asdict(simulate(scenario, variant, seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    for result in (first, again, other):
        del result["seconds"], result["seed"]
    assert first == again and first != other


def test_the_curve_is_taken_every_so_often_and_at_the_end() -> None:
    scenario = replace(SCENARIOS["mixed"], steps=25)
    result = simulate(scenario, Variant("uniform", "uniform"), 0, evaluate_every=10)
    assert [step for step, _ in result.curve] == [0, 10, 20, 25]
    assert result.measures["solve_rate"] == result.curve[-1][1] > result.curve[0][1]


def test_duplicates_count_once_among_the_unique_prompts() -> None:
    scenario = replace(SCENARIOS["mixed"], items=Items(prompts=200, duplicates=0.5), batch=100, steps=6)
    result = simulate(scenario, Variant("uniform", "uniform"), 0)
    assert 85 < result.measures["unique"] < 115


@pytest.mark.parametrize("method", ready())
def test_every_method_lives_through_late_lost_and_wrong_feedback(method: str) -> None:
    scenario = replace(
        SCENARIOS["mixed"],
        items=Items(arms=6, prompts=240, dead=1, mastered=1, skew=1.0, duplicates=0.2, wrong_labels=0.2),
        learning=Learning(gain=0.2),
        returns=Returns(lag=2, jitter=5, lost=0.3, flips=0.1),
        batch=16,
        steps=40,
    )
    result = simulate(scenario, Variant(method, method), 0)
    measures = result.measures
    assert all(np.isfinite(value) for value in measures.values())
    assert sum(result.allocation) == pytest.approx(1.0)
    came = measures["groups"] + measures["lost"]
    assert 16 * (40 - 7) <= came <= 16 * (40 - 2)  # the rest was still on its way
    assert 0.2 < measures["lost"] / came < 0.4
    assert 0.0 <= measures["no_signal"] <= 1.0 and measures["unique"] <= 240


def test_a_batch_of_one_works() -> None:
    result = simulate(replace(TRAP, batch=1, rollouts=1, steps=20), Variant("sparft", "sparft"), 0)
    assert result.measures["no_signal"] == 1.0 and result.measures["groups"] == 20
