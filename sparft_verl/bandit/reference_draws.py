"""NumPy reference of csrc/draws.h: normals, Gumbels and betas of the elements of a key, to the same bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sparft_verl.bandit.reference import OP_GAMMA, OP_GUMBEL, uniform_words, words_at
from sparft_verl.bandit.reference_math import exp_bounded, log_joined, log_positive, log_split, sincos_turn

F32 = NDArray[np.float32]
U32 = NDArray[np.uint32]
B1 = NDArray[np.bool_]

GAMMA_ATTEMPTS, BOOST_ATTEMPT = 4000, 4095
_ONE, _THIRD = np.float32(1), np.float32(1 / 3)


def uniform_of(w: U32) -> F32:
    """float32 in (0, 1]: of the upper 31 bits."""
    return (w >> np.uint32(1)).view(np.int32).astype(np.float32) * np.float32(2.0**-31) + np.float32(2.0**-32)


def box_muller(a: U32, b: U32) -> tuple[F32, F32]:
    """Two independent standard normals, float32."""
    radius = np.sqrt(log_positive(uniform_of(a)) * np.float32(-2))
    sine, cosine = sincos_turn(b)
    return radius * cosine, radius * sine


def normal(n: int, first: int, seed: int, stream: int, step: int) -> F32:
    """float32 [n]: normals first .. first+n-1, by Box-Muller on neighbouring words."""
    begin = first // 2 * 2
    words = uniform_words((first + n + 1) // 2 * 2 - begin, begin, seed, stream, step)
    z = np.stack(box_muller(words[0::2].copy(), words[1::2].copy()), axis=1).ravel()
    return z[first - begin : first - begin + n]


def gumbel(n: int, first: int, seed: int, stream: int, step: int) -> F32:
    """float32 [n]: Gumbels first .. first+n-1, -log(-log(1 - v)), exact where v is small."""
    w = uniform_words(n, first, seed, stream, step, OP_GUMBEL)
    v = uniform_of(w)
    e, m = log_split(uniform_of(np.uint32(0xFFFFFFFF) - w))
    low = v < np.float32(0.29)
    e, m = np.where(low, np.float32(0), e), np.where(low, np.float32(0) - v, m)
    return np.float32(0) - log_positive(np.float32(0) - log_joined(e, m))


def _constants(shape: F32) -> tuple[F32, F32]:
    d: F32 = (np.where(shape < _ONE, shape + _ONE, shape) - _THIRD).astype(np.float32)
    return d, (_THIRD / np.sqrt(d)).astype(np.float32)


def _attempt(d: F32, c: F32, x: F32, u: F32) -> tuple[B1, F32]:
    """(accepted, gamma) of Marsaglia and Tsang's rule."""
    v = _ONE + c * x
    v = v * v * v
    x2 = x * x
    x4 = x2 * x2
    positive = v > 0
    safe = np.where(positive, v, _ONE)
    bound = np.float32(0.5) * x2 + d * ((_ONE - safe) + log_positive(safe))
    far = (x4 * np.float32(-1 / 108)) / d
    rule = log_positive(u) < np.where(d > np.float32(4096), far, bound)
    return positive & ((u < _ONE - np.float32(0.0331) * x4) | rule), d * v


def beta(a: F32, b: F32, first: int, seed: int, stream: int, step: int) -> F32:
    """float32 [n]: Beta(a[i], b[i]) of element first + i."""
    da, ca = _constants(a)
    db, cb = _constants(b)
    ga, gb = da.copy(), db.copy()
    need_a, need_b = np.ones(len(a), dtype=bool), np.ones(len(a), dtype=bool)
    element = np.uint64(first) + np.arange(len(a), dtype=np.uint64)

    def words(rows: NDArray[np.int64], attempt: int) -> U32:
        index = element[rows] | np.uint64(attempt << 48)
        return words_at(index, seed, stream, step, OP_GAMMA).astype(np.uint32)

    for attempt in range(GAMMA_ATTEMPTS):
        rows = np.flatnonzero(need_a | need_b)
        if len(rows) == 0:
            break
        w = words(rows, attempt)
        xa, xb = box_muller(w[0], w[1])
        for x, word, need, g, d, c in ((xa, w[2], need_a, ga, da, ca), (xb, w[3], need_b, gb, db, cb)):
            accepted, value = _attempt(d[rows], c[rows], x, uniform_of(word))
            new = accepted & need[rows]
            g[rows[new]] = value[new]
            need[rows[new]] = False
    p = ga / (ga + gb)
    rows = np.flatnonzero((a < _ONE) | (b < _ONE))
    if len(rows):
        w = words(rows, BOOST_ATTEMPT)
        p[rows] = _boosted(a[rows], b[rows], ga[rows], gb[rows], uniform_of(w[0]), uniform_of(w[1]))
    return p


def _boosted(a: F32, b: F32, ga: F32, gb: F32, ua: F32, ub: F32) -> F32:
    la, lb = log_positive(ga), log_positive(gb)
    xa = np.where(a < _ONE, la + log_positive(ua) / a, la)
    xb = np.where(b < _ONE, lb + log_positive(ub) / b, lb)
    x = xb - xa
    x = np.where(x > np.float32(87), np.float32(87), x)
    x = np.where(x < np.float32(-87), np.float32(-87), x)
    return _ONE / (_ONE + exp_bounded(x))
