"""The public sets that users meet, in their own schemas: $SPARFT_DATA names the folder that holds them."""

import os
import re
from pathlib import Path

import numpy as np
import pytest

from sparft_verl.identity import row_hash
from sparft_verl.prepare.cache import Cache
from sparft_verl.prepare.read import DataFile, read
from sparft_verl.prepare.sources.config import DataConfig

DATA = Path(os.environ.get("SPARFT_DATA", "nowhere"))
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="SPARFT_DATA names no folder with the public sets")
ROWS = [10_240, 7_473, 1_319, 7_474, 500, 975, 30, 1_000, 1_000, 1_000, 1_200]


def files() -> list[DataFile]:
    """Return how each file of another schema maps to verl's format."""
    question = {"prompt": "question", "truth": "answer", "truth_pattern": "#### (.*)", "truth_drop": ","}
    problem = {"prompt": "problem", "truth": "answer", "extra": ["difficulty"]}
    island = {"prompt": "quiz", "truth": ["solution_text_format", "statements"], "literals": ["statements"]}
    mapped = [(f"gsm8k_{part}.jsonl", {**question, "source": "openai/gsm8k"}) for part in ("train", "test")]
    mapped += [
        (name, {**problem, "source": name}) for name in ("math_train.json", "math500.json", "aime_train.json")
    ]
    mapped += [("aime24.json", {**problem, "source": "aime24", "extra": None})]
    mapped += [
        (f"kk_people{n}.jsonl", {**island, "source": "kk", "constants": {"difficulty": n}}) for n in (3, 5, 7)
    ]
    mapped += [("kk_3to14_test.parquet", {"extra": {"difficulty": "extra_info.depth"}})]
    return [DataFile(path=str(DATA / name), **more) for name, more in mapped]


def test_five_schemas_are_read_as_one_data_set() -> None:
    prompts = read(DataConfig(str(DATA / "deepscaler_10k.parquet"), files()), Cache(None))
    assert [entry["rows"] for entry in prompts.inputs] == ROWS
    answers = prompts.truth(np.flatnonzero(np.array(prompts.source) == "openai/gsm8k"))
    assert len(answers) == 8_792 and all(re.fullmatch(r"-?[\d.]+", answer) for answer in answers)
    known = [value is not None for value in prompts.column("extra_info.difficulty", "x")]
    assert sum(known) == sum(ROWS) - 10_240 - 8_792 - 30
    some = np.random.default_rng(0).integers(0, len(prompts), 500)
    assert [row_hash(row) for row in prompts.take(some).to_pylist()] == [prompts.keys[i] for i in some]
    assert all(text.strip() for text in prompts.text)
