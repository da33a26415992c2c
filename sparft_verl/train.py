"""`sparft train`: verl's own trainer, with a curriculum switched on."""

import argparse
import os
import subprocess
import sys
from importlib.util import find_spec


def command(
    overrides: list[str], *, curriculum: str | None, on_cpu: bool
) -> tuple[list[str], dict[str, str]]:
    """Return verl's command line and the environment to run it in.

    `overrides` are hydra overrides in verl's own words; they come last and so win over ours. On a CPU the batch
    sizes that verl wants for each micro-batch follow from `data.train_batch_size` and `rollout.n` among them.
    Raises ValueError when one of these two is not a number, and for a CPU without a curriculum: its trainer mode
    is what starts verl's workers without an accelerator.
    """
    if on_cpu and curriculum is None:
        raise ValueError(
            "--cpu needs a curriculum, got none: its trainer mode starts verl's workers without a GPU; for all "
            "prompts alike take --curriculum uniform with an artefact of select.budget=all"
        )
    own: list[str] = []
    environment = dict(os.environ)
    if on_cpu:
        from sparft_verl.verl_plugin.cpu.overrides import cpu_env, cpu_overrides

        separate = _last(overrides, "trainer.v1.trainer_mode") == "separate_async"
        own += cpu_overrides(
            batch=_number(overrides, "data.train_batch_size", 16),
            rollouts=_number(overrides, "actor_rollout_ref.rollout.n", 8),
            ranks=_number(overrides, "trainer.n_gpus_per_node", 1),
            nodes=_number(overrides, "trainer.nnodes", 1),
            separate=separate,
            cluster=bool(_last(overrides, "ray_kwargs.ray_init.address") or os.environ.get("RAY_ADDRESS")),
        )
        environment = cpu_env(separate=separate)
    if curriculum is not None:
        own.append(f"+curriculum={curriculum}")
    return [sys.executable, "-m", "verl.trainer.main_ppo", *own, *overrides], environment


def _number(overrides: list[str], key: str, default: int) -> int:
    value = _last(overrides, key)
    try:
        return default if value is None else int(value)
    except ValueError as error:
        raise ValueError(f"{key} must be a number, got {value!r}") from error


def _last(overrides: list[str], key: str) -> str | None:
    values = [text.split("=", 1)[1] for text in overrides if text.lstrip("+").startswith(f"{key}=")]
    return values[-1] if values else None


def main(argv: list[str]) -> int:
    """Run verl until it ends and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="sparft train",
        description="Run verl's trainer under a curriculum. Everything else is verl's own hydra overrides.",
        epilog="example: sparft train --cpu curriculum.artefact=artefact/ data.train_files=train.parquet ...",
    )
    parser.add_argument("--cpu", action="store_true", help="train without a GPU: small models only")
    parser.add_argument(
        "--curriculum", default="auto", help="the curriculum's name, or none (default: %(default)s)"
    )
    arguments, overrides = parser.parse_known_args(argv)
    if find_spec("verl") is None:
        print(
            "sparft train: verl is not installed here; pip install 'sparft-verl[cpu]' or 'sparft-verl[gpu]'",
            file=sys.stderr,
        )
        return 2
    curriculum = None if arguments.curriculum == "none" else arguments.curriculum
    try:
        line, environment = command(overrides, curriculum=curriculum, on_cpu=arguments.cpu)
    except ValueError as error:
        print(f"sparft train: {error}", file=sys.stderr)
        return 2
    return subprocess.call(line, env=environment)
