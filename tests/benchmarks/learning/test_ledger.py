"""Every configuration is counted once, whatever it was called."""

import pytest

from benchmarks.learning.ledger import core_hours, described, tried

from .records import record

TARGET = {"method": "sparft_target", "floor": 0.01}
RUNS = [
    *(record("uniform-full", seed, top=0.7) for seed in range(3)),
    *(record("auto", seed, top=0.8, curriculum=TARGET) for seed in range(3)),
    record("first guess", 3, curriculum=TARGET),
    record("auto", 0, top=0.6, curriculum={"method": "sec"}, arms="categories"),
    record("auto", 0, curriculum=TARGET, world="confirm"),
    record("auto", 0, curriculum=TARGET, engine="verl"),
    record("auto", 0, curriculum=TARGET, prepare={"cluster.k": 5}, useless=0.0),
]


def test_one_line_for_each_configuration_the_best_first() -> None:
    rows = tried(RUNS)
    assert [row.labels for row in rows] == [("auto", "first guess"), ("uniform-full",), ("auto",), ("auto",)]
    best = rows[0]
    assert (best.runs, best.seeds, best.shares) == (4, 4, (0.6,))
    assert best.gain == pytest.approx(RUNS[3]["final"]["overall"] - RUNS[0]["final"]["overall"])
    assert rows[2].gain < 0 < best.gain
    assert rows[3].gain != rows[3].gain
    assert best.core_seconds == pytest.approx(4 * 22)


def test_uniform_sampling_is_no_candidate() -> None:
    assert [row.candidate for row in tried(RUNS)] == [True, False, True, True]


def test_the_confirmation_families_are_counted_apart() -> None:
    assert [row.runs for row in tried(RUNS, "confirm")] == [1]


def test_a_configuration_in_words() -> None:
    rows = tried(RUNS)
    assert described(rows[0]) == "sparft_target floor=0.01 items=full arms=one"
    assert described(rows[3]) == "sparft_target floor=0.01 cluster.k=5 items=full arms=one"
    assert core_hours(RUNS) == pytest.approx((len(RUNS) - 1) * 22 / 3600)
