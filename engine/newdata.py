"""New rows: what they must carry, and how they are read into a frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine import expression
from engine.design import Block, Categorical, Grouping, Numeric, TermSet
from engine.errors import DataError, Problem, SpecError
from engine.fit import Fit
from engine.frame import Frame
from engine.table import Factor, Floats, level_text

Values: TypeAlias = Sequence[object] | NDArray[np.generic]

MAX_PROBLEMS = 100


@dataclass(frozen=True, slots=True)
class Predictor:
    """A column that a row to be predicted must carry.

    Attributes:
        name: of the column.
        kind: "number", "factor" (one of ``levels``) or "group" (any value; unseen levels are new).
            A column read in several ways is a factor before a number, and a number before a group.
        levels: of a factor or group that is one column; empty for numbers and combined groups.
    """

    name: str
    kind: Literal["number", "factor", "group"]
    levels: tuple[str, ...] = ()


def predictors(fit: Fit) -> tuple[Predictor, ...]:
    """What a row to be predicted must carry, in order of first use."""
    found: dict[str, Predictor] = {}
    sets = [fit.design.fixed, *(term for g in fit.design.groupings for term in g.terms)]
    for variable in (v for terms in sets for block in terms.blocks for v in block.variables):
        if isinstance(variable, Categorical):
            found[variable.column] = Predictor(variable.column, "factor", variable.levels)
        else:
            for name in expression.columns(variable.expr):
                found.setdefault(name, Predictor(name, "number"))
    for grouping, effects in zip(fit.design.groupings, fit.random, strict=True):
        for name in grouping.columns:
            levels = effects.levels if len(grouping.columns) == 1 else ()
            found.setdefault(name, Predictor(name, "group", levels))
    if fit.design.response.offset is not None:
        found.setdefault(
            fit.design.response.offset, Predictor(fit.design.response.offset, "number")
        )
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class Rows:
    """New rows in the pilots' units.

    Attributes:
        x: rows of X (r, p).
        z: rows of Z of each grouping factor, without the split by level, (r, k).
        index: the level of each row in each factor, -1 for one that the model has not seen, (r,).
        offset: in the data's units (r,).
    """

    x: Floats
    z: tuple[Floats, ...]
    index: tuple[NDArray[np.intp], ...]
    offset: Floats

    @classmethod
    def read(cls, fit: Fit, wanted: Sequence[Predictor], columns: Mapping[str, Values]) -> Rows:
        """Read columns of equal length.

        Raises:
            SpecError: columns missing or too many, or of unequal length.
            DataError: values that do not fit, one problem each, with path ("rows", i, name).
        """
        _require_columns(wanted, columns)
        frame = _frame(fit, wanted, columns)
        _refuse_undefined(fit, frame)
        with np.errstate(all="ignore"):  # what is beyond all doubles is refused once predicted
            return cls._of(fit, frame)

    @classmethod
    def _of(cls, fit: Fit, frame: Frame) -> Rows:
        pilot, kept, offset = fit.products.pilot, fit.kept, fit.design.response.offset
        own = [np.ones(frame.n_rows)]
        own += [column for block in fit.design.fixed.blocks for column in block.columns(frame)]
        z = tuple(
            (np.array(grouping.z_columns(frame)).T - group.pilot.centre) / group.pilot.scale
            for grouping, group in zip(fit.design.groupings, fit.products.groups, strict=True)
        )
        index = tuple(
            np.array([effects.place.get(label, -1) for label in _labels(grouping, frame)], np.intp)
            for grouping, effects in zip(fit.design.groupings, fit.random, strict=True)
        )
        return cls(
            x=(np.array(own)[kept].T - pilot.centre[kept]) / pilot.scale[kept],
            z=z,
            index=index,
            offset=np.zeros(frame.n_rows) if offset is None else frame.numbers[offset],
        )


def _frame(fit: Fit, wanted: Sequence[Predictor], columns: Mapping[str, Values]) -> Frame:
    problems: list[Problem] = []
    numbers: dict[str, Floats] = {}
    factors: dict[str, Factor] = {}
    numeric = set(_numeric_columns(fit))
    groups = {name for grouping in fit.design.groupings for name in grouping.columns}
    for predictor in wanted:
        values = columns[predictor.name]
        if predictor.name in numeric:
            numbers[predictor.name] = _numbers(predictor.name, values, problems)
        if predictor.kind == "factor" or predictor.name in groups:
            factors[predictor.name] = _levels(predictor, values, problems)
    if problems:
        once = {problem.path: problem for problem in reversed(problems)}
        raise DataError(*list(reversed(once.values()))[:MAX_PROBLEMS])
    n_rows = len(next(iter(columns.values()))) if columns else 1
    return Frame(n_rows, 0, numbers, factors)


def _labels(grouping: Grouping, frame: Frame) -> list[str]:
    factors = [frame.factors[name] for name in grouping.columns]
    parts = [[factor.levels[code] for code in factor.codes.tolist()] for factor in factors]
    return [":".join(levels) for levels in zip(*parts, strict=True)]


def _numeric_variables(fit: Fit) -> list[Numeric]:
    """The variables of all terms that are numbers."""
    sets: list[TermSet] = [fit.design.fixed, *(t for g in fit.design.groupings for t in g.terms)]
    blocks: list[Block] = [block for terms in sets for block in terms.blocks]
    return [v for block in blocks for v in block.variables if isinstance(v, Numeric)]


def _numeric_columns(fit: Fit) -> Iterator[str]:
    """Columns that are read as numbers."""
    for variable in _numeric_variables(fit):
        yield from expression.columns(variable.expr)
    if fit.design.response.offset is not None:
        yield fit.design.response.offset


def _require_columns(wanted: Sequence[Predictor], columns: Mapping[str, Values]) -> None:
    names = [predictor.name for predictor in wanted]
    listed = ", ".join(names) or "none"
    problems = [
        Problem(
            "missing_key",
            f"column {name} is missing",
            f"the columns are: {listed}",
            ("columns", name),
        )
        for name in names
        if name not in columns
    ] + [
        Problem(
            "extra_key",
            f"column {name} is not used by the model",
            f"the columns are: {listed}",
            ("columns", name),
        )
        for name in columns
        if name not in names
    ]
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        problems.append(
            Problem(
                "unequal_columns",
                "columns have unequal lengths",
                "give each the same number of values",
                ("columns",),
            )
        )
    if problems:
        raise SpecError(*problems[:MAX_PROBLEMS])


def _numbers(name: str, values: Values, problems: list[Problem]) -> Floats:
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiub":
        out = values.astype(np.float64)
    else:
        out = np.array([_number(value) for value in values], dtype=np.float64)
    problems += [
        Problem(
            "not_numeric",
            f"row {i + 1}: {name} is not a finite number",
            "give a number",
            ("rows", i, name),
        )
        for i in np.flatnonzero(~np.isfinite(out))[:MAX_PROBLEMS].tolist()
    ]
    return out


def _number(value: object) -> float:
    try:
        return float(value) if isinstance(value, int | float | np.number) else np.nan
    except OverflowError:  # a whole number beyond all doubles
        return np.nan


def _levels(predictor: Predictor, values: Values, problems: list[Problem]) -> Factor:
    """Codes in the predictor's own levels for a factor; in the levels found for a group."""
    texts = [None if _is_missing(value) else level_text(value) for value in _plain(values)]
    if predictor.kind == "factor":
        place = {level: code for code, level in enumerate(predictor.levels)}
        levels = predictor.levels
    else:
        levels = tuple(dict.fromkeys(text for text in texts if text is not None))
        place = {level: code for code, level in enumerate(levels)}
    codes = np.array(
        [-1 if text is None else place.get(text, -1) for text in texts], dtype=np.int64
    )
    for i in np.flatnonzero(codes < 0)[:MAX_PROBLEMS].tolist():
        if texts[i] is None:
            problem = ("missing_value", f"row {i + 1}: {predictor.name} is missing", "give a value")
        else:
            shown = ", ".join(levels[:20]) + (", …" if len(levels) > 20 else "")
            problem = (
                "unknown_level",
                f"row {i + 1}: {predictor.name} is not a level of this factor",
                f"the levels are: {shown}",
            )
        problems.append(Problem(*problem, ("rows", i, predictor.name)))
    return Factor(codes, levels)


def _plain(values: Values) -> Sequence[object]:
    return values.tolist() if isinstance(values, np.ndarray) else values


def _is_missing(value: object) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value))


def _refuse_undefined(fit: Fit, frame: Frame) -> None:
    """Refuse rows where an expression of a term has no finite value."""
    problems = []
    for variable in _numeric_variables(fit):
        if isinstance(variable.expr, expression.Column):
            continue
        values = expression.evaluate(variable.expr, frame.numbers, variable.states)
        text, name = expression.text(variable.expr), expression.columns(variable.expr)[0]
        finite = np.isfinite(values if values.ndim == 1 else values.sum(axis=1))
        problems += [
            Problem(
                "not_finite",
                f"row {i + 1}: {text} is not a finite number",
                f"give a value at which {text} is defined",
                ("rows", i, name),
            )
            for i in np.flatnonzero(~finite)[:MAX_PROBLEMS].tolist()
        ]
    if problems:
        raise DataError(*problems[:MAX_PROBLEMS])
