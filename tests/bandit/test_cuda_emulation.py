"""The CUDA kernels, compiled for the CPU on tests/cuda_emulation, give what the CPU ops give; no device is needed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SEED = 1


@pytest.mark.skipif(shutil.which("g++") is None, reason="the emulator of CUDA is compiled with g++")
def test_every_cuda_op_gives_on_the_emulator_what_the_cpu_op_gives() -> None:
    script = ROOT / "tests" / "cuda_emulation" / "build.py"
    built = subprocess.run(
        [sys.executable, str(script), str(ROOT / "build" / "cuda_emulation")], capture_output=True, text=True
    )
    assert built.returncode == 0, built.stderr
    program = built.stdout.strip()
    # a kernel that loops for ever is a failure, not a job that hangs; a run takes seconds
    ran = subprocess.run([program, str(SEED)], capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count(": 0 differences") == 4
