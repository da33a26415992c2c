"""MATH to train on, MATH-500 to test: train.parquet and test.parquet in verl's format.

``python -m recipes.math500.data --out DATA [--from FOLDER]``
"""

from pathlib import Path

from recipes.maths import math500, math_train
from recipes.rows import Row
from recipes.script import download


def build(folder: Path | None) -> dict[str, list[Row]]:
    """Return both files' rows."""
    return {"train": math_train(folder), "test": math500(folder)}


if __name__ == "__main__":
    raise SystemExit(download("math500", __doc__, build))
