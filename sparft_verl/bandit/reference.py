"""NumPy reference of the compiled ops: the same operations in the same order, hence the same bits.

It mirrors csrc/philox.h line by line and is written to be read. Arguments are as the public functions have
checked them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
U32 = NDArray[np.uint32]
U64 = NDArray[np.uint64]

OP_NORMAL, OP_PERMUTATION = 0, 1
_MASK64 = 2**64 - 1
_LOW32 = np.uint64(0xFFFFFFFF)
_LOG = (
    *(7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1),
    *(-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1),
)
_SIN = (-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1)
_COS = (2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2)
_DRAWS_AT_ONCE = 2**20


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


def uniform_words(n: int, first: int, seed: int, stream: int, step: int, op: int = OP_NORMAL) -> U32:
    """uint32 [n]: words first .. first+n-1 of the key; four come from one block."""
    blocks = np.arange(first // 4, (first + n + 3) // 4, dtype=np.uint64)
    counter = np.empty((4, len(blocks)), dtype=np.uint64)
    counter[0] = blocks & _LOW32
    counter[1] = (blocks >> np.uint64(32)) | np.uint64(op << 28)
    counter[2], counter[3] = step & 0xFFFFFFFF, step >> 32
    words = philox(counter, mix64(mix64(seed) ^ stream))
    return words.T.ravel()[first % 4 : first % 4 + n].astype(np.uint32)


def _polynomial(x: F32, coefficients: tuple[float, ...]) -> F32:
    y = np.full_like(x, coefficients[0])
    for c in coefficients[1:]:
        y = y * x + np.float32(c)
    return y


def log_unit(x: F32) -> F32:
    """float32: natural logarithm of x in [2**-32, 1], by Cephes' logf."""
    bits = x.view(np.uint32) + np.uint32(0x3F800000 - 0x3F3504F3)
    e = ((bits >> np.uint32(23)).astype(np.int32) - np.int32(127)).astype(np.float32)
    m = ((bits & np.uint32(0x007FFFFF)) + np.uint32(0x3F3504F3)).view(np.float32) - np.float32(1)
    m2 = m * m
    y = _polynomial(m, _LOG) * m * m2
    y = y + e * np.float32(-2.12194440e-4)
    y = y - m2 * np.float32(0.5)
    return (m + y) + e * np.float32(0.693359375)


def sincos_turn(w: U32) -> tuple[F32, F32]:
    """float32: sin and cos of 2*pi*w/2**32."""
    quadrant = (w + np.uint32(0x20000000)) >> np.uint32(30)
    rest = (w - (quadrant << np.uint32(30))).view(np.int32)
    x = rest.astype(np.float32) * np.float32(1.4629180792671596e-9)
    x2 = x * x
    s = _polynomial(x2, _SIN) * x2 * x + x
    c = (_polynomial(x2, _COS) * x2 * x2 - x2 * np.float32(0.5)) + np.float32(1)
    odd = (quadrant & np.uint32(1)) != 0
    sine, cosine = np.where(odd, c, s), np.where(odd, s, c)
    sine = np.where((quadrant & np.uint32(2)) != 0, -sine, sine)
    cosine = np.where(((quadrant + np.uint32(1)) & np.uint32(2)) != 0, -cosine, cosine)
    return sine, cosine


def normal(n: int, first: int, seed: int, stream: int, step: int) -> F32:
    """float32 [n]: normals first .. first+n-1, by Box-Muller on neighbouring words."""
    begin = first // 2 * 2
    words = uniform_words((first + n + 1) // 2 * 2 - begin, begin, seed, stream, step)
    a = (words[0::2] >> np.uint32(1)).view(np.int32).astype(np.float32)
    radius = np.sqrt(log_unit(a * np.float32(2.0**-31) + np.float32(2.0**-32)) * np.float32(-2))
    sine, cosine = sincos_turn(words[1::2])
    z = np.stack([radius * cosine, radius * sine], axis=1).ravel()
    return z[first - begin : first - begin + n]


def thompson_gaussian(
    mean: NDArray[np.float64],
    sd: NDArray[np.float64],
    capacity: NDArray[np.int64],
    rounds: int,
    seed: int,
    stream: int,
    step: int,
) -> NDArray[np.int32]:
    """int32 [rounds]: see sparft_verl.bandit.thompson_gaussian."""
    arms = len(mean)
    left = capacity.copy()
    chosen = np.empty(rounds, dtype=np.int32)
    at_once = max(1, _DRAWS_AT_ONCE // arms)
    for start in range(0, rounds, at_once):
        n = min(at_once, rounds - start)
        z = normal(n * arms, start * arms, seed, stream, step).reshape(n, arms).astype(np.float64)
        with np.errstate(over="ignore"):  # huge but finite posteriors may draw +-inf, which still compares
            theta = mean + sd * z
        for r in range(n):
            open_arms = np.flatnonzero(left > 0)
            arm = open_arms[np.argmax(theta[r, open_arms])]
            left[arm] -= 1
            chosen[start + r] = arm
    return chosen


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


def observe_mean(
    total: NDArray[np.float64], count: NDArray[np.int64], arm: NDArray[np.int32], value: NDArray[np.float64]
) -> None:
    """Nothing; see sparft_verl.bandit.observe_mean. `np.add.at` adds in the order given."""
    np.add.at(total, arm, value)
    np.add.at(count, arm, 1)
