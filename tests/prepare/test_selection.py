"""Selection: the budget is met exactly, and the points are those of brute-force farthest point."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparft_verl.prepare.errors import PrepareError
from sparft_verl.prepare.selection import SelectConfig, allocate, select


def _picks(x: np.ndarray, count: int) -> list[int]:
    return select(x, np.zeros(len(x), dtype=np.int32), 1, SelectConfig(count)).tolist()


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
    assert select(x, label, 2, SelectConfig(4)).tolist() == [2, 0, 3, 1]


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(PrepareError, match=r"select\.budget must be at least 1, but found 0"):
        SelectConfig(0)
