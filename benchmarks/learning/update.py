"""One GRPO update, by verl's own advantage and loss functions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedModel
from verl.trainer.ppo.core_algos import compute_grpo_outcome_advantage, get_policy_loss_fn
from verl.workers.config import ActorConfig

from benchmarks.learning.policy import answer_log_probs
from benchmarks.learning.rollouts import Rollouts


@dataclass(frozen=True)
class Recipe:
    """Settings of the optimiser; everything else is verl's default (token-mean, clip 0.2, no KL, one epoch)."""

    lr: float = 4e-4
    weight_decay: float = 0.01
    grad_clip: float = 1.0


RECIPE = Recipe()


class Learner:
    """A policy with its optimiser."""

    def __init__(self, policy: PreTrainedModel, recipe: Recipe = RECIPE) -> None:
        self._policy = policy
        self._recipe = recipe
        self._optimiser = torch.optim.AdamW(
            policy.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay
        )
        self._loss = get_policy_loss_fn("vanilla")
        self._config = ActorConfig(strategy="fsdp", rollout_n=1, ppo_micro_batch_size_per_gpu=1)

    def update(self, rollouts: Rollouts) -> None:
        """Take one step on all rollouts; they are of this very policy, so the ratio is 1."""
        mask = rollouts.seen.float()
        log_probs = answer_log_probs(self._policy, rollouts.batch, rollouts.answers, rollouts.seen)
        loss, _ = self._loss(
            old_log_prob=log_probs.detach(),
            log_prob=log_probs,
            advantages=advantages_of(rollouts),
            response_mask=mask,
            loss_agg_mode=self._config.loss_agg_mode,
            config=self._config,
        )
        self._optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._policy.parameters(), self._recipe.grad_clip)
        self._optimiser.step()


def advantages_of(rollouts: Rollouts) -> torch.Tensor:
    """Return verl's GRPO advantages, float [n * g, r]; 0 behind the end of an answer."""
    mask = rollouts.seen.float()
    last = rollouts.seen.sum(1) - 1
    rewards = torch.zeros_like(mask)
    rewards[torch.arange(len(last)), last] = rollouts.scores
    index = np.arange(len(last)) // rollouts.group
    advantages, _ = compute_grpo_outcome_advantage(rewards, mask, index)
    return advantages
