"""What a run looks like from its curriculum: counters behind `metrics()` and the table of arms."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from sparft_verl.curricula.estimators import QUANTUM
from sparft_verl.curricula.state import array, count, require
from sparft_verl.curricula.types import F64, I64, Feedback

_GROUPS, _DEGENERATE, _DISCARDED = range(3)


class Telemetry:
    """Counters of served prompts and finished groups, over the run and since the last step."""

    def __init__(self, prompts: int) -> None:
        self.served: I64 = np.zeros(prompts, dtype=np.int64)
        self.cancelled = 0
        self._run = [0, 0, 0]
        self._now = [0, 0, 0]
        self._last = [0, 0, 0]
        self._solved = [0.0, 0.0, 0.0]  # run, now, last

    def serve(self, items: I64) -> None:
        """Count prompts handed out."""
        np.add.at(self.served, items, 1)

    def group(self, feedback: Feedback) -> None:
        """Count a finished group."""
        successes = feedback.successes.tolist()
        rate = math.fsum(successes) / len(successes)
        degenerate = min(successes) == max(successes)
        for counts in (self._run, self._now):
            counts[_GROUPS] += 1
            counts[_DEGENERATE] += degenerate
            counts[_DISCARDED] += feedback.kind == "discarded"
        rounded = round(rate / QUANTUM) * QUANTUM
        self._solved[0] += rounded
        self._solved[1] += rounded

    def tick(self) -> None:
        """Close a step: what came since the last one is now the last step."""
        self._last, self._now = self._now, [0, 0, 0]
        self._solved[2], self._solved[1] = self._solved[1], 0.0

    def metrics(self) -> dict[str, float]:
        """Return shares over the run, and over the current step (the last one while no group came since)."""
        now, solved = (self._now, self._solved[1]) if self._now[_GROUPS] else (self._last, self._solved[2])
        out = {
            "sparft/coverage": float((self.served > 0).mean()),
            "sparft/groups": float(self._run[_GROUPS]),
            "sparft/cancelled": float(self.cancelled),
        }
        for suffix, counts, total in (("", now, solved), ("_run", self._run, self._solved[0])):
            if counts[_GROUPS]:
                out[f"sparft/solve_rate{suffix}"] = float(total / counts[_GROUPS])
                out[f"sparft/degenerate_share{suffix}"] = float(counts[_DEGENERATE] / counts[_GROUPS])
                out[f"sparft/discarded_share{suffix}"] = float(counts[_DISCARDED] / counts[_GROUPS])
        return out

    def state_dict(self) -> dict[str, Any]:
        """Return all counters."""
        return {
            "served": self.served.copy(),
            "cancelled": self.cancelled,
            "counts": np.array(self._run + self._now + self._last, dtype=np.int64),
            "solved": np.array(self._solved),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Take the state of `state_dict`."""
        served = array(state, "served", np.int64, len(self.served))
        counts = array(state, "counts", np.int64, 9)
        require(bool((served >= 0).all() and (counts >= 0).all()), "a negative counter")
        self.served, self.cancelled = served, count(state, "cancelled")
        self._run, self._now, self._last = counts[:3].tolist(), counts[3:6].tolist(), counts[6:].tolist()
        self._solved = array(state, "solved", np.float64, 3).tolist()


def arm_metrics(pulls: I64, mean: F64, sd: F64, observed: I64, names: tuple[str, ...]) -> dict[str, float]:
    """Return entropy of the allocation and, for up to 32 arms, each arm's pulls, mean and deviation.

    Entropy is divided by log(number of arms): 1 = every arm equally often, 0 = one arm only. With more arms
    quantiles stand for them, so that a logger never sees thousands of series.
    """
    share = pulls / max(int(pulls.sum()), 1)
    positive = share[share > 0]
    entropy = float(-(positive * np.log(positive)).sum() / np.log(len(names))) if len(names) > 1 else 1.0
    out = {"sparft/allocation_entropy": max(entropy, 0.0), "sparft/pulls": float(pulls.sum())}
    if len(names) <= 32:
        for k, name in enumerate(names):
            out[f"sparft/arm/{name}/pulls"] = float(pulls[k])
            out[f"sparft/arm/{name}/sd"] = float(sd[k])
            if observed[k]:
                out[f"sparft/arm/{name}/mean"] = float(mean[k])
        return out
    for name, values in (("pulls", pulls), ("sd", sd), ("mean", mean[observed > 0])):
        for label, q in (("min", 0.0), ("median", 0.5), ("max", 1.0)):
            if len(values):
                out[f"sparft/arms/{name}_{label}"] = float(np.quantile(values, q))
    return out
