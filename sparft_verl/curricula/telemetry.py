"""What a run looks like from its curriculum: counters behind `metrics()` and the table of arms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sparft_verl.curricula.columns import distinct, quantised
from sparft_verl.curricula.groups import Groups
from sparft_verl.curricula.series import named
from sparft_verl.curricula.state import array, count, part, require
from sparft_verl.curricula.types import F64, I32, I64, Arms

_GROUPS, _DEGENERATE, _DISCARDED, _LAG = range(4)
MOST_WEIGHT = 1024.0
"""Weights of the mix-corrected solve rate are cut off here."""


class _Step:
    """Sums over the groups of one step, exact in any order of arrival."""

    def __init__(self, sources: int) -> None:
        self.counts: I64 = np.zeros(4, dtype=np.int64)
        self.lag_max = 0
        self.solved = 0.0
        self.of_source: I64 = np.zeros(sources, dtype=np.int64)
        self.solved_of_source: F64 = np.zeros(sources)
        self.mix: F64 = np.zeros(4)
        """Groups with a known weight; sums of weight, weight * solve rate, weight squared."""

    def state_dict(self) -> dict[str, Any]:
        """Return all sums."""
        return {
            "counts": np.append(self.counts, self.lag_max),
            "solved": np.append(self.mix, self.solved),
            "of_source": self.of_source.copy(),
            "solved_of_source": self.solved_of_source.copy(),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Take the state of `state_dict`."""
        sources = len(self.of_source)
        counts, solved = array(state, "counts", np.int64, 5), array(state, "solved", np.float64, 5)
        of_source = array(state, "of_source", np.int64, sources)
        require(bool((counts >= 0).all() and (of_source >= 0).all()), "a negative counter")
        self.counts, self.lag_max = counts[:4].copy(), int(counts[4])
        self.mix, self.solved = solved[:4].copy(), float(solved[4])
        self.of_source = of_source
        self.solved_of_source = array(state, "solved_of_source", np.float64, sources)


