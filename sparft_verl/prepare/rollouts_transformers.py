"""Rollouts by transformers' own `generate`, one prompt at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers import (
    AutoModelForCausalLM,
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from sparft_verl.prepare.errors import PrepareError, require
from sparft_verl.prepare.rollouts_config import SETTING, Answers, Plan, Request, RolloutsConfig
from sparft_verl.prepare.rollouts_model import Renderer
from sparft_verl.prepare.threads import limited


class Inversion(LogitsProcessor):
    """Leaves one token per row: that of a given uniform number in the row's cumulative distribution.

    With this as its last step, greedy search samples, from numbers of our own instead of torch's global
    generator.
    """

    def __init__(self, uniform: torch.Tensor, prompt_tokens: int) -> None:
        """`uniform` float64 [k, max_tokens] in [0, 1): one number per token to come."""
        self._uniform = uniform
        self._prompt_tokens = prompt_tokens

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return scores [k, V] that are -inf for all but the drawn tokens."""
        cumulative = scores.softmax(-1, dtype=torch.float64).cumsum(-1)
        total = cumulative[:, -1:]
        drawn = self._uniform[:, input_ids.shape[1] - self._prompt_tokens].unsqueeze(-1)
        # the sum is 1 only up to rounding; a target strictly below it never passes the last possible token
        target = torch.minimum(drawn * total, torch.nextafter(total, torch.zeros_like(total)))
        token = torch.searchsorted(cumulative, target, right=True)
        return torch.full_like(scores, -torch.inf).scatter_(-1, token, 0.0)


class TransformersRollouts:
    """Answers k times to each prompt of a job.

    A batch is one prompt, k times: no padding, and nothing that other prompts could change. The random numbers
    come from Philox keyed by the seed and the prompt's digest, so that an answer depends on neither the job
    nor the worker. On a CPU, attention is the plain one, whose sums were found not to depend on the number of
    threads (torch's fused one splits them by it).
    """

    def __init__(self, config: RolloutsConfig, plan: Plan, seed: int, threads: int) -> None:
        self._config, self._seed, self._threads = config, seed, threads
        self._renderer = Renderer(config, plan)
        require(
            not plan.device.startswith("cuda") or torch.cuda.is_available(),
            f"{SETTING}.device={plan.device} needs a GPU that torch sees",
            "none",
            f"use {SETTING}.device=cpu",
        )
        eager = {"attn_implementation": "eager"} if plan.device == "cpu" else {}
        try:
            self._model = AutoModelForCausalLM.from_pretrained(
                plan.source,
                revision=plan.revision,
                dtype=plan.dtype,
                trust_remote_code=config.trust_remote_code,
                **eager,
            ).eval()
        except (OSError, ValueError) as e:
            raise PrepareError(
                f"{SETTING}.model={config.model} must be a causal language model that transformers can load, "
                f"but {e}; name another"
            ) from e
        self._model.to(plan.device)
        self._end = self._end_tokens()
        pad = self._renderer.tokenizer.pad_token_id
        # in the model's place, because `generate` fills in from there whatever is not set
        self._model.generation_config = GenerationConfig(
            do_sample=False,
            max_new_tokens=config.max_tokens,
            eos_token_id=self._end or None,
            pad_token_id=pad if pad is not None else (self._end or [0])[0],
        )
        text_config = self._model.config.get_text_config()
        self._room = getattr(text_config, "max_position_embeddings", None)

    def __call__(self, job: Sequence[Request]) -> list[Answers]:
        """Return the answers to every prompt of the job, in order."""
        with limited(self._threads), torch.inference_mode():
            return [self._answer(request) for request in job]

    def _answer(self, request: Request) -> Answers:
        prompt = self._renderer.tokens(request.messages)
        config = self._config
        if self._room is not None and len(prompt) + config.max_tokens > self._room:
            return Answers([], [], 0, len(prompt))
        ids = torch.tensor([prompt] * config.k, device=self._model.device)
        out = self._model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            logits_processor=self._processors(request, len(prompt)),
        )
        rows = [self._until_end(row) for row in out[:, len(prompt) :].tolist()]
        return Answers(
            texts=[self._renderer.text(row) for row, _ in rows],
            cut=[cut for _, cut in rows],
            tokens=sum(len(row) for row, _ in rows),
            prompt_tokens=len(prompt),
        )

    def _processors(self, request: Request, prompt_tokens: int) -> LogitsProcessorList:
        config = self._config
        steps: list[Any] = []
        if config.temperature == 0:
            return LogitsProcessorList(steps)
        if config.temperature != 1:
            steps.append(TemperatureLogitsWarper(config.temperature))
        if config.top_k:
            steps.append(TopKLogitsWarper(config.top_k))
        if config.top_p < 1:
            steps.append(TopPLogitsWarper(config.top_p))
        key = [self._seed, int(request.digest[:16], 16)]
        uniform = np.random.Generator(np.random.Philox(key=key)).random((config.k, config.max_tokens))
        numbers = torch.from_numpy(uniform).to(self._model.device)
        return LogitsProcessorList([*steps, Inversion(numbers, prompt_tokens)])

    def _end_tokens(self) -> list[int]:
        own = self._model.generation_config.eos_token_id
        ids = {self._renderer.tokenizer.eos_token_id, *(own if isinstance(own, list) else [own])}
        return sorted(i for i in ids if i is not None)

    def _until_end(self, row: list[int]) -> tuple[list[int], bool]:
        """Return an answer up to and with its end token, and whether it was cut before it had one."""
        for place, token in enumerate(row):
            if token in self._end:
                return row[: place + 1], False
        return row, True
