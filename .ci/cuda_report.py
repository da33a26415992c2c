"""Registers, spills and shared memory of every CUDA kernel, per architecture, as ptxas reports them.

Builds the extension as setup.py does, in a folder of its own. Exit status 1 when a kernel spills or nvcc warns.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENTRY = re.compile(r"Compiling entry function '(\w+)' for 'sm_(\w+)'")
SPILL = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
USED = re.compile(r"Used (\d+) registers(?:.*?, (\d+) bytes smem)?")


@dataclass
class Kernel:
    name: str
    arch: str
    stack: int = 0
    spill: int = 0
    registers: int = 0
    shared: int = 0


def compile_all() -> str:
    """Everything that nvcc says. Raises SystemExit with it when the build fails."""
    with tempfile.TemporaryDirectory(prefix="cuda-report-") as folder:
        flags = f"{os.environ.get('NVCC_APPEND_FLAGS', '')} -Xptxas=-v"
        done = subprocess.run(
            [sys.executable, "setup.py", "build_ext", "--build-lib", folder, "--build-temp", folder],
            cwd=ROOT,
            env={**os.environ, "SPARFT_CUDA": "1", "NVCC_APPEND_FLAGS": flags},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    if done.returncode != 0:
        raise SystemExit(done.stdout)
    return done.stdout


def parse(text: str) -> list[Kernel]:
    kernels: list[Kernel] = []
    for line in text.splitlines():
        if entry := ENTRY.search(line):
            kernels.append(Kernel(entry[1], entry[2]))
        elif kernels and (spill := SPILL.search(line)):
            kernels[-1].stack, kernels[-1].spill = int(spill[1]), int(spill[2]) + int(spill[3])
        elif kernels and (used := USED.search(line)):
            kernels[-1].registers, kernels[-1].shared = int(used[1]), int(used[2] or 0)
    return kernels


def readable(names: list[str]) -> list[str]:
    """Each mangled name as `name<arguments>`, without namespaces and parameters."""
    if not shutil.which("c++filt"):
        return names
    done = subprocess.run(["c++filt"], input="\n".join(names), capture_output=True, text=True, check=True)
    return [shorten(name) for name in done.stdout.splitlines()]


def shorten(name: str) -> str:
    from_cub = "cub::" in name.split("(anonymous")[0]
    name = name.replace("(anonymous namespace)::", "").removeprefix("void ")
    depth, end = 0, len(name)
    for i, c in enumerate(name):
        depth += (c == "<") - (c == ">")
        if c == "(" and depth == 0:
            end = i
            break
    name = re.sub(r"(\w+::)+", "", re.sub(r"\(\w+(?:::\w+)*\)", "", name[:end]))
    return ("cub " if from_cub else "") + (name if len(name) <= 60 else name[:57] + "...")


def main() -> int:
    printed = compile_all()
    kernels = parse(printed)
    if not kernels:
        raise SystemExit(f"cuda-report: nvcc reported no kernel:\n{printed}")
    for kernel, name in zip(kernels, readable([k.name for k in kernels]), strict=True):
        kernel.name = name
    print(f"{'kernel':62s}{'sm':>4s}{'registers':>11s}{'stack':>7s}{'spilled':>9s}{'shared':>8s}")
    for k in sorted(kernels, key=lambda k: (k.name.startswith("cub "), k.name, k.arch)):
        print(f"{k.name:62s}{k.arch:>4s}{k.registers:11d}{k.stack:7d}{k.spill:9d}{k.shared:8d}")
    warnings = [line for line in printed.splitlines() if re.search(r"\bwarning\b", line, re.IGNORECASE)]
    print("\n".join(warnings))
    spilled = [k for k in kernels if k.spill]
    print(f"{len(kernels)} kernels, {len(spilled)} that spill, {len(warnings)} warnings")
    return int(bool(spilled or warnings))


if __name__ == "__main__":
    raise SystemExit(main())
