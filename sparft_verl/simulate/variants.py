"""What is compared: methods by name, each with settings of its own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

from sparft_verl.curricula import METHODS
from sparft_verl.simulate.scenarios import Scenario


@dataclass(frozen=True)
class Variant:
    """One method under one set of settings."""

    label: str
    """As it was written, and as it is called in the table."""
    method: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Keys of the `curriculum` block."""


def read_value(text: str) -> Any:
    """Return a setting's value: a number, true, false, null, a JSON list or mapping, or else the text itself."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        try:
            return float(text)  # .5 and 1. are no JSON
        except ValueError:
            return text


def read_setting(text: str) -> tuple[str, Any]:
    """Return key and value of `key=value`; raise ValueError for anything else."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip() or not value.strip():
        raise ValueError(f"a setting is written key=value, got {text!r}")
    return key.strip(), read_value(value.strip())


def ready() -> list[str]:
    """Return the names of the methods that run on their defaults."""
    return sorted(set(METHODS) - {"custom"})


def parse_variants(text: str, common: Mapping[str, Any] | None = None) -> list[Variant]:
    """Return the variants in `METHOD[:key=value]...[,METHOD...]`; `common` settings apply to all of them.

    `all` stands for every registered method but `custom`, which is nothing without the user's own class.
    Raises ValueError naming an unknown method, a setting that is none, or a variant that is written twice.
    """
    variants = []
    for part in ready() if text.strip() == "all" else text.split(","):
        method, *settings = (word.strip() for word in part.split(":"))
        if method not in METHODS:
            raise ValueError(
                f"--methods: {method!r} is not a method; choose from {', '.join(sorted(METHODS))}"
            )
        own = {**(common or {}), **dict(read_setting(setting) for setting in settings)}
        for key, instead in (("method", "--methods"), ("seed", "--seeds and --first-seed")):
            if key in own:
                raise ValueError(f"curriculum.{key} cannot be set, got {own[key]!r}; it comes from {instead}")
        variants.append(Variant(part.strip(), method, own))
    labels = [variant.label for variant in variants]
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice is not None:
        raise ValueError(f"--methods: {twice!r} is written twice; drop one, or give it other settings")
    return variants


def split_settings(settings: Iterable[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the `curriculum.*` settings without their prefix, and the others, which are the scenario's."""
    curriculum, scenario = {}, {}
    for text in settings:
        key, value = read_setting(text)
        head, _, rest = key.partition(".")
        if head == "curriculum" and rest:
            curriculum[rest] = value
        else:
            scenario[key] = value
    return curriculum, scenario


def adjust(scenario: Scenario, settings: Mapping[str, Any]) -> Scenario:
    """Return the scenario with some fields replaced, by dotted name (`items.dead`, `batch`).

    Raises ValueError naming the key if there is none of that name, or the rule that a value breaks.
    """
    parts: dict[str, dict[str, Any]] = {"": {}}
    known = _keys(scenario)
    for key, value in settings.items():
        if key not in known:
            raise ValueError(f"--set: {key!r} is not a setting; choose from curriculum.*, {', '.join(known)}")
        head, _, rest = key.rpartition(".")
        # 1 is a fine number where 1.0 is expected
        number = isinstance(known[key], float) and isinstance(value, int) and not isinstance(value, bool)
        parts.setdefault(head, {})[rest] = float(value) if number else value
    top = parts.pop("")
    top |= {head: replace(getattr(scenario, head), **own) for head, own in parts.items()}
    return replace(scenario, **top)


def _keys(scenario: Scenario) -> dict[str, Any]:
    """Return the present value of every field that may be set, by dotted name."""
    found: dict[str, Any] = {}
    for item in fields(scenario):
        value = getattr(scenario, item.name)
        if is_dataclass(value):
            found |= {f"{item.name}.{inner.name}": getattr(value, inner.name) for inner in fields(value)}
        elif item.name not in ("name", "summary"):
            found[item.name] = value
    return found
