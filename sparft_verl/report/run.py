"""What a run did, as arrays over steps and arms."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Series:
    """Counts by step (or bin of steps) and arm; S steps, K arms."""

    pulls: Ints
    """Prompts served, [S, K]."""
    groups: Ints
    """Groups observed with at least one rollout, [S, K]."""
    solved: Floats
    """Sum over those groups of their mean success, [S, K]."""
    failed: Ints
    """Groups in which every success is 0, [S]."""
    mastered: Ints
    """Groups in which every success is 1, [S]."""
    level: Ints
    """Groups in which all successes are equal and neither 0 nor 1, [S]."""

    @property
    def solve_rate(self) -> Floats:
        """Mean success of the groups observed, [S]; nan where there are none."""
        return ratio(self.solved.sum(axis=1), self.groups.sum(axis=1))

    @property
    def arm_solve_rate(self) -> Floats:
        """Mean success by arm, [S, K]; nan where no group was observed."""
        return ratio(self.solved, self.groups)

    @property
    def pull_share(self) -> Floats:
        """Share of the prompts served that went to each arm, [S, K]; nan where nothing was served."""
        return ratio(self.pulls, np.broadcast_to(self.pulls.sum(axis=1, keepdims=True), self.pulls.shape))

    @property
    def degenerate(self) -> Floats:
        """Share of the groups in which all successes are equal, [S]; they carry no advantage under GRPO."""
        return ratio(self.failed + self.mastered + self.level, self.groups.sum(axis=1))

    def summed(self, starts: Ints, axis: int) -> "Series":
        """Return the sums over consecutive blocks that begin at `starts`; axis 0 joins steps, 1 joins arms."""
        return Series(
            **{
                field.name: np.add.reduceat(value, starts, axis=axis) if value.ndim > axis else value
                for field in fields(self)
                for value in [getattr(self, field.name)]
            }
        )


@dataclass(frozen=True)
class Run:
    """A journal, without what was rolled back."""

    method: str
    config: Mapping[str, Any]
    fingerprint: str
    arm_names: tuple[str, ...]
    arm_sizes: tuple[int, ...]
    steps: Ints
    """Optimiser steps, ascending, [S]."""
    series: Series
    outcomes: tuple[Floats, ...]
    """Mean success of every group of an arm in the order in which they came, K arrays."""
    discarded: Ints
    """Groups that were observed but not trained on, [K]."""
    cancelled: int
    """Prompts served whose group never came back."""
    resumed: tuple[int, ...]
    """Step from which each resume went on, in order; 0 for a run begun anew over an older journal."""
    rolled_back: int
    """Prompts served after the checkpoint from which the run was later resumed; not counted in the series."""
    torn: int
    """Journal lines cut short by a kill; skipped."""


def ratio(part: npt.NDArray[Any], whole: npt.NDArray[Any]) -> Floats:
    """Return part / whole as float64, nan where whole is 0."""
    result = np.full(np.shape(part), np.nan)
    return np.divide(part, whole, out=result, where=np.asarray(whole) > 0)


def block_starts(count: int, most: int) -> Ints:
    """Return where each of at most `most` blocks of equal length begins; the last may be shorter."""
    return np.arange(0, count, max(1, -(-count // most)), dtype=np.int64)
