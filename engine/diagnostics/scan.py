"""The second scan: the rows that a model was fitted to, read again a part at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from engine.crossproducts import CrossProducts
from engine.design import Categorical
from engine.errors import DataError, Problem
from engine.fit import Fit
from engine.frame import Frame, read
from engine.sums import CHUNK_ROWS, products_of
from engine.table import Codes, Data, Factor, Floats, Table

SAME = 1e-8
"""Sums of the response that differ by no more than this part are those of the same rows."""
CHUNK_CELLS = 1 << 22
"""Most cells of X that are held at once."""


class Part(Struct, frozen=True):
    """Some rows of a model, r of them, in the pilots' units.

    Attributes:
        x: rows of X (r, p).
        y: the response less the offset (r,).
        z: rows of Z of each grouping factor, without the split by level, (r, k).
        index: the level of each row in each factor (r,).
        weights: (r,).
        offset: in the data's units (r,).
    """

    x: Floats
    y: Floats
    z: tuple[Floats, ...]
    index: tuple[NDArray[np.intp], ...]
    weights: Floats
    offset: Floats


@dataclass(frozen=True, slots=True)
class Scan:
    """The n rows of a model.

    Attributes:
        fit: the model.
        frame: its rows, those that miss a value left out.
        factors: the level of each row in each grouping factor.
    """

    fit: Fit
    frame: Frame
    factors: tuple[Factor, ...]

    @classmethod
    def of(cls, fit: Fit, data: Data) -> Scan:
        """Read the columns of the model again.

        Raises:
            EngineError: the rows are not those that the model was fitted to.
        """
        frame = read(fit.spec, Table.of(data, fit.spec.columns))
        factors = tuple(grouping.factor(frame) for grouping in fit.design.groupings)
        scan = cls(fit, frame, factors)
        if not scan._same_rows():
            raise DataError(
                Problem(
                    "other_rows",
                    "these are not the rows that the model was fitted to",
                    "give the same table, or fit the model to this one",
                    ("dataset",),
                )
            )
        return scan

    @property
    def numbers(self) -> Codes:
        """Row numbers, from 0, in the table that was read, (n,)."""
        frame = self.frame
        return np.arange(frame.n_rows) if frame.rows is None else frame.rows

    def by_level(self, which: int) -> tuple[Scan, Codes]:
        """The same rows in order of the levels of a factor, and where each level begins (J + 1)."""
        factor = self.factors[which]
        order = np.argsort(factor.codes, kind="stable")
        frame = self.frame
        ordered = structs.replace(
            frame,
            numbers={name: values[order] for name, values in frame.numbers.items()},
            factors={
                name: Factor(own.codes[order], own.levels) for name, own in frame.factors.items()
            },
            rows=self.numbers[order],
        )
        factors = tuple(Factor(own.codes[order], own.levels) for own in self.factors)
        counts = np.bincount(factor.codes, minlength=len(factor.levels))
        return Scan(self.fit, ordered, factors), np.append(0, np.cumsum(counts))

    def parts(self, start: int = 0, stop: int | None = None) -> Iterator[Part]:
        """The rows from ``start`` to ``stop`` in parts of bounded size."""
        stop = self.frame.n_rows if stop is None else min(stop, self.frame.n_rows)
        width = len(self.fit.products.mm) + sum(len(own.terms) for own in self.fit.random)
        step = max(1, min(CHUNK_ROWS, CHUNK_CELLS // width))
        for first in range(start, stop, step):
            yield self.part(first, min(first + step, stop))

    def part(self, start: int, stop: int) -> Part:
        """The rows from ``start`` to ``stop`` at once."""
        fit, frame = self.fit, self.frame.slice(start, stop)
        pilot, design, weights = fit.products.pilot, fit.design, fit.spec.weights
        offset = design.response.offset
        own = [np.ones(frame.n_rows)]
        own += [column for block in design.fixed.blocks for column in block.columns(frame)]
        m = pilot.apply(np.array([*own, design.response.values(frame)]))
        return Part(
            x=m[fit.kept].T,
            y=m[-1],
            z=tuple(
                group.pilot.apply(np.array(grouping.z_columns(frame))).T
                for grouping, group in zip(design.groupings, fit.products.groups, strict=True)
            ),
            index=tuple(factor.codes[start:stop] for factor in self.factors),
            weights=np.ones(frame.n_rows) if weights is None else frame.numbers[weights],
            offset=np.zeros(frame.n_rows) if offset is None else frame.numbers[offset],
        )

    def products(self, start: int, stop: int) -> CrossProducts:
        """Cross-products of the rows from ``start`` to ``stop``, with the pilots of the fit."""
        factors = [Factor(own.codes[start:stop], own.levels) for own in self.factors]
        frame = self.frame.slice(start, stop)
        fit = self.fit
        return products_of(fit.design, frame, factors, fit.spec.weights, fit.products.pilots)

    def _same_rows(self) -> bool:
        fit, frame = self.fit, self.frame
        if frame.n_rows != fit.n_rows or frame.n_dropped != fit.n_dropped:
            return False
        if any(a.levels != b.levels for a, b in zip(self.factors, fit.random, strict=True)):
            return False
        if any(frame.factors[own.column].levels != own.levels for own in _categorical(fit)):
            return False
        pilot, mm = fit.products.pilot, fit.products.mm
        y = (fit.design.response.values(frame) - pilot.centre[-1]) / pilot.scale[-1]
        weights = fit.spec.weights
        wy = y if weights is None else y * frame.numbers[weights]
        unit = max(float(mm[-1, -1]), 1.0)
        return bool(
            abs(float(wy @ y - mm[-1, -1])) <= SAME * unit
            and abs(float(wy.sum() - mm[0, -1])) <= SAME * unit
        )


def _categorical(fit: Fit) -> Iterator[Categorical]:
    """The factors in the terms of a model."""
    sets = [fit.design.fixed, *(term for g in fit.design.groupings for term in g.terms)]
    for variable in (v for terms in sets for block in terms.blocks for v in block.variables):
        if isinstance(variable, Categorical):
            yield variable
