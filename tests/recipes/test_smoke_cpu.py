"""smoke_gpu/run.sh whole, on the CPU: the tiny policy in place of the model, real verl, a real kill and resume."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile

import pytest

pytest.importorskip("verl", reason="needs verl")
pytest.importorskip("torch", reason="needs torch")

from recipes.checks.cpu_run import tiny_overrides
from recipes.checks.inputs import data_arguments, prepare_arguments
from recipes.checks.record import RECIPES
from recipes.smoke_gpu.smoke import KILL_AT, STEPS, SmokeError, kill, three_runs, wait_for_gpus

from .folders import POLICY, ROOT, run_script


@pytest.mark.e2e
def test_the_script_runs_kills_resumes_and_judges(monkeypatch, tmp_path):
    from sparft_verl.prepare.command import main as prepare
    from sparft_verl.verl_plugin.cpu.overrides import cpu_env

    assert run_script(monkeypatch, "gsm8k", *data_arguments("gsm8k", tmp_path)) == 0
    monkeypatch.setenv("DATA", str(tmp_path / "data"))
    monkeypatch.setenv("ARTEFACT", str(tmp_path / "artefact"))
    assert prepare(prepare_arguments("gsm8k")) == 0
    done = subprocess.run(
        ["bash", str(RECIPES / "smoke_gpu" / "run.sh"), *tiny_overrides(batch=8, rollouts=2)],
        env={
            **cpu_env(),
            "PYTHON": sys.executable,
            "PYTHONPATH": str(ROOT),
            "MODEL": str(POLICY),
            "DEVICE": "cpu",
            "PREFLIGHT": "warn",
            "OUT": str(tmp_path / "smoke"),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    logs = "".join(log.read_text()[-3000:] for log in (tmp_path / "smoke").glob("*.log"))
    assert done.stdout.strip(), done.stderr + logs
    (line,) = done.stdout.splitlines()
    found = json.loads(line)
    checks = found["checks"]
    # a step of this policy takes a fraction of a second: what the curriculum takes of it is no measure of a GPU's
    overhead = checks.pop("overhead")
    assert {name: check["ok"] for name, check in checks.items()} == dict.fromkeys(checks, True), found
    assert set(checks) == {"served_in_order", "resumed_exactly", "feedback_complete", "faiss_device"}
    assert done.returncode == int(not overhead["ok"])
    assert checks["served_in_order"]["steps_closed"] == STEPS
    assert checks["resumed_exactly"]["resumed_from"] == [KILL_AT - KILL_AT % 5]
    assert checks["feedback_complete"]["scores_per_prompt"] == [2]


def test_an_earlier_run_is_not_overwritten(tmp_path):
    (tmp_path / "on").mkdir()
    (tmp_path / "on" / "metrics.jsonl").write_text("{}\n")
    with pytest.raises(SmokeError, match=r"on must be new, but holds an earlier run; remove it, or set OUT"):
        three_runs(tmp_path, [], 1)


def test_a_ray_of_its_own_needs_no_waiting_and_a_cluster_that_cannot_be_reached_is_named(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    wait_for_gpus(8)
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    monkeypatch.setattr("recipes.smoke_gpu.smoke._FREE", "raise SystemExit('no cluster here')")
    with pytest.raises(
        SmokeError, match=r"must have 8 GPUs free 0 s after the kill, but found no cluster here"
    ):
        wait_for_gpus(8, seconds=0)


@pytest.mark.e2e
def test_a_cluster_is_asked_for_its_free_gpus(monkeypatch):
    from sparft_verl.verl_plugin.cpu.overrides import cpu_env

    environment = cpu_env()
    port = str(20000 + os.getpid() % 20000)
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", f"--port={port}"]
    devices = ["--num-cpus=1", "--num-gpus=2", "--include-dashboard=false"]
    # a short path of its own: Unix sockets lie in it
    folder = tempfile.mkdtemp(prefix="ray-")
    head = subprocess.Popen(
        [*command, *devices, f"--temp-dir={folder}"], env=environment, stdout=subprocess.DEVNULL
    )
    try:
        for name, text in {**environment, "RAY_ADDRESS": f"127.0.0.1:{port}"}.items():
            monkeypatch.setenv(name, text)
        wait_for_gpus(2)
        with pytest.raises(SmokeError, match="must have 3 GPUs free"):
            wait_for_gpus(3, seconds=0)
    finally:
        kill(head)
        shutil.rmtree(folder, ignore_errors=True)
