"""What was built says so in one line; a machine without driver or compiler gets an answer, not a crash."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sparft_verl import bandit
from sparft_verl.bandit import _kernel

ROOT = Path(__file__).resolve().parents[2]
WITHOUT_DEVICE = """
import numpy as np
from sparft_verl import bandit
belief = bandit.Gaussian(np.zeros(4), np.ones(4))
key = dict(seed=1, stream=2, step=3)
print(bandit.backend_info())
print(bandit.choose(belief, 6, **key).tolist(), bandit.choose_top(belief, 2, **key).tolist())
for call in (bandit.choose, bandit.choose_top, bandit.draw):
    try:
        call(belief, 2, backend="cuda", **key)
    except RuntimeError as error:
        print(error)
try:
    bandit.normal(2, backend="cuda", **key)
except RuntimeError as error:
    print(error)
"""


def build(target: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    pytest.importorskip("pybind11", reason="setup.py is run here without build isolation")
    pytest.importorskip("setuptools", reason="setup.py is run here without build isolation")
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("SPARFT_", "CUDA_"))}
    command = [
        sys.executable,
        "setup.py",
        "build_ext",
        "--build-lib",
        str(target),
        "--build-temp",
        str(target),
    ]
    return subprocess.run(command, cwd=ROOT, env={**clean, **environment}, capture_output=True, text=True)


def test_backend_info_is_one_line_that_names_cpu_and_says_what_is_with_cuda() -> None:
    info = bandit.backend_info()
    assert "\n" not in info
    assert info.startswith("bandit: cpu (C++); ")
    assert "CUDA" in info


def test_without_a_device_the_module_imports_chooses_and_says_why_cuda_cannot() -> None:
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_DEVICE], env=environment, capture_output=True, text=True, check=True
    )
    info, chosen, *refusals = done.stdout.splitlines()
    key: dict[str, Any] = {"seed": 1, "stream": 2, "step": 3, "backend": "numpy"}
    belief = bandit.Gaussian(np.zeros(4), np.ones(4))
    expected = bandit.choose(belief, 6, **key), bandit.choose_top(belief, 2, **key)
    assert chosen == " ".join(str(indices.tolist()) for indices in expected)
    assert ("cannot run here" if _kernel.cuda_build else "CUDA was not built") in info
    assert len(refusals) == 4
    for refusal in refusals:
        assert 'backend="cpu"' in refusal
        assert ("CUDA: " if _kernel.cuda_build else "not in this build") in refusal


def test_the_module_needs_no_library_of_cuda_to_load() -> None:
    readelf = shutil.which("readelf")
    if readelf is None:
        pytest.skip("readelf is not installed")
    listing = subprocess.run(
        [readelf, "-d", _kernel.__file__], capture_output=True, text=True, check=True
    ).stdout
    needed = [line for line in listing.splitlines() if "NEEDED" in line]
    assert needed
    assert not [line for line in needed if "cuda" in line]


def test_a_wrong_sparft_cuda_stops_the_build_with_the_choices(tmp_path: Path) -> None:
    done = build(tmp_path, SPARFT_CUDA="yes")
    assert done.returncode != 0
    assert "SPARFT_CUDA='yes' is not understood; use 0, 1 or leave it unset" in done.stderr


def test_asking_for_cuda_with_a_broken_nvcc_stops_the_build_with_the_fix(tmp_path: Path) -> None:
    false = shutil.which("false")
    assert false is not None
    done = build(tmp_path, SPARFT_CUDA="1", SPARFT_NVCC=false)
    assert done.returncode != 0
    assert "set SPARFT_CUDA=0 to build without CUDA" in done.stderr


def test_a_wrong_list_of_architectures_stops_the_build(tmp_path: Path) -> None:
    true = shutil.which("true")
    assert true is not None
    done = build(tmp_path, SPARFT_NVCC=true, SPARFT_CUDA_ARCHS="sm_90")
    assert done.returncode != 0
    assert "SPARFT_CUDA_ARCHS='sm_90' is not a list like 80;90;100" in done.stderr
