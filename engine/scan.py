"""The pass over a scan: a design and its cross-products, from rows that are never held.

One pass is enough where the rows at the beginning tell what a design needs: the levels of the
factors among the predictors. Where more levels turn up later, the pass that met them has found
them all, and a second makes the sums. scale(), center(), poly() and ave() need passes before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from types import MappingProxyType

import numpy as np
from msgspec import Struct, structs

from engine.batches import Batch, Reader, sums_tell
from engine.columns import Columns
from engine.crossproducts import CrossProducts
from engine.design import Design, learn
from engine.errors import DataError, Problem
from engine.expression import Column, Expr, groups, is_factor
from engine.frame import Frame, variables
from engine.groups import GroupCodes
from engine.inturn import InTurn
from engine.learning import Learned
from engine.levels import factor_of
from engine.parquet import Scan
from engine.progress import Progress, silent
from engine.spec import Spec
from engine.sums import CHUNK_ROWS, Pilots, Sums, chunk_size
from engine.table import Factor, united


class Scanned(Struct, frozen=True):
    """What a model needs of the rows of a scan.

    Attributes:
        design: how rows become columns, grouping factors with most levels first.
        products: the sums.
        n_dropped: rows left out because a value was missing.
    """

    design: Design
    products: CrossProducts
    n_dropped: int


def scan(
    spec: Spec,
    rows: Scan,
    *,
    chunk_rows: int = CHUNK_ROWS,
    progress: Progress = silent,
    known: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
    pilots: Pilots | None = None,
) -> Scanned:
    """Read a scan, as many times as needed.

    Args:
        spec: the model; only its columns are read.
        rows: all of them.
        chunk_rows: rows whose columns are held at once, at most; fewer than usual also make
            batches of so many rows.
        progress: told how many rows have been read; raise from it to cancel.
        known: levels by column that the design shall have beside those of the rows.
        pilots: of the columns; by default those of the first rows.

    Raises:
        EngineError: the model cannot be made from these data.
    """
    reader = Reader.of(spec, rows, chunk_rows if chunk_rows < CHUNK_ROWS else None, progress)
    if sums_tell(spec, reader.roles):
        with suppress(DataError):  # of a number, it may be: then each is looked at
            return _scan(replace(reader, checked=False), chunk_rows, known, pilots)
    return _scan(reader, chunk_rows, known, pilots)


def _scan(
    reader: Reader, chunk_rows: int, known: Mapping[str, tuple[str, ...]], pilots: Pilots | None
) -> Scanned:
    levels = TermLevels(reader, known)
    learned = learned_of(reader, levels)
    for all_known in (bool(learned.states), True):
        found = _pass(reader, levels, learned, _Sizes(chunk_rows, pilots), all_known)
        if found is not None:
            return found
    raise unsteady()


def unsteady() -> DataError:
    """The error of data that change while they are read."""
    return DataError(
        Problem(
            "unsteady_data",
            "the data have other levels each time they are read",
            "write what the scan gives to a file, and give a scan of that",
            ("dataset",),
        )
    )


def learned_of(reader: Reader, levels: TermLevels) -> Learned:
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


class _Sizes(Struct, frozen=True):
    """How rows are summed: how many columns' rows at once, about which pilots."""

    chunk_rows: int
    pilots: Pilots | None


def _pass(
    reader: Reader, levels: TermLevels, learned: Learned, sizes: _Sizes, known: bool
) -> Scanned | None:
    """One pass; ``None`` when it has met levels that were not known at its beginning."""
    running: RunningSums | None = None
    coding: Mapping[str, Factor] = {}
    missed = False
    with InTurn() as adding:  # rows are added while those after them are read
        for batch in reader.batches():
            new = levels.meet(batch)
            if running is None and not missed:
                coding = levels.coding()
                try:
                    design = design_of(reader, coding, learned)
                except DataError:  # one level so far
                    if known:
                        raise
                    missed = True
                    continue
                running = RunningSums(design, learned, reader, sizes.chunk_rows, sizes.pilots)
            elif new:
                missed = True
            if running is not None and not missed:
                adding.do(partial(running.add, batch, coding))
    return None if missed or running is None else running.total(reader.n_dropped)


