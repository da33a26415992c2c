"""Answers scored by the task's own reward function, and what k scores say about a prompt."""

from __future__ import annotations

import asyncio
import copy
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sparft_verl.prepare.errors import PrepareError, require
from sparft_verl.prepare.rollouts_config import SETTING, RolloutsConfig
from sparft_verl.success import parse_rules, to_success

Z95 = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""


class Reward:
    """The reward function that will be trained with, called as verl's default reward manager calls it."""

    def __init__(self, config: RolloutsConfig) -> None:
        """Load it; PrepareError when there is none of that name."""
        self.name = config.reward
        self._call = _load(config.reward)
        self._options = dict(config.reward_options)
        self._rules = parse_rules(config.success, setting=f"{SETTING}.success", error=PrepareError)

    def __call__(
        self, source: str, answer: str, truth: Any, extra: Mapping[str, Any] | None, row: int
    ) -> float:
        """Return the success in [0, 1] of one answer; `row` is named where it cannot be had.

        Raises PrepareError when the function fails, or gives what is no success and no setting says how to
        read it.
        """
        # verl's manager adds these two to what the row holds; reward functions may write into the dict
        info = {**copy.deepcopy(dict(extra or {})), "num_turns": 2, "rollout_reward_scores": {}}
        try:
            result = self._call(
                data_source=source,
                solution_str=answer,
                ground_truth=truth,
                extra_info=info,
                **self._options,
            )
            if inspect.isawaitable(result):
                result = asyncio.run(_wait(result))
            # a plain score is filed under `acc` by verl too; only beside `score` is it a verdict
            verdict = result.get("acc") if isinstance(result, Mapping) else None
            score = float(result["score"] if isinstance(result, Mapping) else result)
            acc = None if verdict is None else float(verdict)
        except Exception as e:
            raise PrepareError(
                f"{SETTING}.reward={self.name} must return a number, or a dict with `score`, for every row and "
                f"answer, but it raised {type(e).__name__}: {e} (row {row}, data source {source!r}, answer "
                f"{answer!r:.80}); "
                "name the reward function of your task"
            ) from e
        return to_success(score, acc, source, self._rules, setting=f"{SETTING}.success", error=PrepareError)


async def _wait(result: Any) -> Any:
    return await result


def _load(name: str) -> Callable[..., Any]:
    where, _, function = name.rpartition(":")
    rule = f"{SETTING}.reward must name a function that can be loaded"
    try:
        module = _load_file(Path(where)) if where.endswith(".py") else importlib.import_module(where)
        found = getattr(module, function)
    # whatever the user's module raises while it is imported is what they need to see
    except Exception as e:
        raise PrepareError(
            f"{rule}, but {name!r} gave {type(e).__name__}: {e}; correct it, or install what it needs"
        ) from e
    require(callable(found), rule, f"{name!r}, which is a {type(found).__name__}", "name a function")
    return found


def _load_file(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"sparft_reward_{path.stem}", path)
    require(
        spec is not None and path.is_file(),
        f"{SETTING}.reward must name a file that exists",
        str(path),
        "check the path",
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # dataclasses and pickle look a class's module up by name
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def wilson(
    rate: np.ndarray[Any, Any], n: np.ndarray[Any, Any]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the lower and upper end, float64, of the 95 % Wilson score interval of a success rate.

    `rate` float64 in [0, 1], the mean of `n` successes; nan where n is 0. Successes may be fractions: their
    variance is at most that of 0 and 1 with the same mean, so that the interval is then too wide, not too narrow.
    """
    n = np.where(n > 0, n, np.nan).astype(np.float64)
    square = Z95 * Z95 / n
    middle = (rate + square / 2) / (1 + square)
    half = np.sqrt(rate * (1 - rate) * square + square * square / 4) / (1 + square)
    return np.clip(middle - half, 0.0, 1.0), np.clip(middle + half, 0.0, 1.0)
