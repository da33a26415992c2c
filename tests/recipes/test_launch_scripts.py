"""Launch scripts: what they start under each knob, and what verl and preflight refuse before Ray."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("verl", reason="needs verl")

from recipes import preflight
from recipes.checks import compose
from recipes.checks.pinned import check_pins
from recipes.checks.record import RECIPES, record, scripts

SCRIPT = RECIPES / "gsm8k" / "run_qwen3_0_6b.sh"


def value(overrides: list[str], key: str) -> str | None:
    found = [text.split("=", 1)[1] for text in overrides if text.split("=", 1)[0].lstrip("+") == key]
    return found[-1] if found else None


@pytest.mark.parametrize("script", scripts(), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_script_fits_on_a_screen_and_ends_with_the_users_own_overrides(script):
    assert len(script.read_text().splitlines()) <= 50
    assert record(script, {}, ["trainer.nnodes=7", "x y"]).overrides[-2:] == ["trainer.nnodes=7", "x y"]


def test_pins_say_what_scripts_and_the_gpu_extra_say():
    assert list(check_pins()) == []


@pytest.mark.parametrize(
    ("baseline", "curriculum", "artefact"),
    [
        ("full", None, None),
        ("selected", "uniform", "/a/art"),
        ("random", "uniform", "/a/art-random"),
        ("stratified", "uniform", "/a/art-stratified"),
        ("", "sec", "/a/art"),
    ],
)
def test_one_switch_chooses_the_matched_budget_baseline(baseline, curriculum, artefact):
    launch = record(SCRIPT, {"BASELINE": baseline, "CURRICULUM": "sec", "ARTEFACT": "/a/art", "STEPS": "50"})
    assert value(launch.overrides, "curriculum") == curriculum
    assert value(launch.overrides, "curriculum.artefact") == artefact
    assert value(launch.overrides, "trainer.total_training_steps") == "50"
    assert ("--artefact" in launch.preflight) == (baseline != "full")


def test_equal_tokens_put_the_budget_around_the_same_command():
    folders = {"OUT": "/o", "DATA": "/d", "ARTEFACT": "/a"}
    steps = record(SCRIPT, folders).command
    tokens = record(SCRIPT, {**folders, "BUDGET": "tokens", "TOKENS": "5000"}).command
    assert tokens[:6] == ["-m", "recipes.token_budget", "--run", "/o", "--tokens", "5000"]
    assert tokens[tokens.index("verl.trainer.main_ppo") :] == steps[1:]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"BASELINE": "best"}, "BASELINE must be full, selected, random or stratified.*got 'best'"),
        ({"BUDGET": "hours"}, "BUDGET must be steps or tokens, got 'hours'"),
        ({"BUDGET": "tokens"}, "BUDGET=tokens needs TOKENS=NUMBER"),
    ],
)
def test_a_wrong_knob_stops_the_script_with_the_fix(settings, said):
    with pytest.raises(ValueError, match=said):
        record(SCRIPT, settings)


def test_verl_refuses_a_key_it_does_not_have_a_value_it_cannot_use_and_a_foreign_added_key():
    good = record(SCRIPT, {}).overrides
    with compose.verl_config():
        config = compose.check(good)
        for wrong, said in (
            ("actor_rollout_ref.actor.learning_rate=1", "learning_rate"),
            ("+actor_rollout_ref.actor.learning_rate=1", "not in verl's configuration"),
            ("actor_rollout_ref.actor.loss_agg_mode=best", "verl refuses it: .*loss_agg_mode.*best"),
            ("curriculum.discount=2", "the plug-in refuses it: .*discount"),
            ("data.dataloader_num_workers=8", "dataloader_num_workers=0"),
        ):
            with pytest.raises(compose.RecipeError, match=said):
                compose.check([*good, wrong])
    assert config.trainer.n_gpus_per_node == 8 and config.actor_rollout_ref.rollout.name == "vllm"


def test_a_batch_larger_than_what_stage_a_keeps_is_refused(tmp_path):
    (tmp_path / "prepare.yaml").write_text("select: {budget: 15}\n")
    with compose.verl_config():
        config = compose.check(record(SCRIPT, {}).overrides)
    with pytest.raises(compose.RecipeError, match=r"train_batch_size=16, but .* keeps 15 prompts"):
        compose.check_batch(config, tmp_path)


def run_preflight(capsys, *more: str, **changed: str) -> str:
    settings = {"recipe": "gsm8k", "data": "/no/data", "model": "/no/model", "gpus": "8", **changed}
    status = preflight.main(
        [word for name, text in settings.items() for word in (f"--{name}", text)] + list(more)
    )
    assert status == 1
    return capsys.readouterr().err


def test_preflight_names_every_problem_at_once_with_its_fix(capsys, monkeypatch, tmp_path):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    said = run_preflight(capsys, "--artefact", str(tmp_path / "none"), "--nodes", "2")
    assert "no GPU is visible to torch" in said
    assert "NNODES=2 needs a running Ray cluster" in said
    assert "python -m recipes.gsm8k.data --out /no/data" in said
    assert f"ARTEFACT={tmp_path / 'none'} sparft prepare --config" in said
    assert "MODEL=/no/model is no folder here and no hub name" in said
    assert "nothing was started" in said


def test_preflight_looks_into_a_model_folder_and_at_the_cache(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "without config.json and weights" in run_preflight(capsys, model=str(tmp_path))
    assert "is not in the cache, and HF_HUB_OFFLINE=1" in run_preflight(capsys, model="nobody/no-such-model")
    assert "MODEL=" not in run_preflight(capsys, model=str(RECIPES / "tiny_cpu" / "policy"))


def test_preflight_stops_at_an_old_verl(tmp_path):
    info = tmp_path / "verl-0.7.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: verl\nVersion: 0.7.1\n")
    arguments = ["--recipe", "gsm8k", "--data", "/no", "--model", "/no", "--gpus", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "recipes.preflight", *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(RECIPES.parent)])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert (
        "verl 0.7.1 is installed, but the recipes need verl>=0.9.1,<0.10; pip install verl==0.9.1"
        in done.stderr
    )


def stand_ins(folder: Path) -> dict[str, str]:
    """Commands of a cluster that write down how they were called; scontrol and hostname answer as Slurm would."""
    tools = {
        "ray": 'echo "ray $*" >>"$CALLS"',
        "srun": 'echo "srun $*" >>"$CALLS"; while [[ $1 == --* ]]; do shift; done; exec "$@"',
        "scontrol": "printf 'node1\\nnode2\\n'",
        "hostname": "echo fe80::1 10.0.0.1",
        "python3": 'echo "python3 $*" >>"$CALLS"',
    }
    for name, body in tools.items():
        (folder / name).write_text(f"#!/usr/bin/env bash\n{body}\n")
        (folder / name).chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin", "CALLS": str(folder / "calls"), "HOME": str(folder)}


def test_slurm_starts_one_ray_over_all_nodes_and_the_script_on_the_first(tmp_path):
    slurm = {
        "SLURM_JOB_NODELIST": "node[1-2]",
        "SLURM_JOB_ID": "42",
        "SLURM_GPUS_PER_NODE": "h100:4",
        "SLURM_CPUS_PER_TASK": "16",
    }
    command = ["bash", str(RECIPES / "launchers" / "slurm.sbatch"), str(SCRIPT), "trainer.test_freq=5"]
    subprocess.run(
        command, env={**stand_ins(tmp_path), **slurm}, cwd=tmp_path, check=True, capture_output=True
    )
    calls = (tmp_path / "calls").read_text()
    assert (
        "ray start --head --node-ip-address=10.0.0.1 --port=6421 --num-cpus 16 --num-gpus 4 --block" in calls
    )
    assert "--nodelist=node2 ray start --address=10.0.0.1:6421 --num-cpus 16 --num-gpus 4 --block" in calls
    last = calls.splitlines()[-1]
    assert "verl.trainer.main_ppo" in last and last.endswith("trainer.test_freq=5")
    assert "trainer.nnodes=2" in last and "trainer.n_gpus_per_node=4" in last


def test_a_ray_job_carries_the_knobs_in_its_entrypoint(tmp_path):
    environment = {
        **stand_ins(tmp_path),
        "RAY_API_SERVER_ADDRESS": "http://h:8265",
        "NNODES": "2",
        "CURRICULUM": "sec",
    }
    command = ["bash", str(RECIPES / "launchers" / "ray_job.sh"), str(SCRIPT), "data.seed=3"]
    subprocess.run(command, env=environment, cwd=tmp_path, check=True)
    knobs = f"env -C {tmp_path} CURRICULUM=sec NNODES=2"
    expected = f"ray job submit --address http://h:8265 -- {knobs} bash {SCRIPT} data.seed=3"
    assert (tmp_path / "calls").read_text().strip() == expected
