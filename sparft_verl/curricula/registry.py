"""Methods by name. A module registers its factory when it is imported; `curricula/__init__` imports them all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sparft_verl.curricula.base import Curriculum
    from sparft_verl.curricula.config import CurriculumConfig
    from sparft_verl.curricula.types import Arms

    Factory = Callable[[CurriculumConfig, Arms], Curriculum]


@dataclass(frozen=True)
class Method:
    """A named point in the space of curricula."""

    name: str
    summary: str
    """One line: what it does and when to use it."""
    factory: Factory


METHODS: dict[str, Method] = {}


def method(name: str, summary: str) -> Callable[[Factory], Factory]:
    """Return a decorator that registers a factory under `name`."""

    def register(factory: Factory) -> Factory:
        if name in METHODS:
            raise ValueError(f"curriculum method {name!r} is registered twice")
        METHODS[name] = Method(name, summary, factory)
        return factory

    return register


def build(config: CurriculumConfig, arms: Arms) -> Curriculum:
    """Return the curriculum that `config` names, over `arms`, in its initial state."""
    return METHODS[config.method].factory(config, arms)
