"""Joint covariances of fixed and random effects: what lines and new houses inherit of a fit.

Henderson's mixed-model equations give the variance of x'beta^ + z'(b^ - b) for a row (x, z) as

    sigma^2 z'(G - G S G) z + (x - H'G z)' Phi (x - H'G z),   H = Z'V^-1 X,  S = Z'V^-1 Z

with Phi = Var(beta^) (Henderson 1975, Biometrics 31, 423; Searle, Casella, McCulloch 1992, section
7.4). A level that the model has not seen adds its whole variance, sigma^2 z'G z. With the factors
split as in ``crossed``, z'(G - G S G)z = z_1'T_1 M_j^-1 T_1'z_1 + w'Psi w, w = z_2 - E_j'G_1 z_1.
Everything here is in the pilots' units, where no digits cancel.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy
from msgspec import Struct
from numpy.typing import NDArray

from engine.cholesky import batched_cholesky, batched_forward, batched_root, triangular_inverse
from engine.components import Batch
from engine.criterion import Factorised
from engine.crossed import CrossedCriterion
from engine.crossed_blocks import CrossedFactor
from engine.dense import DenseCriterion
from engine.fit import Fit
from engine.iterative.lines import single_levels
from engine.sensitivity import quadratic
from engine.table import Floats
from engine.variation import ByComponent, ByLevel, Carried, Shared, Source

CHUNK = 1 << 22
"""Most doubles of a block of lines that are computed at once."""


class Lines(Struct, frozen=True):
    """Rows x beta + z b in the pilots' units: estimates and variances, (r,)."""

    estimate: Floats
    variance: Floats


def lines(fit: Fit, x: Floats, z: Sequence[Floats], index: Sequence[NDArray[np.intp]]) -> Lines:
    """Estimate and variance of the lines of r rows.

    Args:
        fit: the model.
        x: rows of X, (r, p).
        z: rows of Z of each grouping factor, without the split by level, (r, k).
        index: the level of each row in each factor; -1 for one that the model has not seen, (r,).
    """
    if not z:
        return population(fit, x)
    if fit.approximation is not None:
        return Lines(*single_levels(fit, fit.approximation, fixed_root(fit), x, z, index))
    solution, seen = fit.solution, Seen.of(fit, z, index)
    variance = np.square(seen.own).sum(axis=1)
    if seen.rest is not None:
        variance += seen.rest.variance()
    for t, own, place in zip(solution.t, z, index, strict=True):
        new = place < 0
        variance[new] += np.square(own[new] @ t).sum(axis=1)
    variance *= solution.sigma**2
    variance += np.square((x - seen.leverage) @ fixed_root(fit)).sum(axis=1)
    return Lines(x @ solution.beta + seen.effect, np.maximum(variance, 0.0))


def population(fit: Fit, x: Floats) -> Lines:
    """Estimate and variance of the lines of r rows without random effects, (r,)."""
    variance = np.square(x @ fixed_root(fit)).sum(axis=1)
    return Lines(np.asarray(x @ fit.solution.beta), variance)


def fixed_root(fit: Fit) -> Floats:
    """W with Var(beta) = W W', in the pilots' units, (p, p)."""
    return triangular_inverse(fit.solution.upper[:-1, :-1]) * fit.solution.sigma


def sources(
    fit: Fit, x: Floats, z: Sequence[Floats], index: Sequence[NDArray[np.intp]]
) -> list[Source]:
    """What the errors of the lines of r rows come of, levels not seen aside; see :func:`lines`.

    The variances that :func:`lines` tells are the sums of the squares of these sources.
    """
    if not z:
        return [Shared(x @ fixed_root(fit))]
    seen, sigma = Seen.of(fit, z, index), fit.solution.sigma
    levels, codes = np.unique(index[0], return_inverse=True)  # a new level's rows are zero
    found: list[Source] = [
        Shared((x - seen.leverage) @ fixed_root(fit)),
        ByLevel(sigma * seen.own, codes, len(levels)),
    ]
    if seen.rest is not None:
        found.append(seen.rest.source(sigma))
    return found


