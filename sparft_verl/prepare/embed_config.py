"""The settings of the embedding, and which of its engines are which."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sparft_verl.prepare.errors import require

MODELS = ("sentence_transformers", "vllm")
ENGINES = (*MODELS, "lexical", "column", "npy")
DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
DTYPES = ("auto", "float32", "bfloat16", "float16")


@dataclass
class EmbedConfig:
    """How prompts become vectors."""

    engine: str = "sentence_transformers"
    """sentence_transformers or vllm (a model), lexical (TF-IDF + SVD: word overlap, no model, not semantic),
    column or npy (vectors made elsewhere)."""
    model: str = DEFAULT_MODEL
    """Hub name, a folder, or module:NAME for an installed Python package with get_model_path()."""
    revision: str | None = None
    """Commit, tag or branch of a hub model, to pin it."""
    weights_sha256: str | None = None
    """Expected sha256 of the model's weights; anything else is refused."""
    device: str = "auto"
    """auto (cuda if torch sees one, else cpu), cpu, cuda or cuda:N; of engine sentence_transformers."""
    dtype: str = "auto"
    """Numbers the model computes with: auto (those of its weights), float32, bfloat16 or float16."""
    batch_size: int = 64
    """Prompts per forward pass; part of what makes a result bit-reproducible."""
    max_tokens: int | None = None
    """Cut prompts to so many tokens; null leaves the model's own limit."""
    shard_size: int = 1024
    """Distinct prompts that are computed, kept in the cache and dealt to a worker together."""
    vllm: dict[str, Any] = field(default_factory=dict)
    """More arguments of vllm.LLM, such as {gpu_memory_utilization: 0.5, max_model_len: 4096}."""
    lexical_dim: int = 64
    """Dimensions of the lexical engine."""
    column: str | None = None
    """Column, or dotted path into structs, with a list of numbers per row; of engine column."""
    file: str | None = None
    """.npy file with one vector per input row in input order, or such a .safetensors file; of engine npy."""

    def __post_init__(self) -> None:
        fix = "correct it on the command line"
        rule = f"embed.engine must be one of {', '.join(ENGINES)}"
        require(self.engine in ENGINES, rule, repr(self.engine), fix)
        require(bool(self.model), "embed.model must name a model", repr(self.model), fix)
        dtypes = f"embed.dtype must be one of {', '.join(DTYPES)}"
        require(self.dtype in DTYPES, dtypes, repr(self.dtype), fix)
        for name in ("batch_size", "shard_size", "lexical_dim"):
            value = getattr(self, name)
            require(value >= 1, f"embed.{name} must be at least 1", value, fix)
        tokens_ok = self.max_tokens is None or self.max_tokens >= 1
        require(tokens_ok, "embed.max_tokens must be null or at least 1", self.max_tokens, fix)
        device_ok = self.device in ("auto", "cpu") or self.device.startswith("cuda")
        require(device_ok, "embed.device must be auto, cpu, cuda or cuda:N", repr(self.device), fix)
        for name, engine in (("column", "column"), ("file", "npy")):
            value = getattr(self, name)
            if self.engine == engine:
                require(
                    bool(value),
                    f"embed.engine={engine} needs embed.{name}",
                    repr(value),
                    f"give embed.{name}=…",
                )
            else:
                rule = f"embed.{name} is read by embed.engine={engine} alone"
                require(value is None, rule, f"embed.engine={self.engine}", f"set embed.engine={engine}")
        require(
            not self.vllm or self.engine == "vllm",
            "embed.vllm is read by embed.engine=vllm alone",
            f"embed.engine={self.engine}",
            "set embed.engine=vllm",
        )
