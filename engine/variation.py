"""Where rows get their variation from: independent normals, carried to the rows.

Each source is a matrix A of n rows: it adds A e with e standard normal, and so the covariance A A'.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import scipy
from msgspec import Struct
from numpy.typing import NDArray

from engine.components import Batch
from engine.table import Floats


class Source(Protocol):
    """A source of variation."""

    def draw(self, generator: np.random.Generator) -> Floats:
        """What it adds to each row in one draw, (n,)."""


class Noise(Struct, frozen=True):
    """Normals of each row alone; ``sd`` (n,)."""

    sd: Floats

    def draw(self, generator: np.random.Generator) -> Floats:
        """What it adds to each row in one draw, (n,)."""
        return self.sd * generator.standard_normal(len(self.sd))


class Shared(Struct, frozen=True):
    """Normals that all rows share; ``matrix`` (n, q)."""

    matrix: Floats

    def draw(self, generator: np.random.Generator) -> Floats:
        """What it adds to each row in one draw, (n,)."""
        return np.asarray(self.matrix @ generator.standard_normal(self.matrix.shape[1]))


class ByLevel(Struct, frozen=True):
    """Normals that the rows of a level share.

    Attributes:
        rows: by what each row multiplies those of its level, (n, k).
        codes: level of each row, (n,).
        n_levels: levels.
    """

    rows: Floats
    codes: NDArray[np.integer]
    n_levels: int

    def draw(self, generator: np.random.Generator) -> Floats:
        """What it adds to each row in one draw, (n,)."""
        drawn = generator.standard_normal((self.n_levels, self.rows.shape[1]))
        return np.asarray(np.einsum("nk,nk->n", self.rows, drawn[self.codes]))


class Carried(Struct, frozen=True):
    """Normals that all rows share, in two steps.

    Attributes:
        rows: W, sparse (n, q): the source is A = W R.
        root: R (q, s).
    """

    rows: scipy.sparse.csr_array
    root: Floats

    def draw(self, generator: np.random.Generator) -> Floats:
        """What it adds to each row in one draw, (n,)."""
        return np.asarray(self.rows @ (self.root @ generator.standard_normal(self.root.shape[1])))


class ByComponent(Struct, frozen=True):
    """Normals shared by the rows of components of the data.

    Attributes:
        rows: W, sparse (n, q): the source is A = W R.
        batches: the components of the q columns.
        roots: R, by batch (m, s, s).
    """

    rows: scipy.sparse.csr_array
    batches: tuple[Batch, ...]
    roots: tuple[Floats, ...]

    @classmethod
    def of(
        cls, rows: scipy.sparse.csr_array, batches: tuple[Batch, ...], covariances: Sequence[Floats]
    ) -> ByComponent:
        """With R R' the positive semidefinite covariances of the columns, by batch (m, s, s)."""
        roots = []
        for covariance in covariances:
            values, axes = np.linalg.eigh(covariance)
            roots.append(axes * np.sqrt(np.maximum(values, 0.0))[:, None, :])
        return cls(rows, batches, tuple(roots))

    def draw(self, generator: np.random.Generator) -> Floats:
        """What it adds to each row in one draw, (n,)."""
        out = np.zeros((self.rows.shape[1], 1))
        for batch, root in zip(self.batches, self.roots, strict=True):
            batch.scatter(root @ generator.standard_normal((*root.shape[:2], 1)), out)
        return np.asarray((self.rows @ out)[:, 0])
