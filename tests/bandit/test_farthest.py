"""Farthest points: the picks of the plain algorithm, for any shape and number of threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparft_verl import bandit
from sparft_verl.bandit import reference_farthest as reference

DATA = ("normal", "grid", "copies", "clumps", "tiny", "huge")


def points(kind: str, n: int, d: int, rng: np.random.Generator) -> np.ndarray:
    x = {
        "normal": lambda: rng.normal(size=(n, d)),
        "grid": lambda: rng.integers(-2, 3, size=(n, d)),
        "copies": lambda: rng.normal(size=(n, d))[rng.integers(0, max(n // 5, 1), n)],
        "clumps": lambda: (
            1e-3 * rng.normal(size=(n, d)) + 100 * rng.normal(size=(4, d))[rng.integers(0, 4, n)]
        ),
        "tiny": lambda: 1e-22 * rng.normal(size=(n, d)),
        "huge": lambda: 1e14 * rng.normal(size=(n, d)),
    }[kind]()
    return np.ascontiguousarray(x, dtype=np.float32)


@given(
    kind=st.sampled_from(DATA),
    n=st.integers(1, 700),
    d=st.integers(1, 40),
    clusters=st.integers(1, 6),
    threads=st.sampled_from([1, 2, 5, 16]),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=120, deadline=None)
def test_numpy_and_cpp_pick_the_same_rows(
    kind: str, n: int, d: int, clusters: int, threads: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    x = points(kind, n, d, rng)
    cluster = rng.integers(0, clusters, n).astype(np.int32)
    size = np.bincount(cluster, minlength=clusters)
    take = np.minimum(size, rng.integers(0, 60, clusters))
    picked = bandit.farthest_points(x, cluster, take, threads=threads)
    assert picked.dtype == np.int64
    assert picked.tolist() == reference.farthest_points(x, cluster, take).tolist()


@pytest.mark.parametrize("kind", ["normal", "clumps", "grid"])
def test_threads_do_not_change_picks_where_they_are_used(kind: str) -> None:
    rng = np.random.default_rng(5)
    x = points(
        kind, 12_000, 32, rng
    )  # beyond what one thread does alone, several blocks and chunks per cluster
    cluster = (rng.random(12_000) < 0.3).astype(np.int32)
    take = np.array([40, 25])
    one = bandit.farthest_points(x, cluster, take)
    assert one.tolist() == reference.farthest_points(x, cluster, take).tolist()
    for threads in (2, 3, 16):
        assert bandit.farthest_points(x, cluster, take, threads=threads).tolist() == one.tolist()


@given(seed=st.integers(0, 2**32), n=st.integers(1, 40), d=st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_picks_are_those_of_brute_force_in_double(seed: int, n: int, d: int) -> None:
    x = np.random.default_rng(seed).integers(-60, 61, size=(n, d))  # squared distances are exact in float32
    distance = ((x[:, None] - x[None]) ** 2).sum(axis=2)
    expected = [int(distance.sum(axis=1).argmin())]
    while len(expected) < n:
        nearest = distance[:, expected].min(axis=1)
        nearest[expected] = -1
        expected.append(int(nearest.argmax()))
    picked = bandit.farthest_points(x.astype(np.float32), np.zeros(n, dtype=np.int32), np.array([n]))
    assert picked.tolist() == expected


def test_clusters_do_not_see_each_other() -> None:
    x = np.array([[0], [10], [1], [11], [2], [12]], dtype=np.float32)
    cluster = np.array([2, 0, 2, 0, 2, 0], dtype=np.int32)
    assert bandit.farthest_points(x, cluster, np.array([2, 0, 3])).tolist() == [3, 1, 2, 0, 4]


def test_nothing_to_take_gives_nothing() -> None:
    empty = np.zeros((0, 3), dtype=np.float32)
    assert bandit.farthest_points(empty, np.zeros(0, dtype=np.int32), np.zeros(2, dtype=np.int64)).shape == (
        0,
    )


X, CLUSTER, TAKE = (
    np.zeros((4, 2), dtype=np.float32),
    np.array([0, 0, 1, 1], dtype=np.int32),
    np.array([1, 2]),
)


def changed(row: int, column: int, value: float) -> np.ndarray:
    x = X.copy()
    x[row, column] = value
    return x


BAD: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "nan": (
        {"points": changed(2, 1, np.nan)},
        ValueError,
        r"points\[2, 1\] = -?nan is not a number of at most 1e15",
    ),
    "infinity": ({"points": changed(0, 0, -np.inf)}, ValueError, r"points\[0, 0\] = -inf is not a number"),
    "too far": ({"points": changed(3, 0, 2e15)}, ValueError, r"points\[3, 0\] = .* drop or rescale it"),
    "float64": ({"points": X.astype(np.float64)}, TypeError, "points has dtype <f8, not float32"),
    "one dimension": (
        {"points": X[:, 0].copy()},
        ValueError,
        r"points has shape \(4,\); give two dimensions",
    ),
    "columns first": ({"points": np.asfortranarray(X)}, ValueError, "points is not contiguous"),
    "no columns": ({"points": np.zeros((4, 0), dtype=np.float32)}, ValueError, "points has no columns"),
    "short cluster": ({"cluster": CLUSTER[:3]}, ValueError, "cluster has length 3 but points has length 4"),
    "a cluster too many": (
        {"cluster": np.array([0, 0, 1, 2], dtype=np.int32)},
        ValueError,
        r"cluster\[3\] = 2 is out of range; take has clusters 0..1",
    ),
    "a negative cluster": (
        {"cluster": np.array([0, -1, 1, 1], dtype=np.int32)},
        ValueError,
        r"cluster\[1\] = -1 is out of range",
    ),
    "int64 clusters": ({"cluster": CLUSTER.astype(np.int64)}, TypeError, "cluster has dtype <i8, not int32"),
    "more than there is": (
        {"take": np.array([3, 0])},
        ValueError,
        r"take\[0\] = 3 exceeds the 2 rows of that cluster; take fewer",
    ),
    "more than all rows": (
        {"take": np.array([1, 2**62])},
        ValueError,
        r"take\[1\] = 4611686018427387904 is negative or",
    ),
    "a negative take": ({"take": np.array([-1, 1])}, ValueError, r"take\[0\] = -1 is negative or more than"),
    "no clusters": ({"take": np.zeros(0, dtype=np.int64)}, ValueError, "take has no clusters"),
    "no threads": ({"threads": 0}, ValueError, "threads = 0 is out of range"),
    "a list": ({"points": [[0.0, 1.0]]}, TypeError, "points is a list; give a NumPy array of dtype float32"),
}


@pytest.mark.parametrize("case", BAD)
def test_refuses(case: str) -> None:
    change, kind, message = BAD[case]
    with pytest.raises(kind, match=message):
        bandit.farthest_points(**{"points": X, "cluster": CLUSTER, "take": TAKE, **change})


def test_the_arguments_above_are_good_before_they_are_changed() -> None:
    assert bandit.farthest_points(X, CLUSTER, TAKE).tolist() == [0, 2, 3]
