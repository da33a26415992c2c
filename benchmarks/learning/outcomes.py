"""What one run came to, and what it needed to reach an accuracy: from a record of the store to numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np
import numpy.typing as npt

from sparft_verl.report.stats import smooth

Floats = npt.NDArray[np.float64]
AXES = ("rollouts", "tokens", "unique")
"""What a run spends: rollouts (those that stage A's difficulty took among them), response tokens, different prompts."""
WINDOW = 3
"""Points of the curve that one point is averaged with: itself and its neighbours."""


@dataclass(frozen=True)
class Outcome:
    """One run."""

    label: str
    seed: int
    final: float
    """Held-out accuracy after the last update: mean over the useful families, expected at temperature 1."""
    families: dict[str, float]
    """The same by family, without the mastered ones."""
    greedy: float
    """Greedy accuracy after the last update; nan where it was not measured."""
    update: Floats
    """Optimiser steps done at each evaluation [P], from 0."""
    curve: Floats
    """Held-out accuracy at each evaluation [P], from before the first update to after the last."""
    spent: dict[str, Floats]
    """Each axis at each evaluation [P], not falling."""
    degenerate: float
    """Share of the groups whose answers all had one reward."""
    useless: float
    """Share of the prompts served that were unsolvable, mastered or copies."""
    forgetting: float
    """Mean loss of the mastered families; nan without one."""
    seconds: float
    """Core seconds of training and evaluation."""
    stage_a_seconds: float
    """Core seconds of stage A beside them."""

    @property
    def smoothed(self) -> Floats:
        """The curve, each point averaged with its neighbours [P]: what crossings are read from."""
        return smooth(self.curve, WINDOW)

    @property
    def area(self) -> float:
        """Mean accuracy over the budget of rollouts: the area under the curve over its width."""
        x = self.spent["rollouts"]
        return float(np.trapezoid(self.curve, x) / (x[-1] - x[0]))


@dataclass(frozen=True)
class Reach:
    """When a run reached an accuracy."""

    spent: dict[str, float]
    """By axis; the whole budget where it did not."""
    reached: bool


def outcome(record: Mapping[str, Any]) -> Outcome:
    """Return what a record says.

    Raises ValueError naming the run for a curve that does not begin before training, lists of different lengths,
    or values that are not finite.
    """
    curve, final, spec = record["curve"], record["final"], record["spec"]
    overall = np.asarray(curve["overall"], dtype=np.float64)
    spent = {axis: np.asarray(curve[axis], dtype=np.float64) for axis in AXES}
    update = np.asarray(curve["update"], dtype=np.float64)
    budget = spec["updates"] * spec["prompts"] * spec["rollouts"]
    if len(update) < 2 or update[0] != 0 or curve["rollouts"][-1] < budget:
        raise ValueError(
            f"{_name(record)}: its curve must go from update 0 to {budget} rollouts, but goes over updates "
            f"{update.tolist()} to {curve['rollouts'][-1]}; remove the record and run it again"
        )
    for name, values in {"overall": overall, **spent}.items():
        if len(values) != len(update) or not np.isfinite(values).all():
            raise ValueError(
                f"{_name(record)}: curve.{name} needs {len(update)} finite values, got {values.tolist()}"
            )
    spent["rollouts"] = spent["rollouts"] + record.get("stage_a_rollouts", 0)
    mastered = final["mastered_before"]
    lost = [final["mastered_before"][name] - final["mastered_after"][name] for name in mastered]
    return Outcome(
        label=spec["label"],
        seed=spec["seed"],
        final=float(final["overall"]),
        families={name: float(value) for name, value in final["accuracy"].items() if name not in mastered},
        greedy=float(final.get("greedy_overall", nan)),
        update=update,
        curve=overall,
        spent=spent,
        degenerate=float(np.mean(record["train"]["degenerate"])),
        useless=useless_share(record["train"]["served"]),
        forgetting=float(np.mean(lost)) if lost else nan,
        seconds=float(record["core_seconds"]),
        stage_a_seconds=float(record["stage_a_core_seconds"]),
    )


def useless_share(served: Mapping[str, list[int]]) -> float:
    """Return the share of prompts served whose own kind is not `useful`; nan where none was."""
    counts = {kind: sum(blocks) for kind, blocks in served.items()}
    total = sum(counts.values())
    return 1 - counts.get("useful", 0) / total if total else nan


def target(baseline: Outcome) -> float:
    """Return the accuracy to be reached: the last point of the baseline's smoothed curve.

    Of the smoothed curve, as the crossings are, so that the baseline reaches its own target and nothing else than
    what a run learnt decides when.
    """
    return float(baseline.smoothed[-1])


def reach(run: Outcome, accuracy: float) -> Reach:
    """Return what `run` had spent when its smoothed curve first reached `accuracy`, between evaluations linearly.

    A mean of three points needs no curve that rises throughout, as an isotonic fit does: a rule that forgets falls.
    What noise alone crosses moves both sides of a ratio: over 600 simulated pairs of 17 evaluations with noise 0.01
    a learner of equal speed comes out at a ratio of 0.98 and one of twice the speed at 0.51 (0.53 unsmoothed).
    A run that starts at the target is counted with one update, so that ratios stay finite.
    """
    curve = run.smoothed
    above = np.flatnonzero(curve >= accuracy)
    if not len(above):
        return Reach({axis: float(values[-1]) for axis, values in run.spent.items()}, False)
    first = int(above[0])
    if first == 0:
        position = 0.0
    else:
        low, high = curve[first - 1], curve[first]
        position = first - 1 + float((accuracy - low) / (high - low))
    index = np.arange(len(curve))
    position = max(position, float(np.interp(1, run.update, index)))
    return Reach(
        {axis: float(np.interp(position, index, values)) for axis, values in run.spent.items()}, True
    )


def at_equal(run: Outcome, other: Outcome, axis: str) -> tuple[float, float]:
    """Return both accuracies after equal spending: as much as the one that spent less had spent at its end.

    On the smoothed curves. A run that spends nothing more, as one that has seen all its different prompts, is read
    at its end.
    """
    enough = min(run.spent[axis][-1], other.spent[axis][-1])
    return _after(run, axis, enough), _after(other, axis, enough)


def _after(run: Outcome, axis: str, amount: float) -> float:
    values = run.spent[axis]
    last = int(np.searchsorted(values, amount, side="right")) - 1
    if last == len(values) - 1:
        return float(run.smoothed[-1])
    share = (amount - values[last]) / (values[last + 1] - values[last])
    return float(run.smoothed[last] + share * (run.smoothed[last + 1] - run.smoothed[last]))


def _name(record: Mapping[str, Any]) -> str:
    spec = record["spec"]
    return f"run {record['key']} ({spec['label']}, seed {spec['seed']})"
