"""Predictions for new rows: the group line, a new observation, and the outcome on its own scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import special

from engine.errors import DataError, Problem, SpecError
from engine.fit import Fit
from engine.inference.fixed import require_level
from engine.joint import Joint
from engine.lines import Lines, lines
from engine.newdata import MAX_PROBLEMS, Predictor, Rows, Values, predictors
from engine.outcome import Outcome, bring_back, bring_back_one
from engine.response import Inverse, invert
from engine.single import SingleRow, dot, quadratic
from engine.table import Floats

READY_LEVELS = 10_000
"""Up to so many levels of one grouping factor, the lines of all are kept ready."""


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


def predict(
    fit: Fit,
    columns: Mapping[str, Values],
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
        inverse: the way back to the scale of the column, if there is one.
        ready: the lines of all levels of the one grouping factor, or ``None`` where they are worked
            out for the rows' own levels.
        single: the quick way for one row, or ``None`` when the design has what it does not read.
    """

    fit: Fit
    predictors: tuple[Predictor, ...]
    inverse: Inverse | None
    ready: _Ready | None
    single: SingleRow | None

    @classmethod
    def of(cls, fit: Fit) -> Predictive:
        """Make a fit ready."""
        response = fit.design.response
        few = len(fit.random) <= 1 and all(len(own.levels) <= READY_LEVELS for own in fit.random)
        return cls(
            fit=fit,
            predictors=predictors(fit),
            inverse=invert(response.expr, response.states),
            ready=_Ready.of(Joint.of(fit)) if few else None,
            single=SingleRow.of(fit) if few else None,
        )

    def predict(
        self,
        columns: Mapping[str, Values],
        *,
        level: float = 0.95,
        thresholds: Sequence[float] = (),
        new_levels: str = "population",
    ) -> Predictions:
        """Predict r new rows; see :func:`predict`."""
        require_level(level)
        quantile = -float(special.ndtri((1.0 - level) / 2.0))
        cuts = _cuts(thresholds)
        single = self._single_line(columns) if new_levels == "population" else None
        if single is not None:
            return self._predictions_of_one(*single, level, quantile, cuts)
        rows = Rows.read(self.fit, self.predictors, columns)
        _heed(new_levels, self.fit, rows.index)
        with np.errstate(all="ignore"):
            own, units = self._lines(rows), self.fit.units
            estimate = units.y * own.estimate + self.fit.y_centre + rows.offset
            variance = units.y**2 * own.variance
            errors = np.sqrt(np.array((variance, variance + self.fit.sigma**2)))
            lower, upper = estimate - quantile * errors, estimate + quantile * errors
        _refuse_not_finite(estimate + errors[1])
        outcome = None
        if self.inverse is not None:
            outcome = bring_back(self.inverse, estimate, errors[1], lower[1], upper[1], cuts)
        return Predictions(
            level=level,
            estimate=estimate,
            std_error=errors[0],
            lower=lower[0],
            upper=upper[0],
            prediction_std_error=errors[1],
            prediction_lower=lower[1],
            prediction_upper=upper[1],
            new_levels=self._unseen(rows),
            outcome=outcome,
        )

    def _lines(self, rows: Rows) -> Lines:
        if self.ready is None:
            return lines(self.fit, rows.x, rows.z, rows.index)
        z = rows.z[0] if rows.z else np.zeros((len(rows.x), 0))
        index = rows.index[0] if rows.index else np.full(len(rows.x), -1)
        return self.ready.lines(self.fit.solution.beta, rows.x, z, index)

    def _unseen(self, rows: Rows) -> tuple[tuple[str, ...], ...]:
        """By row, the groups whose level is new."""
        names = [effects.group for effects in self.fit.random]
        if not names:
            return ((),) * len(rows.x)
        return tuple(
            tuple(name for name, place in zip(names, places, strict=True) if place < 0)
            for places in zip(*(own.tolist() for own in rows.index), strict=True)
        )

    def _single_line(self, columns: Mapping[str, Values]) -> tuple[float, float, bool] | None:
        """Estimate, variance and whether the level is new, of one row; ``None``: the long way."""
        if self.single is None or self.ready is None or len(columns) != len(self.predictors):
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
        own = dot(x, self.fit.solution.beta.tolist()) + dot(z, self.ready.modes[index].tolist())
        own_variance = quadratic([*x, *z], self.ready.covariances[index].tolist())
        scale = self.fit.units.y
        estimate, variance = scale * own + self.fit.y_centre, scale**2 * max(own_variance, 0.0)
        new = index < 0 and bool(self.fit.random)
        return (estimate, variance, new) if isfinite(estimate + variance) else None

    def _predictions_of_one(
        self,
        estimate: float,
        variance: float,
        new: bool,
        level: float,
        quantile: float,
        thresholds: Floats,
    ) -> Predictions:
        """The predictions of one row."""
        error, spread = sqrt(variance), sqrt(variance + self.fit.sigma**2)
        lower, upper = estimate - quantile * spread, estimate + quantile * spread
        outcome = None
        if self.inverse is not None:
            outcome = bring_back_one(self.inverse, estimate, spread, lower, upper, thresholds)
        return Predictions(
            level=level,
            estimate=np.array([estimate]),
            std_error=np.array([error]),
            lower=np.array([estimate - quantile * error]),
            upper=np.array([estimate + quantile * error]),
            prediction_std_error=np.array([spread]),
            prediction_lower=np.array([lower]),
            prediction_upper=np.array([upper]),
            new_levels=(tuple(effects.group for effects in self.fit.random if new),),
            outcome=outcome,
        )


