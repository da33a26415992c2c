"""The `curriculum` block of a verl configuration, read and validated."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue

from sparft_verl.curricula import CurriculumConfig
from sparft_verl.verl_plugin.errors import CurriculumError
from sparft_verl.verl_plugin.success import SuccessRule, parse_rules


@dataclass(frozen=True)
class CurriculumSettings:
    """Everything a run says about its curriculum."""

    artefact: str
    """Folder written by `sparft prepare`."""
    curriculum: CurriculumConfig
    """Which curriculum, and its own parameters."""
    max_missing: float = 0.05
    """Largest share of the artefact's selected rows that may be absent from the training data."""
    success: Mapping[str, SuccessRule] = field(default_factory=dict)
    """How a score becomes a success in [0, 1], by data source or "*"."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.max_missing < 1.0:
            raise CurriculumError(
                f"curriculum.max_missing is a share in [0, 1), got {self.max_missing}; 0.05 is the default"
            )


def read_settings(config: DictConfig) -> CurriculumSettings:
    """Return the settings in `config.curriculum`.

    Raises CurriculumError when the block is absent, is a bare string (the package's config group was not
    found), lacks the artefact, or holds an unknown or invalid key.
    """
    block = config.get("curriculum")
    if not isinstance(block, DictConfig):
        raise CurriculumError(
            f"curriculum must be a configuration block, got {block!r}. The config group of sparft-verl was not "
            "found: install sparft-verl on this machine, or add 'hydra.searchpath=[pkg://sparft_verl.config]'."
        )
    try:
        raw: dict[str, Any] = OmegaConf.to_container(block, resolve=True, throw_on_missing=True)  # type: ignore[assignment]
    except MissingMandatoryValue as error:
        raise CurriculumError(
            "curriculum.artefact is missing. Add curriculum.artefact=FOLDER, a folder written by "
            "`sparft prepare data.train_files=... out=FOLDER`."
        ) from error
    own = {name: raw.pop(name) for name in ("artefact", "max_missing", "success") if name in raw}
    try:
        curriculum = CurriculumConfig.of(raw)
    except (TypeError, ValueError) as error:
        raise CurriculumError(f"curriculum.{error}") from error
    return CurriculumSettings(
        artefact=str(own["artefact"]),
        curriculum=curriculum,
        max_missing=float(own.get("max_missing", 0.05)),
        success=parse_rules(own.get("success")),
    )


def check_workers(config: DictConfig) -> None:
    """Raise CurriculumError if verl's data loader would draw prompts in processes of its own."""
    workers = OmegaConf.select(config, "data.dataloader_num_workers")
    if workers:
        raise CurriculumError(
            f"A curriculum needs data.dataloader_num_workers=0, got {workers}: workers fetch prompts ahead of "
            "the feedback that should choose them. Remove that override."
        )
