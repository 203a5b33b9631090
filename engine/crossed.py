"""The criterion of models with several grouping factors, by the same two steps whatever their design.

The factor with most levels (index 1) is eliminated level by level, as in ``criterion``; what remains of the others (index 2)
is dense within the components of the data. With V_1 = I + Z_1 G_1 Z_1', E = Z_1'V_1^-1 Z_2, D = Z_2'V_1^-1 Z_2 and
K = Lambda_2'D Lambda_2 + I = L L':

    criterion = sum_j log|N_j| + log|K| + c (1 + log(2 pi r^2 / c)) [+ log|M_XX|]
    M = [X y]'V^-1[X y] = [X y]'V_1^-1[X y] - (L^-1 Lambda_2' D_2M)'(L^-1 Lambda_2' D_2M)

(Bates, Maechler, Bolker, Walker 2015, section 3; Bates, Alday, Kokandakar 2025, arXiv 2505.11674). All derivatives follow
from Psi = Lambda_2 K^-1 Lambda_2', because with S_1 = Z_1'V_1^-1 Z_1 the blocks of S = Z'V^-1 Z are

    S_11 = S_1 - E Psi E',   S_12 = E F,   S_22 = D F,   F = I - Psi D

so that E enters only through E'E and the like, which are as sparse as the meetings of levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from engine.cholesky import (
    batched_cholesky,
    batched_forward,
    batched_root,
    dense_cholesky,
    triangular_inverse,
)
from engine.components import Batch, batches
from engine.criterion import Blocks, Criterion, Derivatives, Factorised
from engine.crossproducts import CrossProducts
from engine.table import Floats


@dataclass(frozen=True, slots=True)
class CrossedBlocks(Blocks):
    """The cross-products of a model with several grouping factors, ready for any theta.

    ``within``, ``root`` and ``inner`` are those of the eliminated factor.

    Attributes:
        sizes: effects per level of each factor, k_f.
        levels: levels of each factor.
        rest_inner: Q_j'Z_2, sparse (J k, q).
        rest_within: Z_2'Z_2 less its part in the span of Z_1, by batch (m, s, s).
        rest_products: Z_2'[X y] less its part in the span of Z_1, (q, p + 1).
        batches: components of the rest.
    """

    sizes: tuple[int, ...]
    levels: tuple[int, ...]
    rest_inner: sparse.csr_array
    rest_within: tuple[Floats, ...]
    rest_products: Floats
    batches: tuple[Batch, ...]

    @classmethod
    def crossed(cls, products: CrossProducts, kept: NDArray[np.intp]) -> CrossedBlocks:
        """``kept`` are the columns of M that are X; the first group is the one to eliminate."""
        own = Blocks.of(products, kept)
        groups, meetings = products.groups, products.meetings
        sizes = tuple(group.zz.shape[1] for group in groups)
        levels = tuple(len(group.levels) for group in groups)
        # What turns Z_1'M into Q'M turns Z_1'Z_2 into Q'Z_2.
        eye = np.broadcast_to(np.eye(sizes[0]), (levels[0], sizes[0], sizes[0]))
        _, turn = batched_root(groups[0].zz, np.array(eye))
        rest_inner = sparse.hstack(
            [
                replace(meeting, values=turn[meeting.rows] @ meeting.values).matrix(
                    levels[0], levels[meeting.second]
                )
                for meeting in meetings
                if meeting.first == 0
            ],
            format="csr",
        )
        rest = _rest_gram(products, sizes, levels) - rest_inner.T @ rest_inner
        columns = np.append(kept, len(products.mm) - 1)
        zm = np.concatenate(
            [group.zm[:, :, columns].reshape(-1, len(columns)) for group in groups[1:]]
        )
        rest_batches = batches(levels, sizes, meetings)
        return cls(
            own.n,
            own.within,
            own.root,
            own.inner,
            sizes,
            levels,
            rest_inner,
            tuple(batch.dense(rest.tocsr()) for batch in rest_batches),
            zm - rest_inner.T @ own.inner.reshape(-1, len(columns)),
            rest_batches,
        )


def _rest_gram(
    products: CrossProducts, sizes: Sequence[int], levels: Sequence[int]
) -> sparse.csr_array:
    """Z_2'Z_2 of all factors but the first, sparse (q, q)."""
    n = len(products.groups) - 1
    blocks: list[list[sparse.csr_array | None]] = [[None] * n for _ in range(n)]
    for f, group in enumerate(products.groups[1:]):
        indices = np.arange(levels[f + 1])
        blocks[f][f] = sparse.csr_array(
            sparse.bsr_array((group.zz, indices, np.arange(levels[f + 1] + 1)))
        )
    for meeting in products.meetings:
        if meeting.first > 0:
            a, b = meeting.first, meeting.second
            matrix = meeting.matrix(levels[a], levels[b])
            blocks[a - 1][b - 1] = matrix
            blocks[b - 1][a - 1] = sparse.csr_array(matrix.T)
    return sparse.csr_array(sparse.block_array(blocks, format="csr"))


