"""The demo's rows: verl's format, deterministic, and no question on both sides."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

pytest.importorskip("reasoning_gym", reason="the demo's tasks need the demo extra")

from recipes.rows import problems
from recipes.tiny_cpu.families import FAMILIES, digest, is_held_out
from recipes.tiny_cpu.tasks import build, main, quotas, write

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def splits() -> dict[str, list[dict]]:
    return build(300, 140, seed=3, progress=False)


def texts(rows: list[dict]) -> list[str]:
    return [row["prompt"][0]["content"] for row in rows]


def test_no_question_occurs_twice_in_or_across_the_splits(splits):
    everything = texts(splits["train"]) + texts(splits["held_out"])
    assert len(set(everything)) == len(everything) == 440


def test_held_out_rows_of_one_seed_never_train_under_another(splits):
    other = build(300, 140, seed=4, progress=False)
    assert not set(texts(splits["held_out"])) & set(texts(other["train"]))
    assert set(texts(splits["train"])) != set(texts(other["train"]))
    assert all(is_held_out(text) for text in texts(other["held_out"]))
    assert not any(is_held_out(text) for text in texts(other["train"]))


def test_every_level_of_every_family_is_in_both_splits(splits):
    expected = {(family.name, level) for family in FAMILIES for level in range(len(family.levels))}
    for rows in splits.values():
        assert {(row["extra_info"]["family"], row["extra_info"]["level"]) for row in rows} == expected


def test_the_default_size_holds_out_at_least_400_items_of_learnable_families():
    shares = [family.weight / len(family.levels) for family in FAMILIES for _ in family.levels]
    learnable = [family.learnable for family in FAMILIES for _ in family.levels]
    counts = quotas(640, shares)
    assert sum(count for count, is_learnable in zip(counts, learnable, strict=True) if is_learnable) >= 400
    assert sum(family.learnable and family.ability in {"arithmetic", "algebra"} for family in FAMILIES) >= 3


def test_difficulty_rises_with_level_from_0_to_1(splits):
    for family in FAMILIES:
        values = [family.difficulty(level) for level in range(len(family.levels))]
        assert values == sorted(set(values)) and 0 <= values[0] <= values[-1] <= 1
    for row in splits["train"]:
        info = row["extra_info"]
        family = next(f for f in FAMILIES if f.name == info["family"])
        assert info["difficulty"] == family.difficulty(info["level"])


def test_rows_have_verls_columns_and_running_indices(splits, tmp_path):
    table = pq.read_table(write(tmp_path, splits)["train"])
    assert table.column_names == ["data_source", "prompt", "ability", "reward_model", "extra_info"]
    first = table.slice(0, 1).to_pylist()[0]
    assert first == splits["train"][0]
    assert [row["extra_info"]["index"] for row in table.to_pylist()] == list(range(300))


def test_the_same_seed_writes_the_same_bytes_in_another_process(tmp_path):
    args = ["--seed", "7", "--train", "60", "--held-out", "30"]
    main(["--out", str(tmp_path / "here"), *args])
    subprocess.run(
        [sys.executable, "-m", "recipes.tiny_cpu.tasks", "--out", str(tmp_path / "there"), *args],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "12345"},
        check=True,
        capture_output=True,
    )
    for name in ("train.parquet", "held_out.parquet"):
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes()


def test_preflight_knows_the_rows_again_and_names_an_edited_file(tmp_path):
    main(["--out", str(tmp_path), "--train", "60", "--held-out", "30"])
    assert problems("tiny_cpu", tmp_path) == []
    table = pq.read_table(tmp_path / "train.parquet")
    pq.write_table(table.slice(1), tmp_path / "train.parquet")
    (edited,) = problems("tiny_cpu", tmp_path)
    assert "train.parquet must hash to" in edited and "python -m recipes.tiny_cpu.tasks --out" in edited


def test_quotas_add_up_and_follow_the_weights():
    assert quotas(10, [1, 1, 1]) == [4, 3, 3]
    assert quotas(7, [0.5, 0.25, 0.25]) == [3, 2, 2]
    assert sum(quotas(641, [f.weight for f in FAMILIES])) == 641


def test_more_rows_than_a_level_has_questions_is_refused_with_the_level_and_the_fix():
    with pytest.raises(ValueError, match=r"not enough different questions: .*level 0 .*ask for fewer rows"):
        build(8000, 10, seed=0, progress=False)


@pytest.mark.parametrize(("train", "held_out"), [(0, 5), (5, -1)])
def test_counts_below_one_are_refused_with_the_value(train, held_out):
    with pytest.raises(ValueError, match="must be at least 1 row, got"):
        build(train, held_out, seed=0, progress=False)


def test_digest_never_changes_because_it_decides_the_held_out_pool():
    assert digest("held-out", "Calculate 5 - 3.") == 277038172
    assert digest("a", "b") != digest("ab")
