"""The criterion, its gradients and Hessians at several thetas at once, from sums over levels.

Small models are bound by the number of array operations and not by their size: several thetas
cost little more than one. All arrays here have the theta first, (s, ...).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from engine.criterion import LOG_2PI, Criterion, Derivatives, Evaluation
from engine.table import Floats

MAX_DOUBLES = 1 << 15
"""Most doubles of an array when several thetas are evaluated at once: they stay in the cache."""


@dataclass(frozen=True, slots=True)
class Whitened:
    """The columns of all levels, and what their products leave, at each theta.

    Attributes:
        d: D = [X y]'V^-1[X y], (s, q, q) with q = p + 1; not finite where it does not exist.
        log_det: log|V|, (s,).
        root, inner: L_j^-1 R_j and L_j^-1 Q_j'[X y], in the layout of the criterion.
    """

    d: Floats
    log_det: Floats
    root: Floats
    inner: Floats


@dataclass(frozen=True, slots=True)
class LevelSums:
    """Sums over levels that the derivatives are made of, with H, S, Y and u as in ``criterion``.

    Attributes:
        slope: Q = d criterion / dG, (s, k, k).
        joint: sums of [H u]_a' [H u]_b for effects a, b of one factor, (s, k^2, q^2).
        curved: sums of S_bc Y_da by (a, b) and (c, d), (s, k^2, k^2).
    """

    slope: Floats
    joint: Floats
    curved: Floats

    def derivatives(self, directions: Floats) -> Derivatives:
        """Those of the only theta, in directions of G (t, k, k)."""
        flat = directions.reshape(len(directions), -1)
        width = round(self.joint.shape[-1] ** 0.5)
        curvature = flat @ self.curved[0] @ flat.T
        return Derivatives(
            directions,
            self.slope[0],
            (flat @ self.joint[0]).reshape(-1, width, width),
            (curvature + curvature.T) / 2.0,
        )


@dataclass(slots=True)
class Scanned:
    """The last thetas that were scanned, which serve the other method too, and what is left there.

    Attributes:
        thetas: (s, t).
        exists: where D is positive definite, (s,).
        upper: R of D = R'R, (s, q, q).
        log_det: log|V|, (s,).
    """

    thetas: Floats | None = None
    exists: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=np.bool_))
    upper: Floats = field(default_factory=lambda: np.zeros((0, 0, 0)))
    log_det: Floats = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True)
class StackedCriterion(Criterion, ABC):
    """A criterion that is evaluated at several thetas at once.

    Attributes:
        scanned: shared by the criteria of both methods.
    """

    scanned: Scanned = field(default_factory=Scanned, repr=False, compare=False)

    @property
    def at_once(self) -> int:
        """At how many thetas it is best evaluated at once: so many that their arrays stay small."""
        return max(1, MAX_DOUBLES // self.doubles)

    @property
    @abstractmethod
    def doubles(self) -> int:
        """The size of the largest array of an evaluation at one theta."""

    @abstractmethod
    def whitened(self, thetas: Floats) -> Whitened:
        """The columns at each theta (s, t)."""

    @abstractmethod
    def level_sums(self, root: Floats, inner: Floats, inverse: Floats, weight: Floats) -> LevelSums:
        """The sums over levels at each theta.

        ``inverse`` is R^-1 for D = R'R (s, q, q), ``weight`` (q,) as in :meth:`Criterion.sums`.
        """

    def __call__(self, theta: Floats) -> Evaluation | None:
        """Value, gradient and Hessian; ``None`` where they do not exist or overflow."""
        return self.several(theta[None])[0]

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")
    def several(self, thetas: Floats) -> list[Evaluation | None]:
        """Value, gradient and Hessian at each theta (s, t)."""
        found = self.whitened(thetas)
        exists, upper, inverse = roots(found.d)
        sums = self.level_sums(found.root, found.inner, inverse, self._weight)
        values = self.values(upper, found.log_det)
        s, t = thetas.shape
        directions = self.structure.directions(thetas).reshape(s, t, -1)
        turned = np.swapaxes(directions, 1, 2)
        gradients = (directions @ sums.slope.reshape(s, -1, 1))[:, :, 0]
        hessians = directions @ sums.curved @ turned
        hessians = (hessians + np.swapaxes(hessians, 1, 2)) * 0.5
        pairs = directions @ sums.joint
        hessians -= (pairs * self._pair_weight) @ np.swapaxes(pairs, 1, 2)
        rows = self.structure.rows
        hessians += sums.slope[:, rows[:, None], rows] * self.structure.same_column
        exists &= np.isfinite(hessians).all(axis=(1, 2))
        return [
            Evaluation(value, gradient, hessian) if ok else None
            for ok, value, gradient, hessian in zip(
                exists.tolist(), values.tolist(), gradients, hessians, strict=True
            )
        ]

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")
    def scan(self, thetas: Floats) -> Floats:
        """Values at many thetas (s, t); infinite where the criterion does not exist."""
        if self.scanned.thetas is not thetas:
            self._scan(thetas)
        values = self.values(self.scanned.upper, self.scanned.log_det)
        return np.where(self.scanned.exists, values, np.inf)

    def _scan(self, thetas: Floats) -> None:
        d, log_det = self._all_sums(thetas)
        exists, upper = _upper(d)
        self.scanned.thetas, self.scanned.exists = thetas, exists
        self.scanned.upper, self.scanned.log_det = upper, log_det

    def _all_sums(self, thetas: Floats) -> tuple[Floats, Floats]:
        step = 4 * self.at_once  # fewer arrays are held than for derivatives
        parts = [self.sums_of(thetas[i : i + step]) for i in range(0, len(thetas), step)]
        return np.concatenate([d for d, _ in parts]), np.concatenate([each for _, each in parts])

    def sums_of(self, thetas: Floats) -> tuple[Floats, Floats]:
        """D (s, q, q) and log|V| (s,) at each theta, to the few digits that a scan needs."""
        found = self.whitened(thetas)
        return found.d, found.log_det

    @np.errstate(over="ignore", invalid="ignore", divide="ignore")
    def heights(self, thetas: Floats) -> Floats:
        """As :meth:`scan`, of a few thetas that will not be asked for again."""
        d, log_det = self._all_sums(thetas)
        exists, upper = _upper(d)
        return np.where(exists, self.values(upper, log_det), np.inf)

    def value_at(self, theta: Floats) -> float:
        """The criterion alone; infinite where it does not exist."""
        found = self.whitened(theta[None])
        exists, upper, _ = roots(found.d)
        return float(self.values(upper, found.log_det)[0]) if exists[0] else np.inf

    def values(self, upper: Floats, log_det: Floats) -> Floats:
        """The criterion where D = R'R, R (s, q, q), and log|V| (s,)."""
        logs = np.log(upper.diagonal(axis1=1, axis2=2))
        values = log_det + self._constant + (2.0 * self.count) * logs[:, -1]
        if self.reml:
            values += 2.0 * logs[:, :-1].sum(axis=1)
        return np.asarray(values)

    @cached_property
    def _constant(self) -> float:
        return self.count * float(1.0 + LOG_2PI - np.log(self.count))


def _upper(d: Floats) -> tuple[NDArray[np.bool_], Floats]:
    """Where D (s, q, q) is positive definite (s,), and R of D = R'R."""
    try:
        upper = np.asarray(np.linalg.cholesky(d, upper=True), dtype=np.float64)
    except np.linalg.LinAlgError:
        exists, upper, _ = roots(d)
        return exists, upper
    return np.asarray(np.isfinite(d).all(axis=(1, 2))), upper


def roots(d: Floats) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """Where D (s, q, q) is positive definite (s,), R of D = R'R, and R^-1.

    The identity stands for R where there is none. Only upper triangles are read.
    """
    exists = np.ones(len(d), dtype=np.bool_)
    upper, inverse = np.empty_like(d), np.empty_like(d)
    for i, own in enumerate(d):
        root, info = lapack.dpotrf(own, lower=0, clean=1)
        if info == 0 and np.isfinite(root[-1, -1]):
            upper[i] = root
            inverse[i] = lapack.dtrtri(root, lower=0)[0]
        else:
            exists[i] = False
            upper[i] = inverse[i] = np.eye(len(own))
    return exists, upper, inverse
