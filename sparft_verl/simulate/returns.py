"""Rollouts of a batch, and their way back: late, out of order, lost, with wrong verdicts."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from sparft_verl.simulate import streams
from sparft_verl.simulate.scenarios import Returns

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """Columns over n groups."""

    ticket: I64
    row: I64
    """int64 [n]: the prompt; row position and index are the same here."""
    successes: F64
    """float64 [n, G]: the verdict on each rollout, 0 or 1."""
    learnt: F64
    """float64 [n]: 4 x covariance of verdict and truth over the group, in [-1, 1]."""
    lost: NDArray[np.bool_]
    """bool [n]: the group never comes back."""

    def take(self, index: NDArray[np.bool_] | I64) -> Batch:
        """Return some of the groups."""
        return Batch(*(getattr(self, column.name)[index] for column in fields(self)))

    @staticmethod
    def join(parts: list[Batch]) -> Batch:
        """Return the groups of several batches, in order."""
        return Batch(
            *(np.concatenate([getattr(part, column.name) for part in parts]) for column in fields(Batch))
        )

    @property
    def flat(self) -> NDArray[np.bool_]:
        """bool [n]: every rollout got the same verdict, so that there is nothing to learn from."""
        return np.asarray(self.successes.min(axis=1) == self.successes.max(axis=1))


class Way:
    """Groups that were proposed and have not come back yet."""

    def __init__(self, returns: Returns, rollouts: int, seed: int) -> None:
        self._returns, self._rollouts, self._seed = returns, rollouts, seed
        self._due: dict[int, list[Batch]] = {}

    def roll(self, ticket: int, rows: I64, p: F64, wrong_label: NDArray[np.bool_], step: int) -> Batch:
        """Return the rollouts of one ticket and send them on their way; call once a step.

        `p` float64 [n] is the probability that a rollout is right. The draws depend on seed, step and slot alone,
        so that two methods that serve equally hard prompts see equal verdicts.
        """
        how, n = self._returns, len(rows)
        chance = streams.generator(self._seed, streams.ROLLOUTS, step)
        right = chance.random((n, self._rollouts)) < p[:, None]
        verdict = right & ~wrong_label[:, None]
        if how.flips:
            verdict ^= chance.random(verdict.shape) < how.flips
        covariance = (right & verdict).mean(axis=1) - right.mean(axis=1) * verdict.mean(axis=1)
        fate = streams.generator(self._seed, streams.RETURNS, step)
        due = step + how.lag + fate.integers(0, how.jitter + 1, n)
        batch = Batch(
            np.full(n, ticket),
            rows,
            verdict.astype(np.float64),
            4.0 * covariance,
            fate.random(n) < how.lost,
        )
        for when in np.unique(due).tolist():
            self._due.setdefault(when, []).append(batch if how.jitter == 0 else batch.take(due == when))
        return batch

    def arrive(self, step: int) -> Batch | None:
        """Return the groups due at `step`, lost ones among them; None where none is."""
        parts = self._due.pop(step, [])
        return Batch.join(parts) if parts else None
