"""Predictions for new rows: the group line, a new observation, and the outcome on its own scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, isfinite, sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from engine import expression
from engine.design import Block, Categorical, Grouping, Numeric, TermSet
from engine.errors import DataError, Problem, SpecError
from engine.fit import Fit
from engine.frame import Frame
from engine.inference.fixed import require_level
from engine.joint import Joint
from engine.response import Inverse, invert
from engine.single import SingleRow, dot, quadratic
from engine.table import Factor, Floats, level_text

MAX_PROBLEMS = 100
QUADRATURE_NODES = 61

REMEMBERED_CUTS = 64
READY_LEVELS = 10_000
"""Up to so many levels, the lines of all are kept ready."""


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
    return Predictive.of(fit).predict(
        columns, level=level, thresholds=thresholds, new_levels=new_levels
    )


@dataclass(frozen=True, slots=True)
class Predictive:
    """A fit made ready to predict: what does not depend on the rows, worked out once.

    Attributes:
        fit: the model.
        predictors: what a row must carry.
        numeric: predictors that some term reads as numbers.
        places: index of each level of the grouping factor.
        back: the way back to the scale of the column, if there is one.
        pilots: centre and scale of the columns of X, then of Z.
        units: y's scale in the data's units, and its centre.
        lines: of all levels, or ``None`` where they are worked out for those of the rows.
        single: the quick way for one row, or ``None`` when the design has what it does not read.
    """

    fit: Fit
    predictors: tuple[Predictor, ...]
    numeric: frozenset[str]
    places: Mapping[str, int]
    back: _WayBack | None
    pilots: tuple[Floats, Floats, Floats, Floats]
    units: tuple[float, float]
    lines: _Lines | None
    single: SingleRow | None

    @classmethod
    def of(cls, fit: Fit) -> Predictive:
        """Make a fit ready."""
        pilot, response = fit.products.pilot, fit.design.response
        nothing = np.zeros(0)
        group = fit.products.groups[0].pilot if fit.products.groups else None
        levels = fit.random[0].levels if fit.random else ()
        places = {level: index for index, level in enumerate(levels)}
        pilots = (
            pilot.centre[fit.kept],
            pilot.scale[fit.kept],
            nothing if group is None else group.centre,
            nothing if group is None else group.scale,
        )
        return cls(
            fit=fit,
            predictors=predictors(fit),
            numeric=frozenset(_numeric_columns(fit)),
            places=places,
            back=_WayBack.of(invert(response.expr, response.states)),
            pilots=pilots,
            units=(fit.units.y, float(pilot.centre[-1])),
            lines=_Lines.of(Joint.of(fit)) if len(levels) <= READY_LEVELS else None,
            single=SingleRow.of(fit.design, fit.kept.tolist(), places, pilots),
        )

    def predict(
        self,
        columns: Mapping[str, Sequence[object] | NDArray[np.generic]],
        *,
        level: float = 0.95,
        thresholds: Sequence[float] = (),
        new_levels: str = "population",
    ) -> Predictions:
        """Predict r new rows; see :func:`predict`."""
        require_level(level)
        quantile = -float(special.ndtri((1.0 - level) / 2.0))  # the lower tail keeps its digits
        cuts = np.asarray(thresholds, dtype=np.float64)
        single = self._single_line(columns) if new_levels == "population" else None
        if single is not None:
            return self._predictions_of_one(*single, level, quantile, cuts)
        rows = _Rows.read(self, columns)
        x, z, index = rows.design(self)
        unseen = index < 0 if self.places else np.zeros(len(x), dtype=bool)
        _heed(new_levels, self.fit, unseen)
        with np.errstate(over="ignore", invalid="ignore"):
            estimate, variance = self._line(x, z, index)
        _require_finite(estimate, variance)
        return self._predictions(estimate + rows.offset, variance, unseen, level, quantile, cuts)

    def _predictions(
        self,
        estimate: Floats,
        variance: Floats,
        unseen: NDArray[np.bool_],
        level: float,
        quantile: float,
        thresholds: Floats,
    ) -> Predictions:
        errors = np.sqrt(np.array((variance, variance + self.fit.sigma**2)))
        half = quantile * errors
        lower, upper = estimate - half, estimate + half
        names = tuple(effects.group for effects in self.fit.random)
        return Predictions(
            level=level,
            estimate=estimate,
            std_error=errors[0],
            lower=lower[0],
            upper=upper[0],
            prediction_std_error=errors[1],
            prediction_lower=lower[1],
            prediction_upper=upper[1],
            new_levels=tuple(names if new else () for new in unseen.tolist()),
            outcome=None
            if self.back is None
            else self.back.outcome(estimate, errors[1], lower[1], upper[1], thresholds),
        )

    def _single_line(
        self, columns: Mapping[str, Sequence[object] | NDArray[np.generic]]
    ) -> tuple[float, float, bool] | None:
        """Estimate, variance and whether the level is new, of one row; ``None``: the long way."""
        if self.single is None or self.lines is None or len(columns) != len(self.predictors):
            return None
        row: dict[str, object] = {}
        for predictor in self.predictors:
            values = columns.get(predictor.name, ())
            if len(values) != 1:
                return None
            row[predictor.name] = values[0]
        if (read := self.single.read(row)) is None:
            return None
        x, z, index = read
        estimate = dot(x, self.fit.solution.beta.tolist())
        estimate += dot(z, self.lines.modes[index].tolist())
        variance = quadratic([*x, *z], self.lines.covariances[index].tolist())
        scale, centre = self.units
        new = index < 0 and bool(self.places)
        line = scale * estimate + centre, scale**2 * max(variance, 0.0), new
        return line if isfinite(line[0]) and isfinite(line[1]) else None

    def _predictions_of_one(
        self,
        estimate: float,
        variance: float,
        new: bool,
        level: float,
        quantile: float,
        thresholds: Floats,
    ) -> Predictions:
        """As ``_predictions``, for one row."""
        error, spread = sqrt(variance), sqrt(variance + self.fit.sigma**2)
        lower, upper = estimate - quantile * spread, estimate + quantile * spread
        outcome = None
        if self.back is not None:
            outcome = self.back.outcome_of_one(estimate, spread, lower, upper, thresholds)
        return Predictions(
            level=level,
            estimate=_array(estimate),
            std_error=_array(error),
            lower=_array(estimate - quantile * error),
            upper=_array(estimate + quantile * error),
            prediction_std_error=_array(spread),
            prediction_lower=_array(lower),
            prediction_upper=_array(upper),
            new_levels=(tuple(effects.group for effects in self.fit.random if new),),
            outcome=outcome,
        )

    def _line(self, x: Floats, z: Floats, index: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Estimate and variance of x beta + z b, in the pilots' units; level -1 is not seen."""
        place, lines = index, self.lines
        if lines is None:
            seen, place = np.unique(index, return_inverse=True)
            lines = _Lines.of(Joint.of(self.fit, seen[seen >= 0]))
            if seen[0] < 0:
                place = place - 1
        estimate = x @ self.fit.solution.beta + (z * lines.modes[place]).sum(axis=1)
        both = np.concatenate((x, z), axis=1)
        variance = ((both[:, None, :] @ lines.covariances[place])[:, 0, :] * both).sum(axis=1)
        scale, centre = self.units
        return scale * estimate + centre, scale**2 * np.maximum(variance, 0.0)


