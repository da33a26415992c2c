"""Finished groups in columns: what a trainer gives back, many at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sparft_verl.curricula.columns import quantised
from sparft_verl.curricula.types import F64, I64, Feedback, out_of_range, vector


@dataclass(frozen=True)
class Groups:
    """n finished groups; rollouts lie end to end, those of group i from start[i] to start[i+1]."""

    ticket: I64
    """int64 [n]."""
    row: I64
    """int64 [n]: position of the prompt in the trainer's data set."""
    successes: F64
    """float64 [total]: success of each rollout, in [0, 1]."""
    start: I64
    """int64 [n+1], from 0 to total, strictly rising: every group has at least one scored rollout."""
    advantages: F64 | None = None
    """float64 [total], nan for the rollouts of a group without; None when no group has them."""
    trained: NDArray[np.bool_] | None = None
    """bool [n]: False for a group that a filter dropped after its rollouts were scored; None = all trained."""
    policy_step: I64 | None = None
    """int64 [n]: optimiser steps of the policy that generated them; -1, or None for all, = those of the proposal."""

    def __post_init__(self) -> None:
        def put(name: str, dtype: type, size: int | None = None, optional: bool = False) -> None:
            value = getattr(self, name)
            if not (optional and value is None):
                object.__setattr__(self, name, vector(name, value, dtype, size))

        put("ticket", np.int64)
        n = len(self.ticket)
        put("row", np.int64, n)
        put("start", np.int64, n + 1)
        put("successes", np.float64)
        put("advantages", np.float64, len(self.successes), optional=True)
        put("trained", np.bool_, n, optional=True)
        put("policy_step", np.int64, n, optional=True)
        if self.start[0] != 0 or self.start[-1] != len(self.successes):
            raise ValueError(f"start must run from 0 to {len(self.successes)} successes, got {self.start}")
        short = np.flatnonzero(np.diff(self.start) <= 0)
        if short.size:
            raise ValueError(
                f"{self._where(int(short[0]))}: the group is empty; use cancel() for a group without a scored rollout"
            )
        bad = np.flatnonzero(~((self.successes >= 0.0) & (self.successes <= 1.0)))
        if bad.size:
            group = int(np.searchsorted(self.start, bad[0], "right")) - 1
            raise ValueError(f"{self._where(group)}: {out_of_range(self.successes[bad[0]])}")
        if self.advantages is not None and np.isinf(self.advantages).any():
            group = (
                int(np.searchsorted(self.start, np.flatnonzero(np.isinf(self.advantages))[0], "right")) - 1
            )
            raise ValueError(f"{self._where(group)}: advantages must be finite")

    def __iter__(self) -> Iterator[Feedback]:
        for index in range(len(self)):
            span = slice(int(self.start[index]), int(self.start[index + 1]))
            advantages = None if self.advantages is None else self.advantages[span]
            step = -1 if self.policy_step is None else int(self.policy_step[index])
            yield Feedback(
                int(self.ticket[index]),
                int(self.row[index]),
                self.successes[span],
                None if advantages is None or np.isnan(advantages).any() else advantages,
                "trained" if self.trained is None or self.trained[index] else "discarded",
                policy_step=None if step < 0 else step,
            )

    def _where(self, index: int) -> str:
        return f"feedback for ticket {self.ticket[index]}, row {self.row[index]}"

    def __len__(self) -> int:
        return len(self.ticket)

    @cached_property
    def rollouts(self) -> I64:
        """int64 [n]: rollouts of each group."""
        return np.diff(self.start)

    @cached_property
    def exact(self) -> F64:
        """float64 [total]: successes as multiples of QUANTUM, of which sums are exact."""
        return quantised(self.successes)

    @cached_property
    def solved(self) -> F64:
        """float64 [n]: sum of each group's successes, the same bits in any order of its rollouts."""
        return self.sums(self.exact)

    @cached_property
    def degenerate(self) -> NDArray[np.bool_]:
        """bool [n]: whether all successes of the group are equal, so that it carries no advantage under GRPO."""
        first = self.start[:-1]
        equal = np.minimum.reduceat(self.successes, first) == np.maximum.reduceat(self.successes, first)
        return equal if len(self) else np.zeros(0, dtype=np.bool_)

    def sums(self, values: F64) -> F64:
        """float64 [n]: sum over each group of `values`, float64 [total]."""
        return np.add.reduceat(values, self.start[:-1]) if len(self) else np.zeros(0)

    def take(self, which: NDArray[np.bool_]) -> Groups:
        """Return the groups for which `which`, bool [n], holds, in their order."""
        member = np.repeat(which, self.rollouts)
        return Groups(
            self.ticket[which],
            self.row[which],
            self.successes[member],
            np.concatenate([[0], np.cumsum(self.rollouts[which])]),
            None if self.advantages is None else self.advantages[member],
            None if self.trained is None else self.trained[which],
            None if self.policy_step is None else self.policy_step[which],
        )

    @classmethod
    def of(cls, feedback: Groups | Iterable[Feedback]) -> Groups:
        """Return `feedback` in columns."""
        if isinstance(feedback, Groups):
            return feedback
        groups = list(feedback)
        sizes = [len(group.successes) for group in groups]
        advantages = None
        if any(group.advantages is not None for group in groups):
            advantages = np.concatenate(
                [
                    np.full(size, np.nan) if group.advantages is None else group.advantages
                    for group, size in zip(groups, sizes, strict=True)
                ]
            )
        staleness_known = any(group.policy_step is not None for group in groups)
        return cls(
            np.array([group.ticket for group in groups], dtype=np.int64),
            np.array([group.row for group in groups], dtype=np.int64),
            np.concatenate([group.successes for group in groups]) if groups else np.zeros(0),
            np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64),
            advantages,
            np.array([group.kind == "trained" for group in groups], dtype=np.bool_),
            np.array([-1 if g.policy_step is None else g.policy_step for g in groups], dtype=np.int64)
            if staleness_known
            else None,
        )
