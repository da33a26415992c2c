"""What a smoke run must show, read from its artefact, journal and metrics."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

from recipes.evaluation.scores import records
from sparft_verl.artefact import read_artefact
from sparft_verl.journal import JOURNAL, Journal, read

MOST_OVERHEAD = 1.0
"""Per cent of a step that the curriculum may take, as the median over steps after the first."""


def assess(artefact: Path, off: Path, on: Path, *, steps: int, killed_at: int, device: str) -> dict[str, Any]:
    """Return {"checks": {name: {"ok", ...}}, "seconds_per_step": ...} of a run without and one with a curriculum."""
    journal = read(on / JOURNAL)
    overhead = [one["data"]["sparft/overhead_percent"] for one in _trained(on) if one["step"] > 1]
    found = str(read_artefact(artefact).manifest["parameters"]["resolved"]["device"])
    median_overhead = median(overhead) if overhead else None
    return {
        "checks": {
            "served_in_order": served_in_order(journal, steps),
            "resumed_exactly": resumed_exactly(journal, killed_at),
            "feedback_complete": feedback_complete(journal),
            "overhead": {
                "ok": median_overhead is not None and median_overhead <= MOST_OVERHEAD,
                "median_percent": median_overhead,
                "at_most_percent": MOST_OVERHEAD,
            },
            "faiss_device": {"ok": found == device, "found": found, "expected": device},
        },
        "seconds_per_step": {"off": _seconds(off), "on": _seconds(on)},
    }


def failed(result: dict[str, Any]) -> list[str]:
    """Return the names of the checks that do not hold."""
    return [name for name, check in result["checks"].items() if not check["ok"]]


def served_in_order(journal: Journal, steps: int) -> dict[str, Any]:
    """Every step that counts served prompts once, in order, and was closed; no prompt twice in a step."""
    served = [record["step"] for record in journal.live("propose")]
    closed = [record["step"] for record in journal.live("tick")]
    twice = [one["step"] for one in journal.live("propose") if len(set(one["rows"])) != len(one["rows"])]
    ok = served == list(range(steps)) and closed == list(range(1, steps + 1)) and not twice
    return {
        "ok": ok,
        "steps_served": len(served),
        "steps_closed": len(closed),
        "steps_with_a_prompt_twice": twice,
    }


def resumed_exactly(journal: Journal, killed_at: int) -> dict[str, Any]:
    """One resume, from before the kill; steps served before and after it got the very same prompts."""
    resumes = [record["step"] for record in journal.records if record.event == "resume"]
    tries: dict[int, list[list[int]]] = {}
    for record in journal.records:
        if record.event == "propose":
            tries.setdefault(record["step"], []).append(list(record["rows"]))
    from_there = [
        rows for step, rows in tries.items() if len(resumes) == 1 and step == resumes[0] and len(rows) == 2
    ]
    same = [rows[0] == rows[1] for rows in from_there]
    ok = len(resumes) == 1 and 0 < resumes[0] <= killed_at and same == [True]
    return {"ok": ok, "killed_at": killed_at, "resumed_from": resumes, "first_batch_the_same": same}


def feedback_complete(journal: Journal) -> dict[str, Any]:
    """Each prompt that counts was observed exactly once, with as many scores as every other."""
    served = Counter((one["ticket"], row) for one in journal.live("propose") for row in one["rows"])
    groups = [group for one in journal.live("observe") for group in one.groups()]
    seen = Counter((group["ticket"], group["row"]) for group in groups if group["new"])
    scores = sorted({len(group["successes"]) for group in groups})
    return {
        "ok": served == seen and len(scores) == 1 and scores[0] > 0,
        "served": sum(served.values()),
        "observed": sum(seen.values()),
        "scores_per_prompt": scores,
    }


def _trained(run: Path) -> list[dict[str, Any]]:
    """Return the last record of each trained step."""
    by_step = {one["step"]: one for one in records(run / "metrics.jsonl") if "timing_s/step" in one["data"]}
    return [by_step[step] for step in sorted(by_step)]


def _seconds(run: Path) -> float | None:
    values = [one["data"]["timing_s/step"] for one in _trained(run) if one["step"] > 1]
    return round(median(values), 3) if values else None
