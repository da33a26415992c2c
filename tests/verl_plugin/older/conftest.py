"""The verl that is first on sys.path, and its older trainer run for real (see loop.py)."""

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from sparft_verl.verl_plugin import SWITCH

pytest.importorskip("verl", reason="needs verl")

LOOP = Path(__file__).with_name("loop.py")
POLICY = Path(__file__).parents[3] / "recipes" / "tiny_cpu" / "policy"


@pytest.fixture(scope="session")
def version() -> Version:
    return Version(metadata.version("verl"))


@pytest.fixture(scope="session")
def native(version: Version) -> bool:
    """Whether this verl has a sampler of its own for a curriculum."""
    return version.release[:2] < (0, 8)


@pytest.fixture
def overrides(rows, make_artefact, save, native, version) -> list[str]:
    """verl's command line: 40 rows in batches of 4, a checkpoint every 5 steps, 2 epochs of 10 steps."""
    artefact = make_artefact(rows, list(range(30)))
    files = save(rows)
    legacy = ["trainer.use_v1=False"] if version.release[:2] >= (0, 9) else []
    return [
        "+curriculum=sparft", f"curriculum.artefact={artefact.path}", *legacy,
        f"data.train_files={files}", f"data.val_files={files}", "data.train_batch_size=4",
        "data.max_prompt_length=64", "data.max_response_length=6",
        f"actor_rollout_ref.model.path={POLICY}", "actor_rollout_ref.rollout.n=4",
        "algorithm.adv_estimator=grpo", "trainer.n_gpus_per_node=1", "trainer.device=cpu",
        "trainer.logger=[console]", "trainer.project_name=p", "trainer.experiment_name=e",
        "trainer.total_epochs=2", "trainer.save_freq=5", "trainer.test_freq=10", "trainer.default_local_dir=.",
        "actor_rollout_ref.rollout.agent.num_workers=1", "hydra.run.dir=hydra", "hydra.job.chdir=False",
    ]  # fmt: skip


@pytest.fixture
def run_loop(tmp_path: Path):
    """Run a plan of runs, given as dicts for loop.py, and return their exit statuses; -9 for a killed one."""

    def run(runs: list[dict[str, Any]]) -> list[int]:
        plan = tmp_path / "plan.json"
        plan.write_text(json.dumps({"runs": runs}))
        environment = {key: value for key, value in os.environ.items() if key != SWITCH}
        done = subprocess.run(
            [sys.executable, str(LOOP), str(plan)],
            env={**environment, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return [run["status"] for run in json.loads(plan.read_text())["runs"]]

    return run
