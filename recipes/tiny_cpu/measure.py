"""Sample answers in batches and score them: solve rates of a policy by family and level."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from tqdm import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from recipes.tiny_cpu.reward import compute_score

Row = dict[str, Any]


@torch.no_grad()
def respond(
    model: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    temperature: float,
    tokens: int,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """int64 [len(prompts), tokens] response ids, padded after the end token; ``temperature`` 0 is greedy."""
    end, pad = model.config.eos_token_id, model.config.pad_token_id
    width = max(map(len, prompts))
    ids = torch.full((len(prompts), width), pad)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt) :] = torch.tensor(prompt)
    seen = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        seen[row, width - len(prompt) :] = 1
    positions = (seen.cumsum(1) - 1).clamp(min=0)
    cache, step, out = None, ids, torch.full((len(prompts), tokens), pad)
    done = torch.zeros(len(prompts), dtype=torch.bool)
    for column in range(tokens):
        result = model(
            input_ids=step,
            attention_mask=seen,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        cache, logits = result.past_key_values, result.logits[:, -1]
        if temperature > 0:
            chosen = torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator)[:, 0]
        else:
            chosen = logits.argmax(-1)
        out[:, column] = torch.where(done, pad, chosen)
        done |= chosen == end
        if bool(done.all()):
            break
        step, positions = chosen[:, None], positions[:, -1:] + 1
        seen = torch.cat([seen, torch.ones_like(step)], dim=1)
    return out


def score_rows(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: Sequence[Row],
    samples: int,
    temperature: float,
    tokens: int,
    seed: int,
    batch: int = 128,
    progress: bool = True,
) -> torch.Tensor:
    """float64 [len(rows), samples] rewards; rows are verl rows as ``tasks.build`` makes them."""
    prompts = tokenizer.apply_chat_template(
        [row["prompt"] for row in rows], add_generation_prompt=True, tokenize=True, return_dict=False
    )
    generator = torch.Generator().manual_seed(seed)
    # Prompts of like length together: padding is what batched prefill spends most of its time on.
    order = sorted((i for i in range(len(rows)) for _ in range(samples)), key=lambda i: len(prompts[i]))
    found: dict[int, list[float]] = {i: [] for i in range(len(rows))}
    for start in tqdm(range(0, len(order), batch), desc="measure", unit="batch", disable=not progress):
        part = order[start : start + batch]
        answers = respond(model, [prompts[i] for i in part], temperature, tokens, generator)
        texts = tokenizer.batch_decode(answers, skip_special_tokens=True)
        for i, text in zip(part, texts, strict=True):
            row = rows[i]
            found[i].append(
                compute_score(
                    row["data_source"], text, row["reward_model"]["ground_truth"], row["extra_info"]
                )
            )
    return torch.tensor([found[i] for i in range(len(rows))], dtype=torch.float64)


def by_level(rows: Sequence[Row], rewards: torch.Tensor) -> list[dict[str, Any]]:
    """One record per family and level: items, samples each, mean solve rate."""
    cells: dict[tuple[str, int], list[int]] = {}
    for index, row in enumerate(rows):
        cells.setdefault((row["extra_info"]["family"], row["extra_info"]["level"]), []).append(index)
    return [
        {
            "family": family,
            "level": level,
            "items": len(index),
            "samples": rewards.shape[1],
            "solve_rate": round(float(rewards[index].mean()), 4),
        }
        for (family, level), index in sorted(cells.items())
    ]
