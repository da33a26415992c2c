"""The embedder that runs a sentence-transformers model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from sparft_verl.prepare.embed_config import EmbedConfig
from sparft_verl.prepare.embed_model import choose_device, locate
from sparft_verl.prepare.embed_shards import batches
from sparft_verl.prepare.errors import PrepareError
from sparft_verl.prepare.threads import limited


class SentenceModel:
    """A sentence-transformers model.

    On a CPU each forward pass runs on one core, several side by side: how sums are split, and so rounded, then
    does not depend on the number of threads.
    """

    def __init__(self, config: EmbedConfig, threads: int) -> None:
        from sentence_transformers import SentenceTransformer

        self.config = config
        self.device, _ = choose_device(config)
        self.lanes = max(1, threads) if self.device == "cpu" else 1
        kwargs = {} if config.dtype == "auto" else {"dtype": config.dtype}
        try:
            self.model = SentenceTransformer(
                locate(config).folder, device=self.device, local_files_only=True, model_kwargs=kwargs
            )
        except (OSError, ValueError, RuntimeError, KeyError) as e:
            cause = (str(e).strip().splitlines() or [type(e).__name__])[0]
            raise PrepareError(
                f"embed.model={config.model} must be a model that sentence-transformers can load, "
                f"but {type(e).__name__}: {cause}; use another model"
            ) from e
        self.model.eval()
        if config.max_tokens is not None:
            self.model.max_seq_length = config.max_tokens
        name = self.model.default_prompt_name
        self.prompt = self.model.prompts.get(name) if name else None

    def __call__(self, texts: Sequence[str]) -> tuple[np.ndarray[Any, Any], int]:
        """Return float32 [n, d] and how many tokens were read; `texts` come longest first."""
        import torch

        rows: list[np.ndarray[Any, Any]] = []
        tokens = 0
        with (
            limited(1),
            # a thread takes its number of OpenMP threads when it first asks, so it is told as it starts
            ThreadPoolExecutor(self.lanes, initializer=torch.set_num_threads, initargs=(1,)) as pool,
        ):
            for features, done in self._in_flight(pool, texts):
                tokens += _tokens(features)
                rows.append(done.result())
        return np.concatenate(rows), tokens

    def _in_flight(
        self, pool: ThreadPoolExecutor, texts: Sequence[str]
    ) -> Iterator[tuple[dict[str, Any], Future[np.ndarray[Any, Any]]]]:
        """Yield batches in order, two more than there are lanes under way; a fast tokenizer allows one thread."""
        waiting: list[tuple[dict[str, Any], Future[np.ndarray[Any, Any]]]] = []
        for batch in batches(texts, self.config.batch_size):
            features = self.model.preprocess(list(batch), prompt=self.prompt)
            waiting.append((features, pool.submit(self._forward, dict(features))))
            if len(waiting) > self.lanes + 1:
                yield waiting.pop(0)
        yield from waiting

    def _forward(self, features: dict[str, Any]) -> np.ndarray[Any, Any]:
        import torch
        from sentence_transformers.util import batch_to_device

        with torch.inference_mode():
            vectors = self.model(batch_to_device(features, self.device))["sentence_embedding"]
            return vectors[:, : self.model.truncate_dim].float().cpu().numpy()


def _tokens(features: dict[str, Any]) -> int:
    mask = features.get("attention_mask")
    return int(mask.sum()) if mask is not None else int(features["input_ids"].numel())
