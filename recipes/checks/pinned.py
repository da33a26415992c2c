"""Does pins.toml of every folder say what its scripts, and the package's `gpu` extra, say?"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

from recipes.checks.record import RECIPES, record, scripts
from recipes.pins import PACKAGES, read_pins

OWN_SCRIPT = {"smoke_gpu": "gpu", "tiny_cpu": "cpu"}
"""Folders with a run.sh of another shape, and the extra that they need."""


def extra(name: str) -> dict[str, str]:
    """Return package to version of an extra in pyproject.toml, as far as recipes pin it."""
    project = tomllib.loads((RECIPES.parent / "pyproject.toml").read_text())["project"]
    pinned = (
        re.fullmatch(r"([\w-]+)(?:\[\w+\])?==(.+)", line) for line in project["optional-dependencies"][name]
    )
    return {match[1]: match[2] for match in pinned if match and match[1] in PACKAGES}


def check_pins() -> Iterator[str]:
    """Yield a line per entry that is missing, or says something else."""
    folders = sorted({script.parent for script in scripts()} | {RECIPES / name for name in OWN_SCRIPT})
    for folder in folders:
        name = OWN_SCRIPT.get(folder.name, "gpu")
        versions = extra(name)
        try:
            pins = read_pins(folder)
        except ValueError as error:
            yield str(error)
            continue
        where = f"{folder.name}/pins.toml"
        if dict(pins.versions) != versions:
            yield f"{where}: versions {dict(pins.versions)}, but pyproject.toml's {name} extra has {versions}"
        if not (RECIPES.parent / pins.data).is_file():
            yield f"{where}: data = {pins.data!r} is no file"
        if folder.name in OWN_SCRIPT:
            continue
        models = {}
        for script in folder.glob("run_*.sh"):
            arguments = record(script, {}).preflight
            models[script.name] = arguments[arguments.index("--model") + 1]
        if models != dict(pins.models):
            yield f"{where}: models {dict(pins.models)}, but the scripts have {models}"
    print(f"pins: {len(folders)} folders for {extra('gpu')}")
