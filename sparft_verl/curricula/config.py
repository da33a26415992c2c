"""What a user may set about a curriculum; the keys are those of its YAML."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from sparft_verl.curricula import checks
from sparft_verl.curricula.registry import METHODS
from sparft_verl.curricula.schedule import check_shares

GATES = ("none", "dapo", "band", "variance")


@dataclass(frozen=True)
class CurriculumConfig:
    """Which curriculum, what all of them share, and its own parameters.

    Raises ValueError at construction, naming key, value and fix; a setting that the method cannot honour is refused
    with the reason. `CurriculumConfig.of` takes the flat mapping of a YAML.
    """

    method: str = "sparft"
    """Name of the curriculum; `sparft curricula` lists them."""
    seed: int = 0
    """Seed of every draw, 0 .. 2**63 - 1; same seed and same feedback serve the same prompts."""
    repeat: bool = False
    """Whether one batch may hold the same prompt twice."""
    floor: float = 0.0
    """Least probability of every arm that has a prompt left, at each slot; at most 1 / number of arms."""
    cap: float = 1.0
    """Largest share of a batch that one arm may take, rounded up; lifted where a batch could not be filled."""
    cooldown: int = 0
    """Steps during which a served prompt is not served again; cut short where a batch could not be filled."""
    quota: Mapping[str, Any] = field(default_factory=dict)
    """Share of each batch by data source, {SOURCE: share} or {SOURCE: [[step, share], ...]}; others get the rest."""
    unique_budget: int = 0
    """Largest number of different prompts that are ever served; 0 is no limit."""
    gate: str = "none"
    """Which finished groups are trained on: `none` = all, `dapo` = not all equal, `band` and `variance` by bounds."""
    gate_low: float = 0.2
    """Lowest solve rate that `gate=band` admits; for `variance` the least 4 q (1 - q)."""
    gate_high: float = 0.8
    """Highest solve rate that `gate=band` admits."""
    gate_refills: int = 256
    """How many groups a gate may reject in one optimiser step; it admits all beyond, so that a step always ends."""
    params: Any = None
    """The method's own dataclass; None for its defaults."""

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"method must be one of {', '.join(sorted(METHODS))}, got {self.method!r}")
        method = METHODS[self.method]
        if self.params is None:
            object.__setattr__(self, "params", method.params())
        if type(self.params) is not method.params:
            raise ValueError(
                f"params must be {method.params.__name__} for method {self.method!r}, got {self.params!r}"
            )
        checks.integer(self, "seed", 0, 2**63 - 1)
        checks.flag(self, "repeat")
        checks.number(self, "floor", 0.0, 1.0)
        checks.number(self, "cap", 1e-9, 1.0)
        checks.integer(self, "cooldown", 0, 2**31)
        checks.mapping(self, "quota")
        check_shares("quota", self.quota, 1.0)
        checks.integer(self, "unique_budget", 0, 2**31)
        checks.one_of(self, "gate", GATES)
        checks.number(self, "gate_low", 0.0, 1.0)
        checks.number(self, "gate_high", 0.0, 1.0)
        checks.integer(self, "gate_refills", 0, 2**31)
        if self.gate == "band" and self.gate_low > self.gate_high:
            raise ValueError(f"gate_low must not exceed gate_high, got {self.gate_low} > {self.gate_high}")
        for key, reason in method.refuses.items():
            value = getattr(self, key)
            if value != _default(key):
                raise ValueError(
                    f"{key}={value!r} means nothing to method {self.method!r}: {reason}; drop it"
                )

    @classmethod
    def of(cls, mapping: Mapping[str, Any] | None = None, /, **settings: Any) -> CurriculumConfig:
        """Return the configuration of a flat mapping, e.g. {method: sec, seed: 1, tau: 0.5}, and of keywords.

        Raises ValueError for a key that is neither common nor the method's own, naming those that are.
        """
        flat = {**(mapping or {}), **settings}
        name = flat.get("method", cls.method)
        if name not in METHODS:
            raise ValueError(f"method must be one of {', '.join(sorted(METHODS))}, got {name!r}")
        method = METHODS[name]
        own = {key: flat.pop(key) for key in method.own_keys if key in flat}
        unknown = sorted(set(flat) - set(COMMON) - {"method"})
        if unknown:
            raise ValueError(
                f"{unknown[0]} is not a setting of method {name!r}; known: {', '.join(keys_of(name))}"
            )
        return cls(**flat, params=method.params(**own))

    def as_dict(self) -> dict[str, Any]:
        """Return the settings by name, flat, as JSON values; what `of` takes."""
        common = {key: getattr(self, key) for key in keys_of(self.method) if key in (*COMMON, "method")}
        return json.loads(json.dumps({**common, **asdict(self.params)}))

    def digest(self) -> str:
        """Return a hash of all settings: a state saved under another one is refused."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()


COMMON: tuple[str, ...] = tuple(
    item.name for item in fields(CurriculumConfig) if item.name not in ("method", "params")
)
"""Names of the settings that every curriculum has."""


def keys_of(name: str) -> tuple[str, ...]:
    """Return every key of a method's YAML: `method`, the common ones that it honours, its own."""
    method = METHODS[name]
    return ("method", *(key for key in COMMON if key not in method.refuses), *method.own_keys)


def _default(key: str) -> Any:
    item = next(item for item in fields(CurriculumConfig) if item.name == key)
    return item.default_factory() if callable(item.default_factory) else item.default
