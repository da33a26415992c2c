"""Real verl on CPU: one small data set and artefact for all tests, and a way to start, kill and await a run."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
RECIPE = ROOT / "recipes" / "tiny_cpu"
# `by_prompt`: the prompt alone decides, so that two runs give the same feedback whatever the policy does.
# `by_answer`: gcd is never solved, elsewhere rollouts of one prompt differ.
REWARDS = """
import hashlib
def chance(*parts):
    return hashlib.sha256(repr(parts).encode()).digest()[0] / 256
def by_prompt(data_source, solution_str, ground_truth, extra_info=None, **kwargs):
    return float(chance(data_source, ground_truth) < 0.5)
def by_answer(data_source, solution_str, ground_truth, extra_info=None, **kwargs):
    return float(data_source != "gcd" and chance(solution_str) < 0.5)
"""


@dataclass
class Run:
    """One verl process tree."""

    process: subprocess.Popen
    log: Path

    def kill(self) -> int:
        """SIGKILL the driver and everything it started, Ray included; return how many processes that was."""
        driver = psutil.Process(self.process.pid)
        tree = [driver, *driver.children(recursive=True)]
        for member in tree:
            try:
                member.kill()
            except psutil.NoSuchProcess:
                continue
        self.process.wait()
        return len(tree)

    def wait_for(self, reached: Callable[[], bool], timeout: float = 400) -> None:
        """Poll until `reached()`; fail with the end of the log when the run ends or the time is up first."""
        end = time.monotonic() + timeout
        while not reached():
            if self.process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"the run ended or hung first:\n{self.tail()}")
            time.sleep(0.05)

    def finish(self, timeout: float = 500) -> None:
        """Wait for a successful end."""
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            pytest.fail(f"the run hung:\n{self.tail()}")
        assert status == 0, self.tail()

    def tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-60:])


@pytest.fixture(scope="session")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with train.parquet, held_out.parquet, artefact/ and reward.py."""
    pytest.importorskip("verl", reason="needs verl")
    pytest.importorskip("reasoning_gym", reason="needs reasoning-gym")
    folder = tmp_path_factory.mktemp("task")
    module = [sys.executable, "-m"]
    subprocess.run(
        [*module, "recipes.tiny_cpu.tasks", "--out", folder, "--train", "200", "--held-out", "16"],
        cwd=ROOT,
        check=True,
    )
    subprocess.run(
        [
            *module, "sparft_verl.cli", "prepare", f"data.train_files={folder}/train.parquet", f"out={folder}/artefact",
            "embed.engine=lexical", "difficulty.column=extra_info.difficulty", "cluster.k=4", "select.budget=32",
        ],
        cwd=ROOT, check=True,
    )  # fmt: skip
    (folder / "reward.py").write_text(REWARDS)
    return folder


@pytest.fixture
def start(task: Path, tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Start the recipe's launch script on the small task; leftovers are killed when the test ends."""
    runs: list[Run] = []

    def start(*overrides: str, curriculum: str = "sparft", steps: int, reward: str) -> Run:
        log = tmp_path / f"log{len(runs)}.txt"
        environment = {
            **os.environ, "DATA": str(task), "ARTEFACT": str(task / "artefact"), "OUT": str(tmp_path / "run"),
            "CURRICULUM": curriculum, "STEPS": str(steps),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }  # fmt: skip
        small = [
            "data.train_batch_size=8", "actor_rollout_ref.rollout.n=4", "data.max_response_length=8",
            f"reward.custom_reward_function.path={task}/reward.py", f"reward.custom_reward_function.name={reward}",
            "trainer.val_before_train=False", "trainer.test_freq=-1",
        ]  # fmt: skip
        process = subprocess.Popen(
            ["bash", str(RECIPE / "run.sh"), *small, *overrides],
            stdout=log.open("w"), stderr=subprocess.STDOUT, env=environment, cwd=tmp_path, start_new_session=True,
        )  # fmt: skip
        runs.append(Run(process, log))
        return runs[-1]

    yield start
    for run in runs:
        if run.process.poll() is None:
            run.kill()