@dataclass(frozen=True, slots=True)
class _Ready:
    """What the lines of L levels are made of; the last entry, index -1, is that of a new level.

    Attributes:
        modes: effects of a level, (L + 1, k).
        covariances: of the errors of beta and of these effects, (L + 1, p + k, p + k).
    """

    modes: Floats
    covariances: Floats

    @classmethod
    def of(cls, joint: Joint) -> _Ready:
        p, (n_levels, k) = len(joint.fixed), joint.modes.shape
        covariances = np.zeros((n_levels + 1, p + k, p + k))
        covariances[:, :p, :p] = joint.fixed
        covariances[:-1, :p, p:] = joint.cross
        covariances[:-1, p:, :p] = np.swapaxes(joint.cross, 1, 2)
        covariances[:-1, p:, p:] = joint.effects
        covariances[-1, p:, p:] = joint.between
        return cls(np.append(joint.modes, np.zeros((1, k)), axis=0), covariances)

    def lines(self, beta: Floats, x: Floats, z: Floats, index: NDArray[np.intp]) -> Lines:
        """Estimates and variances of rows, in the pilots' units."""
        estimate = x @ beta + (z * self.modes[index]).sum(axis=1)
        both = np.concatenate((x, z), axis=1)
        variance = ((both[:, None, :] @ self.covariances[index])[:, 0, :] * both).sum(axis=1)
        return Lines(estimate, np.maximum(variance, 0.0))


def _refuse_not_finite(values: Floats) -> None:
    bad = np.flatnonzero(~np.isfinite(values))[:MAX_PROBLEMS].tolist()
    if bad:
        raise DataError(
            *(
                Problem(
                    "not_finite",
                    f"row {i + 1}: the prediction is too large a number",
                    "give values nearer to those of the data",
                    ("rows", i),
                )
                for i in bad
            )
        )


def _cuts(thresholds: Sequence[float]) -> Floats:
    cuts = np.asarray(thresholds, dtype=np.float64)
    problems = [
        Problem(
            "bad_threshold",
            f"threshold {i + 1} is not a finite number",
            "give a number on the scale of the response's column",
            ("thresholds", i),
        )
        for i in np.flatnonzero(~np.isfinite(cuts)).tolist()
    ]
    if problems:
        raise SpecError(*problems)
    return cuts


def _heed(new_levels: str, fit: Fit, index: Sequence[NDArray[np.intp]]) -> None:
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
    if problems and new_levels == "reject":
        raise DataError(*problems[:MAX_PROBLEMS])