class Rest(Struct, frozen=True):
    """What the factors that are not eliminated add to each row.

    Attributes:
        w: sparse (r, q).
        batches: components of the q columns.
        psi: Psi, by batch (m, s, s).
    """

    w: scipy.sparse.csr_array
    batches: tuple[Batch, ...]
    psi: tuple[Floats, ...]

    def variance(self) -> Floats:
        """W'Psi w, (r,)."""
        step, n = max(1, CHUNK // max(1, self.w.shape[1])), self.w.shape[0]
        parts = [
            quadratic(self.batches, self.psi, self.w[a : a + step], min(step, n - a), 1)[:, 0, 0]
            for a in range(0, n, step)
        ]
        return np.concatenate([np.zeros(0), *parts])

    def source(self, scale: float) -> Source:
        """The source with these variances, times a scale."""
        return ByComponent.of(self.w * scale, self.batches, self.psi)


class Few(Struct, frozen=True):
    """What all factors add to each row, where they have few levels: nothing is eliminated.

    Attributes:
        w: rows of Z, sparse (r, q).
        root: A with Psi = A A', (q, q).
    """

    w: scipy.sparse.csr_array
    root: Floats

    def variance(self) -> Floats:
        """W'Psi w, (r,)."""
        step = max(1, CHUNK // len(self.root))
        parts = [
            np.square(self.w[a : a + step] @ self.root).sum(axis=1)
            for a in range(0, self.w.shape[0], step)
        ]
        return np.concatenate([np.zeros(0), *parts])

    def source(self, scale: float) -> Source:
        """The source with these variances, times a scale."""
        return Carried(self.w * scale, self.root)


class Seen(Struct, frozen=True):
    """What the levels that the model has seen add to each row.

    Attributes:
        effect: z'b^, (r,).
        leverage: z'G H, (r, p).
        own: L^-1 T_1'z_1 with M_j = L L': the first factor's part is the sum of squares, (r, k).
        rest: of the other factors, or of all where they have few levels; ``None`` without any.
    """

    effect: Floats
    leverage: Floats
    own: Floats
    rest: Rest | Few | None

    @classmethod
    def of(cls, fit: Fit, z: Sequence[Floats], index: Sequence[NDArray[np.intp]]) -> Seen:
        """Of r rows; see :func:`lines`."""
        if len(z) > 1:
            criterion, factor = fit.at_optimum
            if isinstance(criterion, DenseCriterion):
                return cls._of_few(criterion, factor, fit.solution.beta, z, index)
        known = index[0] >= 0
        levels, place = np.unique(index[0][known], return_inverse=True)
        columns = np.append(fit.kept, len(fit.products.mm) - 1)
        group, t = fit.products.groups[0], fit.solution.t[0]
        root, inner = batched_root(group.zz[levels], group.zm[levels][:, :, columns])
        rt = root @ t
        transposed = np.swapaxes(rt, 1, 2)
        lower = batched_cholesky(rt @ transposed + np.eye(len(t)))
        half = batched_forward(lower, rt)
        # T'Z_1'V_1^-1[X y] of each level, and z'T of each row.
        th = np.swapaxes(half, 1, 2) @ batched_forward(lower, inner)
        zt = z[0][known] @ t
        m_lower = batched_cholesky(transposed @ rt + np.eye(len(t)))
        own = np.zeros((len(known), len(t)))
        own[known] = batched_forward(m_lower[place], zt[:, :, None])[:, :, 0]
        gh = np.zeros((len(known), len(columns)))
        gh[known] = np.einsum("rk,rkc->rc", zt, th[place])
        rest = None
        if len(z) > 1:
            rest, more_gh = _rest(fit, z, index, levels, place, half, zt)
            gh = gh + more_gh
        effect = gh[:, -1] - gh[:, :-1] @ fit.solution.beta
        return cls(effect, gh[:, :-1], own, rest)

    @classmethod
    def _of_few(
        cls,
        criterion: DenseCriterion,
        factor: Factorised,
        beta: Floats,
        z: Sequence[Floats],
        index: Sequence[NDArray[np.intp]],
    ) -> Seen:
        """Several grouping factors of few levels: Z and all that it meets are whole matrices."""
        blocks = criterion.blocks
        w = _columns(blocks.sizes, blocks.levels, z, index)
        gh = w @ blocks.applied(factor.t @ factor.t.T, factor.root[0].T @ factor.inner[0])
        effect, none = gh[:, -1] - gh[:, :-1] @ beta, np.zeros((w.shape[0], 0))
        return cls(effect, gh[:, :-1], none, Few(w, criterion.psi_half(factor.t).T))


def _rest(
    fit: Fit,
    z: Sequence[Floats],
    index: Sequence[NDArray[np.intp]],
    levels: NDArray[np.intp],
    place: NDArray[np.intp],
    half: Floats,
    zt: Floats,
) -> tuple[Rest, Floats]:
    """What the other factors add, and w'Psi Z_2'V_1^-1[X y] (r, p + 1)."""
    criterion, factor, psi = _at_optimum(fit)
    blocks = criterion.blocks
    known = np.flatnonzero(index[0] >= 0)
    # E_j'G_1 z_1 = (L_j^-1 Q_j'Z_2)'(L_j^-1 R_j T)(T'z_1), row by row.
    turned = np.einsum("rkl,rl->rk", half[place], zt)
    k = turned.shape[1]
    position = levels[place][:, None] * k + np.arange(k)
    spread = scipy.sparse.csr_array(
        (-turned.ravel(), (np.repeat(known, k), position.ravel())),
        shape=(len(index[0]), blocks.gram.rows.shape[0]),
    )
    through = spread @ blocks.gram.scaled(factor.turn)
    own_columns = _columns(blocks.sizes[1:], blocks.levels[1:], z[1:], index[1:])
    w = scipy.sparse.csr_array(through + own_columns)
    psi_dm = np.zeros_like(factor.dm)
    for batch, own in zip(blocks.batches, psi, strict=True):
        batch.scatter(own @ batch.rows(factor.dm), psi_dm)
    return Rest(w, blocks.batches, psi), w @ psi_dm


def _columns(
    sizes: Sequence[int],
    levels: Sequence[int],
    z: Sequence[Floats],
    index: Sequence[NDArray[np.intp]],
) -> scipy.sparse.csr_array:
    """The rows of Z of some factors, zero where a level is new."""
    parts = []
    for k, n, own, place in zip(sizes, levels, z, index, strict=True):
        known = np.flatnonzero(place >= 0)
        columns = place[known][:, None] * k + np.arange(k)
        parts.append(
            scipy.sparse.csr_array(
                (own[known].ravel(), (np.repeat(known, k), columns.ravel())),
                shape=(len(place), n * k),
            )
        )
    return scipy.sparse.csr_array(scipy.sparse.hstack(parts, format="csr"))


def _at_optimum(fit: Fit) -> tuple[CrossedCriterion, CrossedFactor, tuple[Floats, ...]]:
    """The blocked factor at the optimum, made again once from the cross-products."""
    criterion, factor = fit.at_optimum
    if not isinstance(criterion, CrossedCriterion) or not isinstance(factor, CrossedFactor):
        raise TypeError("the model has one grouping factor")
    return criterion, factor, criterion.psi(factor)
