"""The numeric core under the curricula: draws, choices and running means over arms.

Randomness is counter-based: Philox4x32-10 (Salmon et al., SC 2011), keyed by (seed, stream), its counter
(index, step). The same call gives the same result whatever the back end, the thread count or what was drawn
before; NumPy, C++ and CUDA agree bit for bit. Give every purpose its own `stream`.

Arrays must be one-dimensional, C-contiguous, aligned and of exactly the dtype named: nothing is converted. A
wrong type or dtype raises TypeError, any other bad value ValueError; both name argument, rule, value and fix.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sparft_verl.bandit import reference
from sparft_verl.bandit._checks import (
    KEY_LIMIT,
    check_array,
    check_integer,
    check_key,
    check_range,
    choose_backend,
)

try:
    from sparft_verl.bandit import _kernel
except ImportError as error:
    raise ImportError(
        f"the compiled part of sparft_verl.bandit cannot be loaded ({error}); "
        "run `pip install .`, or `pip install --no-build-isolation -e .` in a checkout"
    ) from error

__all__ = [
    "Backend",
    "backend_info",
    "normal",
    "observe_mean",
    "permutation",
    "thompson_gaussian",
    "uniform_words",
]

Backend = Literal["auto", "cpu", "cuda", "numpy"]
F64, I64, I32 = np.dtype(np.float64), np.dtype(np.int64), np.dtype(np.int32)


def thompson_gaussian(
    mean: NDArray[np.float64],
    sd: NDArray[np.float64],
    capacity: NDArray[np.int64],
    rounds: int,
    *,
    seed: int,
    stream: int,
    step: int,
    backend: Backend = "auto",
    threads: int = 1,
) -> NDArray[np.int32]:
    """int32 [rounds]: the arm that Gaussian Thompson sampling chooses in each round.

    Round r draws theta_k = mean_k + sd_k * z_{r*A+k} for every arm k and takes the arg-max (ties: lowest arm)
    among arms with capacity left, then takes one from that arm's capacity. Posterior sampling after Thompson
    (1933), with the Gaussian posteriors of Agrawal and Goyal, "Further optimal regret bounds for Thompson
    sampling" (AISTATS 2013).

    Args:
        mean: float64 [A], posterior means, finite.
        sd: float64 [A], posterior standard deviations, finite, >= 0.
        capacity: int64 [A], how often each arm may still be chosen, >= 0; the array itself is left as it is.
        rounds: how many to choose, 0 .. sum(capacity).
        seed, stream, step: the key, each 0 .. 2**63 - 1.
        backend: "auto" is the compiled CPU op; "cuda" and "numpy" give the same result.
        threads: 1 .. 64 threads for the CPU op, used from 2**17 draws on; never changes the result.

    Raises:
        TypeError, ValueError: an argument breaks its rule, e.g. rounds > sum(capacity).
        RuntimeError: backend="cuda" and no device can be used.
    """
    check_array("mean", mean, F64)
    check_array("sd", sd, F64)
    check_array("capacity", capacity, I64)
    rounds = check_integer("rounds", rounds, 0, KEY_LIMIT)
    key = check_key(seed, stream, step)
    threads = check_integer("threads", threads, 1, 65)
    if choose_backend(backend) == "numpy":
        _kernel.check_thompson(mean, sd, capacity, rounds)
        return reference.thompson_gaussian(mean, sd, capacity, rounds, *key)
    return _kernel.thompson(mean, sd, capacity, rounds, *key, threads, backend == "cuda")


def permutation(
    n: int, *, seed: int, stream: int, step: int, backend: Literal["auto", "cpu", "numpy"] = "auto"
) -> NDArray[np.int64]:
    """int64 [n]: a uniform permutation of 0 .. n-1, n < 2**31 (Fisher-Yates; Knuth, TAOCP 2, 3.4.2)."""
    n = check_integer("n", n, 0, 2**31)
    key = check_key(seed, stream, step)
    if choose_backend(backend, ("auto", "cpu", "numpy")) == "numpy":
        return reference.permutation(n, *key)
    return _kernel.permutation(n, *key)


def observe_mean(
    total: NDArray[np.float64], count: NDArray[np.int64], arm: NDArray[np.int32], value: NDArray[np.float64]
) -> None:
    """Nothing; adds each value to its arm's running sum and counts it, in place: the mean is total / count.

    Values are added in the order given, so the same observations leave the same bits. On an error nothing is
    written.

    Args:
        total: float64 [A], sums so far, writeable. count: int64 [A], how many so far, >= 0, writeable.
        arm: int32 [n], each 0 .. A-1. value: float64 [n], finite.
    """
    check_array("total", total, F64, writeable=True)
    check_array("count", count, I64, writeable=True)
    check_array("arm", arm, I32)
    check_array("value", value, F64)
    _kernel.observe_mean(total, count, arm, value)


def normal(
    n: int, *, seed: int, stream: int, step: int, first: int = 0, backend: Backend = "auto"
) -> NDArray[np.float32]:
    """float32 [n]: standard normals z_first .. z_{first+n-1} of one key, the ones thompson_gaussian draws.

    Box-Muller on 31-bit uniforms, so |z| <= 6.66.
    """
    n, first = check_range(n, first)
    key = check_key(seed, stream, step)
    if choose_backend(backend) == "numpy":
        return reference.normal(n, first, *key)
    return _kernel.normal(n, first, *key, backend == "cuda")


def uniform_words(n: int, *, seed: int, stream: int, step: int, first: int = 0) -> NDArray[np.uint32]:
    """uint32 [n]: the Philox words first .. first+n-1 of one key, from which its normals are made."""
    n, first = check_range(n, first)
    return _kernel.words(n, first, *check_key(seed, stream, step))


def backend_info() -> str:
    """One line: the back end that "auto" uses, and whether CUDA is there or why not."""
    if not _kernel.cuda_build:
        return "bandit: cpu (C++); CUDA was not built: no nvcc at build time, or SPARFT_CUDA=0"
    problem = _kernel.cuda_problem()
    if problem:
        return f"bandit: cpu (C++); built with {_kernel.cuda_build}, which cannot run here: {problem}"
    device = _kernel.cuda_device_name()
    return f'bandit: cpu (C++); backend="cuda" is there too on {device} (built with {_kernel.cuda_build})'
