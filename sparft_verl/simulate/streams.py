"""Randomness: one generator for each (seed, stream, step), so that no draw depends on what was drawn before it."""

from __future__ import annotations

import numpy as np

ITEMS, ROLLOUTS, RETURNS = 0, 1, 2


def generator(seed: int, stream: int, step: int = 0) -> np.random.Generator:
    """Return the generator of one stream at one step; the same for every method under the same seed."""
    return np.random.Generator(np.random.Philox(key=[seed, stream << 48 | step]))
