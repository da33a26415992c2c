"""The embedder that runs a pooling model in vLLM, for throughput on GPUs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from sparft_verl.prepare.embed_config import EmbedConfig
from sparft_verl.prepare.embed_model import locate
from sparft_verl.prepare.errors import require

_IN_PROCESS = "VLLM_ENABLE_V1_MULTIPROCESSING"


class VllmModel:
    """vLLM's pooling runner. It forms batches of its own within a shard, in an order that it repeats.

    Not run on a device yet (`gpu` tests). vLLM sets the global seeds of
    `random`, NumPy and torch when it starts; stage A draws from none of them.
    """

    def __init__(self, config: EmbedConfig) -> None:
        from vllm import LLM

        # What another prompt left in the prefix cache changes how a sum is split, and with it the last bits.
        fixed = {"runner": "pooling", "seed": 0, "enable_prefix_caching": False}
        with _scheduling_in_this_process():
            self.llm = LLM(model=locate(config).folder, **{**fixed, "dtype": config.dtype, **config.vllm})
        self.tokenizer = self.llm.get_tokenizer()
        limit = int(self.llm.model_config.max_model_len)
        self.max_tokens = min(limit, config.max_tokens or limit)

    def __call__(self, texts: Sequence[str]) -> tuple[np.ndarray[Any, Any], int]:
        """Return float32 [n, d] and how many tokens were read.

        Texts are cut to the limit by the model's tokenizer, which keeps its closing token; vLLM itself would
        refuse a longer one.
        """
        ids = self.tokenizer(list(texts), truncation=True, max_length=self.max_tokens)["input_ids"]
        empty = [i for i, tokens in enumerate(ids) if not tokens]
        require(
            not empty,
            "embed.engine=vllm needs at least one token per prompt",
            f"none in {texts[empty[0]]!r}" if empty else "",
            "remove that prompt, or use embed.engine=sentence_transformers",
        )
        outputs = self.llm.embed([{"prompt_token_ids": tokens} for tokens in ids], use_tqdm=False)
        vectors = np.array([output.outputs.embedding for output in outputs], dtype=np.float32)
        return vectors, sum(map(len, ids))


@contextmanager
def _scheduling_in_this_process() -> Iterator[None]:
    """Have vLLM schedule in this process, which makes the order of its batches repeat; an own setting wins."""
    if _IN_PROCESS in os.environ:
        yield
        return
    os.environ[_IN_PROCESS] = "0"
    try:
        yield
    finally:
        del os.environ[_IN_PROCESS]
