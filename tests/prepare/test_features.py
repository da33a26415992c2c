"""Features: exact PCA with fixed signs, and two blocks of known variance."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from sparft_verl.prepare.errors import PrepareError
from sparft_verl.prepare.features import (
    FeaturesConfig,
    choose_dim,
    features,
    normalise,
    principal_axes,
    project,
)

RNG = np.random.Generator(np.random.Philox(5))
# 40 directions of falling weight, as embeddings have
X = normalise((RNG.normal(size=(300, 40)) * 0.9 ** np.arange(40)).astype(np.float32))
LEVEL = RNG.uniform(size=300)


def test_rows_have_length_1_and_a_zero_row_stays_zero() -> None:
    assert normalise(np.array([[3.0, 4.0], [0.0, 0.0]])) == pytest.approx(np.array([[0.6, 0.8], [0, 0]]))


def test_the_axes_are_those_of_a_full_pca() -> None:
    mean, values, axes = principal_axes(X)
    oracle = PCA(svd_solver="full").fit(X.astype(np.float64))
    # sklearn divides by N - 1
    assert values == pytest.approx(oracle.explained_variance_ * 299 / 300)
    assert mean == pytest.approx(oracle.mean_, abs=1e-7)
    signs = np.sign((oracle.components_.T * axes).sum(axis=0))
    assert axes == pytest.approx(oracle.components_.T * signs, abs=1e-6)
    assert project(X, mean, axes) == pytest.approx(oracle.transform(X.astype(np.float64)) * signs, abs=1e-6)


def test_the_largest_entry_of_every_axis_is_positive() -> None:
    _, _, axes = principal_axes(X)
    assert (axes[np.abs(axes).argmax(axis=0), np.arange(40)] > 0).all()


def test_blocks_of_rows_do_not_change_the_axes(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = principal_axes(X)
    monkeypatch.setattr("sparft_verl.prepare.features._CHUNK", 7)
    for a, b in zip(principal_axes(X), whole, strict=True):
        assert a == pytest.approx(b, abs=1e-9)


@pytest.mark.parametrize(
    ("share", "low", "high", "rank", "expected"),
    [(0.9, 1, 64, 5, 3), (0.5, 1, 64, 5, 1), (0.9, 4, 64, 5, 4), (0.9, 16, 64, 5, 5), (1.0, 1, 2, 5, 2)],
)
def test_the_dimension_follows_variance_limits_and_rank(
    share: float, low: int, high: int, rank: int, expected: int
) -> None:
    values = np.array([50.0, 30.0, 10.0, 6.0, 4.0])
    assert choose_dim(values, rank, FeaturesConfig(variance=share, min_dim=low, max_dim=high)) == expected


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0, 2.0])
def test_the_embedding_block_has_variance_1_and_difficulty_its_weight(weight: float) -> None:
    made = features(X, LEVEL, FeaturesConfig(difficulty_weight=weight))
    assert made.matrix.shape == (300, made.dim + 1) and made.matrix.dtype == np.float32
    assert made.matrix[:, :-1].var(axis=0).sum() == pytest.approx(1, rel=1e-5)
    assert made.matrix[:, -1].std() == pytest.approx(weight, rel=1e-5)
    assert 0.9 <= made.explained <= 1


def test_identical_embeddings_leave_difficulty_alone_and_say_so() -> None:
    made = features(np.ones((5, 8), np.float32), np.arange(5.0), FeaturesConfig())
    assert made.dim == 1 and (made.matrix[:, 0] == 0).all() and made.matrix[:, 1].std() > 0
    assert made.notes == ["all embeddings are identical: only difficulty tells prompts apart"]


def test_constant_difficulty_plays_no_part_and_says_so() -> None:
    made = features(X, np.full(300, 0.3), FeaturesConfig())
    assert (made.matrix[:, -1] == 0).all() and "difficulty is the same" in made.notes[0]


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_few_rows_have_at_most_rows_minus_1_dimensions(rows: int) -> None:
    assert features(X[:rows], LEVEL[:rows], FeaturesConfig()).dim == max(rows - 1, 1)


@pytest.mark.parametrize(
    "bad", [{"variance": 0}, {"variance": 1.1}, {"min_dim": 0}, {"min_dim": 65}, {"difficulty_weight": -1}]
)
def test_settings_out_of_range_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(PrepareError, match="but found"):
        FeaturesConfig(**bad)  # type: ignore[arg-type]
