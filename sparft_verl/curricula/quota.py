"""Shares of a batch by data source, fixed or changing with the step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sparft_verl.curricula.schedule import at, knots
from sparft_verl.curricula.state import array
from sparft_verl.curricula.types import F64, I64, Arms


class Scopes:
    """Parts of the prompts with a share of the batch each; one part with all prompts where there is no quota.

    Rounding is carried over: over many batches each part gets its share to within one prompt.
    """

    def __init__(
        self, arms: Arms, shares: Mapping[str, Any], *, key: str = "quota", rest: bool = True
    ) -> None:
        """Make a scope of each source named and, if `rest`, one of all others, which gets what the others leave.

        Raises ValueError for a source that no selected prompt has.
        """
        source = np.array(arms.source) if shares else np.zeros(0, dtype=str)
        missing = sorted(set(shares) - set(arms.source))
        if missing:
            raise ValueError(
                f"{key}: no selected prompt has the data source {missing[0]!r}; the sources are "
                f"{', '.join(sorted(set(arms.source))[:20])}"
            )
        self.of_item = np.full(len(arms.rows), len(shares), dtype=np.int32)
        """int32 [m]: scope of each prompt."""
        for number, name in enumerate(shares):
            self.of_item[source == name] = number
        self._schedules = [knots(f"{key}[{name!r}]", value, np.inf) for name, value in shares.items()]
        self._rest = rest and bool((self.of_item == len(shares)).any())
        self.count = len(shares) + self._rest
        self._carry: F64 = np.zeros(self.count)

    def shares(self, step: int) -> F64:
        """float64 [count]: share of each scope at `step`, summing to 1."""
        named = np.array([at(pairs, step) for pairs in self._schedules])
        weights = np.append(named, max(1.0 - named.sum(), 0.0)) if self._rest else named
        total = weights.sum()
        return weights / total if total > 0 else np.full(self.count, 1.0 / self.count)

    def split(self, n: int, step: int) -> I64:
        """int64 [count]: slots of each scope in the next batch of `n`, by largest remainder."""
        wanted = self.shares(step) * n + self._carry
        given = np.maximum(np.floor(wanted), 0.0)
        order = np.argsort(given - wanted, kind="stable")
        given[order[: max(n - int(given.sum()), 0)]] += 1.0
        excess = int(given.sum()) - n  # only where a carry made a scope's wish negative
        for scope in order[::-1][: max(excess, 0)]:
            given[scope] -= 1.0
        self._carry = np.clip(wanted - given, -1.0, 1.0)
        return given.astype(np.int64)

    def fit(self, given: I64, free: I64) -> I64:
        """int64 [count]: `given`, with what a scope cannot serve moved to those that have prompts left."""
        out = np.minimum(given, free)
        missing = int(given.sum() - out.sum())
        while missing:
            room = np.flatnonzero(free > out)
            add = np.minimum(free[room] - out[room], -(-missing // len(room)))
            add = np.diff(np.minimum(np.concatenate([[0], np.cumsum(add)]), missing))
            out[room] += add
            missing -= int(add.sum())
        return out

    def state_dict(self) -> dict[str, Any]:
        """Return what rounding still owes."""
        return {"carry": self._carry.copy()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take the state of `state_dict`."""
        self._carry = array(state, "carry", np.float64, self.count)
