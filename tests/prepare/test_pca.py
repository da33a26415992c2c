"""Principal components: exact to float32, with fixed signs and bits."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from sparft_verl.prepare import pca
from sparft_verl.prepare.pca import normalise, principal_axes, project

RNG = np.random.Generator(np.random.Philox(5))
# 40 directions of falling weight round a common mean, as embeddings have
X = (RNG.normal(size=(700, 40)) * 0.9 ** np.arange(40) + 0.3).astype(np.float32)


def test_rows_have_length_1_and_a_zero_row_stays_zero() -> None:
    assert normalise(np.array([[3.0, 4.0], [0.0, 0.0]])) == pytest.approx(np.array([[0.6, 0.8], [0, 0]]))


def test_the_axes_are_those_of_a_full_pca_in_double_precision() -> None:
    axes = principal_axes(X, 40)
    unit = X / np.linalg.norm(X.astype(np.float64), axis=1, keepdims=True)
    oracle = PCA(svd_solver="full").fit(unit)
    assert axes.values == pytest.approx(
        oracle.explained_variance_ * 699 / 700, rel=1e-4
    )  # sklearn divides by N - 1
    assert axes.total == pytest.approx(axes.values.sum(), rel=1e-5)
    assert axes.mean == pytest.approx(oracle.mean_, abs=1e-7)
    signs = np.sign((oracle.components_.T * axes.vectors).sum(axis=0))
    assert axes.vectors == pytest.approx(oracle.components_.T * signs, abs=1e-3)
    assert project(X, axes.mean, axes.vectors) == pytest.approx(oracle.transform(unit) * signs, abs=1e-4)


def test_a_mean_far_larger_than_the_spread_costs_no_accuracy() -> None:
    near = (1.0 + 1e-3 * RNG.normal(size=(3000, 20))).astype(np.float32)
    unit = near / np.linalg.norm(near.astype(np.float64), axis=1, keepdims=True)
    expected = np.linalg.eigvalsh(np.cov(unit.T, bias=True))[::-1][:8]
    assert principal_axes(near, 8).values == pytest.approx(expected, rel=1e-3)


def test_the_largest_entry_of_every_axis_is_positive() -> None:
    vectors = principal_axes(X, 12).vectors
    assert vectors.shape == (40, 12)
    assert (vectors[np.abs(vectors).argmax(axis=0), np.arange(12)] > 0).all()


def test_axes_that_hold_nothing_are_left_out() -> None:
    flat = RNG.normal(size=(200, 3)) @ RNG.normal(size=(3, 30))
    assert len(principal_axes(flat.astype(np.float32), 16).values) == 3
    assert len(principal_axes(np.ones((5, 8), np.float32), 4).values) == 0


def test_blocks_of_rows_do_not_change_the_axes(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = principal_axes(X, 12)
    monkeypatch.setattr(pca, "BLOCK", 7)
    parts = principal_axes(X, 12)
    assert parts.values == pytest.approx(whole.values, rel=1e-5)
    assert parts.vectors == pytest.approx(whole.vectors, abs=1e-3)


def test_the_number_of_threads_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pca, "BLOCK", 64)
    made = [principal_axes(X, 12, threads=t) for t in (1, 2, 5)]
    for other in made[1:]:
        assert other.vectors.tobytes() == made[0].vectors.tobytes()
        assert other.values.tobytes() == made[0].values.tobytes()
    flat = [project(X, made[0].mean, made[0].vectors, threads=t).tobytes() for t in (1, 4)]
    assert flat[0] == flat[1]
