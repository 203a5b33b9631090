"""The criterion, its gradients and Hessians at several thetas at once, from sums over levels.

Small models are bound by the number of array operations and not by their size: several thetas
cost little more than one. All arrays here have the theta first, (s, ...).
"""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from functools import cached_property

import numpy as np
import scipy
from msgspec import Struct, StructMeta, field
from numpy.typing import NDArray

from engine.criterion import LOG_2PI, Criterion, Derivatives, Evaluation
from engine.table import Floats

MAX_DOUBLES = 1 << 15
"""Most doubles of an array when several thetas are evaluated at once: they stay in the cache."""
FEW_COLUMNS = 6
"""Up to so many columns of D an elimination of all thetas at once is quicker than LAPACK's."""


class Whitened(Struct, frozen=True):
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


class LevelSums(Struct, frozen=True):
    """Sums over levels that the derivatives are made of, with H, S, Y and u as in ``criterion``.

    Attributes:
        slope: Q = d criterion / dG, (s, k, k).
        joint: sums of [H u]_a' [H u]_b for effects a, b of one factor, (s, k^2, q^2).
        curved: sums of S_bc Y_da by (a, b) and (c, d), (s, k^2, k^2).
    """

    slope: Floats
    joint: Floats
    curved: Floats

    def of(self, i: int) -> LevelSums:
        """Those of one theta, without its axis."""
        return LevelSums(self.slope[i], self.joint[i], self.curved[i])

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


class Scanned(Struct):
    """The last thetas that were scanned, which serve the other method too, and what is left there.

    Attributes:
        thetas: (s, t).
        logs: logarithms of the diagonal of R, D = R'R, (s, q); not finite where there is no R.
        log_det: log|V|, (s,).
    """

    thetas: Floats | None = None
    logs: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    log_det: Floats = field(default_factory=lambda: np.zeros(0))


class _Abstract(StructMeta, ABCMeta):
    """Makes of a record an abstract one."""


class StackedCriterion(Criterion, metaclass=_Abstract, frozen=True, dict=True):
    """A criterion that is evaluated at several thetas at once.

    Attributes:
        scanned: shared by the criteria of both methods.
    """

    scanned: Scanned = field(default_factory=Scanned)

    @cached_property
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
        values = self.values(log_diagonal(upper), found.log_det)
        s, t = thetas.shape
        directions = self.structure.directions(thetas).reshape(s, t, -1)
        turned = directions.mT
        gradients = (directions @ sums.slope.reshape(s, -1, 1))[:, :, 0]
        hessians = directions @ sums.curved @ turned
        hessians = (hessians + hessians.mT) * 0.5
        pairs = directions @ sums.joint
        hessians -= (pairs * self._pair_weight) @ pairs.mT
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
        scanned = self.scanned
        if scanned.thetas is not thetas:
            d, scanned.log_det = self._all_sums(thetas)
            scanned.logs = log_roots(d)
            scanned.thetas = thetas
        return self._finite(scanned.logs, scanned.log_det)

    def _finite(self, logs: Floats, log_det: Floats) -> Floats:
        values = self.values(logs, log_det)
        return np.where(np.isfinite(values), values, np.inf)

    def _all_sums(self, thetas: Floats) -> tuple[Floats, Floats]:
        step = 4 * self.at_once  # fewer arrays are held than for derivatives
        if len(thetas) <= step:
            return self.sums_of(thetas)
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
        return self._finite(log_roots(d), log_det)

    def value_at(self, theta: Floats) -> float:
        """The criterion alone; infinite where it does not exist."""
        found = self.whitened(theta[None])
        exists, upper, _ = roots(found.d)
        return float(self.values(log_diagonal(upper), found.log_det)[0]) if exists[0] else np.inf

    def values(self, logs: Floats, log_det: Floats) -> Floats:
        """The criterion from the logarithms of the diagonal of R (s, q) and log|V| (s,)."""
        return np.asarray(logs @ self._log_weight + log_det + self._constant)

    @cached_property
    def fixed_weight(self) -> Floats:
        """How often each column of [H u] counts where sigma is not profiled out, (p + 1,)."""
        weight = np.full(self.blocks.p + 1, 1.0 if self.reml else 0.0)
        weight[-1] = 0.0
        return weight

    @cached_property
    def fixed_pairs(self) -> Floats:
        """The same of each element of a pair, ((p + 1)^2,)."""
        return (self.fixed_weight[:, None] * self.fixed_weight).ravel()

    @cached_property
    def _log_weight(self) -> Floats:
        """How often each logarithm of the diagonal of R counts, (q,)."""
        weight = np.full(self.blocks.p + 1, 2.0 if self.reml else 0.0)
        weight[-1] = 2.0 * self.count
        return weight

    @cached_property
    def _constant(self) -> float:
        return self.count * float(1.0 + LOG_2PI - np.log(self.count))


def log_diagonal(upper: Floats) -> Floats:
    """The logarithms of the diagonal of R (s, q, q), (s, q)."""
    return np.log(upper.diagonal(axis1=1, axis2=2))


def log_roots(d: Floats) -> Floats:
    """The logarithms of the diagonal of R, D = R'R (s, q, q): (s, q); NaN where there is no R."""
    if d.shape[-1] > FEW_COLUMNS:
        exists, upper, _ = roots(d)
        return np.where(exists[:, None], log_diagonal(upper), np.nan)
    left = d.transpose(1, 2, 0).copy()  # an elimination runs along all thetas
    pivots = np.empty((len(d), len(left)))
    for c in range(len(left)):
        pivots[:, c] = left[c, c]
        rest = left[c, c + 1 :]
        left[c + 1 :, c + 1 :] -= (rest / left[c, c])[:, None] * rest
    return np.log(pivots) * 0.5


def roots(d: Floats) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """Where D (s, q, q) is positive definite (s,), R of D = R'R, and R^-1.

    The identity stands for R where there is none. Only upper triangles are read.
    """
    exists = np.ones(len(d), dtype=np.bool_)
    upper, inverse = np.empty_like(d), np.empty_like(d)
    for i, own in enumerate(d):
        root, info = scipy.linalg.lapack.dpotrf(own, lower=0, clean=1)
        if info == 0 and np.isfinite(root[-1, -1]):
            upper[i] = root
            inverse[i] = scipy.linalg.lapack.dtrtri(root, lower=0)[0]
        else:
            exists[i] = False
            upper[i] = inverse[i] = np.eye(len(own))
    return exists, upper, inverse
