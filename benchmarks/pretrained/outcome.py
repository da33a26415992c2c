"""What a run did, from what verl and the plug-in wrote into its folder."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from statistics import fmean, median
from typing import Any

from recipes.evaluation.groups import by_column, split
from recipes.evaluation.scores import CollectError, read_run, records
from sparft_verl.journal import JOURNAL, read

PARTS = ("gen", "old_log_prob", "adv", "update_actor", "update_weights", "testing", "save_checkpoint")
"""Stages that verl times within a step, as far as it did them."""


def outcome(out: Path, held_out: Path) -> dict[str, Any]:
    """Return held-out accuracy, training curve, pulls and times of the run in `out`.

    Raises CollectError when verl wrote no validation, and OSError without a journal.
    """
    by_step = steps(out)
    return {
        "held_out": accuracies(out, held_out),
        "train": {
            "step": sorted(by_step),
            "reward": [_number(by_step[step], "critic/score/mean") for step in sorted(by_step)],
            "degenerate_share": [
                _number(by_step[step], "sparft/degenerate_share") for step in sorted(by_step)
            ],
            "response_tokens": [_number(by_step[step], "response_length/mean") for step in sorted(by_step)],
            "tokens": sum(int(data.get("perf/total_num_tokens", 0)) for data in by_step.values()),
        },
        "arms": pulls(out / JOURNAL),
        "seconds": _seconds(by_step),
        "overhead": {
            "ms": _each(by_step, "sparft/overhead_ms"),
            "percent": _each(by_step, "sparft/overhead_percent"),
        },
    }


def steps(out: Path) -> dict[int, dict[str, Any]]:
    """Return the metrics of each trained step; of a step trained twice, around a kill, the later ones."""
    found: dict[int, dict[str, Any]] = {}
    for file in [*sorted(out.glob("metrics-*.jsonl")), out / "metrics.jsonl"]:
        found |= {one["step"]: one["data"] for one in records(file) if "timing_s/step" in one["data"]}
    return found


def accuracies(out: Path, held_out: Path) -> dict[str, Any]:
    """Return the accuracy at each validation by data source and over all, and each item's scores at both ends.

    An item is named by a digest of its prompt as the model saw it.
    """
    at = sorted(int(file.stem) for file in (out / "validation").glob("*.jsonl") if file.stem.isdecimal())
    if len(at) < 2:
        raise CollectError(f"{out} must hold validations of two steps, but holds those of {at}; run it again")
    runs = {step: read_run(f"run={out}", step=step) for step in at}
    groups = split(sorted(runs[at[0]].scores), by_column([held_out], "data_source"))
    curve = {
        group: [round(fmean(fmean(runs[step].scores[item]) for item in items), 6) for step in at]
        for group, items in groups.items()
    }
    ends = {"before": runs[at[0]].scores, "after": runs[at[-1]].scores}
    return {
        "step": at,
        "accuracy": curve,
        "items": {
            end: {_name(item): values for item, values in sorted(scores.items())}
            for end, scores in ends.items()
        },
        "groups": {group: sorted(map(_name, items)) for group, items in groups.items()},
    }


def _name(item: str) -> str:
    return hashlib.sha256(item.encode()).hexdigest()[:12]


def pulls(journal: Path) -> dict[str, Any]:
    """Return each arm's name, prompts, and prompts served of it in the steps that count, per tenth of the run."""
    found = read(journal)
    opened = next(record for record in found.records if record.event == "open")
    proposals = found.live("propose")
    names, blocks = opened["arms"], min(10, len(proposals))
    counts = [[0] * blocks for _ in names]
    for place, record in enumerate(proposals):
        for arm, count in Counter(record["arms"]).items():
            counts[arm][place * blocks // len(proposals)] += count
    return {"names": names, "prompts": opened["arm_sizes"], "served": counts}


def _seconds(by_step: dict[int, dict[str, Any]]) -> dict[str, Any]:
    found = _each(by_step, "timing_s/step")
    found["parts"] = {
        part: round(median(values), 4)
        for part in PARTS
        if (values := [data[f"timing_s/{part}"] for data in by_step.values() if f"timing_s/{part}" in data])
    }
    return found


def _each(by_step: dict[int, dict[str, Any]], name: str) -> dict[str, Any]:
    """Return a metric's value at each step, and its median over all but the first, which warms up."""
    values = [float(by_step[step][name]) for step in sorted(by_step) if name in by_step[step]]
    return {
        "each": [round(v, 4) for v in values],
        "median": round(median(values[1:] or values), 4) if values else None,
    }


def _number(data: dict[str, Any], name: str) -> float | None:
    return round(float(data[name]), 6) if name in data else None
