"""Means over test items with bootstrap intervals, and differences of methods on the same items."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np

from recipes.evaluation.scores import CollectError, Run

Array = np.ndarray[Any, Any]
_CHUNK = 500


@dataclass(frozen=True)
class Line:
    """One method on one group of items. Intervals are 95 %, over test items."""

    method: str
    runs: int
    steps: tuple[int, ...]
    tokens: float | None
    items: int
    samples: int
    """Answers per item: k of avg@k."""
    mean: float
    sd: float
    """Over runs; nan for one run."""
    low: float
    high: float
    difference: float | None = None
    """Against the baseline, on the same items; None for the baseline itself."""
    difference_low: float | None = None
    difference_high: float | None = None
    p: float | None = None
    """Share of resamples in which the sign turns, doubled: a two-sided p."""


def shared_items(runs: Sequence[Run]) -> list[str]:
    """Return the items that every run was tested on; CollectError when there are none."""
    common = set(runs[0].scores).intersection(*(run.scores for run in runs[1:]))
    if not common:
        sizes = ", ".join(f"{run.name} {len(run.scores)}" for run in runs)
        raise CollectError(
            f"runs must share test items, but these have none in common ({sizes} items); compare runs of one model on "
            "the same test file"
        )
    return sorted(common)


def compare(
    runs: Sequence[Run], items: Sequence[str], baseline: str | None, *, resamples: int = 10_000, seed: int = 0
) -> list[Line]:
    """Return a line per method on `items`, the baseline first.

    An item's score is the mean over its samples, and over the runs of a method. The bootstrap draws items, the same
    ones for all methods, so that the difference is paired; it speaks of other items, and the sd of other seeds.
    """
    methods = sorted({run.method for run in runs}, key=lambda method: (method != baseline, method))
    tables = {
        method: np.array(
            [[np.mean(run.scores[item]) for item in items] for run in runs if run.method == method]
        )
        for method in methods
    }
    averages = np.stack([tables[method].mean(axis=0) for method in methods], axis=1)
    draws = np.concatenate([share @ averages for share in weights(len(items), resamples, seed)])
    lines = []
    for column, method in enumerate(methods):
        mine = [run for run in runs if run.method == method]
        per_run = tables[method].mean(axis=1)
        low, high = np.quantile(draws[:, column], [0.025, 0.975])
        known = [run.tokens for run in mine if run.tokens is not None]
        lines.append(
            Line(
                method,
                len(mine),
                tuple(sorted({run.step for run in mine})),
                float(np.mean(known)) if len(known) == len(mine) else None,
                len(items),
                max(len(run.scores[item]) for run in mine for item in items),
                float(per_run.mean()),
                float(per_run.std(ddof=1)) if len(mine) > 1 else nan,
                float(low),
                float(high),
                *(_difference(averages, draws, column) if baseline is not None and column else ()),
            )
        )
    return lines


def _difference(averages: Array, draws: Array, column: int) -> tuple[float, float, float, float]:
    drawn = draws[:, column] - draws[:, 0]
    low, high = np.quantile(drawn, [0.025, 0.975])
    # one more on either side: no finite number of draws shows that a sign never turns
    share = (min((drawn <= 0).sum(), (drawn >= 0).sum()) + 1) / (len(drawn) + 1)
    return (
        float((averages[:, column] - averages[:, 0]).mean()),
        float(low),
        float(high),
        float(min(1.0, 2 * share)),
    )


def weights(items: int, resamples: int, seed: int) -> Iterator[Array]:
    """Yield float64 [<= _CHUNK, items]: how often each item is in a resample, as a share."""
    rng = np.random.Generator(np.random.Philox(seed))
    for start in range(0, resamples, _CHUNK):
        yield rng.multinomial(items, np.full(items, 1 / items), size=min(_CHUNK, resamples - start)) / items
