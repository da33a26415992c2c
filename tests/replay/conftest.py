"""Runs of a curriculum over a simulated bandit, with a journal."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sparft_verl.curricula import Arms, CurriculumConfig, Feedback, build
from sparft_verl.journal import JournalWriter
from sparft_verl.sampler import CurriculumSampler

RATES = (0.1, 0.35, 0.6, 0.85)
"""Solve rate of each arm of the bandit."""


def make_arms(sizes: tuple[int, ...] = (400, 300, 200, 100)) -> Arms:
    """Arms of these sizes over rows with gaps, in two data sources."""
    arm = np.repeat(np.arange(len(sizes)), sizes).astype(np.int32)
    shuffle = np.random.default_rng(1).permutation(len(arm))
    return Arms(
        rows=5 + 2 * np.arange(len(arm)),
        arm=arm[shuffle],
        names=tuple(f"arm{k}" for k in range(len(sizes))),
        difficulty=arm[shuffle] / len(sizes),
        source=tuple(("maths", "code")[i % 2] for i in range(len(arm))),
        fingerprint="bandit",
    )


def play(
    path: Path,
    *,
    arms: Arms,
    steps: int = 40,
    batch: int = 16,
    rates: tuple[float, ...] = RATES,
    world: int = 0,
    advantages: bool = True,
    lose: bool = False,
    **config: Any,
) -> CurriculumSampler:
    """A run with a journal at `path`; the advantages are real numbers that successes do not give."""
    sampler = CurriculumSampler(
        build(CurriculumConfig.of(config), arms), batch, int(arms.rows.max()) + 1, JournalWriter(path)
    )
    stream = iter(sampler)
    for step in range(1, steps + 1):
        groups = []
        for served in [next(stream) for _ in range(batch)]:
            chance = np.random.default_rng([world, served.ticket, int(served)])
            wins = (chance.random(4) < rates[served.arm % len(rates)]).astype(float)
            signal = chance.normal(size=4) / 3.0 if advantages else None
            kind = "discarded" if chance.random() < 0.1 else "trained"
            groups.append(Feedback(served.ticket, int(served), wins, signal, kind, policy_step=step - 1))
        if lose:
            lost = groups.pop()
            sampler.cancel(lost.ticket, lost.row, "lost")
            sampler.observe(groups[:1])  # comes twice
        sampler.observe(groups)
        sampler.tick(step)
    return sampler


@pytest.fixture(scope="session")
def run_bandit() -> Callable[..., CurriculumSampler]:
    return play


@pytest.fixture(scope="session")
def bandit_arms() -> Callable[..., Arms]:
    return make_arms
