"""Builds sparft_verl.bandit._kernel: C++ always, CUDA where nvcc is; the rest stands in pyproject.toml.

SPARFT_CUDA        unset: CUDA when nvcc is found; 1: CUDA or an error; 0: no CUDA
SPARFT_CUDA_ARCHS  compute capabilities, default "80;90;100"; PTX is kept for the last, so newer devices work
SPARFT_NVCC        nvcc to use; else CUDA_HOME/bin, PATH, /usr/local/cuda/bin
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from pybind11.setup_helpers import Pybind11Extension
from setuptools import setup
from setuptools.command.build_ext import build_ext
from setuptools.modified import newer_group

CPU_SOURCES = sorted(str(p) for p in [*Path("csrc").glob("*.cpp"), *Path("csrc/cpu").glob("*.cpp")])
CUDA_SOURCES = sorted(str(p) for p in Path("csrc/cuda").glob("*.cu"))
HEADERS = sorted(str(p) for p in Path("csrc").rglob("*.*h"))  # .h and .cuh
CPU_FLAGS = ["-O3", "-ffp-contract=off", "-fno-math-errno", "-Wall", "-Wextra", "-pthread"]
CUDA_FLAGS = ["-O3", "-std=c++17", "-fmad=false", "--threads=2", "-Xcompiler=-fPIC,-ffp-contract=off,-Wall"]
FIX = "set SPARFT_CUDA=0 to build without CUDA"


def find_nvcc() -> str | None:
    """Path of nvcc as SPARFT_CUDA and the machine have it, None for a build without CUDA."""
    wanted = os.environ.get("SPARFT_CUDA", "")
    if wanted not in ("", "0", "1"):
        raise SystemExit(f"sparft: SPARFT_CUDA={wanted!r} is not understood; use 0, 1 or leave it unset")
    if wanted == "0":
        return None
    home = os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH")
    places = [
        os.environ.get("SPARFT_NVCC"),
        f"{home}/bin/nvcc" if home else None,
        shutil.which("nvcc"),
        "/usr/local/cuda/bin/nvcc",
    ]
    found = next((p for p in places if p and os.access(p, os.X_OK)), None)
    if found is None and wanted == "1":
        raise SystemExit(f"sparft: SPARFT_CUDA=1 but nvcc was not found; name it in SPARFT_NVCC, or {FIX}")
    return found


def cuda_archs() -> list[str]:
    archs = os.environ.get("SPARFT_CUDA_ARCHS", "80;90;100").replace(",", ";").split(";")
    if not all(re.fullmatch(r"\d{2,3}[af]?", a) for a in archs):
        raise SystemExit(f"sparft: SPARFT_CUDA_ARCHS={';'.join(archs)!r} is not a list like 80;90;100")
    return archs


def ask(command: list[str]) -> str:
    """Everything that the command prints; a command that fails ends the build."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise SystemExit(f"sparft: {' '.join(command)} failed:\n{done.stdout}\nsparft: repair it, or {FIX}")
    return done.stdout


def cuda_library_dirs(nvcc: str) -> list[str]:
    """Folders of the static runtime as nvcc itself links it: right for wrappers and conda layouts too."""
    plan = ask([nvcc, "--dryrun", "-cudart=static", "-o", "none", "none.o"])
    line = next((text for text in plan.splitlines() if "LIBRARIES=" in text), "")
    folders = [folder for folder in re.findall(r'"-L([^"]+)"', line) if not folder.endswith("stubs")]
    if not any(Path(folder, "libcudart_static.a").is_file() for folder in folders):
        raise SystemExit(
            f"sparft: libcudart_static.a is not in {folders}; install the CUDA runtime's dev files, or {FIX}"
        )
    return folders


class BuildKernel(build_ext):
    """build_ext that compiles the .cu files with nvcc and links them in."""

    def build_extension(self, ext: Pybind11Extension) -> None:
        nvcc = find_nvcc()
        archs = cuda_archs() if nvcc else []
        release = re.search(r"release ([\d.]+)", ask([nvcc, "--version"]) if nvcc else "")
        built = (
            f"CUDA {release[1] if release else '?'}, sm {' '.join(archs)} + PTX {archs[-1]}" if nvcc else ""
        )
        ext.depends = [*ext.depends, self.stamp(built)]
        if nvcc:
            ext.define_macros += [("SPARFT_WITH_CUDA", "1"), ("SPARFT_CUDA_BUILD", f'"{built}"')]
            ext.extra_objects += [
                self.compile_cuda(nvcc, archs, source, ext.depends) for source in CUDA_SOURCES
            ]
            ext.library_dirs += cuda_library_dirs(nvcc)
            ext.libraries += ["cudart_static", "dl", "rt", "pthread"]
            ext.extra_link_args += ["-Wl,--exclude-libs,ALL"]
        super().build_extension(ext)
        why = f"with {built}" if nvcc else "without CUDA (SPARFT_CUDA=0 or no nvcc)"
        print(f"sparft: the bandit kernel is built for CPU, {why}", file=sys.stderr, flush=True)

    def stamp(self, built: str) -> str:
        """A file newer than the module when SPARFT_CUDA has changed, so that the module is built again."""
        path = Path(self.build_temp, "sparft-backend.txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text() != built:
            path.write_text(built)
        return str(path)

    def compile_cuda(self, nvcc: str, archs: list[str], source: str, depends: list[str]) -> str:
        target = Path(self.build_temp, source).with_suffix(".cu.o")
        read = [
            source,
            *(path for path in depends if not path.startswith("csrc/cpu") and path not in CUDA_SOURCES),
        ]
        if not self.force and not newer_group(read, str(target)):
            return str(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        codes = [f"-gencode=arch=compute_{a},code=sm_{a}" for a in archs]
        codes.append(f"-gencode=arch=compute_{archs[-1]},code=compute_{archs[-1]}")
        command = [nvcc, *CUDA_FLAGS, *codes, "-DSPARFT_WITH_CUDA=1", "-c", source, "-o", str(target)]
        print(" ".join(command), flush=True)
        printed = ask(command)
        if printed.strip():
            print(printed, file=sys.stderr, flush=True)
        return str(target)


kernel = Pybind11Extension(
    "sparft_verl.bandit._kernel",
    CPU_SOURCES,
    depends=[*HEADERS, *CUDA_SOURCES, "setup.py"],
    cxx_std=17,
    extra_compile_args=CPU_FLAGS,
    extra_link_args=["-pthread"],
)
setup(ext_modules=[kernel], cmdclass={"build_ext": BuildKernel})
