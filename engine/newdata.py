"""New rows read into a frame, and from there into the columns of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from engine import expression
from engine.errors import DataError, Problem, SpecError
from engine.fit import Fit
from engine.frame import Frame
from engine.given import is_na
from engine.needs import Needs, Predictor, numeric_variables
from engine.table import Factor, Floats, level_text

Values: TypeAlias = Sequence[object] | NDArray[np.generic]

MAX_PROBLEMS = 100


class Rows(Struct, frozen=True):
    """New rows in the pilots' units.

    Attributes:
        x: rows of X (r, p).
        z: rows of Z of each grouping factor, without the split by level, (r, k); zero where an
            effect is not counted.
        index: the level of each row in each factor, -1 for one that the model has not seen and
            where the factor is not counted, (r,).
        offset: in the data's units (r,).
        weights: prior weights of the new observations (r,); ``None`` for a model without.
    """

    x: Floats
    z: tuple[Floats, ...]
    index: tuple[NDArray[np.intp], ...]
    offset: Floats
    weights: Floats | None

    @classmethod
    def read(cls, fit: Fit, needs: Needs, columns: Mapping[str, Values]) -> Rows:
        """Read columns of equal length; see :func:`read_frame`."""
        frame = read_frame(fit, needs, columns)
        with np.errstate(all="ignore"):  # what is beyond all doubles is refused once predicted
            return cls.of(fit, needs, frame)

    @classmethod
    def of(cls, fit: Fit, needs: Needs, frame: Frame) -> Rows:
        """The columns of the model on rows that have been read."""
        pilot, kept = fit.products.pilot, fit.kept
        offset, weights = fit.spec.offset, fit.spec.weights
        own = [np.ones(frame.n_rows)]
        own += [column for block in fit.design.fixed.blocks for column in block.columns(frame)]
        places = range(len(fit.design.groupings))
        return cls(
            x=(np.array(own)[kept].T - pilot.centre[kept]) / pilot.scale[kept],
            z=tuple(needs.chosen.z(frame, fit, which) for which in places),
            index=tuple(_index(fit, needs, frame, which) for which in places),
            offset=np.zeros(frame.n_rows) if offset is None else frame.numbers[offset],
            weights=None if weights is None else frame.numbers[weights],
        )


def read_frame(
    fit: Fit, needs: Needs, columns: Mapping[str, Values], n_rows: int | None = None
) -> Frame:
    """Read columns of equal length into a frame.

    A missing value in an optional column is as good as none. ``n_rows`` is how many rows there are
    where no column tells; 1 by default.

    Raises:
        SpecError: columns missing or too many, or of unequal length.
        DataError: values that do not fit, one problem each, with path ("rows", i, name).
    """
    _require_columns(needs, columns)
    told = len(next(iter(columns.values()))) if columns else n_rows
    frame = _frame(fit, needs, columns, 1 if told is None else told)
    _refuse_unknown_means(fit, needs, frame)
    _refuse_undefined(fit, needs, frame)
    return frame


def _frame(fit: Fit, needs: Needs, columns: Mapping[str, Values], n_rows: int) -> Frame:
    problems: list[Problem] = []
    numbers: dict[str, Floats] = {}
    factors: dict[str, Factor] = {}
    for predictor in needs.required:
        name, values = predictor.name, columns[predictor.name]
        if name in needs.numbers:
            numbers[name] = _numbers(name, values, problems)
        if name in needs.factors:
            factors[name] = _levels(predictor, values, problems)
    means = {
        name: _numbers(name, columns[name], problems, np.nan)
        for name in needs.means
        if name in columns
    }
    if (weights := fit.spec.weights) is not None:
        if weights in columns and weights not in numbers:
            numbers[weights] = _numbers(weights, columns[weights], problems, 1.0)
        numbers.setdefault(weights, np.ones(n_rows))
        problems += _bad_weights(weights, numbers[weights])
    if problems:
        once = {problem.path: problem for problem in reversed(problems)}
        raise DataError(*list(reversed(once.values()))[:MAX_PROBLEMS])
    return Frame(n_rows, 0, numbers, factors, means=means)


def _index(fit: Fit, needs: Needs, frame: Frame, which: int) -> NDArray[np.intp]:
    if not needs.chosen.counts(which):
        return np.full(frame.n_rows, -1)
    place, factor = fit.random[which].place, fit.design.groupings[which].factor(frame)
    return np.array([place.get(level, -1) for level in factor.levels], np.intp)[factor.codes]


def _require_columns(needs: Needs, columns: Mapping[str, Values]) -> None:
    names = [predictor.name for predictor in needs.required]
    allowed = {*names, *(predictor.name for predictor in needs.optional)}
    hint = listed(needs)
    problems = [
        Problem("missing_key", f"column {name} is missing", hint, ("columns", name))
        for name in names
        if name not in columns
    ] + [
        Problem("extra_key", f"column {name} is not used by the model", hint, ("columns", name))
        for name in columns
        if name not in allowed
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


def listed(needs: Needs) -> str:
    """The columns of a row, in words."""
    text = f"the columns are: {', '.join(own.name for own in needs.required) or 'none'}"
    may = ", ".join(own.name for own in needs.optional)
    return f"{text}; a row may have: {may}" if may else text


def _numbers(
    name: str, values: Values, problems: list[Problem], default: float | None = None
) -> Floats:
    """A column of numbers; where there is a default, it stands for what is missing."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiub":
        out = values.astype(np.float64)
        missing = np.isnan(out)
    else:
        out = np.array([_number(value) for value in values], dtype=np.float64)
        missing = np.array([is_missing(value) for value in values], dtype=bool)
    bad = ~np.isfinite(out)
    if default is not None:
        bad &= ~missing
        out[missing] = default
    problems += [
        Problem(
            "not_numeric",
            f"row {i + 1}: {name} is not a finite number",
            "give a number",
            ("rows", i, name),
        )
        for i in np.flatnonzero(bad)[:MAX_PROBLEMS].tolist()
    ]
    return out


