"""One script of a folder, two real steps of verl on a CPU: its overrides, its own data format, a tiny policy."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import traceback
from pathlib import Path

import psutil

from recipes.checks.raw_rows import ROWS, write_copies
from recipes.checks.record import RECIPES, record
from recipes.evaluation.scores import records

STEPS, BATCH, ROLLOUTS = 2, 8, 2
PER_LEVEL = {"knights_knaves": 12, "countdown": 3, "zebra": 3, "arc1d": 3}
"""Levels of the folders that make their rows: --limit counts rows of each."""
POLICY = RECIPES / "tiny_cpu" / "policy"
MATHS = ("gsm8k", "math500", "deepscaler", "aime")


class RunError(RuntimeError):
    """A folder's script does not run; the message ends with what it printed last."""


def _call(log: Path, *command: str) -> None:
    with log.open("a") as output:
        done = subprocess.run([sys.executable, "-m", *command], stdout=output, stderr=output, check=False)
    if done.returncode:
        raise RunError(f"{command[0]} ends with {done.returncode}: {_tail(log)}")


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-25:])


def make_inputs(recipe: str, folder: Path) -> None:
    """Write FOLDER/data by the recipe's own data script and FOLDER/artefact by its own prepare.yaml."""
    log, data = folder / "prepare.log", folder / "data"
    limit = -(-ROWS // PER_LEVEL.get(recipe, 1))
    copies = ["--from", str(write_copies(folder / "copies"))] if recipe in MATHS else []
    _call(log, f"recipes.{recipe}.data", "--out", str(data), "--limit", str(limit), *copies)
    os.environ.update(DATA=str(data), ARTEFACT=str(folder / "artefact"))
    # words instead of the embedding model, and rows of one template are all near duplicates
    small = ["embed.engine=lexical", "clean.near=false", "report=false", "cache=null"]
    if recipe in MATHS:
        small += ["cluster.k=2", "select.budget=24", "difficulty.missing=median"]
        if recipe in ("deepscaler", "aime"):  # no difficulty in the copies
            small.append("difficulty.column=null")
    config = str(RECIPES / recipe / "prepare.yaml")
    _call(log, "sparft_verl.cli", "prepare", "--config", config, *small)


def overrides(script: Path, folder: Path) -> list[str]:
    """Return what the script hands to verl with the CPU's settings as its arguments, which win."""
    from sparft_verl.verl_plugin.cpu.overrides import cpu_overrides

    settings = {
        "DATA": str(folder / "data"),
        "ARTEFACT": str(folder / "artefact"),
        "OUT": str(folder / "run"),
    }
    tiny = [
        *cpu_overrides(batch=BATCH, rollouts=ROLLOUTS),
        f"actor_rollout_ref.model.path={POLICY}",
        # its positions are rotary: prompts of any length go in, and the answers need not make sense
        "+actor_rollout_ref.model.override_config.max_position_embeddings=4096",
        "actor_rollout_ref.actor.use_dynamic_bsz=False",
        # a reference model of its own is loaded into pinned memory, which a machine without a GPU does not have
        "actor_rollout_ref.actor.use_kl_loss=False",
        "actor_rollout_ref.rollout.val_kwargs.n=2",
        "data.max_response_length=8",
        "data.val_max_samples=8",
        "trainer.val_before_train=False",
        f"trainer.test_freq={STEPS}",
        "trainer.save_freq=-1",
        f"hydra.run.dir={folder / 'run' / 'hydra'}",
    ]
    return record(script, {**settings, "STEPS": str(STEPS)}, tiny).overrides


def train(script: Path, folder: Path, seconds: float = 400) -> None:
    """Run verl in a fork of this process, which has imported it already; RunError when it fails or hangs."""
    log, words = folder / "train.log", overrides(script, folder)
    child = os.fork()
    if child == 0:
        _become_verl(words, folder, log)
    end = time.monotonic() + seconds
    while (done := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if time.monotonic() > end:
            # Ray's daemons have sessions of their own, so that a kill of the group would leave them behind
            tree = psutil.Process(child)
            for member in [*tree.children(recursive=True), tree]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    member.kill()
            os.waitpid(child, 0)
            raise RunError(f"no end after {seconds:.0f} s: {_tail(log)}")
        time.sleep(0.2)
    if done[1]:
        raise RunError(f"verl ends with {os.waitstatus_to_exitcode(done[1])}: {_tail(log)}")
    steps = {one["step"] for one in records(folder / "run" / "metrics.jsonl") if "actor/lr" in one["data"]}
    validated = folder / "run" / "validation" / f"{STEPS}.jsonl"
    if steps != set(range(1, STEPS + 1)) or not validated.is_file():
        raise RunError(f"verl ended well, but trained steps {sorted(steps)}, not {STEPS}: {_tail(log)}")


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