class Telemetry:
    """Counters of served prompts and finished groups, over the run and since the last step."""

    def __init__(self, arms: Arms, scope_of_item: I32) -> None:
        self._arms = arms
        size = len(arms.names)
        # the data's own mix: where sources have shares of their own an arm's probability is one within a source
        self._cell: I64 = scope_of_item.astype(np.int64) * size + arms.arm
        self._mix: F64 = np.bincount(self._cell) / len(arms.rows)
        self.served: I64 = np.zeros(len(arms.rows), dtype=np.int64)
        self.pulls: I64 = np.zeros(size, dtype=np.int64)
        """int64 [K]: pulls proposed and not taken back."""
        self.observed: I64 = np.zeros(size, dtype=np.int64)
        """int64 [K]: pulls that came back."""
        self._total: F64 = np.zeros(size)
        self._odds: F64 = np.zeros(0)
        self.cancelled = 0
        self._run: I64 = np.zeros(4, dtype=np.int64)
        self._solved = 0.0
        self._now, self._last = _Step(len(arms.sources)), _Step(len(arms.sources))
        self._recount()

    def _recount(self) -> None:
        arm, size = self._arms.arm, len(self.pulls)
        self.slots = np.bincount(arm, self.served, size).astype(np.int64)
        """int64 [K]: prompts of each arm handed out."""
        self.unique = np.bincount(arm[self.served > 0], minlength=size)
        """int64 [K]: different ones."""

    def serve(self, items: I64, pulled: I32, odds: F64 | None) -> None:
        """Count prompts handed out, and the arms of the pulls they make; `odds` is each arm's probability."""
        different = distinct(items)
        fresh = different[self.served[different] == 0]
        np.add.at(self.served, items, 1)
        np.add.at(self.unique, self._arms.arm[fresh], 1)
        np.add.at(self.slots, self._arms.arm[items], 1)
        np.add.at(self.pulls, pulled, 1)
        self._odds = np.zeros(0) if odds is None else odds

    def release(self, arms: I32) -> None:
        """Take back pulls none of whose groups will come."""
        np.add.at(self.pulls, arms, -1)

    def pull(self, arms: I32, values: F64) -> None:
        """Count finished pulls, with the mean of the statistic of each."""
        np.add.at(self.observed, arms, 1)
        np.add.at(self._total, arms, quantised(values))

    def group(self, groups: Groups, items: I64, lag: I64, chance: F64) -> None:
        """Count finished groups; `chance` is the probability with which the arm of each was chosen, 0 = unknown."""
        now = self._now
        discarded = 0 if groups.trained is None else int((~groups.trained).sum())
        counts = np.array([len(groups), int(groups.degenerate.sum()), discarded, int(lag.sum())])
        rate = quantised(groups.solved / groups.rollouts)
        self._run += counts
        self._solved += rate.sum()
        now.counts += counts
        now.lag_max = max(now.lag_max, int(lag.max(initial=0)))
        now.solved += rate.sum()
        source = self._arms.source_of_item[items]
        np.add.at(now.of_source, source, 1)
        np.add.at(now.solved_of_source, source, rate)
        known = chance > 0.0
        weight = np.minimum(self._mix[self._cell[items[known]]] / chance[known], MOST_WEIGHT)
        # multiples of 2**-20: sums of up to 8192 groups of any weight are exact
        parts = np.stack([np.ones(len(weight)), weight, weight * rate[known], weight**2])
        now.mix += (np.rint(parts * 2.0**20) * 2.0**-20).sum(axis=1)

    def tick(self) -> None:
        """Close a step: what came since the last one is now the last step."""
        self._last, self._now = self._now, _Step(len(self._arms.sources))

    @property
    def mean(self) -> F64:
        """float64 [K]: mean of the statistic over the pulls that came back; 0 before the first."""
        return self._total / np.maximum(self.observed, 1)

    def metrics(self) -> dict[str, float]:
        """Return shares over the run, and over the current step (the last one while no group came since)."""
        now = self._now if self._now.counts[_GROUPS] else self._last
        out = {
            "sparft/coverage": float(self.unique.sum() / len(self.served)),
            "sparft/groups": float(self._run[_GROUPS]),
            "sparft/cancelled": float(self.cancelled),
        }
        for suffix, counts, total in (("", now.counts, now.solved), ("_run", self._run, self._solved)):
            if counts[_GROUPS]:
                out[f"sparft/solve_rate{suffix}"] = float(total / counts[_GROUPS])
                out[f"sparft/degenerate_share{suffix}"] = float(counts[_DEGENERATE] / counts[_GROUPS])
                out[f"sparft/discarded_share{suffix}"] = float(counts[_DISCARDED] / counts[_GROUPS])
                out[f"sparft/lag{suffix}"] = float(counts[_LAG] / counts[_GROUPS])
        if now.counts[_GROUPS]:
            out["sparft/lag_max"] = float(now.lag_max)
        known, weight, solved, squares = now.mix
        if weight > 0.0 and known == now.counts[_GROUPS]:  # of every group, or the mix is not the data's
            out["sparft/solve_rate_mix"] = float(solved / weight)
            out["sparft/solve_rate_mix_ess"] = float(weight**2 / squares) if squares > 0.0 else 0.0
        came = now.of_source > 0
        rate = now.solved_of_source / np.maximum(now.of_source, 1)
        sources = {"solve_rate": (rate, came), "groups": (now.of_source, came)}
        return {**out, **named("source", self._arms.sources, sources, now.of_source)}

    def arm_metrics(self, mean: F64, sd: F64 | None, more: Mapping[str, F64]) -> dict[str, float]:
        """Return entropy of the allocation, and each arm's pulls, mean, deviation, probability and `more`.

        Entropy is divided by log(number of arms): 1 = every arm equally often, 0 = one arm only. `sd` is None where
        beliefs are not about arms.
        """
        pulls = self.pulls
        share = pulls / max(int(pulls.sum()), 1)
        positive = share[share > 0]
        entropy = float(-(positive * np.log(positive)).sum() / np.log(len(pulls))) if len(pulls) > 1 else 1.0
        out = {"sparft/allocation_entropy": max(entropy, 0.0), "sparft/pulls": float(pulls.sum())}
        columns: dict[str, Any] = {"pulls": (pulls, None)}
        if sd is not None:
            columns["sd"] = (sd, None)
        if len(self._odds):
            columns["probability"] = (self._odds, None)
        columns |= {name: (values, None) for name, values in more.items()}
        columns["mean"] = (mean, self.observed > 0)
        return {**out, **named("arm", self._arms.names, columns, pulls)}

    def state_dict(self) -> dict[str, Any]:
        """Return all counters."""
        columns = {name: getattr(self, name).copy() for name in ("served", "pulls", "observed")}
        return {
            **columns,
            "total": self._total.copy(),
            "odds": self._odds.copy(),
            "cancelled": self.cancelled,
            "run": self._run.copy(),
            "solved": np.array([self._solved]),
            "now": self._now.state_dict(),
            "last": self._last.state_dict(),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Take the state of `state_dict`."""
        served = array(state, "served", np.int64, len(self.served))
        pulls, observed = (array(state, key, np.int64, len(self.pulls)) for key in ("pulls", "observed"))
        run, odds = array(state, "run", np.int64, 4), array(state, "odds", np.float64)
        require(bool((served >= 0).all() and (run >= 0).all()), "a negative counter")
        require(bool((observed >= 0).all() and (pulls >= observed).all()), "more pulls observed than made")
        require(len(odds) in (0, len(pulls)), "not one probability for each arm")
        self._total = array(state, "total", np.float64, len(self.pulls))
        self._solved = float(array(state, "solved", np.float64, 1)[0])
        self._now.load(part(state, "now"))
        self._last.load(part(state, "last"))
        self.served, self.pulls, self.observed = served, pulls, observed
        self.cancelled = count(state, "cancelled")
        self._run, self._odds = run, odds
        self._recount()
