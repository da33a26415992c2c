"""The embedder that runs a sentence-transformers model."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sparft_verl.prepare.errors import PrepareError, require
from sparft_verl.prepare.threads import limited

if TYPE_CHECKING:
    from sparft_verl.prepare.embed import EmbedConfig

_MODULE = "module:"
_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
_FIXES = (
    "give embed.model=FOLDER with the model in it, or embed.model=module:NAME of an installed package that "
    "carries one, fetch it beforehand with `hf download`, or choose "
    "embed.engine=lexical (word overlap, no model)"
)


class SentenceModel:
    """A sentence-transformers model; prompts are batched by length in one fixed order."""

    def __init__(self, config: EmbedConfig, threads: int) -> None:
        try:
            import sentence_transformers
            import torch
        except ImportError as e:
            raise PrepareError(
                f"embed.engine=sentence_transformers needs that package, but {e}; install sparft-verl[cpu] "
                "or [gpu], or choose embed.engine=lexical (word overlap, no model)"
            ) from e
        self.config, self.threads = config, threads
        has_cuda = torch.cuda.is_available()
        self.device = ("cuda" if has_cuda else "cpu") if config.device == "auto" else config.device
        require(
            has_cuda or not self.device.startswith("cuda"),
            f"embed.device={config.device} needs a GPU that torch sees",
            "none",
            "use embed.device=cpu",
        )
        source, self.weights = _locate(config)
        self.model = _load(source, config, self.device)
        if config.max_tokens is not None:
            self.model.max_seq_length = config.max_tokens
        self.versions = {
            "sentence-transformers": sentence_transformers.__version__,
            "torch": torch.__version__,
            "transformers": importlib.import_module("transformers").__version__,
        }

    def describe(self) -> dict[str, Any]:
        """Return what the manifest says about this embedder."""
        inner = getattr(self.model[0], "auto_model", None)
        return {
            "engine": "sentence_transformers",
            "model": self.config.model,
            "commit": getattr(getattr(inner, "config", None), "_commit_hash", None),
            "weights_sha256": self.weights,
            "max_tokens": self.model.max_seq_length,
            "device": self.device,
            "versions": self.versions,
        }

    def encode(self, texts: Sequence[str]) -> np.ndarray[Any, Any]:
        """Return float32 [n, d]. Longest first, ties in input order, so that batches are always the same."""
        from tqdm import tqdm

        order = sorted(range(len(texts)), key=lambda i: (-len(texts[i]), i))
        rows: list[np.ndarray[Any, Any]] = []
        size = self.config.batch_size
        with limited(self.threads), tqdm(total=len(order), desc="embed", unit="prompt", delay=2) as bar:
            for start in range(0, len(order), size):
                batch = [texts[i] for i in order[start : start + size]]
                rows.append(self.model.encode(batch, batch_size=size, show_progress_bar=False))
                bar.update(len(batch))
        vectors = np.concatenate(rows).astype(np.float32)
        result = np.empty_like(vectors)
        result[order] = vectors
        return result


def _locate(config: EmbedConfig) -> tuple[str, str | None]:
    """Return where to load from, and the sha256 of the weights when they are a local folder."""
    source = config.model
    if source.startswith(_MODULE):
        name = source.removeprefix(_MODULE)
        try:
            source = str(importlib.import_module(name).get_model_path())
        except (ImportError, AttributeError) as e:
            raise PrepareError(
                f"embed.model=module:NAME needs an installed package with get_model_path(), but {e}; {_FIXES}"
            ) from e
    weights = weights_sha256(Path(source)) if Path(source).is_dir() else None
    if config.weights_sha256 is not None:
        require(
            weights == config.weights_sha256,
            f"the weights of embed.model={config.model} must have sha256 {config.weights_sha256}",
            weights or "a hub name, which has no folder to check",
            "use the model you trust; a hub model is pinned by embed.revision",
        )
    return source, weights


def weights_sha256(folder: Path) -> str | None:
    """Return the sha256 of a model folder's weight file, of the checksums of several, or None without one."""
    import hashlib

    from sparft_verl.artefact import sha256_file

    sums = [sha256_file(path) for pattern in _WEIGHTS for path in sorted(folder.rglob(pattern))]
    if len(sums) < 2:
        return sums[0] if sums else None
    return hashlib.sha256("\n".join(sums).encode()).hexdigest()


def _load(source: str, config: EmbedConfig, device: str) -> Any:
    """Load from the folder or the local cache, else from the hub if it answers (its retries take minutes)."""
    from huggingface_hub import HfApi
    from sentence_transformers import SentenceTransformer

    def load(local: bool) -> Any:
        return SentenceTransformer(source, device=device, revision=config.revision, local_files_only=local)

    try:
        return load(local=True)
    except (OSError, ValueError, RuntimeError) as e:
        failure: Exception = e
    if not Path(source).exists() and os.environ.get("HF_HUB_OFFLINE", "0").lower() not in (
        "1",
        "true",
        "yes",
    ):
        try:
            HfApi().model_info(source, revision=config.revision, timeout=10)
            return load(local=False)
        # httpx and requests have error trees of their own, and which of them is in use depends on the version
        except Exception as e:
            failure = e
    cause = (str(failure).strip().splitlines() or [type(failure).__name__])[0]
    raise PrepareError(
        f"embed.model must be a folder, in the local cache, or reachable on the hub, but {config.model!r} is "
        f"none of these ({type(failure).__name__}: {cause}); {_FIXES}"
    ) from failure
