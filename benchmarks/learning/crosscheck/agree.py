"""Do the two engines agree? Reward, groups without a signal and arms, block by block, over paired seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.learning.statistics import Floats, Interval, mean_interval
from benchmarks.learning.tables import markdown, points
from benchmarks.learning.trace import BLOCK

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Agreement:
    """One quantity of one method by both engines; intervals are 95 % over seeds, all shares of 1."""

    label: str
    what: str
    loop: Interval
    verl: Interval
    difference: Interval
    """verl minus loop, seed by seed."""

    @property
    def overlap(self) -> bool:
        """Whether the two intervals have a point in common."""
        return self.loop.low <= self.verl.high and self.verl.low <= self.loop.high

    @property
    def paired(self) -> bool:
        """Whether the interval of the difference holds 0, which is the sharper question."""
        return self.difference.low <= 0 <= self.difference.high


def agreements(records: Sequence[Record]) -> list[Agreement]:
    """Return every quantity of every method that both engines ran with the same seeds, at least two.

    Raises ValueError when the two had other arms.
    """
    found: list[Agreement] = []
    for label in dict.fromkeys(run["spec"]["label"] for run in records):
        loop, verl = (
            {run["spec"]["seed"]: run for run in records if _is(run, label, engine)}
            for engine in ("loop", "verl")
        )
        seeds = sorted(loop.keys() & verl.keys())
        if len(seeds) < 2:
            continue
        for seed in seeds:
            if sorted(loop[seed]["arms"]["sizes"]) != sorted(verl[seed]["arms"]["sizes"]):
                raise ValueError(
                    f"{label}, seed {seed}: the engines had other arms; were both made by one version?"
                )
        mine, theirs = [quantities(loop[seed]) for seed in seeds], [quantities(verl[seed]) for seed in seeds]
        for what in mine[0]:
            a, b = [one[what] for one in mine], [one[what] for one in theirs]
            difference = mean_interval([y - x for x, y in zip(a, b, strict=True)])
            found.append(Agreement(label, what, mean_interval(a), mean_interval(b), difference))
    return found


def _is(run: Record, label: str, engine: str) -> bool:
    return bool(run["spec"]["label"] == label and run["spec"]["engine"] == engine)


def quantities(run: Record) -> dict[str, float]:
    """Return what is compared, as shares of 1."""
    train = run["train"]
    names = {"reward": "mean reward", "degenerate": "groups without a signal"}
    found = {}
    for name, said in names.items():
        values = np.asarray(train[name], dtype=np.float64)
        for start in range(0, len(values), BLOCK):
            part = values[start : start + BLOCK]
            found[f"{said}, updates {start + 1} to {start + len(part)}"] = float(part.mean())
    served = {kind: sum(counts) for kind, counts in train["served"].items()}
    for kind, count in served.items():
        found[f"prompts served: {kind}"] = count / sum(served.values())
    share = allocation(run)
    found["share of the most pulled fifth of the arms"] = float(
        np.sort(share)[-max(1, len(share) // 5) :].sum()
    )
    found["held-out accuracy after"] = float(run["final"]["overall"])
    return found


def allocation(run: Record) -> Floats:
    """Return each arm's share of the prompts served, [K]."""
    pulls = np.asarray(run["train"]["pulls"], dtype=np.float64).sum(axis=1)
    return np.asarray(pulls / pulls.sum())


def distances(records: Sequence[Record], label: str) -> tuple[list[float], list[float]]:
    """Return how far the arms' shares of both engines lie apart (half the sum of |difference|), by seed.

    First loop against verl, second what drawing alone would give: two independent draws of as many prompts from the
    mean of the two. A distance no larger than that is no difference in allocation.
    """
    seen, expected = [], []
    rng = np.random.Generator(np.random.Philox(0))
    loop = {run["spec"]["seed"]: run for run in records if _is(run, label, "loop")}
    for other in (run for run in records if _is(run, label, "verl") and run["spec"]["seed"] in loop):
        mine, theirs = allocation(loop[other["spec"]["seed"]]), allocation(other)
        count = int(np.sum(other["train"]["pulls"]))
        draws = rng.multinomial(count, (mine + theirs) / 2, size=(2, 400)) / count
        seen.append(float(np.abs(mine - theirs).sum() / 2))
        expected.append(float(np.abs(draws[0] - draws[1]).sum(axis=1).mean() / 2))
    return seen, expected


def table(records: Sequence[Record]) -> str:
    """Return the comparison in Markdown; "" while there is nothing that both engines ran."""
    found = agreements(records)
    if not found:
        return ""
    cells = [
        ["method", "quantity", "loop, %", "verl, %", "verl − loop, points", "overlap", "difference holds 0"]
    ]
    for one in found:
        cells.append(
            [
                one.label, one.what, _percent(one.loop), _percent(one.verl), points(one.difference),
                "yes" if one.overlap else "no", "yes" if one.paired else "no",
            ]
        )  # fmt: skip
    agree = sum(one.overlap for one in found)
    sharp = sum(one.paired for one in found)
    said = [
        f"{agree} of {len(found)} pairs of intervals overlap; {sharp} of the paired differences' intervals hold 0 "
        f"(of as many independent ones with equal means {0.95 * len(found):.0f} would)."
    ]
    for label in dict.fromkeys(one.label for one in found):
        seen, expected = distances(records, label)
        said.append(
            f"`{label}`: the two engines' shares of the arms lie {np.mean(seen):.3f} apart (total variation, mean over "
            f"{len(seen)} seeds); two draws from one distribution would lie {np.mean(expected):.3f} apart."
        )
    whole = f"<details><summary>All quantities</summary>\n\n{markdown(cells)}\n\n</details>"
    return f"{' '.join(said)}\n\n{whole}"


def _percent(interval: Interval) -> str:
    return f"{100 * interval.estimate:.1f} [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"
