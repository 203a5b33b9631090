"""The criterion of a model with few random effects in all, as if they were those of one level.

With Z = Q R of all grouping factors together and N = I + R Lambda Lambda' R', the sums are those of
``criterion`` for one level whose effects are all q of them. What the factors do not share stays
zero in G, and nothing is eliminated first: where q is small, few operations on whole matrices are
quicker than the elimination of ``crossed``, and no sum is a difference.
"""

from __future__ import annotations

import numpy as np
import scipy

from engine.cholesky import dense_cholesky, triangular_inverse
from engine.criterion import Derivatives, Factorised
from engine.dense_blocks import DenseBlocks
from engine.surface import LevelSums, StackedCriterion, Whitened
from engine.table import Floats


class DenseCriterion(StackedCriterion, frozen=True, dict=True):
    """The profiled criterion of a model with several grouping factors and few effects in all."""

    blocks: DenseBlocks

    @property
    def doubles(self) -> int:
        """The size of the largest array of an evaluation at one theta."""
        return int(self.blocks.root.size)

    def whitened(self, thetas: Floats) -> Whitened:
        """The columns at each theta (s, t): L^-1 R and L^-1 Q'[X y], (s, r, .)."""
        blocks, structure = self.blocks, self.structure
        ts = np.zeros((len(thetas), structure.k, structure.k))
        ts[:, structure.rows, structure.cols] = thetas
        rt = self.blocks.times(blocks.root[0], ts)
        n = rt @ np.swapaxes(rt, 1, 2)
        r, q = rt.shape[1:]
        n[:, np.arange(r), np.arange(r)] += 1.0
        both = np.concatenate([blocks.root[0], blocks.inner[0]], axis=1)
        whitened = np.empty((len(thetas), *both.shape))
        pivots = np.ones((len(thetas), r))
        for i, own in enumerate(n):
            lower, info = scipy.linalg.lapack.dpotrf(own, lower=1)
            if info:
                whitened[i] = np.nan
            else:
                pivots[i] = lower.diagonal()
                whitened[i] = scipy.linalg.lapack.dtrtrs(lower, both, lower=1)[0]
        root, inner = whitened[:, :, :q], whitened[:, :, q:]
        d = blocks.within + np.swapaxes(inner, 1, 2) @ inner
        return Whitened(d, 2.0 * np.log(pivots).sum(axis=1), root, inner)

    def level_sums(self, root: Floats, inner: Floats, inverse: Floats, weight: Floats) -> LevelSums:
        """The sums over levels at each theta, from whole matrices S and Y (s, q, q)."""
        transposed = np.swapaxes(root, 1, 2)
        s = transposed @ root
        hu = transposed @ inner @ inverse
        y = (hu * (2.0 * weight)) @ np.swapaxes(hu, 1, 2) - s
        n_thetas, _, width = hu.shape
        k = self.structure.k
        slope = np.zeros((n_thetas, k, k))
        joint = np.zeros((n_thetas, k, k, width, width))
        for own, columns, n in zip(
            self.blocks.spans, self.blocks.columns, self.blocks.levels, strict=True
        ):
            size = own.stop - own.start
            flat = hu[:, columns].reshape(n_thetas, n, size * width)
            mine = (np.swapaxes(flat, 1, 2) @ flat).reshape(n_thetas, size, width, size, width)
            mine = mine.transpose(0, 1, 3, 2, 4)
            joint[:, own, own] = mine
            square = s[:, columns, columns].reshape(n_thetas, n, size, n, size)
            slope[:, own, own] = np.einsum("sjajb->sab", square)
            slope[:, own, own] -= mine.diagonal(axis1=3, axis2=4) @ weight
        curved = self._intercept_curved(s, y) if self.blocks.only_intercepts else self._curved(s, y)
        return LevelSums(
            slope,
            joint.reshape(n_thetas, k * k, width * width),
            curved.reshape(n_thetas, k * k, k * k),
        )

    def _intercept_curved(self, s: Floats, y: Floats) -> Floats:
        """Sums of S_bc Y_da where every factor has one effect."""
        k = self.structure.k
        starts = [own.start for own in self.blocks.columns]
        own = np.arange(k)
        curved = np.zeros((len(s), k, k, k, k))
        sums = np.add.reduceat(np.add.reduceat(s * y, starts, axis=1), starts, axis=2)
        curved[:, own[:, None], own[:, None], own, own] = sums
        return curved

    def _curved(self, s: Floats, y: Floats) -> Floats:
        """Sums of S_bc Y_da over all levels of the factors of (a, b) and (c, d)."""
        k = self.structure.k
        curved = np.zeros((len(s), k, k, k, k))
        factors = self._factors()
        for a, own, n, k_own in factors:
            for b, other, m, k_other in factors:
                left, right = (
                    each[:, own, other]
                    .reshape(-1, n, k_own, m, k_other)
                    .transpose(0, 2, 4, 1, 3)
                    .reshape(-1, k_own * k_other, n * m)
                    for each in (s, y)
                )
                product = left @ np.swapaxes(right, 1, 2)  # (b, c) by (a, d)
                product = product.reshape(-1, k_own, k_other, k_own, k_other)
                curved[:, a, a, b, b] = product.transpose(0, 3, 1, 2, 4)
        return curved

    def _factors(self) -> list[tuple[slice, slice, int, int]]:
        """The effects of each factor in T, its columns in Z, its levels and its effects of one."""
        own = self.blocks
        return list(zip(own.spans, own.columns, own.levels, own.sizes, strict=True))

    def factorise(self, theta: Floats) -> Factorised | None:
        """The factor; ``None`` where it does not exist."""
        found = self.whitened(theta[None])
        upper = dense_cholesky(found.d[0])
        if upper is None or not np.isfinite(upper[-1, -1]):
            return None
        t = self.structure.matrix(theta)
        return Factorised(t, found.root, found.inner, upper, float(found.log_det[0]))

    def sums(self, factor: Factorised, directions: Floats, weight: Floats) -> Derivatives:
        """The sums over levels in any directions of G, as :meth:`Criterion.sums`."""
        inverse = triangular_inverse(factor.upper)[None]
        return self.level_sums(factor.root, factor.inner, inverse, weight).derivatives(directions)

    def psi_half(self, t: Floats) -> Floats:
        """A with A'A = G - G S G = Lambda (I + Lambda'Z'Z Lambda)^-1 Lambda', (q, q)."""
        (rt,) = self.blocks.times(self.blocks.root[0], t[None])
        lower, _ = scipy.linalg.lapack.dpotrf(rt.T @ rt + np.eye(rt.shape[1]), lower=1)
        spread = self.blocks.applied(t.T, np.eye(rt.shape[1]))
        return np.asarray(scipy.linalg.lapack.dtrtrs(lower, spread, lower=1)[0])

    def modes(self, factor: Factorised, beta: Floats) -> list[tuple[Floats, Floats]]:
        """Conditional modes (J_f, k_f) and relative covariances (J_f, k_f, k_f) of every factor."""
        residual = factor.inner[0, :, -1] - factor.inner[0, :, :-1] @ beta
        flat = self.blocks.applied(factor.t @ factor.t.T, factor.root[0].T @ residual[:, None])[
            :, 0
        ]
        half = self.psi_half(factor.t)
        out = []
        for columns, n, k in zip(
            self.blocks.columns, self.blocks.levels, self.blocks.sizes, strict=True
        ):
            own = half[:, columns].reshape(-1, n, k)
            out.append((flat[columns].reshape(n, k), np.einsum("qja,qjb->jab", own, own)))
        return out
