"""Supervised warm start: teach a tiny Qwen2 both ways to answer, the right one with a probability set per level."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from tqdm import tqdm
from transformers import Qwen2Config, Qwen2ForCausalLM, Qwen2Tokenizer

from recipes.tiny_cpu.families import BY_NAME, FAMILIES, Family, is_held_out
from recipes.tiny_cpu.slips import right_answer, wrong_answer
from recipes.tiny_cpu.tasks import items
from recipes.tiny_cpu.tokenizer import END, PAD

RESPONSE_TOKENS = 12
LONG_PROMPT = 70
COMMON_RIGHT_SHARE = 0.75


@dataclass(frozen=True)
class Question:
    """A training question of the warm start with both answers."""

    text: str
    right: str
    wrong: str


@dataclass(frozen=True)
class Cell:
    """All warm-start questions of one family and level, tokenized: prompts end where the answer begins."""

    family: str
    level: int
    right_share: float
    prompts: list[list[int]]
    right: list[list[int]]
    wrong: list[list[int]]


def questions(family: Family, level: int, count: int, seed: int) -> list[Question]:
    """Up to ``count`` different questions outside the held-out pool (fewer where the level has fewer)."""
    found: dict[str, Question] = {}
    for item in islice(items(family, level, seed), 4 * count):
        text = item["question"]
        if not is_held_out(text) and text not in found:
            found[text] = Question(text, right_answer(family.name, item), wrong_answer(family.name, item))
            if len(found) == count:
                break
    return list(found.values())


def corpus(count: int, seed: int, progress: bool = True) -> dict[tuple[str, int], list[Question]]:
    """Warm-start questions by (family, level); families not meant to be learned get a quarter of ``count``."""
    cells = [(family, level) for family in FAMILIES for level in range(len(family.levels))]
    return {
        (family.name, level): questions(family, level, count if family.learnable else count // 4, seed)
        for family, level in tqdm(cells, desc="questions", unit="level", disable=not progress)
    }


def tokenize(tokenizer: Qwen2Tokenizer, texts: dict[tuple[str, int], list[Question]]) -> list[Cell]:
    """The corpus as token ids; answers longer than the response limit are left out."""
    cells = []
    for family in FAMILIES:
        for level, settings in enumerate(family.levels):
            found = texts[family.name, level]
            prompts = [
                tokenizer.apply_chat_template(
                    [{"role": "user", "content": q.text}], add_generation_prompt=True, tokenize=False
                )
                for q in found
            ]
            columns = [
                tokenizer(c)["input_ids"]
                for c in (prompts, [q.right for q in found], [q.wrong for q in found])
            ]
            end = tokenizer.convert_tokens_to_ids(END)
            rows = [
                (p, [*r, end], [*w, end])
                for p, r, w in zip(*columns, strict=True)
                if max(len(r), len(w)) < RESPONSE_TOKENS
            ]
            cells.append(
                Cell(family.name, level, settings.right, *(list(c) for c in zip(*rows, strict=True)))
            )
    return cells


@dataclass(frozen=True)
class Batch:
    """Prompts with both answers in one row each: prompt, right answer, wrong answer, padding."""

    ids: torch.Tensor
    positions: torch.Tensor
    mask: torch.Tensor
    source: tuple[torch.Tensor, torch.Tensor]
    target: torch.Tensor
    weight: torch.Tensor


def _batch(examples: list[tuple[list[int], list[int], list[int], float]]) -> Batch:
    """Both answers continue the same prompt and do not see each other, so the prompt is run once for two targets."""
    width = max(len(p) + len(r) + len(w) - 2 for p, r, w, _ in examples)
    shape = (len(examples), width)
    ids, positions, part = (np.zeros(shape, dtype=np.int64) for _ in range(3))
    where_row, where_column, target, weight = [], [], [], []
    for row, (p, r, w, share) in enumerate(examples):
        column = len(p)
        ids[row, :column] = p
        positions[row, :column] = np.arange(column)
        for branch, (answer, mass) in enumerate(((r, share), (w, 1 - share)), start=1):
            tail = len(answer) - 1
            ids[row, column : column + tail] = answer[:-1]
            positions[row, column : column + tail] = len(p) + np.arange(tail)
            part[row, column : column + tail] = branch
            where_row += [row] * len(answer)
            where_column += [len(p) - 1, *range(column, column + tail)]
            target += answer
            weight += [mass] * len(answer)
            column += tail
        part[row, column:] = 3
    parts = torch.from_numpy(part)
    same_branch = (parts[:, None, :] == 0) | (parts[:, None, :] == parts[:, :, None])
    mask = same_branch & torch.ones(width, width, dtype=torch.bool).tril()
    return Batch(
        torch.from_numpy(ids),
        torch.from_numpy(positions),
        mask[:, None],
        (torch.tensor(where_row), torch.tensor(where_column)),
        torch.tensor(target),
        torch.tensor(weight),
    )


def batches(cells: list[Cell], rng: np.random.Generator, rows: int) -> Callable[[float], list[Batch]]:
    """A function giving the next step's batches, one per family (so that hardly anything is padding).

    Learnable families get ``rows`` rows, the others a half or, where prompts are long, a fifth. The function's argument
    mixes the levels' own shares of right answers (1.0) with one common share (0.0): first practise, then proportion.
    """
    families: dict[str, list[Cell]] = {}
    for cell in cells:
        families.setdefault(cell.family, []).append(cell)

    def draw(own: float) -> list[Batch]:
        result = []
        for group in families.values():
            examples = []
            long = len(group[0].prompts[0]) > LONG_PROMPT
            size = rows if BY_NAME[group[0].family].learnable else rows // (5 if long else 2)
            for level in rng.integers(len(group), size=size):
                cell = group[level]
                row = rng.integers(len(cell.prompts))
                share = own * cell.right_share + (1 - own) * COMMON_RIGHT_SHARE
                examples.append((cell.prompts[row], cell.right[row], cell.wrong[row], share))
            result.append(_batch(examples))
        return result

    return draw


def answer_loss(model: Qwen2ForCausalLM, batch: Batch) -> torch.Tensor:
    """Summed cross entropy of both answers, weighted; the output layer runs on their positions only."""
    hidden = model.model(
        input_ids=batch.ids, position_ids=batch.positions, attention_mask=batch.mask, use_cache=False
    ).last_hidden_state[batch.source]
    loss = torch.nn.functional.cross_entropy(model.lm_head(hidden), batch.target, reduction="none")
    return (loss * batch.weight).sum()


def new_model(tokenizer: Qwen2Tokenizer, hidden: int, layers: int, seed: int) -> Qwen2ForCausalLM:
    """A freshly initialised Qwen2 for this vocabulary."""
    torch.manual_seed(seed)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=hidden * 2,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        initializer_range=0.05,
        bos_token_id=None,
        eos_token_id=tokenizer.convert_tokens_to_ids(END),
        pad_token_id=tokenizer.convert_tokens_to_ids(PAD),
    )
    return Qwen2ForCausalLM(config)


def train(
    model: Qwen2ForCausalLM,
    draw: Callable[[float], list[Batch]],
    steps: int,
    lr: float,
    own_from: float = 0.8,
    progress: bool = True,
) -> None:
    """Train in place: AdamW, warm-up then cosine; in the last fifth the levels' own shares of right answers."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=lr, betas=(0.9, 0.98), weight_decay=0.02)
    smooth = None
    model.train()
    for step in (bar := tqdm(range(steps), desc="warm start", unit="step", disable=not progress)):
        for group in optimiser.param_groups:
            group["lr"] = lr * min(1.0, (step + 1) / 100) * (0.04 + 0.96 * _cosine(step / steps))
        batch = draw(1.0 if step >= own_from * steps else 0.0)
        mass = sum(float(part.weight.sum()) for part in batch)
        loss = torch.stack([answer_loss(model, part) for part in batch]).sum() / mass
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        smooth = loss.item() if smooth is None else 0.98 * smooth + 0.02 * loss.item()
        bar.set_postfix(loss=f"{smooth:.3f}")
    model.eval()


def _cosine(progress: float) -> float:
    return 0.5 * (1 + float(np.cos(np.pi * progress)))