def _number(value: object) -> float:
    try:
        return float(value) if isinstance(value, int | float | np.number) else np.nan
    except OverflowError:  # a whole number beyond all doubles
        return np.nan


def _bad_weights(name: str, weights: Floats) -> list[Problem]:
    return [
        Problem(
            "bad_weight",
            f"row {i + 1}: {name}, a weight, is not positive",
            "weights are positive; without one, a row has weight 1",
            ("rows", i, name),
        )
        for i in np.flatnonzero(weights <= 0.0)[:MAX_PROBLEMS].tolist()
    ]


def _levels(predictor: Predictor, values: Values, problems: list[Problem]) -> Factor:
    """Codes in the predictor's own levels for a factor; in the levels found for a group."""
    texts = [None if is_missing(value) else level_text(value) for value in _plain(values)]
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


def is_missing(value: object) -> bool:
    """Whether a cell has no value."""
    return value is None or is_na(value) or (isinstance(value, float) and np.isnan(value))


def _refuse_unknown_means(fit: Fit, needs: Needs, frame: Frame) -> None:
    """Refuse rows of a group that the fit has no mean of, unless they bring it along."""
    states = {
        name: state
        for variable in numeric_variables(fit, needs.chosen)
        for name, state in variable.states.items()
    }
    problems = []
    for text, call in needs.means.items():
        values = expression.evaluate(call, frame.numbers, states, frame.factors, frame.means)
        groups = expression.groups(call, learned=True)
        what = expression.text(call.arguments[0])
        problems += [
            Problem(
                "unknown_level",
                f"row {i + 1}: the model has no mean of {what} for this {' and '.join(groups)}",
                f'give the mean with the row, as "{text}"',
                ("rows", i, groups[0]),
            )
            for i in np.flatnonzero(np.isnan(values))[:MAX_PROBLEMS].tolist()
        ]
    if problems:
        raise DataError(*problems[:MAX_PROBLEMS])


def _refuse_undefined(fit: Fit, needs: Needs, frame: Frame) -> None:
    """Refuse rows where an expression of a term has no finite value."""
    problems = []
    for variable in numeric_variables(fit, needs.chosen):
        if isinstance(variable.expr, expression.Column):
            continue
        values = expression.evaluate(
            variable.expr, frame.numbers, variable.states, frame.factors, frame.means
        )
        text = expression.text(variable.expr)
        numbers = expression.numbers(variable.expr, learned=True)
        name = [*numbers, *expression.groups(variable.expr, learned=True)][0]
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
