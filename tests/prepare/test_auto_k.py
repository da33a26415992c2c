"""cluster.k=auto: the planted number of groups is found, an unstable one is not taken without a word."""

import numpy as np
import pytest
from sklearn.metrics import silhouette_score

from sparft_verl.prepare.auto_k import AutoKConfig, Engine, choose, possible, stability
from sparft_verl.prepare.cluster import ClusterConfig, cluster
from sparft_verl.prepare.errors import PrepareError

ENGINES = ["faiss", "sklearn"]


def _planted(k: int, per: int) -> np.ndarray:
    rng = np.random.Generator(np.random.Philox(4))
    centres = np.eye(k, 8) * 30  # all equally far from each other
    return (np.repeat(centres, per, axis=0) + rng.normal(size=(k * per, 8))).astype(np.float32)


def _engine(name: str, seed: int = 0, threads: int = 1) -> Engine:
    if name == "faiss":
        pytest.importorskip("faiss", reason="FAISS is an extra and not installed here")
    return Engine(name, "cpu", 25, 4, seed, threads)


def _row(k: int, silhouette: float, ari: float, stable: bool) -> dict[str, object]:
    return {"k": k, "silhouette": silhouette, "ari": ari, "inertia": 1.0, "stable": stable}


@pytest.mark.parametrize("engine", ENGINES)
def test_the_planted_number_of_groups_is_chosen(engine: str) -> None:
    _engine(engine)
    x = _planted(6, 40)
    config = ClusterConfig(k="auto", engine=engine, auto=AutoKConfig(resamples=3))
    arms = cluster(x, np.zeros(len(x)), config, seed=0, threads=1)
    assert len(arms.names) == 6 and arms.quality["chosen"] == 6 and arms.notes == []
    assert [row["k"] for row in arms.quality["stability"]] == [4, 6, 8, 10, 12, 16, 20]
    best = arms.quality["stability"][1]
    assert best["stable"] and best["ari"] == pytest.approx(1) and best["silhouette"] > 0.8
    # a row is 8 coordinates of variance 1 away from its centre
    assert best["inertia"] == pytest.approx(8, rel=0.1)
    assert arms.quality["inertia"] == pytest.approx(best["inertia"], rel=1e-3)


def test_silhouettes_are_those_of_scikit_learn_on_the_rows_measured() -> None:
    x = _planted(4, 20)
    engine = _engine("sklearn")
    table = stability(x, [3, 4], AutoKConfig(resamples=1), engine)["stability"]
    for row in table:
        assert row["silhouette"] == pytest.approx(silhouette_score(x, engine.run(x, row["k"]).label), abs=0.1)
    assert table[1]["silhouette"] == pytest.approx(silhouette_score(x, np.repeat(np.arange(4), 20)), abs=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_same_seed_gives_the_same_table_with_any_number_of_threads(engine: str) -> None:
    x = np.random.Generator(np.random.Philox(1)).normal(size=(300, 5)).astype(np.float32)
    config = AutoKConfig(resamples=2, rows=200, silhouette_rows=100)
    made = [stability(x, [4, 8], config, _engine(engine, seed=3, threads=t)) for t in (1, 2)]
    assert made[0] == made[1] and made[0]["rows"] == 200


def test_noise_has_no_stable_number_of_arms_and_the_most_stable_is_taken_with_a_note() -> None:
    x = np.random.Generator(np.random.Philox(2)).normal(size=(200, 12)).astype(np.float32)
    config = ClusterConfig(k="auto", engine="sklearn", auto=AutoKConfig(candidates=[8, 12, 20], resamples=3))
    arms = cluster(x, np.zeros(200), config, seed=0, threads=1)
    table = arms.quality["stability"]
    assert not any(row["stable"] for row in table)
    assert arms.quality["chosen"] == max(table, key=lambda row: row["ari"])["k"]
    assert "no number of arms among [8, 12, 20] is stable" in arms.notes[0]


def test_the_best_silhouette_of_the_stable_ones_wins_and_ties_go_to_the_fewest_arms() -> None:
    table = [
        _row(4, 0.3, 0.9, True),
        _row(6, 0.5, 0.7, True),
        _row(8, 0.5, 0.8, True),
        _row(10, 0.9, 0.5, False),
    ]
    assert choose(table, AutoKConfig()) == (6, [])
    k, notes = choose(
        [_row(4, 0.9, 0.3, False), _row(6, 0.1, 0.4, False), _row(8, 0.2, 0.4, False)], AutoKConfig()
    )
    assert k == 6 and "k=6 was taken as the most stable (0.40)" in notes[0]


def test_candidates_are_limited_by_different_rows_and_by_the_budget() -> None:
    assert possible([8, 4, 6, 4], 16, None) == [4, 6, 8]
    assert possible([4, 6, 8], 13, None) == [4, 6]
    assert possible([4, 6, 8], 100, 5) == [4]


def test_too_few_prompts_for_any_candidate_are_refused() -> None:
    x = np.repeat(np.arange(7, dtype=np.float32), 4)[:, None]
    config = ClusterConfig(k="auto", engine="sklearn")
    with pytest.raises(
        PrepareError, match=r"cluster\.k=auto needs twice .* found 7 different ones in 28 rows"
    ):
        cluster(x, np.zeros(28), config, seed=0, threads=1)
    with pytest.raises(PrepareError, match=r"and a budget of 3; give cluster\.k a number"):
        cluster(_planted(6, 9), np.zeros(54), config, seed=0, threads=1, most=3)


def test_a_fixed_number_of_arms_can_be_assessed_beside_the_candidates() -> None:
    x = _planted(5, 20)
    config = ClusterConfig(
        k=5, engine="sklearn", assess=True, auto=AutoKConfig(candidates=[4, 6], resamples=2)
    )
    arms = cluster(x, np.zeros(100), config, seed=0, threads=1)
    assert len(arms.names) == 5 and "chosen" not in arms.quality
    table = arms.quality["stability"]
    assert [row["k"] for row in table] == [4, 5, 6]
    assert max(table, key=lambda row: row["silhouette"])["k"] == 5


@pytest.mark.parametrize(
    "bad",
    [{"candidates": []}, {"candidates": [1]}, {"min_ari": 1.5}, {"resamples": 0}, {"silhouette_rows": 10**6}],
)
def test_settings_out_of_range_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(PrepareError, match="but found"):
        AutoKConfig(**bad)  # type: ignore[arg-type]
