"""GSM8K in verl's format: train.parquet and test.parquet.

``python -m recipes.gsm8k.data --out DATA [--from FOLDER]``
"""

from pathlib import Path

from recipes.maths import GSM8K_TEST, GSM8K_TRAIN, gsm8k
from recipes.rows import Row
from recipes.script import download


def build(folder: Path | None) -> dict[str, list[Row]]:
    """Return both files' rows."""
    return {"train": gsm8k(GSM8K_TRAIN, folder), "test": gsm8k(GSM8K_TEST, folder)}


if __name__ == "__main__":
    raise SystemExit(download("gsm8k", __doc__, build))
