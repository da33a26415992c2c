"""Exact probability that an arm's Gaussian draw is the largest.

P(k wins) = integral of phi_k(x) * prod_{j != k} Phi_j(x) dx, with phi_k and Phi_j density and distribution of
N(mean, sd^2). One mesh serves all arms: panels no wider than the narrowest belief that still matters at x, with
NODES Gauss-Legendre points each. Below max_j(mean_j - REACH * sd_j) the product is < 1e-17, so the mesh starts
there; every belief that matters covers its start, and the panels number about 17 * (1 + log2(widest / narrowest)).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtr

from sparft_verl.curricula.types import F64

REACH = 8.5
NODES = 12
EXACT_ARMS = 512
"""Above this many different beliefs they are rounded to at most this many cells, which bounds the cost of one
evaluation at EXACT_ARMS times the number of mesh points, plus a sort. The values are then approximate: they sum to
one, their total variation from the exact ones is about 0.1, and single arms can be off by a factor of two."""
BANDS = 16

_X, _W = np.polynomial.legendre.leggauss(NODES)
_BASIS = np.polynomial.legendre.Legendre.basis
_TAIL: F64 = np.stack(
    [_BASIS(i).integ()(1.0) - _BASIS(i).integ()(_X) for i in range(NODES)], axis=1
) @ np.linalg.inv(np.polynomial.legendre.legvander(_X, NODES - 1))
"""[i, j]: weight of node j in the integral from node i to the end of a panel."""


def argmax_probability(mean: F64, sd: F64, allowed: NDArray[np.bool_]) -> F64:
    """float64 [A]: probability that each arm's draw is the largest among the allowed ones; 0 elsewhere.

    Args:
        mean: float64 [A]. sd: float64 [A], > 0.
        allowed: bool [A], at least one.
    """
    return next_best_probability(mean, sd, allowed, ())


def next_best_probability(mean: F64, sd: F64, allowed: NDArray[np.bool_], ranked: Sequence[int]) -> F64:
    """float64 [A]: probability that each allowed arm comes next, given that one draw ranked `ranked` on top.

    P(r_1 > ... > r_m > j > rest) / sum_j of the same, where H_m(x) = P(r_1 > ... > r_m > x) is integrated along
    the mesh from above: H_i(x) = integral from x of phi_{r_i} * H_{i-1}.
    """
    out = np.zeros(len(mean))
    arms = np.flatnonzero(allowed)
    if len(arms) == 1:
        out[arms[0]] = 1.0
        return out
    pairs, member, size = np.unique(
        _pairs(mean[arms], sd[arms]), axis=0, return_inverse=True, return_counts=True
    )
    if len(pairs) > EXACT_ARMS:
        pairs, member, size = _rounded(mean[arms], sd[arms])
    m, s = pairs[:, :1], pairs[:, 1:]
    low = (m - REACH * s).max()
    x, half = _mesh(low, pairs, _pairs(mean[list(ranked)], sd[list(ranked)]))
    z = (x - m) / s
    below = log_ndtr(z)
    log_all = (size[:, None] * below).sum(axis=0)
    weight = np.tile(_W, len(half)) * np.repeat(half, NODES) * _above(x, half, mean, sd, ranked)
    win = (np.exp(log_all - below - 0.5 * z * z) / s) @ weight
    out[arms] = win[member.reshape(-1)]
    return out / out.sum()


def _pairs(mean: F64, sd: F64) -> F64:
    return np.stack([mean, sd], axis=1)


def _mesh(low: float, pairs: F64, ranked: F64) -> tuple[F64, F64]:
    """Return points [P * NODES], rising, and half the width of each of the P panels."""
    both = np.concatenate([pairs, ranked])
    starts, ends = both[:, 0] - REACH * both[:, 1], both[:, 0] + REACH * both[:, 1]
    edges = [low]
    while edges[-1] < ends.max():
        at = edges[-1]
        widest = both[(starts <= at) & (at < ends), 1].min(initial=np.inf)
        edges.append(min(at + widest, starts[starts > at].min(initial=np.inf)))
    left = np.array(edges)
    half = np.diff(left) / 2.0
    return ((left[:-1] + half)[:, None] + half[:, None] * _X).reshape(-1), half


def _above(x: F64, half: F64, mean: F64, sd: F64, ranked: Sequence[int]) -> F64:
    """float64 like `x`: probability that the draws of `ranked` come in this order, the last of them above x."""
    out = np.ones_like(x)
    for place, arm in enumerate(ranked):
        z = (x - mean[arm]) / sd[arm]
        if place == 0:
            out = ndtr(-z)
            continue
        density = (np.exp(-0.5 * z * z) / (sd[arm] * np.sqrt(2.0 * np.pi)) * out).reshape(-1, NODES)
        panels = (density @ _W) * half
        later = np.concatenate([np.cumsum(panels[::-1])[::-1][1:], [0.0]])
        out = (density @ _TAIL.T * half[:, None] + later[:, None]).reshape(-1)
    return out


def _rounded(mean: F64, sd: F64) -> tuple[F64, NDArray[np.intp], NDArray[np.intp]]:
    """Return cell averages [C, 2], each arm's cell, and cell sizes, with C <= EXACT_ARMS.

    Cells are BANDS of equal ratio in sd times bins of equal width in mean; means that cannot win share a bin.
    """
    bins = EXACT_ARMS // BANDS
    low = (mean - REACH * sd).max()
    span = np.log(sd.max() / sd.min()) or 1.0
    band = np.minimum(np.log(sd / sd.min()) / span * BANDS, BANDS - 1).astype(np.int64)
    cell = np.empty(len(mean), dtype=np.int64)
    for number in np.unique(band):
        members = np.flatnonzero(band == number)
        top = mean[members].max()
        bottom = min(max(mean[members].min(), low - 6.0 * sd[members].max()), top)
        place = (mean[members] - bottom) / ((top - bottom) or 1.0) * bins
        cell[members] = number * bins + np.clip(place, 0, bins - 1).astype(np.int64)
    used, member, size = np.unique(cell, return_inverse=True, return_counts=True)
    sums = np.stack([np.bincount(member, weights=value, minlength=len(used)) for value in (mean, sd)], axis=1)
    return sums / size[:, None], member, size
