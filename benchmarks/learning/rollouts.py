"""Answers to prompts, sampled and scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from transformers import PreTrainedModel

from benchmarks.learning.policy import Batch, sample


class Asked(Protocol):
    """What can be asked: a prompt with its own scorer."""

    @property
    def ids(self) -> Sequence[int]:
        """Token ids of the prompt."""

    def score(self, answer: Sequence[int]) -> float:
        """Return the success in [0, 1] of an answer's token ids, which hold the end where it was reached."""


@dataclass(frozen=True)
class Rollouts:
    """n prompts with g answers each; the answers of one prompt stand together."""

    batch: Batch
    answers: torch.Tensor
    """int64 [n * g, r]."""
    seen: torch.Tensor
    """int64 [n * g, r]: 1 up to the end of each answer."""
    scores: torch.Tensor
    """float [n * g]: success of each answer."""

    group: int
    """g."""

    @property
    def tokens(self) -> int:
        """Tokens of all answers."""
        return int(self.seen.sum())

    def of_groups(self, which: np.ndarray[Any, Any]) -> Rollouts:
        """Return the rollouts of the prompts for which `which`, bool [n], holds."""
        rows = torch.from_numpy(np.repeat(which, self.group))
        batch = Batch(self.batch.ids[rows], self.batch.mask[rows], self.batch.positions[rows])
        return Rollouts(batch, self.answers[rows], self.seen[rows], self.scores[rows], self.group)


def roll(policy: PreTrainedModel, tasks: Sequence[Asked], group: int, chance: torch.Generator) -> Rollouts:
    """Return `group` answers to each prompt at temperature 1, with their scores."""
    batch = Batch.of([task.ids for task in tasks for _ in range(group)])
    answers, seen = sample(policy, batch, chance)
    lengths = seen.sum(1).tolist()
    said = [row[:length] for row, length in zip(answers.tolist(), lengths, strict=True)]
    scores = [tasks[index // group].score(answer) for index, answer in enumerate(said)]
    return Rollouts(batch, answers, seen, torch.tensor(scores), group)


def joined(parts: Sequence[Rollouts]) -> Rollouts:
    """Return the rollouts of all parts, prompts padded on the left and answers on the right to one width."""
    if len(parts) == 1:
        return parts[0]
    before = max(part.batch.ids.shape[1] for part in parts)
    after = max(part.answers.shape[1] for part in parts)

    def left(name: str) -> torch.Tensor:
        columns = [getattr(part.batch, name) for part in parts]
        return torch.cat([F.pad(column, (before - column.shape[1], 0)) for column in columns])

    def right(name: str) -> torch.Tensor:
        columns = [getattr(part, name) for part in parts]
        return torch.cat([F.pad(column, (0, after - column.shape[1])) for column in columns])

    batch = Batch(left("ids"), left("mask"), left("positions"))
    scores = torch.cat([part.scores for part in parts])
    return Rollouts(batch, right("answers"), right("seen"), scores, parts[0].group)
