"""Where vectors are gathered: what is refused, and that many of them lie in a file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sparft_verl.prepare import embed_store
from sparft_verl.prepare.embed_shards import Shard
from sparft_verl.prepare.embed_store import Store
from sparft_verl.prepare.errors import PrepareError

SHARD = Shard(["bb", "a"], np.array([1, 0]))
INDEX = np.array([0, 1, 1])  # rows a, bb, bb


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_vectors_that_are_not_finite_name_the_row(bad: float) -> None:
    with pytest.raises(PrepareError, match="NaN or inf in 2 rows, first in row 1"):
        Store(2, INDEX, None).put(SHARD, np.array([[bad, 4], [1, 2]]))


@pytest.mark.parametrize("shape", [(1, 3), (2, 0), (2,)])
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(PrepareError, match="one vector per text, but 2 texts gave shape"):
        Store(2, INDEX, None).put(SHARD, np.zeros(shape))


def test_vectors_of_another_length_than_the_first_are_refused() -> None:
    store = Store(3, np.arange(3), None)
    store.put(SHARD, np.zeros((2, 3)))
    with pytest.raises(PrepareError, match="equally long, but found 4 and 3"):
        store.put(Shard(["c"], np.array([2])), np.zeros((1, 4)))


@pytest.mark.parametrize("in_memory", [0, 2**30])
def test_rows_are_the_same_in_memory_and_in_a_file_that_leaves_nothing_behind(
    in_memory: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embed_store, "_IN_MEMORY", in_memory)
    store = Store(2, INDEX, tmp_path / "cache")
    store.put(SHARD, np.array([[3, 4], [1, 2]]))
    rows: Any = store.rows()
    assert rows.tolist() == [[1, 2], [3, 4], [3, 4]] and rows.dtype == np.float32
    assert isinstance(rows, np.memmap) == (in_memory == 0)
    assert list((tmp_path / "cache").glob("**/*")) == []


def test_a_disk_that_is_too_small_is_an_error_and_no_crash(tmp_path: Path) -> None:
    with pytest.raises(PrepareError, match=r"need 4398\.0 TB|need \d+\.\d GB in .*but the disk refused"):
        embed_store.room(2**40, 1024, tmp_path)
