"""Which of two alike rows goes: greedy, the lowest row stays, and only what is the same task counts as alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from sparft_verl.identity import content_hash
from sparft_verl.prepare.clean.config import CleanConfig
from sparft_verl.prepare.clean.words import normalise, numbers

if TYPE_CHECKING:
    from sparft_verl.prepare.read import Prompts


def leaders(
    pairs: Iterable[tuple[int, int, float]], refuse: Callable[[int, int], bool]
) -> dict[int, tuple[int, float]]:
    """Return what goes: second -> (first that stays in its place, similarity).

    `pairs` are (first < second, similarity), ascending by second and then first. A row goes if a row that stays
    is alike and not refused, so that no chain of small steps takes out what is like nothing that stays.
    """
    gone: dict[int, tuple[int, float]] = {}
    for first, second, similarity in pairs:
        if second not in gone and first not in gone and not refuse(first, second):
            gone[second] = (first, similarity)
    return gone


class SameTask:
    """Whether two rows can be one task, by what small edits must not change: numbers and ground truth."""

    def __init__(self, prompts: Prompts, rows: np.ndarray[Any, Any], config: CleanConfig) -> None:
        """Look at `rows` int64, the only ones that may be asked for."""
        self.refused: Counter[str] = Counter()
        rows = np.unique(rows)
        truths = prompts.truth(rows) if config.same_truth else []
        self._truth = dict(zip(rows.tolist(), map(truth_key, truths), strict=False))
        texts = prompts.keep(rows).text if config.same_numbers else []
        self._numbers = dict(zip(rows.tolist(), (numbers(normalise(text)) for text in texts), strict=False))

    def differ(self, a: int, b: int) -> bool:
        """Return whether rows a and b differ in what the settings say must be equal; counted by what it was."""
        if self._numbers.get(a) != self._numbers.get(b):
            self.refused["numbers"] += 1
        elif other_truth(self._truth.get(a), self._truth.get(b)):
            self.refused["ground truth"] += 1
        else:
            return False
        return True

    def notes(self, kind: str) -> list[str]:
        """Return a line on the pairs that were alike in wording and kept."""
        if not self.refused:
            return []
        why = ", ".join(f"{count} for other {what}" for what, count in sorted(self.refused.items()))
        return [f"pairs alike as {kind} duplicates that were kept: {why}"]


def other_truth(mine: str | None, theirs: str | None) -> bool:
    """Return whether two keys of ground truths are both there and differ."""
    return mine is not None and theirs is not None and mine != theirs


def truth_key(truth: Any) -> str | None:
    """Return what equal ground truths have in common, spacing and case aside; None for no ground truth."""
    if truth is None:
        return None
    return content_hash(None, None, normalise(truth) if isinstance(truth, str) else truth)
