"""Predictions for new rows: the group line, a new observation, and the outcome on its own scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from engine import expression
from engine.design import Block, Categorical, Grouping, Numeric, TermSet
from engine.effects import level_index
from engine.errors import DataError, Problem, SpecError
from engine.fit import Fit
from engine.frame import Frame
from engine.inference.fixed import require_level
from engine.joint import lines
from engine.response import Inverse, invert
from engine.table import Factor, Floats, level_text

MAX_PROBLEMS = 100
QUADRATURE_NODES = 61


@dataclass(frozen=True, slots=True)
class Predictor:
    """A column that a row to be predicted must carry.

    Attributes:
        name: of the column.
        kind: "number", "factor" (one of ``levels``) or "group" (any value; unseen levels are new).
        levels: of a factor or group that is one column; empty for numbers and combined groups.
    """

    name: str
    kind: Literal["number", "factor", "group"]
    levels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """Predictions on the scale of the response's column; NaN where they do not exist.

    Attributes:
        median, mean: of the predictive distribution (r,).
        lower, upper: prediction interval (r,).
        thresholds: (c,).
        exceedance: probability that a new observation is above each threshold, (r, c).
    """

    median: Floats
    mean: Floats
    lower: Floats
    upper: Floats
    thresholds: Floats
    exceedance: Floats


@dataclass(frozen=True, slots=True)
class Predictions:
    """Predictions for r rows, on the scale the model was fitted on.

    Intervals have normal quantiles. ``std_error`` is that of the group line, fixed and random
    effects jointly; ``prediction_std_error`` adds the residual variance.

    Attributes:
        level: of the intervals.
        estimate, std_error, lower, upper: the group line (r,).
        prediction_std_error, prediction_lower, prediction_upper: a new observation (r,).
        new_levels: by row, the groups whose level the model has not seen.
        outcome: on the scale of the column; ``None`` when the response cannot be inverted.
    """

    level: float
    estimate: Floats
    std_error: Floats
    lower: Floats
    upper: Floats
    prediction_std_error: Floats
    prediction_lower: Floats
    prediction_upper: Floats
    new_levels: tuple[tuple[str, ...], ...]
    outcome: Outcome | None


def predictors(fit: Fit) -> tuple[Predictor, ...]:
    """What a row to be predicted must carry, in order of first use."""
    found: dict[str, Predictor] = {}
    sets = [fit.design.fixed, *(term for g in fit.design.groupings for term in g.terms)]
    for variable in (v for terms in sets for block in terms.blocks for v in block.variables):
        if isinstance(variable, Categorical):
            found.setdefault(variable.column, Predictor(variable.column, "factor", variable.levels))
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


def predict(
    fit: Fit,
    columns: Mapping[str, Sequence[object] | NDArray[np.generic]],
    *,
    level: float = 0.95,
    thresholds: Sequence[float] = (),
    new_levels: str = "population",
) -> Predictions:
    """Predict r new rows.

    Args:
        fit: the model.
        columns: exactly the columns of :func:`predictors`, each of r values.
        level: of both intervals, between 0 and 1.
        thresholds: on the scale of the response's column.
        new_levels: "population" predicts a level not seen from the fixed effects, with the whole
            variance between levels; "reject" refuses it.

    Raises:
        SpecError: columns missing or too many, of unequal length, or an option is wrong.
        DataError: values that do not fit, one problem each, with path ("rows", i, name).
    """
    require_level(level)
    rows = _Rows.read(fit, columns)
    x, z, index = rows.design(fit)
    if new_levels == "reject":
        _refuse_unseen(fit, index)
    elif new_levels != "population":
        raise SpecError(
            Problem(
                "unknown_option",
                "new_levels is not one of population, reject",
                "use population or reject",
                ("new_levels",),
            )
        )
    own, scale = lines(fit, x, z, index), fit.units.y
    estimate = scale * own.estimate + fit.products.pilot.centre[-1] + rows.offset
    variance = scale**2 * own.variance
    std_error = np.sqrt(variance)
    prediction_std_error = np.sqrt(variance + fit.sigma**2)
    quantile = float(special.ndtri(0.5 + level / 2.0))
    prediction_lower = estimate - quantile * prediction_std_error
    prediction_upper = estimate + quantile * prediction_std_error
    inverse = invert(fit.design.response.expr, fit.design.response.states)
    outcome = None
    if inverse is not None:
        outcome = _outcome(
            inverse,
            estimate,
            prediction_std_error,
            prediction_lower,
            prediction_upper,
            np.asarray(thresholds, dtype=np.float64),
        )
    names = [effects.group for effects in fit.random]
    return Predictions(
        level=level,
        estimate=estimate,
        std_error=std_error,
        lower=estimate - quantile * std_error,
        upper=estimate + quantile * std_error,
        prediction_std_error=prediction_std_error,
        prediction_lower=prediction_lower,
        prediction_upper=prediction_upper,
        new_levels=tuple(
            tuple(name for name, place in zip(names, row, strict=True) if place < 0)
            for row in zip(*(own.tolist() for own in index), strict=True)
        )
        if names
        else ((),) * len(estimate),
        outcome=outcome,
    )


@dataclass(frozen=True, slots=True)
class _Rows:
    """New rows as a frame, with the offset of each."""

    frame: Frame
    offset: Floats

    @classmethod
    def read(cls, fit: Fit, columns: Mapping[str, Sequence[object] | NDArray[np.generic]]) -> _Rows:
        wanted = predictors(fit)
        _require_columns(wanted, columns)
        n_rows = len(next(iter(columns.values()))) if columns else 1
        problems: list[Problem] = []
        numbers: dict[str, Floats] = {}
        factors: dict[str, Factor] = {}
        numeric = _numeric_columns(fit)
        for predictor in wanted:
            values = columns[predictor.name]
            if predictor.kind == "number" or predictor.name in numeric:
                numbers[predictor.name] = _numbers(predictor.name, values, problems)
            if predictor.kind != "number":
                factors[predictor.name] = _levels(predictor, values, problems)
        if problems:
            raise DataError(*problems[:MAX_PROBLEMS])
        offset = fit.design.response.offset
        frame = Frame(n_rows, 0, numbers, factors)
        return cls(frame, np.zeros(n_rows) if offset is None else numbers[offset])

    def design(self, fit: Fit) -> tuple[Floats, list[Floats], list[NDArray[np.intp]]]:
        """Rows of X and of each Z in the pilots' units, and the level of each row in each group."""
        frame, pilot = self.frame, fit.products.pilot
        own = [np.ones(frame.n_rows)]
        own += [column for block in fit.design.fixed.blocks for column in block.columns(frame)]
        x = (np.column_stack(own)[:, fit.kept] - pilot.centre[fit.kept]) / pilot.scale[fit.kept]
        z, index = [], []
        for grouping, group, effects in zip(
            fit.design.groupings, fit.products.groups, fit.random, strict=True
        ):
            raw = np.column_stack(grouping.z_columns(frame))
            z.append((raw - group.pilot.centre) / group.pilot.scale)
            index.append(level_index(effects, _labels(grouping, frame)))
        return x, z, index


