"""Exact probability that an arm's draw is the best, by quadrature.

P(k wins) = integral of f_k(x) * prod_{j != k} F_j(x) dx, with f_k and F_j density and distribution of the utility of an
arm's draw. One mesh serves all arms: panels of at most two deviations of the narrowest law that still matters at x,
with NODES Gauss-Legendre points each. Where every draw of some arm lies above x the product is 0 (below 1e-17 for
Gaussians), so the mesh starts there; every law that matters covers its start, and the panels number about
9 * (1 + log2(widest / narrowest)) for Gaussians.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparft_verl.curricula.families import Family, Normals
from sparft_verl.curricula.types import F64

NODES = 12
EXACT_ARMS = 512
"""Above this many different beliefs they are taken as Gaussian and rounded to at most this many cells, which bounds the
cost of one evaluation at EXACT_ARMS times the number of mesh points, plus a sort. The values are then approximate:
they sum to one, their total variation from the exact ones is about 0.1, single arms can be off by a factor of two."""
BANDS = 16

_X, _W = np.polynomial.legendre.leggauss(NODES)
_BASIS = np.polynomial.legendre.Legendre.basis
_TAIL: F64 = np.stack(
    [_BASIS(i).integ()(1.0) - _BASIS(i).integ()(_X) for i in range(NODES)], axis=1
) @ np.linalg.inv(np.polynomial.legendre.legvander(_X, NODES - 1))
"""[i, j]: weight of node j in the integral from node i to the end of a panel."""


@dataclass(frozen=True)
class Mesh:
    """P panels of NODES points each, rising."""

    x: F64
    """float64 [P * NODES]."""
    half: F64
    """float64 [P]: half the width of each panel."""

    @property
    def weight(self) -> F64:
        """float64 like `x`: of each point in the integral over everything."""
        return np.tile(_W, len(self.half)) * np.repeat(self.half, NODES)

    def above(self, density: F64) -> F64:
        """float64 [..., X]: integral of `density`, [..., X], from each point to the end."""
        panels = density.reshape(*density.shape[:-1], -1, NODES)
        whole = (panels @ _W) * self.half
        later = np.zeros_like(whole)
        later[..., :-1] = np.cumsum(whole[..., :0:-1], axis=-1)[..., ::-1]
        return (panels @ _TAIL.T * self.half[:, None] + later[..., None]).reshape(density.shape)


def argmax_probability(mean: F64, sd: F64, allowed: NDArray[np.bool_]) -> F64:
    """float64 [A]: probability that each arm's Gaussian draw is the largest among the allowed ones; 0 elsewhere.

    Args:
        mean: float64 [A]. sd: float64 [A], > 0.
        allowed: bool [A], at least one.
    """
    return next_best_probability(mean, sd, allowed, ())


def next_best_probability(mean: F64, sd: F64, allowed: NDArray[np.bool_], ranked: Sequence[int]) -> F64:
    """float64 [A]: probability that each allowed arm comes next, given that one draw ranked `ranked` on top."""
    return best_probability(Normals(np.stack([mean, sd], axis=1)), allowed, ranked)


def best_probability(family: Family, allowed: NDArray[np.bool_], ranked: Sequence[int]) -> F64:
    """float64 [A]: probability that each allowed arm comes next, given that one draw ranked `ranked` on top.

    P(r_1 > ... > r_m > j > rest) / sum_j of the same, where H_m(x) = P(r_1 > ... > r_m > x) is integrated along
    the mesh from above: H_i(x) = integral from x of f_{r_i} * H_{i-1}.
    """
    out = np.zeros(len(family.params))
    arms = np.flatnonzero(allowed)
    if len(arms) == 1:
        out[arms[0]] = 1.0
        return out
    params, member, size = np.unique(family.params[arms], axis=0, return_inverse=True, return_counts=True)
    if len(params) > EXACT_ARMS:
        family = family.as_normals()
        params, member, size = _rounded(family.params[arms])
    some, top = family.of(params), family.of(family.params[list(ranked)])
    # an arm that certainly loses takes no part: its distribution is 1 wherever the mesh is
    able = some.high() > some.low()
    some, size = some.of(params[able]), size[able]
    mesh = _mesh(some, top)
    density = some.density(mesh.x)
    below = np.log(np.maximum(some.below(mesh, density), 1e-300))
    log_all = (size[:, None] * below).sum(axis=0)
    win = (np.exp(log_all - below) * density) @ (mesh.weight * _in_order(mesh, top))
    each = np.zeros(len(params))
    each[able] = win
    out[arms] = each[member.reshape(-1)]
    return out / out.sum()


def _mesh(some: Family, top: Family) -> Mesh:
    starts, ends, widths = (np.concatenate(pair) for pair in zip(some.spans(), top.spans(), strict=True))
    edges = [float(some.low())]
    while edges[-1] < ends.max():
        at = edges[-1]
        widest = widths[(starts <= at) & (at < ends)].min(initial=np.inf)
        edges.append(min(at + 2.0 * widest, starts[starts > at].min(initial=np.inf), ends.max()))
    left = np.array(edges)
    half = np.diff(left) / 2.0
    return Mesh(((left[:-1] + half)[:, None] + half[:, None] * _X).reshape(-1), half)


def _in_order(mesh: Mesh, top: Family) -> F64:
    """float64 like `mesh.x`: in proportion to P(the draws of `top` come in this order, the last of them above x)."""
    out = np.ones_like(mesh.x)
    for density in top.density(mesh.x):
        out = np.maximum(mesh.above(density * out), 0.0)
        out /= out.max() or 1.0  # of many arms in order the probability itself would vanish
    return out


def _rounded(pairs: F64) -> tuple[F64, NDArray[np.intp], NDArray[np.intp]]:
    """Return cell averages [C, 2] of (mean, sd), each arm's cell, and cell sizes, with C <= EXACT_ARMS.

    Cells are BANDS of equal ratio in sd times bins of equal width in mean; means that cannot win share a bin.
    """
    mean, sd = pairs.T
    bins = EXACT_ARMS // BANDS
    low = Normals(pairs).low()
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
