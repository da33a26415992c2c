"""One script of a folder, two real steps of verl on a CPU: its overrides, its own data format, a tiny policy."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import traceback
from pathlib import Path

from recipes.checks.lines import TINY, Line, words
from recipes.checks.record import RECIPES
from recipes.evaluation.scores import records
from recipes.processes import ProcessTree

STEPS, BATCH, ROLLOUTS = 2, 8, 2
LOOK = 2.0
"""Seconds between two looks at what the processes of a run have used."""
POLICY = RECIPES / "tiny_cpu" / "policy"


class RunError(RuntimeError):
    """A folder's script does not run; the message ends with what it printed last."""


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-25:])


def prepare(recipe: str, folder: Path) -> subprocess.Popen[bytes]:
    """Start writing FOLDER/data and FOLDER/artefact; `prepared` waits for it."""
    with (folder / "prepare.log").open("wb") as log:
        command = [sys.executable, "-m", "recipes.checks.inputs", recipe, str(folder)]
        return subprocess.Popen(command, stdout=log, stderr=log)


def prepared(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Return when the folder's inputs are there; RunError when they cannot be made."""
    if process.wait():
        raise RunError(f"its data or artefact cannot be made: {_tail(folder / 'prepare.log')}")


def tiny_overrides(*, batch: int, rollouts: int) -> list[str]:
    """Return what puts the tiny policy and the CPU in the place of a script's model and GPUs, as its arguments."""
    from sparft_verl.verl_plugin.cpu.overrides import cpu_overrides

    return [
        *cpu_overrides(batch=batch, rollouts=rollouts),
        f"actor_rollout_ref.model.path={POLICY}",
        # the CPU's settings give the size of a micro-batch instead
        "actor_rollout_ref.actor.use_dynamic_bsz=False",
        # its positions are rotary: prompts of any length go in, and the answers need not make sense
        "+actor_rollout_ref.model.override_config.max_position_embeddings=4096",
        "data.max_response_length=8",
        "data.val_max_samples=8",
    ]


def overrides(script: Path, folder: Path) -> list[str]:
    """Return what the script hands to verl with the CPU's settings as its arguments, which win.

    Algorithm, KL term, reward, data and curriculum are the script's own.
    """
    settings = {
        "DATA": str(folder / "data"),
        "ARTEFACT": str(folder / "artefact"),
        "OUT": str(folder / "run"),
        "STEPS": str(STEPS),
    }
    # `sparft train --cpu` puts the CPU's settings first by itself
    tiny = [] if script == TINY else tiny_overrides(batch=BATCH, rollouts=ROLLOUTS)
    few = [
        f"data.train_batch_size={BATCH}",
        f"actor_rollout_ref.rollout.n={ROLLOUTS}",
        "actor_rollout_ref.rollout.val_kwargs.n=2",
        "data.val_max_samples=8",
        "trainer.val_before_train=False",
        f"trainer.test_freq={STEPS}",
        "trainer.save_freq=-1",
        f"hydra.run.dir={folder / 'run' / 'hydra'}",
    ]
    ours, said = words(Line(script, settings), [*tiny, *few])
    return [*ours, *said]


def train(script: Path, folder: Path, seconds: float = 600) -> float:
    """Run verl in a fork of this process, which has imported it already; RunError when it fails or hangs.

    Returns the seconds of CPU that verl and Ray took, as far as looks at every other second see them.
    """
    log, words = folder / "train.log", overrides(script, folder)
    child = os.fork()
    if child == 0:
        _become_verl(words, folder, log)
    end, looked, tree = time.monotonic() + seconds, 0.0, ProcessTree(child)
    while (done := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if time.monotonic() > end:
            tree.kill()  # a kill of the group would leave Ray's daemons behind, which have sessions of their own
            os.waitpid(child, 0)
            raise RunError(f"no end after {seconds:.0f} s: {_tail(log)}")
        if time.monotonic() - looked > LOOK:
            looked = time.monotonic()
            tree.cpu_seconds()
        time.sleep(0.2)
    if done[1]:
        raise RunError(f"verl ends with {os.waitstatus_to_exitcode(done[1])}: {_tail(log)}")
    steps = {one["step"] for one in records(folder / "run" / "metrics.jsonl") if "actor/lr" in one["data"]}
    validated = folder / "run" / "validation" / f"{STEPS}.jsonl"
    if steps != set(range(1, STEPS + 1)) or not validated.is_file():
        raise RunError(f"verl ended well, but trained steps {sorted(steps)}, not {STEPS}: {_tail(log)}")
    return tree.cpu_seconds()


def _become_verl(words: list[str], folder: Path, log: Path) -> None:
    status = 1
    try:
        os.setsid()
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.environ["VERL_FILE_LOGGER_PATH"] = str(folder / "run" / "metrics.jsonl")
        (folder / "run").mkdir(exist_ok=True)
        sys.argv = ["verl.trainer.main_ppo", *words]
        from verl.trainer.main_ppo import main

        main()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        print(end)
    except BaseException:
        traceback.print_exc()
    finally:
        import ray

        ray.shutdown()  # os._exit leaves out what would do it
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
