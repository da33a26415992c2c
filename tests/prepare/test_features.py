"""Features: two blocks of known variance, in as many dimensions as the settings ask for."""

from pathlib import Path

import numpy as np
import pytest

from sparft_verl.prepare.errors import PrepareError
from sparft_verl.prepare.features import FeaturesConfig, choose_dim, features
from sparft_verl.prepare.pca import normalise

RNG = np.random.Generator(np.random.Philox(5))
# 40 directions of falling weight, as embeddings have
X = normalise((RNG.normal(size=(300, 40)) * 0.9 ** np.arange(40)).astype(np.float32))
LEVEL = RNG.uniform(size=300)


@pytest.mark.parametrize(
    ("share", "low", "high", "rank", "expected"),
    [
        (0.9, 1, 64, 5, 3),
        (0.5, 1, 64, 5, 1),
        (0.9, 4, 64, 5, 4),
        (0.9, 16, 64, 5, 5),
        (1.0, 1, 2, 5, 2),
        (0.9, 1, 9, 2, 2),
    ],
)
def test_the_dimension_follows_variance_limits_and_rank(
    share: float, low: int, high: int, rank: int, expected: int
) -> None:
    values = np.array([50.0, 30.0, 10.0, 6.0, 4.0][:rank])
    config = FeaturesConfig(variance=share, min_dim=low, max_dim=high)
    assert choose_dim(values, 100.0, config) == expected


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
    made = features(X, np.full(300, 0.1), FeaturesConfig())  # whose mean rounds to another number
    assert (made.matrix[:, -1] == 0).all() and "difficulty is the same" in made.notes[0]


def test_embeddings_in_a_file_give_the_bits_of_those_in_memory_whatever_the_threads(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    made = features(X, LEVEL, FeaturesConfig())
    for threads in (1, 3):
        again = features(mapped, LEVEL, FeaturesConfig(), threads=threads)
        assert again.matrix.tobytes() == made.matrix.tobytes()


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_few_rows_have_at_most_rows_minus_1_dimensions(rows: int) -> None:
    assert features(X[:rows], LEVEL[:rows], FeaturesConfig()).dim == max(rows - 1, 1)


@pytest.mark.parametrize(
    "bad", [{"variance": 0}, {"variance": 1.1}, {"min_dim": 0}, {"min_dim": 65}, {"difficulty_weight": -1}]
)
def test_settings_out_of_range_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(PrepareError, match="but found"):
        FeaturesConfig(**bad)  # type: ignore[arg-type]
