"""Rows of both sources: levels, lengths, nothing in two files, both artefacts, written once."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

pytest.importorskip("reasoning_gym", reason="needs reasoning-gym")

from benchmarks.pretrained import data
from benchmarks.pretrained.data import PEOPLE, STEPS, Sizes
from recipes.gym import questions
from recipes.maths import GSM8K_TRAIN, gsm8k
from recipes.rows import RecipeError
from sparft_verl.artefact import read_artefact

SMALL = Sizes(train=2, held_out=1, clusters=2)
CATEGORIES = {f"gsm8k {n}" for n in STEPS} | {f"knights_knaves {n}" for n in PEOPLE}


def test_short_questions_of_each_level_the_same_each_time(copies: Path) -> None:
    rows = gsm8k(GSM8K_TRAIN, copies)
    found = data.short_gsm8k(rows, "train", 4, set())
    assert [row["extra_info"]["level"] for row in found] == [n for n in STEPS for _ in range(4)]
    assert all(row["extra_info"]["difficulty"] == row["extra_info"]["level"] for row in found)
    assert {row["extra_info"]["category"] for row in found} == {f"gsm8k {n}" for n in STEPS}
    assert max(len(row["extra_info"]["question"].split()) for row in found) <= data.MOST_WORDS
    assert found == data.short_gsm8k(rows, "train", 4, set())
    assert all(row["prompt"][0]["content"].endswith('after "####".') for row in found)


def test_questions_that_are_held_out_are_not_trained_on(copies: Path) -> None:
    rows = gsm8k(GSM8K_TRAIN, copies)
    taken = questions(data.short_gsm8k(rows, "train", 2, set()))
    assert not taken & questions(data.short_gsm8k(rows, "train", 3, taken))
    with pytest.raises(
        RecipeError, match=r"must have 4 train questions of 1 calculations .* but has 3; ask for fewer"
    ):
        data.short_gsm8k(rows, "train", 4, taken)


def test_everything_is_written_once_and_verl_and_both_kinds_of_arms_read_it(
    copies: Path, tmp_path: Path
) -> None:
    out = tmp_path / "data"
    name = data.provide(out, SMALL, copies)
    train, held_out = (pq.read_table(out / f"{split}.parquet").to_pylist() for split in ("train", "held_out"))
    assert (len(train), len(held_out)) == (2 * 7, 7)
    assert not questions(train) & questions(held_out) and len(questions(train)) == 14
    assert {row["extra_info"]["category"] for row in held_out} == CATEGORIES
    categories, clusters = (read_artefact(out / f"artefact-{arms}") for arms in ("categories", "clusters"))
    assert set(categories.arm_names) == CATEGORIES and len(clusters.arm_names) == 2
    for artefact in (categories, clusters):
        assert sum(artefact.items["sparft_selected"].to_pylist()) == 14
    stamp = (out / "train.parquet").stat().st_mtime_ns
    assert data.provide(out, SMALL, copies) == name == data.identity(out)
    assert (out / "train.parquet").stat().st_mtime_ns == stamp
    with pytest.raises(
        RecipeError, match=r"must hold data of .*'train': 3.* but holds those of .*'train': 2"
    ):
        data.provide(out, replace(SMALL, train=3), copies)
    assert json.loads((out / data.RECORD).read_text())["sizes"] == asdict(SMALL)


def test_bad_sizes_and_a_missing_copy_are_named(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert data.main(["--out", str(tmp_path / "out"), "--train", "0"]) == 1
    assert "train must be at least 1, but found 0" in capsys.readouterr().err
    assert data.main(["--out", str(tmp_path / "out"), "--from", str(tmp_path)]) == 1
    assert "gsm8k_test.jsonl" in capsys.readouterr().err and not (tmp_path / "out").exists()
