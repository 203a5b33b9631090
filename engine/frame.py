"""The model frame: the complete rows of the columns that a model reads, as numbers and factors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Protocol, TypeAlias, TypeVar

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from engine import expression
from engine.errors import DataError, EngineError, Problem, SpecError
from engine.formula import Formula
from engine.spec import Spec
from engine.table import Factor, Floats, Kind, Table, all_finite, compact

Path: TypeAlias = tuple[str | int, ...]
T = TypeVar("T")

SHOWN_ROWS = 5


class Kinds(Protocol):
    """A table as far as its columns have names and kinds."""

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns."""

    def kind(self, name: str) -> Kind:
        """What a column holds."""


class Roles(Struct, frozen=True):
    """How each column is read; a column can be both a number and a factor.

    Attributes:
        numbers: columns read as numbers, with the place in the specification that asks for it.
        factors: columns read as factors, likewise.
        bare: columns that are a factor when they stand alone in a term.
    """

    numbers: Mapping[str, str]
    factors: Mapping[str, str]
    bare: frozenset[str]

    @classmethod
    def of(cls, spec: Spec, table: Kinds) -> Roles:
        """Decide by the formula and the kinds of the columns (all must exist)."""
        response = spec.formula.response
        numbers = dict.fromkeys(expression.numbers(response), "formula")
        factors = dict.fromkeys(expression.groups(response), "formula")
        bare: set[str] = set()
        for variable in variables(spec.formula):
            if (name := factor_column(variable, spec, table)) is not None:
                factors[name] = "formula"
                if isinstance(variable, expression.Column):
                    bare.add(name)
            else:
                numbers.update(dict.fromkeys(expression.numbers(variable), "formula"))
                factors.update(dict.fromkeys(expression.groups(variable), "formula"))
        for random in spec.formula.random:
            factors.update(dict.fromkeys(random.group, "formula"))
        if spec.weights is not None:
            numbers[spec.weights] = "weights"
        if spec.offset is not None:
            numbers[spec.offset] = "offset"
        return cls(numbers, factors, frozenset(bare))


def variables(formula: Formula) -> Iterable[expression.Expr]:
    """Every variable of every fixed and random term (not the response, not the groups)."""
    for term in formula.terms:
        yield from term.factors
    for random in formula.random:
        for term in random.terms:
            yield from term.factors


def factor_column(variable: expression.Expr, spec: Spec, table: Kinds) -> str | None:
    """The column a categorical variable stands for; ``None`` for a numeric one."""
    name = expression.is_factor(variable)
    if name is not None:
        return name
    if isinstance(variable, expression.Column) and (
        variable.name in spec.categorical or table.kind(variable.name) != "number"
    ):
        return variable.name
    return None


class Frame(Struct, frozen=True):
    """Complete rows: no value is missing, every level of every factor occurs.

    Attributes:
        n_rows: the number of rows kept, n.
        n_dropped: rows left out because a value was missing.
        numbers: doubles (n,) by column name.
        factors: factors by column name.
        bare: columns that are a factor when they stand alone in a term.
        rows: row numbers (from 0) in the table, ``None`` when all rows are kept.
        first: the number in the table of the first row, when all are kept.
        means: group means that are known of the rows, by the text of their call of ``ave``.
    """

    n_rows: int
    n_dropped: int
    numbers: Mapping[str, Floats]
    factors: Mapping[str, Factor]
    bare: frozenset[str] = frozenset()
    rows: NDArray[np.int64] | None = None
    first: int = 0
    means: Mapping[str, Floats] = field(default_factory=dict)

    def slice(self, start: int, stop: int) -> Frame:
        """Rows ``start`` to ``stop``; levels stay those of the whole frame."""
        if start == 0 and stop >= self.n_rows:
            return self
        return Frame(
            n_rows=min(stop, self.n_rows) - start,
            n_dropped=0,
            numbers={name: values[start:stop] for name, values in self.numbers.items()},
            factors={
                name: Factor(factor.codes[start:stop], factor.levels)
                for name, factor in self.factors.items()
            },
            bare=self.bare,
            rows=None if self.rows is None else self.rows[start:stop],
            first=self.first + start,
            means={name: values[start:stop] for name, values in self.means.items()},
        )

    def row_numbers(self, bad: NDArray[np.bool_]) -> str:
        """The first few rows of a mask (n,), counted from 1 as in the table, for a message."""
        index = np.flatnonzero(bad)
        rows = index + self.first if self.rows is None else self.rows[index]
        shown = ", ".join(str(row + 1) for row in rows[:SHOWN_ROWS])
        return shown + (f" and {len(rows) - SHOWN_ROWS} more" if len(rows) > SHOWN_ROWS else "")


