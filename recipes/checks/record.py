"""What a launch script would start, found by letting it start something that writes its arguments down."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

RECIPES = Path(__file__).parents[1]
_RECORDER = '#!/bin/sh\nprintf \'%s\\000\' "$@" >>"$RECORD"\nprintf \'\\036\\000\' >>"$RECORD"\n'
_END = "\x1e"
PREFLIGHT, VERL = ["-m", "recipes.preflight"], "verl.trainer.main_ppo"


@dataclass(frozen=True)
class Launch:
    """The two things a script starts."""

    preflight: list[str]
    """Arguments of recipes.preflight."""
    command: list[str]
    """Arguments of Python, or of `sparft`, that train; overrides included."""

    @property
    def overrides(self) -> list[str]:
        """Return the hydra overrides that reach verl."""
        return self.command[self.command.index(VERL) + 1 :]


def scripts() -> list[Path]:
    """Return every launch script that follows recipes/lib.sh, by folder and name."""
    return sorted(RECIPES.glob("*/run_*.sh"))


def calls(script: Path, settings: Mapping[str, str], extra: Sequence[str] = ()) -> list[list[str]]:
    """Return the arguments of each call of Python or of `sparft` that `script` makes.

    `settings` are environment variables, `extra` the script's arguments. Raises ValueError with the script's own words
    when it stops.
    """
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder, "written")
        for name in ("python", "sparft"):
            Path(folder, name).write_text(_RECORDER)
            Path(folder, name).chmod(0o755)
        environment = {
            "PATH": f"{folder}:{os.environ['PATH']}",
            "HOME": folder,
            "PYTHON": str(Path(folder, "python")),
            "RECORD": str(written),
        }
        done = subprocess.run(
            ["bash", str(script), *extra],
            env={**environment, **settings},
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ValueError(f"{_named(script)} stops: {done.stderr.strip()}")
        found: list[list[str]] = [[]]
        for word in written.read_text().split("\0")[:-1] if written.is_file() else ():
            if word == _END:
                found.append([])
            else:
                found[-1].append(word)
    return found[:-1]


def record(script: Path, settings: Mapping[str, str], extra: Sequence[str] = ()) -> Launch:
    """Return what `script` starts under the environment variables `settings`, with `extra` as its arguments.

    Raises ValueError with the script's own words when it stops, or does not start preflight first and training last.
    """
    started = calls(script, settings, extra)
    if len(started) != 2 or started[0][:2] != PREFLIGHT or not {VERL, "train"} & set(started[1]):
        raise ValueError(
            f"{_named(script)} must start recipes.preflight, then verl.trainer.main_ppo or `sparft train`; "
            f"it starts {[call[:2] for call in started]}"
        )
    return Launch(started[0][2:], started[1])


def _named(script: Path) -> str:
    return f"{script.parent.name}/{script.name}"
