"""Dry-run resolution of the extras on every supported Python; `cpu,gpu` must be refused.

lighteval, which no extra can have beside verl, must resolve by itself.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = ("3.11", "3.12")
EXPECTED = {
    "cpu": ("verl==0.9.1", "torch==2.13.0", "faiss-cpu=="),
    "cpu,pretrained": ("torch==2.13.0", "gguf=="),
    "gpu,pretrained": ("vllm==0.24.0", "gguf=="),
    "gpu": ("verl==0.9.1", "torch==2.11.0", "vllm==0.24.0", "transformers==5.9.0", "faiss-gpu==1.15.1"),
}


LIGHTEVAL = "recipes/evaluation/lighteval-requirements.txt"


def resolve(python: str, *extras: str, file: str = "pyproject.toml") -> subprocess.CompletedProcess[str]:
    flags = [argument for extra in extras for argument in ("--extra", extra)]
    line = [
        sys.executable, "-m", "uv", "pip", "compile", "-q", file, *flags, "--no-annotate", "--no-header",
        "--python-version", python, "--python-platform", "x86_64-manylinux_2_31",
    ]  # fmt: skip
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True)


def main() -> int:
    failed = False
    for python in PYTHONS:
        for extra, pins in EXPECTED.items():
            result = resolve(python, *extra.split(","))
            missing = [pin for pin in pins if pin not in result.stdout]
            ok = result.returncode == 0 and not missing
            count = result.stdout.count("==")
            print(
                f"{'ok  ' if ok else 'FAIL'}  python {python}  [{extra}]  {count} packages  {missing or ''}"
            )
            if not ok:
                print(result.stderr, file=sys.stderr)
            failed |= not ok
        refused = resolve(python, "cpu", "gpu").returncode != 0
        print(f"{'ok  ' if refused else 'FAIL'}  python {python}  [cpu,gpu] is refused")
        failed |= not refused
        alone = resolve(python, file=LIGHTEVAL)
        print(f"{'ok  ' if alone.returncode == 0 else 'FAIL'}  python {python}  {LIGHTEVAL}")
        if alone.returncode:
            print(alone.stderr, file=sys.stderr)
        failed |= bool(alone.returncode)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
