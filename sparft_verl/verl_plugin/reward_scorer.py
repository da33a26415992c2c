"""One answer through verl's own reward worker, and through the rule that turns its score into a success."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig

from sparft_verl.verl_plugin.errors import CurriculumError
from sparft_verl.verl_plugin.feedback import ROW, TICKET, read_rollouts
from sparft_verl.verl_plugin.success import SuccessRule


@dataclass(frozen=True)
class Outcome:
    """One answer to one row."""

    answer: str
    score: float | None
    """What verl trains on; None when the reward function failed."""
    acc: float | None
    """The reward function's own verdict, where it gives one."""
    success: float | None
    """What the curriculum would see, in [0, 1]; None when it would stop the run."""
    problem: str = ""
    """Why it would, and the setting that fixes it."""


class Scorer:
    """verl's reward worker, as the trainer's agent loop calls it."""

    def __init__(self, config: DictConfig, rules: Mapping[str, SuccessRule]) -> None:
        from verl.experimental.reward_loop.reward_loop import RewardLoopWorker

        self._rules = rules
        try:
            self._worker = RewardLoopWorker(config)
        except Exception as error:
            raise CurriculumError(
                f"verl cannot load the reward function (reward.custom_reward_function.path="
                f"{config.reward.custom_reward_function.path}) or the tokenizer (actor_rollout_ref.model.path="
                f"{config.actor_rollout_ref.model.path}): {error}"
            ) from error
        self.tokenizer = self._worker.input_tokenizer

    async def __call__(self, row: int, sample: Mapping[str, Any], answer: str) -> Outcome:
        """Return what `answer` is worth."""
        try:
            result = await self._worker.compute_score(self._batch(sample, answer))
            score, info = float(result["reward_score"]), dict(result.get("reward_extra_info") or {})
            # verl files a plain score under `acc` too; only beside `score` is it a verdict
            acc = float(info["acc"]) if info.get("acc") is not None and "score" in info else None
        except Exception as error:
            problem = f"the reward function raised {type(error).__name__}: {error}"
            return Outcome(answer, None, None, None, problem)
        columns = {
            ROW: [row],
            TICKET: [0],
            "data_source": [sample["data_source"]],
            "rm_scores": torch.tensor([[score]]),
            "extra_fields": [{"reward_extra_info": info}],
        }
        try:
            success = float(read_rollouts({f"{row}_0_0": {}}, columns, self._rules).success[0])
        except CurriculumError as error:
            return Outcome(answer, score, acc, None, str(error))
        return Outcome(answer, score, acc, success)

    def _batch(self, sample: Mapping[str, Any], answer: str) -> Any:
        """Return the row with `answer` as its rollout, in the shape that a reward worker receives."""
        from tensordict import TensorDict
        from verl.protocol import DataProto

        prompt = torch.zeros(1, 1, dtype=torch.int64)  # no reward manager of verl reads it
        ids = self.tokenizer.encode(answer, add_special_tokens=False)
        end = [] if self.tokenizer.eos_token_id is None else [self.tokenizer.eos_token_id]
        response = torch.tensor([ids + end], dtype=torch.int64)
        whole = torch.cat([prompt, response], dim=1)
        tensors = TensorDict(
            {
                "prompts": prompt,
                "responses": response,
                "input_ids": whole,
                "attention_mask": torch.ones_like(whole),
                "position_ids": torch.arange(whole.shape[1])[None],
            },
            batch_size=1,
        )
        columns = {"__num_turns__": np.array([2])}
        for name, value in sample.items():
            columns[name] = np.empty(1, dtype=object)
            columns[name][0] = copy.deepcopy(value)  # reward managers write into extra_info
        return DataProto(batch=tensors, non_tensor_batch=columns)
