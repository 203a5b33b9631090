"""The cross-products of several grouping factors of one effect each, kept sparse."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import scipy
from numpy.typing import NDArray

from engine.cooccurrence import Cooccurrence
from engine.criterion import Blocks
from engine.crossproducts import CrossProducts
from engine.table import Floats


class IterativeBlocks(Blocks, frozen=True):
    """The sums that an iterative solver works on; no two levels of a factor meet in a row.

    ``within``, ``root`` and ``inner`` are those of the first factor, which is eliminated. The
    effects of the others, the rest, stand one after the other: q in all.

    Attributes:
        levels: levels of each factor.
        first: diagonal of Z_1'Z_1, (J,).
        first_products: Z_1'[X y], (J, p + 1).
        cross: Z_1'Z_2, sparse (J, q).
        squares: its elements squared; the same matrix where they are all 1.
        rest: diagonal of Z_2'Z_2, (q,).
        rest_cross: what is beside the diagonal; ``None`` where the rest is one factor.
        rest_products: Z_2'[X y], (q, p + 1).
    """

    levels: tuple[int, ...]
    first: Floats
    first_products: Floats
    cross: scipy.sparse.csr_array
    squares: scipy.sparse.csr_array
    rest: Floats
    rest_cross: scipy.sparse.csr_array | None
    rest_products: Floats

    @property
    def spans(self) -> tuple[slice, ...]:
        """The effects of each factor of the rest."""
        edges = np.cumsum((0, *self.levels[1:])).tolist()
        return tuple(slice(a, b) for a, b in pairwise(edges))

    @classmethod
    def iterative(cls, products: CrossProducts, kept: NDArray[np.intp]) -> IterativeBlocks:
        """``kept`` are the columns of M that are X; every factor has one effect."""
        own = Blocks.of(products, kept)
        columns = np.append(kept, len(products.mm) - 1)
        groups = products.groups
        levels = tuple(len(group.levels) for group in groups)
        cross = _joined([m for m in products.meetings if m.first == 0], levels)
        rest_products = [group.zm[:, 0, columns] for group in groups[1:]]
        return cls(
            own.n,
            own.within,
            own.root,
            own.inner,
            levels,
            groups[0].zz[:, 0, 0],
            groups[0].zm[:, 0, columns],
            cross,
            _squared(cross),
            np.concatenate([group.zz[:, 0, 0] for group in groups[1:]]),
            _rest_cross([m for m in products.meetings if m.first > 0], levels),
            np.concatenate(rest_products),
        )


def _joined(meetings: Sequence[Cooccurrence], levels: Sequence[int]) -> scipy.sparse.csr_array:
    """How the first factor meets all others, side by side."""
    parts = [_matrix(each, levels) for each in meetings]
    return (
        parts[0]
        if len(parts) == 1
        else scipy.sparse.csr_array(scipy.sparse.hstack(parts, format="csr"))
    )


def _matrix(meeting: Cooccurrence, levels: Sequence[int]) -> scipy.sparse.csr_array:
    """Cells in order of rows as a sparse matrix; the indices are as narrow as they can be."""
    shape = levels[meeting.first], levels[meeting.second]
    narrow = np.int32 if max(*shape, len(meeting.rows)) < np.iinfo(np.int32).max else np.int64
    starts = np.searchsorted(meeting.rows, np.arange(shape[0] + 1)).astype(narrow)
    columns = meeting.columns.astype(narrow)
    return scipy.sparse.csr_array((meeting.values[:, 0, 0], columns, starts), shape=shape)


def _squared(cross: scipy.sparse.csr_array) -> scipy.sparse.csr_array:
    if (cross.data == 1.0).all():
        return cross
    return scipy.sparse.csr_array((np.square(cross.data), cross.indices, cross.indptr), cross.shape)


def _rest_cross(
    meetings: Sequence[Cooccurrence], levels: Sequence[int]
) -> scipy.sparse.csr_array | None:
    """How the factors of the rest meet one another, symmetric (q, q)."""
    if not meetings:
        return None
    n = len(levels) - 1
    blocks: list[list[scipy.sparse.csr_array | None]] = [[None] * n for _ in range(n)]
    for f, size in enumerate(levels[1:]):
        blocks[f][f] = scipy.sparse.csr_array((size, size))
    for meeting in meetings:
        matrix = _matrix(meeting, levels)
        blocks[meeting.first - 1][meeting.second - 1] = matrix
        blocks[meeting.second - 1][meeting.first - 1] = scipy.sparse.csr_array(matrix.T)
    return scipy.sparse.csr_array(scipy.sparse.block_array(blocks, format="csr"))
