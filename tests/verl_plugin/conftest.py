"""A small data set in verl's format, and an artefact over some of its rows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from omegaconf import OmegaConf

from sparft_verl.artefact import Artefact, occurrences, row_hash, write_artefact

POLICY = Path(__file__).parents[2] / "recipes" / "tiny_cpu" / "policy"


def make_row(text: str, answer: str, source: str = "toy/sum") -> dict[str, Any]:
    return {
        "data_source": source,
        "prompt": [{"role": "user", "content": text}],
        "ability": "arithmetic",
        "reward_model": {"style": "rule", "ground_truth": answer},
        "extra_info": {"split": "train"},
    }


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    """Forty different rows."""
    return [make_row(f"{i} + {i % 7} = ?", str(i + i % 7)) for i in range(40)]


@pytest.fixture
def save(tmp_path: Path) -> Callable[[list[dict[str, Any]], str], Path]:
    """Write rows to a parquet file below the test's folder and return its path."""

    def save(rows: list[dict[str, Any]], name: str = "train.parquet") -> Path:
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / name)
        return tmp_path / name

    return save


@pytest.fixture
def make_artefact(tmp_path: Path) -> Callable[..., Artefact]:
    """Write an artefact that selects `chosen` of `rows`, dealt over `arms` arms in turn."""

    def make(
        rows: list[dict[str, Any]],
        chosen: list[int],
        arms: int = 4,
        name: str = "artefact",
        references: dict[str, list[float]] | None = None,
    ) -> Artefact:
        hashes = [row_hash(row) for row in rows]
        count = np.array(occurrences(hashes), dtype=np.int64)
        arm = np.arange(len(rows)) % arms
        common = {
            "sparft_key": pa.array(hashes),
            "sparft_occurrence": pa.array(count),
            "sparft_arm": pa.array(arm, pa.int32()),
            "sparft_difficulty": pa.array(arm / arms, pa.float64()),
            "sparft_row": pa.array(np.arange(len(rows))),
        }
        items = pa.table(
            {
                **common,
                "sparft_source": pa.array([row["data_source"] for row in rows]),
                "sparft_text": pa.array([row["prompt"][0]["content"] for row in rows]),
                "sparft_difficulty_missing": pa.array([False] * len(rows)),
                "sparft_selected": pa.array([i in set(chosen) for i in range(len(rows))]),
            }
        )
        selection = pa.Table.from_pylist([rows[i] for i in chosen])
        for column, values in common.items():
            selection = selection.append_column(column, values.take(pa.array(chosen)))
        for column, values in (references or {}).items():
            selection = selection.append_column(column, pa.array(values, pa.float64()))
        return write_artefact(
            tmp_path / name,
            selection=selection,
            items=items,
            embeddings=np.zeros((len(rows), 4), np.float32),
            features=np.zeros((len(rows), 3), np.float32),
            arms=[{"name": f"c{k}"} for k in range(arms)],
            parameters={},
            difficulty_known=True,
        )

    return make


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    transformers = pytest.importorskip("transformers", reason="needs transformers")
    return transformers.AutoTokenizer.from_pretrained(POLICY)


@pytest.fixture
def load(tmp_path: Path, tokenizer: Any) -> Callable[..., Any]:
    """Load files as verl does, by its own RLHFDataset."""
    rl_dataset = pytest.importorskip("verl.utils.dataset.rl_dataset", reason="needs verl")

    def load(files: Path | list[Path], *, max_samples: int = -1, **data: Any) -> Any:
        settings = {
            "cache_dir": str(tmp_path / "cache"),
            "max_prompt_length": 256,
            "filter_overlong_prompts": False,
        }
        config = OmegaConf.create({**settings, "filter_overlong_prompts_workers": 1, **data})
        names = [str(file) for file in (files if isinstance(files, list) else [files])]
        return rl_dataset.RLHFDataset(names, tokenizer, config, max_samples=max_samples)

    return load
