"""Held-out accuracy without sampling noise: the probability of the one right answer.

Each question has one right answer, compared exactly, so the expected accuracy of sampling at temperature 1 (verl's
avg@k for k to infinity) is the probability that the policy gives to that answer: one forward pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from transformers import PreTrainedModel

from benchmarks.learning.families import Item, of_kind
from benchmarks.learning.mixes import held_out
from benchmarks.learning.policy import PAD, Batch, answer_distribution, encode_answer, encode_question


@dataclass(frozen=True)
class Accuracies:
    """Share of right answers by family: expected at temperature 1, and of the most probable tokens."""

    sampled: Mapping[str, float]
    greedy: Mapping[str, float]


class HeldOut:
    """A world's held-out questions, ready to be scored."""

    def __init__(self, world: str) -> None:
        self.useful = tuple(family.name for family in of_kind(world, "useful"))
        self.mastered = tuple(family.name for family in of_kind(world, "mastered"))
        self._parts = {name: _encode(items) for name, items in held_out(world).items()}

    def accuracies(self, policy: PreTrainedModel) -> Accuracies:
        """Return the policy's accuracy on every family, useful and mastered."""
        sampled, greedy = {}, {}
        for name, (batch, answers, seen) in self._parts.items():
            best, chosen = _best_and_chosen(policy, batch, answers, seen)
            sampled[name] = float((chosen * seen).sum(1).exp().mean())
            greedy[name] = float(((best == answers) | (seen == 0)).all(1).float().mean())
        return Accuracies(sampled, greedy)

    def overall(self, accuracy: Mapping[str, float]) -> float:
        """Return the mean over the useful families, each counted alike."""
        return fmean(accuracy[name] for name in self.useful)


def _encode(items: Sequence[Item]) -> tuple[Batch, torch.Tensor, torch.Tensor]:
    answers = [encode_answer(item.answer) for item in items]
    width = max(map(len, answers))
    target = torch.tensor([[*answer, *[PAD] * (width - len(answer))] for answer in answers])
    return Batch.of([encode_question(item.question) for item in items]), target, (target != PAD).long()


@torch.no_grad()
def _best_and_chosen(
    policy: PreTrainedModel, batch: Batch, answers: torch.Tensor, seen: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the most probable token at each place, and the log probability of the answer's, [n, r] each."""
    log_probs = answer_distribution(policy, batch, answers, seen)
    return log_probs.argmax(-1), log_probs.gather(-1, answers[..., None])[..., 0]
