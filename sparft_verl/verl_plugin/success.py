"""From a task's reward to a success in [0, 1], the only thing a curriculum sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparft_verl import success
from sparft_verl.success import ANY_SOURCE, SuccessRule
from sparft_verl.verl_plugin.errors import CurriculumError

__all__ = ["SuccessRule", "parse_rules", "to_success", "to_successes"]


def parse_rules(raw: Mapping[str, Any] | None) -> dict[str, SuccessRule]:
    """Return the rules of `curriculum.success` by data source; raise CurriculumError on an unknown key."""
    return success.parse_rules(raw, setting="curriculum.success", error=CurriculumError)


def to_success(
    score: float, acc: float | bool | None, source: str, rules: Mapping[str, SuccessRule]
) -> float:
    """Return the success in [0, 1] of one rollout, or raise CurriculumError: see `sparft_verl.success`."""
    return success.to_success(score, acc, source, rules, setting="+curriculum.success", error=CurriculumError)


def to_successes(
    scores: NDArray[np.float64],
    verdicts: NDArray[np.float64],
    sources_of: Callable[[], Sequence[Any]],
    prompt: NDArray[np.int64],
    rules: Mapping[str, SuccessRule],
) -> NDArray[np.float64]:
    """Return `to_success` of many rollouts at once, float64 [n].

    Args:
        scores: float64 [n]. verdicts: float64 [n], nan where the reward function gave none.
        sources_of: gives the data source of each prompt, where one is needed.
        prompt: int64 [n]: number of each rollout's prompt.
        rules: by data source.
    """
    scored = np.isnan(verdicts)
    out = np.where(scored, scores, verdicts)
    outside = ~((out >= 0.0) & (out <= 1.0))
    if not (rules or outside.any()):
        return out
    sources = [str(source) for source in sources_of()]
    ruled = np.array([source in rules or ANY_SOURCE in rules for source in sources], dtype=np.bool_)
    for index in np.flatnonzero(ruled[prompt] & scored | outside).tolist():
        acc = None if scored[index] else float(verdicts[index])
        out[index] = to_success(float(scores[index]), acc, sources[prompt[index]], rules)
    return out
