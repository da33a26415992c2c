"""What a folder's run reads, made by its own data script and its own prepare.yaml, from few rows.

``python -m recipes.checks.inputs RECIPE FOLDER`` writes FOLDER/data and FOLDER/artefact; a process of its own, so that
one folder can be prepared while another one trains.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

from recipes.checks.raw_rows import ROWS, write_copies
from recipes.checks.record import RECIPES

LEVELS = {"knights_knaves": 12, "countdown": 3, "zebra": 3, "arc1d": 3}
"""Levels that are trained on, in the folders that generate their rows."""
TESTED = 2
"""Rows of each level in their other files: a zebra puzzle of the held-out level takes seconds."""
COPIES = ("gsm8k", "math500", "deepscaler", "aime")
"""The folders whose data script reads copies of public sets."""
NO_DIFFICULTY = ("deepscaler",)
"""Whose copy has none."""


def data_arguments(recipe: str, folder: Path) -> list[str]:
    """Return the arguments under which the folder's data script gives ROWS rows to train on, or a few more."""
    if recipe == "tiny_cpu":
        return ["--out", str(folder / "data"), "--train", str(ROWS), "--held-out", "8"]
    if recipe in COPIES:
        copies = write_copies(folder / "copies")
        return ["--out", str(folder / "data"), "--limit", str(ROWS), "--from", str(copies)]
    train = -(-ROWS // LEVELS[recipe])
    return ["--out", str(folder / "data"), "--train", str(train), "--limit", str(TESTED), "--workers", "2"]


def prepare_arguments(recipe: str) -> list[str]:
    """Return the folder's prepare.yaml, and what makes it fit a CPU and few rows of one template."""
    config = ["--config", str(RECIPES / recipe / "prepare.yaml")]
    # words instead of the embedding model, and rows of one template are all near duplicates
    small = ["embed.engine=lexical", "clean.near=false", "report=false", "cache=null"]
    if recipe in (*COPIES, "tiny_cpu"):
        small += ["cluster.k=2", "select.budget=24", "difficulty.missing=median"]
    if recipe in NO_DIFFICULTY:
        small.append("difficulty.column=null")
    return [*config, *small]


def main(argv: list[str]) -> int:
    """Write both; return the status of what failed, or 0."""
    from sparft_verl.prepare.command import main as prepare

    recipe, folder = argv[0], Path(argv[1])
    script = "recipes.tiny_cpu.tasks" if recipe == "tiny_cpu" else f"recipes.{recipe}.data"
    sys.argv = [script, *data_arguments(recipe, folder)]
    try:
        runpy.run_module(script, run_name="__main__")
    except SystemExit as end:
        if end.code:
            raise
    os.environ.update(DATA=str(folder / "data"), ARTEFACT=str(folder / "artefact"))
    return prepare(prepare_arguments(recipe))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
