"""What a few paired seeds say: intervals, exact p values, corrections for many methods, ratios with censored runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from math import exp, inf, isfinite, nan, sqrt

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr, ndtr, stdtrit

from recipes.evaluation.statistics import weights

Floats = npt.NDArray[np.float64]
LEVEL = 0.95
RESAMPLES = 10_000
FEWEST_DRAWN = 6
MOST_EXACT = 16
"""Seeds up to which every pattern of signs is tried; more are drawn."""


@dataclass(frozen=True)
class Interval:
    """An estimate with the ends of its 95 % interval, nan where too few seeds were run."""

    estimate: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        """Return the fields by name."""
        return asdict(self)


@dataclass(frozen=True)
class Ratio:
    """How many times as much one method needs as another to reach the same accuracy, over paired seeds."""

    mean: Interval
    """Ratio of geometric means, runs that did not reach the target counted as the budget."""
    median: Interval
    """Median of the seeds' ratios, runs that did not reach it counted as infinite: high may be."""
    short: int
    """Seeds in which the first method did not reach the target within the budget: `mean` is too low by them."""
    short_reference: int
    """Seeds in which the second did not: `mean` is too high by them."""

    @property
    def bound(self) -> str:
        """How the true ratio stands to `mean`: "≥", "≤", "" equal, "?" not known."""
        if self.short and self.short_reference:
            return "?"
        return "≥" if self.short else "≤" if self.short_reference else ""

    @property
    def below_one(self) -> bool:
        """Whether fewer are needed at 95 %: by both intervals if a run fell short, which only the median honours."""
        return self.mean.high < 1 and (not self.short or self.median.high < 1)


def mean_interval(values: Sequence[float] | Floats, *, resamples: int = RESAMPLES, seed: int = 0) -> Interval:
    """Return the mean over seeds and its bootstrap interval; of paired differences it is the paired bootstrap.

    Percentiles of n resampled values are too narrow by sqrt((n-1)/n) and know nothing of Student's t, which at ten
    seeds leaves 90 % coverage of the 95. So the percentiles taken are those at which the interval of normal values is
    Student's: Phi(-t(n-1) sqrt(n/(n-1))) (Hesterberg, What Teachers Should Know About the Bootstrap, 2015, 5.3).
    Below FEWEST_DRAWN seeds too few different resamples exist and it is Student's interval itself; one seed has none.

    Raises ValueError for values that are not finite.
    """
    found = np.asarray(values, dtype=np.float64)
    if not np.isfinite(found).all():
        raise ValueError(
            f"an interval needs finite values, got {found.tolist()}; leave out seeds without one"
        )
    n = len(found)
    if n == 0:
        return Interval(nan, nan, nan)
    mean = float(found.mean())
    if n == 1:
        return Interval(mean, nan, nan)
    t = float(stdtrit(n - 1, 0.5 + LEVEL / 2))
    if n < FEWEST_DRAWN:
        half = t * float(found.std(ddof=1)) / sqrt(n)
        return Interval(mean, mean - half, mean + half)
    tail = float(ndtr(-t * sqrt(n / (n - 1))))
    drawn = np.concatenate([part @ found for part in weights(n, resamples, seed)])
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Interval(mean, float(low), float(high))


def median_interval(values: Sequence[float] | Floats) -> Interval:
    """Return the median and its exact interval between order statistics, which values may be infinite.

    The interval holds for any distribution, with at least 95 % (the sign test's). Six values at least are needed.
    """
    found = np.sort(np.asarray(values, dtype=np.float64))
    n = len(found)
    if n == 0:
        return Interval(nan, nan, nan)
    upper = float(found[n // 2])
    middle = upper if n % 2 or not isfinite(upper) else (float(found[n // 2 - 1]) + upper) / 2
    outside = int(np.sum(2 * bdtr(np.arange(n // 2), n, 0.5) <= 1 - LEVEL)) - 1
    if outside < 0:
        return Interval(middle, -inf, inf)
    return Interval(middle, float(found[outside]), float(found[n - 1 - outside]))


def sign_flip(differences: Sequence[float] | Floats, *, draws: int = 20_000, seed: int = 0) -> float:
    """Return the two-sided p of "each paired difference is as likely to have the other sign", statistic |mean|.

    Exact up to MOST_EXACT seeds, so that p >= 2^(1-n): three seeds cannot give less than 0.25. Zero differences
    count on both sides. nan without seeds.
    """
    found = np.asarray(differences, dtype=np.float64)
    n = len(found)
    if n == 0:
        return nan
    if n <= MOST_EXACT:
        signs, extra = np.array(list(product((1.0, -1.0), repeat=n))), 0
    else:
        rng = np.random.Generator(np.random.Philox(seed))
        signs, extra = 1.0 - 2.0 * rng.integers(0, 2, size=(draws, n)), 1
    seen = np.abs(signs @ found)
    # rounding must not make the observed pattern larger than itself
    reached = int((seen >= abs(found.sum()) * (1 - 1e-9) - 1e-12).sum())
    return (reached + extra) / (len(signs) + extra)


def holm(ps: Mapping[str, float]) -> dict[str, float]:
    """Return p values corrected for their number by Holm's step-down rule; nan stays nan and is not counted."""
    known = sorted((name for name in ps if isfinite(ps[name])), key=lambda name: ps[name])
    corrected, largest = {name: nan for name in ps}, 0.0
    for rank, name in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * ps[name]))
        corrected[name] = largest
    return corrected


def ratio(
    needed: Sequence[float],
    reached: Sequence[bool],
    reference: Sequence[float],
    reference_reached: Sequence[bool],
) -> Ratio:
    """Return what one method needs over what another needs, seed by seed.

    `needed` holds what was spent up to the target, or the whole budget where `reached` is false.
    """
    logs = np.log(np.asarray(needed, dtype=np.float64)) - np.log(np.asarray(reference, dtype=np.float64))
    mine, theirs = np.asarray(reached, dtype=bool), np.asarray(reference_reached, dtype=bool)
    mean, median = mean_interval(logs), median_interval(np.where(mine, logs, inf))
    return Ratio(
        Interval(*(exp(value) for value in (mean.estimate, mean.low, mean.high))),
        Interval(*(exp(value) for value in (median.estimate, median.low, median.high))),
        int((~mine).sum()),
        int((~theirs).sum()),
    )