@dataclass(frozen=True, slots=True)
class _Lines:
    """What the lines of L levels are made of; the last entry, index -1, is that of a new level.

    Attributes:
        modes: effects of a level, (L + 1, k).
        covariances: of the errors of beta and of these effects, (L + 1, p + k, p + k).
    """

    modes: Floats
    covariances: Floats

    @classmethod
    def of(cls, joint: Joint) -> _Lines:
        p, (n_levels, k) = len(joint.fixed), joint.modes.shape
        covariances = np.zeros((n_levels + 1, p + k, p + k))
        covariances[:, :p, :p] = joint.fixed
        covariances[:-1, :p, p:] = joint.cross
        covariances[:-1, p:, :p] = np.swapaxes(joint.cross, 1, 2)
        covariances[:-1, p:, p:] = joint.effects
        covariances[-1, p:, p:] = joint.between
        return cls(np.append(joint.modes, np.zeros((1, k)), axis=0), covariances)


@dataclass(frozen=True, slots=True)
class _Rows:
    """New rows as a frame, with the offset of each."""

    frame: Frame
    offset: Floats

    @classmethod
    def read(
        cls, model: Predictive, columns: Mapping[str, Sequence[object] | NDArray[np.generic]]
    ) -> _Rows:
        _require_columns(model.predictors, columns)
        n_rows = len(next(iter(columns.values()))) if columns else 1
        problems: list[Problem] = []
        numbers: dict[str, Floats] = {}
        factors: dict[str, Factor] = {}
        for predictor in model.predictors:
            values = columns[predictor.name]
            if predictor.kind == "number" or predictor.name in model.numeric:
                numbers[predictor.name] = _numbers(predictor.name, values, problems)
            if predictor.kind != "number":
                factors[predictor.name] = _levels(predictor, values, problems)
        if problems:
            raise DataError(*problems[:MAX_PROBLEMS])
        offset = model.fit.design.response.offset
        frame = Frame(n_rows, 0, numbers, factors)
        return cls(frame, np.zeros(n_rows) if offset is None else numbers[offset])

    def design(self, model: Predictive) -> tuple[Floats, Floats, NDArray[np.intp]]:
        """Rows of X and Z in the pilots' units, and each row's level, -1 for one not seen."""
        frame, design = self.frame, model.fit.design
        x_centre, x_scale, z_centre, z_scale = model.pilots
        own = [np.ones(frame.n_rows)]
        own += [column for block in design.fixed.blocks for column in block.columns(frame)]
        x = (np.array(own)[model.fit.kept].T - x_centre) / x_scale
        if not design.groupings:
            return x, np.zeros((frame.n_rows, 0)), np.full(frame.n_rows, -1)
        grouping = design.groupings[0]
        z = np.array(grouping.z_columns(frame)).T
        index = [model.places.get(label, -1) for label in _labels(grouping, frame)]
        return x, (z - z_centre) / z_scale, np.array(index, dtype=np.intp)


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


