"""What one request asks of the sampler, and the arithmetic that answers it for a whole batch at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

_NEUTRAL = {
    "n": 1,
    "repetition_penalty": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "min_p": 0.0,
    "skip_special_tokens": True,
    "spaces_between_special_tokens": True,
    "include_stop_str_in_output": False,
    "detokenize": True,
}
"""Settings of other engines that this one does not have, with the value at which they change nothing."""


@dataclass(frozen=True)
class SamplingParams:
    """One request's sampling parameters, with the meaning they have in vLLM."""

    temperature: float = 1.0
    """0 takes the most probable token; any other value divides the logits."""
    top_p: float = 1.0
    """Keep the smallest set of tokens whose probability reaches this; 1 keeps all."""
    top_k: int = -1
    """Keep the k most probable tokens (and those equal to the k-th); -1 or 0 keeps all."""
    max_tokens: int = 16
    """Stop after this many new tokens."""
    min_tokens: int = 0
    """Do not stop at an end or stop token before this many."""
    stop: tuple[str, ...] = ()
    """Stop when the decoded answer contains one of these; its tokens stay in the answer."""
    stop_token_ids: tuple[int, ...] = ()
    """Stop at one of these tokens, which stays in the answer."""
    ignore_eos: bool = False
    """Go on after the model's own end tokens."""
    logprobs: bool = True
    """Return the log-probability of every token sampled."""
    seed: int | None = None
    """Seed of this request alone; without it the engine's seed and the request's order count."""

    def __post_init__(self) -> None:
        _require(self.temperature >= 0, "temperature", self.temperature, "a number >= 0; 0 is greedy")
        _require(0 < self.top_p <= 1, "top_p", self.top_p, "a number in (0, 1]; 1 switches it off")
        _require(self.top_k >= -1, "top_k", self.top_k, "a positive integer, or -1 to switch it off")
        _require(self.max_tokens >= 1, "max_tokens", self.max_tokens, "an integer >= 1")
        _require(
            0 <= self.min_tokens <= self.max_tokens, "min_tokens", self.min_tokens, "between 0 and max_tokens"
        )
        _require(all(self.stop), "stop", self.stop, "strings that are not empty")

    @classmethod
    def from_verl(cls, params: Mapping[str, Any], *, max_tokens: int) -> "SamplingParams":
        """Return the parameters in the dict that verl's agent loops send; `max_tokens` holds if it has none.

        Raises ValueError for a setting this engine does not know, unless it has the value that changes nothing.
        """
        given = {key: value for key, value in params.items() if value is not None}
        for key in [key for key in given if key in _NEUTRAL]:
            value = given.pop(key)
            _require(
                value == _NEUTRAL[key], key, value, f"{_NEUTRAL[key]!r}: this rollout does not implement it"
            )
        limit = given.pop("max_new_tokens", max_tokens)
        given.setdefault("max_tokens", limit)
        stop = given.pop("stop", ())
        given["stop"] = (stop,) if isinstance(stop, str) else tuple(stop)
        given["stop_token_ids"] = tuple(int(token) for token in given.pop("stop_token_ids", ()))
        unknown = sorted(set(given) - set(cls.__dataclass_fields__))
        if unknown:
            raise ValueError(
                f"The CPU rollout has no sampling parameter {', '.join(unknown)}; it knows "
                f"{', '.join(cls.__dataclass_fields__)}. Leave it out, or use a GPU rollout."
            )
        given["logprobs"] = given.get("logprobs", False) is not False
        return cls(**given)


def _require(holds: bool, name: str, value: object, rule: str) -> None:
    if not holds:
        raise ValueError(f"Sampling parameter {name}={value!r}; it must be {rule}.")


def keep_top(logits: torch.Tensor, top_k: torch.Tensor, top_p: torch.Tensor) -> torch.Tensor:
    """Return `logits` [B, V] with -inf in place of what top-k and then top-p take away, row by row.

    `top_k` [B] int64 (<= 0: off) and `top_p` [B] float (>= 1: off). Top-p sees the distribution that top-k
    leaves. Equal logits at the k-th place all stay; the most probable token always stays.
    """
    vocabulary = logits.shape[-1]
    ordered, order = logits.sort(dim=-1, descending=True)
    k = torch.where(top_k <= 0, vocabulary, top_k).clamp(max=vocabulary)
    kth = ordered.gather(-1, (k - 1).unsqueeze(-1))
    ordered = ordered.masked_fill(ordered < kth, -torch.inf)
    probability = ordered.softmax(-1, dtype=torch.float64)
    before = probability.cumsum(-1) - probability
    limit = torch.where(top_p >= 1, 2.0, top_p.double()).unsqueeze(-1)
    # `before` of the first token is 0 and every limit is above it, so that one token always stays.
    ordered = ordered.masked_fill(before >= limit, -torch.inf)
    return torch.empty_like(ordered).scatter_(-1, order, ordered)


def choose(
    logits: torch.Tensor,
    temperature: torch.Tensor,
    top_k: torch.Tensor,
    top_p: torch.Tensor,
    uniform: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the token chosen in each row, [B] int64, and its log-probability, [B] float32.

    `logits` [B, V]; `temperature`, `top_k`, `top_p` [B] as in SamplingParams; `uniform` [B] float64 in [0, 1)
    picks the token by inverting the cumulative distribution, so that a row's token depends on that row alone.
    The log-probability is the one under the distribution sampled from, after temperature, top-k and top-p:
    vLLM's `logprobs_mode=processed_logprobs`, verl's setting. A greedy row reports its unscaled log-probability.
    """
    greedy = temperature <= 0
    scaled = logits.float() / torch.where(greedy, 1.0, temperature).unsqueeze(-1)
    filtered = ((top_k > 0) | (top_p < 1)) & ~greedy
    if bool(filtered.any()):
        rows = filtered.nonzero().squeeze(-1)
        scaled[rows] = keep_top(scaled[rows], top_k[rows], top_p[rows])
    log_probability = scaled.log_softmax(-1)
    cumulative = log_probability.exp().cumsum(-1, dtype=torch.float64)
    # The sum is 1 only up to rounding. A target strictly below it never passes the last possible token.
    total = cumulative[:, -1:]
    target = torch.minimum(uniform.unsqueeze(-1) * total, torch.nextafter(total, torch.zeros_like(total)))
    token = torch.searchsorted(cumulative, target, right=True).squeeze(-1)
    if bool(greedy.any()):
        token = torch.where(greedy, scaled.argmax(-1), token)
    return token, log_probability.gather(-1, token.unsqueeze(-1)).squeeze(-1)
