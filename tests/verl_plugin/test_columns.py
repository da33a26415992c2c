"""Columns of token values: sums and means of each rollout, the same bits whichever way they are taken."""

import numpy as np
import pytest
import torch

pytest.importorskip("verl", reason="needs verl")
from sparft_verl.verl_plugin.columns import BLOCK, Ragged, as_ragged, means, sums


def ragged(lengths: np.ndarray, values: np.ndarray) -> Ragged:
    return Ragged(values, np.concatenate([[0], np.cumsum(lengths)]))


def pairwise(column: Ragged) -> list[float]:
    """NumPy's own sum of each vector in float64."""
    spans = zip(column.start[:-1], column.start[1:], strict=True)
    return [float(column.values[a:b].astype(np.float64).sum()) for a, b in spans]


@pytest.mark.parametrize("share", [0.0, 0.004, 0.03, 1.0])
def test_sums_are_numpys_to_the_last_bit_with_few_values_that_are_not_zero_and_with_many(share) -> None:
    chance = np.random.default_rng(0)
    lengths = chance.integers(0, 300, 3 * BLOCK + 7)
    lengths[[0, 5, -1]] = 0
    values = chance.normal(size=lengths.sum()).astype(np.float32)
    values[chance.random(len(values)) >= share] = 0.0
    column = ragged(lengths, values)
    np.testing.assert_array_equal(sums(column), pairwise(column))
    assert sums(column).dtype == np.float64


def test_one_score_at_the_end_of_each_rollout_is_its_sum() -> None:
    lengths = np.random.default_rng(1).integers(1, 50, 1000)
    values = np.zeros(lengths.sum(), np.float32)
    scores = np.random.default_rng(2).random(1000).astype(np.float32)
    values[np.cumsum(lengths) - 1] = scores
    np.testing.assert_array_equal(sums(ragged(lengths, values)), scores.astype(np.float64))


def test_means_are_over_what_the_mask_chooses() -> None:
    chance = np.random.default_rng(3)
    lengths = chance.integers(0, 60, 700)
    values = chance.normal(size=lengths.sum()).astype(np.float32)
    values[3] = np.inf  # not chosen below: it must not come through
    chosen = (chance.random(len(values)) < 0.7).astype(np.int64)
    chosen[3] = 0
    column, mask = ragged(lengths, values), ragged(lengths, chosen)
    masked = pairwise(ragged(lengths, np.where(chosen != 0, values, 0.0)))
    np.testing.assert_array_equal(means(column, mask), masked / np.maximum(pairwise(mask), 1.0))
    values[3] = 0.0
    whole = ragged(lengths, np.ones_like(chosen))
    np.testing.assert_array_equal(means(column, whole), pairwise(column) / np.maximum(lengths, 1))


def test_every_layout_of_a_column_is_read() -> None:
    rows = [torch.tensor([1.0, 2.0]), torch.tensor([3.0])]
    jagged = as_ragged(torch.nested.nested_tensor(rows, layout=torch.jagged))
    strided = as_ragged(torch.nested.nested_tensor(rows, layout=torch.strided))
    for column in (jagged, strided):
        assert (column.values.tolist(), column.start.tolist()) == ([1.0, 2.0, 3.0], [0, 2, 3])
    dense = as_ragged(torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.bfloat16))
    assert (dense.values.tolist(), dense.start.tolist()) == ([1.0, 2.0, 3.0, 4.0], [0, 2, 4])
