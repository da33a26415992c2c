"""AIME 1983 to 2023 to train on, AIME 2024 to test: train.parquet and test.parquet in verl's format.

``python -m recipes.aime.data --out DATA [--from FOLDER]``
"""

from pathlib import Path

from recipes.maths import aime24, aime_train
from recipes.rows import Row
from recipes.script import download


def build(folder: Path | None) -> dict[str, list[Row]]:
    """Return both files' rows."""
    return {"train": aime_train(folder), "test": aime24(folder)}


if __name__ == "__main__":
    raise SystemExit(download("aime", __doc__, build))
