"""Equal tokens: a real process is ended at its first validation after the budget, and its status is kept otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from recipes.token_budget import enough, main

TRAINER = """
import json, pathlib, sys, time
run = pathlib.Path(sys.argv[1]); (run / "validation").mkdir(parents=True)
(run / "pid").write_text(str(__import__("os").getpid()))
for step in range(1, 100):
    data = {"perf/total_num_tokens": 100}
    if step % 5 == 0:
        (run / "validation" / f"{step}.jsonl").write_text("{}" + chr(10))
        data["val-core/x/acc/mean@1"] = 0.5
    with (run / "metrics.jsonl").open("a") as log:
        log.write(json.dumps({"step": step, "data": data}) + chr(10))
    time.sleep(0.02 if step < 15 else 60)
"""


def alive(run: Path) -> bool:
    try:
        os.kill(int((run / "pid").read_text()), 0)
    except ProcessLookupError:
        return False
    return True


def budget(run: Path, tokens: int, *command: str) -> int:
    return main(["--run", str(run), "--tokens", str(tokens), "--", *command])


def test_a_run_ends_at_the_first_validation_after_the_budget_and_is_not_started_again(tmp_path, capsys):
    run = tmp_path / "run"
    assert budget(run, 1200, sys.executable, "-c", TRAINER, str(run)) == 0
    assert "1,500 tokens by step 15, 1,200 asked for" in capsys.readouterr().err
    assert not alive(run)
    began = time.monotonic()
    assert budget(run, 1200, sys.executable, "-c", "raise SystemExit(3)") == 0
    assert time.monotonic() - began < 1


def test_a_validated_step_within_the_budget_is_not_enough(tmp_path):
    (tmp_path / "metrics.jsonl").write_text(
        '{"step": 0, "data": {"val-core/x": 1}}\n'
        '{"step": 1, "data": {"perf/total_num_tokens": 60, "val-core/x": 1}}\n'
        '{"step": 2, "data": {"perf/total_num_tokens": 60}}\n'
        '{"step": 3, "data": {"perf/total_num_tok'
    )
    assert enough(tmp_path, 60) == 1
    assert enough(tmp_path, 61) is None


@pytest.mark.parametrize("status", [0, 3])
def test_a_run_that_ends_by_itself_keeps_its_status(tmp_path, status):
    assert budget(tmp_path, 10, sys.executable, "-c", f"raise SystemExit({status})") == status


def test_ending_the_budget_ends_the_run(tmp_path):
    run = tmp_path / "run"
    command = [sys.executable, "-m", "recipes.token_budget", "--run", str(run), "--tokens", "999999", "--"]
    watcher = subprocess.Popen(
        [*command, sys.executable, "-c", TRAINER, str(run)], cwd=Path(__file__).parents[2]
    )
    while not (run / "pid").exists():
        time.sleep(0.05)
    time.sleep(0.2)
    watcher.terminate()
    assert watcher.wait(30) == 143
    assert not alive(run)
