"""What run.sh hands to verl, in verl's own configuration."""

import os
import subprocess
from pathlib import Path

import pytest

from benchmarks.pretrained.runs import SCRIPT, Inputs, environment
from benchmarks.pretrained.spec import compare, smoke

RECORDER = """#!/bin/sh
if [ "$1" = -c ]; then exit "$FLASH"; fi
printf '%s\\n' "$@" >"$RECORD"
"""


def words(tmp_path: Path, settings: dict[str, str], *more: str, flash: bool = True) -> list[str]:
    """Return the arguments that the script starts Python with."""
    recorder, written = tmp_path / "python", tmp_path / "written"
    recorder.write_text(RECORDER)
    recorder.chmod(0o755)
    own = {
        "PYTHON": str(recorder),
        "RECORD": str(written),
        "FLASH": str(int(not flash)),
        "PATH": os.environ["PATH"],
    }
    done = subprocess.run(
        ["bash", str(SCRIPT), *more], env=settings | own, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return written.read_text().splitlines()


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    return Inputs(tmp_path / "model", "sha", tmp_path / "data", "rows", "vllm")


def test_a_run_on_the_cpu_is_what_its_spec_says(tmp_path: Path, inputs: Inputs) -> None:
    pytest.importorskip("verl", reason="needs verl")
    from hydra import compose

    from recipes.checks.compose import verl_config
    from sparft_verl.train import command

    spec = smoke(quick=False)[1]
    found = words(tmp_path, environment(spec, inputs, tmp_path / "run"), "data.seed=7")
    assert found[:5] == ["-m", "sparft_verl.cli", "train", "--cpu", "--curriculum"]
    line, _ = command(found[6:], curriculum=found[5], on_cpu=True)
    with verl_config():
        config = compose("ppo_trainer", overrides=line[line.index("verl.trainer.main_ppo") + 1 :])
    rollout, data = config.actor_rollout_ref.rollout, config.data
    assert (data.train_batch_size, rollout.n, data.max_response_length) == (
        spec.prompts,
        spec.rollouts,
        spec.tokens,
    )
    assert (config.trainer.total_training_steps, config.trainer.test_freq, config.trainer.save_freq) == (
        2,
        2,
        -1,
    )
    assert data.seed == 7 and rollout.name == "hf_cpu"
    assert config.curriculum.artefact == str(tmp_path / "data" / "artefact-categories")
    assert config.ray_kwargs.ray_init.object_store_memory > 538_090_408  # the weights at once


@pytest.mark.parametrize("rollout", ["vllm", "sglang"])
def test_a_run_on_a_gpu_composes(tmp_path: Path, inputs: Inputs, rollout: str) -> None:
    pytest.importorskip("verl", reason="needs verl")
    from recipes.checks.compose import check, verl_config

    spec = compare(quick=False)[1]
    settings = environment(spec, inputs, tmp_path / "run") | {"ROLLOUT": rollout}
    found = words(tmp_path, settings)
    assert found[:5] == ["-m", "sparft_verl.cli", "train", "--curriculum", "sec"]
    with verl_config():
        config = check([f"+curriculum={found[4]}", *found[5:]])
    assert (
        config.actor_rollout_ref.rollout.name == rollout and config.actor_rollout_ref.model.use_remove_padding
    )
    assert (config.data.train_batch_size, config.actor_rollout_ref.rollout.n) == (32, 8)
    assert config.trainer.save_freq == config.trainer.test_freq == 20
    assert config.curriculum.artefact == str(tmp_path / "data" / "artefact-categories")


def test_without_flash_attention_verl_is_told_to_do_without(tmp_path: Path, inputs: Inputs) -> None:
    found = words(tmp_path, environment(compare(quick=True)[0], inputs, tmp_path / "run"), flash=False)
    assert "+actor_rollout_ref.model.override_config.attn_implementation=sdpa" in found
    assert "actor_rollout_ref.model.use_remove_padding=False" in found


def test_an_unknown_device_and_a_missing_folder_stop_it(tmp_path: Path) -> None:
    for settings, said in (
        (
            {"MODEL": "m", "DATA": "d", "ARTEFACT": "a", "OUT": str(tmp_path / "o"), "DEVICE": "tpu"},
            "got 'tpu'",
        ),
        ({"MODEL": "m"}, "set DATA"),
    ):
        done = subprocess.run(
            ["bash", str(SCRIPT)],
            env={"PATH": os.environ["PATH"], **settings},
            capture_output=True,
            text=True,
        )
        assert done.returncode != 0 and said in done.stderr
