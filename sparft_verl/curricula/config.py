"""What a user may set about a curriculum; the field names are the keys of its YAML."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from sparft_verl.curricula.registry import METHODS

CHOICES = ("slot", "batch")


@dataclass(frozen=True)
class CurriculumConfig:
    """Which curriculum, and its parameters. Raises ValueError at construction, naming key, value and fix."""

    method: str = "sparft"
    """Name of the curriculum; `METHODS` lists them."""
    seed: int = 0
    """Seed of every draw, 0 .. 2**63 - 1; same seed and same feedback serve the same prompts."""
    choice: str = "slot"
    """`slot` chooses an arm for each prompt of a batch; `batch`, the paper's, one arm for the whole batch."""
    sigma: float = 1.0
    """Standard deviation of an arm's Gaussian posterior before its first pull, in units of solve rate, 1e-6 .. 1e6."""
    repeat: bool = False
    """Whether one batch may hold the same prompt twice."""

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"method must be one of {', '.join(sorted(METHODS))}, got {self.method!r}")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**63:
            raise ValueError(f"seed must be an integer in 0 .. 2**63 - 1, got {self.seed!r}")
        if self.choice not in CHOICES:
            raise ValueError(f"choice must be one of {', '.join(CHOICES)}, got {self.choice!r}")
        number = isinstance(self.sigma, int | float) and not isinstance(self.sigma, bool)
        if not number or not 1e-6 <= self.sigma <= 1e6:
            raise ValueError(f"sigma must be a number in 1e-6 .. 1e6, got {self.sigma!r}; 1.0 is the default")
        object.__setattr__(self, "sigma", float(self.sigma))
        if not isinstance(self.repeat, bool):
            raise ValueError(f"repeat must be true or false, got {self.repeat!r}")

    def as_dict(self) -> dict[str, object]:
        """Return the fields by name, as JSON values."""
        return asdict(self)

    def digest(self) -> str:
        """Return a hash of all fields: a state saved under another one is refused."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()
