"""Evaluation items: read like training data, one of each different text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparft_verl.prepare.cache import Cache
from sparft_verl.prepare.clean.config import EvalSet
from sparft_verl.prepare.clean.words import normalise


@dataclass(frozen=True)
class Items:
    """Evaluation items whose normalised texts differ: text as read, normalised text, and what to call them."""

    text: list[str]
    normal: list[str]
    label: list[str]

    def __len__(self) -> int:
        return len(self.text)


def read_items(sets: Sequence[EvalSet], cache: Cache) -> Items:
    """Return the items of all sets that hold text, the first of equal ones. PrepareError as `read` has it."""
    # late, for reading brings Arrow's data sets, and most runs have no evaluation sets
    from sparft_verl.prepare.read import DataConfig, DataFile, read

    found: dict[str, tuple[str, str]] = {}
    for one in sets:
        file = DataFile(
            path=one.path,
            prompt=one.prompt,
            truth=None,
            source=one.name,
            revision=one.revision,
            subset=one.subset,
            split=one.split,
        )
        for row, text in enumerate(read(DataConfig(files=[file]), cache).text):
            normal = normalise(text)
            if normal:
                found.setdefault(normal, (text, f"{one.name} item {row}"))
    return Items([text for text, _ in found.values()], list(found), [label for _, label in found.values()])
