"""The long runs' own rules: seeded instants, results kept in parts, and checks that see what is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("datasets", reason="needs verl's own requirements")

from benchmarks.e2e_full import __main__ as command
from benchmarks.e2e_full import checks, rewards
from benchmarks.e2e_full.cases import CASES, MODES
from benchmarks.e2e_full.execute import MAX_SECONDS, MAX_STEPS, instants
from sparft_verl.journal import Record

ROOT = Path(__file__).parents[2]
KILLED = [case for case in CASES if case.kills > 1]


def record(event: str, *, rolled_back: bool = False, **fields: object) -> Record:
    return Record({"event": event, "seq": 0, **fields}, rolled_back)


def observed(
    *slots: tuple[int, int], kind: str = "trained", successes=(0.0, 1.0), **fields: object
) -> Record:
    columns = {"ticket": [t for t, _ in slots], "row": [r for _, r in slots], "kind": kind, "new": True}
    return record("observe", successes=[list(successes) for _ in slots], **columns, **fields)


SERVED = record("propose", ticket=0, rows=[3, 5])


def test_every_mode_is_there_with_the_filter_and_without_and_with_five_kills() -> None:
    long = {(case.mode, case.filtered) for case in CASES if case.steps == 30}
    assert long == {(mode, on) for mode in MODES for on in (True, False)}
    assert {case.mode: case.kills for case in KILLED} == dict.fromkeys(MODES, 5)
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", KILLED, ids=lambda case: case.name)
def test_instants_depend_on_case_and_seed_and_leave_the_run_unfinished(case) -> None:
    drawn = instants(case, 1)
    assert drawn == instants(case, 1)
    assert drawn != instants(case, 2) and drawn != instants(replace(case, name="kills-else"), 1)
    assert all(0 <= steps <= MAX_STEPS and 0 <= seconds <= MAX_SECONDS for steps, seconds in drawn)
    assert len(set(drawn)) == 5 and sum(steps for steps, _ in drawn) < case.steps


def test_a_case_in_the_file_is_not_run_again_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "e2e.json"
    kept = {"benchmark": "e2e-full", "cases": [{"case": "rloo"}]}
    command.save(target, kept)
    run = [
        sys.executable,
        "-m",
        "benchmarks.e2e_full",
        "--json",
        str(target),
        "--work",
        str(tmp_path / "work"),
    ]
    again = subprocess.run([*run, "--cases", "rloo"], cwd=ROOT, capture_output=True, text=True)
    assert again.returncode == 0 and "0 of 1 cases" in again.stderr, again.stderr
    assert json.loads(target.read_text()) == kept and not (tmp_path / "work").exists()
    wrong = subprocess.run([*run, "--cases", "rlooo"], cwd=ROOT, capture_output=True, text=True)
    assert wrong.returncode == 2 and "rlooo" in wrong.stderr


def test_a_group_counted_twice_never_served_or_lost_is_found() -> None:
    good = [SERVED, observed((0, 3)), observed((0, 5))]
    assert checks.counted_once(good, "sync").startswith("2 of 2")
    assert "1 in flight" in checks.counted_once(good[:2], "colocate_async")
    for bad, message in (
        ([*good, observed((0, 3))], "more than once"),
        ([*good, record("cancel", ticket=0, row=5)], "more than once"),
        ([*good, observed((1, 3))], "never served"),
        (good[:2], "never came back"),
    ):
        with pytest.raises(checks.CheckFailed, match=message):
            checks.counted_once(bad, "sync")
    undone = observed((0, 3))
    assert checks.counted_once([*good, Record(undone.data, rolled_back=True)], "sync")


def test_steps_that_are_missing_or_closed_twice_are_found() -> None:
    ticks = [record("tick", step=step) for step in (1, 2)]
    checks.steps_closed([*ticks, record("tick", step=2, rolled_back=True)], 2)
    for bad in (ticks[:1], [*ticks, ticks[1]]):
        with pytest.raises(checks.CheckFailed, match="steps 1 to 2"):
            checks.steps_closed(bad, 2)


def test_a_step_that_lacks_a_group_is_found() -> None:
    whole = observed(*((0, row) for row in range(8)))
    tick = record("tick", step=1)
    surplus = observed((1, 0), kind="discarded")
    assert checks.trained_each_step([whole, surplus, tick, whole, tick])
    for bad in ([whole, tick, tick], [observed((0, 0)), tick]):
        with pytest.raises(checks.CheckFailed, match="8 groups"):
            checks.trained_each_step(bad)


def test_the_filter_is_held_to_its_word() -> None:
    flat = observed((0, 5), kind="discarded", successes=(0.0, 0.0), reason="filter")
    assert checks.filtered([observed((0, 3)), flat], True).startswith("1 degenerate")
    for records, on, message in (
        ([flat], False, "filter off"),
        ([observed((0, 3))], True, "discarded nothing"),
        ([flat, observed((0, 3), successes=(1.0, 1.0))], True, "trained on"),
        ([observed((0, 3), kind="discarded", reason="filter")], True, "not degenerate"),
    ):
        with pytest.raises(checks.CheckFailed, match=message):
            checks.filtered(records, on)


def test_metrics_must_be_there_at_every_step_since_the_launch() -> None:
    case = replace(CASES[0], steps=4, logs=("user/sampled",))
    step = {"sparft/overhead_ms": 1.0, "user/sampled": 32.0}
    assert "user/sampled 32" in checks.metrics_logged(case, [step, step], 2)
    with pytest.raises(checks.CheckFailed, match="2 steps"):
        checks.metrics_logged(case, [step], 2)
    with pytest.raises(checks.CheckFailed, match="user/sampled"):
        checks.metrics_logged(case, [step, {"sparft/overhead_ms": 1.0}], 2)


def test_a_reward_depends_on_the_text_and_not_on_its_type() -> None:
    assert rewards.graded_by_prompt(np.str_("gcd"), "a", "1") == rewards.graded_by_prompt("gcd", "b", "1")
    assert rewards.graded_by_prompt("gcd", "", "1") != rewards.graded_by_prompt("gcd", "", "2")
