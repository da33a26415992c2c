"""What the smoke run asserts: it holds for a run that was killed and resumed, and fails for each thing missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from recipes.smoke_gpu.assess import failed, feedback_complete, resumed_exactly, served_in_order
from sparft_verl.journal import Journal, JournalWriter, opening, read

STEPS, SAVED, KILLED = 6, 2, 4


def write(path: Path, *, drop: int | None = None, other: int | None = None, close: bool = True) -> Journal:
    """A run of STEPS steps of two prompts, killed in step KILLED and resumed from SAVED.

    `drop` leaves one observation of that step out, `other` serves other prompts there after the resume.
    """
    writer = JournalWriter(path)
    writer.write("open", **opening("sparft", {"method": "sparft", "seed": 1}, ("c0",), [9], "f00d"))
    saved = 0
    for part, steps in enumerate((range(KILLED + 1), range(SAVED, STEPS))):
        if part:
            writer.write("resume", step=SAVED, rolled_back_after=saved)
        for step in steps:
            rows = [2 * step, 2 * step + 1 + (part and step == other)]
            writer.write("propose", ticket=step, step=step, rows=rows, arms=[0, 0], propensity=[1.0, 1.0])
            if part == 0 and step == KILLED:
                break
            came = rows[: 1 if step == drop and part else 2]
            columns = {"row": came, "arm": [0] * len(came), "successes": [[1, 0]] * len(came)}
            writer.write("observe", step=step, ticket=step, **columns, kind="trained", new=True)
            if close or step != STEPS - 1:
                last = writer.write("tick", step=step + 1, arms_pulls=[], arms_mean=[])
            saved = last if step + 1 == SAVED else saved
    writer.close()
    return read(path)


def checks(journal: Journal) -> dict:
    return {
        "checks": {
            "order": served_in_order(journal, STEPS),
            "resumed": resumed_exactly(journal, KILLED),
            "feedback": feedback_complete(journal),
        }
    }


def test_a_whole_run_passes_and_its_numbers_are_json(tmp_path):
    found = checks(write(tmp_path / "j.jsonl"))
    assert failed(found) == []
    assert json.loads(json.dumps(found))["checks"]["resumed"]["resumed_from"] == [SAVED]
    assert found["checks"]["feedback"]["served"] == found["checks"]["feedback"]["observed"] == 2 * STEPS


@pytest.mark.parametrize(
    ("broken", "check"),
    [({"drop": 4}, "feedback"), ({"other": SAVED}, "resumed"), ({"close": False}, "order")],
)
def test_each_thing_missing_fails_its_own_check(tmp_path, broken, check):
    assert failed(checks(write(tmp_path / "j.jsonl", **broken))) == [check]
