"""NumPy reference of draw, choose and choose_top, written to be read. Arguments are as the compiled ops check them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sparft_verl.bandit import posteriors as post
from sparft_verl.bandit import utilities as util
from sparft_verl.bandit.reference import OP_FLOOR, uniform_words
from sparft_verl.bandit.reference_draws import beta, gumbel, normal
from sparft_verl.bandit.reference_math import log_positive

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_DRAWS_AT_ONCE = 2**20


def _host(x: object) -> F64:
    """What exports DLPack on the CPU, as a NumPy array."""
    return np.asarray(x, dtype=np.float64)


def _shapes(p: post.Beta | post.MixedProportional) -> tuple[F64, F64]:
    return (
        _host(p.prior_success) + p.scale * _host(p.success),
        _host(p.prior_failure) + p.scale * _host(p.failure),
    )


def _log_mixed(a: F64, b: F64, group: int) -> F64:
    """log of 1 - prod (a+j)/(a+b+j) - prod (b+j)/(a+b+j), -inf where that is below 2**-126."""
    both = a + b
    all_, none = np.ones_like(a), np.ones_like(a)
    for start in range(0, group, 8):
        x, y, z = np.ones_like(a), np.ones_like(a), np.ones_like(a)
        for j in range(start, min(start + 8, group)):
            x, y, z = x * (a + j), y * (b + j), z * (both + j)
        all_, none = all_ * (x / z), none * (y / z)
    mixed = ((1.0 - all_) - none).astype(np.float32)
    there = mixed >= np.float32(2.0**-126)
    log = log_positive(np.where(there, mixed, np.float32(1))).astype(np.float64)
    return np.where(there, log, -np.inf)


def _gaussian(p: post.Gaussian | post.GaussianMean | post.Kalman) -> tuple[F64, F64]:
    """Mean and deviation of each arm."""
    if isinstance(p, post.Gaussian):
        return _host(p.mean), _host(p.sd)
    if isinstance(p, post.Kalman):
        return _host(p.mean), np.sqrt(_host(p.variance) + p.inflation)
    total, count = _host(p.total), _host(p.count)
    mean = np.where(count > 0, total / count, p.prior_mean)
    return mean, p.sigma / np.sqrt(p.scale * count + 1.0)


def theta(p: post.Posterior, first: int, rounds: int, seed: int, stream: int, step: int) -> F64:
    """float64 [rounds, A]: what the rounds from `first` on draw."""
    key = (seed, stream, step)
    if isinstance(p, post.Fixed):
        return np.tile(_host(p.value), (rounds, 1))
    if isinstance(p, post.Beta):
        a, b = (np.tile(shape.astype(np.float32), rounds) for shape in _shapes(p))
        arms = len(_host(p.success))
        return beta(a, b, first * arms, *key).astype(np.float64).reshape(rounds, arms)
    if isinstance(p, post.Softmax | post.MixedProportional):
        at = (
            _host(p.value) / p.temperature
            if isinstance(p, post.Softmax)
            else _log_mixed(*_shapes(p), p.group)
        )
        g = gumbel(rounds * len(at), first * len(at), *key)
        return at + g.astype(np.float64).reshape(rounds, len(at))
    mean, sd = _gaussian(p)
    z = normal(rounds * len(mean), first * len(mean), *key)
    return mean + sd * z.astype(np.float64).reshape(rounds, len(mean))


def _power(x: F64, n: int) -> F64:
    """x^n by repeated squaring, in the order of csrc/utility.h."""
    y = x if n & 1 else np.ones_like(x)
    n >>= 1
    while n:
        x = x * x
        if n & 1:
            y = y * x
        n >>= 1
    return y


def worth(utility: util.Utility, x: F64) -> F64:
    """float64: utility of each drawn value."""
    if isinstance(utility, util.Negative):
        return -x
    if isinstance(utility, util.Target):
        return -np.abs(x - float(utility.tau))
    if isinstance(utility, util.Learnability):
        return x * (1.0 - x)
    if isinstance(utility, util.Mixed):
        mixed = (1.0 - _power(x, utility.group)) - _power(1.0 - x, utility.group)
        return np.where(np.isnan(mixed), -np.inf, mixed)
    return x


def draw(
    p: post.Posterior, rounds: int, utility: util.Utility, seed: int, stream: int, step: int, first: int = 0
) -> F64:
    """float64 [rounds, A]: see sparft_verl.bandit.draw; of the rounds from `first` on."""
    # an empty arm divides by no count; huge but finite beliefs may draw +-inf, which still compares
    with np.errstate(all="ignore"):
        return worth(utility, theta(p, first, rounds, seed, stream, step))


def _arms(p: post.Posterior) -> int:
    for name in ("mean", "total", "success", "value"):
        if hasattr(p, name):
            return len(getattr(p, name))
    raise TypeError(f"{type(p).__name__} has no arms")


def choose(
    p: post.Posterior,
    rounds: int,
    capacity: I64 | None,
    utility: util.Utility,
    floor: float,
    seed: int,
    stream: int,
    step: int,
) -> NDArray[np.int32]:
    """int32 [rounds]: see sparft_verl.bandit.choose."""
    arms = _arms(p)
    left = np.full(arms, rounds + 1) if capacity is None else np.array(capacity)
    chosen = np.empty(rounds, dtype=np.int32)
    at_once = max(1, _DRAWS_AT_ONCE // arms)
    floor_words = uniform_words(4 * rounds, 0, seed, stream, step, OP_FLOOR).reshape(-1, 4)
    for r in range(rounds):
        if r % at_once == 0:
            keys = draw(p, min(at_once, rounds - r), utility, seed, stream, step, first=r)
        open_arms = np.flatnonzero(left > 0)
        arm = open_arms[np.argmax(keys[r % at_once, open_arms])]
        if float(floor_words[r, 0]) * 2.0**-32 < floor * len(open_arms):
            arm = open_arms[int(floor_words[r, 1]) * len(open_arms) >> 32]
        left[arm] -= 1
        chosen[r] = arm
    return chosen


def choose_top(
    p: post.Posterior,
    n: int,
    open: NDArray[np.uint8] | NDArray[np.bool_] | None,
    utility: util.Utility,
    seed: int,
    stream: int,
    step: int,
) -> I64:
    """int64 [n]: see sparft_verl.bandit.choose_top. A stable sort leaves equal keys in the order of items."""
    key = draw(p, 1, utility, seed, stream, step)[0]
    items = np.arange(len(key)) if open is None else np.flatnonzero(np.asarray(open))
    return items[np.argsort(-key[items], kind="stable")][:n]
