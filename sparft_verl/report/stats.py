"""The statistics of a report: a paired gain with its interval, and a smoothed line."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Gain:
    """How much the same items gained between two measurements."""

    mean: float
    """Mean of after - before; nan without items."""
    low: float
    """Lower end of the 95 % interval; nan with fewer than two items."""
    high: float
    """Upper end of the 95 % interval; nan with fewer than two items."""
    n: int
    """How many items were paired."""


def paired_gain(before: Sequence[float] | Floats, after: Sequence[float] | Floats) -> Gain:
    """Return the mean of after - before and its 95 % Student-t interval over items.

    `before[i]` and `after[i]` are the scores of one and the same item, [n] each. The interval is
    mean ± t(n-1) · s/√n with s the sample standard deviation of the differences: exact for normal differences,
    and free of resampling noise. It speaks of other items of the same kind, not of other training runs. When
    every difference is the same it is a single point.

    Raises ValueError when the two differ in length or hold a value that is not finite.
    """
    first, second = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(
            f"A paired gain needs one score before and one after for each item, got shapes {first.shape} and "
            f"{second.shape}; keep only the items that were scored both times."
        )
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError(
            "A paired gain needs finite scores; found nan or infinity. Drop the items without a score."
        )
    n = len(first)
    if n == 0:
        return Gain(nan, nan, nan, 0)
    difference = second - first
    mean = float(difference.mean())
    if n == 1:
        return Gain(mean, nan, nan, 1)
    half = float(stdtrit(n - 1, 0.975)) * float(difference.std(ddof=1)) / sqrt(n)
    return Gain(mean, mean - half, mean + half, n)


def smooth(values: Floats, window: int) -> Floats:
    """Return the centred moving mean of `values` [n], nan left out; `window` is odd, and cut off at the ends."""
    if window < 1 or window % 2 == 0:
        raise ValueError(f"The window of a centred mean must be odd and positive, got {window}.")
    known = np.isfinite(values)
    totals = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(known)])
    index = np.arange(len(values))
    low = np.maximum(index - window // 2, 0)
    high = np.minimum(index + window // 2 + 1, len(values))
    count = counts[high] - counts[low]
    return np.where(count > 0, (totals[high] - totals[low]) / np.maximum(count, 1), np.nan)


def edge_means(values: Sequence[float] | Floats) -> tuple[float, float]:
    """Return the means of the first and of the last quarter of `values` in their order (at least one); nan if empty."""
    series = np.asarray(values, dtype=np.float64)
    if len(series) == 0:
        return nan, nan
    count = max(1, len(series) // 4)
    return float(series[:count].mean()), float(series[-count:].mean())
