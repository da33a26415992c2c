"""The policy that every run starts from: taught all families, right or by their slip in given proportions.

As with pretrained models, the right way is known and only used sometimes: what reinforcement can bring out. Built
once per world and kept by the hash of all that determines it.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tqdm import tqdm
from transformers import LlamaForCausalLM

from benchmarks.learning.families import WORLDS, Family, is_held_out
from benchmarks.learning.families.base import one
from benchmarks.learning.policy import (
    PAD,
    SIZES,
    Batch,
    answer_log_probs,
    encode_answer,
    encode_question,
    new_policy,
)
from benchmarks.learning.spec import VERSION
from sparft_verl.atomic import written_aside

_STREAM = 0x3A12


@dataclass(frozen=True)
class Recipe:
    """How the policy is taught."""

    steps: int = 2400
    rows: int = 192
    lr: float = 4e-3
    practice: float = 0.8
    """Share of the steps in which right answers have one common probability; then each level's own."""
    common: float = 0.75
    """That common probability."""


RECIPE = Recipe()
HURRIED = Recipe(steps=100, rows=96)
"""For a look at the machinery: such a policy answers next to nothing."""


def warm_policy(
    world: str, folder: Path, seed: int = 0, recipe: Recipe = RECIPE
) -> tuple[LlamaForCausalLM, float]:
    """Return the warm policy of a world and the core-seconds it once took; made if `folder` does not hold it."""
    path = place(world, folder, seed, recipe)
    policy = new_policy(seed)
    if not path.exists():
        began = time.process_time()
        _teach(policy, WORLDS[world], seed, recipe)
        keep(policy, time.process_time() - began, path)
    state = load_file(path)
    seconds = float(state.pop("core_seconds"))
    policy.load_state_dict(state, strict=False)
    policy.tie_weights()
    return policy.eval(), seconds


def place(world: str, folder: Path, seed: int, recipe: Recipe) -> Path:
    """Return the file of a warm policy: its name is a hash of all that determines it."""
    told = {"version": VERSION, "world": world, "seed": seed, "recipe": vars(recipe), "sizes": SIZES}
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    return folder / f"policy-{world}-{digest[:12]}.safetensors"


def keep(policy: LlamaForCausalLM, core_seconds: float, path: Path) -> None:
    """Write a policy and what it took, whole or not at all."""
    state = {key: value.contiguous() for key, value in policy.state_dict().items() if key != "lm_head.weight"}
    with written_aside(path) as aside:
        save_file({**state, "core_seconds": torch.tensor(core_seconds)}, aside)


def _teach(policy: LlamaForCausalLM, families: tuple[Family, ...], seed: int, recipe: Recipe) -> None:
    """Train in place: AdamW, warm-up, cosine; one batch a step, equally many rows of every family."""
    chance = np.random.Generator(np.random.Philox(key=[seed, _STREAM]))
    optimiser = torch.optim.AdamW(policy.parameters(), lr=recipe.lr, betas=(0.9, 0.98), weight_decay=0.02)
    policy.train()
    bar = tqdm(range(recipe.steps), desc="warm start", unit="step", file=sys.stderr, disable=None)
    for step in bar:
        done = step / recipe.steps
        for group in optimiser.param_groups:
            group["lr"] = (
                recipe.lr * min(1.0, (step + 1) / 100) * (0.03 + 0.97 * 0.5 * (1 + np.cos(np.pi * done)))
            )
        questions, answers = _examples(
            families, chance, recipe.rows, None if done >= recipe.practice else recipe.common
        )
        width = max(map(len, answers))
        target = torch.tensor([[*answer, *[PAD] * (width - len(answer))] for answer in answers])
        seen = (target != PAD).long()
        log_probs = answer_log_probs(policy, Batch.of(questions), target, seen)
        loss = -(log_probs * seen).sum() / seen.sum()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
        optimiser.step()
        if step % 50 == 0:
            bar.set_postfix(loss=f"{loss.item():.3f}")


def _examples(
    families: tuple[Family, ...], chance: np.random.Generator, rows: int, common: float | None
) -> tuple[list[list[int]], list[list[int]]]:
    """Return token ids of questions outside the held-out pool and of one answer each."""
    questions, answers = [], []
    for row in range(rows):
        family = families[row % len(families)]
        level = int(chance.integers(family.levels))
        item = one(family, level, chance)
        while is_held_out(item.question):
            item = one(family, level, chance)
        share = family.right[level] if common is None or family.kind != "useful" else common
        questions.append(encode_question(item.question))
        answers.append(encode_answer(item.answer if chance.random() < share else item.slip))
    return questions, answers
