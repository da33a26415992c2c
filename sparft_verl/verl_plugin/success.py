"""From a task's reward to a success in [0, 1], the only thing a curriculum sees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sparft_verl import success
from sparft_verl.success import SuccessRule
from sparft_verl.verl_plugin.errors import CurriculumError

__all__ = ["SuccessRule", "parse_rules", "to_success"]


def parse_rules(raw: Mapping[str, Any] | None) -> dict[str, SuccessRule]:
    """Return the rules of `curriculum.success` by data source; raise CurriculumError on an unknown key."""
    return success.parse_rules(raw, setting="curriculum.success", error=CurriculumError)


def to_success(
    score: float, acc: float | bool | None, source: str, rules: Mapping[str, SuccessRule]
) -> float:
    """Return the success in [0, 1] of one rollout, or raise CurriculumError: see `sparft_verl.success`."""
    return success.to_success(score, acc, source, rules, setting="+curriculum.success", error=CurriculumError)
