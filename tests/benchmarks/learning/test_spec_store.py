import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.learning.spec import Spec
from benchmarks.learning.store import MOST_BYTES, TRIED, Store
from benchmarks.learning.suites import QUICK, SUITES


def spec(**others: Any) -> Spec:
    return Spec.of("uniform-full", 3, {"method": "uniform"}, **others)


def record(run: Spec, **others: Any) -> dict[str, Any]:
    empty: dict[str, Any] = dict.fromkeys(
        ("commit", "versions", "machine", "core_seconds", "curve", "train", "final")
    )
    return {**empty, "key": run.key, "spec": run.as_dict(), **others}


def test_the_key_is_of_all_but_the_label() -> None:
    base = spec()
    assert spec().key == base.key
    assert Spec.of("another", 3, {"method": "uniform"}).key == base.key
    others = [
        spec(useless=0.3),
        spec(world="confirm"),
        spec(delay=1),
        spec(items="random", budget=10),
        spec(arms="categories"),
        Spec.of("uniform-full", 4, {"method": "uniform"}),
        Spec.of("uniform-full", 3, {"method": "sec"}),
        Spec.of("uniform-full", 3, {"method": "uniform"}, {"cluster.k": 5}),
    ]
    assert len({base.key, *(other.key for other in others)}) == len(others) + 1


def test_settings_in_another_order_are_the_same_run() -> None:
    one = Spec.of("a", 0, {"method": "sec", "tau": 1.0})
    assert one.key == Spec.of("a", 0, {"tau": 1.0, "method": "sec"}).key
    assert Spec.read(json.loads(json.dumps(one.as_dict()))) == one


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"world": "moon"}, "world must be one of train, confirm"),
        ({"useless": 1.0}, "useless must lie in"),
        ({"rollouts": 1}, "rollouts must be at least 2"),
        ({"budget": 5}, "disagree"),
        ({"items": "random"}, "disagree"),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        spec(**fields)


def test_the_seed_is_the_runs_own() -> None:
    with pytest.raises(ValueError, match="leave it out"):
        Spec.of("a", 0, {"method": "uniform", "seed": 1})


def test_sittings_add_up(tmp_path: Path) -> None:
    runs = [spec(useless=share) for share in (0.0, 0.3, 0.6)]
    first = Store(tmp_path)
    first.append(record(runs[0]))
    second = Store(tmp_path)
    second.append(record(runs[1]))  # the first still holds its file
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs-0.jsonl", "runs-1.jsonl"]
    first.close()
    third = Store(tmp_path)
    third.append(record(runs[2]))
    assert len((tmp_path / "runs-0.jsonl").read_text().splitlines()) == 2
    assert [found["key"] for found in third.of(runs)] == [run.key for run in runs]
    assert third.missing([*runs, spec(delay=2), spec(delay=2)]) == [spec(delay=2)]


def test_a_torn_end_is_skipped_and_then_cut(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.append(record(spec()))
    store.close()
    file = tmp_path / "runs-0.jsonl"
    file.write_bytes(file.read_bytes() + b'{"key": "half')
    assert set(Store(tmp_path).records()) == {spec().key}
    store.append(record(spec(delay=1)))
    assert set(Store(tmp_path).records()) == {spec().key, spec(delay=1).key}


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs-0.jsonl").write_text("[]\n")
    with pytest.raises(ValueError, match=r"runs-0\.jsonl:1"):
        Store(tmp_path).records()


def test_a_record_is_checked_before_it_is_written(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(ValueError, match="must have"):
        store.append({"key": "x"})
    with pytest.raises(ValueError, match="another version"):
        store.append(record(spec(), key="0" * 16))
    with pytest.raises(ValueError, match=str(MOST_BYTES)):
        store.append(record(spec(), curve="x" * MOST_BYTES))
    assert store.records() == {}


def test_a_label_is_the_askers(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.append(record(spec()))
    (found,) = store.of([Spec.of("plain", 3, {"method": "uniform"})])
    assert found["spec"]["label"] == "plain"


def test_runs_of_which_little_was_kept_are_counted_with_the_others(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.append(record(spec()))
    kept = [{"key": "old", "final": {"overall": 0.3}}, {"key": spec().key, "final": {"overall": 0.0}}]
    (tmp_path / TRIED).write_text("".join(json.dumps(line) + "\n" for line in kept))
    tried = store.tried()
    assert [run["key"] for run in tried] == [spec().key, "old"] and "curve" in tried[0]
    assert "old" not in store.records()


def test_suites_hold_what_they_promise() -> None:
    headline = SUITES["headline"]
    assert len({run.seed for run in headline}) >= 10
    assert {run.useless for run in headline} == {0.6}
    assert {run.useless for run in SUITES["shares"]} == {0.0, 0.3, 0.9}
    for name, suite in {**SUITES, "quick": QUICK}.items():
        assert len({run.key for run in suite}) == len(suite), name
    # methods compete on equal terms
    assert len({(run.updates, run.prompts, run.rollouts) for suite in SUITES.values() for run in suite}) == 1
