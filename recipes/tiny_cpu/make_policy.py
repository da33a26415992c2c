"""Make the demo's policy from nothing: ``python -m recipes.tiny_cpu.make_policy --out recipes/tiny_cpu/policy``.

Trains the tokenizer, warm-starts the model, measures its solve rates and writes an ordinary model folder. The same
seed gives the same files on the same machine and torch version. Uses one core.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import GenerationConfig, Qwen2ForCausalLM, Qwen2Tokenizer

from recipes.tiny_cpu.families import FAMILIES, digest
from recipes.tiny_cpu.measure import by_level, score_rows
from recipes.tiny_cpu.tasks import build
from recipes.tiny_cpu.tokenizer import train_tokenizer
from recipes.tiny_cpu.warm_start import RESPONSE_TOKENS, batches, corpus, new_model, tokenize, train

TOKENIZER_TEXTS = 2000
"""Questions of each level that the tokenizer is trained on: enough for every word to occur."""


@dataclass(frozen=True)
class Settings:
    """What decides the policy, and on how much its solve rates are measured."""

    seed: int = 0
    steps: int = 1800
    questions: int = 6000
    hidden: int = 128
    layers: int = 2
    lr: float = 3e-3
    train_rows: int = 800
    held_out_rows: int = 640
    samples: int = 8


def make(out: Path, settings: Settings, progress: bool = True) -> dict[str, Any]:
    """The measurements written to ``out/solve_rates.json``; the model folder is written to ``out``."""
    # The sums of a matrix product depend on how many threads share it.
    torch.set_num_threads(1)
    started = time.monotonic()
    texts = corpus(settings.questions, digest("warm start", settings.seed), progress)
    tokenizer = train_tokenizer(
        text
        for found in texts.values()
        for q in found[:TOKENIZER_TEXTS]
        for text in (q.text, q.right, q.wrong)
    )
    cells = tokenize(tokenizer, texts)
    model = new_model(tokenizer, settings.hidden, settings.layers, settings.seed)
    rng = np.random.Generator(np.random.Philox(digest("batches", settings.seed)))
    train(model, batches(cells, rng, rows=32), settings.steps, settings.lr, progress=progress)
    report = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "trained_on": sum(len(c.prompts) for c in cells),
        **asdict(settings),
        **measure(model, tokenizer, settings, progress),
    }
    save(out, model, tokenizer, report)
    print(f"{out}: {report['parameters']:,} parameters, {time.monotonic() - started:.0f} s")
    return report


def measure(
    model: Qwen2ForCausalLM, tokenizer: Qwen2Tokenizer, settings: Settings, progress: bool
) -> dict[str, Any]:
    """Solve rates by family and level on fresh rows of both splits: sampled at temperature 1, and greedy."""
    splits = build(
        settings.train_rows, settings.held_out_rows, digest("measure", settings.seed), progress=progress
    )
    result: dict[str, Any] = {"temperature": 1.0, "response_tokens": RESPONSE_TOKENS}
    for split, rows in splits.items():
        for name, samples, temperature in (("sampled", settings.samples, 1.0), ("greedy", 1, 0.0)):
            rewards = score_rows(
                model,
                tokenizer,
                rows,
                samples,
                temperature,
                RESPONSE_TOKENS,
                settings.seed,
                progress=progress,
            )
            result[f"{split}_{name}"] = by_level(rows, rewards)
    return result


def save(out: Path, model: Qwen2ForCausalLM, tokenizer: Qwen2Tokenizer, report: dict[str, Any]) -> None:
    """Write model, tokenizer, generation settings, ``solve_rates.json`` and ``README.md``."""
    out.mkdir(parents=True, exist_ok=True)
    model.generation_config = GenerationConfig(
        do_sample=True,
        temperature=1.0,
        max_new_tokens=RESPONSE_TOKENS,
        eos_token_id=model.config.eos_token_id,
        pad_token_id=model.config.pad_token_id,
    )
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    (out / "solve_rates.json").write_text(json.dumps(report, indent=1) + "\n")
    (out / "README.md").write_text(readme(report))


def readme(report: dict[str, Any]) -> str:
    """The model card: what it is, how it was made, its measured solve rates."""
    lines = [
        "# Tiny policy for the CPU demo",
        "",
        f"A Qwen2 of {report['parameters']:,} parameters with a byte-level BPE of its own, warm-started on the demo's",
        "tasks (reasoning-gym questions) so that it answers the right way with a probability that differs by family",
        "and level. It exists to be trained with GRPO in minutes on a CPU; it is of no use for anything else.",
        "",
        f"Made by `python -m recipes.tiny_cpu.make_policy` (seed {report['seed']}, {report['steps']} steps,",
        f"{report['trained_on']:,} questions, none of them in the held-out pool). Licence: Apache-2.0.",
        "",
        f"Solve rates (temperature 1, at most {report['response_tokens']} response tokens):",
        "",
        "| family | level | taught share | train, sampled | held-out, sampled | held-out, greedy |",
        "|---|---|---|---|---|---|",
    ]
    rates = {
        key: {(r["family"], r["level"]): r["solve_rate"] for r in report[key]}
        for key in ("train_sampled", "held_out_sampled", "held_out_greedy")
    }
    for family in FAMILIES:
        for level, settings in enumerate(family.levels):
            values = " | ".join(f"{column[family.name, level]:.2f}" for column in rates.values())
            lines.append(f"| {family.name} | {level} | {settings.right:.2f} | {values} |")
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="model folder to write")
    default = Settings()
    parser.add_argument("--seed", type=int, default=default.seed)
    parser.add_argument("--steps", type=int, default=default.steps, help="warm-start steps")
    parser.add_argument("--questions", type=int, default=default.questions, help="most questions per level")
    parser.add_argument("--hidden", type=int, default=default.hidden)
    parser.add_argument("--layers", type=int, default=default.layers)
    parser.add_argument("--lr", type=float, default=default.lr)
    args = vars(parser.parse_args(argv))
    make(args.pop("out"), Settings(**args))


if __name__ == "__main__":
    main()
