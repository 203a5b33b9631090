"""One row by plain arithmetic: for a single house the calls into numpy cost more than the sums.

The formulas are those of ``prediction``. What is unusual about a row, and first of all anything
wrong with it, is left to the long way: then a reader returns ``None``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import TypeAlias

import numpy as np
from msgspec import Struct

from engine import expression
from engine.design import Block, Categorical, Numeric, TermSet
from engine.fit import Fit
from engine.newdata import is_missing
from engine.table import Factor, level_text

Row: TypeAlias = Mapping[str, object]
Reader: TypeAlias = Callable[[Row], Sequence[float] | None]
Vector: TypeAlias = Sequence[float]

MOST_COLUMNS = 8
"""Of X and Z together: the sums of more are left to numpy."""
_FIRST = np.zeros(1, dtype=np.int64)
"""The codes of one row."""


class SingleRow(Struct, frozen=True):
    """How one row becomes x and z in the pilots' units, and the index of its level.

    Attributes:
        fixed: readers of the columns of X, the constant 1 first.
        kept: indices of those that are not aliased.
        random: readers of the columns of Z.
        group: name of the grouping column, if there is one.
        places: index of each of its levels.
        pilots: centre and scale of X, then of Z.
    """

    fixed: tuple[Reader, ...]
    kept: tuple[int, ...]
    random: tuple[Reader, ...]
    group: str | None
    places: Mapping[str, int]
    pilots: tuple[Vector, ...]

    @classmethod
    def of(cls, fit: Fit) -> SingleRow | None:
        """Return the readers of a model, or ``None`` when it has what they do not read."""
        design, pilot, groups = fit.design, fit.products.pilot, fit.products.groups
        columns = [name for grouping in design.groupings for name in grouping.columns]
        width = len(fit.kept) + sum(len(grouping.names) for grouping in design.groupings)
        if len(columns) > 1 or width > MOST_COLUMNS or design.response.offset is not None:
            return None
        terms = [term for grouping in design.groupings for term in grouping.terms]
        own = [pilot.centre[fit.kept], pilot.scale[fit.kept]]
        own += [groups[0].pilot.centre, groups[0].pilot.scale] if groups else [np.zeros(0)] * 2
        return cls(
            fixed=(_one, *map(_block, design.fixed.blocks)),
            kept=tuple(fit.kept.tolist()),
            random=tuple(reader for term in terms for reader in _readers(term)),
            group=columns[0] if columns else None,
            places=fit.random[0].place if fit.random else {},
            pilots=tuple(values.tolist() for values in own),
        )

    def read(self, row: Row) -> tuple[list[float], list[float], int] | None:
        """Return x, z and the level's index, -1 for a new one; ``None`` if a value does not fit."""
        level = "" if self.group is None else row[self.group]
        own, z = _columns(self.fixed, row), _columns(self.random, row)
        if own is None or z is None or (type(level) is not str and is_missing(level)):
            return None
        x = [own[i] for i in self.kept]
        x_centre, x_scale, z_centre, z_scale = self.pilots
        index = self.places.get(level_text(level), -1)
        return _scaled(x, x_centre, x_scale), _scaled(z, z_centre, z_scale), index


def dot(a: Vector, b: Vector) -> float:
    """Return a'b."""
    return sum(map(float.__mul__, a, b), 0.0)


def quadratic(a: Vector, v: Sequence[Vector]) -> float:
    """Return a'V a."""
    return sum((each * dot(a, row) for each, row in zip(a, v, strict=True)), 0.0)


def _scaled(values: Vector, centre: Vector, scale: Vector) -> list[float]:
    return [(v - c) / s for v, c, s in zip(values, centre, scale, strict=True)]


def _columns(readers: tuple[Reader, ...], row: Row) -> list[float] | None:
    columns: list[float] = []
    for reader in readers:
        own = reader(row)
        if own is None:
            return None
        columns += own
    return columns


def _readers(term: TermSet) -> list[Reader]:
    return [*([_one] if term.intercept else []), *map(_block, term.blocks)]


def _one(_: Row) -> Sequence[float]:
    return (1.0,)


def _block(block: Block) -> Reader:
    """Return the reader of a block: products of its variables' columns, the first fastest."""
    readers = [_variable(variable) for variable in block.variables]
    if len(readers) == 1:
        return readers[0]

    def read(row: Row) -> Sequence[float] | None:
        parts = [reader(row) for reader in reversed(readers)]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        return [math.prod(reversed(combination)) for combination in product(*known)]

    return read


def _variable(variable: Numeric | Categorical) -> Reader:
    if isinstance(variable, Categorical):
        return _factor(variable)
    if isinstance(variable.expr, expression.Column):
        return _number(variable.expr.name)
    return _function(variable)


def _number(name: str) -> Reader:
    def read(row: Row) -> Sequence[float] | None:
        value = row[name]
        if type(value) is float and math.isfinite(value):
            return (value,)
        # Booleans, and whole numbers beyond doubles, take the long way.
        return (float(value),) if type(value) is int and abs(value) < 2**53 else None

    return read


def _function(variable: Numeric) -> Reader:
    readers = {name: _number(name) for name in expression.numbers(variable.expr, learned=True)}
    groups = expression.groups(variable.expr, learned=True)

    def read(row: Row) -> Sequence[float] | None:
        values = {name: reader(row) for name, reader in readers.items()}
        if None in values.values() or any(is_missing(row[name]) for name in groups):
            return None
        columns = {name: np.array(value) for name, value in values.items()}
        factors = {name: Factor(_FIRST, (level_text(row[name]),)) for name in groups}
        found = expression.evaluate(variable.expr, columns, variable.states, factors)
        return found.ravel().tolist() if np.isfinite(found).all() else None

    return read


def _factor(variable: Categorical) -> Reader:
    rows = variable.matrix or tuple(map(tuple, np.eye(len(variable.levels)).tolist()))
    coded = dict(zip(variable.levels, rows, strict=True))
    name = variable.column

    def read(row: Row) -> Sequence[float] | None:
        value = row[name]
        return None if is_missing(value) else coded.get(level_text(value))

    return read
