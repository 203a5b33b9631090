"""The criterion of one grouping factor with several effects per level, at several thetas at once.

The algebra is that of ``criterion``; the arrays have the levels last, (s, ..., J), so that each
operation runs along all of them.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from engine.surface import LevelSums, StackedCriterion, Whitened
from engine.table import Floats

SMALLEST_PIVOT = 1.0
"""Of N = I + R G R', also where R G R' is so large that rounding takes the 1 away."""


class SlopesCriterion(StackedCriterion, frozen=True, dict=True):
    """The profiled criterion of a model with one grouping factor and k >= 2 effects per level."""

    @cached_property
    def _columns(self) -> Floats:
        """R_j and Q_j'[X y] side by side, (k, k + p + 1, J)."""
        both = np.concatenate([self.blocks.root, self.blocks.inner], axis=2)
        return np.ascontiguousarray(both.transpose(1, 2, 0))

    @property
    def doubles(self) -> int:
        """The size of the largest array of an evaluation at one theta."""
        return self.structure.k * self._columns.size

    def whitened(self, thetas: Floats) -> Whitened:
        """The columns at each theta (s, t): L_j^-1 R_j and L_j^-1 Q_j'[X y], (s, k, ., J)."""
        k, n_levels = self.structure.k, self._columns.shape[-1]
        whiten = self._whitened_pairs if k == 2 else self._whitened
        columns, log_det = whiten(thetas)
        root, inner = columns[:, :, :k], columns[:, :, k:]
        flat = inner.swapaxes(1, 2).reshape(len(thetas), -1, k * n_levels)
        d = self.blocks.within + flat @ flat.mT
        return Whitened(d, log_det, root, inner)

    @cached_property
    def _pair_features(self) -> Floats:
        """What turns (a, b, c, a c) of T = [[a, 0], [b, c]] into R T and |R| |T|, (4, 5 J).

        By rows of R T: (r11 a + r12 b, r12 c), (r21 a + r22 b, r22 c); r21 is zero unless the
        effects were recombined.
        """
        root = self._columns[:, :2]
        out = np.zeros((4, 5, root.shape[-1]))
        out[0, 0:4:2], out[1, 0:4:2] = root[:, 0], root[:, 1]
        out[2, 1:4:2] = root[:, 1]
        out[3, 4] = root[0, 0] * root[1, 1] - root[0, 1] * root[1, 0]
        return out.reshape(4, -1)

    @cached_property
    def _pair_inverses(self) -> Floats:
        """What turns (g11, g12, g22, |G|, 1) into N_22, -N_12, N_11 and |N| of N = I + R G R'.

        All are linear in these five, (5, 4 J).
        """
        root = self._columns[:, :2]
        products = root[:, None, :, None] * root[:, None, :]  # r_ia r_kb by i, k, a, b
        out = np.zeros((5, 4, root.shape[-1]))
        for feature, own in enumerate(
            (
                products[:, :, 0, 0],
                products[:, :, 0, 1] + products[:, :, 1, 0],
                products[:, :, 1, 1],
            )
        ):
            out[feature, 0], out[feature, 2] = own[1, 1], own[0, 0]
            np.negative(own[0, 1], out=out[feature, 1])
            np.add(own[0, 0], own[1, 1], out=out[feature, 3])
        out[3, 3] = (root[0, 0] * root[1, 1] - root[0, 1] * root[1, 0]) ** 2
        out[4, (0, 2, 3)] = 1.0
        return out.reshape(5, -1)

    @cached_property
    def _pair_products(self) -> Floats:
        """Products of Q_j'[X y] of the first row, of both and of the second, (3 J, q q)."""
        own, other = self._columns[:, 2:]
        q, n_levels = own.shape
        out = np.empty((3, q, q, n_levels))
        np.multiply(own[:, None], own, out=out[0])
        np.multiply(other[:, None], other, out=out[2])
        mixed = own[:, None] * other
        np.add(mixed, mixed.swapaxes(0, 1), out=out[1])
        return out.transpose(0, 3, 1, 2).reshape(3 * n_levels, q * q)

    def sums_of(self, thetas: Floats) -> tuple[Floats, Floats]:
        """D (s, q, q) and log|V| (s,) at each theta, to the few digits that a scan needs.

        Of two effects by the weights that N_j^-1 gives the products, where digits may cancel.
        """
        if self.structure.k > 2:
            return super().sums_of(thetas)
        a, b, c = self._full(thetas).T
        g = np.array([a * a, a * b, b * b + c * c, (a * c) ** 2, np.ones_like(a)])
        n = (g.T @ self._pair_inverses).reshape(len(a), 4, -1)
        determinant = np.maximum(n[:, 3], SMALLEST_PIVOT)
        weights = n[:, :3] * (1.0 / determinant)[:, None]
        d = weights.reshape(len(a), -1) @ self._pair_products
        d += self.blocks.within.ravel()
        logs = np.log(determinant, out=determinant)
        return d.reshape(-1, *self.blocks.within.shape), logs @ np.ones(logs.shape[1])

    def _whitened_pairs(self, thetas: Floats) -> tuple[Floats, Floats]:
        """L_j^-1 [R_j, Q_j'[X y]] (s, 2, m, J) and sum_j log|N_j| (s,) of two effects."""
        s, n_levels = len(thetas), self._columns.shape[-1]
        first, determinant, below = self._pivots(thetas)
        scale = np.empty((s, 2, 1, n_levels))
        np.reciprocal(first, out=scale[:, 0, 0])
        np.divide(first, determinant, out=scale[:, 1, 0])
        np.sqrt(scale, out=scale)
        own, other = self._columns
        out = np.empty((s, 2, *own.shape))
        out[:, 0] = own
        np.multiply(below[:, None], own, out=out[:, 1])
        np.subtract(other, out[:, 1], out=out[:, 1])
        out *= scale
        return out, np.log(determinant).sum(axis=1)

    def _pivots(self, thetas: Floats) -> tuple[Floats, Floats, Floats]:
        """N_11, |N| and N_12 / N_11 of two effects, (s, J).

        |N| = 1 + |RT|^2 + (|R| |T|)^2 is a sum of squares, where the pivots of elimination are
        differences.
        """
        s, n_levels = len(thetas), self._columns.shape[-1]
        features = np.empty((s, 4))
        features[:, :-1] = self._full(thetas)
        features[:, -1] = features[:, 0] * features[:, 2]
        rt = (features @ self._pair_features).reshape(s, 5, n_levels)
        squares = rt * rt
        first = squares[:, 0] + squares[:, 1]
        first += 1.0
        determinant = first + squares[:, 2] + squares[:, 3]
        determinant += squares[:, 4]
        below = rt[:, 0] * rt[:, 2] + rt[:, 1] * rt[:, 3]
        below /= first
        return first, determinant, below

    def _full(self, thetas: Floats) -> Floats:
        """The lower triangle (a, b, c) of T of two effects, b = 0 where they are independent."""
        if thetas.shape[1] == 3:
            return thetas
        return np.insert(thetas, 1, 0.0, axis=1)

    def _whitened(self, thetas: Floats) -> tuple[Floats, Floats]:
        """L_j^-1 [R_j, Q_j'[X y]] (s, k, m, J) and sum_j log|N_j| (s,), a column at a time."""
        columns, k = self._columns, self.structure.k
        t = np.zeros((len(thetas), k, k))
        t[:, self.structure.rows, self.structure.cols] = thetas
        # R T by column of T, then by row of R.
        root = columns[:, :k].swapaxes(0, 1).reshape(k, -1)
        rt = (t.mT @ root).reshape(len(thetas), k, k, -1)
        n = np.einsum("scaj,scbj->sabj", rt, rt)
        n[:, np.arange(k), np.arange(k)] += 1.0
        out = np.empty((len(thetas), *columns.shape))
        out[:] = columns
        log_det = np.zeros(len(thetas))
        for c in range(k):
            pivot = np.maximum(n[:, c, c], SMALLEST_PIVOT)
            log_det += np.log(pivot).sum(axis=1)
            below = n[:, c + 1 :, c] / pivot[:, None]
            n[:, c + 1 :, c + 1 :] -= below[:, :, None] * n[:, None, c, c + 1 :]
            out[:, c + 1 :] -= below[:, :, None] * out[:, None, c]
            out[:, c] /= np.sqrt(pivot)[:, None]
        return out, log_det

    def level_sums(self, root: Floats, inner: Floats, inverse: Floats, weight: Floats) -> LevelSums:
        """The sums over levels at each theta."""
        s, k, q, n_levels = inner.shape
        s_levels, hu = _products(root, root), _products(root, inner)
        hu = inverse.mT[:, None] @ hu
        flat = hu.reshape(s, k * q, n_levels)
        joint = (flat @ flat.mT).reshape(s, k, q, k, q).transpose(0, 1, 3, 2, 4)
        slope = s_levels.sum(axis=3) - joint.diagonal(axis1=3, axis2=4) @ weight
        weighted = hu * (2.0 * weight)[:, None]
        y = (weighted[:, :, None] * hu[:, None]).sum(axis=3) - s_levels
        flat_s, flat_y = s_levels.reshape(s, k * k, -1), y.reshape(s, k * k, -1)
        sy = (flat_s @ flat_y.mT).reshape(s, k, k, k, k)  # (b, c, d, a)
        return LevelSums(
            slope,
            joint.reshape(s, k * k, q * q),
            sy.transpose(0, 4, 1, 2, 3).reshape(s, k * k, k * k),
        )


def _products(a: Floats, b: Floats) -> Floats:
    """A_j'B_j of every level, (s, k, l, J) and (s, k, m, J): (s, l, m, J)."""
    out = a[:, 0, :, None] * b[:, 0, None]
    for row in range(1, a.shape[1]):
        out += a[:, row, :, None] * b[:, row, None]
    return np.asarray(out)
