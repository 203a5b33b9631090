"""The profiled criterion of theta, ML or REML, with its exact gradient and Hessian.

For one grouping factor with relative covariance G = T T' (T lower triangular, filled from theta),
level j has V_j = I + Z_j G Z_j'. With Z_j = Q_j R_j and N_j = I + R_j G R_j' = L_j L_j' the rows of
a level enter only through R_j and Q_j'M_j; what is orthogonal to all Z_j is the same for every
theta and enters once, as ``within``:

    D = [X y]' V^-1 [X y] = within + sum_j (L_j^-1 Q_j'[X y])' (L_j^-1 Q_j'[X y])
    criterion = sum_j log|N_j| + c (1 + log(2 pi r^2 / c)) [+ log|D_XX| for REML],  c = n or n - p

where r^2 is what is left of y'V^-1y after beta. Every sum is of positive terms: no digits cancel
however large theta is. (Bates, Maechler, Bolker, Walker 2015, equations 34, 39; the elimination of
section 3.4 written per level.)

Derivatives are taken in G and carried to theta by dG = dT T' + T dT'. With S_j = Z_j'V_j^-1 Z_j,
H_j = Z_j'V_j^-1 X R_X^-1 and u_j = Z_j'V_j^-1 (y - X beta) / r:

    d criterion / dG = Q = sum S_j - [REML] sum H_j H_j' - c sum u_j u_j'
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Literal

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from engine.cholesky import (
    batched_cholesky,
    batched_forward,
    batched_root,
    dense_cholesky,
    triangular_inverse,
)
from engine.crossproducts import CrossProducts
from engine.table import Floats

LOG_2PI = float(np.log(2.0 * np.pi))
ROUNDING = 1e-13
"""What rounding leaves of the squared length of a column of X that all Z_j span."""


class Structure(Struct, frozen=True, eq=False):
    """Where theta stands in T: a lower triangle per random term, column by column, as lme4.

    Attributes:
        k: random effects per level.
        rows, cols: place of each element of theta in T.
    """

    k: int
    rows: NDArray[np.intp]
    cols: NDArray[np.intp]
    same_column: Floats
    """2 where two elements of theta stand in one column of T, else 0, (t, t)."""
    tangent: tuple[NDArray[np.intp], NDArray[np.intp]]
    """Which elements of theta, and 0 after them, add up to dG / dtheta_i, each (t k k,)."""
    relative: NDArray[np.intp]
    """Which elements of theta, and 0 after them, are d(T M)_i / dM_l, (t, t)."""
    on_diagonal: NDArray[np.intp]
    """Which elements of theta are on the diagonal of T."""

    @classmethod
    @lru_cache(maxsize=256)
    def of(cls, sizes: tuple[int, ...]) -> Structure:
        """The structure of independent blocks of the given sizes."""
        rows: list[int] = []
        cols: list[int] = []
        start = 0
        for size in sizes:
            for c in range(size):
                rows += range(start + c, start + size)
                cols += [start + c] * (size - c)
            start += size
        in_column = np.array(cols, dtype=np.intp)
        same_column = 2.0 * (in_column[:, None] == in_column)
        in_row = np.array(rows, dtype=np.intp)
        place = np.full((start, start), len(rows), dtype=np.intp)
        place[in_row, in_column] = np.arange(len(rows))
        return cls(
            start,
            in_row,
            in_column,
            same_column,
            _tangent(place, in_row, in_column),
            # (T M)_rc = sum_a T_ra M_ac
            np.where(same_column > 0.0, place[in_row[:, None], in_row], len(rows)),
            np.flatnonzero(in_row == in_column),
        )

    @property
    def diagonal(self) -> NDArray[np.bool_]:
        """Which elements of theta are on the diagonal of T."""
        return np.equal(self.rows, self.cols)

    def matrix(self, theta: Floats) -> Floats:
        """T (k, k)."""
        t = np.zeros((self.k, self.k))
        t[self.rows, self.cols] = theta
        return t

    def theta(self, t: Floats) -> Floats:
        """The elements of T that are parameters."""
        return t[self.rows, self.cols]

    def directions(self, thetas: Floats) -> Floats:
        """DG / dtheta_i = E_i T' + T E_i' at each theta (s, t): (s, t, k, k)."""
        s, t = thetas.shape
        padded = np.zeros((s, t + 1))
        padded[:, :t] = thetas
        left, right = self.tangent
        directions: Floats = padded.take(left, axis=1)
        directions += padded.take(right, axis=1)
        return directions.reshape(s, t, self.k, self.k)


def _tangent(
    place: NDArray[np.intp], rows: NDArray[np.intp], cols: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The places in theta of the elements of E_i T' and of T E_i'; len(rows) where they are 0."""
    t = len(rows)
    left = np.full((t, *place.shape), t, dtype=np.intp)
    left[np.arange(t), rows] = place[:, cols].T
    return left.ravel(), left.mT.ravel()


