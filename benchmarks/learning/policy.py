"""The tiny language model: transformers' own Llama over single characters, and sampling from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel

from benchmarks.learning.families.letters import ALPHABET

PAD, END, ASK = 0, 1, 2
"""Padding, end of an answer, and the mark after a question."""
CHARACTERS = " " + ALPHABET + "0123456789()[]{}<>+-="
RESPONSE_TOKENS = 12
_ID = {character: index + 3 for index, character in enumerate(CHARACTERS)}
_CHARACTER = dict(zip(_ID.values(), _ID.keys(), strict=True))
SIZES = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
}


def encode_question(question: str) -> list[int]:
    """Return a question's token ids, the mark that asks for the answer last."""
    return [*(_ID[character] for character in question), ASK]


def encode_answer(answer: str) -> list[int]:
    """Return an answer's token ids, its end among them. Raises ValueError if it cannot be given in time."""
    ids = [*(_ID[character] for character in answer), END]
    if len(ids) > RESPONSE_TOKENS:
        raise ValueError(f"an answer has at most {RESPONSE_TOKENS - 1} characters, got {answer!r}")
    return ids


def decode(ids: Sequence[int]) -> str | None:
    """Return the answer that the tokens say; None where they do not end, or hold what no answer holds."""
    ids = list(ids)
    if END not in ids:
        return None
    said = [_CHARACTER.get(token) for token in ids[: ids.index(END)]]
    return None if None in said else "".join(map(str, said))


def new_policy(seed: int) -> LlamaForCausalLM:
    """Return a policy of less than 100k parameters, freshly initialised."""
    torch.manual_seed(seed)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(CHARACTERS) + 3,
            max_position_embeddings=64,
            tie_word_embeddings=True,
            initializer_range=0.08,
            bos_token_id=None,
            eos_token_id=END,
            pad_token_id=PAD,
            **SIZES,
        )
    )


@dataclass(frozen=True)
class Batch:
    """Questions padded on the left: token ids, mask and positions, int64 [n, p]."""

    ids: torch.Tensor
    mask: torch.Tensor
    positions: torch.Tensor

    @classmethod
    def of(cls, questions: Sequence[Sequence[int]]) -> Batch:
        """Return the batch of these questions' token ids."""
        width = max(map(len, questions))
        ids = np.full((len(questions), width), PAD, dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, question in enumerate(questions):
            ids[row, width - len(question) :] = question
            mask[row, width - len(question) :] = 1
        mask_ = torch.from_numpy(mask)
        return cls(torch.from_numpy(ids), mask_, (mask_.cumsum(1) - 1).clamp(min=0))

    def followed_by(self, answers: torch.Tensor, seen: torch.Tensor) -> Batch:
        """Return the batch with answers [n, r] behind the questions; `seen`, int64 [n, r], is 1 where they hold."""
        last = self.positions[:, -1:]
        return Batch(
            torch.cat([self.ids, answers], 1),
            torch.cat([self.mask, seen], 1),
            torch.cat([self.positions, last + torch.arange(1, answers.shape[1] + 1)], 1),
        )


def answer_distribution(
    policy: PreTrainedModel, batch: Batch, answers: torch.Tensor, seen: torch.Tensor
) -> torch.Tensor:
    """float [n, r, v]: log probabilities of all tokens at every place of `answers`, at temperature 1."""
    whole = batch.followed_by(answers, seen)
    logits = policy(
        input_ids=whole.ids[:, :-1],
        attention_mask=whole.mask[:, :-1],
        position_ids=whole.positions[:, :-1],
        use_cache=False,
        logits_to_keep=answers.shape[1],
    ).logits
    return logits.log_softmax(-1)


def answer_log_probs(
    policy: PreTrainedModel, batch: Batch, answers: torch.Tensor, seen: torch.Tensor
) -> torch.Tensor:
    """float [n, r]: log probability of every token of `answers`, at temperature 1."""
    return answer_distribution(policy, batch, answers, seen).gather(-1, answers[..., None])[..., 0]


@torch.no_grad()
def sample(
    policy: PreTrainedModel, batch: Batch, chance: torch.Generator, limit: int = RESPONSE_TOKENS
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return answers, int64 [n, r], r <= `limit`, sampled at temperature 1, and int64 [n, r], 1 up to their end.

    Stops when all have ended; positions after an end hold the policy's padding.
    """
    end, pad = policy.config.eos_token_id, policy.config.pad_token_id
    running = torch.ones(len(batch.ids), dtype=torch.int64)
    ids, mask, positions = batch.ids, batch.mask, batch.positions
    past, answers, seen = None, [], []
    for _ in range(limit):
        out = policy(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=past,
            use_cache=True,
            logits_to_keep=1,
        )
        past = out.past_key_values
        token = torch.multinomial(out.logits[:, -1].softmax(-1), 1, generator=chance)[:, 0]
        token = torch.where(running == 1, token, pad)
        answers.append(token)
        seen.append(running)
        running = running * (token != end)
        if not running.any():
            break
        ids, positions = token[:, None], positions[:, -1:] + 1
        mask = torch.cat([mask, torch.ones_like(ids)], 1)
    return torch.stack(answers, 1), torch.stack(seen, 1)
