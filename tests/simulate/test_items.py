import numpy as np
import pytest

from sparft_verl.simulate.items import arm_sizes, make_bank
from sparft_verl.simulate.learner import make_learner
from sparft_verl.simulate.scenarios import Items, Learning


@pytest.mark.parametrize("skew", [0.0, 1.0, 3.0])
def test_every_arm_has_a_prompt_and_all_prompts_have_an_arm(skew: float) -> None:
    sizes = arm_sizes(Items(arms=7, prompts=1000, skew=skew))
    assert sizes.sum() == 1000 and sizes.min() >= 1
    assert (np.diff(sizes) <= 1).all()  # rounding may put one prompt out of order


def test_skew_0_makes_equal_arms_and_skew_1_halves_the_second() -> None:
    assert arm_sizes(Items(arms=4, prompts=400)).tolist() == [100] * 4
    sizes = arm_sizes(Items(arms=3, prompts=1103, skew=1.0))
    assert sizes.tolist() == [601, 301, 201]  # one each, and 1100 in proportion 6 : 3 : 2


def test_dead_arms_come_first_and_mastered_ones_last() -> None:
    bank = make_bank(Items(arms=6, prompts=600, dead=2, mastered=1), 0)
    p = make_learner(bank, Learning(), 8).solve_rate(np.arange(600))
    rates = [p[bank.arm == k].mean() for k in range(6)]
    assert max(rates[:2]) < 1e-9 and rates[-1] > 1 - 1e-9
    assert rates[2] < rates[3] < rates[4]  # hardest first
    assert bank.dead.tolist() == [True, True, False, False, False, False]


def test_a_duplicate_repeats_an_original_of_its_own_arm() -> None:
    bank = make_bank(Items(prompts=5000, duplicates=0.3), 1)
    copies = np.flatnonzero(bank.text != np.arange(bank.size))
    assert 0.27 < len(copies) / bank.size < 0.33
    assert (bank.text[bank.text] == bank.text).all()
    assert (bank.arm[bank.text] == bank.arm).all()
    assert (bank.difficulty[bank.text] == bank.difficulty).all()
    assert (bank.slope[bank.text] == bank.slope).all()


def test_wrong_labels_are_as_many_as_asked_for() -> None:
    assert 0.08 < make_bank(Items(prompts=5000, wrong_labels=0.1), 2).wrong_label.mean() < 0.12
    assert not make_bank(Items(), 2).wrong_label.any()


def test_the_same_seed_makes_the_same_prompts_and_another_seed_others() -> None:
    first, again, other = (make_bank(Items(skew=1.0, duplicates=0.1), seed) for seed in (3, 3, 4))
    for name in ("arm", "slope", "difficulty", "text", "wrong_label"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert first.arms().fingerprint == again.arms().fingerprint != other.arms().fingerprint


def test_a_curriculum_is_given_the_rank_of_the_difficulty() -> None:
    bank = make_bank(Items(prompts=100), 0)
    arms = bank.arms()
    order = np.argsort(arms.difficulty)
    assert (np.diff(bank.difficulty[order]) >= 0).all()
    assert (arms.difficulty.min(), arms.difficulty.max()) == (0.0, 1.0)
    assert arms.source[0] == "arm0" and arms.sizes.tolist() == np.diff(bank.start).tolist()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"arms": 0}, r"items.arms must be an integer in 1 \.\. 100000, got 0"),
        ({"prompts": 5}, r"items.prompts must be an integer in 10 \.\. 100000000, got 5"),
        ({"dead": 5, "mastered": 5}, r"5 \+ 5 of items.arms=10; raise items.arms"),
        ({"spread": float("nan")}, r"items.spread must be a number in 0 \.\. 5, got nan"),
        ({"hardest": -2.0}, r"items.hardest must be a number in -1.5 \.\. 20, got -2.0"),
        ({"duplicates": True}, r"items.duplicates must be a number in 0 \.\. 0.9, got True"),
    ],
)
def test_a_value_that_makes_no_world_is_named(fields, message) -> None:
    with pytest.raises(ValueError, match=message):
        Items(**fields)
