"""What a run is judged by, counted as it goes: O(batch + arms) a step."""

from __future__ import annotations

import numpy as np

from sparft_verl.simulate.items import Bank
from sparft_verl.simulate.learner import F64, I64, signal
from sparft_verl.simulate.returns import Batch


class Tally:
    """Counters over one run."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._pulls = np.zeros(len(bank.dead), dtype=np.int64)
        self._seen = np.zeros(bank.size, dtype=bool)
        self._regret = 0.0
        self._steps = self._groups = self._flat = self._lost = 0

    def served(self, items: I64, p: F64, arm_signal: F64) -> None:
        """Count one proposal: its prompts, their solve rates now, and what each arm would have given."""
        self._pulls += np.bincount(self._bank.arm[items], minlength=len(self._pulls))
        self._seen[self._bank.text[items]] = True
        useful = signal(p) * ~self._bank.wrong_label[items]
        self._regret += float(arm_signal.max() - useful.mean())
        self._steps += 1

    def came(self, batch: Batch) -> None:
        """Count the groups of one arrival."""
        self._groups += int((~batch.lost).sum())
        self._flat += int(batch.flat[~batch.lost].sum())
        self._lost += int(batch.lost.sum())

    def measures(self, mastered: int) -> dict[str, float]:
        """Return the figures of the run by name; `mastered` is the number of arms at the end that are."""
        share = self._pulls / self._pulls.sum()
        used = share[share > 0]
        arms = len(share)
        return {
            "regret": self._regret / self._steps,
            "no_signal": self._flat / max(1, self._groups),
            "dead": float(share[self._bank.dead].sum()),
            "mastered": float(share[arms - mastered :].sum()),
            "entropy": float(-(used * np.log(used)).sum() / np.log(arms)) if arms > 1 else 0.0,
            "unique": float(self._seen.sum()),
            "groups": float(self._groups),
            "lost": float(self._lost),
        }

    def allocation(self) -> list[float]:
        """Return each arm's share of all prompts served."""
        return (self._pulls / self._pulls.sum()).tolist()
