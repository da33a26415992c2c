"""What a run is, and which runs a suite asks for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from benchmarks.pretrained.data import Sizes

AUTO = "auto"
"""The recommended curriculum."""
COMPARED = ("uniform", "sec", "dump", AUTO)
"""Their arms are source and level; any other method would get stage A's clusters."""
BASELINE = "uniform"
SEEDS = (1, 2, 3)


@dataclass(frozen=True)
class Spec:
    """All that determines a run beside data and model."""

    suite: str
    device: str
    """cpu or gpu."""
    curriculum: str
    seed: int
    steps: int
    prompts: int
    """Prompts of a step."""
    rollouts: int
    """Answers to each."""
    prompt_tokens: int
    tokens: int
    """Most tokens of an answer."""
    test_freq: int
    """Steps between two validations on the held-out rows."""
    lr: float

    @property
    def arms(self) -> str:
        """Return which artefact the run reads."""
        return "categories" if self.curriculum in COMPARED else "clusters"

    def key(self, data: str, model: str) -> str:
        """Return the run's name in the store: equal for equal settings, rows and weights only."""
        text = json.dumps([asdict(self), data, model], sort_keys=True)
        return f"{self.curriculum}-{self.seed}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def smoke(quick: bool) -> list[Spec]:
    """A few steps on the CPU: shows that the road is whole, measures a step, learns nothing."""
    steps, methods = (1, [BASELINE]) if quick else (2, [BASELINE, AUTO])
    return [
        Spec(
            "smoke", "cpu", name, 1, steps, prompts=2, rollouts=2, prompt_tokens=320, tokens=48, test_freq=steps,
            lr=1e-6,
        )
        for name in methods
    ]  # fmt: skip


def compare(quick: bool, seeds: Sequence[int] = SEEDS, steps: int = 200) -> list[Spec]:
    """Every method with every seed at equal rollouts over the same rows; needs a GPU. Nothing in it is tuned."""
    methods: Sequence[str] = COMPARED
    if quick:
        seeds, steps, methods = seeds[:1], 4, (BASELINE, AUTO)
    # seeds outside: after each round there is a whole table
    return [
        Spec(
            "compare", "gpu", name, seed, steps, prompts=32, rollouts=8, prompt_tokens=512, tokens=256,
            test_freq=max(1, steps // 10), lr=1e-6,
        )
        for seed in seeds
        for name in methods
    ]  # fmt: skip


def sizes(suite: str, quick: bool, embedding: bool) -> Sizes:
    """Return how much data a suite uses."""
    if suite == "smoke" or quick:
        return Sizes(train=6, held_out=1, clusters=4, embedding=embedding)
    return Sizes(embedding=embedding)
