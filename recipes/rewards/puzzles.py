"""Binary reward for reasoning-gym's puzzles: 1.0 when its own scorer gives full marks, else 0.0.

In verl: ``reward.custom_reward_function.path=recipes/rewards/puzzles.py``. Partial credit counts as 0, because a
curriculum reads scores as solve rates. The answer is what stands between the last <answer> and </answer>.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from reasoning_gym.factory import get_score_answer_fn
from reasoning_gym.utils import extract_answer

PUZZLES = ("knights_knaves", "countdown", "zebra_puzzles", "arc_1d")
FULL_MARKS = 1.0
_NUMBER = re.compile(r"\d+")
_EXPRESSION = re.compile(r"[\d+\-*/() ]+")
_SPACES = re.compile(r"\s+")


@cache
def _scorer(data_source: str) -> Callable[[str, dict[str, Any]], float]:
    if data_source not in PUZZLES:
        raise ValueError(
            f"data_source must be one of {', '.join(PUZZLES)}, but found {data_source!r}; this reward is for the "
            "rows that the data scripts of these recipes write"
        )
    score: Callable[[str, dict[str, Any]], float] = get_score_answer_fn(data_source)
    return score


def _countdown_metadata(extra_info: Mapping[str, Any]) -> dict[str, Any]:
    numbers, target = extra_info.get("numbers"), extra_info.get("target")
    if numbers is None or target is None:
        raise ValueError(
            f"a countdown row must have extra_info.numbers and extra_info.target, but found {sorted(extra_info)}; "
            "write the rows by recipes.countdown.data"
        )
    return {"numbers": [int(number) for number in numbers], "target": int(target)}


def _may_be_parsed(answer: str, numbers: list[int]) -> bool:
    """Return whether the countdown scorer may be asked.

    It parses with sympy, which evaluates code and powers of any size: a sampled 9**9**9 would hang the worker.
    Whatever is not made of + - * / ( ) and exactly the given numbers is wrong by the task's own rules.
    """
    plain = "**" not in answer and "//" not in answer and _EXPRESSION.fullmatch(answer) is not None
    return plain and sorted(map(int, _NUMBER.findall(answer))) == sorted(numbers)


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str,
    extra_info: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> float:
    """Return 1.0 if the last answer between tags is fully right, else 0.0.

    Raises ValueError for an unknown data_source, or a countdown row without its numbers.
    """
    score = _scorer(data_source)
    entry: dict[str, Any] = {"answer": ground_truth, "metadata": {}}
    answer = extract_answer(solution_str)
    if data_source == "countdown":
        entry["metadata"] = _countdown_metadata(extra_info or {})
        if answer is None or not _may_be_parsed(answer, entry["metadata"]["numbers"]):
            return 0.0
    if not answer:
        return 0.0
    if data_source == "arc_1d":
        # its scorer compares text, and a second space or a line break is no other grid
        answer = _SPACES.sub(" ", answer)
    return 1.0 if score(answer, entry) >= FULL_MARKS else 0.0
