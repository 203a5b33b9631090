"""The pass over a scan: a design and its cross-products, from rows that are never held.

One pass is enough where the rows at the beginning tell what a design needs: the levels of the
factors among the predictors. Where more levels turn up later, the pass that met them has found
them all, and a second makes the sums. scale(), center() and poly() need passes of their own before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from engine.batches import Batch, Reader
from engine.columns import Columns
from engine.cooccurrence import HALF, MASK
from engine.crossproducts import CrossProducts
from engine.design import Design, Grouping, design_of, interact
from engine.errors import DataError, Problem
from engine.expression import Column, Expr, States, is_factor
from engine.frame import variables
from engine.keys import Keys
from engine.learning import learn_over, own_states
from engine.levels import Levels, factor_of
from engine.spec import Spec
from engine.state import Vector
from engine.sums import CHUNK_ROWS, Order, Sums, chunk_size
from engine.table import Codes, Factor


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a model needs of the rows of a scan.

    Attributes:
        design: how rows become columns, grouping factors with most levels first.
        n_dropped: rows left out because a value was missing.
        products: the sums.
    """

    design: Design
    n_dropped: int
    products: CrossProducts


def scan(spec: Spec, lazy: pl.LazyFrame, *, chunk_rows: int = CHUNK_ROWS) -> Scanned:
    """Read a scan, as many times as needed.

    Args:
        spec: the model; only its columns are read.
        lazy: the rows.
        chunk_rows: rows whose columns are held at once, at most; fewer than usual also make
            batches of so many rows.

    Raises:
        EngineError: the model cannot be made from these data.
    """
    reader = Reader.of(spec, lazy, chunk_rows if chunk_rows < CHUNK_ROWS else None)
    levels = _TermLevels(reader)
    states = _states(reader, levels)
    for known in (bool(states), True):
        found = _pass(reader, levels, states, chunk_rows, known)
        if found is not None:
            return found
    raise DataError(
        Problem(
            "unsteady_data",
            "the data have other levels each time they are read",
            "write what the scan gives to a file, and give a scan of that",
            ("dataset",),
        )
    )


def _states(reader: Reader, levels: _TermLevels) -> States:
    """What scale(), center() and poly() learn; the levels are met on the way."""
    formula = reader.spec.formula
    exprs = [formula.response, *(v for v in variables(formula) if levels.column(v) is None)]

    def parts() -> Iterator[Mapping[str, Vector]]:
        for batch in reader.batches():
            levels.meet(batch)
            yield batch.frame.numbers

    return learn_over(exprs, parts)


def _pass(
    reader: Reader, levels: _TermLevels, states: States, chunk_rows: int, known: bool
) -> Scanned | None:
    """One pass; ``None`` when it has met levels that were not known at its beginning."""
    running: _Running | None = None
    missed = False
    for batch in reader.batches():
        new = levels.meet(batch)
        if running is None and not missed:
            coding = levels.coding()
            try:
                design = _design(reader, coding, states)
            except DataError:  # one level so far
                if known:
                    raise
                missed = True
                continue
            running = _Running(design, coding, reader, chunk_rows)
        elif new:
            missed = True
        if running is not None and not missed:
            running.add(batch)
    return None if missed or running is None else running.total(reader.n_dropped)


def _design(reader: Reader, coding: Mapping[str, Factor], states: States) -> Design:
    def own(expr: Expr) -> States:
        return own_states(expr, states)

    names = {name: factor.levels for name, factor in coding.items()}
    return design_of(reader.spec, names, reader.roles.bare, own)


