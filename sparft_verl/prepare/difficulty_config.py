"""Settings of difficulty."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sparft_verl.prepare.errors import require
from sparft_verl.prepare.rollouts_config import RolloutsConfig

SCALES = ("auto", "quantile", "global", "raw")
MISSING = ("median", "drop", "error")


@dataclass
class ReferencesConfig:
    """Pass rates of a weak and a strong model, which BOTS interpolates between (arXiv 2510.26374)."""

    columns: list[str] = field(default_factory=list)
    """[weak, strong]: two columns of pass rates in [0, 1]."""
    models: list[str] = field(default_factory=list)
    """[weak, strong]: two models to be rolled out with the other settings of difficulty.rollouts."""

    def __post_init__(self) -> None:
        for name in ("columns", "models"):
            given = getattr(self, name)
            require(
                len(given) in (0, 2) and all(given),
                f"difficulty.references.{name} must name two, a weak and a strong one",
                repr(given),
                f"give difficulty.references.{name}=[WEAK,STRONG]",
            )
        require(
            not (self.columns and self.models),
            "difficulty.references takes columns or models",
            "both",
            "give one of them",
        )


@dataclass
class DifficultyConfig:
    """Where the difficulty of a prompt comes from."""

    column: str | None = None
    """A column, or a dotted path into one (extra_info.difficulty); null without rollouts: constant 0."""
    levels: dict[Any, float] = field(default_factory=dict)
    """The level of each name in the column, e.g. {easy: 0, medium: 0.5, hard: 1}; empty: the column has numbers."""
    rollouts: RolloutsConfig = field(default_factory=RolloutsConfig)
    """A reference model that is asked instead: difficulty is 1 - its solve rate."""
    references: ReferencesConfig = field(default_factory=ReferencesConfig)
    """Pass rates of two more models, beside the difficulty."""
    scale: str = "auto"
    """quantile (rank within the data source, for labels on different scales), global (rank over all rows), raw
    (already in [0, 1]); auto is quantile for a column of numbers, raw for levels and rollouts."""
    invert: bool = False
    """True when a higher value of the column means easier, as with a solve rate."""
    missing: str = "median"
    """Rows without a value: median (of their source, flagged), drop (leave them out), error (stop)."""

    def __post_init__(self) -> None:
        for name, allowed in (("scale", SCALES), ("missing", MISSING)):
            value = getattr(self, name)
            require(
                value in allowed,
                f"difficulty.{name} must be one of {', '.join(allowed)}",
                repr(value),
                "set one",
            )
        require(
            self.column is None or self.rollouts.model is None,
            "difficulty comes from a column or from rollouts",
            f"difficulty.column={self.column} and difficulty.rollouts.model={self.rollouts.model}",
            "give one of them",
        )
        require(
            not self.levels or self.column is not None,
            "difficulty.levels needs the column that holds the names",
            "difficulty.column=null",
            "give difficulty.column",
        )
        bad = {k: v for k, v in self.levels.items() if not 0.0 <= v <= 1.0}
        require(
            not bad or self.scale in ("quantile", "global"),
            "difficulty.levels must lie in [0, 1] unless they are ranked",
            bad,
            "rescale them, or set difficulty.scale=quantile or global",
        )
        require(
            not self.invert or self.column is not None,
            "difficulty.invert turns a column round",
            "difficulty.column=null",
            "leave it out; difficulty by rollouts is 1 - solve rate as it is",
        )

    @property
    def kind(self) -> str:
        """none, column, levels or rollouts."""
        if self.rollouts.model is not None:
            return "rollouts"
        return "none" if self.column is None else "levels" if self.levels else "column"

    @property
    def resolved_scale(self) -> str:
        """The scale that `auto` stands for."""
        return self.scale if self.scale != "auto" else "quantile" if self.kind == "column" else "raw"
