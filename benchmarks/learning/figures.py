"""The figures of the page: learning curves, the trap and its cure, and which arms were pulled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.learning.chart import COLOURS, Line, alone, lines
from benchmarks.learning.statistics import mean_interval
from benchmarks.learning.trace import BLOCK
from sparft_verl.report.heat import HeatMap, draw
from sparft_verl.report.svg import percent

Floats = npt.NDArray[np.float64]
Record = Mapping[str, Any]
KNOWN = ("uniform-full", "uniform-selected", "sparft", "sec", "dump", "auto", "sparft-guarded")
"""Methods with a colour of their own."""
FEWEST = 3
"""Seeds from which a band is drawn."""
TRAP = ("uniform-full", "sparft", "sparft-guarded", "auto")
"""Without a cure, with one, and what is recommended."""


def curves(records: Sequence[Record], labels: Sequence[str], what: str) -> str:
    """Return held-out accuracy against rollouts of `labels` with 95 % bands over seeds; `what` names the data."""
    colours = _colours(labels)
    found = [
        _line(label, _rollouts(runs), [run["curve"]["overall"] for run in runs], colours[label])
        for label in labels
        if (runs := of(records, label))
    ]
    ends = ", ".join(f"{line.name} {percent(float(line.y[-1]), 1)}" for line in found)
    return lines(
        found,
        x_name="rollouts",
        y_name="held-out accuracy, mean of the useful families",
        label=f"Learning curves, {what}",
        description=f"Mean over seeds with its 95 % interval. At the end: {ends}.",
        said=percent,
    )


def trap(records: Sequence[Record], labels: Sequence[str] = TRAP) -> str:
    """Return the share of the prompts served that nobody can solve, by update."""
    found, colours = [], _colours(labels)
    for label in labels:
        runs = of(records, label)
        if runs:
            shares = [unsolvable_share(run) for run in runs]
            length = min(map(len, shares))
            middle = BLOCK * (np.arange(length, dtype=np.float64) + 0.5)
            found.append(_line(label, middle, [share[:length] for share in shares], colours[label]))
    ends = ", ".join(f"{line.name} {percent(float(np.nanmean(line.y)))}" for line in found)
    return lines(
        found,
        x_name="update",
        y_name="share of the prompts served that cannot be solved",
        label="The trap and its cure",
        description=f"Mean over seeds with its 95 % interval. Over the whole run: {ends}.",
        said=percent,
    )


def unsolvable_share(record: Record) -> Floats:
    """Return the share of unsolvable prompts among those served, float64 [blocks]."""
    served = {
        kind: np.asarray(blocks, dtype=np.float64) for kind, blocks in record["train"]["served"].items()
    }
    total: Floats = np.sum(list(served.values()), axis=0)
    return np.divide(served["unsolvable"], total, out=np.full_like(total, np.nan), where=total > 0)


def arm_map(record: Record) -> str:
    """Return which arms one run's prompts came from, the useful arms on top."""
    arms = record["arms"]
    pulls = np.asarray(record["train"]["pulls"], dtype=np.float64).T
    order = sorted(range(len(arms["names"])), key=lambda arm: (_useless(arms, arm), arms["names"][arm]))
    pulls = pulls[:, order]
    share = pulls / np.maximum(pulls.sum(axis=1, keepdims=True), 1)
    names = [f"{arms['names'][arm]} {_worth(arms, arm)}" for arm in order]
    whole = pulls.sum(axis=0) / max(pulls.sum(), 1)
    blocks = np.arange(len(pulls), dtype=np.float64)
    spec = record["spec"]
    heat = HeatMap(
        values=share,
        top=float(min(1.0, np.ceil(20 * share.max()) / 20)),
        ramp="p",
        rows=names,
        columns=[f"updates {BLOCK * block + 1} to {BLOCK * (block + 1)}" for block in range(len(pulls))],
        centres=(blocks + 0.5) * BLOCK,
        margin=[percent(float(value)) for value in whole],
        margin_name="whole run",
        legend="share of the prompts served",
        tooltip=lambda row, column: f"{pulls[column, row]:.0f} of {pulls[column].sum():.0f} prompts",
        empty="none",
    )
    served = {kind: sum(counts) for kind, counts in record["train"]["served"].items()}
    useful = served["useful"] / sum(served.values())
    return alone(
        draw(
            heat,
            label=f"Arms pulled by {spec['label']}, seed {spec['seed']}, {percent(spec['useless'])} useless prompts",
            description=f"{percent(useful)} of the prompts served were useful.",
        )
    )


def of(records: Sequence[Record], label: str) -> list[Record]:
    """Return the runs of a method, by seed."""
    return sorted(
        (run for run in records if run["spec"]["label"] == label), key=lambda run: run["spec"]["seed"]
    )


def _useless(arms: Mapping[str, Any], arm: int) -> float:
    return float(arms["useless_share"][arm])


def _worth(arms: Mapping[str, Any], arm: int) -> str:
    """Return the kind of an arm, or how much of it is useless where it is of several."""
    kind = str(arms["kind"][arm])
    return f"{percent(_useless(arms, arm))} useless" if kind == "mixed" else kind


def _rollouts(runs: Sequence[Record]) -> Floats:
    return np.asarray(min((run["curve"]["rollouts"] for run in runs), key=len), dtype=np.float64)


def _line(name: str, x: Floats, values: Sequence[Sequence[float] | Floats], colour: int) -> Line:
    """Return the mean curve of shares with its band, from FEWEST runs; nan is left out.

    `values` are [runs, >= len(x)].
    """
    at = [[float(run[i]) for run in values if np.isfinite(run[i])] for i in range(len(x))]
    band = [mean_interval(column, resamples=2000) for column in at]
    few = np.array([len(column) < FEWEST for column in at])
    low, high = (
        np.where(few, np.nan, np.clip([getattr(one, end) for one in band], 0.0, 1.0))
        for end in ("low", "high")
    )
    return Line(name, x, np.array([one.estimate for one in band]), low, high, colour)


def _colours(labels: Sequence[str]) -> dict[str, int]:
    """Return each method's colour: its own if it is known, else what is left, in their order.

    Raises ValueError for more methods than there are colours.
    """
    known = {label: KNOWN.index(label) for label in labels if label in KNOWN}
    left = [colour for colour in range(COLOURS) if colour not in known.values()]
    others = [label for label in labels if label not in known]
    if len(others) > len(left):
        raise ValueError(f"a chart has {COLOURS} colours, got {len(labels)} methods; draw two charts")
    return known | dict(zip(others, reversed(left), strict=False))