def _heed(new_levels: str, fit: Fit, unseen: NDArray[np.bool_]) -> None:
    """Raise what ``new_levels`` asks for."""
    if new_levels not in {"population", "reject"}:
        raise SpecError(
            Problem(
                "unknown_option",
                "new_levels is not one of population, reject",
                "use population or reject",
                ("new_levels",),
            )
        )
    if new_levels == "reject" and unseen.any():
        grouping = fit.design.groupings[0]
        raise DataError(
            *(
                Problem(
                    "new_level",
                    f"row {i + 1}: the model has not seen this level of {grouping.name}",
                    'use "new_levels": "population", or one of the levels of the data',
                    ("rows", i, grouping.columns[0]),
                )
                for i in np.flatnonzero(unseen)[:MAX_PROBLEMS].tolist()
            )
        )


def _require_finite(estimate: Floats, variance: Floats) -> None:
    wrong = np.flatnonzero(~(np.isfinite(estimate) & np.isfinite(variance)))
    if len(wrong):
        raise DataError(
            *(
                Problem(
                    "not_finite",
                    f"row {i + 1}: the numbers are too large to predict from",
                    "give numbers of the size that the model was fitted to",
                    ("rows", i),
                )
                for i in wrong[:MAX_PROBLEMS].tolist()
            )
        )


