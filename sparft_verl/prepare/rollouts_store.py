"""Answers on disk: one part per finished job, found again prompt by prompt."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from sparft_verl.prepare.cache import Entry
from sparft_verl.prepare.rollouts_config import Answers

_PART = "part-"


def part_name(digests: Iterable[str]) -> str:
    """Return the name of the part that holds these prompts, in this order."""
    return _PART + hashlib.sha256("".join(digests).encode()).hexdigest()[:32]


class Store:
    """Answers by the digest of the prompt. Without a cache folder they stay in memory.

    A part is written when its job is done, whole or not at all, so that a run that was killed goes on after
    its last finished job; and because prompts are looked up one by one, a file added to the data leaves the
    answers to all others valid.
    """

    def __init__(self, entry: Entry, only: Collection[str] | None = None) -> None:
        """`only` names the parts that count; None takes all there are."""
        self._entry = entry
        self._memory: dict[str, Any] = {}
        self._where: dict[str, tuple[str, int]] = {}
        self._load = lru_cache(maxsize=16)(self._read)
        folder = entry.folder
        names = [path.stem for path in sorted(folder.glob(f"{_PART}*.json"))] if folder is not None else []
        for name in names:
            if (only is None or name in only) and (items := self._read(name)) is not None:
                self._index(name, [item["digest"] for item in items])

    def __contains__(self, digest: str) -> bool:
        return digest in self._where

    def put(self, digests: Sequence[str], answers: Sequence[Answers]) -> None:
        """Keep the answers of one job. PrepareError when the disk refuses."""
        name = part_name(digests)
        items = [
            {"digest": digest, **asdict(answer)} for digest, answer in zip(digests, answers, strict=True)
        ]
        if self._entry.folder is None:
            self._memory[name] = items
        else:
            self._entry.save_json(name, items)
        self._index(name, digests)

    def get(self, digest: str) -> Answers:
        """Return the answers to one prompt, which must be there."""
        name, place = self._where[digest]
        item = dict(self._load(name)[place])
        del item["digest"]
        return Answers(**item)

    def _index(self, name: str, digests: Iterable[str]) -> None:
        for place, digest in enumerate(digests):
            self._where.setdefault(digest, (name, place))

    def _read(self, name: str) -> Any:
        return self._memory[name] if name in self._memory else self._entry.load_json(name)
