"""Pools of prompts for an order: the prompts of each arm, or all of them, within each scope."""

from __future__ import annotations

import numpy as np

from sparft_verl.curricula.quota import Scopes
from sparft_verl.curricula.types import I64, Arms


def by_arm(arms: Arms, scopes: Scopes) -> list[I64]:
    """Return the prompts of arm k within scope g at place g * K + k, each pool in the order of the artefact."""
    cell = scopes.of_item.astype(np.int64) * len(arms.names) + arms.arm
    return _split(cell, scopes.count * len(arms.names))


def whole(scopes: Scopes, sequence: I64 | None = None) -> list[I64]:
    """Return all prompts of each scope, in the order of `sequence`; None is that of the artefact."""
    return _split(scopes.of_item.astype(np.int64), scopes.count, sequence)


def _split(cell: I64, count: int, sequence: I64 | None = None) -> list[I64]:
    items = np.arange(len(cell)) if sequence is None else sequence
    ordered = items[np.argsort(cell[items], kind="stable")]
    return np.split(ordered, np.cumsum(np.bincount(cell, minlength=count))[:-1])
