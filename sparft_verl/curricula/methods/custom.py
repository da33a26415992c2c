"""A class of the user's own."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sparft_verl.curricula import checks
from sparft_verl.curricula.base import Curriculum
from sparft_verl.curricula.config import CurriculumConfig
from sparft_verl.curricula.registry import method
from sparft_verl.curricula.types import Arms


@dataclass(frozen=True)
class CustomParams:
    """Settings of `custom`."""

    class_path: str = ""
    """Dotted path of a subclass of `Curriculum`, pkg.module.Class, which is called with (config, arms)."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """What the class finds as config.params.options."""

    def __post_init__(self) -> None:
        if not isinstance(self.class_path, str):
            raise ValueError(
                f"class_path must be a dotted path such as pkg.module.Class, got {self.class_path!r}"
            )
        checks.mapping(self, "options")


@method(
    "custom",
    "Your own class, named by class_path=pkg.module.Class: for what no combination here says.",
    CustomParams,
)
def custom(config: CurriculumConfig, params: CustomParams, arms: Arms) -> Curriculum:
    """Return Class(config, arms); raises ValueError if there is no such class, or it is no curriculum."""
    module, _, name = params.class_path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(
            f"class_path={params.class_path!r} cannot be imported ({error}); give the dotted path of a class on "
            "PYTHONPATH, pkg.module.Class"
        ) from error
    if not (isinstance(found, type) and issubclass(found, Curriculum)):
        raise ValueError(
            f"class_path={params.class_path!r} is no subclass of sparft_verl.curricula.Curriculum; derive it from that"
        )
    return found(config, arms)  # type: ignore[call-arg]
