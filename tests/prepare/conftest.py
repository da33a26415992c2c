"""A small data set in verl's format: three families that share no words, with graded difficulty."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sparft_verl.prepare import PrepareConfig, from_dotlist

FAMILIES = {
    "sums": "what is the sum of {a} plus {b} added together",
    "knights": "knight or knave {a}: islander number {b} says his neighbour lies",
    "words": "spell backwards letter sequence {a} then count vowels inside {b}",
}


def make_rows(per_family: int = 12) -> list[dict[str, Any]]:
    """Return rows of all families, family by family."""
    return [
        {
            "data_source": f"src_{name}",
            "prompt": [
                {"role": "system", "content": "be brief"},
                {"role": "user", "content": text.format(a=i, b=7 * i % 5)},
            ],
            "reward_model": {"style": "rule", "ground_truth": str(i)},
            "extra_info": {"index": i, "difficulty": float(i % 6), "family": name, "level": i % 3},
        }
        for name, text in FAMILIES.items()
        for i in range(per_family)
    ]


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Every test begins with an empty cache, and none touches the user's."""
    monkeypatch.setenv("SPARFT_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    return make_rows()


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., str]:
    """Write rows as parquet and return the path."""

    def write(rows: list[dict[str, Any]], name: str = "train.parquet") -> str:
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / name)
        return str(tmp_path / name)

    return write


@pytest.fixture
def settings(
    tmp_path: Path, save: Callable[..., str], rows: list[dict[str, Any]]
) -> Callable[..., PrepareConfig]:
    """A configuration over the small data set with the lexical embedder; more settings are added to it."""

    def make(*more: str, files: str | None = None) -> PrepareConfig:
        train = files or save(rows)
        base = [f"data.train_files={train}", f"out={tmp_path / 'art'}", "embed.engine=lexical", "threads=1"]
        return from_dotlist([*base, "report=false", "cluster.k=3", "select.budget=9", *more])

    return make
