"""The levels that never meet: independent parts of the data, so that dense blocks stay small.

Levels of different factors are joined when a row has both. In a nested design every level of the
outermost factor is a component of its own; in a crossed one all levels usually are one component.
What remains of a model once its largest factor is eliminated is dense only within components, so it
is kept as batches of dense blocks: components of like size side by side, padded with empty levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import scipy
from msgspec import Struct
from numpy.typing import NDArray

from engine.cooccurrence import Cooccurrence
from engine.errors import LimitError, Problem
from engine.table import Floats

MAX_ELEMENTS = 1 << 27
"""Most elements of all dense blocks: 1 GiB each time, and a fit takes five times as much."""
TURNED = 1 << 20
"""Elements of dense blocks that are copied at once."""


class Batch(Struct, frozen=True):
    """Components with equal numbers of level slots, m of them, each of s columns.

    Attributes:
        index: columns of the rest in each slot, the number of columns where a slot is empty, (m,
            s).
        slices: the slots of each factor of the rest, within s.
        sizes: effects per level of each factor.
    """

    index: NDArray[np.intp]
    slices: tuple[slice, ...]
    sizes: tuple[int, ...]

    def rows(self, values: Floats) -> Floats:
        """Rows of (q, c) by slot, zero in empty ones: (m, s, c)."""
        padded = np.vstack([values, np.zeros((1, values.shape[1]))])
        return padded[self.index]

    def scatter(self, blocks: Floats, out: Floats) -> None:
        """Put rows by slot (m, s, c) back into (q, c)."""
        filled = self.index < len(out)
        out[self.index[filled]] = blocks[filled]

    def dense(self, matrix: scipy.sparse.csr_array) -> Floats:
        """The blocks of a sparse (q, q) matrix that is zero between components, (m, s, s)."""
        m, s = self.index.shape
        if m == 1 and (self.index[0] < matrix.shape[0]).all():
            block: Floats = matrix[self.index[0]][:, self.index[0]].toarray()
            return block[None]
        q = matrix.shape[0]
        owner = np.full(q + 1, -1)
        place = np.zeros(q + 1, dtype=np.intp)
        owner[self.index] = np.arange(m)[:, None]
        place[self.index] = np.arange(s)
        owner[q] = -1
        entries = matrix.tocoo()
        row, column = entries.coords
        mine = owner[row] >= 0
        out = np.zeros((m, s, s))
        np.add.at(
            out, (owner[row[mine]], place[row[mine]], place[column[mine]]), entries.data[mine]
        )
        return out

    def sparse(self, blocks: Floats, q: int) -> scipy.sparse.csr_array:
        """The sparse (q, q) matrix of (m, s, s) blocks."""
        filled = self.index < q
        both = filled[:, :, None] & filled[:, None, :]
        rows = np.broadcast_to(self.index[:, :, None], blocks.shape)[both]
        columns = np.broadcast_to(self.index[:, None, :], blocks.shape)[both]
        return scipy.sparse.csr_array((blocks[both], (rows, columns)), shape=(q, q))

    def times(self, blocks: Floats, factors: Sequence[Floats]) -> Floats:
        """Multiply the last axis (..., s) by each factor's own (k, k), level by level."""
        out = np.empty_like(blocks)
        for own, size, by in zip(self.slices, self.sizes, factors, strict=True):
            part = blocks[..., own]
            if size == 1:
                np.multiply(part, by[0, 0], out=out[..., own])
                continue
            out[..., own] = (part.reshape(*part.shape[:-1], -1, size) @ by).reshape(part.shape)
        return out

    def left_times(self, blocks: Floats, factors: Sequence[Floats]) -> Floats:
        """Multiply the first axis of (m, s, c) from the left by each factor's own (k, k)'."""
        out = np.empty_like(blocks)
        for f, (own, by) in enumerate(zip(self.slices, factors, strict=True)):
            out[:, own] = self.rows_times(blocks, f, by.T)
        return out

    def turn(self, blocks: Floats, factors: Sequence[Floats]) -> Floats:
        """Lambda' A Lambda for (m, s, s) blocks and each factor's own (k, k), in place."""
        if set(self.sizes) == {1}:
            scale = np.concatenate(
                [
                    np.full(own.stop - own.start, by[0, 0])
                    for own, by in zip(self.slices, factors, strict=True)
                ]
            )
            blocks *= scale
            blocks *= scale[:, None]
            return blocks
        step = max(1, TURNED // max(1, blocks.shape[2] * len(blocks)))
        for start in range(0, blocks.shape[1], step):
            part = blocks[:, start : start + step]
            part[...] = self.times(part, factors)
        for f, (own, by) in enumerate(zip(self.slices, factors, strict=True)):
            size = self.sizes[f]
            for start in range(own.start, own.stop, max(size, step // size * size)):
                stop = min(own.stop, start + max(size, step // size * size))
                part = blocks[:, start:stop]
                m, width, c = part.shape
                part[...] = (by.T @ part.reshape(m, width // size, size, c)).reshape(part.shape)
        return blocks

    def levels_of(self, blocks: Floats, f: int) -> Floats:
        """The diagonal blocks of the levels of factor f, a view (m, levels, k, k)."""
        own, size = self.slices[f], self.sizes[f]
        part = blocks[:, own, own]
        m, width, _ = part.shape
        step, row, column = part.strides
        return np.lib.stride_tricks.as_strided(
            part,
            (m, width // size, size, size),
            (step, size * (row + column), row, column),
        )

    def rows_times(self, blocks: Floats, f: int, by: Floats) -> Floats:
        """The rows of factor f of (m, s, c) blocks, each level's times (k, k) from the left."""
        part = blocks[:, self.slices[f]]
        m, width, c = part.shape
        if self.sizes[f] == 1:
            scaled: Floats = part * by[0, 0]
            return scaled
        return (by @ part.reshape(m, width // self.sizes[f], self.sizes[f], c)).reshape(part.shape)

    def columns_times(self, blocks: Floats, f: int, by: Floats) -> Floats:
        """The columns of factor f of (m, s, s) blocks, each level's times (k, k) on the right."""
        part = blocks[:, :, self.slices[f]]
        if self.sizes[f] == 1:
            scaled: Floats = part * by[0, 0]
            return scaled
        return (part.reshape(*part.shape[:2], -1, self.sizes[f]) @ by).reshape(part.shape)


def batches(
    levels: Sequence[int], sizes: Sequence[int], meetings: Sequence[Cooccurrence]
) -> tuple[Batch, ...]:
    """Batches of the rest: all factors but the first.

    Args:
        levels: levels of each factor, the eliminated one first.
        sizes: effects per level of each factor.
        meetings: of every pair of factors.
    """
    label = _components(levels, meetings)
    column_starts = np.cumsum((0, *(n * k for n, k in zip(levels[1:], sizes[1:], strict=True))))
    total = int(column_starts[-1])
    own, slots = _slots(label, levels)
    shapes, batch_of = np.unique(slots, axis=1, return_inverse=True)
    out = []
    for b, shape in enumerate(shapes.T.tolist()):
        members = np.flatnonzero(batch_of.ravel() == b)
        width = [n * k for n, k in zip(shape, sizes[1:], strict=True)]
        edges = np.cumsum((0, *width)).tolist()
        index = np.full((len(members), edges[-1]), total, dtype=np.intp)
        rank = np.full(slots.shape[1], -1)
        rank[members] = np.arange(len(members))
        for f, part in enumerate(own):
            level = np.flatnonzero(rank[part] >= 0)
            order = level[np.argsort(rank[part[level]], kind="stable")]
            row = rank[part[order]]
            first = np.searchsorted(row, row)
            slot = np.arange(len(order)) - first
            for e in range(sizes[f + 1]):
                index[row, edges[f] + slot * sizes[f + 1] + e] = (
                    column_starts[f] + order * sizes[f + 1] + e
                )
        slices = tuple(slice(a, b) for a, b in pairwise(edges))
        out.append(Batch(index, slices, tuple(sizes[1:])))
    return tuple(out)


def has_room(levels: Sequence[int], sizes: Sequence[int], meetings: Sequence[Cooccurrence]) -> bool:
    """Whether the dense blocks of a model have no more than ``MAX_ELEMENTS`` elements.

    Nothing of their size is made; arguments as of :func:`batches`.
    """
    columns = sum(n * k for n, k in zip(levels[1:], sizes[1:], strict=True))
    if columns**2 <= MAX_ELEMENTS:
        return True
    _, slots = _slots(_components(levels, meetings), levels)
    width = np.array(sizes[1:]) @ slots
    return int(np.square(width).sum()) <= MAX_ELEMENTS


def too_many_effects(levels: Sequence[int], sizes: Sequence[int]) -> LimitError:
    """A model without room that is not of the shape that iterations can solve."""
    columns = sum(n * k for n, k in zip(levels[1:], sizes[1:], strict=True))
    return LimitError(
        Problem(
            "too_many_effects",
            f"{columns} random effects beside those of the factor with most levels are crossed "
            f"so densely that their matrix has more than {MAX_ELEMENTS} elements",
            "let every grouping factor have one effect (an intercept): such models are solved "
            "without that matrix; or use a coarser factor or fewer crossed factors",
            ("formula",),
        )
    )


def _slots(
    label: NDArray[np.int32], levels: Sequence[int]
) -> tuple[list[NDArray[np.int32]], NDArray[np.int64]]:
    """Component of each level by factor of the rest, and slots by factor and component.

    Slots are counted in powers of two, so that few batches hold components of any size.
    """
    starts = np.cumsum((0, *levels))
    n_components = int(label.max()) + 1
    own = [label[a:b] for a, b in pairwise(starts[1:])]
    counts = np.array([np.bincount(part, minlength=n_components) for part in own])
    if n_components == 1:
        return own, counts
    rounded = 1 << np.ceil(np.log2(np.maximum(counts, 1))).astype(np.int64)
    return own, np.where(counts > 0, rounded, 0)


def _components(levels: Sequence[int], meetings: Sequence[Cooccurrence]) -> NDArray[np.int32]:
    """The component of every level, those of all factors one after the other."""
    from scipy.sparse.csgraph import connected_components  # a tenth of a second to import

    starts = np.cumsum((0, *levels))
    rows = np.concatenate([meeting.rows + starts[meeting.first] for meeting in meetings])
    columns = np.concatenate([meeting.columns + starts[meeting.second] for meeting in meetings])
    total = int(starts[-1])
    graph = scipy.sparse.coo_array((np.ones(len(rows)), (rows, columns)), shape=(total, total))
    _, label = connected_components(graph, directed=False)
    return np.asarray(label)
