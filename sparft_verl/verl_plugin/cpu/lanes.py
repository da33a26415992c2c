"""The running sequences of one engine: left-padded rows of tokens with their key-value cache."""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer


class Lanes:
    """B sequences that advance together, one token per step.

    `cache` holds keys and values [B, heads, L, head size] per layer, `mask` [B, L] is 1 at real tokens and 0 at
    the padding on the left, `position` [B] is the position of the next token, `logits` [B, V] predict it.
    """

    def __init__(self, model: Any, cache: DynamicCache, mask: torch.Tensor, logits: torch.Tensor) -> None:
        self._model = model
        self.cache = cache
        self.mask = mask
        self.position = mask.sum(-1)
        self.logits = logits

    @classmethod
    def prefill(cls, model: Any, contexts: Sequence[Sequence[int]], pad: int) -> "Lanes":
        """Return lanes that have read `contexts`, a list of token ids per lane."""
        length = max(map(len, contexts))
        ids = torch.tensor([[pad] * (length - len(context)) + list(context) for context in contexts])
        mask = torch.tensor([[0] * (length - len(context)) + [1] * len(context) for context in contexts])
        output = model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=(mask.cumsum(-1) - 1).clamp(min=0),
            past_key_values=DynamicCache(config=model.config),
            use_cache=True,
            logits_to_keep=1,
        )
        return cls(model, output.past_key_values, mask, output.logits[:, -1])

    def advance(self, tokens: torch.Tensor) -> None:
        """Read one more token [B] in every lane."""
        self.mask = torch.cat([self.mask, self.mask.new_ones(len(tokens), 1)], dim=-1)
        output = self._model(
            input_ids=tokens.unsqueeze(-1),
            attention_mask=self.mask,
            position_ids=self.position.unsqueeze(-1),
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        self.cache = output.past_key_values
        self.position = self.position + 1
        self.logits = output.logits[:, -1]

    def take(self, rows: Sequence[int]) -> "Lanes":
        """Return lanes that go on from `rows` of these, repeated or left out as asked, without common padding."""
        index = torch.tensor(rows, dtype=torch.long)
        mask = self.mask[index]
        padding = int((mask.argmax(-1)).min())
        pairs = [
            (layer.keys[index][:, :, padding:], layer.values[index][:, :, padding:])
            for layer in self.cache.layers
        ]
        return Lanes(self._model, DynamicCache(pairs), mask[:, padding:], self.logits[index])

    def join(self, other: "Lanes") -> "Lanes":
        """Return these lanes followed by the `other` ones, padded on the left to a common length."""
        length = max(self.mask.shape[1], other.mask.shape[1])

        def padded(tensor: torch.Tensor, dim: int) -> torch.Tensor:
            shape = list(tensor.shape)
            shape[dim] = length - shape[dim]
            return torch.cat([tensor.new_zeros(shape), tensor], dim=dim)

        pairs = [
            tuple(
                torch.cat([padded(a, 2), padded(b, 2)]) for a, b in ((x.keys, y.keys), (x.values, y.values))
            )
            for x, y in zip(self.cache.layers, other.cache.layers, strict=True)
        ]
        mask = torch.cat([padded(self.mask, 1), padded(other.mask, 1)])
        return Lanes(self._model, DynamicCache(pairs), mask, torch.cat([self.logits, other.logits]))


def check_model(model: Any) -> None:
    """Raise ValueError unless every layer of `model` keeps a plain cache of keys and values.

    Lanes are joined and left out by cutting that cache; sliding windows and recurrent states need another way.
    """
    layers = DynamicCache(config=model.config).layers
    other = sorted({type(layer).__name__ for layer in layers if type(layer) is not DynamicLayer})
    if other:
        raise ValueError(
            f"The CPU rollout runs models with full attention in every layer; {type(model).__name__} has "
            f"{', '.join(other)}. Use a Qwen2-, Qwen3- or Llama-style model, or a GPU rollout."
        )
