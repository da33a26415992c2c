"""Which rows cleaning takes out, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from sparft_verl.prepare.ledger import Cost

if TYPE_CHECKING:
    from sparft_verl.prepare.read import Prompts

REASONS = (
    "empty",
    "too_long",
    "eval_ngram",
    "duplicate",
    "eval_near_duplicate",
    "near_duplicate",
    "eval_neighbour",
    "semantic_duplicate",
)
"""In the order in which they are looked for; a row is removed once, for the first that holds."""

_SHOWN = 200


@dataclass(frozen=True)
class Removal:
    """One row taken out."""

    row: int
    reason: str
    detail: str
    other: int = -1
    similarity: float = float("nan")


@dataclass(frozen=True)
class Removals:
    """R rows taken out, ascending: row int64 [R], reason, detail, other int64 [R] (the row kept in its place,
    -1 where none is), similarity float64 [R] (nan where none was measured); what a reader should know; and
    what each step cost."""

    row: np.ndarray[Any, Any]
    reason: list[str]
    detail: list[str]
    other: np.ndarray[Any, Any]
    similarity: np.ndarray[Any, Any]
    notes: list[str] = field(default_factory=list)
    costs: dict[str, Cost] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        removed: Iterable[Removal],
        notes: Iterable[str] = (),
        costs: dict[str, Cost] | None = None,
    ) -> Removals:
        """Return them in the order of their rows, of which each may be there once."""
        ordered = sorted(removed, key=lambda one: one.row)
        return cls(
            np.array([one.row for one in ordered], dtype=np.int64),
            [one.reason for one in ordered],
            [one.detail for one in ordered],
            np.array([one.other for one in ordered], dtype=np.int64),
            np.array([one.similarity for one in ordered], dtype=np.float64),
            list(notes),
            dict(costs or {}),
        )

    @classmethod
    def none(cls) -> Removals:
        """Return what took nothing out."""
        return cls.of([])

    def __len__(self) -> int:
        return len(self.row)

    def kept(self, n: int) -> np.ndarray[Any, Any]:
        """Return int64: the rows of 0..n-1 that stay, ascending."""
        stay = np.ones(n, dtype=bool)
        stay[self.row] = False
        return np.flatnonzero(stay)

    def counts(self) -> dict[str, int]:
        """Return how many rows went for each reason that occurred, in the order of REASONS."""
        found = Counter(self.reason)
        return {reason: found[reason] for reason in REASONS if found[reason]}

    def merge(self, later: Removals, rows: np.ndarray[Any, Any]) -> Removals:
        """Return both as one, in the indices of this one; `later` counts along `rows`, which this one kept."""
        lifted = [
            Removal(int(rows[row]), reason, detail, int(rows[other]) if other >= 0 else -1, float(similarity))
            for row, reason, detail, other, similarity in later._each()
        ]
        mine = [Removal(*one) for one in self._each()]
        return Removals.of(mine + lifted, self.notes + later.notes, {**self.costs, **later.costs})

    def table(self, prompts: Prompts) -> pa.Table:
        """Return one line per removed row: sparft_row and sparft_other (rows of the input), sparft_key,
        sparft_occurrence, sparft_source, sparft_reason, sparft_detail, sparft_similarity, sparft_text (head)."""
        other = np.full(len(self), -1, dtype=np.int64)
        named = self.other >= 0
        other[named] = prompts.origin[self.other[named]]
        return pa.table(
            {
                "sparft_row": pa.array(prompts.origin[self.row], pa.int64()),
                "sparft_key": pa.array([prompts.keys[i] for i in self.row], pa.string()),
                "sparft_occurrence": pa.array(prompts.occurrence[self.row], pa.int64()),
                "sparft_source": pa.array([prompts.source[i] for i in self.row], pa.string()),
                "sparft_reason": pa.array(self.reason, pa.string()),
                "sparft_detail": pa.array(self.detail, pa.string()),
                "sparft_other": pa.array(other, pa.int64()),
                "sparft_similarity": pa.array(self.similarity, pa.float64()),
                "sparft_text": pa.array(list(map(_head, prompts.keep(self.row).text)), pa.string()),
            }
        )

    def _each(self) -> Iterable[tuple[int, str, str, int, float]]:
        return zip(
            self.row.tolist(),
            self.reason,
            self.detail,
            self.other.tolist(),
            self.similarity.tolist(),
            strict=True,
        )


def _head(text: str) -> str:
    # a lone surrogate, which JSON can carry, has no place in a table of UTF-8
    return text[:_SHOWN].encode("utf-8", "replace").decode("utf-8")
