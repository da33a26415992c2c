"""The settings of stage A in one object, and how a command line becomes one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from sparft_verl.prepare.cluster import ClusterConfig
from sparft_verl.prepare.difficulty import DifficultyConfig
from sparft_verl.prepare.embed import EmbedConfig
from sparft_verl.prepare.errors import PrepareError, require
from sparft_verl.prepare.features import FeaturesConfig
from sparft_verl.prepare.read import DataConfig
from sparft_verl.prepare.selection import SelectConfig


@dataclass
class PrepareConfig:
    """Everything `sparft prepare` can be told."""

    data: DataConfig = field(default_factory=DataConfig)
    """What is read."""
    out: str = "???"
    """Folder the artefact is written to; an earlier artefact there is replaced at the end."""
    embed: EmbedConfig = field(default_factory=EmbedConfig)
    """How prompts become vectors."""
    difficulty: DifficultyConfig = field(default_factory=DifficultyConfig)
    """How hard a prompt is."""
    features: FeaturesConfig = field(default_factory=FeaturesConfig)
    """How vectors and difficulty are put together."""
    cluster: ClusterConfig = field(default_factory=ClusterConfig)
    """How prompts are grouped into arms."""
    select: SelectConfig = field(default_factory=SelectConfig)
    """How many prompts are kept."""
    seed: int = 0
    """Seed of k-means and of the lexical embedder's SVD; nothing else is drawn."""
    threads: int = 0
    """CPU threads of embedding and k-means; 0 takes OMP_NUM_THREADS, else the CPUs this process may use."""

    def __post_init__(self) -> None:
        fix = "correct it on the command line"
        require(0 <= self.seed < 2**63, "seed must lie in [0, 2**63)", self.seed, fix)
        require(self.threads >= 0, "threads must be 0 or more", self.threads, fix)

    def check(self) -> None:
        """Raise PrepareError unless the settings without a default are given."""
        self.data.files()
        given = bool(self.out) and self.out != "???"
        require(given, "out must name the artefact's folder", repr(self.out), "give out=artefact/")


def from_dotlist(arguments: Sequence[str]) -> PrepareConfig:
    """Return the configuration of a command line such as data.train_files=a.parquet cluster.k=8.

    Raises PrepareError for an argument that is no setting, a value of the wrong type or out of its range.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    for argument in arguments:
        if "=" not in argument or argument.startswith("-"):
            raise PrepareError(
                f"settings are written as name=value, but found {argument!r}; see `sparft prepare --help`"
            )
    try:
        merged = OmegaConf.merge(OmegaConf.structured(PrepareConfig), OmegaConf.from_dotlist(list(arguments)))
        # OmegaConf's own word on a missing value is less helpful than ours, which `check` says
        if OmegaConf.is_missing(merged, "out"):
            merged.out = ""
        if OmegaConf.is_missing(merged.data, "train_files"):
            merged.data.train_files = []
        config = OmegaConf.to_object(merged)
    except OmegaConfBaseException as e:
        reason = str(e).splitlines()[0]
        raise PrepareError(
            f"the settings must be those of `sparft prepare --help`, "
            f"but {reason} (at {e.full_key or 'top level'}); "
            "correct the name or the value"
        ) from e
    return cast(PrepareConfig, config)
