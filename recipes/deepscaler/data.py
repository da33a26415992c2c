"""DeepScaleR to train on; MATH-500 (test.parquet), GSM8K and AIME 2024 to test, in verl's format.

``python -m recipes.deepscaler.data --out DATA [--from FOLDER]``
"""

from pathlib import Path

from recipes.maths import GSM8K_TEST, aime24, deepscaler, gsm8k, math500
from recipes.rows import Row
from recipes.script import download


def build(folder: Path | None) -> dict[str, list[Row]]:
    """Return all four files' rows; a test question that DeepScaleR has too, word for word, is not trained on.

    `sparft prepare` takes out those that differ by little; a run on the full file never sees it.
    """
    tests = {"test": math500(folder), "gsm8k": gsm8k(GSM8K_TEST, folder), "aime24": aime24(folder)}
    kept_out = {_words(row) for rows in tests.values() for row in rows}
    return {"train": [row for row in deepscaler(folder) if _words(row) not in kept_out], **tests}


def _words(row: Row) -> str:
    return " ".join(row["extra_info"]["question"].split())


if __name__ == "__main__":
    raise SystemExit(download("deepscaler", __doc__, build))
