"""Contract tests against the real wheels of every supported line of verl, each in a throw-away environment.

A wheel is unpacked into a folder of its own, beside those packages that it wants in another version than this Python
has (NumPy below 2, for the oldest); the folder stands before this Python's packages. No GPU, no Ray.
`python .ci/verl_matrix.py [VERSION ...]`; exit status 0 only when all have passed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import zipfile
from email.parser import HeaderParser
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
VERSIONS = ("0.7.1", "0.8.0", "0.9.0", "0.9.1")
TESTS = "tests/verl_plugin/older"
BESIDE = ("einops",)  # verl's own padding functions need it, and no wheel of verl declares it
NUMPY_1 = ("pyarrow<22", "pandas<3", "pytz")  # the last that work with it
LIMIT = 1800  # seconds for one version


def unpack(requirement: str, folder: Path) -> None:
    """Download the wheel of `requirement`, without what it depends on, and unpack it into `folder`."""
    with tempfile.TemporaryDirectory(prefix="wheel-") as wheels:
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:"]
        subprocess.run([*pip, "-d", wheels, requirement], check=True)
        (wheel,) = Path(wheels).glob("*.whl")
        with zipfile.ZipFile(wheel) as file:
            file.extractall(folder)


def unmet(folder: Path) -> list[str]:
    """Return the requirements of the unpacked verl that this Python does not meet."""
    (text,) = folder.glob("verl-*.dist-info/METADATA")
    found = []
    for line in HeaderParser().parsestr(text.read_text()).get_all("Requires-Dist") or []:
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            installed = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            installed = None
        if installed is None or not requirement.specifier.contains(installed, prereleases=True):
            found.append(f"{requirement.name}{requirement.specifier}")
    return found


def check(version: str, folder: Path) -> bool:
    """Return whether the contract tests pass on the verl unpacked in `folder`."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)]),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
    }
    seen = subprocess.run(
        [sys.executable, "-c", "import verl; print(verl.__version__, verl.__file__)"],
        env=environment, cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    if not seen.stdout.startswith(f"{version} {folder}"):
        print(seen.stdout, seen.stderr, sep="\n", file=sys.stderr)
        return False
    line = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", TESTS]
    try:
        return subprocess.run(line, env=environment, cwd=ROOT, timeout=LIMIT).returncode == 0
    except subprocess.TimeoutExpired:
        print(f"not done after {LIMIT} s", file=sys.stderr)
        return False


def main(versions: list[str]) -> int:
    lines = []
    for version in versions:
        start = time.monotonic()
        with tempfile.TemporaryDirectory(prefix=f"verl-{version}-") as name:
            folder = Path(name).resolve()
            unpack(f"verl=={version}", folder)
            beside = [*BESIDE, *unmet(folder)]
            if any(requirement.startswith("numpy<2") for requirement in beside):
                beside += NUMPY_1
            for requirement in beside:
                unpack(requirement, folder)
            print(f"== verl {version}, beside it {', '.join(beside)}", flush=True)
            passed = check(version, folder)
        lines.append((passed, f"verl {version:8s}{time.monotonic() - start:5.0f} s"))
    for passed, line in lines:
        print(f"{'passed' if passed else 'FAILED'}  {line}")
    return int(not all(passed for passed, _ in lines))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:] or list(VERSIONS)))
