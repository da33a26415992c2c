"""Stage 3: one difficulty in [0, 1] per prompt, comparable across data sources."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from sparft_verl.prepare.cache import Cache
from sparft_verl.prepare.difficulty_columns import named_levels, numbers, pass_rates
from sparft_verl.prepare.difficulty_config import DifficultyConfig, ReferencesConfig
from sparft_verl.prepare.difficulty_scale import filled, quantile, scaled
from sparft_verl.prepare.errors import require
from sparft_verl.prepare.ledger import Cost
from sparft_verl.prepare.rollouts import Rates, solve_rates
from sparft_verl.prepare.rollouts_config import RolloutsConfig, Rows
from sparft_verl.prepare.workers import Workers

__all__ = ["Difficulty", "DifficultyConfig", "ReferencesConfig", "difficulty", "quantile"]

Roll = Callable[[RolloutsConfig], Rates]


@dataclass(frozen=True)
class Difficulty:
    """What is known of how hard N prompts are."""

    value: np.ndarray[Any, Any]
    """float64 [N] in [0, 1]; constant 0 where nothing is known."""
    missing: np.ndarray[Any, Any]
    """bool [N]: the value was filled in."""
    known: bool
    """Whether there is any difficulty at all."""
    notes: list[str] = field(default_factory=list)
    """What a reader of the result should know."""
    kind: str = "none"
    """none, column, levels or rollouts."""
    solve_rate: np.ndarray[Any, Any] | None = None
    """float64 [N]: mean success of the reference model; nan for rows without rollouts. None by other means."""
    low: np.ndarray[Any, Any] | None = None
    """float64 [N]: lower end of the solve rate's 95 % Wilson interval."""
    high: np.ndarray[Any, Any] | None = None
    """float64 [N]: its upper end."""
    rollouts: np.ndarray[Any, Any] | None = None
    """int64 [N]: rollouts behind the solve rate."""
    references: np.ndarray[Any, Any] | None = None
    """float64 [N, 2] in [0, 1]: pass rates of a weak and a strong model, gaps filled as in `value`."""
    drop: np.ndarray[Any, Any] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    """int64: rows to leave out (difficulty.missing=drop), ascending."""
    described: dict[str, Any] = field(default_factory=dict)
    """What the manifest says of it, as JSON."""
    cost: Cost = field(default_factory=Cost)
    """What it took, reference models included."""

    def keep(self, rows: np.ndarray[Any, Any]) -> Difficulty:
        """Return the difficulty of some rows, in that order; none of these is to be dropped any more."""
        arrays = ("value", "missing", "solve_rate", "low", "high", "rollouts", "references")
        kept: dict[str, Any] = {
            name: None if getattr(self, name) is None else getattr(self, name)[rows] for name in arrays
        }
        position = {int(row): i for i, row in enumerate(rows)}
        drop = [position[row] for row in self.drop.tolist() if row in position]
        return replace(self, **kept, drop=np.array(sorted(drop), dtype=np.int64))


def difficulty(
    prompts: Rows, config: DifficultyConfig, *, cache: Cache, workers: Workers, seed: int, threads: int
) -> Difficulty:
    """Return the difficulty of every row; missing values are filled and flagged, or their rows named in `drop`.

    Raises PrepareError for a column, model or reward function that gives no difficulty.
    """
    start = time.perf_counter()
    cost = Cost()

    def rolled(settings: RolloutsConfig) -> Rates:
        rates = solve_rates(prompts, settings, cache=cache, workers=workers, seed=seed, threads=threads)
        for name in ("items", "cached", "tokens", "rollouts"):
            setattr(cost, name, getattr(cost, name) + getattr(rates.cost, name))
        return rates

    found = _own(prompts, config, rolled)
    found = _with_references(found, prompts, config, rolled)
    cost.seconds = time.perf_counter() - start
    described = {
        "kind": found.kind,
        "scale": config.resolved_scale,
        "missing": config.missing,
        **found.described,
    }
    return replace(found, described=described, cost=cost)


def _own(prompts: Rows, config: DifficultyConfig, roll: Roll) -> Difficulty:
    """Return the difficulty without references."""
    n = len(prompts)
    if config.kind == "none":
        note = "difficulty.column is null: difficulty is constant 0 and plays no part in the arms"
        return Difficulty(np.zeros(n), np.ones(n, dtype=bool), False, [note])
    rates = None
    if config.kind == "rollouts":
        rates = roll(config.rollouts)
        raw, what = 1.0 - rates.rate, "the solve rates"
    else:
        raw, what = _labels(prompts, config), f"difficulty.column={config.column}"
    missing = np.isnan(raw)
    require(
        not missing.all(),
        f"{what} must hold at least one value",
        f"only missing ones in {n} rows",
        "give another column, or difficulty.column=null for none",
    )
    value = scaled(raw, prompts.source, config.resolved_scale, config.invert, what)
    value, notes = filled(value, prompts.source, config.missing, "difficulty", 0.5)
    found = Difficulty(value, missing, True, notes, config.kind)
    if config.missing == "drop":
        found = replace(found, drop=np.flatnonzero(missing))
    if rates is None:
        return replace(
            found,
            described={"column": config.column, "levels": {str(k): v for k, v in config.levels.items()}},
        )
    return replace(
        found,
        notes=rates.notes + notes,
        solve_rate=rates.rate,
        low=rates.low,
        high=rates.high,
        rollouts=rates.rollouts,
        described={"rollouts": rates.described},
    )


def _labels(prompts: Rows, config: DifficultyConfig) -> np.ndarray[Any, Any]:
    values = prompts.column(str(config.column), "difficulty.column")
    if config.levels:
        return named_levels(values, config.levels, prompts.origin, str(config.column))
    return numbers(values, prompts.origin, f"difficulty.column={config.column}")


def _with_references(found: Difficulty, prompts: Rows, config: DifficultyConfig, roll: Roll) -> Difficulty:
    """Return the difficulty with the pass rates of two reference models, where they are asked for."""
    asked = config.references
    names = asked.columns or asked.models
    if not names:
        return found
    rates, notes, gaps, described = [], list(found.notes), np.zeros(len(prompts), dtype=bool), []
    for name in names:
        if asked.columns:
            rate = pass_rates(prompts.column(name, "difficulty.references.columns"), prompts.origin, name)
            described.append({"column": name})
        else:
            rolled = roll(replace(config.rollouts, model=name, revision=None))
            rate = rolled.rate
            notes += [f"{name}: {note}" for note in rolled.notes]
            described.append(rolled.described)
        gaps |= np.isnan(rate)
        require(
            not np.isnan(rate).all(),
            f"reference {name} must hold at least one pass rate",
            f"only missing ones in {len(rate)} rows",
            "give another, or leave difficulty.references out",
        )
        rate, said = filled(rate, prompts.source, config.missing, f"the pass rate of {name}", 0.5)
        rates.append(rate)
        notes += said
    drop = np.union1d(found.drop, np.flatnonzero(gaps)) if config.missing == "drop" else found.drop
    means = [float(np.mean(rate)) for rate in rates]
    if means[0] > means[1]:
        notes.append(
            f"the weak reference {names[0]} solves more than the strong one {names[1]} "
            f"({means[0]:.2f} and {means[1]:.2f} on average): are they the wrong way round?"
        )
    return replace(
        found,
        notes=notes,
        drop=drop.astype(np.int64),
        references=np.column_stack(rates),
        described={**found.described, "references": {"weak": described[0], "strong": described[1]}},
    )
