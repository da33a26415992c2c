"""Binary reward for verl: 1.0 when reasoning-gym's own scorer gives full marks, else 0.0.

In verl: ``reward.custom_reward_function.path=.../reward.py reward.custom_reward_function.name=compute_score``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import Any

from reasoning_gym.factory import DATASETS, get_score_answer_fn

FULL_MARKS = 1.0
_NUMBER = re.compile(r"\b\d+\b")
_PLAIN_EXPRESSION = re.compile(r"[\d+\-*/() ]+")


@cache
def _scorer(data_source: str) -> Callable[[str, dict[str, Any]], float]:
    if data_source not in DATASETS:
        raise ValueError(
            f"data_source {data_source!r} is not a reasoning-gym data set, so there is no scorer for it; "
            "this reward function is for rows written by recipes.tiny_cpu.tasks"
        )
    score: Callable[[str, dict[str, Any]], float] = get_score_answer_fn(data_source)
    return score


@lru_cache(maxsize=8192)
def _entry(entry_json: str) -> dict[str, Any]:
    entry: dict[str, Any] = json.loads(entry_json)
    return entry


def _hopeless_countdown(answer: str, entry: dict[str, Any]) -> bool:
    """True when the countdown scorer cannot give full marks, or must not be asked.

    It parses the text with sympy, which evaluates code and powers of any size: a sampled ``9**9**9`` would hang the
    reward worker. Whatever is not made of + - * / ( ) and exactly the given numbers is wrong under the task's own
    rules; refusing it first is also what makes the average call cheap.
    """
    if "**" in answer or "//" in answer or not _PLAIN_EXPRESSION.fullmatch(answer):
        return True
    return sorted(map(int, _NUMBER.findall(answer))) != sorted(entry["metadata"]["numbers"])


@lru_cache(maxsize=65536)
def _score(data_source: str, answer: str, entry_json: str) -> float:
    scorer, entry = _scorer(data_source), _entry(entry_json)
    if data_source == "countdown" and _hopeless_countdown(answer, entry):
        return 0.0
    return 1.0 if scorer(answer, entry) >= FULL_MARKS else 0.0


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str,
    extra_info: Mapping[str, Any] | None = None,
    **kwargs: Any,
) -> float:
    """1.0 if the response, stripped of white space, is fully right under reasoning-gym's scorer, else 0.0.

    ``extra_info["entry_json"]`` is the entry that ``tasks`` wrote into the row. Raises ValueError for an unknown
    ``data_source``, a row without that entry, or an entry that belongs to another answer.
    """
    _scorer(data_source)
    entry_json = (extra_info or {}).get("entry_json")
    if not isinstance(entry_json, str):
        raise ValueError(
            f"extra_info.entry_json is missing (got {entry_json!r}) for a {data_source} row: reasoning-gym's scorer "
            "needs the entry; write the rows with recipes.tiny_cpu.tasks"
        )
    if _entry(entry_json)["answer"] != ground_truth:
        raise ValueError(
            f"ground_truth {ground_truth!r} is not the answer of the row's entry {_entry(entry_json)['answer']!r} "
            f"({data_source}): the row was edited; write it again with recipes.tiny_cpu.tasks"
        )
    return _score(data_source, solution_str.strip(), entry_json)
