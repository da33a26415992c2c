"""The numeric core under the curricula: draws, choices and running statistics over arms.

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

from sparft_verl.bandit import reference, reference_draws
from sparft_verl.bandit._checks import (
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

from sparft_verl.bandit.choose import Backend, choose, choose_top, draw
from sparft_verl.bandit.farthest import farthest_points
from sparft_verl.bandit.observe import (
    observe_beta,
    observe_kalman,
    observe_mean,
    observe_sum,
    observe_window,
    rescale,
    window_mean,
)
from sparft_verl.bandit.posteriors import (
    Beta,
    Fixed,
    Gaussian,
    GaussianMean,
    Kalman,
    MixedProportional,
    Posterior,
    Softmax,
)
from sparft_verl.bandit.utilities import Identity, Learnability, Mixed, Negative, Target, Utility

__all__ = [
    "Backend",
    "Beta",
    "Fixed",
    "Gaussian",
    "GaussianMean",
    "Identity",
    "Kalman",
    "Learnability",
    "Mixed",
    "MixedProportional",
    "Negative",
    "Posterior",
    "Softmax",
    "Target",
    "Utility",
    "backend_info",
    "choose",
    "choose_top",
    "draw",
    "farthest_points",
    "normal",
    "observe_beta",
    "observe_kalman",
    "observe_mean",
    "observe_sum",
    "observe_window",
    "permutation",
    "rescale",
    "uniform_words",
    "window_mean",
]


def permutation(
    n: int, *, seed: int, stream: int, step: int, backend: Literal["auto", "cpu", "numpy"] = "auto"
) -> NDArray[np.int64]:
    """int64 [n]: a uniform permutation of 0 .. n-1, n < 2**31 (Fisher-Yates; Knuth, TAOCP 2, 3.4.2)."""
    n = check_integer("n", n, 0, 2**31)
    key = check_key(seed, stream, step)
    if choose_backend(backend, ("auto", "cpu", "numpy")) == "numpy":
        return reference.permutation(n, *key)
    return _kernel.permutation(n, *key)


def normal(
    n: int, *, seed: int, stream: int, step: int, first: int = 0, backend: Backend = "auto"
) -> NDArray[np.float32]:
    """float32 [n]: standard normals z_first .. z_{first+n-1} of one key, the ones Gaussian beliefs draw by.

    Box-Muller on 31-bit uniforms, so |z| <= 6.66.
    """
    n, first = check_range(n, first)
    key = check_key(seed, stream, step)
    if choose_backend(backend) == "numpy":
        return reference_draws.normal(n, first, *key)
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
