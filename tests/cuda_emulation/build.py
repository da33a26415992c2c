"""Compiles csrc/cuda with g++ on the emulator of this folder, with the CPU ops and the comparison of both.

    python tests/cuda_emulation/build.py FOLDER    prints the path of the program, FOLDER/compare

A .cu file is read where it lies and only its launches are rewritten. What is up to date is not compiled again.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
CSRC = HERE.parents[1] / "csrc"
JOBS = 2
# No AVX: tile4 and tile8 choose their own. Fibers jump between stacks, which _FORTIFY_SOURCE takes for a mistake.
FLAGS = ["-std=c++17", "-O1", "-ffp-contract=off", "-fno-math-errno", "-Wall", "-Wno-unknown-pragmas"]
FLAGS += ["-U_FORTIFY_SOURCE", "-pthread", "-DSPARFT_WITH_CUDA=1"]
LAUNCH = re.compile(r"(\w+(?:<[\w:()]+>)?)<<<(.+?)>>>\(", re.DOTALL)


def without_launches(path: Path) -> str:
    """The file with every kernel<<<grid, threads>>>( as a call of emulated::launch; lines keep their numbers."""
    text, found = LAUNCH.subn(
        r"::emulated::launch([&](const auto&... arguments) { \1(arguments...); }, \2)(", path.read_text()
    )
    if "<<<" in text or text.count("emulated::launch") != found:
        raise SystemExit(f"{path}: a launch is not written as kernel<one_argument><<<grid, threads>>>(..)")
    return f'#line 1 "{path.relative_to(CSRC.parent)}"\n{text}'


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def sources(folder: Path) -> list[Path]:
    for header in CSRC.glob("cuda/*.cuh"):
        write(folder / "cuda" / header.name, without_launches(header))
    kernels = [
        write(folder / "cuda" / f"{path.name}.cpp", without_launches(path))
        for path in sorted(CSRC.glob("cuda/*.cu"))
    ]
    # the slowest first, so that both jobs end together
    return [*kernels, *sorted(HERE.glob("*.cpp")), *sorted(CSRC.glob("cpu/*.cpp"))]


def headers_digest(compiler: str) -> str:
    digest = hashlib.sha256(subprocess.check_output([compiler, "--version"]) + Path(__file__).read_bytes())
    folders = [(CSRC, "**/*.h"), (CSRC, "**/*.cuh"), (HERE, "**/*.h"), (HERE, "**/*.cuh")]
    for path in sorted(path for folder, pattern in folders for path in folder.glob(pattern)):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def build(folder: Path, compiler: str = "g++") -> Path:
    """Path of the program. Raises SystemExit with what the compiler says."""
    common = headers_digest(compiler)

    def run(command: list[str], target: Path, text: str) -> Path:
        stamp = target.with_suffix(".stamp")
        wanted = hashlib.sha256(f"{command}{text}".encode()).hexdigest()
        if target.exists() and stamp.exists() and stamp.read_text() == wanted:
            return target
        # Two builds in one folder do not see each other's half-written files.
        part = target.with_suffix(f".{os.getpid()}")
        done = subprocess.run([*command, "-o", str(part)], capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
        part.replace(target)
        stamp.write_text(wanted)
        return target

    def compile_one(source: Path) -> Path:
        # quotes find what lies beside the source: the rewritten .cuh, and for its ../*.h csrc itself
        command = [compiler, *FLAGS, f"-I{HERE}", f"-I{CSRC}", f"-I{CSRC / 'cuda'}", "-c", str(source)]
        return run(command, folder / f"{source.parent.name}-{source.name}.o", common + source.read_text())

    with ThreadPoolExecutor(JOBS) as pool:
        objects = list(pool.map(compile_one, sources(folder)))
    texts = "".join(hashlib.sha256(path.read_bytes()).hexdigest() for path in objects)
    return run([compiler, "-pthread", *map(str, objects)], folder / "compare", texts)


if __name__ == "__main__":
    print(build(Path(sys.argv[1]).resolve()))