@dataclass(frozen=True, slots=True)
class CrossedFactor(Factorised):
    """The blocked factor at one theta.

    Attributes:
        meet: L_j^-1 Q_j'Z_2, sparse (J k, q).
        d: Z_2'V_1^-1 Z_2 by batch, (m, s, s).
        dm: Z_2'V_1^-1 [X y], (q, p + 1).
        lower: L of K = Lambda_2'D Lambda_2 + I, by batch (m, s, s).
    """

    meet: sparse.csr_array
    d: tuple[Floats, ...]
    dm: Floats
    lower: tuple[Floats, ...]


@dataclass(frozen=True)
class CrossedCriterion(Criterion):
    """The profiled criterion of a model with several grouping factors."""

    blocks: CrossedBlocks

    @cached_property
    def _spans(self) -> tuple[slice, ...]:
        """The effects of each factor in T."""
        edges = np.cumsum((0, *self.blocks.sizes)).tolist()
        return tuple(slice(a, b) for a, b in zip(edges[:-1], edges[1:], strict=True))

    @cached_property
    def _owner(self) -> NDArray[np.intp]:
        """The factor that each element of theta belongs to."""
        edges = np.cumsum(self.blocks.sizes)
        return np.searchsorted(edges, self.structure.rows, side="right")

    def own(self, matrix: Floats) -> list[Floats]:
        """The diagonal blocks of a (sum k, sum k) matrix, one per factor."""
        return [matrix[span, span] for span in self._spans]

    def factorise(self, theta: Floats) -> CrossedFactor | None:
        """The blocked factor; ``None`` where it does not exist."""
        blocks, t = self.blocks, self.structure.matrix(theta)
        first, *rest = self.own(t)
        rt = (blocks.root.reshape(-1, len(first)) @ first).reshape(blocks.root.shape)
        lower = batched_cholesky(rt @ np.swapaxes(rt, 1, 2) + np.eye(len(first)))
        root, inner = batched_forward(lower, blocks.root), batched_forward(lower, blocks.inner)
        eye = np.broadcast_to(np.eye(len(first)), lower.shape)
        meet = _by_level(batched_forward(lower, np.array(eye))) @ blocks.rest_inner
        flat = inner.reshape(-1, inner.shape[-1])
        gram = sparse.csr_array(meet.T @ meet)
        dm = blocks.rest_products + meet.T @ flat
        m = blocks.within + flat.T @ flat
        log_det = 2.0 * float(np.log(np.diagonal(lower, axis1=1, axis2=2)).sum())
        d, lowers = [], []
        for batch, within in zip(blocks.batches, blocks.rest_within, strict=True):
            own_d = within + batch.dense(gram)
            k = _both_sides(batch, own_d, rest)
            try:
                own_lower = np.linalg.cholesky(k + np.eye(k.shape[-1]))
            except np.linalg.LinAlgError:
                return None
            half = np.linalg.solve(own_lower, _left(batch, batch.rows(dm), rest))
            m -= np.einsum("msp,msq->pq", half, half)
            log_det += 2.0 * float(np.log(np.diagonal(own_lower, axis1=1, axis2=2)).sum())
            d.append(own_d)
            lowers.append(own_lower)
        upper = dense_cholesky(m)
        if upper is None or not np.isfinite(upper[-1, -1]):
            return None
        return CrossedFactor(t, root, inner, upper, log_det, meet, tuple(d), dm, tuple(lowers))

    def psi(self, factor: CrossedFactor) -> tuple[Floats, ...]:
        """Psi = Lambda_2 K^-1 Lambda_2', by batch (m, s, s)."""
        rest = self.own(factor.t)[1:]
        out = []
        for batch, lower in zip(self.blocks.batches, factor.lower, strict=True):
            eye = np.broadcast_to(np.eye(lower.shape[-1]), lower.shape)
            half = np.linalg.solve(lower, np.array(eye))  # L^-1
            half = batch.times(half, [own.T for own in rest])  # L^-1 Lambda'
            out.append(np.swapaxes(half, 1, 2) @ half)
        return tuple(out)

    def modes(self, factor: Factorised, beta: Floats) -> list[tuple[Floats, Floats]]:
        """Conditional modes (J_f, k_f) and relative covariances (J_f, k_f, k_f) of every factor.

        With W = Psi or what it is spread to by E: G_2 - G_2 S_22 G_2 = Psi, and for the first factor
        T M_j^-1 T' + (G_1 E_j) Psi (G_1 E_j)'.
        """
        if not isinstance(factor, CrossedFactor):
            raise TypeError("a crossed criterion takes a crossed factor")
        first, *rest = self.own(factor.t)
        view = _View.of(self, factor)
        residual = factor.upper[-1, -1]  # the last column of [H u] is Z'V^-1(y - X beta) / r
        modes = [
            hu[:, :, -1] @ (t @ t.T) * residual
            for hu, t in zip(view.hu, [first, *rest], strict=True)
        ]
        out = [(modes[0], self._first_conditional(factor, view))]
        for f, (own, hu) in enumerate(zip(modes[1:], view.hu[1:], strict=True)):
            n, k = hu.shape[:2]
            conditional = np.zeros((n * k, k))
            for batch, psi in zip(view.batches, view.psi, strict=True):
                span = batch.slices[f]
                m, width = len(psi), span.stop - span.start
                square = psi[:, span, span].reshape(m, width // k, k, width // k, k)
                diagonal = np.diagonal(square, axis1=1, axis2=3)  # (m, k, k, levels)
                rows = np.moveaxis(diagonal, -1, 1).reshape(m, width, k)
                index = batch.index[:, span]
                filled = index < view.offsets[-1]
                conditional[index[filled] - view.offsets[f]] = rows[filled]
            out.append((own, conditional.reshape(n, k, k)))
        return out

    def _first_conditional(self, factor: CrossedFactor, view: _View) -> Floats:
        """Relative conditional covariances of the eliminated factor, (J, k, k)."""
        t = self.own(factor.t)[0]
        n, k = len(view.s1), len(t)
        rt = (self.blocks.root.reshape(-1, k) @ t).reshape(self.blocks.root.shape)
        lower = batched_cholesky(np.swapaxes(rt, 1, 2) @ rt + np.eye(k))
        half = batched_forward(lower, np.array(np.broadcast_to(t.T, lower.shape)))
        ge = sparse.csr_array(_by_level(view._spread(t @ t.T)) @ view.e)
        return np.swapaxes(half, 1, 2) @ half + quadratic(view.batches, view.psi, ge, n, k)

    def derivatives(self, factor: Factorised) -> Derivatives:
        """The sums over levels that first and second derivatives share."""
        if not isinstance(factor, CrossedFactor):
            raise TypeError("a crossed criterion takes a crossed factor")
        view = _View.of(self, factor)
        k = self.structure.k
        directions = self._directions(factor.t)
        slope = np.zeros((k, k))
        pairs = np.empty((len(directions), len(self._weight), len(self._weight)))
        for f, (span, hu) in enumerate(zip(self._spans, view.hu, strict=True)):
            joint = np.tensordot(hu, hu, axes=([0], [0])).transpose(0, 2, 1, 3)
            slope[span, span] = view.own_sum(f) - joint.diagonal(axis1=2, axis2=3) @ self._weight
            mine = self._owner == f
            local = directions[mine][:, span, span]
            pairs[mine] = np.tensordot(local, joint, axes=([1, 2], [0, 1]))
        local = [
            directions[i][self._spans[f], self._spans[f]]
            for i, f in enumerate(self._owner.tolist())
        ]
        curvature = view.vectors(local, self._owner, self._weight) - view.traces(local, self._owner)
        return Derivatives(directions, slope, pairs, (curvature + curvature.T) / 2.0)


@dataclass(frozen=True, slots=True)
class _View:
    """What the derivatives at one theta are made of.

    Attributes:
        batches: components of the rest.
        offsets: where each factor of the rest begins among its columns.
        s1: S_1, (J, k, k).
        e: E, sparse (J k, q).
        d, psi: by batch (m, s, s).
        hu: [H u] of each factor, (J_f, k_f, p + 1).
    """

    batches: tuple[Batch, ...]
    offsets: tuple[int, ...]
    s1: Floats
    e: sparse.csr_array
    d: tuple[Floats, ...]
    psi: tuple[Floats, ...]
    hu: tuple[Floats, ...]

    @classmethod
    def of(cls, criterion: CrossedCriterion, factor: CrossedFactor) -> _View:
        blocks = criterion.blocks
        transposed = np.swapaxes(factor.root, 1, 2)
        psi = criterion.psi(factor)
        e = sparse.csr_array(_by_level(transposed) @ factor.meet)
        inverse = triangular_inverse(factor.upper)
        own_m = (transposed @ factor.inner).reshape(-1, len(inverse))
        psi_dm, d_psi_dm = np.zeros_like(factor.dm), np.zeros_like(factor.dm)
        for batch, own_psi, d in zip(blocks.batches, psi, factor.d, strict=True):
            product = own_psi @ batch.rows(factor.dm)
            batch.scatter(product, psi_dm)
            batch.scatter(d @ product, d_psi_dm)
        hu_first = (own_m - e @ psi_dm) @ inverse
        hu_rest = (factor.dm - d_psi_dm) @ inverse
        sizes, levels = blocks.sizes, blocks.levels
        offsets = np.cumsum(
            (0, *(n * k for n, k in zip(levels[1:], sizes[1:], strict=True)))
        ).tolist()
        hu = [hu_first.reshape(levels[0], sizes[0], -1)]
        hu += [
            hu_rest[a : a + n * k].reshape(n, k, -1)
            for a, n, k in zip(offsets, levels[1:], sizes[1:], strict=False)
        ]
        return cls(
            blocks.batches, tuple(offsets), transposed @ factor.root, e, factor.d, psi, tuple(hu)
        )

    def own_sum(self, f: int) -> Floats:
        """The sum over levels of the diagonal blocks of S, (k_f, k_f)."""
        if f == 0:
            total = self.s1.sum(axis=0)
            k = len(total)
            for a in range(k):
                for b in range(k):
                    gram = self._gram(self.e[a::k], self.e[b::k])
                    total[a, b] -= sum(
                        float(np.vdot(psi, p)) for psi, p in zip(self.psi, gram, strict=True)
                    )
            return total
        size = self.hu[f].shape[1]
        total = np.zeros((size, size))
        for batch, d, psi in zip(self.batches, self.d, self.psi, strict=True):
            own = batch.slices[f - 1]
            columns = d[:, :, own] - d @ (psi @ d[:, :, own])
            m, width = len(d), own.stop - own.start
            square = columns[:, own].reshape(m, width // size, size, width // size, size)
            total += np.einsum("mlalb->ab", square)
        return total

    def _gram(self, left: sparse.csr_array, right: sparse.csr_array) -> list[Floats]:
        """left' right by batch, (m, s, s)."""
        product = sparse.csr_array(left.T @ right)
        return [batch.dense(product) for batch in self.batches]

    def traces(self, local: Sequence[Floats], owner: NDArray[np.intp]) -> Floats:
        """tr(S dG_i S dG_l) for all pairs of directions, (t, t)."""
        out = np.zeros((len(local), len(local)))
        first = [i for i in range(len(local)) if owner[i] == 0]
        rest = [i for i in range(len(local)) if owner[i] > 0]
        mixed = {i: sparse.csr_array(_by_level(self._spread(local[i])) @ self.e) for i in first}
        s1e = {i: sparse.csr_array(_by_level(self.s1) @ mixed[i]) for i in first}
        p = {i: self._gram(self.e, mixed[i]) for i in first}
        for i in first:
            for j in first:
                own = np.einsum(
                    "jab,bc,jcd,da->", self.s1, local[i], self.s1, local[j], optimize=True
                )
                cross = self._gram(mixed[i], s1e[j])
                out[i, j] = float(own) - 2.0 * sum(
                    float(np.vdot(psi, x)) for psi, x in zip(self.psi, cross, strict=True)
                )
        for b, (batch, d, psi) in enumerate(zip(self.batches, self.d, self.psi, strict=True)):
            f = np.eye(d.shape[-1]) - psi @ d
            psi_p = {i: psi @ p[i][b] for i in first}
            for i in first:
                for j in first:
                    out[i, j] += float(np.vdot(psi_p[i], np.swapaxes(psi_p[j], 1, 2)))
            s = d @ f
            rows = {i: batch.rows_times(s, int(owner[i]) - 1, local[i]) for i in rest}
            for i in rest:
                for j in rest:
                    a, c = batch.slices[owner[i] - 1], batch.slices[owner[j] - 1]
                    out[i, j] += float(
                        np.vdot(rows[i][:, :, c], np.swapaxes(rows[j][:, :, a], 1, 2))
                    )
            for i in first:
                pf = p[i][b] @ f
                for j in rest:
                    a = batch.slices[owner[j] - 1]
                    turned = batch.columns_times(f, int(owner[j]) - 1, local[j])
                    out[i, j] += float(np.vdot(turned, pf[:, :, a]))
        for i in first:
            for j in rest:
                out[j, i] = out[i, j]
        return out

    def _spread(self, matrix: Floats) -> Floats:
        return np.broadcast_to(matrix, (len(self.s1), *matrix.shape))

    def vectors(self, local: Sequence[Floats], owner: NDArray[np.intp], weight: Floats) -> Floats:
        """2 sum_c weight_c (dG_l h_c)' S (dG_i h_c) for the columns h of [H u], (t, t)."""
        turned = [np.matmul(g, self.hu[f]) for g, f in zip(local, owner.tolist(), strict=True)]
        out = np.empty((len(local), len(local)))
        for i, f in enumerate(owner.tolist()):
            applied = self._times_s(f, turned[i])
            for j, g in enumerate(owner.tolist()):
                out[i, j] = 2.0 * float(np.einsum("jkc,jkc,c->", turned[j], applied[g], weight))
        return out

    def _times_s(self, f: int, v: Floats) -> list[Floats]:
        """S v for a v that is zero but at the levels of factor f, by factor."""
        width = v.shape[-1]
        if f == 0:
            first = (self.s1 @ v).reshape(-1, width)
            inner = self.e.T @ v.reshape(-1, width)
        else:
            inner = np.zeros((self.offsets[-1], width))
            inner[self.offsets[f - 1] : self.offsets[f]] = v.reshape(-1, width)
            first = np.zeros((self.e.shape[0], width))
        rest, through = np.zeros_like(inner), np.zeros_like(inner)
        for batch, d, psi in zip(self.batches, self.d, self.psi, strict=True):
            own = batch.rows(inner)
            if f == 0:
                pushed = psi @ own
                batch.scatter(own - d @ pushed, rest)  # F'E'v
                batch.scatter(-pushed, through)  # -Psi E'v
            else:
                kept = own - psi @ (d @ own)  # F v
                batch.scatter(d @ kept, rest)
                batch.scatter(kept, through)
        first = first + self.e @ through
        out = [first.reshape(self.hu[0].shape)]
        for g, hu in enumerate(self.hu[1:]):
            out.append(rest[self.offsets[g] : self.offsets[g + 1]].reshape(hu.shape))
        return out


def quadratic(
    rest: Sequence[Batch], psi: Sequence[Floats], rows: sparse.csr_array, n: int, k: int
) -> Floats:
    """A_j Psi A_j' for k rows A_j of each of n levels, sparse (n k, q): (n, k, k)."""
    out = np.zeros((n, k, k))
    for batch, own in zip(rest, psi, strict=True):
        if len(own) == 1:  # one component: a dense block
            index = batch.index[0]
            filled = index < rows.shape[1]
            part = sparse.csr_array(rows[:, index[filled]])
            through = part @ own[0][np.ix_(filled, filled)]
        else:
            part = rows
            through = rows @ batch.sparse(own, rows.shape[1])
        for a in range(k):
            for b in range(k):
                product = part[b::k].multiply(through[a::k])
                out[:, a, b] += np.asarray(product.sum(axis=1)).ravel()
    return out


def _by_level(blocks: Floats) -> sparse.csr_array:
    """The block-diagonal matrix of (J, k, k) blocks."""
    n, k, _ = blocks.shape
    if k == 1:
        return sparse.csr_array(sparse.diags_array(blocks[:, 0, 0]))
    return sparse.csr_array(sparse.bsr_array((blocks, np.arange(n), np.arange(n + 1))))


def _left(batch: Batch, blocks: Floats, rest: Sequence[Floats]) -> Floats:
    """Lambda' A for (m, s, c) blocks."""
    return np.swapaxes(batch.times(np.swapaxes(blocks, 1, 2), rest), 1, 2)


def _both_sides(batch: Batch, blocks: Floats, rest: Sequence[Floats]) -> Floats:
    """Lambda' A Lambda for (m, s, s) blocks."""
    return _left(batch, batch.times(blocks, rest), rest)