class Blocks(Struct, frozen=True):
    """The cross-products of a model without aliased columns, ready for any theta.

    Attributes:
        n: rows.
        within: [X y]'[X y] less its part in the span of all Z_j, (p + 1, p + 1).
        root: R_j, (J, k, k).
        inner: Q_j'[X y], (J, k, p + 1).
    """

    n: int
    within: Floats
    root: Floats
    inner: Floats

    @property
    def p(self) -> int:
        """Columns of X."""
        return len(self.within) - 1

    @classmethod
    def of(cls, products: CrossProducts, kept: NDArray[np.intp]) -> Blocks:
        """``kept`` are the columns of M that are X (index 0 is the constant); y is the last one."""
        columns = np.append(kept, len(products.mm) - 1)
        xy = products.mm[columns[:, None], columns]
        if not products.groups:
            return cls(products.n, xy, np.zeros((0, 0, 0)), np.zeros((0, 0, len(columns))))
        group = products.groups[0]
        root, inner = batched_root(group.zz, group.zm[:, :, columns])
        flat = inner.reshape(-1, len(columns))
        within = xy - flat.T @ flat
        spanned = within.diagonal() <= ROUNDING * xy.diagonal()
        spanned[-1] = False
        within[spanned] = within[:, spanned] = 0.0
        return cls(products.n, within, root, inner)


class Factorised(Struct, frozen=True):
    """The blocked factor at one theta.

    Attributes:
        t: T (k, k).
        root: L_j^-1 R_j, (J, k, k).
        inner: L_j^-1 Q_j'[X y], (J, k, p + 1).
        upper: R of D = R'R, (p + 1, p + 1); its last element is r.
        log_det: sum_j log|N_j|.
    """

    t: Floats
    root: Floats
    inner: Floats
    upper: Floats
    log_det: float

    @property
    def r2(self) -> float:
        """The penalised residual sum of squares."""
        return float(self.upper[-1, -1]) ** 2


class Derivatives(Struct, frozen=True):
    """Sums over levels that the derivatives are made of, in directions dG_i = dG / dtheta_i.

    Attributes:
        directions: dG_i, (t, k, k).
        slope: Q = d criterion / dG, (k, k).
        pairs: sum_j [H u]_j' dG_i [H u]_j, (t, p + 1, p + 1).
        curvature: sum_j tr(dG_i S_j dG_l Y_j), Y_j = -S_j + 2 [REML] H_j H_j' + 2 c u_j u_j', (t,
            t).
    """

    directions: Floats
    slope: Floats
    pairs: Floats
    curvature: Floats


class Evaluation(Struct, frozen=True):
    """The criterion at one theta, with gradient (t,) and Hessian (t, t)."""

    value: float
    gradient: Floats
    hessian: Floats