def design_of(reader: Reader, coding: Mapping[str, Factor], learned: Learned) -> Design:
    """The design of a model whose factors have these levels.

    Raises:
        DataError: a factor has one level.
        LimitError: too many columns.
    """
    levels = Frame(reader.n_rows, 0, {}, coding, reader.roles.bare)
    return learn(reader.spec, levels, constants=learned.states)


def factor_named(variable: Expr, bare: frozenset[str]) -> str | None:
    """The column that a factor in a term stands for; ``None`` for a number."""
    if isinstance(variable, Column) and variable.name in bare:
        return variable.name
    return is_factor(variable)


class TermLevels:
    """The levels met so far, in complete rows, of the factors in terms and the groups of means."""

    def __init__(
        self, reader: Reader, known: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    ) -> None:
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

    def names(self) -> dict[str, tuple[str, ...]]:
        """By column, the levels met, in order."""
        return {name: own.levels for name, own in self.coding().items()}

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


class RunningSums:
    """The sums of a pass, by a design that is settled.

    Args:
        design: how rows become columns.
        learned: the constants of stateful calls.
        reader: where the rows come from.
        chunk_rows: rows whose columns are held at once, at most.
        pilots: of M, then of Z of each grouping factor; those of the first rows by default.
    """

    def __init__(
        self,
        design: Design,
        learned: Learned,
        reader: Reader,
        chunk_rows: int,
        pilots: Pilots | None = None,
    ) -> None:
        self._design, self._learned, self._pilots = design, learned, pilots
        self._weights = reader.spec.weights
        self._step = chunk_size(design, chunk_rows)
        self._groups = [GroupCodes(own.columns, reader.levels) for own in design.groupings]
        self._sums: Sums | None = None

    @np.errstate(over="ignore", invalid="ignore")  # a thread has not those of another
    def add(self, batch: Batch, coding: Mapping[str, Factor]) -> None:
        """Add rows, whose factors in terms are coded so."""
        codes = [group.codes(batch.codes) for group in self._groups]
        frame = batch.frame
        if coding or self._learned.by_code:
            factors = {
                name: Factor(own.codes[batch.codes[name]], own.levels)
                for name, own in coding.items()
            }
            frame = structs.replace(frame, factors=factors, means=self._learned.means(batch.codes))
        for start in range(0, frame.n_rows, self._step):
            stop = start + self._step
            columns = Columns.of(self._design, frame.slice(start, stop), self._weights)
            if self._sums is None:
                design, given = self._design, self._pilots
                pilots = given(design, columns) if given else columns.pilots(design)
                sizes = [0] * len(codes)
                self._sums = Sums(self._design, pilots, sizes, self._weights is not None)
            self._sums.add(columns, [own[start:stop] for own in codes])

    def keyed(self) -> CrossProducts:
        """The sums, levels named by their keys, grouping factors as the formula has them."""
        assert self._sums is not None  # noqa: S101  rows have been added
        orders = [group.keys(self._sums.rows(i)) for i, group in enumerate(self._groups)]
        return self._sums.total(orders)

    def total(self, n_dropped: int) -> Scanned:
        """What a model needs of all rows."""
        sums = self._sums
        if sums is None:
            raise ValueError("a pass without rows has no sums")
        orders = [group.order(sums.rows(i)) for i, group in enumerate(self._groups)]
        return Scanned(*largest_first(self._design, sums.total(orders)), n_dropped)


def largest_first(design: Design, products: CrossProducts) -> tuple[Design, CrossProducts]:
    """The same, grouping factors with more levels first."""
    groups = products.groups
    places = sorted(range(len(groups)), key=lambda i: -len(groups[i].levels))
    if places == sorted(places):
        return design, products
    groupings = tuple(design.groupings[i] for i in places)
    return structs.replace(design, groupings=groupings), products.arranged(places)
