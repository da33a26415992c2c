"""`python -m benchmarks.kernel.child FAMILY THREADS SIZE FILE`: one family in a process of its own.

The threads of NumPy's and torch's libraries are fixed by the environment before they load, and libraries with
OpenMP runtimes of their own (torch, scikit-learn below MABWiser) stay apart.
"""

import json
import sys
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.kernel.case import SIZES, Cases
from benchmarks.kernel.floor import measure

FAMILIES = ("gaussian", "observing", "prompts", "slots", "points", "cuda")


def main(family: str, threads: int, size_name: str, target: Path) -> None:
    size = SIZES[size_name]
    tiny = size.name == "tiny"
    floor = measure(2**12 if tiny else 2**16, 2**20 if tiny else 2**28)
    result: dict[str, Any] = {"floor": asdict(floor), "rows": []}
    cases: Cases = import_module(f"benchmarks.kernel.{family}").cases
    for case in cases(size, threads, floor):
        result["rows"].append(case.measure(family, threads, size.seconds))
    target.write_text(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], Path(sys.argv[4]))
