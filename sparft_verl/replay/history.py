"""A run's history: the records that count, and what their numbers mean."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sparft_verl.arms_file import NAME, read_arms
from sparft_verl.curricula import Arms, CurriculumConfig
from sparft_verl.journal import JOURNAL, Record, read


class ReplayError(ValueError):
    """What cannot be replayed, why, and what to do."""


@dataclass(frozen=True)
class History:
    """Everything that happened and was not rolled back, in order."""

    path: Path
    config: CurriculumConfig
    arms: Arms
    events: list[Record]
    """`propose`, `observe`, `cancel` and `tick`."""
    advantages: bool
    """Whether groups were written with the trainer's advantages."""


def load(path: str | os.PathLike[str]) -> History:
    """Return the history in a journal, or in the run directory that holds one.

    Raises ReplayError where there is none, where it does not begin at the run's first proposal, or where the arms
    beside it are missing or others.
    """
    path = Path(path)
    path = path / JOURNAL if path.is_dir() else path
    try:
        records = read(path).live()
        arms = read_arms(path.with_name(NAME))
    except FileNotFoundError as error:
        raise ReplayError(
            f"there is no {error.filename}; give the trainer.default_local_dir of a run with +curriculum=..., or its "
            f"journal with {NAME} beside it"
        ) from error
    except ValueError as error:
        raise ReplayError(str(error)) from error
    openings = [record for record in records if record.event == "open"]
    events = [record for record in records if record.event in ("propose", "observe", "cancel", "tick")]
    first = next((record["ticket"] for record in events if record.event == "propose"), None)
    if not openings or first is None:
        raise ReplayError(f"{path} holds no proposal that counts; wait for the run's first step")
    if first != 0:
        raise ReplayError(
            f"{path} begins with ticket {first}, not with the run's first: the run was resumed into this folder. "
            "Replay the journal in the folder where it began"
        )
    opening = openings[-1]
    for key, value in (("fingerprint", arms.fingerprint), ("layout", arms.layout)):
        if opening.data.get(key) != value:
            raise ReplayError(
                f"{path.with_name(NAME)} belongs to another run than {path.name} ({key} is {value[:12]}, the journal "
                f"says {str(opening.data.get(key))[:12]}); put the two files of one run side by side"
            )
    try:
        config = CurriculumConfig.of(opening["config"])
    except ValueError as error:
        raise ReplayError(f"{path} was written under settings this version does not have: {error}") from error
    advantages = any("advantages" in event.data for event in events)
    return History(path, config, arms, events, advantages)
