"""The recipes' own scorers, by data source: verl's for GSM8K, reasoning-gym's for Knights & Knaves; 1.0 or 0.0.

In verl: ``reward.custom_reward_function.path=benchmarks/pretrained/reward.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from verl.utils.reward_score import default_compute_score

from recipes.rewards import puzzles

GSM8K = "openai/gsm8k"


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str,
    extra_info: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> float:
    """Return 1.0 for a right answer in the form that the prompt asks for, else 0.0.

    Raises ValueError for a data source that benchmarks.pretrained.data does not write.
    """
    if data_source == GSM8K:
        return float(default_compute_score(data_source, solution_str, ground_truth, extra_info))
    return puzzles.compute_score(data_source, solution_str, ground_truth, extra_info)
