"""What a run's journal and checkpoints say, and a curriculum told the same again."""

from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import datasets
import numpy as np
import torch

from sparft_verl.artefact import read_artefact
from sparft_verl.curricula import Arms, Curriculum, CurriculumConfig, build
from sparft_verl.curricula.packing import unpack
from sparft_verl.journal import JOURNAL, Record, read
from sparft_verl.sampler import CurriculumSampler
from sparft_verl.telling import tell
from sparft_verl.verl_plugin.join import join_arms


def journal(run: Path) -> Path:
    """Return where the run keeps its journal."""
    return run / JOURNAL


def events(run: Path) -> list[Record]:
    """Return all records of the run so far."""
    path = journal(run)
    return read(path).records if path.exists() and path.stat().st_size else []


def live(records: list[Record]) -> list[Record]:
    """Return the records that no resume rolled back."""
    return [record for record in records if not record.rolled_back]


def served(records: list[Record], *, step: int) -> list[list[int]]:
    """Return the row positions proposed for each try at a step, in order."""
    return [record["rows"] for record in records if record.event == "propose" and record["step"] == step]


def _saved(run: Path, step: int) -> dict[str, Any]:
    """Return the state of our sampler in verl's checkpoint."""
    state = torch.load(run / f"global_step_{step}" / "data.pt", weights_only=False)
    saved = state["_sampler_iter_state"]["sampler_state"]
    if not CurriculumSampler.is_state(saved):
        raise ValueError(f"global_step_{step} holds no state of a curriculum: {saved!r}")
    return unpack(saved)


def saved_curriculum(run: Path, step: int) -> dict[str, Any]:
    """Return the curriculum's part of verl's checkpoint."""
    part: dict[str, Any] = _saved(run, step)["curriculum"]
    return part


def last_seq(run: Path, step: int) -> int:
    """Return the number of the journal's last record when verl's checkpoint was written."""
    return int(_saved(run, step)["journal_seq"])


def up_to_tick(records: list[Record], step: int) -> list[Record]:
    """Return the live records up to the end of a step, which is where verl saves."""
    kept = live(records)
    ends = [i for i, record in enumerate(kept) if record.event == "tick" and record["step"] == step]
    return kept[: ends[-1] + 1]


@lru_cache
def frame_of(task: Path) -> datasets.Dataset:
    """Return the training rows of a task."""
    return datasets.load_dataset("parquet", data_files=str(task / "train.parquet"), cache_dir=str(task))[
        "train"
    ]


@lru_cache
def arms_of(task: Path) -> Arms:
    """Return the arms of a task's artefact, over its training rows."""
    rows = SimpleNamespace(dataframe=frame_of(task), prompt_key="prompt")
    return join_arms(read_artefact(task / "artefact"), rows, max_missing=0.0)


def replay(records: list[Record], task: Path) -> Curriculum:
    """Return a new curriculum, told what the journal says; it must choose what the journal says it chose.

    Raises AssertionError where it does not.
    """
    opening = next(record for record in records if record.event == "open")
    curriculum = build(CurriculumConfig.of(**opening["config"]), arms_of(task))
    for record in records:
        if record.event == "propose":
            ticket = curriculum.propose(len(record["rows"]))
            np.testing.assert_equal((ticket.id, ticket.rows.tolist()), (record["ticket"], record["rows"]))
        elif record.event in ("observe", "cancel", "tick"):
            tell(curriculum, record)
    return curriculum
