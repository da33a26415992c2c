"""Draws from beliefs about arms, and choices by them."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sparft_verl.bandit import _kernel, reference_choose
from sparft_verl.bandit.posteriors import Posterior
from sparft_verl.bandit.utilities import Identity, Utility

Backend = Literal["auto", "cpu", "cuda", "numpy"]
IDENTITY = Identity()


def draw(
    posterior: Posterior,
    rounds: int,
    *,
    utility: Utility = IDENTITY,
    seed: int,
    stream: int,
    step: int,
    backend: Backend = "auto",
    threads: int = 1,
) -> NDArray[np.float64]:
    """float64 [rounds, A]: utility(theta) of every arm in every round, theta drawn anew for each.

    Arm k in round r is element r*A + k of the key: what it draws depends on nothing else.

    Args:
        posterior: what is believed about the A arms.
        rounds: how many draws of each arm, >= 0.
        utility: what is made of a draw.
        seed, stream, step: the key, each 0 .. 2**63 - 1.
        backend: "auto" is the CPU for arrays there and CUDA for arrays on a device; "cuda" and "numpy" give the
            same result.
        threads: 1 .. 64 threads of the CPU, used where they pay; never changes the result.

    Raises:
        TypeError, ValueError: an argument breaks its rule.
        RuntimeError: CUDA is asked for and no device can be used.
    """
    drawn = _kernel.draw(posterior, rounds, utility, seed, stream, step, backend, threads)
    if drawn is None:
        return reference_choose.draw(posterior, int(rounds), utility, int(seed), int(stream), int(step))
    return drawn


def choose(
    posterior: Posterior,
    rounds: int,
    *,
    capacity: NDArray[np.int64] | None = None,
    utility: Utility = IDENTITY,
    floor: float = 0.0,
    seed: int,
    stream: int,
    step: int,
    backend: Backend = "auto",
    threads: int = 1,
) -> NDArray[np.int32]:
    """int32 [rounds]: the arm chosen in each round, the one whose fresh draw is worth most (ties: lowest arm).

    With Gaussian or Beta beliefs this is Thompson sampling (Thompson, Biometrika 1933).

    Args:
        posterior, utility, seed, stream, step, backend, threads: as for draw, whose draws these are.
        rounds: how many to choose, 0 .. sum(capacity).
        capacity: int64 [A], how often each arm may still be chosen, >= 0; None for no limit. The array itself is
            left as it is, and is read by the CPU.
        floor: 0 .. 1/A. With probability floor * (open arms) a round takes an open arm uniformly instead, so that
            every open arm has at least this probability.
    """
    chosen = _kernel.choose(posterior, rounds, capacity, utility, floor, seed, stream, step, backend, threads)
    if chosen is None:
        return reference_choose.choose(
            posterior, int(rounds), capacity, utility, float(floor), int(seed), int(stream), int(step)
        )
    return chosen


def choose_top(
    posterior: Posterior,
    n: int,
    *,
    open: NDArray[np.uint8] | NDArray[np.bool_] | None = None,
    utility: Utility = IDENTITY,
    seed: int,
    stream: int,
    step: int,
    backend: Backend = "auto",
    threads: int = 1,
) -> NDArray[np.int64]:
    """int64 [n]: the n open items whose one draw is worth most, best first (ties: lowest item).

    Args:
        posterior, utility, seed, stream, step, backend, threads: as for draw, whose round 0 this is.
        n: how many, 0 .. number of open items.
        open: bool or uint8 [A] of 0 and 1, which items may be chosen; None for all.
    """
    chosen = _kernel.choose_top(posterior, n, open, utility, seed, stream, step, backend, threads)
    if chosen is None:
        return reference_choose.choose_top(
            posterior, int(n), open, utility, int(seed), int(stream), int(step)
        )
    return chosen
