"""What the tests of data scripts share: run one small, load it as verl does, prepare it on a CPU."""

import runpy
import sys
from importlib import import_module
from pathlib import Path

import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[2]
RECIPES = ROOT / "recipes"
POLICY = RECIPES / "tiny_cpu" / "policy"
SMALL = {"knights_knaves": 2, "countdown": 6, "zebra": 2, "arc1d": 20}
ONLY_EASY = {"zebra"}
"""Six houses take ten seconds a puzzle."""


def run_script(monkeypatch, name: str, *arguments: object) -> int:
    """Return the exit status of `python -m recipes.NAME.data ARGUMENTS`, run in this process."""
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.delitem(sys.modules, f"recipes.{name}.data", raising=False)
    monkeypatch.setattr(sys, "argv", [f"recipes.{name}.data", *map(str, arguments)])
    try:
        runpy.run_module(f"recipes.{name}.data", run_name="__main__")
    except SystemExit as e:
        return int(e.code or 0)
    raise AssertionError("a data script ends by SystemExit")


def rows_of(path: Path) -> list[dict]:
    return pq.read_table(path).to_pylist()


def as_verl_loads(path: Path, cache: Path):
    """Return verl's own data set over a file, with the demo's tokenizer and no prompt too long."""
    from omegaconf import OmegaConf
    from transformers import AutoTokenizer
    from verl.utils.dataset.rl_dataset import RLHFDataset

    config = OmegaConf.create(
        {"cache_dir": str(cache), "max_prompt_length": 16384, "filter_overlong_prompts_workers": 1}
    )
    return RLHFDataset([str(path)], AutoTokenizer.from_pretrained(POLICY), config)


def prepare(monkeypatch, name: str, data: Path, out: Path, *settings: str):
    """Return the artefact that the recipe's prepare.yaml makes of a data folder, without a model."""
    from sparft_verl.artefact import read_artefact
    from sparft_verl.prepare.command import main

    monkeypatch.setenv("DATA", str(data))
    monkeypatch.setenv("ARTEFACT", str(out))
    config = ["--config", str(RECIPES / name / "prepare.yaml")]
    assert main([*config, "embed.engine=lexical", "report=false", "cache=null", *settings]) == 0
    return read_artefact(out)


def puzzle_of(name: str):
    return import_module(f"recipes.{name}.data").PUZZLE


def small(name: str, limit: int, workers: int = 1) -> dict[str, list[dict]]:
    """Return few rows of a recipe; of zebra without the slow level."""
    from recipes import gym

    puzzle = puzzle_of(name)
    if name in ONLY_EASY:
        files = tuple(gym.File(f.name, (1, 2), f.rows) for f in puzzle.files if f.name != "ood")
        puzzle = gym.Puzzle(puzzle.name, puzzle.ability, puzzle.levels, files)
    return gym.build(puzzle, limit, None, workers)
