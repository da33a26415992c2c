"""A run that is killed goes on after its last finished job, and ends as if it had never been killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sparft_verl.prepare.cache import Cache
from sparft_verl.prepare.difficulty import Difficulty, DifficultyConfig, difficulty
from sparft_verl.prepare.read import DataConfig, read
from sparft_verl.prepare.rollouts_config import RolloutsConfig
from sparft_verl.prepare.workers import LocalWorkers

ROOT = Path(__file__).resolve().parents[2]
ROWS = 40
PROGRAM = "import runpy, sys; runpy.run_path(sys.argv[1])['run'](*sys.argv[2:])"


def run(folder: str, cache: str | None) -> Difficulty:
    """Roll out the sums in `folder`; also what the process does that is killed."""
    rollouts = RolloutsConfig(
        model=str(ROOT / "recipes" / "tiny_cpu" / "policy"),
        k=4,
        max_tokens=24,
        shard=2,
        device="cpu",
        reward=f"{folder}/reward.py:score",
    )
    prompts = read(DataConfig(train_files=f"{folder}/train.parquet"), Cache(None))
    asked = DifficultyConfig(rollouts=rollouts)
    return difficulty(prompts, asked, cache=Cache(cache), workers=LocalWorkers(), seed=3, threads=1)


@pytest.fixture
def folder(tmp_path: Path) -> str:
    pytest.importorskip("transformers", reason="rollouts on a CPU run in transformers")
    (tmp_path / "reward.py").write_text(
        "def score(data_source, solution_str, ground_truth, extra_info=None):\n"
        "    return float(solution_str.strip() == ground_truth)\n"
    )
    question = "State the final answer to the following arithmetic problem: {} + {} ="
    rows = [
        {
            "data_source": "sums",
            "prompt": [{"role": "user", "content": question.format(i, i % 7)}],
            "reward_model": {"style": "rule", "ground_truth": str(i + i % 7)},
        }
        for i in range(ROWS)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "train.parquet")
    return str(tmp_path)


def test_a_run_killed_in_the_middle_goes_on_and_ends_the_same(folder: str) -> None:
    cache = Path(folder) / "cache"
    command = [sys.executable, "-c", PROGRAM, __file__, folder, str(cache)]
    process = subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 120
        while len(list(cache.rglob("part-*.json"))) < 3:
            assert process.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.005)
    finally:
        process.kill()
    assert process.wait() == -signal.SIGKILL

    resumed, whole = run(folder, str(cache)), run(folder, None)
    assert resumed.cost.cached >= 6 and resumed.cost.items > 0
    assert resumed.cost.cached + resumed.cost.items == ROWS
    assert whole.cost.items == ROWS and whole.cost.cached == 0
    for name in ("value", "solve_rate", "low", "high", "rollouts"):
        assert np.array_equal(getattr(resumed, name), getattr(whole, name)), name
    assert resumed.described == whole.described
