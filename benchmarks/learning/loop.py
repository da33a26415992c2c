"""One run: GRPO of the warm policy on one training set, prompts chosen by one curriculum."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from benchmarks.learning.arms import arms_of
from benchmarks.learning.evaluate import Accuracies, HeldOut
from benchmarks.learning.mixes import Task, training_set
from benchmarks.learning.rollouts import Rollouts, joined, roll
from benchmarks.learning.spec import Spec
from benchmarks.learning.trace import Trace
from benchmarks.learning.update import Learner, advantages_of
from benchmarks.learning.warm_start import warm_policy
from sparft_verl.curricula import Curriculum, CurriculumConfig, Groups, build
from sparft_verl.sampler import CurriculumSampler, Served

EVALUATE_EVERY = 10
"""Updates between two looks at the held-out questions."""


def run(spec: Spec, cache: Path, progress: Callable[[int], object] = lambda updates: None) -> dict[str, Any]:
    """Return the result of one run as the store holds it, but for what says where it ran.

    `cache` keeps the warm policy and stage A's artefacts. The run ends when it has spent
    updates * prompts * rollouts rollouts; with a gate that discards groups these make fewer updates.
    """
    if spec.engine != "loop":
        raise ValueError(f"this loop runs engine 'loop', got {spec.engine!r}; the cross-check runs the other")
    policy, warm_seconds = warm_policy(spec.world, cache)
    tasks = training_set(spec.world, spec.useless, spec.seed)
    prepared = arms_of(spec, tasks, policy, cache)
    began = time.process_time()
    curriculum = build(CurriculumConfig.of(spec.settings, seed=spec.seed), prepared.arms)
    run = Training(spec, policy, tasks, curriculum, HeldOut(spec.world), Learner(policy))
    run.train(progress)
    return {
        "key": spec.key,
        "spec": spec.as_dict(),
        "core_seconds": round(time.process_time() - began, 2),
        "stage_a_core_seconds": round(prepared.core_seconds, 2),
        "stage_a_rollouts": prepared.rollouts,
        "warm_start_core_seconds": round(warm_seconds, 1),
        "curriculum_ms": round(1000 * run.curriculum_seconds / run.updates, 3),
        "params": sum(weights.numel() for weights in policy.parameters()),
        **run.trace.as_dict(),
        "final": _final(run.held_out, run.first, run.held_out.accuracies(policy), run.solved_unsolvable),
    }


class Training:
    """The state of one run, whatever policy, prompts and held-out questions it is given."""

    def __init__(
        self,
        spec: Spec,
        policy: PreTrainedModel,
        tasks: Sequence[Task],
        curriculum: Curriculum,
        held_out: HeldOut,
        learner: Learner,
    ) -> None:
        self.spec, self.policy, self.tasks, self.curriculum = spec, policy, tasks, curriculum
        self.held_out, self.learner = held_out, learner
        self.sampler = CurriculumSampler(curriculum, spec.prompts, len(tasks))
        self.stream = iter(self.sampler)
        self.chance = torch.Generator().manual_seed(spec.seed)
        self.first = self.held_out.accuracies(policy)
        self.trace = Trace(tasks, curriculum.arms, self.held_out)
        self.late: deque[list[Groups]] = deque()
        self.updates = 0
        self.curriculum_seconds = 0.0
        self.solved_unsolvable = 0

    def train(self, progress: Callable[[int], object]) -> None:
        """Spend the budget."""
        budget = self.spec.updates * self.spec.prompts * self.spec.rollouts
        each = EVALUATE_EVERY * self.spec.prompts * self.spec.rollouts
        self.trace.evaluated(0, self.first.sampled)
        looked = 0
        while self.trace.rollouts < budget:
            self._update(budget)
            if self.trace.rollouts // each > looked or self.trace.rollouts >= budget:
                looked = self.trace.rollouts // each
                self.trace.evaluated(self.updates, self.held_out.accuracies(self.policy).sampled)
            progress(1)

    def _update(self, budget: int) -> None:
        """Collect groups until `prompts` of them may be trained on, or the budget is spent; then one step."""
        kept: list[Rollouts] = []
        told: list[Groups] = []
        room = self.spec.prompts
        while room and self.trace.rollouts < budget:
            rollouts, groups = self._roll()
            began = time.process_time()
            trained = np.array(self.curriculum.admit(groups))
            self.curriculum_seconds += time.process_time() - began
            # what a refill brings beyond the batch is dropped, as in DAPO
            trained &= np.cumsum(trained) <= room
            room -= int(trained.sum())
            kept.append(rollouts.of_groups(trained))
            told.append(replace(groups, trained=trained))
        batch = joined(kept)
        if len(batch.scores):
            self.learner.update(batch)
        self.updates += 1
        self.late.append(told)
        began = time.process_time()
        if len(self.late) > self.spec.delay:
            for groups in self.late.popleft():
                self.sampler.observe(groups)
        self.sampler.tick(self.updates)
        self.curriculum_seconds += time.process_time() - began

    def _roll(self) -> tuple[Rollouts, Groups]:
        began = time.process_time()
        served: list[Served] = [next(self.stream) for _ in range(self.spec.prompts)]
        self.curriculum_seconds += time.process_time() - began
        tasks = [self.tasks[row] for row in served]
        rollouts = roll(self.policy, tasks, self.spec.rollouts, self.chance)
        groups = Groups(
            ticket=np.array([prompt.ticket for prompt in served]),
            row=np.array([int(prompt) for prompt in served]),
            successes=rollouts.scores.double().numpy(),
            start=np.arange(len(served) + 1) * self.spec.rollouts,
            advantages=advantages_of(rollouts)[:, 0].double().numpy(),
            policy_step=np.full(len(served), self.updates),
        )
        unsolvable = np.array([task.kind == "unsolvable" for task in tasks])
        self.solved_unsolvable += int(groups.solved[unsolvable].sum())
        self.trace.rolled(groups, np.array([prompt.arm for prompt in served]), rollouts.tokens)
        return rollouts, groups


def _final(held_out: HeldOut, first: Accuracies, last: Accuracies, solved_unsolvable: int) -> dict[str, Any]:
    def told(accuracy: Mapping[str, float], names: Sequence[str]) -> dict[str, float]:
        return {name: round(accuracy[name], 4) for name in names}

    return {
        "accuracy": told(last.sampled, held_out.useful),
        "overall": round(held_out.overall(last.sampled), 4),
        "greedy": told(last.greedy, held_out.useful),
        "greedy_overall": round(held_out.overall(last.greedy), 4),
        "mastered_before": told(first.sampled, held_out.mastered),
        "mastered_after": told(last.sampled, held_out.mastered),
        "unsolvable": solved_unsolvable,
    }
