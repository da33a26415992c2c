"""From a task's reward to a success in [0, 1]: one rule for stage A, which measures difficulty, and for training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ANY_SOURCE = "*"


@dataclass(frozen=True)
class SuccessRule:
    """How the score of one data source becomes a success; exactly one field is set."""

    threshold: float | None = None
    """A rollout succeeds (1.0) when its score is at least this, and fails (0.0) otherwise."""
    range: tuple[float, float] | None = None
    """Scores are mapped linearly from [lo, hi] to [0, 1] and clipped."""

    def __post_init__(self) -> None:
        if (self.threshold is None) == (self.range is None):
            raise ValueError(
                "a rule is either {threshold: x} or {range: [lo, hi]}, "
                f"got threshold={self.threshold} and range={self.range}"
            )
        if self.range is not None and not self.range[0] < self.range[1]:
            raise ValueError(f"range needs lo < hi, got {list(self.range)}")

    def apply(self, score: float) -> float:
        """Return the success in [0, 1] of one score."""
        if self.threshold is not None:
            return float(score >= self.threshold)
        assert self.range is not None
        low, high = self.range
        return min(1.0, max(0.0, (score - low) / (high - low)))


def parse_rules(
    raw: Mapping[str, Any] | None, *, setting: str, error: type[ValueError] = ValueError
) -> dict[str, SuccessRule]:
    """Return the rules by data source; raise `error`, naming `setting`, for what is no rule."""
    rules = {}
    for source, rule in (raw or {}).items():
        if not isinstance(rule, Mapping) or not set(rule) <= {"threshold", "range"}:
            raise error(
                f"{setting}[{source!r}]: a rule is {{threshold: x}} or {{range: [lo, hi]}}, got {rule!r}"
            )
        bounds = rule.get("range")
        if bounds is not None and len(bounds) != 2:
            raise error(f"{setting}[{source!r}]: range needs [lo, hi], got {bounds!r}")
        try:
            rules[str(source)] = SuccessRule(
                threshold=None if rule.get("threshold") is None else float(rule["threshold"]),
                range=None if bounds is None else (float(bounds[0]), float(bounds[1])),
            )
        except (TypeError, ValueError) as e:
            raise error(f"{setting}[{source!r}]: {e}") from e
    return rules


def to_success(
    score: float,
    acc: float | bool | None,
    source: str,
    rules: Mapping[str, SuccessRule],
    *,
    setting: str,
    error: type[ValueError] = ValueError,
) -> float:
    """Return the success in [0, 1] of one rollout.

    `acc`, the reward function's own verdict, comes first when there is one; then the rule of `source` (or of
    "*"); then the score itself, which must already lie in [0, 1]. Otherwise `error` is raised; `setting` is how
    its message writes the setting that helps.
    """
    if acc is not None:
        value, origin = float(acc), "reward_extra_info.acc"
    else:
        rule = rules.get(source, rules.get(ANY_SOURCE))
        if rule is not None and not math.isnan(score):
            return rule.apply(score)
        value, origin = float(score), "score"
    if not 0.0 <= value <= 1.0:
        raise error(
            f"A success must lie in [0, 1], but data source {source!r} gave {origin} = {value:g}. "
            f"Say how it is read: '{setting}={{{source}:{{threshold:1.0}}}}' counts a score of at "
            f"least 1.0 as solved, '{setting}={{{source}:{{range:[-1,1]}}}}' rescales it "
            f"(setting: {setting.lstrip('+')})."
        )
    return value
