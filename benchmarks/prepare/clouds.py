"""Embeddings and prompts of our own making, of any size, the same for the same size."""

import json
from pathlib import Path
from typing import Any

import numpy as np

_BLOCK = 8192
_TOPICS = 64


def write_embeddings(path: Path, rows: int, dim: int) -> Any:
    """Write float32 [rows, dim] as .npy, block by block, and return it memory-mapped.

    Rows lie round 64 topics, on a common mean, with variances that fall as those of sentence embeddings do.
    """
    out = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(rows, dim))
    rng = np.random.Generator(np.random.Philox(rows))
    scale = (1.0 / np.sqrt(1.0 + np.arange(dim))).astype(np.float32)
    topics = rng.standard_normal((_TOPICS, dim), dtype=np.float32) * scale
    for start in range(0, rows, _BLOCK):
        n = min(_BLOCK, rows - start)
        noise = rng.standard_normal((n, dim), dtype=np.float32) * scale
        out[start : start + n] = 0.3 + topics[rng.integers(0, _TOPICS, n)] + noise
    out.flush()
    return np.load(path, mmap_mode="r")


def write_prompts(path: Path, rows: int) -> None:
    """Write so many different prompts with a truth and a difficulty as JSON lines, in verl's columns."""
    rng = np.random.Generator(np.random.Philox(rows))
    words = ["apple", "train", "river", "number", "angle", "island", "coin", "letter", "garden", "clock"]
    with path.open("w") as file:
        for row in range(rows):
            text = " ".join(words[i] for i in rng.integers(0, len(words), 30))
            entry = {
                "data_source": f"source{row % 4}",
                "prompt": [{"role": "user", "content": f"{row}: {text}. How many are left of {row % 997}?"}],
                "reward_model": {"style": "rule", "ground_truth": str(row % 997)},
                "extra_info": {"index": row, "difficulty": float(rng.random())},
            }
            file.write(json.dumps(entry) + "\n")
