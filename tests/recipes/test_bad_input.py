"""A launch script stops before Ray, with the fix: each wrong thing by the script itself, on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("verl", reason="needs verl")

from recipes import preflight
from recipes.checks.record import RECIPES
from recipes.rows import row, write

ROOT = RECIPES.parent
GSM8K, TINY, SMOKE = (
    RECIPES / "gsm8k" / "run_qwen3_0_6b.sh",
    RECIPES / "tiny_cpu" / "run.sh",
    RECIPES / "smoke_gpu" / "run.sh",
)
POLICY = RECIPES / "tiny_cpu" / "policy"


def stopped(script: Path, folder: Path, *first_on_path: Path, **settings: object) -> str:
    """Return what the script says on stderr; it must stop and leave no run behind."""
    path = os.pathsep.join(map(str, [*first_on_path, ROOT]))
    environment = {name: text for name, text in os.environ.items() if name != "RAY_ADDRESS"}
    done = subprocess.run(
        ["bash", str(script)],
        env={
            **environment,
            "PYTHON": sys.executable,
            "PYTHONPATH": path,
            "HF_HUB_OFFLINE": "1",
            "CUDA_VISIBLE_DEVICES": "",
            "OUT": str(folder / "run"),
            "ARTEFACT": str(folder / "artefact"),
            **{name: str(text) for name, text in settings.items()},
        },
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "preflight: nothing was started" in done.stderr and "ray" not in done.stdout.lower()
    assert not (folder / "run").exists()
    return done.stderr


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with rows of GSM8K's form, cut as --limit would."""
    rows = [row("openai/gsm8k", "math", f"{i} + 1?", f"{i} + 1?", str(i + 1), "train", i) for i in range(4)]
    write(tmp_path / "data", "gsm8k", "copy", {"train": rows, "test": rows[:1]}, cut=True, any_hash=False)
    return tmp_path / "data"


def test_no_gpu_missing_data_a_missing_artefact_and_a_wrong_model_path_are_said_at_once(tmp_path):
    said = stopped(GSM8K, tmp_path, DATA=tmp_path / "none", MODEL="/no/model")
    assert "no GPU is visible to torch; check nvidia-smi" in said
    assert f"no data.json in '{tmp_path / 'none'}'; write it by `python -m recipes.gsm8k.data --out" in said
    assert f"ARTEFACT={tmp_path / 'artefact'} sparft prepare --config" in said
    assert "MODEL=/no/model is no folder here and no hub name" in said


def test_data_of_another_hash_and_an_old_verl_are_said(tmp_path, data):
    record = json.loads((data / "data.json").read_text())
    record["splits"]["train"]["sha256"] = "0" * 64
    (data / "data.json").write_text(json.dumps(record))
    info = tmp_path / "old" / "verl-0.7.1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: verl\nVersion: 0.7.1\n")
    said = stopped(GSM8K, tmp_path, info.parent, DATA=data, MODEL=POLICY, BASELINE="full")
    assert "train.parquet must hash to 000" in said and "it was edited; write it by" in said
    assert "verl 0.7.1 is installed, but the recipes need verl>=0.9.1,<0.10; pip install verl==0.9.1" in said
    assert "MODEL=" not in said and "ARTEFACT" not in said


def test_the_smoke_run_checks_the_rows_of_gsm8k_before_it_prepares_anything(tmp_path, data):
    (data / "test.parquet").unlink()
    said = stopped(SMOKE, tmp_path, DATA=data, MODEL=POLICY)
    assert "gsm8k needs test.parquet, but it is not in" in said and "no GPU is visible" in said


def test_the_tiny_script_needs_no_gpu_but_its_own_rows_and_an_artefact(tmp_path, data):
    said = stopped(TINY, tmp_path, DATA=data)
    assert "tiny_cpu needs its own data, but" in said and "holds that of gsm8k" in said
    assert "python -m recipes.tiny_cpu.tasks --out" in said and "GPU" not in said
    assert f"{tmp_path / 'artefact'} does not exist" in said


def test_too_few_gpus_are_said_with_the_number_that_fits(monkeypatch):
    """torch is told of two devices, which this machine does not have."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert list(preflight._gpus(8, 1)) == ["NGPUS=8, but torch sees 2; set NGPUS=2, or make more visible"]
    assert list(preflight._gpus(2, 1)) == []
