"""Which runs are made by both engines."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.learning.suites import CLEANED, HEADLINE, UNIFORM, Way

STEPS = 40
SEEDS = (0, 1, 2)
USELESS = 0.6
METHODS = {"uniform": Way(UNIFORM, CLEANED), "auto": HEADLINE["auto"]}
"""Both on the same arms, so that the allocation can be compared."""
SPECS = [
    replace(way.spec(label, seed, useless=USELESS, updates=STEPS), engine=engine)
    for engine in ("loop", "verl")
    for seed in SEEDS
    for label, way in METHODS.items()
]
