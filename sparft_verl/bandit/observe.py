"""Updates of per-arm statistics from lists of observations: what they cost depends on the list, not on the arms.

Arrays are updated in place, where they lie; a CUDA array is updated on its device. On an error nothing is written:
a wrong type or dtype raises TypeError, any other bad value ValueError. The sums of `observe_sum` and `observe_beta`
are kept in multiples of 2**-32 and below 2**21, so that they are exact and do not show the order of arrival.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sparft_verl.bandit import _kernel
from sparft_verl.bandit._arrays import Array


def observe_mean(total: Array, count: Array, arm: Array, value: Array) -> None:
    """Nothing; adds each value to its arm's running sum and counts it: the mean is total / count.

    Values are added as they are, in the order given; `observe_sum` does not depend on the order.

    Args:
        total: float64 [A], sums so far. count: int64 [A], how many so far, >= 0.
        arm: int32 [n], each 0 .. A-1. value: float64 [n], finite.
    """
    _kernel.observe_mean(total, count, arm, value)


def observe_sum(
    total: Array,
    weight: Array,
    arm: Array,
    value: Array,
    observed_weight: Array | None = None,
    *,
    scale: float = 1.0,
) -> None:
    """Nothing; adds weighted values to their arms' sums and the weights to the sums of weights.

    What an array stands for is `scale` times what it stores. To discount all arms by gamma, multiply `scale` by
    gamma: O(1) instead of O(A). When scale falls below 2**-8, call `rescale(total, weight, factor=scale)` and go on
    with 1.0.

    Args:
        total: float64 [A], start at 0. weight: float64 [A], >= 0, start at 0.
        arm: int32 [n], each 0 .. A-1. value: float64 [n], finite.
        observed_weight: float64 [n], >= 0; None is 1 each.
        scale: above 0.
    """
    _kernel.observe_sum(total, weight, arm, value, observed_weight, scale)


def observe_beta(
    success: Array,
    failure: Array,
    arm: Array,
    successes: Array,
    rollouts: Array,
    *,
    keep: float = 1.0,
    scale: float = 1.0,
) -> None:
    """Nothing; adds the successes and failures of groups of rollouts to the evidence of their arms.

    The evidence of each different arm in the call is first multiplied by `keep`, once: MoPPS (arXiv 2507.04632) so
    forgets visited prompts only. `scale` discounts all arms, as in `observe_sum`. The prior is not part of it.

    Args:
        success, failure: float64 [A], >= 0, start at 0.
        arm: int32 [n], each 0 .. A-1. successes: float64 [n], 0 .. rollouts. rollouts: float64 [n], above 0.
        keep: 0 .. 1. scale: above 0.
    """
    _kernel.observe_beta(success, failure, arm, successes, rollouts, keep, scale)


def observe_kalman(
    mean: Array, variance: Array, arm: Array, value: Array, weight: Array, *, inflation: float = 0.0
) -> None:
    """Nothing; the Gaussian posterior of each different arm in the call takes up the arm's observations.

    With W = sum of weights and U = sum of weight * value of an arm, in the order given, and sigma2 = variance +
    inflation: precision = 1/sigma2 + W, mean = (mean/sigma2 + U) / precision, variance = 1/precision - inflation
    (PAC, arXiv 2608.30528, Eq. 10). Drift adds delta**2 to every arm's variance a step (Eq. 11): raise `inflation`
    by it instead, O(1).

    Args:
        mean: float64 [A], finite. variance: float64 [A], variance + inflation above 0.
        arm: int32 [n], each 0 .. A-1. value: float64 [n], finite. weight: float64 [n], >= 0, precisions.
        inflation: >= 0.
    """
    _kernel.observe_kalman(mean, variance, arm, value, weight, inflation)


def observe_window(window: Array, seen: Array, arm: Array, value: Array) -> None:
    """Nothing; writes each value over the oldest of its arm's last W values, in the order given.

    Args:
        window: float64 [A, W], ring buffers. seen: int64 [A], how many values so far, start at 0.
        arm: int32 [n], each 0 .. A-1. value: float64 [n], finite.
    """
    _kernel.observe_window(window, seen, arm, value)


def window_mean(window: Array, seen: Array) -> NDArray[np.float64]:
    """float64 [A]: the mean of each arm's last W values as `observe_window` left them, nan where there is none.

    The slots are added in the order they lie in.
    """
    return _kernel.window_mean(window, seen)


def rescale(*arrays: Array, factor: float) -> None:
    """Nothing; multiplies float64 [A] arrays and rounds them to multiples of 2**-32.

    For the arrays of `observe_sum` and `observe_beta`; a factor of 1.0 only rounds, as those ask for.
    """
    _kernel.rescale(arrays, factor)
