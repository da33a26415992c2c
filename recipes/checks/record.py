"""What a launch script would start, found by letting it start something that writes its arguments down."""

import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

RECIPES = Path(__file__).parents[1]
_RECORDER = '#!/bin/sh\nprintf \'%s\\000\' "$@" >>"$RECORD"\nprintf \'\\036\\000\' >>"$RECORD"\n'
_END = "\x1e"


@dataclass(frozen=True)
class Launch:
    """The two things a script starts."""

    preflight: list[str]
    """Arguments of recipes.preflight."""
    command: list[str]
    """Python's arguments of the training command, overrides included."""

    @property
    def overrides(self) -> list[str]:
        """Return the hydra overrides that reach verl."""
        return self.command[self.command.index("verl.trainer.main_ppo") + 1 :]


def scripts() -> list[Path]:
    """Return every launch script that follows recipes/lib.sh, by folder and name."""
    return sorted(RECIPES.glob("*/run_*.sh"))


def record(script: Path, settings: Mapping[str, str], extra: list[str] | None = None) -> Launch:
    """Return what `script` starts under the environment variables `settings`, with `extra` as its arguments.

    Raises ValueError with the script's own words when it stops, or does not start preflight first and verl last.
    """
    with tempfile.TemporaryDirectory() as folder:
        recorder, written = Path(folder, "python"), Path(folder, "written")
        recorder.write_text(_RECORDER)
        recorder.chmod(0o755)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "PYTHON": str(recorder),
            "RECORD": str(written),
        }
        done = subprocess.run(
            ["bash", str(script), *(extra or [])],
            env={**environment, **settings},
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ValueError(f"{script.parent.name}/{script.name} stops: {done.stderr.strip()}")
        calls = [[]]  # type: list[list[str]]
        for word in written.read_text().split("\0")[:-1]:
            if word == _END:
                calls.append([])
            else:
                calls[-1].append(word)
    started = [call[:2] for call in calls[:-1]]
    if (
        len(started) != 2
        or started[0] != ["-m", "recipes.preflight"]
        or "verl.trainer.main_ppo" not in calls[1]
    ):
        raise ValueError(
            f"{script.parent.name}/{script.name} must start recipes.preflight, then verl.trainer.main_ppo; "
            f"it starts {started}"
        )
    return Launch(calls[0][2:], calls[1])
