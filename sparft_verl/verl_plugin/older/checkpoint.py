"""The curriculum's state, as a file of its own inside verl's checkpoint.

verl's `data.pt` cannot be relied on here: verl 0.8 and 0.9's legacy trainer ignore it at the end of an epoch, and
what torch restores from it arrives only after the models were loaded.
"""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig
from verl.utils.checkpoint.checkpoint_manager import find_latest_ckpt_path

from sparft_verl.atomic import leftovers, sync, written_aside
from sparft_verl.verl_plugin.errors import CurriculumError

FILE = "sparft_state.npz"


def step_folder(run: DictConfig, step: int) -> Path:
    """Return where verl writes the checkpoint of `step`."""
    return Path(run.default_local_dir).absolute() / f"global_step_{step}"


def resumed_folder(run: DictConfig) -> Path | None:
    """Return the checkpoint that verl will resume from, None when it starts anew; by verl's own rules."""
    if run.resume_mode == "disable":
        return None
    if run.resume_mode == "resume_path":
        return Path(run.resume_from_path).absolute()
    found = find_latest_ckpt_path(str(Path(run.default_local_dir).absolute()))
    return None if found is None else Path(found)


def step_of(folder: Path) -> int:
    """Return the step of a checkpoint folder, as verl reads it from the name."""
    try:
        return int(str(folder).split("global_step_")[-1])
    except ValueError as error:
        raise CurriculumError(
            f"trainer.resume_from_path must end in global_step_N, got {str(folder)!r}"
        ) from error


def write_state(folder: Path, state: dict[str, Any]) -> None:
    """Put {"json": str, "arrays": bytes} into `folder`: aside first, on disk, then renamed."""
    path = folder / FILE
    for left in leftovers(path):  # of a run that was killed here: no other process writes into a checkpoint
        left.unlink()
    with written_aside(path) as aside, aside.open("wb") as file:
        np.savez(
            file,
            json=np.frombuffer(state["json"].encode(), np.uint8),
            arrays=np.frombuffer(state["arrays"], np.uint8),
        )
    sync(folder)


def read_state(folder: Path) -> dict[str, Any]:
    """Return what `write_state` was given; raises CurriculumError if it is not there or damaged."""
    path = folder / FILE
    if not path.exists():
        raise CurriculumError(
            f"verl resumes from {folder}, which holds no state of a curriculum ({FILE}): it was written by a run "
            "without one. Start anew (trainer.resume_mode=disable with another trainer.default_local_dir), or "
            "resume without the curriculum override."
        )
    try:
        with np.load(path, allow_pickle=False) as file:
            return {"json": file["json"].tobytes().decode(), "arrays": file["arrays"].tobytes()}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise CurriculumError(f"{path} is damaged ({error}); resume from another checkpoint.") from error
