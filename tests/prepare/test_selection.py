"""Selection: the budget is met exactly, and the points are those of brute-force farthest point."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparft_verl.prepare.errors import PrepareError
from sparft_verl.prepare.selection import STRATEGIES, SelectConfig, allocate, select


def _picks(x: np.ndarray, count: int) -> list[int]:
    label = np.zeros(len(x), dtype=np.int32)
    return select(x, label, 1, np.zeros(len(x)), SelectConfig(count), seed=0).tolist()


def _brute_force(x: np.ndarray, count: int) -> list[int]:
    distance = ((x[:, None] - x[None]) ** 2).sum(axis=2)
    picked = [int(distance.sum(axis=1).argmin())]
    while len(picked) < count:
        nearest = distance[:, picked].min(axis=1)
        nearest[picked] = -1
        picked.append(int(nearest.argmax()))
    return picked


@given(st.integers(0, 10**6), st.integers(1, 25), st.integers(1, 4))
def test_picks_are_those_of_brute_force(seed: int, n: int, dim: int) -> None:
    # multiples of 1/64, whose squared distances float32 holds exactly, so that ties are ties for both
    x = np.random.Generator(np.random.Philox(seed)).integers(-99, 100, size=(n, dim)) / 64
    assert _picks(x, n) == _brute_force(x, n)


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=1, max_size=20))
def test_copies_come_after_all_different_points(points: list[tuple[int, int]]) -> None:
    picked = _picks(np.array(points, dtype=np.float32), len(points))
    assert sorted(picked) == list(range(len(points)))
    distinct = len(set(points))
    assert len({points[i] for i in picked[:distinct]}) == distinct


def test_the_start_is_the_medoid_and_ties_go_to_the_lowest_row() -> None:
    square = np.array([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0], [0.0, 0.0]])
    assert _picks(square, 5) == [4, 0, 1, 2, 3]


def test_points_far_from_the_origin_keep_their_order() -> None:
    # |a|² - 2ab + |b|² would cancel
    x = np.array([[0.0], [1.0], [3.0], [3.5]]) + 1e6
    assert _picks(x, 3) == [1, 3, 0]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.integers(1, 300))
def test_shares_meet_the_budget_and_no_arm_gives_more_than_it_has(sizes: list[int], budget: int) -> None:
    share = allocate(np.array(sizes), budget)
    assert share.sum() == min(budget, sum(sizes))
    assert (share >= 0).all() and (share <= sizes).all()
    low = budget // len(sizes)
    assert all(got >= min(low, size) for got, size in zip(share, sizes, strict=True))


@pytest.mark.parametrize(
    ("sizes", "budget", "expected"),
    [
        ([50, 50, 50], 9, [3, 3, 3]),
        ([50, 60, 50], 10, [3, 4, 3]),
        ([2, 50, 60], 12, [2, 5, 5]),
        ([2, 50, 60], 13, [2, 5, 6]),
        ([1, 3, 9], 12, [1, 3, 8]),
        ([1, 2], 99, [1, 2]),
    ],
)
def test_shares_of_known_cases(sizes: list[int], budget: int, expected: list[int]) -> None:
    assert allocate(np.array(sizes), budget).tolist() == expected


def test_rows_come_arm_by_arm_in_the_order_picked() -> None:
    x = np.array([[0.0], [10.0], [1.0], [11.0], [2.0], [12.0]])
    label = np.array([0, 1, 0, 1, 0, 1])
    assert select(x, label, 2, np.zeros(6), SelectConfig(4), seed=0).tolist() == [2, 0, 3, 1]


@pytest.mark.parametrize("strategy", STRATEGIES)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.integers(1, 80), st.integers(0, 2**63 - 1))
def test_every_strategy_meets_the_shares_and_repeats_itself(
    strategy: str, arms: list[int], budget: int, seed: int
) -> None:
    label = np.unique(arms, return_inverse=True)[1]
    rng = np.random.Generator(np.random.Philox(seed))
    x, level = rng.normal(size=(len(label), 3)).astype(np.float32), rng.random(len(label)).round(1)
    k, config = int(label.max()) + 1, SelectConfig(budget, strategy)
    rows = select(x, label, k, level, config, seed=seed, threads=1)
    assert rows.dtype == np.int64 and len(set(rows.tolist())) == len(rows) == config.total(len(label))
    assert (np.diff(label[rows]) >= 0).all()
    assert np.bincount(label[rows], minlength=k).tolist() == allocate(np.bincount(label), budget).tolist()
    assert select(x, label, k, level, config, seed=seed, threads=2).tolist() == rows.tolist()


def _choose(strategy: str, x: np.ndarray, level: np.ndarray, count: int, seed: int = 0) -> list[int]:
    label = np.zeros(len(x), dtype=np.int64)
    return select(x, label, 1, level, SelectConfig(count, strategy), seed=seed).tolist()


def test_medoid_takes_the_rows_nearest_to_the_centre_and_ties_go_to_the_lowest_row() -> None:
    x = np.array([[-4.0], [4.0], [1.0], [-1.0], [0.0], [-9.0], [9.0]], dtype=np.float32)
    assert _choose("medoid", x, np.zeros(7), 5) == [4, 2, 3, 0, 1]


def test_random_takes_every_row_equally_often_and_another_seed_takes_others() -> None:
    x, level = np.zeros((10, 1), np.float32), np.zeros(10)
    picks = np.array([_choose("random", x, level, 3, s) for s in range(2000)])
    taken = np.bincount(picks.ravel(), minlength=10)
    # binomial with n = 2000, p = .3: sd 20.5
    assert (abs(taken - 600) < 90).all()


def test_random_picks_of_an_arm_do_not_depend_on_the_shares_of_others() -> None:
    x, label = np.zeros((40, 1), np.float32), np.repeat([0, 1], 20)
    few, many = (select(x, label, 2, x[:, 0], SelectConfig(n, "random"), seed=5) for n in (6, 20))
    assert few[:3].tolist() == many[:3].tolist() and few[3:].tolist() == many[10:13].tolist()


def test_stratified_takes_the_middle_of_equal_parts_by_difficulty() -> None:
    x = np.zeros((12, 1), np.float32)
    level = np.random.Generator(np.random.Philox(1)).permutation(12) / 12
    picked = _choose("stratified", x, level, 4)
    assert (level[picked] * 12).tolist() == pytest.approx([1, 4, 7, 10])
    half = _choose("stratified", x, level, 1)
    assert level[half[0]] * 12 == pytest.approx(6)


def test_stratified_breaks_equal_difficulties_by_seed_not_by_order_of_input() -> None:
    x, level = np.zeros((20, 1), np.float32), np.zeros(20)
    assert len({tuple(_choose("stratified", x, level, 5, seed)) for seed in range(20)}) > 15


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_budget_of_all_keeps_every_row_in_order_of_input(strategy: str) -> None:
    label = np.array([1, 0, 1, 0])
    config = SelectConfig("all", strategy)
    assert select(np.zeros((4, 1), np.float32), label, 2, np.zeros(4), config, seed=0).tolist() == [
        1,
        3,
        0,
        2,
    ]
    assert config.total(4) == 4


@pytest.mark.parametrize("bad", [{"budget": 0}, {"budget": "half"}, {"strategy": "best"}])
def test_settings_out_of_range_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(PrepareError, match=r"select\.(budget|strategy) must be .*, but found"):
        SelectConfig(**bad)  # type: ignore[arg-type]
