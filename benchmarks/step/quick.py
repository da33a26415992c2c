"""The generation engine alone against `transformers.generate`, at the same shape."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.step import assets
from sparft_verl.verl_plugin.cpu.engine import Engine
from sparft_verl.verl_plugin.cpu.sampling import SamplingParams


def measure(rounds: int = 15) -> dict[str, Any]:
    """Return seconds per batch of both, medians over `rounds` in turn; both give log-probabilities."""
    tokenizer = assets.build_tokenizer()
    vocabulary = -(-len(tokenizer) // 8) * 8
    end, pad = tokenizer.eos_token_id, tokenizer.pad_token_id
    model = assets.build_model(vocabulary, end, pad).eval()
    prompts = [
        tokenizer.encode(
            tokenizer.apply_chat_template(
                [{"role": "user", "content": f"copy {i % 10}{'x' * i}"}],
                add_generation_prompt=True,
                tokenize=False,
            )
        )
        for i in range(assets.PROMPTS)
    ]
    engine = Engine(model, eos_token_ids=[end], pad_token_id=pad)
    params = SamplingParams(max_tokens=assets.TOKENS, ignore_eos=True)

    def ours() -> int:
        requests = [engine.submit(prompt, params) for prompt in prompts for _ in range(assets.ROLLOUTS)]
        while engine.busy:
            engine.step()
        return sum(len(request.log_probs) for request in requests)

    length = max(map(len, prompts))
    ids = torch.tensor([[pad] * (length - len(prompt)) + prompt for prompt in prompts])
    mask = torch.tensor([[0] * (length - len(prompt)) + [1] * len(prompt) for prompt in prompts])

    def theirs() -> int:
        output = model.generate(
            ids,
            attention_mask=mask,
            do_sample=True,
            top_k=0,
            max_new_tokens=assets.TOKENS,
            min_new_tokens=assets.TOKENS,
            num_return_sequences=assets.ROLLOUTS,
            eos_token_id=end,
            pad_token_id=pad,
            output_scores=True,
            return_dict_in_generate=True,
        )
        scores = model.compute_transition_scores(output.sequences, output.scores, normalize_logits=True)
        return scores.numel()

    expected = assets.PROMPTS * assets.ROLLOUTS * assets.TOKENS
    for call in (ours, theirs):
        if call() != expected:
            raise RuntimeError(f"{call.__name__} did not give {expected} tokens")
    seconds: dict[str, list[float]] = {"engine": [], "generate": []}
    for _ in range(rounds):
        seconds["engine"].append(_timed(ours))
        seconds["generate"].append(_timed(theirs))
    engine_seconds, generate_seconds = (statistics.median(seconds[name]) for name in ("engine", "generate"))
    return {
        "tokens": expected,
        "engine_seconds": engine_seconds,
        "generate_seconds": generate_seconds,
        "ratio": engine_seconds / generate_seconds,
    }


def _timed(call: Callable[[], int]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
