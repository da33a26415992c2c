from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.learning import loop
from benchmarks.learning.arms import arms_of
from benchmarks.learning.loop import run
from benchmarks.learning.mixes import training_set
from benchmarks.learning.policy import new_policy
from benchmarks.learning.pool import fill
from benchmarks.learning.spec import Spec
from benchmarks.learning.store import Store
from benchmarks.learning.warm_start import RECIPE, Recipe, keep, place, warm_policy


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache whose warm policy is a short-taught one, so that a run takes a second."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("cache")
    policy, seconds = warm_policy("train", folder, recipe=Recipe(steps=12, rows=42))
    keep(policy, seconds, place("train", folder, 0, RECIPE))
    return folder


def spec(curriculum: dict[str, Any] | None = None, **fields: Any) -> Spec:
    given = {"useless": 0.6, "updates": 4, "prompts": 4, "rollouts": 4, **fields}
    prepare = given.pop("prepare", None)
    return Spec.of("it", 0, curriculum or {"method": "uniform"}, prepare, **given)


def steady(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if not name.endswith(("seconds", "_ms"))}


def test_a_run_is_told_in_full_and_again_the_same(cache: Path) -> None:
    first = run(spec(), cache)
    assert steady(first) == steady(run(spec(), cache))
    assert first["curve"]["update"] == [0, 4]
    assert first["curve"]["rollouts"] == [0, 64]
    assert len(first["train"]["reward"]) == len(first["train"]["degenerate"]) == 4
    assert np.sum(first["train"]["pulls"]) == np.sum(list(first["train"]["served"].values())) == 16
    lengths = {len(column) for column in first["curve"]["accuracy"].values()}
    assert lengths == {2}
    assert first["final"]["overall"] == pytest.approx(
        np.mean(list(first["final"]["accuracy"].values())), abs=1e-4
    )
    assert 0 < first["params"] <= 100_000


def test_policies_start_equal_whatever_the_method(cache: Path) -> None:
    starts = [
        run(spec(way, arms="categories"), cache)["curve"] for way in ({"method": "sec"}, {"method": "dump"})
    ]
    assert starts[0]["overall"][0] == starts[1]["overall"][0]


def test_a_gate_spends_the_same_rollouts(cache: Path) -> None:
    gated = run(spec({"method": "uniform", "gate": "dapo"}, updates=6), cache)
    assert gated["curve"]["rollouts"][-1] == 6 * 16
    assert gated["curve"]["update"][-1] <= 6


def test_late_feedback_is_heard_late(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[tuple[int, int]] = []
    observe = loop.CurriculumSampler.observe

    def listen(self: Any, groups: Any) -> int:
        heard.append((self.curriculum.step, int(groups.policy_step[0])))
        return observe(self, groups)

    monkeypatch.setattr(loop.CurriculumSampler, "observe", listen)
    run(spec({"method": "sec"}, arms="categories", delay=2, updates=5), cache)
    assert heard == [(2, 0), (3, 1), (4, 2)]


def test_a_budget_keeps_that_many(cache: Path) -> None:
    tasks = training_set("train", 0.6, 0)
    for items in ("random", "stratified"):
        arms = arms_of(spec(items=items, budget=50), tasks, new_policy(0), cache).arms
        assert len(arms.rows) == 50
    counts = np.unique([tasks[row].category for row in arms.rows], return_counts=True)[1]
    assert counts.max() <= 2


def test_an_oracle_filter_serves_what_is_useful_and_nothing_else() -> None:
    tasks = training_set("train", 0.6, 0)
    arms = arms_of(spec(items="useful"), tasks, new_policy(0), Path()).arms
    assert {tasks[row].kind for row in arms.rows} == {"useful"}
    assert len(arms.rows) == sum(task.kind == "useful" for task in tasks)


def test_the_data_sets_categories_can_be_the_arms_of_what_cleaning_leaves(cache: Path) -> None:
    tasks = training_set("train", 0.6, 0)
    wanted = spec(arms="clusters", prepare={"cluster.column": "extra_info.category"})
    arms = arms_of(wanted, tasks, new_policy(0), cache).arms
    assert [arms.names[arm] for arm in arms.arm] == [tasks[row].category for row in arms.rows]
    assert len(arms.rows) == len({task.question for task in tasks})


def test_categories_are_family_and_level() -> None:
    tasks = training_set("train", 0.3, 1)
    arms = arms_of(spec(arms="categories", useless=0.3), tasks, new_policy(0), Path()).arms
    for row, arm in zip(arms.rows, arms.arm, strict=True):
        assert arms.names[arm] == f"{tasks[row].family}/{tasks[row].level}"
    assert len(arms.rows) == len(tasks)


def test_stage_a_removes_copies_and_clusters_the_rest(cache: Path) -> None:
    tasks = training_set("train", 0.6, 0)
    prepared = arms_of(spec(arms="clusters", prepare={"cluster.k": 8}), tasks, new_policy(0), cache)
    questions = [tasks[row].question for row in prepared.arms.rows]
    assert sorted(questions) == sorted({task.question for task in tasks})
    assert prepared.arms.names == tuple(f"c{k}" for k in range(8))
    assert prepared.core_seconds > 0
    chosen = arms_of(
        spec(arms="clusters", items="selected", budget=40, prepare={"cluster.k": 8}),
        tasks,
        new_policy(0),
        cache,
    )
    assert len(chosen.arms.rows) == 40
    assert set(chosen.arms.rows) <= set(prepared.arms.rows)
    arm_of = dict(zip(prepared.arms.rows.tolist(), prepared.arms.arm.tolist(), strict=True))
    assert [arm_of[row] for row in chosen.arms.rows.tolist()] == chosen.arms.arm.tolist()


def test_difficulty_from_rollouts_is_counted(cache: Path) -> None:
    policy, _ = warm_policy("train", cache)
    tasks = training_set("train", 0.6, 0)
    prepared = arms_of(spec(arms="clusters", prepare={"rollouts": 2}), tasks, policy, cache)
    assert prepared.rollouts == 2 * len({task for task in tasks})
    assert set(np.unique(prepared.arms.difficulty)) <= {0.0, 0.5, 1.0}


def test_runs_are_made_once_and_a_failed_one_is_named(cache: Path, tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.cache = cache
    wrong = spec({"method": "sec", "nonsense": 1})
    lines = fill(store, [spec(), wrong], jobs=1)
    assert len(lines) == 1 and "nonsense" in lines[0]
    assert store.missing([spec(), wrong]) == [wrong]
    (record,) = store.of([spec()])
    assert {"commit", "versions", "machine"} <= set(record)
    assert fill(store, [spec()], jobs=1) == []
