"""What a run looks like from its curriculum: counters behind `metrics()` and the table of arms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sparft_verl.curricula.columns import quantised
from sparft_verl.curricula.groups import Groups
from sparft_verl.curricula.state import array, count, require
from sparft_verl.curricula.types import F64, I32, I64, Arms

_GROUPS, _DEGENERATE, _DISCARDED, _LAG = range(4)


class Telemetry:
    """Counters of served prompts and finished groups, over the run and since the last step."""

    def __init__(self, arms: Arms) -> None:
        self._arm = arms.arm
        size = len(arms.names)
        self.served: I64 = np.zeros(len(arms.rows), dtype=np.int64)
        self.pulls: I64 = np.zeros(size, dtype=np.int64)
        """int64 [K]: pulls proposed and not taken back."""
        self.observed: I64 = np.zeros(size, dtype=np.int64)
        """int64 [K]: pulls that came back."""
        self._total: F64 = np.zeros(size)
        self.cancelled = 0
        self._run = np.zeros(4, dtype=np.int64)
        self._now = np.zeros(4, dtype=np.int64)
        self._last = np.zeros(4, dtype=np.int64)
        self._solved: F64 = np.zeros(3)  # run, now, last
        self._recount()

    def _recount(self) -> None:
        self.slots = np.bincount(self._arm, self.served, len(self.pulls)).astype(np.int64)
        """int64 [K]: prompts of each arm handed out."""
        self.unique = np.bincount(self._arm[self.served > 0], minlength=len(self.pulls))
        """int64 [K]: different ones."""

    def serve(self, items: I64, pulled: I32) -> None:
        """Count prompts handed out, and the arms of the pulls they make."""
        different = np.unique(items)
        fresh = different[self.served[different] == 0]
        np.add.at(self.served, items, 1)
        np.add.at(self.unique, self._arm[fresh], 1)
        np.add.at(self.slots, self._arm[items], 1)
        np.add.at(self.pulls, pulled, 1)

    def release(self, arms: I32) -> None:
        """Take back pulls none of whose groups will come."""
        np.add.at(self.pulls, arms, -1)

    def pull(self, arms: I32, values: F64) -> None:
        """Count finished pulls, with the mean of the statistic of each."""
        np.add.at(self.observed, arms, 1)
        np.add.at(self._total, arms, quantised(values))

    def group(self, groups: Groups, lag: I64) -> None:
        """Count finished groups."""
        discarded = 0 if groups.trained is None else int((~groups.trained).sum())
        counts = np.array([len(groups), int(groups.degenerate.sum()), discarded, int(lag.sum())])
        self._run += counts
        self._now += counts
        self._solved[:2] += quantised(groups.solved / groups.rollouts).sum()

    def tick(self) -> None:
        """Close a step: what came since the last one is now the last step."""
        self._last, self._now = self._now, np.zeros(4, dtype=np.int64)
        self._solved[2], self._solved[1] = self._solved[1], 0.0

    @property
    def mean(self) -> F64:
        """float64 [K]: mean of the statistic over the pulls that came back; 0 before the first."""
        return self._total / np.maximum(self.observed, 1)

    def metrics(self) -> dict[str, float]:
        """Return shares over the run, and over the current step (the last one while no group came since)."""
        now, solved = (self._now, self._solved[1]) if self._now[_GROUPS] else (self._last, self._solved[2])
        out = {
            "sparft/coverage": float(self.unique.sum() / len(self.served)),
            "sparft/groups": float(self._run[_GROUPS]),
            "sparft/cancelled": float(self.cancelled),
        }
        for suffix, counts, total in (("", now, solved), ("_run", self._run, self._solved[0])):
            if counts[_GROUPS]:
                out[f"sparft/solve_rate{suffix}"] = float(total / counts[_GROUPS])
                out[f"sparft/degenerate_share{suffix}"] = float(counts[_DEGENERATE] / counts[_GROUPS])
                out[f"sparft/discarded_share{suffix}"] = float(counts[_DISCARDED] / counts[_GROUPS])
                out[f"sparft/lag{suffix}"] = float(counts[_LAG] / counts[_GROUPS])
        return out

    def state_dict(self) -> dict[str, Any]:
        """Return all counters."""
        columns = {name: getattr(self, name).copy() for name in ("served", "pulls", "observed")}
        return {
            **columns,
            "total": self._total.copy(),
            "cancelled": self.cancelled,
            "counts": np.concatenate([self._run, self._now, self._last]),
            "solved": self._solved.copy(),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Take the state of `state_dict`."""
        served = array(state, "served", np.int64, len(self.served))
        pulls, observed = (array(state, key, np.int64, len(self.pulls)) for key in ("pulls", "observed"))
        counts = array(state, "counts", np.int64, 12)
        require(bool((served >= 0).all() and (counts >= 0).all()), "a negative counter")
        require(bool((observed >= 0).all() and (pulls >= observed).all()), "more pulls observed than made")
        self._total = array(state, "total", np.float64, len(self.pulls))
        self._solved = array(state, "solved", np.float64, 3)
        self.served, self.pulls, self.observed = served, pulls, observed
        self.cancelled = count(state, "cancelled")
        self._run, self._now, self._last = counts[:4].copy(), counts[4:8].copy(), counts[8:].copy()
        self._recount()


def arm_metrics(
    telemetry: Telemetry, mean: F64, sd: F64 | None, more: Mapping[str, F64], names: tuple[str, ...]
) -> dict[str, float]:
    """Return entropy of the allocation and, for up to 32 arms, each arm's pulls, mean, deviation, and `more`, by name.

    Entropy is divided by log(number of arms): 1 = every arm equally often, 0 = one arm only. With more arms
    quantiles stand for them, so that a logger never sees thousands of series. `sd` is None where beliefs are not
    about arms.
    """
    pulls, observed = telemetry.pulls, telemetry.observed
    share = pulls / max(int(pulls.sum()), 1)
    positive = share[share > 0]
    entropy = float(-(positive * np.log(positive)).sum() / np.log(len(names))) if len(names) > 1 else 1.0
    out = {"sparft/allocation_entropy": max(entropy, 0.0), "sparft/pulls": float(pulls.sum())}
    columns: dict[str, Any] = {"pulls": pulls, **({} if sd is None else {"sd": sd}), **more}
    if len(names) <= 32:
        for k, name in enumerate(names):
            for column, values in columns.items():
                out[f"sparft/arm/{name}/{column}"] = float(values[k])
            if observed[k]:
                out[f"sparft/arm/{name}/mean"] = float(mean[k])
        return out
    for column, values in {**columns, "mean": mean[observed > 0]}.items():
        for label, q in (("min", 0.0), ("median", 0.5), ("max", 1.0)):
            if len(values):
                out[f"sparft/arms/{column}_{label}"] = float(np.quantile(values, q))
    return out
