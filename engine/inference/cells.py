"""The terms of the fixed effects by their cells: all levels of all their factors, no contrasts.

R codes a factor by contrasts where the margin without it is in the model too, so that X has full
rank. Hypotheses about terms are about the cells themselves. The indicator of a cell, times the
numeric variables of the term, is a linear function of columns of X that the coding alone fixes,
whatever the data: it is found on the grid of the levels of the term's own factors.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, reduce
from itertools import pairwise

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from engine import expression
from engine.design import Block, Categorical, Numeric, TermSet
from engine.table import Floats


class Margin(Struct, frozen=True, dict=True):
    """A term as what it is made of.

    Attributes:
        block: the term.
        start: its first column among those of X.
    """

    block: Block
    start: int

    @cached_property
    def factors(self) -> Mapping[str, Categorical]:
        """Its factors by column, in order."""
        return {v.column: v for v in self.block.variables if isinstance(v, Categorical)}

    @cached_property
    def numeric(self) -> tuple[str, ...]:
        """Its numeric variables."""
        return tuple(
            expression.text(v.expr) for v in self.block.variables if isinstance(v, Numeric)
        )

    @cached_property
    def columns(self) -> NDArray[np.intp]:
        """Its columns of X: (columns of the factors, columns of the numeric variables).

        In both the first variable varies slowest.
        """
        variables = self.block.variables
        widths = [len(variable.names) for variable in variables]
        number = self.start + np.arange(len(self.block.names)).reshape(widths, order="F")
        factors = [i for i, v in enumerate(variables) if isinstance(v, Categorical)]
        others = [i for i, v in enumerate(variables) if isinstance(v, Numeric)]
        width = int(np.prod([widths[i] for i in others], dtype=int))
        return number.transpose([*factors, *others]).reshape(-1, width)

    @cached_property
    def treated(self) -> NDArray[np.bool_]:
        """Which cells have a column when all contrasts are treatment contrasts, (cells,)."""
        own = [
            np.arange(len(f.levels)) >= (0 if f.matrix is None else 1)
            for f in self.factors.values()
        ]
        return reduce(np.kron, own, np.ones(1, dtype=bool))

    def within(self, other: Margin) -> bool:
        """Whether this is a margin of the other term, or the term itself."""
        return self.factors.keys() <= other.factors.keys() and self.numeric == other.numeric

    def on_grid(self, other: Margin) -> Floats:
        """The columns of the factors of this margin in each cell of the other, (cells, columns)."""
        parts = [
            coding(self.factors[name]) if name in self.factors else np.ones((len(f.levels), 1))
            for name, f in other.factors.items()
        ]
        return reduce(kron, parts, np.ones((1, 1)))


def coding(factor: Categorical) -> Floats:
    """What each level is in the columns of a factor, (levels, columns)."""
    if factor.matrix is None:
        return np.eye(len(factor.levels))
    return np.array(factor.matrix).reshape(len(factor.levels), -1)


def kron(a: Floats, b: Floats) -> Floats:
    """The Kronecker product: what belongs to ``a`` varies slowest."""
    return np.asarray(np.kron(a, b), dtype=np.float64)


def margins(terms: TermSet) -> tuple[Margin, ...]:
    """The terms of X, in order."""
    edges = np.cumsum((int(terms.intercept), *(len(block.names) for block in terms.blocks)))
    return tuple(
        Margin(block, start)
        for block, (start, _) in zip(terms.blocks, pairwise(edges.tolist()), strict=True)
    )


def cells(terms: TermSet, term: Margin) -> Floats:
    """The cells of a term in the columns of X.

    Returns:
        (P, cells, m): column P of X has this part in the indicator of a cell times numeric column m
        of the term (m is 1 for a term of factors alone); the first factor varies slowest.
    """
    lower = [own for own in margins(terms) if own.within(term)]
    values = [own.on_grid(term) for own in lower]
    constant = terms.constant() if not term.numeric else ()
    if constant:
        values.append(np.ones((len(values[0]), 1)))
    grid = np.hstack(values)
    square = grid.shape[0] == grid.shape[1]
    solution = np.linalg.inv(grid) if square else np.linalg.pinv(grid, rcond=1e-12)
    out = np.zeros((len(terms.names), len(grid), term.columns.shape[1]))
    start = 0
    for own in lower:
        stop = start + len(own.columns)
        for m, columns in enumerate(own.columns.T):
            out[columns, :, m] += solution[start:stop]
        start = stop
    if constant:
        out[list(constant), :, 0] += solution[-1]
    return out
