"""The cross-products of a model with several grouping factors, made ready for any theta."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy
from msgspec import structs
from numpy.typing import NDArray

from engine.cholesky import batched_root
from engine.components import Batch, batches
from engine.criterion import Blocks, Factorised
from engine.crossproducts import CrossProducts
from engine.gram import Gram
from engine.table import Floats


class CrossedBlocks(Blocks, frozen=True):
    """The cross-products of a model with several grouping factors, ready for any theta.

    ``within``, ``root`` and ``inner`` are those of the eliminated factor.

    Attributes:
        sizes: effects per level of each factor, k_f.
        levels: levels of each factor.
        gram: Q_j'Z_2, and what its sums of products are made with.
        rest_within: Z_2'Z_2 less its part in the span of Z_1, by batch (m, s, s).
        rest_products: Z_2'[X y] less its part in the span of Z_1, (q, p + 1).
    """

    sizes: tuple[int, ...]
    levels: tuple[int, ...]
    gram: Gram
    rest_within: tuple[Floats, ...]
    rest_products: Floats

    @property
    def batches(self) -> tuple[Batch, ...]:
        """Components of the rest."""
        return self.gram.batches

    @property
    def rest_inner(self) -> scipy.sparse.csr_array:
        """Q_j'Z_2, sparse (J k, q)."""
        return self.gram.rows

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
        rest_inner = scipy.sparse.hstack(
            [
                structs.replace(meeting, values=turn[meeting.rows] @ meeting.values).matrix(
                    levels[0], levels[meeting.second]
                )
                for meeting in meetings
                if meeting.first == 0
            ],
            format="csr",
        )
        rest = _rest_gram(products, levels)
        columns = np.append(kept, len(products.mm) - 1)
        zm = np.concatenate(
            [group.zm[:, :, columns].reshape(-1, len(columns)) for group in groups[1:]]
        )
        rest_batches = batches(levels, sizes, meetings)
        gram = Gram.of(scipy.sparse.csr_array(rest_inner), sizes[0], rest_batches)
        within = tuple(batch.dense(rest) for batch in rest_batches)
        gram.add(-eye, eye, within)
        return cls(
            own.n,
            own.within,
            own.root,
            own.inner,
            sizes,
            levels,
            gram,
            within,
            zm - gram.transposed_times(own.inner),
        )


def _rest_gram(products: CrossProducts, levels: Sequence[int]) -> scipy.sparse.csr_array:
    """Z_2'Z_2 of all factors but the first, sparse (q, q)."""
    n = len(products.groups) - 1
    blocks: list[list[scipy.sparse.csr_array | None]] = [[None] * n for _ in range(n)]
    for f, group in enumerate(products.groups[1:]):
        indices = np.arange(levels[f + 1])
        blocks[f][f] = scipy.sparse.csr_array(
            scipy.sparse.bsr_array((group.zz, indices, np.arange(levels[f + 1] + 1)))
        )
    for meeting in products.meetings:
        if meeting.first > 0:
            a, b = meeting.first, meeting.second
            matrix = meeting.matrix(levels[a], levels[b])
            blocks[a - 1][b - 1] = matrix
            blocks[b - 1][a - 1] = scipy.sparse.csr_array(matrix.T)
    return scipy.sparse.csr_array(scipy.sparse.block_array(blocks, format="csr"))


class CrossedFactor(Factorised, frozen=True):
    """The blocked factor at one theta.

    Attributes:
        turn: L_j^-1 of N_j = L_j L_j', (J, k, k).
        d: Z_2'V_1^-1 Z_2 by batch, (m, s, s).
        dm: Z_2'V_1^-1 [X y], (q, p + 1).
        rest: U of K = Lambda_2'D Lambda_2 + I = U'U, by batch (m, s, s).
    """

    turn: Floats
    d: tuple[Floats, ...]
    dm: Floats
    rest: tuple[Floats, ...]
