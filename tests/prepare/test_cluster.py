"""Arms: planted groups are found by either engine, none is empty, the easiest comes first."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparft_verl.prepare.cluster import ClusterConfig, cluster, easiest_first, given_arms
from sparft_verl.prepare.errors import PrepareError
from sparft_verl.prepare.kmeans import choose_engine, fill_empty, kmeans

ENGINES = ["faiss", "sklearn"]


def _planted(k: int, per: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """k far groups, rows shuffled."""
    rng = np.random.Generator(np.random.Philox(seed))
    truth = rng.permutation(np.repeat(np.arange(k), per))
    centres = rng.normal(size=(k, 8)) * 20
    return (centres[truth] + rng.normal(size=(k * per, 8))).astype(np.float32), truth


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    if request.param == "faiss":
        pytest.importorskip("faiss", reason="FAISS is an extra and not installed here")
    return str(request.param)


@pytest.mark.parametrize("seed", range(3))
def test_planted_groups_are_recovered(engine: str, seed: int) -> None:
    x, truth = _planted(10, 30, seed)
    label = kmeans(x, 10, engine=engine, seed=seed)
    assert len(set(zip(label, truth, strict=True))) == 10


def test_the_same_seed_gives_the_same_labels_with_any_number_of_threads(engine: str) -> None:
    x = np.random.Generator(np.random.Philox(1)).normal(size=(500, 8)).astype(np.float32)
    runs = [kmeans(x, 7, engine=engine, seed=3, threads=t) for t in (1, 1, 2)]
    assert (runs[0] == runs[1]).all() and (runs[0] == runs[2]).all()


def test_all_points_are_trained_on_not_a_sample(engine: str) -> None:
    # 600 points per centroid are more than the 256 that FAISS would take by itself
    rng = np.random.Generator(np.random.Philox(2))
    x = rng.normal(size=(1200, 4)).astype(np.float32)
    label = kmeans(x, 2, engine=engine, iterations=100)
    centroid = np.stack([x[label == i].mean(axis=0) for i in range(2)])
    nearest = ((x[:, None] - centroid) ** 2).sum(axis=2).argmin(axis=1)
    assert (nearest == label).mean() > 0.995  # a fixed point of Lloyd over all points


def test_as_many_clusters_as_rows_and_one_cluster_are_possible(engine: str) -> None:
    x, _ = _planted(6, 1)
    assert sorted(kmeans(x, 6, engine=engine)) == list(range(6))
    assert kmeans(x, 1, engine=engine).tolist() == [0] * 6


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=25), st.data())
def test_no_arm_is_empty_however_many_rows_repeat(values: list[int], data: st.DataObject) -> None:
    x = np.array(values, dtype=np.float32)[:, None] * np.ones((1, 3), np.float32)
    k = data.draw(st.integers(1, len(set(values))))
    arms = cluster(x, np.zeros(len(x)), ClusterConfig(k=k, engine="sklearn", restarts=1), seed=0, threads=1)
    assert set(arms.label.tolist()) == set(range(k))


def test_an_empty_cluster_takes_the_point_farthest_from_its_own_centroid() -> None:
    x = np.array([[0.0], [0.0], [1.0], [9.0], [50.0]], dtype=np.float32)
    label = fill_empty(x, np.array([0, 0, 0, 0, 2]), 3)
    assert label.tolist() == [0, 0, 0, 1, 2]


def test_more_arms_than_different_prompts_are_refused() -> None:
    with pytest.raises(PrepareError, match=r"cluster\.k=3 needs .* found 2 different ones in 4 rows"):
        x = np.array([[0.0], [0.0], [1.0], [1.0]], dtype=np.float32)
        cluster(x, np.zeros(4), ClusterConfig(k=3), seed=0, threads=1)


def test_arms_are_ordered_by_difficulty_then_lowest_row() -> None:
    label, order = easiest_first(np.array([2, 0, 1, 2, 0]), np.array([0.5, 0.2, 0.5, 0.5, 0.2]))
    assert label.tolist() == [1, 0, 2, 1, 0] and order == [0, 2, 1] and label.dtype == np.int32


def test_a_tie_in_mean_difficulty_survives_the_order_of_summation() -> None:
    level = np.array([0.1, 0.2, 0.3, 0.3, 0.2, 0.1])
    label, _ = easiest_first(np.array([1, 1, 1, 0, 0, 0]), level)
    assert label.tolist() == [0, 0, 0, 1, 1, 1]


def test_the_values_of_a_column_can_be_the_arms() -> None:
    arms = given_arms(["b", "a", "b", "c"], np.array([0.9, 0.5, 0.9, 0.1]), "family")
    assert arms.names == ("c", "a", "b") and arms.label.tolist() == [2, 1, 2, 0]
    assert arms.engine == "column:family"


@pytest.mark.parametrize("value", [None, ["x"], {"a": 1}])
def test_a_column_of_arms_without_a_plain_value_names_the_row(value: object) -> None:
    with pytest.raises(PrepareError, match=r"cluster\.column=family must hold a plain value .* row 1"):
        given_arms(["a", value], np.zeros(2), "family")


def test_without_faiss_auto_takes_sklearn_and_faiss_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    assert choose_engine("auto") == "sklearn"
    with pytest.raises(PrepareError, match=r"cannot be imported .*; install sparft-verl\[cpu\]"):
        choose_engine("faiss")


def test_auto_takes_faiss_when_it_is_there() -> None:
    pytest.importorskip("faiss", reason="FAISS is an extra and not installed here")
    assert choose_engine("auto") == "faiss"


@pytest.mark.parametrize("bad", [{"k": 0}, {"engine": "torch"}, {"iterations": 0}, {"restarts": 0}])
def test_settings_out_of_range_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(PrepareError, match="but found"):
        ClusterConfig(**bad)  # type: ignore[arg-type]
