"""smoke_gpu's three runs, as far as a machine without a GPU can show: there verl trains only under a curriculum."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile

import pytest

pytest.importorskip("verl", reason="needs verl")
pytest.importorskip("torch", reason="needs torch")

from recipes.smoke_gpu.smoke import SmokeError, kill, three_runs, wait_for_gpus


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
