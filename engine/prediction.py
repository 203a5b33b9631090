"""Predictions for new rows: the group line, a new observation, and the outcome on its own scale."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite, sqrt

import numpy as np
import scipy

from engine.chosen import Asked, Chosen
from engine.errors import DataError, Problem, SpecError
from engine.fit import Fit
from engine.inference.fixed import require_level
from engine.joint import Joint
from engine.lines import Lines, lines, population
from engine.needs import Needs
from engine.newdata import MAX_PROBLEMS, Rows, Values
from engine.outcome import Cuts, Outcome, bring_back, bring_back_one
from engine.ready import Ready
from engine.response import Inverse, invert
from engine.single import SingleRow, dot, quadratic
from engine.table import Floats

REMEMBERED_CUTS = 100
REMEMBERED_VIEWS = 20
READY_LEVELS = 10_000
"""Up to so many levels of one grouping factor, the lines of all are kept ready."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """Predictions for r rows, on the scale the model was fitted on.

    Intervals have normal quantiles. ``std_error`` is that of the group line, fixed and random
    effects jointly; ``prediction_std_error`` adds the residual variance, over the weight in a model
    with prior weights. Random effects that are not counted are zero, without variance.

    Attributes:
        level: of the intervals.
        estimate, std_error, lower, upper: the group line (r,).
        prediction_std_error, prediction_lower, prediction_upper: a new observation (r,).
        new_levels: by row, the groups whose level the model has not seen.
        outcome: on the scale of the column; ``None`` when the response cannot be inverted.
        weights: prior weights of the new observations (r,); ``None`` for a model without.
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
    weights: Floats | None = None


def predict(
    fit: Fit,
    columns: Mapping[str, Values],
    *,
    level: float = 0.95,
    thresholds: Sequence[float] = (),
    new_levels: str = "population",
    random_effects: Asked = "all",
) -> Predictions:
    """Predict r new rows.

    Args:
        fit: the model.
        columns: those of :func:`predictors`, and any of :func:`optional_predictors`, each of r
            values. Columns of random effects that are not counted must not be there.
        level: of both intervals, between 0 and 1.
        thresholds: on the scale of the response's column.
        new_levels: "population" predicts a level not seen from the fixed effects, with the whole
            variance between levels; "reject" refuses it.
        random_effects: those that are counted: "all", "none", or random terms of the formula (or
            less: ``(1 | g)`` of ``(x | g)``), as lme4's ``re.form``. The others are zero.

    Raises:
        SpecError: columns missing or too many, of unequal length, or an option is wrong.
        DataError: values that do not fit, one problem each, with path ("rows", i, name).
    """
    model = Predictive.of(fit).counting(random_effects)
    return model.predict(columns, level=level, thresholds=thresholds, new_levels=new_levels)


