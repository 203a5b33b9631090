"""The criterion of models with several grouping factors, in two steps whatever their design.

The factor with most levels (index 1) is eliminated level by level, as in ``criterion``; what
remains of the others (index 2) is dense within the components of the data. With
V_1 = I + Z_1 G_1 Z_1', E = Z_1'V_1^-1 Z_2, D = Z_2'V_1^-1 Z_2 and K = Lambda_2'D Lambda_2 + I = L
L':

    criterion = sum_j log|N_j| + log|K| + c (1 + log(2 pi r^2 / c)) [+ log|M_XX|]
    M = [X y]'V^-1[X y] = [X y]'V_1^-1[X y] - (L^-1 Lambda_2'D_2M)'(L^-1 Lambda_2'D_2M)

(Bates, Maechler, Bolker, Walker 2015, section 3; Bates, Alday, Kokandakar 2025, arXiv 2505.11674).
All derivatives follow from Psi = Lambda_2 K^-1 Lambda_2' and F = I - Psi D; see ``sensitivity``.
"""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from engine.cholesky import batched_cholesky, batched_forward, dense_cholesky
from engine.criterion import Criterion, Derivatives, Evaluation, Factorised
from engine.crossed_blocks import CrossedBlocks, CrossedFactor
from engine.sensitivity import Sensitivity, quadratic
from engine.stacks import stacked_cholesky, stacked_forward, stacked_inverse
from engine.table import Floats

COSTLY = 1 << 24
"""Multiplications of one dense factor of the rest that make a value costly."""


