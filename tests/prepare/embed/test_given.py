"""Vectors made elsewhere: a column of the data, a file beside it, and what is wrong with either."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from sparft_verl.prepare.cache import Cache
from sparft_verl.prepare.embed import EmbedConfig, Embedded, embed
from sparft_verl.prepare.errors import PrepareError
from sparft_verl.prepare.workers import LocalWorkers

VECTORS = np.arange(12, dtype=np.float64).reshape(4, 3)


def _embed(config: EmbedConfig, texts: Sequence[str] = "abcd", **more: Any) -> Embedded:
    return embed(config, list(texts), cache=Cache(None), workers=LocalWorkers(), seed=0, threads=1, **more)


def _column(values: list[Any]) -> Embedded:
    asked: list[str] = []
    done = _embed(
        EmbedConfig(engine="column", column="extra_info.vector"),
        texts="x" * len(values),
        column=lambda path: asked.append(path) or values,
    )
    assert asked == ["extra_info.vector"]
    return done


def _file(path: Path, **more: Any) -> Embedded:
    return _embed(EmbedConfig(engine="npy", file=str(path)), **more)


@pytest.mark.parametrize("values", [VECTORS.tolist(), list(VECTORS)])
def test_a_column_is_taken_row_by_row(values: list[Any]) -> None:
    done = _column(values)
    assert done.vectors.dtype == np.float32 and done.vectors.tolist() == VECTORS.tolist()
    assert done.described == {"engine": "column", "model": "made elsewhere: column extra_info.vector"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1.0, 2.0], None, [3.0, 4.0]], "nothing in row 1 and 2 in row 0"),
        ([[1.0, 2.0], [1.0]], "1 in row 1 and 2 in row 0"),
        ([[], []], "nothing in row 0"),
        ([["a"], ["b"]], "lists of numbers, but could not convert"),
        ([[[1.0], [2.0]], [[3.0], [4.0]]], r"flat lists, but found shape \(2, 2, 1\)"),
        ([[1.0], [float("nan")], [float("inf")]], "NaN or inf in 2 rows, first in row 1"),
    ],
)
def test_a_column_that_holds_no_vectors_names_the_row(values: list[Any], message: str) -> None:
    with pytest.raises(PrepareError, match=message):
        _column(values)


def test_texts_without_columns_cannot_be_embedded_by_one() -> None:
    with pytest.raises(PrepareError, match="these texts come without"):
        _embed(EmbedConfig(engine="column", column="v"))


def test_a_file_is_read_by_the_row_of_the_input(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", VECTORS)
    assert _file(tmp_path / "v.npy").vectors.tolist() == VECTORS.tolist()
    some = _file(tmp_path / "v.npy", texts="db", origin=np.array([3, 1]), rows=4)
    assert some.vectors.tolist() == VECTORS[[3, 1]].tolist()
    assert len(some.described["sha256"]) == 64


def test_a_safetensors_file_is_read_too(tmp_path: Path) -> None:
    save_file({"any": VECTORS.astype(np.float16)}, tmp_path / "one.safetensors")
    save_file({"ids": np.arange(4), "embeddings": VECTORS}, tmp_path / "two.safetensors")
    save_file({"ids": np.arange(4), "more": VECTORS}, tmp_path / "none.safetensors")
    for name in ("one", "two"):
        done = _file(tmp_path / f"{name}.safetensors")
        assert done.vectors.dtype == np.float32 and done.vectors.tolist() == VECTORS.tolist()
    with pytest.raises(PrepareError, match="arrays ids, more, none of them named embeddings"):
        _file(tmp_path / "none.safetensors")


@pytest.mark.parametrize("bad", [VECTORS[:3], VECTORS[:, :0], VECTORS[0], VECTORS.astype(str)])
def test_a_file_of_another_shape_is_refused(tmp_path: Path, bad: Any) -> None:
    np.save(tmp_path / "v.npy", bad)
    with pytest.raises(
        PrepareError, match=r"one vector per input row, which is \(4, dimensions\) of numbers"
    ):
        _file(tmp_path / "v.npy")


def test_a_file_that_is_absent_or_no_array_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PrepareError, match=r"embed\.file must be a file, but found"):
        _file(tmp_path / "absent.npy")
    for name in ("text.npy", "text.safetensors"):
        (tmp_path / name).write_text("no array, but long enough for a header")
        with pytest.raises(PrepareError, match=r"must be a \.npy or \.safetensors file, but"):
            _file(tmp_path / name)
    (tmp_path / "empty.npy").touch()
    with pytest.raises(PrepareError, match=r"must be a \.npy or \.safetensors file, but"):
        _file(tmp_path / "empty.npy")
