"""The pass over a scan: a design and its cross-products, from rows that are never held.

One pass is enough where the rows at the beginning tell what a design needs: the levels of the
factors among the predictors. Where more levels turn up later, the pass that met them has found
them all, and a second makes the sums. scale(), center(), poly() and ave() need passes before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import polars as pl

from engine.batches import Batch, Reader
from engine.columns import Columns
from engine.crossproducts import CrossProducts
from engine.design import Design, learn
from engine.errors import DataError, Problem
from engine.expression import Column, Expr, groups, is_factor
from engine.frame import Frame, variables
from engine.groups import GroupCodes
from engine.learning import Learned
from engine.levels import factor_of
from engine.progress import Progress, silent
from engine.spec import Spec
from engine.sums import CHUNK_ROWS, Pilots, Sums, chunk_size
from engine.table import Factor, united


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


def scan(
    spec: Spec,
    lazy: pl.LazyFrame,
    *,
    chunk_rows: int = CHUNK_ROWS,
    progress: Progress = silent,
    known: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
    pilots: Pilots | None = None,
) -> Scanned:
    """Read a scan, as many times as needed.

    Args:
        spec: the model; only its columns are read.
        lazy: the rows.
        chunk_rows: rows whose columns are held at once, at most; fewer than usual also make
            batches of so many rows.
        progress: told how many rows have been read; raise from it to cancel.
        known: levels by column that the design shall have beside those of the rows.
        pilots: of the columns; by default those of the first rows.

    Raises:
        EngineError: the model cannot be made from these data.
    """
    reader = Reader.of(spec, lazy, chunk_rows if chunk_rows < CHUNK_ROWS else None, progress)
    levels = _TermLevels(reader, known)
    learned = _learned(reader, levels)
    for all_known in (bool(learned.states), True):
        found = _pass(reader, levels, learned, _Sizes(chunk_rows, pilots), all_known)
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


def _learned(reader: Reader, levels: _TermLevels) -> Learned:
    """What scale(), center(), poly() and ave() learn; levels are met on the way."""

    def rows() -> Iterator[Batch]:
        for batch in reader.batches():
            levels.meet(batch)
            yield batch

    return Learned.over(_expressions(reader), reader.levels, rows)


def _expressions(reader: Reader) -> list[Expr]:
    """The response and the variables that are numbers."""
    formula, bare = reader.spec.formula, reader.roles.bare
    found = [v for v in variables(formula) if factor_named(v, bare) is None]
    return [formula.response, *found]


@dataclass(frozen=True, slots=True)
class _Sizes:
    """How rows are summed: how many columns' rows at once, about which pilots."""

    chunk_rows: int
    pilots: Pilots | None


def _pass(
    reader: Reader, levels: _TermLevels, learned: Learned, sizes: _Sizes, known: bool
) -> Scanned | None:
    """One pass; ``None`` when it has met levels that were not known at its beginning."""
    running: _Running | None = None
    missed = False
    for batch in reader.batches():
        new = levels.meet(batch)
        if running is None and not missed:
            coding = levels.coding()
            try:
                design = _design(reader, coding, learned)
            except DataError:  # one level so far
                if known:
                    raise
                missed = True
                continue
            running = _Running(design, coding, learned, reader, sizes)
        elif new:
            missed = True
        if running is not None and not missed:
            running.add(batch)
    return None if missed or running is None else running.total(reader.n_dropped)


def _design(reader: Reader, coding: Mapping[str, Factor], learned: Learned) -> Design:
    levels = Frame(reader.n_rows, 0, {}, coding, reader.roles.bare)
    return learn(reader.spec, levels, constants=learned.states)


def factor_named(variable: Expr, bare: frozenset[str]) -> str | None:
    """The column that a factor in a term stands for; ``None`` for a number."""
    if isinstance(variable, Column) and variable.name in bare:
        return variable.name
    return is_factor(variable)


class _TermLevels:
    """The levels met so far, in complete rows, of the factors in terms and the groups of means."""

    def __init__(self, reader: Reader, known: Mapping[str, tuple[str, ...]]) -> None:
        self._levels = reader.levels
        self._known = known
        formula, bare = reader.spec.formula, reader.roles.bare
        named = [factor_named(variable, bare) for variable in variables(formula)]
        named += [name for expr in _expressions(reader) for name in groups(expr)]
        self._met = {name: np.zeros(0, dtype=bool) for name in named if name is not None}

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
            factor = united(factor, self._known.get(name, ()))
            ranks[used] = factor.codes
            out[name] = Factor(ranks, factor.levels)
        return out


class _Running:
    """The sums of a pass, by a design that is settled."""

    def __init__(
        self,
        design: Design,
        coding: Mapping[str, Factor],
        learned: Learned,
        reader: Reader,
        sizes: _Sizes,
    ) -> None:
        self._design, self._coding, self._learned = design, coding, learned
        self._weights = reader.spec.weights
        self._step = chunk_size(design, sizes.chunk_rows)
        self._pilots = sizes.pilots
        self._groups = [GroupCodes(own.columns, reader.levels) for own in design.groupings]
        self._sums: Sums | None = None

    def add(self, batch: Batch) -> None:
        codes = [group.codes(batch.codes) for group in self._groups]
        factors = {
            name: Factor(coding.codes[batch.codes[name]], coding.levels)
            for name, coding in self._coding.items()
        }
        means = self._learned.means(batch.codes)
        frame = replace(batch.frame, factors=factors, means=means)
        for start in range(0, frame.n_rows, self._step):
            stop = start + self._step
            columns = Columns.of(self._design, frame.slice(start, stop), self._weights)
            if self._sums is None:
                design, given = self._design, self._pilots
                pilots = given(design, columns) if given else columns.pilots(design)
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
