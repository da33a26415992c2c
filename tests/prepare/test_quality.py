"""Adjusted Rand index and eta squared on cases known by hand."""

import numpy as np
import pytest

from sparft_verl.prepare.quality import agreement, eta_squared


def test_agreement_does_not_depend_on_names_and_is_nothing_by_chance() -> None:
    truth = np.repeat(["a", "b", "c"], 400)
    assert agreement(np.repeat([2, 0, 1], 400), truth) == 1.0
    chance = np.random.Generator(np.random.Philox(0)).integers(0, 3, 1200)
    assert abs(agreement(chance, truth)) < 0.02


def test_eta_squared_of_known_cases() -> None:
    label = np.array([0, 0, 1, 1])
    assert eta_squared(label, np.array([0.0, 0.0, 1.0, 1.0])) == 1.0
    assert eta_squared(label, np.array([0.0, 1.0, 0.0, 1.0])) == 0.0
    # means 1 and 3 round 2: between 4, within 1 + 1 + 1 + 1
    assert eta_squared(label, np.array([0.0, 2.0, 2.0, 4.0])) == pytest.approx(0.5)


def test_a_constant_difficulty_leaves_nothing_to_explain() -> None:
    assert eta_squared(np.array([0, 1, 1]), np.full(3, 0.1)) == 0.0
