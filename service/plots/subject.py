"""What a plot is of: a fitted model, the rows where they are, and how things are called."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final

import pyarrow as pa
from msgspec import Struct

from engine import (
    DataError,
    Fit,
    Problem,
    RandomEffects,
    SpecError,
    describe_response,
    level_means,
)
from service.fitting import Fitted
from service.plots.figure import listed

INTERCEPT: Final = "(Intercept)"

# Units of columns of the datasets that come with the service.
UNITS: Final = {
    "minnesota-radon": {"radon": "pCi/L", "log_uranium": "log ppm"},
    "us-radon": {"radon": "pCi/L", "log_uranium": "log ppm"},
}


class Subject(Struct, frozen=True, dict=True):
    """The model that a plot is of.

    Attributes:
        fitted: the model.
        dataset: name of its dataset, if that is kept and has one.
        table: the model's columns of its dataset; ``None`` when the rows are not here, or not
            needed.
        found: what was computed as a job.
        unit: of the response's column, when the client says.
    """

    fitted: Fitted
    dataset: str | None = None
    table: pa.Table | None = None
    found: Any = None
    unit: str | None = None

    @property
    def fit(self) -> Fit:
        """The fit."""
        return self.fitted.fit

    @cached_property
    def response(self) -> str:
        """The response as an axis is titled: its expression, and the unit of its column."""
        told = describe_response(self.fit)
        unit = self.unit_of(told.column or "")
        if not unit:
            return told.expression
        if told.expression == told.column:
            return f"{told.column} ({unit})"
        return f"{told.expression}, {told.column} in {unit}"

    @cached_property
    def outcome(self) -> str:
        """The response's column with its unit."""
        column = describe_response(self.fit).column or ""
        unit = self.unit_of(column)
        return f"{column} ({unit})" if unit else column

    def unit_of(self, column: str) -> str:
        """Return the unit of a column, or nothing."""
        if self.unit is not None and column == describe_response(self.fit).column:
            return self.unit
        return UNITS.get(self.dataset or "", {}).get(column, "")

    def titled(self, column: str) -> str:
        """Return the name of a column with its unit."""
        unit = self.unit_of(column)
        return f"{column} ({unit})" if unit else column

    @property
    def rows(self) -> pa.Table:
        """The rows; the caller has seen to it that they are here."""
        if self.table is None:
            raise DataError(Problem("rows_not_kept", "the rows of the model are not here", "", ()))
        return self.table


def group_of(fit: Fit, name: str | None) -> RandomEffects:
    """Return the random effects of a group, the first when none is named."""
    for effects in fit.random:
        if name is None or effects.group == name:
            return effects
    known = listed([effects.group for effects in fit.random])
    raise SpecError(
        Problem("unknown_group", "the model has no such group", f"use {known}", ("group",))
    )


def term_of(effects: RandomEffects, name: str | None) -> int:
    """Return the place of a term of random effects: the intercept's or the first by default."""
    if name is None:
        return effects.terms.index(INTERCEPT) if INTERCEPT in effects.terms else 0
    if name not in effects.terms:
        detail = f"no effect of this name varies by {effects.group}"
        raise SpecError(Problem("unknown_term", detail, f"use {listed(effects.terms)}", ("term",)))
    return effects.terms.index(name)


def plural(group: str) -> str:
    """Return the levels of a group in words."""
    return f"levels of {group}"


def held_at_zero(fit: Fit, group: str) -> str:
    """Return in words which predictors the lines of levels have at 0: those that vary within."""
    same = {INTERCEPT, *level_means(fit, group).terms}
    held = [name for name in fit.coefficients if name not in same]
    if not held:
        return ""
    return f", {' and '.join(held) if len(held) < 3 else 'predictors'} at 0"


# Why a model has not what a plot shows.


def no_groups(fit: Fit) -> Problem | None:
    """Tell that a model has no random effects."""
    if fit.random:
        return None
    return Problem("no_groups", "the model has no random effects", "fit one with (1 | group)", ())


def no_intercepts(fit: Fit) -> Problem | None:
    """Tell that no group of a model has intercepts that vary."""
    if any(INTERCEPT in effects.terms for effects in fit.random):
        return None
    detail = "no intercepts vary in the model"
    return no_groups(fit) or Problem("no_intercepts", detail, "fit one with (1 | group)", ())


def not_one_group(fit: Fit) -> Problem | None:
    """Tell that a model has not one grouping factor with intercepts, fixed and by level."""
    if (missing := no_intercepts(fit)) is not None:
        return missing
    if len(fit.random) > 1:
        detail = "the model has several grouping factors"
        return Problem("several_groups", detail, "fit one with a single group", ())
    if INTERCEPT not in fit.coefficients:
        detail = "the model has no fixed intercept"
        return Problem("no_fixed_intercept", detail, "leave 0 out of its formula", ())
    return None


def not_invertible(fit: Fit) -> Problem | None:
    """Tell that predictions cannot be brought back to the scale of the response's column."""
    if describe_response(fit).invertible:
        return None
    detail = "the response's expression has no inverse"
    hint = "fit a response of one column, by log, sqrt and the like"
    return Problem("not_invertible", detail, hint, ())
