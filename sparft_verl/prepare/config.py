"""The settings of stage A in one object; `settings` makes it from a file and a command line."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.util import find_spec

from sparft_verl.prepare.cache import Cache, default_folder
from sparft_verl.prepare.clean import CleanConfig
from sparft_verl.prepare.cluster import ClusterConfig
from sparft_verl.prepare.difficulty import DifficultyConfig
from sparft_verl.prepare.embed import EmbedConfig
from sparft_verl.prepare.engine import EngineConfig
from sparft_verl.prepare.errors import require
from sparft_verl.prepare.features import FeaturesConfig
from sparft_verl.prepare.read import DataConfig
from sparft_verl.prepare.selection import SelectConfig

FORMATS = ("npy", "safetensors")


@dataclass
class PrepareConfig:
    """Everything `sparft prepare` can be told."""

    data: DataConfig = field(default_factory=DataConfig)
    """What is read."""
    out: str = "???"
    """Folder the artefact is written to; an earlier artefact there is replaced at the end."""
    clean: CleanConfig = field(default_factory=CleanConfig)
    """Which prompts are left out."""
    difficulty: DifficultyConfig = field(default_factory=DifficultyConfig)
    """How hard a prompt is."""
    embed: EmbedConfig = field(default_factory=EmbedConfig)
    """How prompts become vectors."""
    features: FeaturesConfig = field(default_factory=FeaturesConfig)
    """How vectors and difficulty are put together."""
    cluster: ClusterConfig = field(default_factory=ClusterConfig)
    """How prompts are grouped into arms."""
    select: SelectConfig = field(default_factory=SelectConfig)
    """How many prompts are kept."""
    engine: EngineConfig = field(default_factory=EngineConfig)
    """Who embeds and rolls out."""
    cache: str | None = "auto"
    """Folder for results of stages; auto is $SPARFT_CACHE, else the user's cache folder; null keeps none."""
    embeddings: str = "npy"
    """npy or safetensors: format in which the artefact keeps the embeddings."""
    report: bool = True
    """Whether a page about the artefact is written beside it, as OUT.html."""
    seed: int = 0
    """Seed of whatever is drawn: k-means starts, bootstraps, the lexical SVD, random selection, rollouts."""
    threads: int = 0
    """CPU threads; 0 takes OMP_NUM_THREADS, else the CPUs this process may use. Changes no result."""

    def __post_init__(self) -> None:
        fix = "correct it on the command line"
        require(0 <= self.seed < 2**63, "seed must lie in [0, 2**63)", self.seed, fix)
        require(self.threads >= 0, "threads must be 0 or more", self.threads, fix)
        known = f"embeddings must be one of {', '.join(FORMATS)}"
        require(self.embeddings in FORMATS, known, repr(self.embeddings), fix)
        folder = "cache must be a folder, auto, or null for none"
        require(self.cache is None or bool(self.cache), folder, repr(self.cache), fix)

    def check(self) -> None:
        """Raise PrepareError unless the settings without a default are given and what they need is installed."""
        self.data.inputs()
        given = bool(self.out) and self.out != "???"
        require(given, "out must name the artefact's folder", repr(self.out), "give out=artefact/")
        require(
            self.embeddings == "npy" or find_spec("safetensors") is not None,
            "embeddings=safetensors needs the package safetensors",
            "none",
            "install it, or use embeddings=npy",
        )

    def open_cache(self, read_only: bool = False) -> Cache:
        """Return the cache that is asked for."""
        return Cache(default_folder() if self.cache == "auto" else self.cache, read_only)
