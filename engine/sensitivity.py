"""What the derivatives of a crossed criterion are made of: the blocks of S = Z'V^-1 Z, never whole.

With Psi, E, D and F as in ``crossed``, S_11 = S_1 - E Psi E', S_12 = E F and S_22 = D F. E enters
only through sums over levels (``gram``). Where all T of the rest are far from singular, F = Psi
G_2^-1 and S_22 = G_2^-1 - G_2^-1 Psi G_2^-1 take no product of dense matrices.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import scipy
from msgspec import Struct
from numpy.typing import NDArray

from engine.cholesky import triangular_inverse
from engine.components import Batch
from engine.crossed_blocks import CrossedBlocks, CrossedFactor
from engine.gram import Gram
from engine.stacks import stacked_times
from engine.table import Floats

DIGITS = 1e5
"""Most that S may lose in digits as a difference of G^-1 and what follows from Psi, as a factor."""
COLUMNS = 512
"""Columns of D that are multiplied at once where S is made from D."""
VECTORS = 64
"""Columns that S is applied to at once, all directions together."""


class Sensitivity(Struct, frozen=True, dict=True):
    """What the derivatives at one theta are made of.

    Attributes:
        gram: the rows B of the eliminated factor.
        offsets: where each factor of the rest begins among its columns.
        t: T of each factor of the rest.
        s1: S_1, (J, k, k).
        to_e: what turns B_j into E_j, (J, k, k).
        d, psi: D and Psi by batch (m, s, s).
        hu: [H u] of each factor, (J_f, k_f, p + 1).
    """

    gram: Gram
    offsets: tuple[int, ...]
    t: tuple[Floats, ...]
    s1: Floats
    to_e: Floats
    d: tuple[Floats, ...]
    psi: tuple[Floats, ...]
    hu: tuple[Floats, ...]

    @classmethod
    def of(
        cls,
        blocks: CrossedBlocks,
        factor: CrossedFactor,
        psi: tuple[Floats, ...],
        t: Sequence[Floats],
    ) -> Sensitivity:
        """Make them from the factor at theta, Psi and T of the rest."""
        transposed = np.swapaxes(factor.root, 1, 2)
        to_e = transposed @ factor.turn
        inverse = triangular_inverse(factor.upper)
        psi_dm = blockwise(blocks.batches, psi, factor.dm)
        d_psi_dm = blockwise(blocks.batches, factor.d, psi_dm)
        hu_first = (transposed @ factor.inner - to_e @ blocks.gram.times(psi_dm)) @ inverse
        hu_rest = (factor.dm - d_psi_dm) @ inverse
        sizes, levels = blocks.sizes, blocks.levels
        offsets = np.cumsum(
            (0, *(n * k for n, k in zip(levels[1:], sizes[1:], strict=True)))
        ).tolist()
        hu = [hu_first]
        hu += [
            hu_rest[a : a + n * k].reshape(n, k, -1)
            for a, n, k in zip(offsets, levels[1:], sizes[1:], strict=False)
        ]
        s1 = transposed @ factor.root
        return cls(blocks.gram, tuple(offsets), tuple(t), s1, to_e, factor.d, psi, tuple(hu))

    @property
    def batches(self) -> tuple[Batch, ...]:
        """Components of the rest."""
        return self.gram.batches

    @cached_property
    def _held(self) -> tuple[Floats, ...]:
        """The sum over all slots of I - K^-1's diagonal blocks, by factor of the rest."""
        out = []
        for f, t in enumerate(self.t, start=1):
            total, slots = np.zeros(t.shape), 0
            for batch, psi in zip(self.batches, self.psi, strict=True):
                blocks = batch.levels_of(psi, f - 1)
                total += blocks.sum(axis=(0, 1))
                slots += blocks.shape[0] * blocks.shape[1]
            inverse = triangular_inverse(t.T) if t.diagonal().all() else np.zeros(t.shape)
            out.append(slots * np.eye(len(t)) - inverse.T @ total @ inverse)
        return tuple(out)

    @cached_property
    def _plain(self) -> tuple[bool, ...]:
        """Whether S of each factor of the rest keeps its digits when it is made from Psi."""
        out = []
        for f, (t, held) in enumerate(zip(self.t, self._held, strict=True)):
            if not t.diagonal().all() or not np.isfinite(held).all():
                out.append(False)
                continue
            slots = sum(batch.index[:, batch.slices[f]].size for batch in self.batches) / len(t)
            if len(t) == 1:
                out.append(bool(slots < DIGITS * held[0, 0]))
                continue
            lengths = np.linalg.svd(t, compute_uv=False)
            least = float(np.linalg.eigvalsh(held)[0]) / slots
            out.append(bool((lengths[0] / lengths[-1]) ** 2 < DIGITS * least))
        return tuple(out)

    @cached_property
    def _all_plain(self) -> bool:
        return all(self._plain)

    @cached_property
    def _g_inverse(self) -> list[Floats]:
        """G^-1 of each factor of the rest, where all are plain."""
        halves = [triangular_inverse(t.T) for t in self.t]
        return [half @ half.T for half in halves]

    @cached_property
    def f(self) -> tuple[Floats, ...]:
        """F by batch, (m, s, s)."""
        if self._all_plain:
            return tuple(
                batch.times(psi, self._g_inverse)
                for batch, psi in zip(self.batches, self.psi, strict=True)
            )
        return tuple(
            _complement(stacked_times(psi, d)) for psi, d in zip(self.psi, self.d, strict=True)
        )

    @cached_property
    def s(self) -> tuple[Floats, ...]:
        """S_22 by batch, (m, s, s)."""
        if not self._all_plain:
            return tuple(stacked_times(d, f) for d, f in zip(self.d, self.f, strict=True))
        out = []
        for batch, f in zip(self.batches, self.f, strict=True):
            own = batch.left_times(f, self._g_inverse)
            np.negative(own, out=own)
            for i, inverse in enumerate(self._g_inverse):
                batch.levels_of(own, i)[...] += inverse
            out.append(own)
        return tuple(out)

    def own_sum(self, f: int) -> Floats:
        """The sum over levels of the diagonal blocks of S, (k_f, k_f)."""
        if f == 0:
            total: Floats = self.s1.sum(axis=0)
            rows = [self.to_e[:, a : a + 1] for a in range(len(total))]
            for a, left in enumerate(rows):
                for b, right in enumerate(rows[: a + 1]):
                    own = self.gram.inner(left, left if a == b else right, self.psi)
                    total[a, b] -= own
                    if a != b:
                        total[b, a] -= own
            return total
        if self._plain[f - 1]:
            half = triangular_inverse(self.t[f - 1].T)
            return np.asarray(half @ self._held[f - 1] @ half.T)
        return self._own_sum_from_d(f)

    def _own_sum_from_d(self, f: int) -> Floats:
        """The sum over levels of the diagonal blocks of D - D Psi D, from those columns of D."""
        k = len(self.t[f - 1])
        total = np.zeros((k, k))
        step = max(k, COLUMNS // k * k)
        for batch, d, psi in zip(self.batches, self.d, self.psi, strict=True):
            own = batch.slices[f - 1]
            total += batch.levels_of(d, f - 1).sum(axis=(0, 1))
            for start in range(own.start, own.stop, step):
                part = np.ascontiguousarray(d[:, :, start : min(own.stop, start + step)])
                through = stacked_times(psi, part)
                shape = (*part.shape[:2], part.shape[2] // k, k)
                total -= np.einsum("mcna,mcnb->ab", part.reshape(shape), through.reshape(shape))
        return total

    def information(self, local: Sequence[Floats], owner: NDArray[np.intp]) -> Floats:
        """(dG_l u)' S (dG_i u) for all pairs of directions, (t, t); u is the last of [H u]."""
        return self._forms(local, owner, np.array([self.hu[0].shape[2] - 1]))[:, :, 0]

    def vectors(self, local: Sequence[Floats], owner: NDArray[np.intp], weight: Floats) -> Floats:
        """2 sum_c weight_c (dG_l h_c)' S (dG_i h_c) for the columns h of [H u], (t, t)."""
        out = np.zeros((len(local), len(local)))
        counting = np.flatnonzero(weight)
        step = max(1, VECTORS // max(1, len(local)))
        for start in range(0, len(counting), step):
            columns = counting[start : start + step]
            out += 2.0 * self._forms(local, owner, columns) @ weight[columns]
        return out

    def _forms(
        self, local: Sequence[Floats], owner: NDArray[np.intp], columns: NDArray[np.intp]
    ) -> Floats:
        """(dG_l h)' S (dG_i h) for some columns h of [H u], (t, t, c)."""
        t, c, q = len(local), len(columns), self.offsets[-1]
        first = np.zeros((*self.hu[0].shape[:2], t, c))
        rest = np.zeros((q, t, c))
        for i, (g, f) in enumerate(zip(local, owner.tolist(), strict=True)):
            turned = g @ self.hu[f][:, :, columns]
            if f == 0:
                first[:, :, i] = turned
            else:
                rest[self.offsets[f - 1] : self.offsets[f], i] = turned.reshape(-1, c)
        to_first, to_rest = self.apply(
            first.reshape(*first.shape[:2], t * c), rest.reshape(q, t * c)
        )
        shape = (-1, t, c)
        out = np.einsum("nlc,nic->lic", first.reshape(shape), to_first.reshape(shape))
        return np.asarray(out + np.einsum("nlc,nic->lic", rest, to_rest.reshape(shape)))

    def traces(self, local: Sequence[Floats], owner: NDArray[np.intp]) -> Floats:
        """tr(S dG_i S dG_l) for all pairs of directions, (t, t)."""
        out = np.zeros((len(local), len(local)))
        first = np.flatnonzero(owner == 0).tolist()
        rest = np.flatnonzero(owner > 0).tolist()
        of_first = [local[i] for i in first]
        of_rest = [(int(owner[i]) - 1, local[i]) for i in rest]
        p = [self._sums_of(self.to_e, own @ self.to_e) for own in of_first]
        through = [self._through_psi(own) for own in p]
        out[np.ix_(first, first)] = self._first_traces(of_first, through)
        out[np.ix_(rest, rest)] = self._rest_traces(of_rest)
        out[np.ix_(first, rest)] = self._mixed_traces(p, through, of_rest)
        out[np.ix_(rest, first)] = out[np.ix_(first, rest)].T
        return out

    def _sums_of(self, left: Floats, right: Floats) -> list[Floats]:
        """Symmetric sums over the levels of (left_j B_j)'(right_j B_j) by batch, (m, s, s)."""
        out = [np.zeros_like(own) for own in self.d]
        self.gram.add(left, right, out)
        return out

    def _through_psi(self, parts: Sequence[Floats]) -> list[Floats]:
        return [stacked_times(psi, own) for psi, own in zip(self.psi, parts, strict=True)]

    def _first_traces(self, local: Sequence[Floats], through: Sequence[list[Floats]]) -> Floats:
        """Both directions in the first factor, where S_11 = S_1 - E Psi E'.

        ``through`` are Psi E'dG_i E, by batch.
        """
        out = np.empty((len(local), len(local)))
        for i, g in enumerate(local):
            for j, h in enumerate(local[: i + 1]):
                own = np.einsum("jab,jba->", self.s1 @ g, self.s1 @ h)
                own -= 2.0 * self.gram.inner(g @ self.to_e, self.s1 @ h @ self.to_e, self.psi)
                for a, b in zip(through[i], through[j], strict=True):
                    own += np.einsum("mij,mji->", a, b)
                out[i, j] = out[j, i] = own
        return out

    def _rest_traces(self, directions: Sequence[tuple[int, Floats]]) -> Floats:
        """Both directions in the rest: of dG_i S_fg dG_l S_gf, where S_gf = S_fg'."""
        out = np.zeros((len(directions), len(directions)))
        for batch, s in zip(self.batches, self.s, strict=True):
            for i, (f, g) in enumerate(directions):
                rows = batch.rows_times(s, f, g)
                for j, (other, h) in enumerate(directions):
                    columns = batch.columns_times(s[:, batch.slices[f]], other, h)
                    out[i, j] += np.einsum("mab,mab->", rows[:, :, batch.slices[other]], columns)
        return out

    def _mixed_traces(
        self,
        p: Sequence[list[Floats]],
        through: Sequence[list[Floats]],
        directions: Sequence[tuple[int, Floats]],
    ) -> Floats:
        """One direction in the first factor, one in the rest: tr(dG_l F'E'dG_i E F).

        ``p`` are E'dG_i E and ``through`` are Psi E'dG_i E, by batch.
        """
        out = np.zeros((len(p), len(directions)))
        for b, batch in enumerate(self.batches):
            for i, (own_p, own_through) in enumerate(zip(p, through, strict=True)):
                # F'PF by its rows: G^-1 Psi P F where all is plain, and else F' P F.
                left = (
                    batch.left_times(own_through[b], self._g_inverse)
                    if self._all_plain
                    else np.swapaxes(stacked_times(own_p[b], self.f[b]), 1, 2)
                )
                for j, (g, h) in enumerate(directions):
                    right = batch.rows_times(np.swapaxes(self.f[b], 1, 2), g, h)
                    out[i, j] += np.einsum("mab,mab->", left[:, batch.slices[g]], right)
        return out

    def times_s(self, f: int, v: Floats) -> list[Floats]:
        """S v for a v that is zero but at the levels of factor f, by factor."""
        width = v.shape[-1]
        first = v if f == 0 else np.zeros((*self.hu[0].shape[:2], width))
        rest = np.zeros((self.offsets[-1], width))
        if f:
            rest[self.offsets[f - 1] : self.offsets[f]] = v.reshape(-1, width)
        to_first, to_rest = self.apply(first, rest)
        out = [to_first]
        for g, hu in enumerate(self.hu[1:]):
            part = to_rest[self.offsets[g] : self.offsets[g + 1]]
            out.append(part.reshape(*hu.shape[:2], width))
        return out

    def apply(self, first: Floats, rest: Floats) -> tuple[Floats, Floats]:
        """S v: what it is at the first factor (J, k, c) and at the rest (q, c)."""
        inner = self.gram.transposed_times(np.swapaxes(self.to_e, 1, 2) @ first)
        inner += blockwise(self.batches, self.d, rest)  # E'v_1 + D v_2
        through = blockwise(self.batches, self.psi, inner)
        to_first = self.s1 @ first + self.to_e @ self.gram.times(rest - through)
        return to_first, inner - blockwise(self.batches, self.d, through)


def blockwise(batches: Sequence[Batch], blocks: Sequence[Floats], values: Floats) -> Floats:
    """The product of symmetric blocks (m, s, s) and (q, c)."""
    out = np.zeros_like(values)
    for batch, own in zip(batches, blocks, strict=True):
        batch.scatter(stacked_times(own, batch.rows(values)), out)
    return out


def quadratic(
    rest: Sequence[Batch], psi: Sequence[Floats], rows: scipy.sparse.csr_array, n: int, k: int
) -> Floats:
    """A_j Psi A_j' for k rows A_j of each of n levels, sparse (n k, q): (n, k, k)."""
    out = np.zeros((n, k, k))
    for batch, own in zip(rest, psi, strict=True):
        if len(own) == 1:
            _add_gathered(out, batch, own[0], rows)
            continue
        through = rows @ batch.sparse(own, rows.shape[1])
        for a in range(k):
            for b in range(k):
                product = rows[b::k].multiply(through[a::k])
                out[:, a, b] += np.asarray(product.sum(axis=1)).ravel()
    return out


def _add_gathered(out: Floats, batch: Batch, psi: Floats, rows: scipy.sparse.csr_array) -> None:
    """Add A_j Psi A_j' of one dense component, level by level, from its elements that A_j meets."""
    n, k, _ = out.shape
    s = len(psi)
    place = np.full(rows.shape[1] + 1, -1)
    place[batch.index[0]] = np.arange(s)
    here = place[rows.indices] >= 0  # other components have their own elements
    ends = np.append(0, np.cumsum(here))[rows.indptr].tolist()
    flat, slots, data = psi.ravel(), place[rows.indices][here], rows.data[here]
    row = np.repeat(np.arange(rows.shape[0]), np.diff(ends)) % k
    for j in range(n):
        own = slice(ends[j * k], ends[(j + 1) * k])
        if k == 1:
            met, whole = slots[own], data[own]
            out[j, 0, 0] += whole @ (flat.take(met[:, None] * s + met) @ whole)
            continue
        met, column = np.unique(slots[own], return_inverse=True)
        whole = np.zeros((k, len(met)))
        whole[row[own], column] = data[own]
        out[j] += whole @ flat.take(met[:, None] * s + met) @ whole.T


def _complement(blocks: Floats) -> Floats:
    """I - A for (m, s, s) blocks, in place."""
    np.negative(blocks, out=blocks)
    diagonal = np.arange(blocks.shape[-1])
    blocks[:, diagonal, diagonal] += 1.0
    return blocks
