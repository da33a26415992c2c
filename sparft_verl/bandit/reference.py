"""NumPy reference of the generator, csrc/philox.h, and of what needs nothing else: written to be read.

The same operations in the same order as the compiled ones, hence the same bits. Draws are in reference_draws.py,
choices in reference_choose.py. Arguments are as the public functions have checked them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

U32 = NDArray[np.uint32]
U64 = NDArray[np.uint64]

OP_NORMAL, OP_PERMUTATION, OP_GAMMA, OP_GUMBEL, OP_FLOOR = range(5)
_MASK64 = 2**64 - 1
_LOW32 = np.uint64(0xFFFFFFFF)


def mix64(x: int) -> int:
    """The finaliser of SplitMix64 (Steele, Lea and Flood, 2014), a bijection of 64-bit words."""
    x = (x + 0x9E3779B97F4A7C15) & _MASK64
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK64
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK64
    return x ^ (x >> 31)


def philox(counter: NDArray[np.uint64], key: int) -> U64:
    """uint64 [4, n]: Philox4x32-10 of n counters [4, n]; words of 32 bits, held in 64 for the products."""
    c0, c1, c2, c3 = counter
    k0, k1 = key & 0xFFFFFFFF, key >> 32
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c0, np.uint64(0xCD9E8D57) * c2
        c0, c1, c2, c3 = (
            (p1 >> np.uint64(32)) ^ c1 ^ np.uint64(k0),
            p1 & _LOW32,
            (p0 >> np.uint64(32)) ^ c3 ^ np.uint64(k1),
            p0 & _LOW32,
        )
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3])


def words_at(index: U64, seed: int, stream: int, step: int, op: int) -> U64:
    """uint64 [4, n]: the words of n blocks of the key, whose index is below 2**60."""
    counter = np.empty((4, len(index)), dtype=np.uint64)
    counter[0] = index & _LOW32
    counter[1] = (index >> np.uint64(32)) | np.uint64(op << 28)
    counter[2], counter[3] = step & 0xFFFFFFFF, step >> 32
    return philox(counter, mix64(mix64(seed) ^ stream))


def uniform_words(n: int, first: int, seed: int, stream: int, step: int, op: int = OP_NORMAL) -> U32:
    """uint32 [n]: words first .. first+n-1 of the key; four come from one block."""
    blocks = np.arange(first // 4, (first + n + 3) // 4, dtype=np.uint64)
    words = words_at(blocks, seed, stream, step, op)
    return words.T.ravel()[first % 4 : first % 4 + n].astype(np.uint32)


def permutation(n: int, seed: int, stream: int, step: int) -> NDArray[np.int64]:
    """int64 [n]: see sparft_verl.bandit.permutation. The partner of i is a 64-bit word times i+1, >> 64."""
    words = uniform_words(2 * n, 0, seed, stream, step, OP_PERMUTATION).astype(np.uint64)
    bound = np.arange(1, n + 1, dtype=np.uint64)
    partner = (words[1::2] * bound + ((words[0::2] * bound) >> np.uint64(32))) >> np.uint64(32)
    out = np.arange(n, dtype=np.int64)
    for i in range(n - 1, 0, -1):
        j = int(partner[i])
        out[i], out[j] = out[j], out[i]
    return out
