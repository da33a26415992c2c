"""The one place that speaks to a curriculum: columns in, columns out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from sparft_verl.curricula import Arms, Curriculum, CurriculumConfig, Groups, build
from sparft_verl.simulate.returns import Batch


def make(method: str, seed: int, settings: Mapping[str, Any], arms: Arms) -> Curriculum:
    """Return the curriculum; raise ValueError for a setting it does not have or cannot honour."""
    return build(CurriculumConfig.of({"method": method, "seed": seed, **settings}), arms)


def hand_over(curriculum: Curriculum, batch: Batch) -> Batch:
    """Give the curriculum what came back and what never will; return the groups that are trained on.

    A group that its gate rejects is observed as discarded and not replaced: the step is then a smaller one.
    """
    for ticket, row in zip(batch.ticket[batch.lost].tolist(), batch.row[batch.lost].tolist(), strict=True):
        curriculum.cancel(ticket, row, "lost in the simulation")
    came = batch.take(~batch.lost)
    n, rollouts = came.successes.shape
    groups = Groups(came.ticket, came.row, came.successes.ravel(), np.arange(n + 1) * rollouts)
    admitted = np.array(curriculum.admit(groups), dtype=bool)
    curriculum.observe(replace(groups, trained=admitted))
    return came.take(admitted)