def _labels(grouping: Grouping, frame: Frame) -> list[str]:
    factors = [frame.factors[name] for name in grouping.columns]
    parts = [[factor.levels[code] for code in factor.codes.tolist()] for factor in factors]
    return [":".join(levels) for levels in zip(*parts, strict=True)]


def _numeric_columns(fit: Fit) -> set[str]:
    """Columns that some term reads as a number."""
    sets: list[TermSet] = [fit.design.fixed, *(t for g in fit.design.groupings for t in g.terms)]
    blocks: list[Block] = [block for terms in sets for block in terms.blocks]
    found = {
        name
        for block in blocks
        for variable in block.variables
        if isinstance(variable, Numeric)
        for name in expression.columns(variable.expr)
    }
    return found | ({fit.design.response.offset} - {None})  # type: ignore[operator]  # None is taken away


def _require_columns(
    wanted: Sequence[Predictor], columns: Mapping[str, Sequence[object] | NDArray[np.generic]]
) -> None:
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


def _numbers(
    name: str, values: Sequence[object] | NDArray[np.generic], problems: list[Problem]
) -> Floats:
    if isinstance(values, np.ndarray) and values.dtype.kind in "fiub":
        out = values.astype(np.float64)
    else:
        out = np.array(
            [float(v) if isinstance(v, int | float | np.number) else np.nan for v in values]
        )
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


def _levels(
    predictor: Predictor, values: Sequence[object] | NDArray[np.generic], problems: list[Problem]
) -> Factor:
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


def _plain(values: Sequence[object] | NDArray[np.generic]) -> Sequence[object]:
    return values.tolist() if isinstance(values, np.ndarray) else values


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))


def _refuse_unseen(fit: Fit, index: Sequence[NDArray[np.intp]]) -> None:
    problems = [
        Problem(
            "new_level",
            f"row {i + 1}: the model has not seen this level of {grouping.name}",
            'use "new_levels": "population", or one of the levels of the data',
            ("rows", i, grouping.columns[0]),
        )
        for grouping, place in zip(fit.design.groupings, index, strict=True)
        for i in np.flatnonzero(place < 0)[:MAX_PROBLEMS].tolist()
    ]
    if problems:
        raise DataError(*problems[:MAX_PROBLEMS])


def _outcome(
    inverse: Inverse,
    estimate: Floats,
    spread: Floats,
    lower: Floats,
    upper: Floats,
    thresholds: Floats,
) -> Outcome:
    """Push the predictive normal through the inverse of the response's expression."""
    with np.errstate(all="ignore"):
        ends = (inverse.backward(lower), inverse.backward(upper))
        cuts = inverse.forward(thresholds)
        above = special.ndtr((estimate[:, None] - cuts) / spread[:, None])
        exceedance = above if inverse.increasing else 1.0 - above
    # A threshold below all values the column can take is exceeded for sure, one above none.
    return Outcome(
        median=inverse.backward(estimate),
        mean=_mean(inverse, estimate, spread),
        lower=ends[0] if inverse.increasing else ends[1],
        upper=ends[1] if inverse.increasing else ends[0],
        thresholds=thresholds,
        exceedance=np.where(np.isnan(cuts), np.nan, exceedance),
    )


def _mean(inverse: Inverse, estimate: Floats, spread: Floats) -> Floats:
    """Mean of the outcome: in closed form where there is one, else by Gauss-Hermite quadrature."""
    if (exponential := inverse.exponential()) is not None:
        scale, rate, shift = exponential
        with np.errstate(over="ignore"):
            return scale * np.exp(rate * estimate + 0.5 * (rate * spread) ** 2) + shift
    if (affine := inverse.affine()) is not None:
        return affine[0] + affine[1] * estimate
    nodes, weights = np.polynomial.hermite_e.hermegauss(QUADRATURE_NODES)
    with np.errstate(all="ignore"):
        values = inverse.backward(estimate[:, None] + spread[:, None] * nodes)
        return np.asarray(values @ (weights / weights.sum()))
