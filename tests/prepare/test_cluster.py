"""Arms: planted groups are found by either engine, none is empty, the easiest comes first."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparft_verl.prepare.cluster import ClusterConfig, cluster, count_distinct, easiest_first, given_arms
from sparft_verl.prepare.errors import PrepareError
from sparft_verl.prepare.kmeans import choose_device, choose_engine, fill_empty, fit, kmeans, nearest

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
    # large enough for the matrix products of either engine to be split among threads
    x = np.random.Generator(np.random.Philox(1)).normal(size=(6000, 32)).astype(np.float32)
    for restarts in (1, 4):
        runs = [
            fit(x, 50, iterations=8, engine=engine, seed=3, restarts=restarts, threads=t) for t in (1, 1, 2)
        ]
        assert {run.centroids.tobytes() + run.label.tobytes() for run in runs} == {
            runs[0].centroids.tobytes() + runs[0].label.tobytes()
        }


def test_more_starts_are_no_worse_and_inertia_is_that_of_the_labels(engine: str) -> None:
    x = np.random.Generator(np.random.Philox(8)).normal(size=(400, 6)).astype(np.float32)
    one, many = (fit(x, 9, engine=engine, restarts=r, iterations=200) for r in (1, 8))
    assert many.inertia <= one.inertia
    gap = ((x - many.centroids[many.label]) ** 2).sum()
    assert many.inertia == pytest.approx(gap, rel=1e-3)
    assert (nearest(x, many.centroids) == many.label).mean() > 0.99


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
    assert arms.engine == "column:family" and arms.device == "none" and arms.quality == {"eta_squared": 1.0}


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


def test_one_arm_holds_all_rows_and_as_many_arms_as_rows_hold_one_each(engine: str) -> None:
    x, _ = _planted(7, 1)
    level = np.arange(7)[::-1] / 7
    one = cluster(x, level, ClusterConfig(k=1, engine=engine), seed=0, threads=1)
    assert one.label.tolist() == [0] * 7 and one.quality["eta_squared"] == pytest.approx(0)
    each = cluster(x, level, ClusterConfig(k=7, engine=engine), seed=0, threads=1)
    assert each.label.tolist() == [6, 5, 4, 3, 2, 1, 0]
    assert each.quality["inertia"] == pytest.approx(0, abs=1e-6) and each.quality["eta_squared"] == 1


def test_quality_is_measured_from_the_arms() -> None:
    x = np.array([[0.0], [2.0], [10.0], [14.0]], dtype=np.float32)
    arms = cluster(x, np.array([0.0, 0.0, 1.0, 1.0]), ClusterConfig(k=2, engine="sklearn"), seed=0, threads=1)
    assert arms.quality == {"inertia": pytest.approx((1 + 1 + 4 + 4) / 4), "eta_squared": 1.0}
    assert arms.device == "cpu" and arms.engine == "sklearn"


def test_different_rows_are_counted_no_further_than_asked() -> None:
    x = np.array([[0.0, 1.0], [-0.0, 1.0], [0.0, 2.0], [0.0, 1.0]], dtype=np.float32)
    assert count_distinct(x, 10) == 2
    assert count_distinct(np.arange(5000, dtype=np.float32)[:, None], 7) == 7


def test_a_gpu_asked_for_and_not_there_stops_instead_of_running_on_the_cpu() -> None:
    faiss = pytest.importorskip("faiss", reason="FAISS is an extra and not installed here")
    if faiss.get_num_gpus() > 0:
        pytest.skip("FAISS sees a GPU here")
    with pytest.raises(PrepareError, match=r"cluster\.device=gpu needs a GPU .* found 0 of them"):
        cluster(_planted(3, 5)[0], np.zeros(15), ClusterConfig(k=3, device="gpu"), seed=0, threads=1)
    assert choose_device("auto", "faiss") == "cpu"


def test_scikit_learn_has_no_gpu() -> None:
    with pytest.raises(PrepareError, match=r"cluster\.device=gpu needs FAISS, but found the engine sklearn"):
        choose_device("gpu", "sklearn")
    assert choose_device("auto", "sklearn") == "cpu" and choose_device("cpu", "faiss") == "cpu"


@pytest.mark.gpu
def test_arms_made_on_the_gpu_are_those_of_the_cpu() -> None:
    faiss = pytest.importorskip("faiss", reason="FAISS is an extra and not installed here")
    if not (hasattr(faiss, "get_num_gpus") and faiss.get_num_gpus() > 0):
        pytest.skip(f"FAISS {faiss.__version__} sees no GPU: it needs faiss-gpu and an NVIDIA driver")
    x, truth = _planted(10, 500)
    level = truth / 10
    on = {
        d: cluster(x, level, ClusterConfig(k=10, device=d), seed=0, threads=1) for d in ("gpu", "cpu", "auto")
    }
    assert (on["gpu"].device, on["cpu"].device, on["auto"].device) == ("gpu", "cpu", "gpu")
    assert (on["gpu"].label == on["cpu"].label).all()  # groups far apart: no ties to break


@pytest.mark.parametrize(
    "bad",
    [{"k": 0}, {"k": "many"}, {"engine": "torch"}, {"device": "tpu"}, {"iterations": 0}, {"restarts": 0}],
)
def test_settings_out_of_range_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(PrepareError, match="but found"):
        ClusterConfig(**bad)  # type: ignore[arg-type]
