"""Thompson sampling with Beta beliefs: 256 arms, 1024 slots, each with a draw of its own."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.kernel.case import Case, Size, peer
from benchmarks.kernel.floor import NORMALS_PER_BETA, Floor, key
from sparft_verl import bandit

ARMS, SLOTS = 256, 1024
SEEN = 8  # rewards per arm


def mabwiser_call(module: Any, arms: int, slots: int, success: Any) -> Any:
    """Return a call that asks MABWiser for each slot, which is how its face gives draws."""
    learner = module.MAB(arms=list(range(arms)), learning_policy=module.LearningPolicy.ThompsonSampling())
    decisions = np.repeat(np.arange(arms), SEEN)
    rewards = (np.tile(np.arange(SEEN), arms) < np.repeat(success, SEEN)).astype(int)
    learner.fit(decisions.tolist(), rewards.tolist())
    return lambda: [learner.predict() for _ in range(slots)]


def cases(size: Size, threads: int, floor: Floor) -> Iterator[Case]:
    """Yield the one case; the peers use one thread whatever `threads` says."""
    arms, slots = (ARMS, SLOTS) if size.name == "full" else (ARMS, SLOTS // 16)
    success = np.floor(np.random.default_rng(1).random(arms) * (SEEN + 1))
    belief = bandit.Beta(success, SEEN - success)
    alpha, beta = success + 1.0, SEEN - success + 1.0
    rng = np.random.Generator(np.random.SFC64(1))
    calls = {
        "ours": lambda: bandit.choose(belief, slots, **key(), backend="cpu", threads=threads),
        "numpy": lambda: rng.beta(alpha, beta, size=(slots, arms)).argmax(1),
    }
    mabwiser = peer("mabwiser.mab")
    if not isinstance(mabwiser, str):
        calls["mabwiser"] = mabwiser_call(mabwiser, arms, slots, success)
    draws = arms * slots
    moved = 16 * arms + 4 * slots
    seconds, what = floor.of(normals=NORMALS_PER_BETA * draws, bytes=moved, threads=threads)
    yield Case(
        f"K={arms} x {slots} slots",
        calls,
        seconds,
        what,
        draws,
        moved,
        {"mabwiser": mabwiser} if isinstance(mabwiser, str) else {},
        {"arms": arms, "slots": slots},
    )
