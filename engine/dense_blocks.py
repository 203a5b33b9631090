"""The cross-products of a model with several grouping factors, as those of one level."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import Self

import numpy as np
import scipy
from numpy.typing import NDArray

from engine.cholesky import ALIAS_TOLERANCE, batched_root
from engine.criterion import ROUNDING, Blocks
from engine.crossproducts import CrossProducts
from engine.table import Floats


class DenseBlocks(Blocks, frozen=True, dict=True):
    """The cross-products of a model with several grouping factors, ready for any theta.

    ``root`` is R (1, r, q) of all Z = Q R of rank r, and ``inner`` Q'[X y] (1, r, p + 1).

    Attributes:
        sizes: effects per level of each factor, k_f.
        levels: levels of each factor.
    """

    sizes: tuple[int, ...]
    levels: tuple[int, ...]

    @classmethod
    def dense(cls, products: CrossProducts, kept: NDArray[np.intp]) -> Self:
        """``kept`` are the columns of M that are X.

        The first group, which has the most levels, is taken level by level, and the rest of Z by
        what is left of it beside the first.
        """
        own = Blocks.of(products, kept)
        group, *others = products.groups
        n, k, _ = group.zz.shape
        first = n * k
        columns = np.append(kept, len(products.mm) - 1)
        gram = _gram(products)
        # What turns Z_1'M into Q_1'M turns Z_1'Z_2 into Q_1'Z_2.
        _, turn = batched_root(group.zz, np.array(np.broadcast_to(np.eye(k), group.zz.shape)))
        met = (turn @ gram[:first, first:].reshape(n, k, -1)).reshape(first, -1)
        zm = np.concatenate([g.zm[:, :, columns].reshape(-1, len(columns)) for g in others])
        flat = own.inner.reshape(first, -1)
        left = gram[first:, first:] - met.T @ met
        rest, inner = _root(left, gram.diagonal()[first:], zm - met.T @ flat)
        root = np.zeros((first + len(rest), len(gram)))
        place = np.arange(first).reshape(n, k)
        root[place[:, :, None], place[:, None, :]] = own.root
        root[:first, first:] = met
        root[first:, first:] = rest
        spans = root.any(axis=1)
        return cls(
            own.n,
            _less(own.within, inner, products.mm.diagonal()[columns]),
            root[spans][None],
            np.concatenate([flat, inner])[spans][None],
            tuple(g.zz.shape[1] for g in products.groups),
            tuple(len(g.levels) for g in products.groups),
        )

    @cached_property
    def spans(self) -> tuple[slice, ...]:
        """The effects of each factor in T."""
        edges = np.cumsum((0, *self.sizes)).tolist()
        return tuple(slice(a, b) for a, b in pairwise(edges))

    @cached_property
    def columns(self) -> tuple[slice, ...]:
        """The columns of each factor in Z."""
        counts = zip(self.levels, self.sizes, strict=True)
        edges = np.cumsum([0, *(n * k for n, k in counts)]).tolist()
        return tuple(slice(a, b) for a, b in pairwise(edges))

    @cached_property
    def only_intercepts(self) -> bool:
        """Whether every factor has one effect."""
        return max(self.sizes) == 1

    def times(self, matrix: Floats, ts: Floats) -> Floats:
        """A matrix (r, q) times each T (s, sum k, sum k) for every level: (s, r, q)."""
        if self.only_intercepts:
            scale = np.repeat(ts.diagonal(axis1=1, axis2=2), self.levels, axis=1)
            return np.asarray(matrix * scale[:, None, :])
        out = np.empty((len(ts), *matrix.shape))
        for columns, span, k in zip(self.columns, self.spans, self.sizes, strict=True):
            part = matrix[:, columns].reshape(-1, k) @ ts[:, span, span]
            out[:, :, columns] = part.reshape(len(ts), len(matrix), -1)
        return out

    def applied(self, matrix: Floats, rows: Floats) -> Floats:
        """One matrix (sum k, sum k) for every level times rows (q, c): (q, c)."""
        (turned,) = self.times(rows.T, matrix.T[None])
        return np.asarray(turned.T)


def _gram(products: CrossProducts) -> Floats:
    """Z'Z of all factors, (q, q)."""
    groups = products.groups
    edges = np.cumsum([0, *(g.zz.shape[0] * g.zz.shape[1] for g in groups)]).tolist()
    gram = np.zeros((edges[-1], edges[-1]))
    places = [
        np.arange(a, b).reshape(g.zz.shape[:2])
        for (a, b), g in zip(pairwise(edges), groups, strict=True)
    ]
    for place, group in zip(places, groups, strict=True):
        gram[place[:, :, None], place[:, None, :]] = group.zz
    for meeting in products.meetings:
        row = places[meeting.first][meeting.rows][:, :, None]
        column = places[meeting.second][meeting.columns][:, None, :]
        gram[row, column] = meeting.values
        gram[column, row] = meeting.values
    return gram


def _root(gram: Floats, whole: Floats, products: Floats) -> tuple[Floats, Floats]:
    """R (r, q) and Q'M (r, m) of what is left of columns whose squared lengths were ``whole``.

    ``gram`` is of what is left (q, q), ``products`` are with M (q, m).
    """
    length = np.sqrt(np.where(whole > 0.0, whole, 1.0))
    scaled = gram / length / length[:, None]
    if scaled.diagonal().max() <= ALIAS_TOLERANCE:  # LAPACK takes the first pivot whatever it is
        return np.zeros((0, len(gram))), np.zeros((0, products.shape[1]))
    upper, pivots, rank, _ = scipy.linalg.lapack.dpstrf(scaled, tol=ALIAS_TOLERANCE)
    root = np.zeros((rank, len(gram)))
    order = pivots - 1
    root[:, order] = np.triu(upper)[:rank]
    taken = order[:rank]
    inner, _ = scipy.linalg.lapack.dtrtrs(
        upper[:rank, :rank], products[taken] / length[taken, None], trans=1
    )
    return root * length, inner


def _less(within: Floats, inner: Floats, whole: Floats) -> Floats:
    """What is left of ``within`` beside more of Z; columns of X that Z spans are exactly zero."""
    left: Floats = within - inner.T @ inner
    spanned = left.diagonal() <= ROUNDING * whole
    spanned[-1] = False
    left[spanned] = left[:, spanned] = 0.0
    return left
