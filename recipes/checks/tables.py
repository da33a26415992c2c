"""What the READMEs say of the recipes: the table of scripts, what a run generates, and sources of numbers.

``python -m recipes.checks.tables`` prints the table as it must stand in the top README and in recipes/README.md.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from recipes.checks.lines import Line, folders, words
from recipes.checks.record import RECIPES
from recipes.pins import read_pins

ROOT = RECIPES.parent
TITLES = {
    "gsm8k": "GSM8K",
    "math500": "MATH, tested on MATH-500",
    "deepscaler": "DeepScaleR, tested on MATH-500, GSM8K, AIME 2024",
    "aime": "AIME, avg@32",
    "knights_knaves": "Knights & Knaves",
    "countdown": "Countdown",
    "zebra": "Zebra puzzles",
    "arc1d": "ARC-1D",
}
MODELS = {
    "Qwen/Qwen3-0.6B": "Qwen3-0.6B",
    "Qwen/Qwen2.5-3B": "Qwen2.5-3B",
    "meta-llama/Llama-3.2-1B-Instruct": "Llama-3.2-1B-Instruct",
    "tiiuae/Falcon3-1B-Instruct": "Falcon3-1B-Instruct",
    "Qwen/Qwen3-8B-Base": "Qwen3-8B-Base, LoRA",
}
SECTIONS = ("Data", "Prepare", "Expected cost", "Published", "Measured")
"""Bold words with which each folder's README begins a paragraph."""
SOURCE = re.compile(r"arXiv \d{4}\.\d{5}|https://|not (?:available|published|measured)", re.IGNORECASE)
MEASURED = re.compile(r"commit `?[0-9a-f]{7,40}")
_PLACE = re.compile(r"`((?:benchmarks|recipes)/[\w./-]+)`")
_SENTENCE = re.compile(r"(?<=\.) (?=[A-Z(])")


def scripts_table(prefix: str) -> str:
    """Return the table benchmark x model with links to the scripts; `prefix` is the way from the file to recipes/."""
    lines = [f"| trained on | {' | '.join(MODELS.values())} |", f"|---|{'---|' * len(MODELS)}"]
    for recipe, title in TITLES.items():
        by_model = {model: name for name, model in read_pins(RECIPES / recipe).models.items()}
        cells = [
            f"[run]({prefix}{recipe}/{by_model[model]})" if model in by_model else "" for model in MODELS
        ]
        lines.append(f"| [{title}]({prefix}{recipe}) | {' | '.join(cells)} |")
    return re.sub(r" {2,}", " ", "\n".join(lines))


def check_tables() -> Iterator[str]:
    """Yield a line per README that says something else than the scripts, or a number without its source."""
    for file, prefix in ((ROOT / "README.md", "recipes/"), (RECIPES / "README.md", "")):
        if scripts_table(prefix) not in file.read_text():
            yield (
                f"{file.relative_to(ROOT)} must hold the table of scripts; "
                "`python -m recipes.checks.tables` prints it"
            )
    for recipe, scripts in folders().items():
        file = RECIPES / recipe / "README.md"
        if not file.is_file():
            yield f"recipes/{recipe} has no README.md; write one with {', '.join(SECTIONS)}"
            continue
        sections = paragraphs(file.read_text())
        for problem in [*missing(sections), *unsourced(sections), *_cost(sections, scripts[0])]:
            yield f"{file.relative_to(ROOT)}: {problem}"
    print(f"tables: {len(folders())} README files")


def paragraphs(text: str) -> dict[str, str]:
    """Return the bold word that begins a paragraph, without its dot, to the paragraph's other text."""
    found = (re.match(r"\*\*(.+?)\.\*\*\s*(.*)", part, re.DOTALL) for part in text.split("\n\n"))
    return {match[1]: match[2].strip() for match in found if match}


def missing(sections: Mapping[str, str]) -> list[str]:
    """Return a line per section that is not there."""
    return [
        f"a paragraph that begins with **{name}.** is missing" for name in SECTIONS if name not in sections
    ]


def unsourced(sections: Mapping[str, str]) -> list[str]:
    """Return each sentence of the results that has a number and no source.

    A published number needs a paper or an address, ours the commit at which it was measured or a file that holds it.
    """
    found = []
    for name in ("Published", "Measured"):
        for sentence in _SENTENCE.split(sections.get(name, "")):
            if not re.search(r"\d", sentence):
                continue
            ours = MEASURED.search(sentence) or any(
                (ROOT / place).is_file() for place in _PLACE.findall(sentence)
            )
            sourced = ours if name == "Measured" else ours or SOURCE.search(sentence)
            if not sourced:
                need = "machine and commit, or the file" if name == "Measured" else "a paper or an address"
                found.append(f"**{name}.** has a number without its source ({need}): {sentence}")
    return found


def _cost(sections: Mapping[str, str], script: Path) -> list[str]:
    """What the main script generates at most follows from its own settings."""
    said = dict(
        word.lstrip("+").split("=", 1)
        for part in words(Line(script, {"CURRICULUM": "sparft"}))
        for word in part
    )
    steps, batch, answers = (
        int(said[key])
        for key in ("trainer.total_training_steps", "data.train_batch_size", "actor_rollout_ref.rollout.n")
    )
    longest = int(said["data.max_response_length"])
    line = (
        f"{steps} steps of {batch} prompts x {answers} answers, {steps * batch * answers:,} answers of at most "
        f"{longest:,} tokens"
    )
    return [] if line in sections.get("Expected cost", "") else [f"**Expected cost.** must say: {line}"]


if __name__ == "__main__":
    for way in sys.argv[1:] or ("recipes/", ""):
        print(scripts_table(way), end="\n\n")