@dataclass(frozen=True, slots=True)
class _WayBack:
    """From the scale of the fit to that of the response's column.

    Attributes:
        inverse: of the response's expression.
        exponential: (a, b, c) when it is a exp(b y) + c.
        affine: (a, b) when it is a + b y.
        cuts: the thresholds asked for lately, as bytes, on the scale of the fit.
    """

    inverse: Inverse
    exponential: tuple[float, float, float] | None
    affine: tuple[float, float] | None
    cuts: dict[bytes, Floats] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, inverse: Inverse | None) -> _WayBack | None:
        if inverse is None:
            return None
        return cls(inverse, inverse.exponential(), inverse.affine())

    def outcome(
        self, estimate: Floats, spread: Floats, lower: Floats, upper: Floats, thresholds: Floats
    ) -> Outcome:
        """Push the predictive normal through the inverse of the response's expression."""
        inverse = self.inverse
        with np.errstate(all="ignore"):
            median, least, most = inverse.backward(np.array((estimate, lower, upper)))
            if not inverse.increasing:
                least, most = most, least
            above = special.ndtr((estimate[:, None] - self._cut(thresholds)) / spread[:, None])
            return Outcome(
                median=median,
                mean=self._mean(estimate, spread),
                lower=least,
                upper=most,
                thresholds=thresholds,
                exceedance=above if inverse.increasing else 1.0 - above,
            )

    def outcome_of_one(
        self, estimate: float, spread: float, lower: float, upper: float, thresholds: Floats
    ) -> Outcome:
        """As ``outcome``, for one row; in closed form, unless there is none or it overflows."""
        if self.exponential is None or not self.inverse.increasing:
            return self.outcome(*_arrays(estimate, spread, lower, upper), thresholds)
        scale, rate, shift = self.exponential
        least, most = self.inverse.range
        try:
            mean = scale * exp(rate * estimate + 0.5 * (rate * spread) ** 2) + shift
            median, low, high = (
                scale * exp(rate * min(max(y, least), most)) + shift
                for y in (estimate, lower, upper)
            )
        except OverflowError:
            return self.outcome(*_arrays(estimate, spread, lower, upper), thresholds)
        above = special.ndtr((estimate - self._cut(thresholds)) / spread)
        return Outcome(
            median=_array(median),
            mean=_array(mean),
            lower=_array(low),
            upper=_array(high),
            thresholds=thresholds,
            exceedance=above.reshape(1, -1),
        )

    def _cut(self, thresholds: Floats) -> Floats:
        """Thresholds on the scale of the fit.

        One outside the domain of the expression has no cut (nan) and so no probability; one below
        all values that the column can take is exceeded for sure, one above none.
        """
        key = thresholds.tobytes()
        found = self.cuts.get(key)
        if found is None:
            if len(self.cuts) >= REMEMBERED_CUTS:
                self.cuts.clear()
            found = self.cuts[key] = self.inverse.forward(thresholds)
        return found

    def _mean(self, estimate: Floats, spread: Floats) -> Floats:
        """In closed form where there is one, else by Gauss-Hermite quadrature."""
        if self.exponential is not None:
            scale, rate, shift = self.exponential
            return scale * np.exp(rate * estimate + 0.5 * (rate * spread) ** 2) + shift
        if self.affine is not None:
            return self.affine[0] + self.affine[1] * estimate
        nodes, weights = np.polynomial.hermite_e.hermegauss(QUADRATURE_NODES)
        values = self.inverse.backward(estimate[:, None] + spread[:, None] * nodes)
        return np.asarray(values @ (weights / weights.sum()))


def _array(value: float) -> Floats:
    return np.array([value])


def _arrays(a: float, b: float, c: float, d: float) -> tuple[Floats, Floats, Floats, Floats]:
    return _array(a), _array(b), _array(c), _array(d)
