"""The vLLM engine on a machine with a GPU: the same answers from the same jobs, and near transformers' own rates."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sparft_verl.prepare.cache import Cache
from sparft_verl.prepare.difficulty import Difficulty, DifficultyConfig, difficulty
from sparft_verl.prepare.read import DataConfig, read
from sparft_verl.prepare.rollouts_config import RolloutsConfig
from sparft_verl.prepare.workers import LocalWorkers

pytestmark = pytest.mark.gpu

POLICY = Path(__file__).resolve().parents[2] / "recipes" / "tiny_cpu" / "policy"


@pytest.fixture
def rollouts(tmp_path: Path) -> RolloutsConfig:
    torch = pytest.importorskip("torch", reason="vLLM needs torch")
    pytest.importorskip("vllm", reason="vLLM is not installed; it comes with sparft-verl[gpu]")
    if not torch.cuda.is_available():
        pytest.skip("torch sees no NVIDIA GPU, which vLLM needs")
    (tmp_path / "reward.py").write_text(
        "def score(data_source, solution_str, ground_truth, extra_info=None):\n"
        "    return float(solution_str.strip() == ground_truth)\n"
    )
    return RolloutsConfig(
        model=str(POLICY),
        engine="vllm",
        k=16,
        max_tokens=12,
        shard=8,
        dtype="float32",
        reward=f"{tmp_path / 'reward.py'}:score",
        vllm={"gpu_memory_utilization": 0.2, "enforce_eager": True},
    )


def roll(tmp_path: Path, config: RolloutsConfig, cache: Any = None) -> Difficulty:
    question = "State the final answer to the following arithmetic problem: {} + {} ="
    rows = [
        {
            "data_source": "sums",
            "prompt": [{"role": "user", "content": question.format(1 + i % 9, 1 + i // 9)}],
            "reward_model": {"style": "rule", "ground_truth": str(2 + i % 9 + i // 9)},
        }
        for i in range(30)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "train.parquet")
    prompts = read(DataConfig(train_files=str(tmp_path / "train.parquet")), Cache(None))
    asked = DifficultyConfig(rollouts=config)
    return difficulty(prompts, asked, cache=Cache(cache), workers=LocalWorkers(), seed=0, threads=1)


def test_the_same_jobs_give_the_same_rates(tmp_path: Path, rollouts: RolloutsConfig) -> None:
    first = roll(tmp_path, rollouts, tmp_path / "cache")
    warm = roll(tmp_path, rollouts, tmp_path / "cache")
    again = roll(tmp_path, rollouts)
    assert first.solve_rate is not None and (first.rollouts == np.full(30, 16)).all()
    assert np.array_equal(first.solve_rate, warm.solve_rate) and warm.cost.rollouts == 0
    assert np.array_equal(first.solve_rate, again.solve_rate)


def test_its_rates_are_those_of_transformers_up_to_chance(tmp_path: Path, rollouts: RolloutsConfig) -> None:
    fast = roll(tmp_path, rollouts)
    slow = roll(tmp_path, replace(rollouts, engine="transformers", device="cpu"))
    assert fast.solve_rate is not None and slow.solve_rate is not None
    # 480 rollouts each: three standard deviations of the difference of two such means are at most 0.1
    assert abs(fast.solve_rate.mean() - slow.solve_rate.mean()) < 0.1
    assert np.corrcoef(fast.solve_rate, slow.solve_rate)[0, 1] > 0.6
