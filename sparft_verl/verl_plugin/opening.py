"""Where every trainer begins: artefact and data set become a sampler with its journal."""

from pathlib import Path
from typing import Any

from sparft_verl.curricula import build
from sparft_verl.journal import JournalWriter
from sparft_verl.sampler import CurriculumSampler
from sparft_verl.verl_plugin.join import join_arms
from sparft_verl.verl_plugin.nodes import local_artefact
from sparft_verl.verl_plugin.settings import CurriculumSettings


def open_sampler(
    settings: CurriculumSettings, dataset: Any, batch_size: int, journal: Path
) -> CurriculumSampler:
    """Return the sampler of `settings` over verl's loaded `dataset`, with its journal at `journal`.

    Raises CurriculumError when artefact and data do not join, ValueError when no batch can be drawn.
    """
    arms = join_arms(local_artefact(settings.artefact), dataset, max_missing=settings.max_missing)
    return CurriculumSampler(
        build(settings.curriculum, arms),
        batch_size=batch_size,
        length=len(dataset),
        journal=JournalWriter(journal),
    )
