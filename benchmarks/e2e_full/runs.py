"""The small task that the runs share, and a way to start, kill and await one verl process tree."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from recipes.processes import ProcessTree

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "recipes" / "tiny_cpu"
REWARDS = Path(__file__).with_name("rewards.py")
PROMPTS = 8
ROLLOUTS = 4


class RunFailed(RuntimeError):
    """A run ended with an error, ended too early or hung; the message ends with the end of its log."""


@dataclass
class Run:
    """One verl process tree."""

    process: subprocess.Popen
    log: Path

    def kill(self) -> int:
        """SIGKILL the driver and everything it started, Ray included; return how many processes that was."""
        killed = ProcessTree(self.process.pid).kill()
        self.process.wait()
        return killed

    def wait_for(self, reached: Callable[[], bool], timeout: float = 400) -> None:
        """Poll until `reached()`; raise RunFailed when the run ends or the time is up first."""
        end = time.monotonic() + timeout
        while not reached():
            if self.process.poll() is not None or time.monotonic() > end:
                raise RunFailed(f"the run ended or hung first:\n{self.tail()}")
            time.sleep(0.05)

    def finish(self, timeout: float = 500) -> None:
        """Wait for a successful end; raise RunFailed otherwise."""
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise RunFailed(f"the run hung:\n{self.tail()}") from error
        if status != 0:
            raise RunFailed(f"the run ended with {status}:\n{self.tail()}")

    def tail(self) -> str:
        """Return the last lines of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-60:])


def make_task(folder: Path) -> Path:
    """Return `folder` with train.parquet, held_out.parquet and artefact/ in it; needs reasoning-gym."""
    folder.mkdir(parents=True, exist_ok=True)
    module = [sys.executable, "-m"]
    subprocess.run(
        [*module, "recipes.tiny_cpu.tasks", "--out", folder, "--train", "200", "--held-out", "16"],
        cwd=ROOT,
        check=True,
        stdout=sys.stderr,
    )
    subprocess.run(
        [
            *module, "sparft_verl.cli", "prepare", f"data.train_files={folder}/train.parquet", f"out={folder}/artefact",
            "embed.engine=lexical", "difficulty.column=extra_info.difficulty", "cluster.k=4", "select.budget=32",
        ],
        cwd=ROOT, check=True, stdout=sys.stderr,
    )  # fmt: skip
    return folder


def launch(
    task: Path,
    out: Path,
    log: Path,
    *overrides: str,
    curriculum: str = "sparft",
    steps: int,
    reward: str | None = None,
) -> Run:
    """Start the recipe's launch script on the small task, with hydra `overrides` at the end; `out` is the run.

    `reward` names a function of rewards.py; None leaves the recipe's own.
    """
    environment = {
        **os.environ, "DATA": str(task), "ARTEFACT": str(task / "artefact"), "OUT": str(out),
        "CURRICULUM": curriculum, "STEPS": str(steps),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
    }  # fmt: skip
    small = [
        f"data.train_batch_size={PROMPTS}", f"actor_rollout_ref.rollout.n={ROLLOUTS}", "data.max_response_length=8",
        "trainer.val_before_train=False", "trainer.test_freq=-1",
    ]  # fmt: skip
    if reward is not None:
        small += [
            f"reward.custom_reward_function.path={REWARDS}",
            f"reward.custom_reward_function.name={reward}",
        ]
    with log.open("w") as sink:
        process = subprocess.Popen(
            ["bash", str(RECIPE / "run.sh"), *small, *overrides],
            stdout=sink, stderr=subprocess.STDOUT, env=environment, cwd=log.parent, start_new_session=True,
        )  # fmt: skip
    return Run(process, log)
