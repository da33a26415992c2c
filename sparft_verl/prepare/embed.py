"""Stage 2: one vector per prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from sparft_verl.prepare.errors import PrepareError, require

ENGINES = ("sentence_transformers", "lexical")
DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"


@dataclass
class EmbedConfig:
    """How prompts become vectors."""

    engine: str = "sentence_transformers"
    """sentence_transformers (a model), or lexical (TF-IDF + SVD: word overlap, no model, not semantic)."""
    model: str = DEFAULT_MODEL
    """Hub name, a folder, or module:NAME for an installed Python package with get_model_path()."""
    revision: str | None = None
    """Commit or tag of a hub model, to pin it."""
    weights_sha256: str | None = None
    """Expected sha256 of the weights of a folder or module; anything else is refused."""
    device: str = "auto"
    """auto (cuda if torch sees one, else cpu), cpu, cuda or cuda:N."""
    batch_size: int = 64
    """Prompts per forward pass; part of what makes a result bit-reproducible."""
    max_tokens: int | None = None
    """Cut prompts to so many tokens; null leaves the model's own limit."""
    lexical_dim: int = 64
    """Dimensions of the lexical engine."""

    def __post_init__(self) -> None:
        fix = "correct it on the command line"
        require(
            self.engine in ENGINES,
            f"embed.engine must be one of {', '.join(ENGINES)}",
            repr(self.engine),
            fix,
        )
        require(bool(self.model), "embed.model must name a model", repr(self.model), fix)
        require(self.batch_size >= 1, "embed.batch_size must be at least 1", self.batch_size, fix)
        require(self.lexical_dim >= 1, "embed.lexical_dim must be at least 1", self.lexical_dim, fix)
        tokens_ok = self.max_tokens is None or self.max_tokens >= 1
        require(tokens_ok, "embed.max_tokens must be null or at least 1", self.max_tokens, fix)
        device_ok = self.device in ("auto", "cpu") or self.device.startswith("cuda")
        require(device_ok, "embed.device must be auto, cpu, cuda or cuda:N", repr(self.device), fix)


class Embedder(Protocol):
    """What stage A asks of an embedding back end."""

    def encode(self, texts: Sequence[str]) -> np.ndarray[Any, Any]:
        """Return float32 [n, d]; the same texts in the same order give the same bits."""

    def describe(self) -> dict[str, Any]:
        """Return what the manifest says of it: engine, model, versions of its packages, and more."""


def build(config: EmbedConfig, seed: int, threads: int) -> Embedder:
    """Return the embedder asked for. PrepareError when it cannot be had; no silent fallback."""
    if config.engine == "lexical":
        from sparft_verl.prepare.lexical import Lexical

        return Lexical(config, seed)
    from sparft_verl.prepare.sentence import SentenceModel

    return SentenceModel(config, threads)


def embed(embedder: Embedder, texts: Sequence[str]) -> np.ndarray[Any, Any]:
    """Return float32 [N, d]: equal texts are encoded once. Raises PrepareError on NaN or inf."""
    first: dict[str, int] = {}
    index = np.array([first.setdefault(text, len(first)) for text in texts], dtype=np.int64)
    vectors = np.asarray(embedder.encode(list(first)), dtype=np.float32)
    if vectors.ndim != 2 or len(vectors) != len(first) or vectors.shape[1] == 0:
        raise PrepareError(
            f"an embedder must return one vector per text, "
            f"but {len(first)} texts gave shape {vectors.shape}; "
            "use another embed.model"
        )
    vectors = vectors[index]
    check_finite(vectors)
    return vectors


def check_finite(vectors: np.ndarray[Any, Any]) -> None:
    """Raise PrepareError naming the first row that holds NaN or inf."""
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    require(
        len(bad) == 0,
        "embeddings must be finite",
        f"NaN or inf in {len(bad)} rows, first in row {bad[0] if len(bad) else -1}",
        "look at that prompt, or use another embed.model or embed.device=cpu",
    )