class Criterion(Struct, frozen=True, dict=True):
    """The profiled criterion as a function of theta, up to the constants of the pilots."""

    blocks: Blocks
    structure: Structure
    method: Literal["REML", "ML"]

    @property
    def reml(self) -> bool:
        """Whether the fixed effects are integrated out."""
        return self.method == "REML"

    @property
    def at_once(self) -> int:
        """At how many thetas it is best evaluated at once."""
        return 1

    @property
    def count(self) -> int:
        """c: n for ML, n - p for REML."""
        return self.blocks.n - (self.blocks.p if self.reml else 0)

    def factorise(self, theta: Floats) -> Factorised | None:
        """The blocked factor; ``None`` where D is not numerically positive definite."""
        blocks, t = self.blocks, self.structure.matrix(theta)
        rt = _times(blocks.root, t)
        square = rt * rt if len(t) == 1 else rt @ rt.mT
        lower = batched_cholesky(_plus_identity(square))
        root = batched_forward(lower, blocks.root)
        inner = batched_forward(lower, blocks.inner)
        flat = inner.reshape(-1, inner.shape[-1])
        upper = dense_cholesky(blocks.within + flat.T @ flat)
        if upper is None or not np.isfinite(upper[-1, -1]):
            return None
        log_det = 2.0 * float(np.log(np.diagonal(lower, axis1=1, axis2=2)).sum())
        return Factorised(t, root, inner, upper, log_det)

    def value(self, factor: Factorised) -> float:
        """The criterion from the factor."""
        c = self.count
        value = factor.log_det + c * (1.0 + LOG_2PI + np.log(factor.r2 / c))
        if self.reml:
            value += 2.0 * np.log(factor.upper.diagonal()[:-1]).sum()
        return float(value)

    def value_at(self, theta: Floats) -> float:
        """The criterion alone; infinite where it does not exist."""
        factor = self.factorise(theta)
        return np.inf if factor is None else self.value(factor)

    def several(self, thetas: Floats) -> list[Evaluation | None]:
        """Value, gradient and Hessian at each of several thetas (s, t)."""
        return [self(theta) for theta in thetas]

    def scan(self, thetas: Floats) -> Floats:
        """Values at many thetas (s, t); infinite where the criterion does not exist."""
        return np.array([self.value_at(theta) for theta in thetas])

    def with_method(self, method: Literal["REML", "ML"]) -> Criterion:
        """The other criterion of the same model."""
        return structs.replace(self, method=method)

    @np.errstate(over="ignore", invalid="ignore")
    def __call__(self, theta: Floats) -> Evaluation | None:
        """Value, gradient and Hessian; ``None`` where they do not exist or overflow."""
        factor = self.factorise(theta)
        if factor is None:
            return None
        sums = self.derivatives(factor)
        # Minus c (2 u_i'u_l + s_i s_l), and for REML minus tr(H_i H_l): all elements of the pairs,
        # each with its weight.
        weight = self._pair_weight
        flat = sums.pairs.reshape(len(sums.pairs), -1)
        hessian = sums.curvature - (flat * weight) @ flat.T
        rows, cols = self.structure.rows, self.structure.cols
        hessian += sums.slope[rows[:, None], rows] * self.structure.same_column
        gradient = 2.0 * (sums.slope @ factor.t)[rows, cols]
        if not np.isfinite(hessian).all():
            return None
        return Evaluation(self.value(factor), gradient, hessian)

    def derivatives(self, factor: Factorised, weight: Floats | None = None) -> Derivatives:
        """The sums over levels that first and second derivatives share.

        ``weight`` tells how often each column of [H u] counts, (p + 1,); by default what the
        criterion takes: 1 for REML or 0, and c for u.
        """
        weight = self._weight if weight is None else weight
        theta = self.structure.theta(factor.t)
        return self.sums(factor, self.structure.directions(theta[None])[0], weight)

    def sums(self, factor: Factorised, directions: Floats, weight: Floats) -> Derivatives:
        """The sums over levels in any directions of G, each within one block of the structure.

        Args:
            factor: the blocked factor.
            directions: symmetric matrices, one per element of theta, (t, k, k).
            weight: what the slope and the curvature take of each column of [H u], (p + 1,).
        """
        # The last column of [H u] is Z'V^-1(y - X beta) / r, because R^-1 carries beta.
        inverse = triangular_inverse(factor.upper)
        n_levels, k, q = factor.inner.shape
        transposed = factor.root.mT
        s = transposed @ factor.root
        hu = _times(transposed @ factor.inner, inverse)
        flat = hu.reshape(n_levels, k * q)
        joint = (flat.T @ flat).reshape(k, q, k, q)
        slope = s.sum(axis=0) - joint.diagonal(axis1=1, axis2=3) @ weight
        flat_joint = joint.transpose(0, 2, 1, 3).reshape(k * k, q * q)
        pairs = (directions.reshape(-1, k * k) @ flat_joint).reshape(-1, q, q)
        y = (hu * (2.0 * weight)) @ hu.mT - s
        sy = (s.reshape(n_levels, -1).T @ y.reshape(n_levels, -1)).reshape(k, k, k, k)
        half = np.tensordot(directions, sy, axes=([2], [0]))  # (l, d, b, c, d)
        curvature = np.einsum("ldbcd,ibc->il", half, directions)
        return Derivatives(directions, slope, pairs, (curvature + curvature.T) / 2.0)

    @cached_property
    def _weight(self) -> Floats:
        """How often each column of [H u] counts: 1 for REML or 0, and c for u, (p + 1,)."""
        weight = np.full(self.blocks.p + 1, 1.0 if self.reml else 0.0)
        weight[-1] = self.count
        return weight

    @cached_property
    def _pair_weight(self) -> Floats:
        """How often each element of a pair counts in the Hessian, ((p + 1)^2,)."""
        weight = np.full((self.blocks.p + 1, self.blocks.p + 1), 1.0 if self.reml else 0.0)
        weight[-1, :] = weight[:, -1] = self.count
        return weight.ravel()

    def modes(self, factor: Factorised, beta: Floats) -> list[tuple[Floats, Floats]]:
        """Conditional modes (J, k) and relative covariances T (I + T'Z_j'Z_j T)^-1 T' (J, k, k).

        One pair per grouping factor, in the pilots' units.
        """
        if not self.structure.k:
            return []
        blocks, t = self.blocks, factor.t
        rt = _times(blocks.root, t)
        tr = rt.mT
        residual = blocks.inner[:, :, -1:] - blocks.inner[:, :, :-1] @ beta[:, None]
        lower = batched_cholesky(_plus_identity(tr @ rt))
        both = np.empty((*lower.shape[:2], len(t) + 1))
        both[:, :, :1], both[:, :, 1:] = tr @ residual, t.T
        half = batched_forward(lower, both)
        halved = half[:, :, 1:].mT
        return [((halved @ half[:, :, :1])[:, :, 0], halved @ half[:, :, 1:])]


def _plus_identity(a: Floats) -> Floats:
    """I + A_j in place of A_j, (J, k, k)."""
    k = a.shape[-1]
    a.reshape(len(a), k * k)[:, :: k + 1] += 1.0
    return a


def _times(a: Floats, b: Floats) -> Floats:
    """a_j b for matrices shared by all levels, (J, k, l) (l, m) -> (J, k, m)."""
    rows = a.shape[0] * a.shape[1]  # said, for there may be no group and so no column
    return (a.reshape(rows, a.shape[-1]) @ b).reshape(*a.shape[:-1], b.shape[-1])
