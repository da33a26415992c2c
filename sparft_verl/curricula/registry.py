"""Methods by name. A module registers its factory when it is imported; `methods/__init__` imports them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sparft_verl.curricula.base import Curriculum
    from sparft_verl.curricula.config import CurriculumConfig
    from sparft_verl.curricula.types import Arms

    Factory = Callable[[CurriculumConfig, Any, Arms], Curriculum]


@dataclass(frozen=True)
class NoParams:
    """For a method without settings of its own."""


@dataclass(frozen=True)
class Method:
    """A named point in the space of curricula."""

    name: str
    summary: str
    """One line: what it does and when to use it."""
    params: type
    """Frozen dataclass of its own settings, a sentence under each field."""
    factory: Factory
    refuses: Mapping[str, str] = field(default_factory=dict)
    """Common settings that it cannot honour, each with the reason; they are no keys of its YAML."""

    @property
    def own_keys(self) -> tuple[str, ...]:
        """Names of its own settings."""
        return tuple(item.name for item in fields(self.params))


METHODS: dict[str, Method] = {}


def method(
    name: str, summary: str, params: type = NoParams, *, refuses: Mapping[str, str] | None = None
) -> Callable[[Factory], Factory]:
    """Return a decorator that registers a factory (config, params, arms) -> Curriculum under `name`."""
    from sparft_verl.curricula.config import COMMON

    def register(factory: Factory) -> Factory:
        if name in METHODS:
            raise ValueError(f"curriculum method {name!r} is registered twice")
        clash = {item.name for item in fields(params)} & set(COMMON)
        if clash:
            raise ValueError(
                f"method {name!r}: {', '.join(sorted(clash))} is a setting that every curriculum has"
            )
        unknown = set(refuses or {}) - set(COMMON)
        if unknown:
            raise ValueError(f"method {name!r} refuses {', '.join(sorted(unknown))}, which no curriculum has")
        METHODS[name] = Method(name, summary, params, factory, dict(refuses or {}))
        return factory

    return register


def build(config: CurriculumConfig, arms: Arms) -> Curriculum:
    """Return the curriculum that `config` names, over `arms`, in its initial state."""
    return METHODS[config.method].factory(config, config.params, arms)