class _TermLevels:
    """The levels met so far, in complete rows, of the factors that stand in terms."""

    def __init__(self, reader: Reader) -> None:
        self._levels, self._bare = reader.levels, reader.roles.bare
        named = map(self.column, variables(reader.spec.formula))
        self._met = {name: np.zeros(0, dtype=bool) for name in named if name is not None}

    def column(self, variable: Expr) -> str | None:
        """The column that a factor in a term stands for."""
        if isinstance(variable, Column) and variable.name in self._bare:
            return variable.name
        return is_factor(variable)

    def meet(self, batch: Batch) -> bool:
        """Take note of the levels of some rows; whether there are new ones."""
        new = False
        for name, met in self._met.items():
            codes = batch.codes[name]
            missing = int(codes.max()) + 1 - len(met)
            own = np.pad(met, (0, missing)) if missing > 0 else met
            if not own[codes].all():
                own[codes] = new = True
            self._met[name] = own
        return new

    def coding(self) -> dict[str, Factor]:
        """By column, the factor whose row i is the code i; -1 for codes not met."""
        out = {}
        for name, met in self._met.items():
            used = np.flatnonzero(met)
            factor = factor_of(self._levels[name], used)
            ranks = np.full(len(met), -1, dtype=np.int64)
            ranks[used] = factor.codes
            out[name] = Factor(ranks, factor.levels)
        return out


class _Running:
    """The sums of a pass, by a design that is settled."""

    def __init__(
        self, design: Design, coding: Mapping[str, Factor], reader: Reader, chunk_rows: int
    ) -> None:
        self._design, self._coding = design, coding
        self._weights = reader.spec.weights
        self._step = chunk_size(design, chunk_rows)
        self._groups = [_GroupCodes(own, reader.levels) for own in design.groupings]
        self._sums: Sums | None = None

    def add(self, batch: Batch) -> None:
        codes = [group.codes(batch) for group in self._groups]
        factors = {
            name: Factor(coding.codes[batch.codes[name]], coding.levels)
            for name, coding in self._coding.items()
        }
        frame = replace(batch.frame, factors=factors)
        for start in range(0, frame.n_rows, self._step):
            stop = start + self._step
            columns = Columns.of(self._design, frame.slice(start, stop), self._weights)
            if self._sums is None:
                pilots = columns.pilots(self._design)
                sizes = [0] * len(codes)
                self._sums = Sums(self._design, pilots, sizes, self._weights is not None)
            self._sums.add(columns, [own[start:stop] for own in codes])

    def total(self, n_dropped: int) -> Scanned:
        sums, design = self._sums, self._design
        if sums is None:
            raise ValueError("a pass without rows has no sums")
        orders = [group.order(sums.rows(i)) for i, group in enumerate(self._groups)]
        products = sums.total(orders)
        places = sorted(range(len(orders)), key=lambda i: -len(orders[i].levels))
        if places != sorted(places):
            products = products.arranged(places)
            design = replace(design, groupings=tuple(design.groupings[i] for i in places))
        return Scanned(design, n_dropped, products)


class _GroupCodes:
    """The codes of a grouping factor: those of its column, or of combinations of columns."""

    def __init__(self, grouping: Grouping, levels: Mapping[str, Levels]) -> None:
        self._columns = grouping.columns
        self._levels = levels
        self._pairs = [Keys(np.dtype(np.int64)) for _ in grouping.columns[1:]]

    def codes(self, batch: Batch) -> Codes:
        """The code of each row of a batch."""
        codes = batch.codes[self._columns[0]]
        for name, pairs in zip(self._columns[1:], self._pairs, strict=True):
            codes = pairs.codes(codes << HALF | batch.codes[name])
        return codes

    def order(self, rows: Codes) -> Order:
        """The levels of the codes that have rows, in the order of memory."""
        used = np.flatnonzero(rows)
        parts, codes = [], used
        for name, pairs in zip(self._columns[:0:-1], self._pairs[::-1], strict=True):
            wide = pairs.values()[codes]
            codes = wide >> HALF
            parts.append(factor_of(self._levels[name], wide & MASK))
        parts.append(factor_of(self._levels[self._columns[0]], codes))
        factor = interact(parts[::-1])
        ranks = np.full(len(rows), -1, dtype=np.int64)
        ranks[used] = factor.codes
        return Order(factor.levels, ranks)
