"""A pass over a scan in parts, read anywhere and in any order: their sums add up.

``survey`` settles what the parts must share, ``partial`` makes the sums of each, ``+`` joins them,
``fit_partial`` fits them. All these are plain data that travel between processes. The answer
depends on how the rows are cut and in which order the sums are added, by the rounding of doubles;
never on who reads a part, or when.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from msgspec import structs

from engine import expression
from engine.columns import Columns
from engine.crossproducts import CrossProducts, Pilot
from engine.design import Design
from engine.errors import DataError
from engine.expression import States
from engine.fit import PREPARED, Fit, fit_products
from engine.frame import variables
from engine.groupkeys import name_of
from engine.prepared import checked
from engine.progress import Progress, part, silent
from engine.spec import Spec
from engine.sums import CHUNK_ROWS, chunk_size
from engine.table import Factor

if TYPE_CHECKING:
    import polars as pl

    from engine.batches import Batch, Reader
    from engine.scan import TermLevels

LevelNames = Mapping[str, tuple[str, ...]]
"""By column, the levels of the factors among the predictors."""


@dataclass(frozen=True, slots=True)
class Partition:
    """Rows ``start`` up to ``stop`` of a scan."""

    start: int
    stop: int

    def of(self, lazy: pl.LazyFrame) -> pl.LazyFrame:
        """These rows; of Parquet only the row groups that hold them are read."""
        return lazy.slice(self.start, self.stop - self.start)


def partitions(heights: Sequence[int], least: int, most: int) -> tuple[Partition, ...]:
    """Cut rows that stand in blocks, as row groups or files are, at the ends of blocks.

    Args:
        heights: rows of each block, in their order.
        least: rows of a part, but for the last.
        most: parts.
    """
    wanted = max(least, -(-sum(heights) // most))
    found, start, stop = [], 0, 0
    for height in heights:
        stop += height
        if stop - start >= wanted:
            found.append(Partition(start, stop))
            start = stop
    if stop > start or not found:
        found.append(Partition(start, stop))
    return tuple(found)


def can_be_parted(spec: Spec) -> bool:
    """Whether the rows can be read in parts: not where ``ave`` takes means of groups from them."""
    formula = spec.formula
    return not any(map(expression.group_means, (formula.response, *variables(formula))))


@dataclass(frozen=True, slots=True)
class Ground:
    """What the parts of a pass share, so that their sums add up.

    Attributes:
        spec: the model.
        design: how rows become columns; ``None`` while a factor is known by one level only.
        levels: those known of the factors among the predictors.
        states: the constants of stateful calls.
        pilots: of M, then of Z of each grouping factor.
    """

    spec: Spec
    design: Design | None
    levels: LevelNames
    states: States
    pilots: tuple[Pilot, ...]

    def settled(self, _design: Design, _columns: Columns) -> tuple[Pilot, ...]:
        """The pilots, whatever rows come first."""
        return self.pilots

    def coding(self, met: Mapping[str, Factor]) -> dict[str, Factor] | None:
        """Factors met by this ground's levels; ``None`` where one has a level that is not known."""
        out = {}
        for name, own in met.items():
            levels = self.levels[name]
            place = {level: i for i, level in enumerate(levels)}
            places = np.array([place.get(level, -1) for level in own.levels] + [-1])
            if (places[:-1] < 0).any():
                return None
            out[name] = Factor(places[own.codes], levels)
        return out


@dataclass(frozen=True, slots=True)
class Partial:
    """The sums of some of the rows; ``a + b`` are those of both.

    Attributes:
        n_rows: complete rows.
        n_dropped: rows that miss a value.
        levels: of the factors among the predictors, as they occur in these rows.
        products: the sums, levels named by their keys; ``None`` when there is no complete row or a
            level turned up that was not known before: then only ``levels`` are of use.
        missed: whether one did.
    """

    n_rows: int
    n_dropped: int
    levels: LevelNames
    products: CrossProducts | None
    missed: bool

    def __add__(self, other: Partial) -> Partial:
        """The sums of the rows of both."""
        missed = self.missed or other.missed
        parts = [own.products for own in (self, other) if own.products is not None]
        products = None if missed or not parts else parts[0]
        if products is not None and len(parts) == 2:
            products = parts[0] + parts[1]
        return Partial(
            self.n_rows + other.n_rows,
            self.n_dropped + other.n_dropped,
            _united(self.levels, other.levels),
            products,
            missed,
        )


