"""Answers become successes by the task's own reward, and successes an interval."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from sparft_verl.prepare.errors import PrepareError
from sparft_verl.prepare.rollouts_config import RolloutsConfig
from sparft_verl.prepare.scoring import Reward, wilson

CODE = """
import asyncio

def right(data_source, solution_str, ground_truth, extra_info=None):
    return 1.0 if solution_str == ground_truth else 0.0

def signed(data_source, solution_str, ground_truth, extra_info=None):
    return 1.0 if solution_str == ground_truth else -1.0

def verdict(data_source, solution_str, ground_truth, extra_info=None):
    return {"score": -3.0, "acc": solution_str == ground_truth, "pred": solution_str}

def acc_only_beside_score(data_source, solution_str, ground_truth, extra_info=None):
    return {"acc": 1.0}

async def later(data_source, solution_str, ground_truth, extra_info=None):
    await asyncio.sleep(0)
    return 0.25

def scaled(data_source, solution_str, ground_truth, extra_info=None, factor=1.0):
    return factor * 0.5

def spoils(data_source, solution_str, ground_truth, extra_info=None):
    extra_info["seen"] = extra_info.get("seen", 0) + 1
    return 1.0 if extra_info["seen"] == 1 and extra_info["num_turns"] == 2 else 0.0

def fails(data_source, solution_str, ground_truth, extra_info=None):
    raise KeyError("unit")

number = 3
"""


@pytest.fixture
def rewards(tmp_path: Path) -> str:
    path = tmp_path / "rewards.py"
    path.write_text(CODE)
    return str(path)


def success(rewards: str, name: str, answer: str = "7", extra: Any = None, **settings: Any) -> float:
    config = RolloutsConfig(reward=f"{rewards}:{name}", **settings)
    return Reward(config)("src", answer, "7", extra, 5)


def test_a_score_in_the_unit_interval_is_the_success(rewards: str) -> None:
    assert success(rewards, "right") == 1.0 and success(rewards, "right", "8") == 0.0


def test_a_verdict_comes_before_the_score(rewards: str) -> None:
    assert success(rewards, "verdict") == 1.0 and success(rewards, "verdict", "8") == 0.0


def test_a_score_outside_needs_a_rule_and_the_message_names_it(rewards: str) -> None:
    with pytest.raises(PrepareError, match=r"'src' gave score = -1.*difficulty\.rollouts\.success="):
        success(rewards, "signed", "8")
    rules = {"src": {"range": [-1, 1]}}
    assert success(rewards, "signed", "8", success=rules) == 0.0
    assert success(rewards, "signed", success=rules) == 1.0


def test_coroutines_and_further_arguments_work_as_in_verl(rewards: str) -> None:
    assert success(rewards, "later") == 0.25
    assert success(rewards, "scaled", reward_options={"factor": 2.0}) == 1.0


def test_what_a_reward_function_writes_into_the_row_is_gone_at_the_next_answer(rewards: str) -> None:
    extra = {"index": 3}
    reward = Reward(RolloutsConfig(reward=f"{rewards}:spoils"))
    assert [reward("src", "a", "7", extra, 0) for _ in range(3)] == [1.0, 1.0, 1.0]
    assert extra == {"index": 3}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fails", r"raised KeyError: 'unit' \(row 5, data source 'src', answer '7'\)"),
        ("acc_only_beside_score", "raised KeyError: 'score'"),
        ("nothing", "AttributeError"),
        ("number", "which is a int"),
    ],
)
def test_a_reward_that_is_of_no_use_is_named(rewards: str, name: str, message: str) -> None:
    with pytest.raises(PrepareError, match=message):
        success(rewards, name)


def test_a_module_or_file_that_is_not_there_is_named() -> None:
    with pytest.raises(PrepareError, match="No module named"):
        Reward(RolloutsConfig(reward="no_such_package.reward:score"))
    with pytest.raises(PrepareError, match="no_such_file"):
        Reward(RolloutsConfig(reward="no_such_file.py:score"))


def test_the_default_reward_is_verls_own() -> None:
    pytest.importorskip("verl", reason="needs verl, which the default reward function belongs to")
    reward = Reward(RolloutsConfig())
    assert reward("openai/gsm8k", "so it is\n#### 72", "72", {"index": 0}, 0) == 1.0
    assert reward("openai/gsm8k", "#### 71", "72", None, 0) == 0.0
    # math_dapo gives -1 and 1 with `acc` beside it: the verdict counts
    assert reward("math_dapo", "Answer: 4", "5", None, 0) == 0.0
    with pytest.raises(PrepareError, match=r"NotImplementedError.*'my/data'"):
        reward("my/data", "4", "4", None, 0)


@pytest.mark.parametrize("n", [1, 3, 8, 40])
def test_the_interval_is_wilsons(n: int) -> None:
    won = np.arange(n + 1)
    low, high = wilson(won / n, np.full(n + 1, n))
    for s in won:
        expected = binomtest(int(s), n).proportion_ci(method="wilson")
        assert (low[s], high[s]) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_without_rollouts_there_is_no_interval() -> None:
    low, high = wilson(np.array([np.nan, 0.5]), np.array([0, 4]))
    assert np.isnan([low[0], high[0]]).all() and 0 < low[1] < 0.5 < high[1] < 1


@pytest.mark.parametrize(
    "settings",
    [
        {"k": 0},
        {"k": 2, "temperature": 0.0},
        {"temperature": -1.0},
        {"top_p": 0.0},
        {"top_k": -1},
        {"max_tokens": 0},
        {"engine": "sglang"},
        {"dtype": "int8"},
        {"device": "tpu"},
        {"shard": 0},
        {"reward": "just_a_name"},
        {"success": {"src": {"treshold": 1}}},
        {"model": ""},
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(PrepareError, match=r"difficulty\.rollouts\." + next(iter(settings))):
        RolloutsConfig(**settings)
