"""The generated puzzles: reasoning-gym's own items, the same everywhere, levels held apart."""

import json
import os
import subprocess
import sys
import tomllib
from collections import Counter
from dataclasses import replace
from multiprocessing.pool import ThreadPool
from pathlib import Path

import pytest

pytest.importorskip("reasoning_gym", reason="puzzles need the demo extra")


from recipes import gym
from recipes.knights_knaves import puzzles
from recipes.rows import RecipeError, digest, problems, write

from .folders import ONLY_EASY, ROOT, SMALL, as_verl_loads, prepare, puzzle_of, rows_of, run_script, small

LEVELS = {
    "knights_knaves": {"train": range(3, 15), "test": range(3, 15)},
    **{
        name: {"train": (1, 2, 3), "test": (1, 2, 3), "ood": (4,)} for name in ("countdown", "zebra", "arc1d")
    },
}


def write_small(monkeypatch, name: str, out: Path) -> None:
    """Write few rows by the recipe's data script; those of zebra, which knows no such option, by its parts."""
    if name in ONLY_EASY:
        write(out, name, "made", small(name, SMALL[name]), cut=True, any_hash=False)
    else:
        assert run_script(monkeypatch, name, "--out", out, "--limit", SMALL[name]) == 0


@pytest.mark.parametrize("name", SMALL)
def test_the_same_rows_come_out_with_any_number_of_workers_and_any_hash_seed(name, tmp_path):
    here = small(name, SMALL[name], workers=2)
    script = tmp_path / "there.py"
    script.write_text(
        "import json, sys\n"
        "sys.path.insert(0, sys.argv[3])\n"
        "from recipes.rows import digest\n"
        "from folders import small\n"
        "if __name__ == '__main__':\n"
        "    rows = small(sys.argv[1], int(sys.argv[2]))\n"
        "    print(json.dumps({split: digest(found) for split, found in rows.items()}))\n"
    )
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    there = subprocess.run(
        [sys.executable, script, name, str(SMALL[name]), str(ROOT / "tests" / "recipes")],
        env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "12345"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert json.loads(there.stdout) == {split: digest(rows) for split, rows in here.items()}
    pinned = tomllib.loads((ROOT / "tests" / "recipes" / "small_hashes.toml").read_text())[name]
    assert {split: digest(rows) for split, rows in here.items()} == pinned


@pytest.mark.parametrize("people", [2, 3, 5, 7])
def test_the_faster_search_gives_reasoning_gyms_own_knights_and_knaves(people):
    settings = {"n_people": people, "depth_constraint": 2, "width_constraint": 2}
    for index in range(12):
        mine, own = puzzles.item(settings, 77, index), gym.item("knights_knaves", settings, 77, index)
        assert (mine["question"], mine["answer"]) == (own["question"], own["answer"])
        assert mine["metadata"]["solution"] == own["metadata"]["solution"]


def test_a_statement_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="found 'xor'"):
        puzzles.solutions((("xor", ("lying", 0), ("lying", 1)), ("lying", 0)))


@pytest.mark.parametrize("name", SMALL)
def test_files_hold_their_levels_verl_loads_them_and_prepare_makes_arms_of_levels(
    name, monkeypatch, tmp_path
):
    out = tmp_path / "data"
    write_small(monkeypatch, name, out)
    assert problems(name, out) == []
    seen: list[str] = []
    for split, levels in LEVELS[name].items():
        if name in ONLY_EASY and split == "ood":
            continue
        levels = (1, 2) if name in ONLY_EASY else levels
        rows = rows_of(out / f"{split}.parquet")
        assert Counter(row["extra_info"]["level"] for row in rows) == {level: SMALL[name] for level in levels}
        assert all(row["extra_info"]["difficulty"] == row["extra_info"]["level"] for row in rows)
        seen += [row["extra_info"]["question"] for row in rows]
        loaded = as_verl_loads(out / f"{split}.parquet", tmp_path / "cache")
        assert len(loaded) == len(rows) and loaded[1]["raw_prompt"] == rows[1]["prompt"]
    assert len(set(seen)) == len(seen)
    artefact = prepare(monkeypatch, name, out, tmp_path / "artefact")
    trained = {row["extra_info"]["level"] for row in rows_of(out / "train.parquet")}
    assert set(artefact.arm_names) == set(map(str, trained))
    assert len(artefact.keys) == len(rows_of(out / "train.parquet"))


def test_the_levels_are_those_of_the_papers():
    assert sorted(puzzle_of("knights_knaves").levels) == list(range(3, 15))
    numbers = {level: s["min_numbers"] for level, s in puzzle_of("countdown").levels.items()}
    houses = {level: s["num_people"] for level, s in puzzle_of("zebra").levels.items()}
    assert numbers == houses == {1: 3, 2: 4, 3: 5, 4: 6}
    assert {level: s["max_size"] for level, s in puzzle_of("arc1d").levels.items()} == {
        1: 10,
        2: 20,
        3: 30,
        4: 40,
    }


def test_more_rows_than_a_level_has_questions_is_refused_with_the_level_and_the_fix():
    few = {
        "min_numbers": 2,
        "max_numbers": 2,
        "min_value": 1,
        "max_value": 2,
        "min_target": 1,
        "max_target": 3,
    }
    puzzle = gym.Puzzle("countdown", "search", {1: few}, (gym.File("train", (1,), 60),))
    with pytest.raises(RecipeError, match=r"level 1 of countdown must give 60 different questions.*--limit"):
        gym.build(puzzle, None, None, 1)


def test_rows_to_train_on_are_counted_apart_and_no_item_is_made_that_is_not_wanted(monkeypatch, tmp_path):
    assert run_script(monkeypatch, "arc1d", "--out", tmp_path, "--limit", 1, "--train", 3) == 0
    counts = {split: len(rows_of(tmp_path / f"{split}.parquet")) for split in ("train", "test", "ood")}
    assert counts == {"train": 9, "test": 3, "ood": 1}
    made: list[int] = []

    def make(settings, seed, index):
        made.append(index)
        return gym.item("arc_1d", settings, seed, index)

    with ThreadPool(1) as pool:
        puzzle = replace(puzzle_of("arc1d"), make=make)
        assert len(gym._level(puzzle, "train", 1, 2, set(), pool, 1)) == 2
    assert made == [0, 1]


@pytest.mark.parametrize("option", ["--limit", "--workers", "--train"])
def test_counts_below_one_are_refused_with_the_value(option, monkeypatch, capsys, tmp_path):
    assert run_script(monkeypatch, "arc1d", "--out", tmp_path, option, 0) == 2
    assert f"{option} must be at least 1, but found 0" in capsys.readouterr().err
