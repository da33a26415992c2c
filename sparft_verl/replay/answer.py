"""What `sparft replay` says: everything as JSON values, and the short of it for people."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparft_verl.curricula import CurriculumConfig
from sparft_verl.replay.history import History
from sparft_verl.replay.other import DRAWS, Walk, walk
from sparft_verl.replay.retell import retell
from sparft_verl.replay.value import Sample, Value

SHOWN = 12
"""Arms in the table for people."""
OUTCOMES = {"success": "solve rate", "signal": "mean |advantage|"}


def reproduce(history: History) -> dict[str, Any]:
    """Return whether the logged method chooses all of it again."""
    retold = retell(history)
    return {
        "journal": str(history.path),
        "curriculum": history.config.as_dict(),
        "proposals": sum(record.event == "propose" for record in history.events),
        "proposals_reproduced": retold.proposals,
        "reproduced": retold.difference is None,
        "difference": retold.difference,
    }


def show_reproduction(answer: dict[str, Any]) -> str:
    """Return one or two lines."""
    count, method = answer["proposals_reproduced"], answer["curriculum"]["method"]
    if answer["reproduced"]:
        return f"{method}: all {count} proposals reproduced, with the pulls and means of every step"
    return (
        f"{method}: {count} of {answer['proposals']} proposals reproduced, then not\n{answer['difference']}"
    )


def compare(history: History, config: CurriculumConfig) -> dict[str, Any]:
    """Return what a curriculum of `config` would have chosen, step by step, and its value where it can be had."""
    seen = walk(history, config)
    sample, success, signal = seen.sample()
    refusal = _refusal(seen, sample)
    there = ~np.isnan(np.concatenate(seen.success))
    cluster = np.repeat(np.arange(len(seen.step)), [len(part) for part in seen.success])[there]
    logged = Sample(np.ones(len(cluster)), cluster)
    values: dict[str, Any] = {}
    for name, some, all_of_it in (
        ("success", success, np.concatenate(seen.success)[there]),
        ("signal", signal, np.concatenate(seen.signal)[there]),
    ):
        values[name] = {
            "logged": _plain(logged.estimate(all_of_it)) if len(cluster) else None,
            "other": None if refusal else _plain(sample.estimate(some)),
        }
    return {
        "journal": str(history.path),
        "logged": history.config.as_dict(),
        "other": config.as_dict(),
        "arms": list(history.arms.names),
        "arm_sizes": history.arms.sizes.tolist(),
        "notes": _notes(history, seen),
        "not_estimable": refusal,
        "slots": {
            "all": len(there),
            "with_a_group": int(there.sum()),
            "weighted": sample.size,
            "effective": sample.ess,
            "mean_weight": sample.mean_weight,
        },
        "monte_carlo_error": seen.monte_carlo_error,
        "value": values,
        "proposals": [
            {
                "step": step,
                "logged_share": logged_share.tolist(),
                "other_share": other_share.tolist(),
                "other_probability": None if np.isnan(odds).any() else odds.tolist(),
            }
            for step, logged_share, other_share, odds in zip(
                seen.step, seen.logged_share, seen.other_share, seen.odds, strict=True
            )
        ],
    }


def _refusal(seen: Walk, sample: Sample) -> str | None:
    if seen.ranks_prompts:
        return "it ranks single prompts, of which no probability is known; only its choices are shown"
    behaviour = np.concatenate(seen.behaviour)
    if np.isnan(behaviour).all():
        return "the run's own method ranked single prompts: the journal holds no probabilities"
    if (behaviour[~np.isnan(behaviour)] == 1.0).all() and len(seen.logged_share[0]) > 1:
        return "the run's own choices were certain (0/1): it never tried anything else"
    return sample.refusal()


def _notes(history: History, seen: Walk) -> list[str]:
    notes = []
    if seen.certain and len(history.arms.names) > 1:
        notes.append("its choices are certain (0/1): each batch's shares are taken as probabilities")
    if seen.monte_carlo_error:
        notes.append(
            f"probabilities by Monte-Carlo ({DRAWS} draws, standard error at most {seen.monte_carlo_error:.1g})"
        )
    if not history.advantages:
        notes.append("the journal holds no advantages: mean |advantage| is GRPO's, from the successes")
    return notes


def show_comparison(answer: dict[str, Any]) -> str:
    """Return arm shares by quarter of the run beside the logged ones, and the value."""
    logged, other = answer["logged"]["method"], answer["other"]["method"]
    parts = np.array_split(np.arange(len(answer["proposals"])), min(4, len(answer["proposals"])))
    shares = {
        key: np.array([proposal[key] for proposal in answer["proposals"]])
        for key in ("logged_share", "other_share")
    }
    order = np.argsort(-shares["logged_share"].mean(axis=0), kind="stable")[:SHOWN]
    width = max([3, *(len(answer["arms"][k]) for k in order)])
    steps = [answer["proposals"][int(part[0])]["step"] for part in parts]
    lines = [
        f"share of each arm, {logged} (logged) > {other}, from step",
        " ".join([" " * width, *(f"{step:>13}" for step in steps)]),
    ]
    for k in order:
        cells = [
            f"{shares['logged_share'][part, k].mean():5.0%} >{shares['other_share'][part, k].mean():5.0%}"
            for part in parts
        ]
        lines.append(" ".join([f"{answer['arms'][k]:{width}}", *(f"{cell:>13}" for cell in cells)]))
    if len(answer["arms"]) > SHOWN:
        lines.append(f"... and {len(answer['arms']) - SHOWN} more arms (--json FILE has all)")
    lines.append("")
    for name, title in OUTCOMES.items():
        value = answer["value"][name]
        if value["logged"] is None:
            continue
        other_value = "not estimable" if value["other"] is None else _cell(value["other"])
        lines.append(f"{title:17} {_cell(value['logged'])} logged   {other_value} {other}")
    slots = answer["slots"]
    if answer["not_estimable"]:
        lines.append(f"not estimable: {answer['not_estimable']}")
    else:
        lines.append(f"effective sample: {slots['effective']:.0f} of {slots['weighted']} slots")
    return "\n".join([*lines, *(f"note: {note}" for note in answer["notes"])])


def _cell(value: dict[str, float]) -> str:
    error = value["error"]
    return f"{value['mean']:.3f}" + ("" if error is None else f" ± {error:.3f}")


def _plain(value: Value) -> dict[str, float | None]:
    return {"mean": value.mean, "error": value.error if np.isfinite(value.error) else None}
