"""New responses of a fitted model as sums alone: Z'y, X'y and y'y are drawn, never a row.

Given Z and X, the sums of y = X beta + Z b + e are b ~ N(0, sigma^2 G) carried through Z'Z and
X'Z, and [Z X]'e ~ N(0, sigma^2 [Z X]'[Z X]), which the Cholesky factor of sums that a fit holds
turns into independent normals: with Z_1 = Q R by level, Q'e is sigma times as many normals as the
levels span; what [Z_2 X] keep beside Z_1 has a Gram matrix of its own; and what is left of e'e is
sigma^2 chi-square with n - rank [Z X] degrees of freedom, independent of all (Cochran). So the
distribution of the sums, and of everything that is computed from them, is exact.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from engine.components import Batch
from engine.criterion import Blocks
from engine.crossed_blocks import CrossedBlocks
from engine.dense_blocks import DenseBlocks
from engine.fit import Fit
from engine.gram import squares
from engine.table import Floats

ROUNDING = 1e-10
"""An eigenvalue of a scaled Gram matrix that is less is zero."""


class Root(Struct, frozen=True):
    """Roots W of Gram matrices A'A = W W', and the way to coordinates in the span of A.

    Attributes:
        half: W (..., s, s), with a zero column for every direction that A has not.
        whitening: P with P'A'y the coordinates of y, (..., s, s).
        full: which columns are not zero, (..., s).
    """

    half: Floats
    whitening: Floats
    full: NDArray[np.bool_]

    @classmethod
    def of(cls, gram: Floats, whole: Floats) -> Root:
        """Of Gram matrices (..., s, s) of columns that once had squared lengths (..., s)."""
        length = np.sqrt(np.where(whole > 0.0, whole, 1.0))[..., None]
        values, axes = np.linalg.eigh(gram / length / np.swapaxes(length, -1, -2))
        full = values > ROUNDING
        size = np.sqrt(np.where(full, values, 1.0))[..., None, :]
        half = np.where(full[..., None, :], length * axes * size, 0.0)
        return cls(half, np.where(full[..., None, :], axes / size / length, 0.0), full)


class _Rest(Struct, frozen=True):
    """A batch of components of the factors beside the first, and what they take of X.

    Attributes:
        batch: their levels.
        root: of their Gram matrices beside the first factor, (m, s, s).
        x: coordinates of the columns of X in their span, (m, s, p).
    """

    batch: Batch
    root: Root
    x: Floats


class Redraw(Struct, frozen=True):
    """Draws the blocks of a new response from the model that was fitted.

    Attributes:
        blocks: of the model.
        t: factors of the relative covariances, one per grouping factor.
        beta, sigma: of the model, in the pilots' units.
        mean: Q'X beta, (J, k).
        spans: which of the k directions the rows of each level have, (J, k).
        rest: components of the other factors.
        x_root: of the Gram matrix of X beside all of Z.
        left: degrees of freedom beside Z and X.
    """

    blocks: Blocks
    t: tuple[Floats, ...]
    beta: Floats
    sigma: float
    mean: Floats
    spans: NDArray[np.bool_]
    rest: tuple[_Rest, ...]
    x_root: Root
    left: int

    @classmethod
    def of(cls, fit: Fit) -> Redraw:
        """Everything that does not depend on the response."""
        criterion, _ = fit.at_optimum
        blocks, solution = criterion.blocks, fit.solution
        flat = blocks.inner.reshape(-1, blocks.inner.shape[-1])
        whole = blocks.within.diagonal()[:-1] + np.square(flat[:, :-1]).sum(axis=0)
        spans = (blocks.root != 0.0).any(axis=2)
        x_gram = blocks.within[:-1, :-1]
        rest = _rests(blocks) if isinstance(blocks, CrossedBlocks) else ()
        for own in rest:
            x_gram = x_gram - np.einsum("msp,msq->pq", own.x, own.x)
        x_root = Root.of(x_gram, whole)
        rank = int(spans.sum() + x_root.full.sum() + sum(own.root.full.sum() for own in rest))
        return cls(
            blocks=blocks,
            t=solution.t,
            beta=solution.beta,
            sigma=solution.sigma,
            mean=blocks.inner[:, :, :-1] @ solution.beta,
            spans=spans,
            rest=rest,
            x_root=x_root,
            left=blocks.n - rank,
        )

    def __call__(self, generator: np.random.Generator) -> Blocks:
        """The blocks of one new response."""
        blocks, sigma = self.blocks, self.sigma
        effects = self._effects(generator)
        own = self.mean + sigma * generator.standard_normal(self.mean.shape) * self.spans
        if isinstance(blocks, DenseBlocks):
            own += blocks.root @ np.concatenate([b.ravel() for b in effects])
        elif effects:
            own += np.einsum("jkl,jl->jk", blocks.root, effects[0])
        flat = np.concatenate([np.zeros(0), *(b.ravel() for b in effects[1:])])
        if isinstance(blocks, CrossedBlocks):
            own += blocks.gram.times(flat[:, None])[:, :, 0]
        inner = np.concatenate([blocks.inner[:, :, :-1], own[:, :, None]], axis=2)
        x = self.x_root.half.T @ self.beta
        x += sigma * generator.standard_normal(len(x)) * self.x_root.full
        xy = self.x_root.half @ x
        square = float(x @ x) + sigma**2 * float(generator.chisquare(self.left))
        products = np.zeros((len(flat), 1))
        for part in self.rest:
            root = part.root
            along = (np.swapaxes(root.half, 1, 2) @ part.batch.rows(flat[:, None]))[:, :, 0]
            along += part.x @ self.beta
            along += sigma * generator.standard_normal(along.shape) * root.full
            part.batch.scatter(root.half @ along[:, :, None], products)
            xy = xy + np.einsum("msp,ms->p", part.x, along)
            square += float(np.vdot(along, along))
        within = blocks.within.copy()
        within[-1, :-1] = within[:-1, -1] = xy
        within[-1, -1] = square
        if not isinstance(blocks, CrossedBlocks):
            return structs.replace(blocks, within=within, inner=inner)
        rest_products = np.column_stack([blocks.rest_products[:, :-1], products])
        return structs.replace(blocks, within=within, inner=inner, rest_products=rest_products)

    def _effects(self, generator: np.random.Generator) -> list[Floats]:
        """New effects of every level of each factor, (J, k)."""
        if isinstance(self.blocks, CrossedBlocks | DenseBlocks):
            counts = self.blocks.levels
        else:
            counts = (len(self.blocks.root),) if self.t else ()
        return [
            self.sigma * generator.standard_normal((n, len(t))) @ t.T
            for n, t in zip(counts, self.t, strict=True)
        ]


def _rests(blocks: CrossedBlocks) -> tuple[_Rest, ...]:
    """The batches of components: only within one do the Gram matrices have elements."""
    taken = squares(blocks.gram.rows)
    out = []
    for batch, within in zip(blocks.batches, blocks.rest_within, strict=True):
        whole = batch.rows(taken[:, None])[:, :, 0] + np.diagonal(within, axis1=1, axis2=2)
        root = Root.of(within, whole)
        x = np.swapaxes(root.whitening, 1, 2) @ batch.rows(blocks.rest_products[:, :-1])
        out.append(_Rest(batch, root, x))
    return tuple(out)
