"""Variances of crossed effects from sums of squares: a start for the search that costs no factor.

With e what least squares leaves of y, and W = Z_2'Z_2 less its part in the span of Z_1, the squares
of Z_1'e, of Z_2'e less its part in the span of Z_1 and of e itself have expectations that are
linear in the variances of the effects and of the residual (Henderson's method 3, coarsened; Searle,
Casella, McCulloch 1992, Variance Components, chapter 5). Covariances are taken as zero, and so is
what the fixed effects take: it is a start only.
"""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

from engine.crossed_blocks import CrossedBlocks
from engine.table import Floats

LEAST, MOST = 0.02, 10.0
"""Standard deviations of effects relative to the residual one stay between these."""


def relative_deviations(blocks: CrossedBlocks) -> Floats:
    """Standard deviations of all effects relative to the residual one, (sum k,)."""
    columns = _effects(blocks)
    left, right = np.zeros((len(columns) + 1,) * 2), np.zeros(len(columns) + 1)
    _of_first(blocks, left, right)
    _of_rest(blocks, columns, left, right)
    scale = np.maximum(left[:, 0], np.finfo(float).tiny)
    variances, _ = scipy.optimize.nnls(left / scale[:, None], right / scale)
    if not variances[0] > 0.0:
        return np.full(len(columns), 0.5)
    return np.asarray(np.clip(np.sqrt(variances[1:] / variances[0]), LEAST, MOST))


def _effects(blocks: CrossedBlocks) -> list[tuple[int, int]]:
    """The factor and the effect of each variance."""
    return [(f, a) for f, size in enumerate(blocks.sizes) for a in range(size)]


def _residual(blocks: CrossedBlocks) -> Floats:
    """What makes e of [X y], (p + 1,)."""
    flat = blocks.inner.reshape(-1, blocks.inner.shape[-1])
    gram = blocks.within + flat.T @ flat
    beta = np.linalg.lstsq(gram[:-1, :-1], gram[:-1, -1])[0]
    return np.append(-beta, 1.0)


def _of_first(blocks: CrossedBlocks, left: Floats, right: Floats) -> None:
    """The squares of Z_1'e, one equation for each effect of the first factor."""
    k = blocks.sizes[0]
    transposed = np.swapaxes(blocks.root, 1, 2)
    gram = transposed @ blocks.root
    sums = (transposed @ blocks.inner) @ _residual(blocks)
    right[1 : k + 1] = np.square(sums).sum(axis=0)
    left[1 : k + 1, 0] = gram.diagonal(axis1=1, axis2=2).sum(axis=0)
    left[1 : k + 1, 1 : k + 1] = np.square(gram).sum(axis=0)
    owner = _owners(blocks)
    met = blocks.gram.scaled(transposed)
    for a in range(k):
        rows = met[a::k]
        squares = np.bincount(
            owner[rows.indices], weights=np.square(rows.data), minlength=left.shape[1]
        )
        left[a + 1] += squares


def _owners(blocks: CrossedBlocks) -> NDArray[np.intp]:
    """The variance that each column of the rest belongs to, counted from 1, (q,)."""
    start, parts = 1 + blocks.sizes[0], []
    for k, n in zip(blocks.sizes[1:], blocks.levels[1:], strict=True):
        parts.append(np.tile(np.arange(start, start + k), n))
        start += k
    return np.concatenate(parts)


def _of_rest(
    blocks: CrossedBlocks, columns: list[tuple[int, int]], left: Floats, right: Floats
) -> None:
    """The squares of the rest of e: that of e itself, and one equation for each other effect."""
    residual = _residual(blocks)
    owner = _owners(blocks)
    first = blocks.sizes[0]
    sums = blocks.rest_products @ residual
    right[0] = residual @ blocks.within @ residual
    right[first + 1 :] = np.bincount(owner, weights=np.square(sums))[first + 1 :]
    spanned = int(np.count_nonzero(blocks.root.diagonal(axis1=1, axis2=2)))
    left[0, 0] = blocks.n - spanned - blocks.p
    for batch, within in zip(blocks.batches, blocks.rest_within, strict=True):
        places = {
            i: slice(own.start + a, own.stop, blocks.sizes[f])
            for i, (f, a) in enumerate(columns, start=1)
            if f
            for own in [batch.slices[f - 1]]
        }
        diagonal = within.diagonal(axis1=1, axis2=2)
        for i, own in places.items():
            trace = float(diagonal[:, own].sum())
            left[i, 0] += trace
            left[0, i] += trace
            for j, other in places.items():
                part = within[:, own, other]
                left[i, j] += float(np.einsum("mab,mab->", part, part))
