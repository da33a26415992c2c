"""Run real verl and read off its own timings."""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.step import assets
from recipes.processes import ProcessTree
from sparft_verl.verl_plugin.cpu.overrides import cpu_env, cpu_overrides

ROOT = Path(__file__).parents[2]
PARTS = ("gen", "old_log_prob", "adv", "update_actor", "update_weights")
_STEP = re.compile(r"step:(\d+) - ")
_TIMING = re.compile(r"timing_s/([a-z_]+):([0-9.e+-]+)")


def command(folder: Path, made: assets.Assets, steps: int) -> list[str]:
    """Return the command line of the run that is timed."""
    return [
        *(sys.executable, "-m", "verl.trainer.main_ppo"),
        *cpu_overrides(batch=assets.PROMPTS, rollouts=assets.ROLLOUTS),
        "algorithm.adv_estimator=grpo",
        f"data.train_files={made.data}",
        f"data.val_files={made.data}",
        "data.max_prompt_length=48",
        f"data.max_response_length={assets.TOKENS}",
        f"actor_rollout_ref.model.path={made.model}",
        "actor_rollout_ref.actor.optim.lr=3e-3",
        f"reward.custom_reward_function.path={made.reward}",
        "trainer.logger=[console]",
        f"trainer.default_local_dir={folder}",
        "trainer.val_before_train=False",
        "trainer.test_freq=-1",
        "trainer.save_freq=-1",
        f"trainer.total_training_steps={steps}",
        "trainer.total_epochs=1000",
        "trainer.v1.trainer_mode=bench_sync",
        f"hydra.run.dir={folder}",
    ]


def measure(steps: int) -> dict[str, Any]:
    """Return what a run of `steps` steps took. Raises RuntimeError with the end of the log if it fails."""
    with tempfile.TemporaryDirectory(prefix="bench-step-") as name:
        folder = Path(name)
        made = assets.write(folder)
        environment = cpu_env() | {
            "VERL_USE_EXTERNAL_MODULES": "benchmarks.step.mode",
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "HF_HUB_OFFLINE": "1",
        }
        log = folder / "log.txt"
        started, marks = time.monotonic(), []
        with log.open("w") as sink:
            run = subprocess.Popen(
                command(folder, made, steps), cwd=ROOT, env=environment, stdout=sink, stderr=subprocess.STDOUT
            )
            tree = ProcessTree(run.pid)
            while run.poll() is None:
                time.sleep(0.2)
                cpu = tree.cpu_seconds()
                done = len(_STEP.findall(log.read_text(errors="replace")))
                marks += [(time.monotonic() - started, cpu)] * (done - len(marks))
        text = log.read_text(errors="replace")
        rows = [dict(_TIMING.findall(line)) for line in text.splitlines() if _STEP.search(line)]
        if run.returncode != 0 or len(rows) < steps:
            raise RuntimeError(f"verl ended with {run.returncode} after {len(rows)} steps:\n{text[-4000:]}")
    return summarise(rows, marks)


def summarise(rows: list[dict[str, str]], marks: list[tuple[float, float]]) -> dict[str, Any]:
    """Return seconds to the first step and per step; the first step, which still starts actors, is left out."""
    later = [{key: float(value) for key, value in row.items()} for row in rows[1:]]
    step = [row["step"] for row in later]
    parts = {part: statistics.median(row.get(part, 0.0) for row in later) for part in PARTS}
    parts["other"] = statistics.median(
        row["step"] - sum(row.get(part, 0.0) for part in PARTS) for row in later
    )
    return {
        "seconds_to_end_of_first_step": marks[0][0],
        "cpu_seconds_to_end_of_first_step": marks[0][1],
        "first_step_seconds": float(rows[0]["step"]),
        "median_seconds_per_step": statistics.median(step),
        "fastest_step_seconds": min(step),
        "cpu_seconds_per_step": (marks[-1][1] - marks[0][1]) / (len(marks) - 1),
        "median_seconds_of": parts,
        "steps": step,
    }
