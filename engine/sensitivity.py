"""What the derivatives of a crossed criterion are made of: the blocks of S = Z'V^-1 Z, never whole.

With Psi, E, D and F as in ``crossed``, S_11 = S_1 - E Psi E', S_12 = E F and S_22 = D F. E enters
only through E'E and the like, which are as sparse as the meetings of levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from engine.cholesky import triangular_inverse
from engine.components import Batch
from engine.crossed_blocks import CrossedBlocks, CrossedFactor, by_level
from engine.table import Floats


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What the derivatives at one theta are made of.

    Attributes:
        batches: components of the rest.
        offsets: where each factor of the rest begins among its columns.
        s1: S_1, (J, k, k).
        e: E, sparse (J k, q).
        d, psi, f, s: D, Psi, F and S_22 by batch (m, s, s).
        hu: [H u] of each factor, (J_f, k_f, p + 1).
    """

    batches: tuple[Batch, ...]
    offsets: tuple[int, ...]
    s1: Floats
    e: sparse.csr_array
    d: tuple[Floats, ...]
    psi: tuple[Floats, ...]
    f: tuple[Floats, ...]
    s: tuple[Floats, ...]
    hu: tuple[Floats, ...]

    @classmethod
    def of(
        cls, blocks: CrossedBlocks, factor: CrossedFactor, psi: tuple[Floats, ...]
    ) -> Sensitivity:
        """Make them from the factor at theta and Psi."""
        transposed = np.swapaxes(factor.root, 1, 2)
        e = sparse.csr_array(by_level(transposed) @ factor.meet)
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
        f = tuple(_complement(own @ d) for own, d in zip(psi, factor.d, strict=True))
        s = tuple(d @ own for d, own in zip(factor.d, f, strict=True))
        s1 = transposed @ factor.root
        return cls(blocks.batches, tuple(offsets), s1, e, factor.d, psi, f, s, tuple(hu))

    def own_sum(self, f: int) -> Floats:
        """The sum over levels of the diagonal blocks of S, (k_f, k_f)."""
        if f == 0:
            total: Floats = self.s1.sum(axis=0)
            k = len(total)
            for a in range(k):
                for b in range(k):
                    total[a, b] -= _inner(self.psi, self._gram(self.e[a::k], self.e[b::k]))
            return total
        size = self.hu[f].shape[1]
        total = np.zeros((size, size))
        for batch, s in zip(self.batches, self.s, strict=True):
            own = batch.slices[f - 1]
            m, width = len(s), own.stop - own.start
            square = s[:, own, own].reshape(m, width // size, size, width // size, size)
            total += np.einsum("mlalb->ab", square)
        return total

    def _gram(self, left: sparse.csr_array, right: sparse.csr_array) -> list[Floats]:
        """Products left'right by batch, (m, s, s)."""
        product = sparse.csr_array(left.T @ right)
        return [batch.dense(product) for batch in self.batches]

    def traces(self, local: Sequence[Floats], owner: NDArray[np.intp]) -> Floats:
        """tr(S dG_i S dG_l) for all pairs of directions, (t, t)."""
        out = np.zeros((len(local), len(local)))
        first = np.flatnonzero(owner == 0).tolist()
        rest = np.flatnonzero(owner > 0).tolist()
        of_first = [local[i] for i in first]
        of_rest = [(int(owner[i]) - 1, local[i]) for i in rest]
        met = [sparse.csr_array(by_level(self.spread(own)) @ self.e) for own in of_first]
        p = [self._gram(self.e, own) for own in met]
        out[np.ix_(first, first)] = self._first_traces(of_first, met, p)
        out[np.ix_(rest, rest)] = self._rest_traces(of_rest)
        out[np.ix_(first, rest)] = self._mixed_traces(p, of_rest)
        out[np.ix_(rest, first)] = out[np.ix_(first, rest)].T
        return out

    def _first_traces(
        self, local: Sequence[Floats], met: Sequence[sparse.csr_array], p: Sequence[list[Floats]]
    ) -> Floats:
        """Both directions in the first factor, where S_11 = S_1 - E Psi E'.

        ``met`` are dG_i E and ``p`` are E'dG_i E, by batch.
        """
        s1_met = [sparse.csr_array(by_level(self.s1) @ own) for own in met]
        psi_p = [[psi @ own for psi, own in zip(self.psi, parts, strict=True)] for parts in p]
        out = np.empty((len(local), len(local)))
        for i, g in enumerate(local):
            for j, h in enumerate(local):
                out[i, j] = np.einsum("jab,bc,jcd,da->", self.s1, g, self.s1, h, optimize=True)
                out[i, j] -= 2.0 * _inner(self.psi, self._gram(met[i], s1_met[j]))
                out[i, j] += _inner(psi_p[i], [np.swapaxes(own, 1, 2) for own in psi_p[j]])
        return out

    def _rest_traces(self, directions: Sequence[tuple[int, Floats]]) -> Floats:
        """Both directions in the rest."""
        out = np.zeros((len(directions), len(directions)))
        for batch, s in zip(self.batches, self.s, strict=True):
            rows = [batch.rows_times(s, f, own) for f, own in directions]
            for i, (f, _) in enumerate(directions):
                for j, (g, _) in enumerate(directions):
                    there = rows[j][:, :, batch.slices[f]]
                    out[i, j] += np.vdot(rows[i][:, :, batch.slices[g]], np.swapaxes(there, 1, 2))
        return out

    def _mixed_traces(
        self, p: Sequence[list[Floats]], directions: Sequence[tuple[int, Floats]]
    ) -> Floats:
        """One direction in the first factor, one in the rest: tr(F dG F' E'dG_i E)."""
        out = np.zeros((len(p), len(directions)))
        for b, (batch, f) in enumerate(zip(self.batches, self.f, strict=True)):
            turned = [batch.columns_times(f, g, own) for g, own in directions]
            for i, parts in enumerate(p):
                through = parts[b] @ f
                for j, (g, _) in enumerate(directions):
                    out[i, j] += np.vdot(turned[j], through[:, :, batch.slices[g]])
        return out

    def spread(self, matrix: Floats) -> Floats:
        """One (k, k) matrix for every level of the first factor, (J, k, k)."""
        return np.broadcast_to(matrix, (len(self.s1), *matrix.shape))

    def vectors(self, local: Sequence[Floats], owner: NDArray[np.intp], weight: Floats) -> Floats:
        """2 sum_c weight_c (dG_l h_c)' S (dG_i h_c) for the columns h of [H u], (t, t)."""
        turned = [np.matmul(g, self.hu[f]) for g, f in zip(local, owner.tolist(), strict=True)]
        out = np.empty((len(local), len(local)))
        for i, f in enumerate(owner.tolist()):
            applied = self.times_s(f, turned[i])
            for j, g in enumerate(owner.tolist()):
                out[i, j] = 2.0 * float(np.einsum("jkc,jkc,c->", turned[j], applied[g], weight))
        return out

    def times_s(self, f: int, v: Floats) -> list[Floats]:
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


def _complement(blocks: Floats) -> Floats:
    """I - A for (m, s, s) blocks, in place."""
    np.negative(blocks, out=blocks)
    diagonal = np.arange(blocks.shape[-1])
    blocks[:, diagonal, diagonal] += 1.0
    return blocks


def _inner(left: Sequence[Floats], right: Sequence[Floats]) -> float:
    """The sum of products of all elements, batch by batch."""
    return sum(float(np.vdot(a, b)) for a, b in zip(left, right, strict=True))