def read(spec: Spec, table: Table) -> Frame:
    """Read the columns of a specification and drop the rows that miss a value.

    Raises:
        SpecError: columns do not exist.
        DataError: text where a number is needed, infinite values, no rows left.
    """
    require_columns(spec, table)
    roles = Roles.of(spec, table)
    numbers, factors = _columns(roles, table)
    odd = [values for values in numbers.values() if not all_finite(values)]
    missing = _missing(table.n_rows, odd, factors)
    if missing is None:
        n_dropped = 0
    elif spec.missing == "fail":
        raise missing_values(int(missing.sum()))
    else:
        numbers, factors = _keep(~missing, numbers, factors)
        n_dropped = int(missing.sum())
    n_rows = table.n_rows - n_dropped
    if n_rows == 0:
        raise no_rows(spec)
    frame = Frame(
        n_rows,
        n_dropped,
        numbers,
        factors,
        roles.bare,
        None if missing is None else np.flatnonzero(~missing),
    )
    if odd:
        refuse_infinite(frame, roles)
    return frame


def missing_values(n_rows: int) -> DataError:
    """The error of rows that miss a value when none may."""
    return DataError(
        Problem(
            "missing_values",
            f"{n_rows} rows miss a value in a column of the model",
            'use "missing": "drop" to leave them out',
            ("missing",),
        )
    )


def no_rows(spec: Spec) -> DataError:
    """The error of data without a complete row."""
    return DataError(
        Problem(
            "no_rows",
            "no row has a value in every column of the model",
            f"the columns are {', '.join(spec.columns)}",
            ("dataset",),
        )
    )


def require_columns(spec: Spec, table: Kinds) -> None:
    """Refuse a specification that names columns which the data have not; raises ``SpecError``."""
    names = set(table.names)
    places: dict[str, Path] = dict.fromkeys(spec.formula.columns, ("formula",))
    if spec.weights is not None:
        places.setdefault(spec.weights, ("weights",))
    if spec.offset is not None:
        places.setdefault(spec.offset, ("offset",))
    options: list[tuple[str, Path]] = [
        (name, ("categorical", i)) for i, name in enumerate(spec.categorical)
    ]
    options += [(name, ("contrasts", name)) for name, _ in spec.contrasts]
    unknown = [
        Problem(
            "unknown_column", f"column {name} is not in the data", _suggest(name, table.names), path
        )
        for name, path in [*places.items(), *options]
        if name not in names
    ]
    if unknown:
        raise SpecError(*unknown)


def _suggest(name: str, names: tuple[str, ...]) -> str:
    if not names:
        return "the data have no columns"
    close = get_close_matches(name, names, n=1)
    shown = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    return (f"did you mean {close[0]}? " if close else "") + f"the columns are {shown}"


def _columns(roles: Roles, table: Table) -> tuple[dict[str, Floats], dict[str, Factor]]:
    numbers = each_number(roles, table.numbers)
    return numbers, {name: table.factor(name) for name in roles.factors}


def each_number(roles: Roles, found: Callable[[str], T]) -> dict[str, T]:
    """What is found of every column that is read as numbers.

    Raises:
        DataError: with the problems of all columns, each with the place that asks for it.
    """
    problems: list[Problem] = []
    out: dict[str, T] = {}
    for name, place in roles.numbers.items():
        try:
            out[name] = found(name)
        except EngineError as error:
            problems += [
                Problem(problem.code, problem.detail, problem.hint, (place,))
                for problem in error.problems
            ]
    if problems:
        raise DataError(*problems)
    return out


def _missing(
    n_rows: int, odd: Sequence[Floats], factors: Mapping[str, Factor]
) -> NDArray[np.bool_] | None:
    """A mask (n,) of the rows that miss a value; ``None`` when there is none.

    ``odd`` are the columns of numbers that are not finite throughout.
    """
    mask: NDArray[np.bool_] | None = None
    for gaps in [
        *map(np.isnan, odd),
        *(factor.codes < 0 for factor in factors.values()),
    ]:
        if gaps.any():
            mask = gaps if mask is None else mask | gaps
    return mask if n_rows else np.zeros(0, dtype=bool)


def _keep(
    mask: NDArray[np.bool_], numbers: Mapping[str, Floats], factors: Mapping[str, Factor]
) -> tuple[dict[str, Floats], dict[str, Factor]]:
    return (
        {name: values[mask] for name, values in numbers.items()},
        {name: compact(f.codes[mask], list(f.levels)) for name, f in factors.items()},
    )


def refuse_infinite(frame: Frame, roles: Roles) -> None:
    """Refuse numbers that are not finite, by row; raises ``DataError``."""
    problems = []
    for name, values in frame.numbers.items():
        if not all_finite(values):
            finite = np.isfinite(values)
            problems.append(
                Problem(
                    "infinite_values",
                    f"column {name} is infinite in row {frame.row_numbers(~finite)}",
                    "mend or remove these rows",
                    (roles.numbers[name],),
                )
            )
    if problems:
        raise DataError(*problems)
