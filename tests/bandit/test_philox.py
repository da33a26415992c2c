"""The generator: known answers, NumPy = C++, and keys that do not touch each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sparft_verl import bandit
from sparft_verl.bandit import _kernel, reference

# kat_vectors of the authors' Random123, philox4x32 with 10 rounds: counter, key, answer
KNOWN = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
]
GOLDEN_WORDS = [3396374369, 950102304, 4172500643, 106827215]
GOLDEN_NORMALS = [
    "0x1.f8dc2c0000000p-4",
    "0x1.5916ca0000000p-1",
    "0x1.e69c660000000p-3",
    "0x1.32b0a80000000p-5",
]
GOLDEN_PERMUTATION = [4, 2, 1, 6, 5, 9, 3, 8, 7, 10, 11, 0]
KEYS = st.integers(0, 2**63 - 1)


def hexes(text: str) -> tuple[int, ...]:
    return tuple(int(word, 16) for word in text.split())


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_philox_gives_the_published_answers_in_both_languages(counter: str, key: str, answer: str) -> None:
    c0, c1, c2, c3 = hexes(counter)
    k0, k1 = hexes(key)
    assert _kernel.philox((c0, c1, c2, c3), k0, k1) == hexes(answer)
    numpy_words = reference.philox(np.array([[c0], [c1], [c2], [c3]], dtype=np.uint64), k0 | k1 << 32)
    assert tuple(numpy_words[:, 0].tolist()) == hexes(answer)


@given(n=st.integers(0, 70), first=st.integers(0, 2**60 - 1000), seed=KEYS, stream=KEYS, step=KEYS)
@settings(max_examples=60, deadline=None)
def test_words_of_numpy_and_cpp_are_equal_for_every_key_and_offset(
    n: int, first: int, seed: int, stream: int, step: int
) -> None:
    ours = bandit.uniform_words(n, first=first, seed=seed, stream=stream, step=step)
    assert ours.dtype == np.uint32
    np.testing.assert_array_equal(ours, reference.uniform_words(n, first, seed, stream, step))


def test_a_part_of_the_sequence_does_not_depend_on_what_was_drawn_before() -> None:
    key = {"seed": 5, "stream": 6, "step": 7}
    whole = bandit.uniform_words(1000, **key)
    for first in (0, 1, 2, 3, 4, 333):
        np.testing.assert_array_equal(bandit.uniform_words(50, first=first, **key), whole[first : first + 50])


def test_draws_of_release_one_stay_as_they_are() -> None:
    """A run that is resumed with a later release must serve the same prompts: these values never change."""
    key = {"seed": 1, "stream": 2, "step": 3}
    assert bandit.uniform_words(4, **key).tolist() == GOLDEN_WORDS
    assert [z.hex() for z in bandit.normal(4, **key).astype(float)] == GOLDEN_NORMALS
    assert bandit.permutation(12, **key).tolist() == GOLDEN_PERMUTATION


def test_neighbouring_seeds_streams_and_steps_are_uncorrelated() -> None:
    n = 20_000
    keys = [(s, t, u) for s in (0, 1, 2) for t in (0, 1, 2) for u in (0, 1, 2)]
    z = np.stack([bandit.normal(n, seed=s, stream=t, step=u) for s, t, u in keys])
    correlation = np.corrcoef(z)[np.triu_indices(len(keys), 1)] * np.sqrt(n)
    assert (
        np.abs(correlation).max() < 4.5
    )  # of 351 standard normals; P(exceeded) < 0.003 for a perfect generator
    assert stats.kstest(correlation, "norm").pvalue > 1e-3


def test_swapping_seed_and_stream_gives_other_draws() -> None:
    one = bandit.uniform_words(64, seed=1, stream=2, step=0)
    other = bandit.uniform_words(64, seed=2, stream=1, step=0)
    assert not np.array_equal(one, other)


def test_permutation_and_normals_of_one_key_use_different_words() -> None:
    normals = reference.uniform_words(4096, 0, 1, 2, 3, reference.OP_NORMAL)
    swaps = reference.uniform_words(4096, 0, 1, 2, 3, reference.OP_PERMUTATION)
    assert len(np.intersect1d(normals, swaps)) <= 2  # two sets of 4096 random words share 0.004 on average
