"""Records of runs that never took place, in the store's format, with curves whose truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.learning.spec import Spec

FAMILIES = ("ADD", "REV")
ARMS = ("ADD/0", "ADD/1", "REV/0", "HASH/0")
KINDS = ("useful", "useful", "duplicated", "unsolvable")


def record(
    label: str,
    seed: int,
    *,
    speed: float = 1.0,
    top: float = 0.8,
    noise: float = 0.0,
    useless: float = 0.6,
    updates: int = 160,
    world: str = "train",
    curriculum: dict[str, Any] | None = None,
    curve: list[float] | None = None,
    **others: Any,
) -> dict[str, Any]:
    """Return a run whose accuracy is .3 + (top - .3)(1 - exp(-speed t / 60)), or `curve`; others go to the Spec."""
    settings = {"method": "uniform"} if curriculum is None else curriculum
    spec = Spec.of(label, seed, settings, useless=useless, updates=updates, world=world, **others)
    update = np.arange(0, updates + 1, 10)
    rng = np.random.Generator(np.random.Philox([seed, sum(label.encode())]))
    truth = 0.3 + (top - 0.3) * (1 - np.exp(-speed * update / 60))
    overall = truth + rng.normal(0, noise, len(update)) if curve is None else np.array(curve)
    blocks = updates // 10
    return {
        "key": spec.key,
        "spec": spec.as_dict(),
        "commit": "0123456789ab",
        "versions": {"torch": "2.13.0"},
        "machine": {"cpu": "none", "cores": 2},
        "core_seconds": 20.0,
        "stage_a_core_seconds": 2.0,
        "curriculum_ms": 0.5,
        "arms": {
            "names": list(ARMS),
            "kind": list(KINDS),
            "sizes": [40, 30, 20, 10],
            "useless_share": [0, 0.05, 1, 1],
        },
        "curve": {
            "update": update.tolist(),
            "rollouts": (64 * update).tolist(),
            "tokens": (200 * update).tolist(),
            "unique": np.minimum(8 * update, 400).tolist(),
            "accuracy": {name: overall.round(4).tolist() for name in (*FAMILIES, "COPY")},
            "overall": overall.tolist(),
        },
        "train": {
            "degenerate": [0.5] * (updates // 2) + [0.25] * (updates // 2),
            "reward": [0.3] * updates,
            "pulls": [[40] * blocks, [20] * blocks, [10] * blocks, [10] * blocks],
            "served": {
                "useful": [60] * blocks,
                "unsolvable": [10] * blocks,
                "mastered": [0] * blocks,
                "duplicated": [10] * blocks,
            },
        },
        "final": {
            "accuracy": {name: float(overall[-1]) for name in FAMILIES},
            "overall": float(overall[-1]),
            "greedy": {name: float(overall[-1]) for name in FAMILIES},
            "greedy_overall": float(overall[-1]),
            "unsolvable": 0.0,
            "mastered_before": {"COPY": 0.99},
            "mastered_after": {"COPY": 0.97},
        },
    }