@np.errstate(over="ignore", invalid="ignore")  # what is beyond all doubles is refused
def survey(
    spec: Spec,
    lazy: pl.LazyFrame,
    levels: LevelNames | None = None,
    *,
    chunk_rows: int = CHUNK_ROWS,
    progress: Progress = silent,
) -> Ground:
    """Settle what the parts of a pass share, from the first rows.

    All rows are read only for the constants of ``scale``, ``center`` and ``poly``.

    Args:
        spec: the model; ``can_be_parted`` of it is true.
        lazy: all rows.
        levels: of the factors among the predictors, once a pass has met them all.
        chunk_rows: as for a scan.
        progress: told how many rows have been read; raise from it to cancel.

    Raises:
        EngineError: the model cannot be made from these data.
    """
    from engine.batches import Reader  # polars takes a third of a second to import
    from engine.scan import TermLevels, design_of, learned_of

    reader = Reader.of(spec, lazy, _batch_rows(chunk_rows), progress)
    met = TermLevels(reader)
    learned = learned_of(reader, met)
    first = _first(reader, met)
    known = _united(met.names(), levels or {})
    try:
        design = design_of(reader, _all_levels(known), learned)
    except DataError:  # a factor has one level so far
        if levels is not None:
            raise
        return Ground(spec, None, known, learned.states, ())
    ground = Ground(spec, design, known, learned.states, ())
    coding = ground.coding(met.coding()) or {}
    factors = {
        name: Factor(own.codes[first.codes[name]], own.levels) for name, own in coding.items()
    }
    rows = structs.replace(first.frame, factors=factors).slice(0, chunk_size(design, chunk_rows))
    pilots = Columns.of(design, rows, spec.weights).pilots(design)
    return replace(ground, pilots=pilots)


@np.errstate(over="ignore", invalid="ignore")
def partial(
    ground: Ground,
    lazy: pl.LazyFrame,
    partition: Partition | None = None,
    *,
    chunk_rows: int = CHUNK_ROWS,
    progress: Progress = silent,
) -> Partial:
    """Read a part of a scan, all of it by default, and return its sums.

    Raises:
        EngineError: the model cannot be made from these rows.
    """
    from engine.batches import Reader
    from engine.learning import Learned
    from engine.scan import RunningSums, TermLevels

    spec, first = ground.spec, 0
    if partition is not None:
        lazy, first = partition.of(lazy), partition.start
    reader = Reader.of(spec, lazy, _batch_rows(chunk_rows), progress, first)
    levels = TermLevels(reader)
    running: RunningSums | None = None
    coding: dict[str, Factor] | None = {}
    for batch in reader.some_batches():
        new = levels.meet(batch)
        if new and coding is not None:
            coding = ground.coding(levels.coding())
        if ground.design is None or coding is None:
            continue
        if running is None:
            learned = Learned(reader.levels, dict(ground.states))
            running = RunningSums(ground.design, learned, reader, chunk_rows, ground.settled)
        running.add(batch, coding)
    missed = coding is None or (ground.design is None and reader.n_rows > 0)
    products = None if missed or running is None else running.keyed()
    return Partial(reader.n_rows, reader.n_dropped, levels.names(), products, missed)


@np.errstate(over="ignore", invalid="ignore")
def fit_partial(ground: Ground, found: Partial, *, progress: Progress = silent) -> Fit:
    """Fit the sums of all rows.

    Raises:
        EngineError: the model cannot be fitted to these data; or a level was not known beforehand,
            also when ``survey`` was told all that a first pass had met.
    """
    from engine.batches import refuse_gaps
    from engine.scan import largest_first, unsteady

    spec = ground.spec
    refuse_gaps(spec, found.n_rows, found.n_dropped)
    if found.products is None or ground.design is None:
        raise unsteady()
    groups = tuple(
        structs.replace(group, levels=tuple(name_of(key, len(own.columns)) for key in group.levels))
        for group, own in zip(found.products.groups, ground.design.groupings, strict=True)
    )
    design, products = largest_first(ground.design, structs.replace(found.products, groups=groups))
    prepared = checked(spec, design, found.n_dropped, products)
    fitted = fit_products(prepared, part(progress, PREPARED, 1.0))
    progress(1.0, "fitted")
    return fitted


def _batch_rows(chunk_rows: int) -> int | None:
    return chunk_rows if chunk_rows < CHUNK_ROWS else None


def _first(reader: Reader, met: TermLevels) -> Batch:
    """The first complete rows; levels are met on the way.

    A scan is not left half way: polars' threads would wait for the rest to be asked for.
    """
    from engine.batches import refuse_gaps
    from engine.scan import unsteady

    first: Batch | None = None
    own = reader
    for lazy in (reader.lazy.head(CHUNK_ROWS), reader.lazy):
        own = replace(reader, lazy=lazy)
        for batch in own.some_batches():
            met.meet(batch)
            first = first or batch
        if first is not None:
            return first
    refuse_gaps(reader.spec, own.n_rows, own.n_dropped)
    raise unsteady()


def _united(one: LevelNames, other: LevelNames) -> dict[str, tuple[str, ...]]:
    return {
        name: tuple(sorted({*one.get(name, ()), *other.get(name, ())})) for name in {**one, **other}
    }


def _all_levels(known: LevelNames) -> dict[str, Factor]:
    return {name: Factor(np.arange(len(own)), own) for name, own in known.items()}
