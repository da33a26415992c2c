import math

import numpy as np
import pytest

from sparft_verl.simulate.items import Bank, make_bank
from sparft_verl.simulate.learner import ItemResponse, Toy, make_learner, signal
from sparft_verl.simulate.scenarios import Items, Learning


def bank(wrong: int | None = None) -> Bank:
    """Two arms of two prompts; the last prompt repeats the one before it."""
    return Bank(
        arm=np.array([0, 0, 1, 1], dtype=np.int32),
        start=np.array([0, 2, 4]),
        slope=np.array([1.0, 2.0, 1.0, 1.0], dtype=np.float32),
        difficulty=np.array([0.0, 1.0, -1.0, -1.0], dtype=np.float32),
        text=np.array([0, 1, 2, 2]),
        wrong_label=np.arange(4) == wrong,
        dead=np.zeros(2, dtype=bool),
    )


EVERY = np.arange(4)


def test_the_solve_rate_is_2pl() -> None:
    learner = ItemResponse(bank(), Learning(ability=0.5), 4)
    sigmoid = [1 / (1 + math.exp(-x)) for x in (0.5, 2 * (0.5 - 1.0), 1.5, 1.5)]
    np.testing.assert_allclose(learner.solve_rate(EVERY), sigmoid, rtol=1e-6)
    assert learner.mean_solve_rate() == pytest.approx(sum(sigmoid) / 4)


def test_a_step_adds_gain_times_the_mean_signal_of_the_batch_and_transfers_a_share() -> None:
    learner = ItemResponse(bank(), Learning(gain=0.4, transfer=0.25, forgetting=0.0, novelty=1.0), 4)
    learner.train(np.array([0, 1, 2]), np.array([1.0, 0.5, -0.5]))
    direct = np.array([0.4 * 1.5 / 4, 0.4 * -0.5 / 4])
    np.testing.assert_allclose(learner.ability, direct + 0.25 * direct[::-1])


def test_what_was_gained_is_forgotten_by_a_share_a_step() -> None:
    learner = ItemResponse(bank(), Learning(ability=1.0, forgetting=0.1, gain=0.0), 4)
    learner.ability[:] = [3.0, 1.0]
    learner.train(np.array([0]), np.array([1.0]))
    np.testing.assert_allclose(learner.ability, [2.8, 1.0])


def test_a_prompt_and_its_duplicate_teach_less_each_time() -> None:
    learner = ItemResponse(bank(), Learning(gain=4.0, transfer=0.0, forgetting=0.0, novelty=0.5), 4)
    for row, total in ((2, 1.0), (3, 1.5), (2, 1.75)):
        learner.train(np.array([row]), np.array([1.0]))
        assert learner.ability[1] == pytest.approx(total)
    assert learner.ability[0] == 0.0


def test_the_signal_of_an_arm_is_the_mean_over_its_prompts_and_none_under_a_wrong_label() -> None:
    p = ItemResponse(bank(), Learning(), 4).solve_rate(EVERY)
    each = 4 * p * (1 - p)
    np.testing.assert_allclose(signal(p), each)
    np.testing.assert_allclose(
        ItemResponse(bank(), Learning(), 4).arm_signal(), [each[:2].mean(), each[2:].mean()]
    )
    mistaken = ItemResponse(bank(wrong=1), Learning(), 4).arm_signal()
    np.testing.assert_allclose(mistaken, [each[0] / 2, each[2:].mean()])


def test_the_panel_stands_for_a_large_arm() -> None:
    whole = make_bank(Items(arms=3, prompts=30_000), 0)
    learner = ItemResponse(whole, Learning(), 4)
    exact = signal(learner.solve_rate(np.arange(whole.size)))
    assert abs(learner.arm_signal()[1] - exact[whole.arm == 1].mean()) < 0.05


def test_the_toy_is_moved_by_gain_p_1_minus_p_shared_out_over_the_slots() -> None:
    toy_bank = make_bank(Items(arms=10, prompts=160, mastered=0), 0)
    toy = make_learner(toy_bank, Learning(law="toy", gain=0.02), 8)
    assert isinstance(toy, Toy)
    start = np.linspace(0.3, 0.9, 10)
    start[0] = 0.0
    np.testing.assert_array_equal(toy.ability, start)
    rows = toy_bank.start[[0, 4, 4]]
    toy.train(rows, np.zeros(3))
    start[4] += 2 * 0.02 / 8 * start[4] * (1 - start[4])
    np.testing.assert_allclose(toy.ability, start)
    assert toy.mean_solve_rate() == pytest.approx(start.mean())
