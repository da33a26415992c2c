"""Everything that needs a GPU, with the Python that is there and without network: one line per component.

A component has passed, failed, or is absent: not run, for the reason given. Exit status 0 only when all have passed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 1500  # seconds for one part: a hang is a failure, not silence


@dataclass(frozen=True)
class Outcome:
    component: str
    state: str  # passed, failed, absent
    note: str = ""

    def __str__(self) -> str:
        return f"{self.state:7s} {self.component}{': ' if self.note else ''}{self.note}"


def run(*command: str, **environment: str) -> tuple[bool, str]:
    """Whether the command ended well, and everything it printed."""
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT,
        )
    except subprocess.TimeoutExpired:
        return False, f"not done after {LIMIT} s"
    except OSError as error:
        return False, str(error)
    return done.returncode == 0, done.stdout


def lacking(*modules: str) -> str:
    """What this Python cannot import and how to bring it, or an empty string."""
    missing = [name for name in modules if find_spec(name) is None]
    if not missing:
        return ""
    names = " ".join(missing)
    return (
        f"{sys.executable} has no {', '.join(missing)}; pip install {names}, or without network "
        f"`pip download {names}` elsewhere and `pip install --no-index --find-links FOLDER {names}` here"
    )


def last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it printed nothing"


def device() -> Outcome:
    if shutil.which("nvidia-smi") is None:
        return Outcome(
            "device", "absent", "nvidia-smi is not here: no NVIDIA driver; run this on a machine with a GPU"
        )
    good, printed = run("nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader")
    if not good or not printed.strip():
        return Outcome("device", "absent", f"nvidia-smi sees no GPU: {last_line(printed)}")
    return Outcome("device", "passed", "; ".join(printed.strip().splitlines()))


def build() -> Outcome:
    if problem := lacking("numpy", "setuptools", "pybind11"):
        return Outcome("build", "absent", problem)
    good, printed = run(sys.executable, "setup.py", "build_ext", "--inplace", SPARFT_CUDA="1")
    if not good:
        print(printed, file=sys.stderr)
        return Outcome("build", "failed", last_line(printed))
    if warnings := re.findall(r"^.*\bwarning\b.*$", printed, re.MULTILINE | re.IGNORECASE):
        return Outcome("build", "failed", f"{len(warnings)} warnings, first: {warnings[0][:200]}")
    return Outcome("build", "passed", last_line(printed))


def backend() -> Outcome:
    good, printed = run(
        sys.executable, "-c", "from sparft_verl.bandit import backend_info; print(backend_info())"
    )
    usable = good and 'backend="cuda" is there' in printed
    return Outcome("backend", "passed" if usable else "failed", last_line(printed))


def faiss_gpu() -> Outcome:
    if problem := lacking("faiss"):
        return Outcome("faiss gpu", "absent", problem.replace("install faiss", "install faiss-gpu==1.15.1"))
    good, printed = run(sys.executable, "-c", "import faiss; print(faiss.get_num_gpus())")
    if good and int(last_line(printed)) > 0:
        return Outcome("faiss gpu", "passed", f"{last_line(printed)} seen")
    note = last_line(printed) if not good else "this FAISS sees no GPU; pip install faiss-gpu==1.15.1"
    return Outcome("faiss gpu", "failed" if not good else "absent", note)


def test_files() -> list[str]:
    return sorted(
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("test_*.py")
        if "mark.gpu" in path.read_text()
    )


def tests() -> Iterator[Outcome]:
    """One outcome per test function; a case that was skipped makes its function absent."""
    if problem := lacking("pytest", "hypothesis"):
        yield Outcome("gpu tests", "absent", problem)
        return
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as folder:
        report = Path(folder, "report.xml")
        good, printed = run(
            *(sys.executable, "-m", "pytest", "-q", "-m", "gpu", f"--junitxml={report}"), *test_files()
        )
        outcomes = read_report(report) if report.is_file() else []
    if not good:
        print(printed, file=sys.stderr)
    yield from outcomes
    if not outcomes or (not good and all(o.state != "failed" for o in outcomes)):
        yield Outcome("gpu tests", "failed", last_line(printed))


def read_report(report: Path) -> list[Outcome]:
    cases: dict[str, list[ET.Element]] = {}
    for case in ET.parse(report).iter("testcase"):
        cases.setdefault(case.get("name", "?").split("[")[0], []).append(case)
    outcomes = []
    for name, found in cases.items():
        notes = {
            tag: [e for case in found for e in case.findall(tag)] for tag in ("failure", "error", "skipped")
        }
        broken, skipped = [*notes["failure"], *notes["error"]], notes["skipped"]
        worst = broken or skipped
        state = "failed" if broken else "absent" if skipped else "passed"
        note = last_line(worst[0].get("message", "")) if worst else f"{len(found)} cases"
        outcomes.append(Outcome(name.removeprefix("test_").replace("_", " "), state, note))
    return outcomes


def benchmark(gpu: str) -> Outcome:
    slug = re.sub(r"[^a-z0-9]+", "-", gpu.lower()).strip("-")
    target = f"benchmarks/results/kernel-{slug}.json"
    good, printed = run(sys.executable, "-m", "benchmarks.kernel", "--json", target)
    print(printed)
    if not good:
        return Outcome("kernel benchmarks", "failed", last_line(printed))
    return Outcome("kernel benchmarks", "passed", target)


def main() -> int:
    outcomes = []

    def say(outcome: Outcome) -> bool:
        outcomes.append(outcome)
        print(outcome, flush=True)
        return outcome.state == "passed"

    found = device()
    ready = say(found)
    for name, part in (("build", build), ("backend", backend)):
        ready = say(part() if ready else Outcome(name, "absent", "what it needs is not there, see above"))
    if ready:
        say(faiss_gpu())
        for outcome in tests():
            say(outcome)
        say(benchmark(found.note.split(",")[0]))
    else:
        for name in ("faiss gpu", "gpu tests"):
            say(Outcome(name, "absent", "they need the device and the build"))
        say(Outcome("kernel benchmarks", "absent", "they need the device and the build"))
    counts = {s: sum(o.state == s for o in outcomes) for s in ("passed", "failed", "absent")}
    print("gpu-check: " + ", ".join(f"{n} {state}" for state, n in counts.items()))
    return 0 if counts["passed"] == len(outcomes) else 1


if __name__ == "__main__":
    raise SystemExit(main())
