"""The versions, models and GPUs that a recipe was written for: `pins.toml` of its folder."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("verl", "vllm", "torch", "transformers")


@dataclass(frozen=True)
class Pins:
    """One pins.toml."""

    versions: Mapping[str, str]
    """Package to version."""
    gpus: str
    """What the launch scripts expect of one node."""
    models: Mapping[str, str]
    """Launch script to hub name; empty where the folder brings its model."""
    data: str
    """Where the data come from: a file beside it that names source, revision and hash."""


def read_pins(recipe: Path) -> Pins:
    """Return the pins of a recipe's folder; ValueError when the file is missing or lacks an entry."""
    file = recipe / "pins.toml"
    if not file.is_file():
        known = ", ".join(sorted(path.parent.name for path in recipe.parent.glob("*/pins.toml")))
        raise ValueError(f"{recipe.name} has no pins.toml; recipes that have one: {known}")
    loaded = tomllib.loads(file.read_text())
    try:
        return Pins(dict(loaded["versions"]), loaded["gpus"], dict(loaded["models"]), loaded["data"])
    except KeyError as error:
        raise ValueError(
            f"{recipe.name}/pins.toml lacks {error}; it needs versions, gpus, models and data"
        ) from error
