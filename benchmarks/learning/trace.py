"""What a run leaves behind: its curve, what each update brought, what was served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.learning.evaluate import HeldOut
from benchmarks.learning.mixes import KINDS, Task
from sparft_verl.curricula import Arms, Groups

BLOCK = 10
"""Batches in one count of pulls."""
_PURE = 0.9


class Trace:
    """Collects while a run goes on."""

    def __init__(self, tasks: Sequence[Task], arms: Arms, held_out: HeldOut) -> None:
        self.rollouts = 0
        self._tokens = 0
        self._arms, self._held_out = arms, held_out
        self._kind = np.array([KINDS.index(task.kind) for task in tasks])
        self._question = [task.question for task in tasks]
        self._unique: set[str] = set()
        self._degenerate: list[float] = []
        self._reward: list[float] = []
        self._pulls: list[list[int]] = []
        self._served: list[list[int]] = []
        self._curve: dict[str, list[Any]] = {
            name: [] for name in ("update", "rollouts", "tokens", "unique", "overall")
        }
        self._accuracy: dict[str, list[float]] = {}

    def rolled(self, groups: Groups, arms: np.ndarray[Any, Any], tokens: int) -> None:
        """Take the groups of one batch and the arm, int [n], that each was served from."""
        if len(self._reward) % BLOCK == 0:
            self._pulls.append([0] * len(self._arms.names))
            self._served.append([0] * len(KINDS))
        for arm, row in zip(arms.tolist(), groups.row.tolist(), strict=True):
            self._pulls[-1][arm] += 1
            self._served[-1][self._kind[row]] += 1
            self._unique.add(self._question[row])
        self.rollouts += len(groups.successes)
        self._tokens += tokens
        self._degenerate.append(round(float(groups.degenerate.mean()), 3))
        self._reward.append(round(float(groups.successes.mean()), 3))

    def evaluated(self, update: int, accuracy: Mapping[str, float]) -> None:
        """Take a look at the held-out questions after `update` updates."""
        at = (update, self.rollouts, self._tokens, len(self._unique), self._held_out.overall(accuracy))
        for name, value in zip(self._curve, at, strict=True):
            self._curve[name].append(round(value, 4))
        for name, share in accuracy.items():
            self._accuracy.setdefault(name, []).append(round(share, 3))

    def as_dict(self) -> dict[str, Any]:
        """Return `arms`, `curve` and `train` of a record.

        `train.pulls` holds for each arm how many prompts it gave in each block of BLOCK batches, `train.served` the
        same for each kind of prompt.
        """
        return {
            "arms": self._described(),
            "curve": {**self._curve, "accuracy": self._accuracy},
            "train": {
                "block": BLOCK,
                "degenerate": self._degenerate,
                "reward": self._reward,
                "pulls": [list(column) for column in zip(*self._pulls, strict=True)],
                "served": {
                    kind: list(column)
                    for kind, column in zip(KINDS, zip(*self._served, strict=True), strict=True)
                },
            },
        }

    def _described(self) -> dict[str, Any]:
        """Return of each arm name, kind (that of 90 % of its prompts, else `mixed`), size, share of useless prompts."""
        kinds, useless = [], []
        for arm in range(len(self._arms.names)):
            inside = self._kind[self._arms.rows[self._arms.arm == arm]]
            shares = np.bincount(inside, minlength=len(KINDS)) / max(len(inside), 1)
            kinds.append(KINDS[int(shares.argmax())] if shares.max() >= _PURE else "mixed")
            useless.append(round(1.0 - float(shares[KINDS.index("useful")]), 2))
        return {
            "names": list(self._arms.names),
            "kind": kinds,
            "sizes": self._arms.sizes.tolist(),
            "useless_share": useless,
        }