class CrossedCriterion(Criterion, frozen=True, dict=True):
    """The profiled criterion of a model with several grouping factors."""

    blocks: CrossedBlocks

    @property
    def costly(self) -> bool:
        """Whether one value takes so long that few starts must do."""
        return any(
            batch.index.size * batch.index.shape[1] ** 2 > COSTLY for batch in self.blocks.batches
        )

    @cached_property
    def _spans(self) -> tuple[slice, ...]:
        """The effects of each factor in T."""
        edges = np.cumsum((0, *self.blocks.sizes)).tolist()
        return tuple(slice(a, b) for a, b in pairwise(edges))

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
        eye = np.array(np.broadcast_to(np.eye(len(first)), lower.shape))
        turn = batched_forward(lower, eye)
        flat = inner.reshape(-1, inner.shape[-1])
        dm = blocks.rest_products + blocks.gram.transposed_times(np.swapaxes(turn, 1, 2) @ inner)
        m = blocks.within + flat.T @ flat
        log_det = 2.0 * float(np.log(np.diagonal(lower, axis1=1, axis2=2)).sum())
        d = tuple(within.copy() for within in blocks.rest_within)
        blocks.gram.add(turn, turn, d)
        roots = []
        for batch, own_d in zip(blocks.batches, d, strict=True):
            upper_k = stacked_cholesky(_plus_identity(batch.turn(own_d.copy(), rest)))
            if upper_k is None:
                return None
            half = stacked_forward(upper_k, batch.left_times(batch.rows(dm), rest))
            m -= np.einsum("msp,msq->pq", half, half)
            log_det += 2.0 * float(np.log(np.diagonal(upper_k, axis1=1, axis2=2)).sum())
            roots.append(upper_k)
        upper = dense_cholesky(m)
        if upper is None or not np.isfinite(upper[-1, -1]):
            return None
        return CrossedFactor(t, root, inner, upper, log_det, turn, d, dm, tuple(roots))

    def psi(self, factor: CrossedFactor, *, last: bool = False) -> tuple[Floats, ...]:
        """Psi = Lambda_2 K^-1 Lambda_2', by batch (m, s, s).

        ``last`` says that nothing else will be asked of the factor, which may be overwritten.
        """
        rest = [own.T for own in self.own(factor.t)[1:]]
        return tuple(
            batch.turn(stacked_inverse(root, overwrite=last), rest)
            for batch, root in zip(self.blocks.batches, factor.rest, strict=True)
        )

    def view(self, factor: CrossedFactor, *, last: bool = False) -> Sensitivity:
        """What the derivatives are made of; ``last`` as for :meth:`psi`."""
        psi = self.psi(factor, last=last)
        return Sensitivity.of(self.blocks, factor, psi, self.own(factor.t)[1:])

    def modes(self, factor: Factorised, beta: Floats) -> list[tuple[Floats, Floats]]:
        """Conditional modes (J_f, k_f) and relative covariances (J_f, k_f, k_f) of every factor.

        With W = Psi or what it is spread to by E: G_2 - G_2 S_22 G_2 = Psi, and for the first
        factor T M_j^-1 T' + (G_1 E_j) Psi (G_1 E_j)'.
        """
        del beta  # [H u] holds the residuals already
        if not isinstance(factor, CrossedFactor):
            raise TypeError("a crossed criterion takes a crossed factor")
        first, *rest = self.own(factor.t)
        view = self.view(factor)
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
                rows = batch.levels_of(psi, f)
                m, slots = rows.shape[:2]
                index = batch.index[:, batch.slices[f]]
                filled = index < view.offsets[-1]
                conditional[index[filled] - view.offsets[f]] = rows.reshape(m, slots * k, k)[filled]
            out.append((own, conditional.reshape(n, k, k)))
        return out

    def _first_conditional(self, factor: CrossedFactor, view: Sensitivity) -> Floats:
        """Relative conditional covariances of the eliminated factor, (J, k, k)."""
        t = self.own(factor.t)[0]
        n, k = len(view.s1), len(t)
        rt = (self.blocks.root.reshape(-1, k) @ t).reshape(self.blocks.root.shape)
        lower = batched_cholesky(np.swapaxes(rt, 1, 2) @ rt + np.eye(k))
        half = batched_forward(lower, np.array(np.broadcast_to(t.T, lower.shape)))
        ge = self.blocks.gram.scaled(t @ t.T @ view.to_e)
        return np.swapaxes(half, 1, 2) @ half + quadratic(view.batches, view.psi, ge, n, k)

    def sums(self, factor: Factorised, directions: Floats, weight: Floats) -> Derivatives:
        """The sums over levels in any directions of G, as :meth:`Criterion.sums`."""
        if not isinstance(factor, CrossedFactor):
            raise TypeError("a crossed criterion takes a crossed factor")
        view = self.view(factor)
        slope, pairs = self._first_order(view, directions, weight)
        local = self._local(directions)
        curvature = view.vectors(local, self._owner, weight) - view.traces(local, self._owner)
        return Derivatives(directions, slope, pairs, (curvature + curvature.T) / 2.0)

    @np.errstate(over="ignore", invalid="ignore")
    def informed(self, theta: Floats) -> Evaluation | None:
        """Value and exact gradient, and the average information for a Hessian.

        The traces of the exact Hessian are replaced by quadratic forms of the same expectation,
        which take products of matrices and vectors only; what is left is positive semidefinite in G
        (Gilmour, Thompson, Cullis 1995, Biometrics 51, 1440; Johnson, Thompson 1995, J. Dairy Sci.
        78, 449).
        """
        factor = self.factorise(theta)
        if factor is None:
            return None
        view = self.view(factor, last=True)
        directions = self.structure.directions(theta[None])[0]
        slope, pairs = self._first_order(view, directions, self._weight)
        information = view.information(self._local(directions), self._owner)
        last = pairs[:, :, -1]
        hessian = self.count * (information - last @ last.T)
        rows, cols = self.structure.rows, self.structure.cols
        hessian += slope[rows[:, None], rows] * self.structure.same_column
        if not np.isfinite(hessian).all():
            return None
        gradient = 2.0 * (slope @ factor.t)[rows, cols]
        return Evaluation(self.value(factor), gradient, (hessian + hessian.T) / 2.0)

    def _first_order(
        self, view: Sensitivity, directions: Floats, weight: Floats
    ) -> tuple[Floats, Floats]:
        """The slope and the pairs of :class:`Derivatives`."""
        slope = np.zeros((self.structure.k, self.structure.k))
        pairs = np.empty((len(directions), len(weight), len(weight)))
        for f, (span, hu) in enumerate(zip(self._spans, view.hu, strict=True)):
            joint = np.tensordot(hu, hu, axes=([0], [0])).transpose(0, 2, 1, 3)
            slope[span, span] = view.own_sum(f) - joint.diagonal(axis1=2, axis2=3) @ weight
            mine = self._owner == f
            local = directions[mine][:, span, span]
            pairs[mine] = np.tensordot(local, joint, axes=([1, 2], [0, 1]))
        return slope, pairs

    def _local(self, directions: Floats) -> list[Floats]:
        """Each direction within the effects of its own factor, (k, k)."""
        spans = [self._spans[f] for f in self._owner.tolist()]
        return [own[span, span] for own, span in zip(directions, spans, strict=True)]


def _plus_identity(blocks: Floats) -> Floats:
    """A + I for (m, s, s) blocks, in place."""
    diagonal = np.arange(blocks.shape[-1])
    blocks[:, diagonal, diagonal] += 1.0
    return blocks
