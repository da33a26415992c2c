"""Laws of the utility of one arm's draw: Gaussian or Beta, as it is or folded around a target."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import betaln, ndtr

from sparft_verl.curricula.types import F64

if TYPE_CHECKING:
    from sparft_verl.curricula.propensity import Mesh

REACH = 8.5
"""A Gaussian further than this many deviations from its mean is taken as certain (1e-17)."""
BETA_REACH = 14.0
"""The same for a Beta, whose tails may be exponential."""


class Family(ABC):
    """A laws of one kind, one a row of `params`, float64 [A, p]."""

    def __init__(self, params: F64) -> None:
        self.params = params

    @abstractmethod
    def of(self, params: F64) -> Family:
        """Return laws of the same kind."""

    @abstractmethod
    def spans(self) -> tuple[F64, F64, F64]:
        """Return start, end and width of the stretches in which the laws have their mass, [S] each."""

    @abstractmethod
    def low(self) -> float:
        """Return a point above which some arm's draw certainly lies."""

    def high(self) -> F64:
        """float64 [A]: a point below which each arm's draw certainly lies."""
        return self.spans()[1].reshape(-1, len(self.params)).max(axis=0)

    @abstractmethod
    def density(self, x: F64) -> F64:
        """float64 [A, X]."""

    def below(self, mesh: Mesh, density: F64) -> F64:
        """float64 [A, X]: probability of a draw below each point."""
        return 1.0 - mesh.above(density)

    @abstractmethod
    def as_normals(self) -> Family:
        """Return the Gaussian laws nearest to these, params (mean, sd)."""


class Normals(Family):
    """N(mean, sd^2); params (mean, sd)."""

    def of(self, params: F64) -> Normals:
        """Return laws of the same kind."""
        return Normals(params)

    def spans(self) -> tuple[F64, F64, F64]:
        """Return mean -+ REACH * sd."""
        mean, sd = self.params.T
        return mean - REACH * sd, mean + REACH * sd, sd

    def low(self) -> float:
        """Return the largest lower end."""
        return float(self.spans()[0].max())

    def density(self, x: F64) -> F64:
        """float64 [A, X]."""
        mean, sd = self.params[:, :1], self.params[:, 1:]
        return np.exp(-0.5 * ((x - mean) / sd) ** 2) / (sd * np.sqrt(2.0 * np.pi))

    def below(self, mesh: Mesh, density: F64) -> F64:
        """float64 [A, X]: in closed form."""
        return ndtr((mesh.x - self.params[:, :1]) / self.params[:, 1:])

    def as_normals(self) -> Normals:
        """Return itself."""
        return self


class FoldedNormals(Family):
    """-|x| with x ~ N(-distance, sd^2); params (-distance from the target, sd), the first <= 0."""

    def of(self, params: F64) -> FoldedNormals:
        """Return laws of the same kind."""
        return FoldedNormals(params)

    def spans(self) -> tuple[F64, F64, F64]:
        """Return those of x and of -x, below 0."""
        mean, sd = np.concatenate([self.params, self.params * [-1.0, 1.0]]).T
        return np.minimum(mean - REACH * sd, 0.0), np.minimum(mean + REACH * sd, 0.0), sd

    def low(self) -> float:
        """Return the largest lower end."""
        return float((self.params[:, 0] - REACH * self.params[:, 1]).max())

    def density(self, x: F64) -> F64:
        """float64 [A, X], x <= 0."""
        return Normals(self.params).density(x) + Normals(self.params).density(-x)

    def below(self, mesh: Mesh, density: F64) -> F64:
        """float64 [A, X]: in closed form."""
        mean, sd = self.params[:, :1], self.params[:, 1:]
        return ndtr((mesh.x - mean) / sd) + ndtr((mesh.x + mean) / sd)

    def as_normals(self) -> Normals:
        """Return normals with the same distance and deviation."""
        return Normals(self.params)


class Betas(Family):
    """Beta(a, b), the larger draw the better; params (a, b)."""

    def of(self, params: F64) -> Betas:
        """Return laws of the same kind."""
        return Betas(params)

    def moments(self) -> tuple[F64, F64]:
        """Return mean and standard deviation, [A] each."""
        a, b = self.params.T
        return a / (a + b), np.sqrt(a * b / (a + b + 1.0)) / (a + b)

    def spans(self) -> tuple[F64, F64, F64]:
        """Return mean -+ BETA_REACH * sd within [0, 1]."""
        mean, sd = self.moments()
        return np.maximum(mean - BETA_REACH * sd, 0.0), np.minimum(mean + BETA_REACH * sd, 1.0), sd

    def low(self) -> float:
        """Return the largest lower end."""
        return float(self.spans()[0].max())

    def density(self, x: F64) -> F64:
        """float64 [A, X]; 0 outside (0, 1)."""
        a, b = self.params[:, :1], self.params[:, 1:]
        inside = (x > 0.0) & (x < 1.0)
        at = np.where(inside, x, 0.5)
        return np.exp((a - 1.0) * np.log(at) + (b - 1.0) * np.log1p(-at) - betaln(a, b)) * inside

    def as_normals(self) -> Normals:
        """Return normals of the same moments."""
        return Normals(np.stack(self.moments(), axis=1))


class FoldedBetas(Family):
    """-|theta - tau| with theta ~ Beta(a, b); params (a, b)."""

    def __init__(self, params: F64, tau: float) -> None:
        super().__init__(params)
        self._tau = tau

    def of(self, params: F64) -> FoldedBetas:
        """Return laws of the same kind."""
        return FoldedBetas(params, self._tau)

    def spans(self) -> tuple[F64, F64, F64]:
        """Return those of theta - tau and of tau - theta, below 0."""
        start, end, sd = Betas(self.params).spans()
        starts = np.concatenate([start - self._tau, self._tau - end])
        ends = np.concatenate([end - self._tau, self._tau - start])
        return np.minimum(starts, 0.0), np.minimum(ends, 0.0), np.concatenate([sd, sd])

    def low(self) -> float:
        """Return the largest lower end."""
        start, end, _ = Betas(self.params).spans()
        return float(np.minimum(start - self._tau, self._tau - end).max())

    def density(self, x: F64) -> F64:
        """float64 [A, X], x <= 0."""
        return Betas(self.params).density(self._tau + x) + Betas(self.params).density(self._tau - x)

    def as_normals(self) -> Normals:
        """Return normals at the mean's distance from the target, with the Beta's deviation."""
        mean, sd = Betas(self.params).moments()
        return Normals(np.stack([-np.abs(mean - self._tau), sd], axis=1))
