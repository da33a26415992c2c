"""Rollouts by vLLM, all prompts of a job in one call."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

from sparft_verl.prepare.errors import PrepareError
from sparft_verl.prepare.rollouts_config import SETTING, Answers, Plan, Request, RolloutsConfig
from sparft_verl.prepare.rollouts_model import Renderer


class VllmRollouts:
    """Answers k times to each prompt of a job.

    Every prompt has a seed of its own, hashed from the run's seed and the prompt, and vLLM gives its k answers
    that seed plus 0 .. k - 1. The logits still change in their last bits with what is batched together, so that
    answers are reproducible for the same jobs only, unless VLLM_BATCH_INVARIANT=1 is set.
    """

    def __init__(self, config: RolloutsConfig, plan: Plan, seed: int) -> None:
        # one process: the scheduler is deterministic only without an engine process of its own
        os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
        try:
            from vllm import LLM
        except ImportError as e:
            raise PrepareError(
                f"{SETTING}.engine=vllm needs vLLM, but {e}; install sparft-verl[gpu], or use engine=transformers"
            ) from e
        self._config, self._seed = config, seed
        self._renderer = Renderer(config, plan)
        settings = {
            "model": plan.source,
            "revision": plan.revision,
            "tokenizer_revision": plan.revision,
            "dtype": plan.dtype,
            "trust_remote_code": config.trust_remote_code,
            "seed": 0,
            **config.vllm,
        }
        try:
            self._llm = LLM(**settings)
        except (OSError, TypeError, ValueError, RuntimeError) as e:
            raise PrepareError(
                f"{SETTING}.model={config.model} must be a model that vLLM can load with {SETTING}.vllm="
                f"{config.vllm}, but {type(e).__name__}: {e}; correct these, or use engine=transformers"
            ) from e
        self._room = int(self._llm.llm_engine.model_config.max_model_len)

    def __call__(self, job: Sequence[Request]) -> list[Answers]:
        """Return the answers to every prompt of the job, in order."""
        from vllm import SamplingParams

        config = self._config
        prompts = [self._renderer.tokens(request.messages) for request in job]
        found = [Answers([], [], 0, len(prompt)) for prompt in prompts]
        fit = [i for i, prompt in enumerate(prompts) if len(prompt) + config.max_tokens <= self._room]
        # within the job a prompt's k answers share it; what earlier jobs left there would change the batches
        self._llm.reset_prefix_cache()
        outputs = self._llm.generate(
            [{"prompt_token_ids": prompts[i]} for i in fit],
            [
                SamplingParams(
                    n=config.k,
                    seed=request_seed(self._seed, job[i].digest),
                    temperature=config.temperature,
                    top_p=config.top_p,
                    top_k=config.top_k,
                    max_tokens=config.max_tokens,
                    detokenize=False,
                )
                for i in fit
            ],
            use_tqdm=False,
        )
        for i, output in zip(fit, outputs, strict=True):
            rows = [list(answer.token_ids) for answer in output.outputs]
            found[i] = Answers(
                texts=[self._renderer.text(row) for row in rows],
                cut=[answer.finish_reason == "length" for answer in output.outputs],
                tokens=sum(len(row) for row in rows),
                prompt_tokens=len(prompts[i]),
            )
        return found


def request_seed(seed: int, digest: str) -> int:
    """Return 0 .. 2**62 - 1 by a hash: vLLM counts on from it, so that neighbours would share answers."""
    return int(hashlib.sha256(f"{seed}:{digest}".encode()).hexdigest()[:16], 16) >> 2
