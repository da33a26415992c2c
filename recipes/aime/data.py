"""AIME 1983 to 2023 to train on; AIME 2024 (test.parquet) and 2025 (aime25.parquet) to test, in verl's format.

``python -m recipes.aime.data --out DATA [--from FOLDER]``
"""

import sys
from pathlib import Path

from recipes.maths import AIME25, aime24, aime25, aime_train
from recipes.rows import Row
from recipes.script import download


def build(folder: Path | None) -> dict[str, list[Row]]:
    """Return every file's rows; a folder of copies may lack AIME 2025, which is then left out and said."""
    files = {"train": aime_train(folder), "test": aime24(folder)}
    if folder is not None and not (folder / AIME25.copy).is_file():
        print(f"aime25.parquet is left out: there is no {AIME25.copy} in {folder}", file=sys.stderr)
        return files
    return {**files, "aime25": aime25(folder)}


if __name__ == "__main__":
    raise SystemExit(download("aime", __doc__, build))
