"""The first half of stage A: which prompts are left, how hard they are, and their vectors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from sparft_verl.prepare.cache import Cache
from sparft_verl.prepare.clean import Removals, clean_text, clean_vectors
from sparft_verl.prepare.clean.removals import Removal
from sparft_verl.prepare.config import PrepareConfig
from sparft_verl.prepare.difficulty import Difficulty, difficulty
from sparft_verl.prepare.embed import Embedded, embed, embed_others
from sparft_verl.prepare.errors import PrepareError, require
from sparft_verl.prepare.progress import Progress, copy_work
from sparft_verl.prepare.read import Prompts, read
from sparft_verl.prepare.workers import Workers

NO_DIFFICULTY = "difficulty_missing"
"""Reason of a row that difficulty.missing=drop took out; the other reasons are those of `clean`."""


@dataclass(frozen=True)
class Kept:
    """The prompts that are left of the input, and what is known of them so far."""

    whole: Prompts
    """The input."""
    removed: Removals
    """What was taken out of it, in rows of `whole`."""
    prompts: Prompts
    """The N that are left, in input order."""
    level: Difficulty | None = None
    """Of these N, once measured."""

    def without(self, later: Removals) -> Kept:
        """Return what is left after `later`, whose rows count along `prompts`, was taken out as well."""
        if not len(later):
            return replace(self, removed=self.removed.merge(later, np.arange(0)))
        stay = later.kept(len(self.prompts))
        removed = self.removed.merge(later, self.removed.kept(len(self.whole)))
        if not len(stay):
            raise PrepareError(
                f"cleaning must leave at least one prompt, but took out all {len(self.whole)} "
                f"({_counted(removed)}); loosen clean.* or difficulty.missing, or give other data"
            )
        level = self.level.keep(stay) if self.level is not None else None
        return replace(self, removed=removed, prompts=self.prompts.keep(stay), level=level)

    @property
    def known(self) -> Difficulty:
        """The difficulty, after `measure`."""
        assert self.level is not None
        return self.level


def read_and_clean(config: PrepareConfig, cache: Cache, threads: int, progress: Progress) -> Kept:
    """Return the prompts that the text alone does not rule out."""
    progress.say("read")
    with progress.stage("read") as cost:
        prompts = read(config.data, cache)
        cost.items = len(prompts)
    progress.say(f"read {len(prompts)} rows from {len(prompts.inputs)} file(s)")
    progress.note(prompts.notes)
    progress.say("clean")
    with progress.stage("clean") as cost:
        found = clean_text(prompts, config.clean, cache=cache, threads=threads)
        cost.items = len(prompts)
    progress.split("clean", found.costs)
    progress.note(found.notes)
    kept = Kept(prompts, Removals.none(), prompts).without(found)
    _say_removed(found, progress)
    return kept


def measure(
    kept: Kept, config: PrepareConfig, cache: Cache, workers: Workers, threads: int, progress: Progress
) -> Kept:
    """Return the prompts with their difficulty, without those that difficulty.missing=drop leaves out."""
    progress.say("difficulty")
    with progress.stage("difficulty") as cost:
        level = difficulty(
            kept.prompts, config.difficulty, cache=cache, workers=workers, seed=config.seed, threads=threads
        )
        copy_work(cost, level.cost)
    progress.note(level.notes)
    gone = Removals.of(
        Removal(int(row), NO_DIFFICULTY, "difficulty.missing=drop") for row in level.drop.tolist()
    )
    _say_removed(gone, progress)
    return replace(kept, level=level).without(gone)


def embed_kept(
    kept: Kept,
    config: PrepareConfig,
    cache: Cache,
    workers: Workers,
    threads: int,
    inner: int,
    progress: Progress,
) -> tuple[Kept, Embedded]:
    """Return the prompts that their vectors do not rule out, and the vectors of these.

    `threads` is how many this process may use, `inner` how many a worker may.
    """
    prompts = kept.prompts
    how: dict[str, Any] = {"cache": cache, "workers": workers, "seed": config.seed, "threads": inner}
    progress.say(f"embed with {config.embed.engine}")
    with progress.stage("embed") as cost:
        embedded = embed(
            config.embed,
            prompts.text,
            **how,
            column=lambda path: prompts.column(path, "embed.column"),
            origin=prompts.origin,
            rows=len(kept.whole),
        )
        copy_work(cost, embedded.cost)
    progress.say(f"embedded with {embedded.described['engine']}: {embedded.described.get('model', '')}")
    with progress.stage("clean vectors") as cost:
        found = clean_vectors(
            prompts,
            embedded.vectors,
            config.clean,
            embed_texts=partial(embed_others, config.embed, prompts.text, **how),
            cache=cache,
            threads=threads,
        )
        cost.items = len(prompts)
    progress.split("clean vectors", found.costs)
    progress.note(found.notes)
    _say_removed(found, progress)
    if len(found):
        vectors = embedded.vectors[found.kept(len(prompts))]
        embedded = replace(embedded, vectors=vectors)
    return kept.without(found), embedded


def given(kept: Kept, config: PrepareConfig) -> list[Any] | None:
    """Return the values of cluster.column for the prompts that are left; None where arms are to be found."""
    if config.cluster.column is None:
        return None
    return kept.prompts.column(config.cluster.column, "cluster.column")


def check_sizes(config: PrepareConfig, rows: int, values: Sequence[Any] | None) -> None:
    """Refuse as early as it is known that there are too few prompts for the arms, or too few are to be kept."""
    k: int | str = config.cluster.k if values is None else len({str(value) for value in values})
    if isinstance(k, str):  # auto: as many arms as prompts and budget allow
        return
    require(
        k <= rows,
        f"cluster.k={k} needs at least as many rows",
        rows,
        f"use cluster.k={rows} or less, or more data",
    )
    require(
        k <= config.select.total(rows),
        f"select.budget must give every one of the {k} arms at least one prompt",
        config.select.budget,
        f"use select.budget={k} or more, or fewer arms",
    )


def _counted(removed: Removals) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in Counter(removed.reason).items())


def _say_removed(removed: Removals, progress: Progress) -> None:
    if len(removed):
        progress.say(f"removed {len(removed)} rows ({_counted(removed)})")