@dataclass(frozen=True, slots=True)
class Predictive:
    """A fit made ready to predict: what does not depend on the rows, worked out once.

    Attributes:
        fit: the model.
        needs: what a row must and may carry.
        inverse: the way back to the scale of the column, if there is one.
        ready: the lines of all levels of the one grouping factor, or ``None`` where they are worked
            out for the rows' own levels.
        single: the quick way for one row, or ``None`` when the design has what it does not read.
        cuts: thresholds asked for lately.
        views: the same model with other random effects counted, asked for lately.
    """

    fit: Fit
    needs: Needs
    inverse: Inverse | None
    ready: Ready | None
    single: SingleRow | None
    cuts: dict[tuple[float, ...], Cuts | None] = field(
        default_factory=dict, repr=False, compare=False
    )
    views: dict[Hashable, Predictive] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, fit: Fit) -> Predictive:
        """Make a fit ready."""
        response = fit.design.response
        few = len(fit.random) <= 1 and all(len(own.levels) <= READY_LEVELS for own in fit.random)
        needs = Needs.of(fit, Chosen.of(fit))
        own_weight = any(own.name == fit.spec.weights for own in needs.required)
        return cls(
            fit=fit,
            needs=needs,
            inverse=invert(response.expr, response.states),
            ready=Ready.of(Joint.of(fit)) if few else None,
            single=SingleRow.of(fit) if few and not own_weight else None,
        )

    def counting(self, random_effects: Asked) -> Predictive:
        """The same model with some of the random effects counted; see :func:`predict`.

        Raises:
            SpecError: they are not of the model.
        """
        if random_effects == "all":
            return self.views.get("all", self)
        key = random_effects if isinstance(random_effects, str) else tuple(random_effects)
        found = self.views.get(key)
        if found is None:
            chosen = Chosen.of(self.fit, random_effects)
            if chosen.whole:
                found = self
            else:
                needs = Needs.of(self.fit, chosen)
                found = replace(self, needs=needs, single=None, views={"all": self})
            if len(self.views) < REMEMBERED_VIEWS:
                self.views[key] = found
        return found

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
        quantile = -float(scipy.special.ndtri((1.0 - level) / 2.0))
        cuts = self._cuts(thresholds)
        single = self._single_line(columns) if new_levels == "population" else None
        if single is not None:
            return self._predictions_of_one(*single, level, quantile, cuts)
        rows = Rows.read(self.fit, self.needs, columns)
        self._heed(new_levels, rows)
        with np.errstate(all="ignore"):
            own, units = self._lines(rows), self.fit.units
            estimate = units.y * own.estimate + self.fit.y_centre + rows.offset
            variance = units.y**2 * own.variance
            residual = self.fit.sigma**2 / (1.0 if rows.weights is None else rows.weights)
            errors = np.sqrt(np.array((variance, variance + residual)))
            lower, upper = estimate - quantile * errors, estimate + quantile * errors
        _refuse_not_finite(estimate + errors[1])
        outcome = None
        if self.inverse is not None and cuts is not None:
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
            weights=rows.weights,
        )

    def _cuts(self, thresholds: Sequence[float]) -> Cuts | None:
        """The thresholds on both scales, ``None`` without a way back; remembered."""
        key = tuple(thresholds)
        if key in self.cuts:
            return self.cuts[key]
        checked = _checked(key)
        found = None if self.inverse is None else Cuts.of(self.inverse, checked)
        if len(self.cuts) < REMEMBERED_CUTS:
            self.cuts[key] = found
        return found

    def _lines(self, rows: Rows) -> Lines:
        if not any(map(self.needs.chosen.counts, range(len(rows.index)))):
            return population(self.fit, rows.x)
        if self.ready is None:
            return lines(self.fit, rows.x, rows.z, rows.index)
        return self.ready.lines(self.fit.solution.beta, rows.x, rows.z[0], rows.index[0])

    def _unseen(self, rows: Rows) -> tuple[tuple[str, ...], ...]:
        """By row, the groups that are counted and whose level is new."""
        counted = [which for which in range(len(rows.index)) if self.needs.chosen.counts(which)]
        names = [self.fit.random[which].group for which in counted]
        if not names:
            return ((),) * len(rows.x)
        return tuple(
            tuple(name for name, place in zip(names, places, strict=True) if place < 0)
            for places in zip(*(rows.index[which].tolist() for which in counted), strict=True)
        )

    def _heed(self, new_levels: str, rows: Rows) -> None:
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
        if new_levels == "population":
            return
        problems = [
            Problem(
                "new_level",
                f"row {i + 1}: the model has not seen this level of {grouping.name}",
                'use "new_levels": "population", or one of the levels of the data',
                ("rows", i, grouping.columns[0]),
            )
            for which, grouping in enumerate(self.fit.design.groupings)
            if self.needs.chosen.counts(which)
            for i in np.flatnonzero(rows.index[which] < 0)[:MAX_PROBLEMS].tolist()
        ]
        if problems:
            raise DataError(*problems[:MAX_PROBLEMS])

    def _single_line(self, columns: Mapping[str, Values]) -> tuple[float, float, bool] | None:
        """Estimate, variance and whether the level is new, of one row; ``None``: the long way."""
        required = self.needs.required
        if self.single is None or self.ready is None or len(columns) != len(required):
            return None
        row: dict[str, object] = {}
        for predictor in required:
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
        cuts: Cuts | None,
    ) -> Predictions:
        """The predictions of one row."""
        error, spread = sqrt(variance), sqrt(variance + self.fit.sigma**2)
        lower, upper = estimate - quantile * spread, estimate + quantile * spread
        outcome = None
        if self.inverse is not None and cuts is not None:
            outcome = bring_back_one(self.inverse, estimate, spread, lower, upper, cuts)
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
            weights=None if self.fit.spec.weights is None else np.ones(1),
        )


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


def _checked(thresholds: Sequence[float]) -> Floats:
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
