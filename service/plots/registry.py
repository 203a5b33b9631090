"""The plots there are: one table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from engine import Fit, Problem, describe_response, parameters
from service.plots import (
    caterpillar,
    counties,
    intercepts,
    lines,
    maps,
    predictive,
    profiles,
    quantiles,
    residuals,
    shrinkage,
    sizes,
    subject,
)
from service.plots.figure import Figure
from service.plots.subject import Subject
from service.schemas.plots import PlotQuery

Rows: TypeAlias = Literal["needed", "wanted", "no"]


class Plot(Struct, frozen=True):
    """A kind of plot.

    Attributes:
        name: in its path.
        title: what it is.
        shows: what it shows, and what to look for.
        takes: parameters of its own.
        lacks: tells why a model has no such plot, if it has none.
        gather: makes its figure.
        rows: whether the rows of the model have to be read: ``wanted`` ones may be gone.
    """

    name: str
    title: str
    shows: str
    takes: tuple[str, ...]
    lacks: Callable[[Fit], Problem | None]
    gather: Callable[[Subject, PlotQuery], Figure]
    rows: Rows = "no"

    def alt(self, fit: Fit) -> str:
        """Return what it shows of a model, in a sentence."""
        response = describe_response(fit).expression
        groups = " and ".join(effects.group for effects in fit.random)
        by = f", by {groups}" if groups else ""
        return f"{self.title} of the model of {response}{by}, {fit.n_rows:,} rows."


def nothing(_: Fit) -> None:
    """Every model has it."""


_TABLE: Final = (
    Plot(
        "means",
        "Means of levels against sample size",
        "The mean response of each level with its standard error, by how many rows it has: small "
        "levels scatter widely by chance alone.",
        ("group",),
        subject.no_intercepts,
        sizes.means,
    ),
    Plot(
        "pooling",
        "No pooling and partial pooling against sample size",
        "The line of each level by its own rows, beside that of the model: levels with few rows "
        "are drawn towards the whole.",
        ("group",),
        subject.not_one_group,
        sizes.poolings,
    ),
    Plot(
        "lines",
        "Regression lines under complete, no and partial pooling",
        "The rows of some levels of different sizes with three lines each: the line by partial "
        "pooling lies between the other two.",
        ("group", "levels", "predictor"),
        lines.without_line,
        lines.lines,
        "needed",
    ),
    Plot(
        "intercepts",
        "Intercepts against a predictor of the level",
        "The intercepts of levels with their errors, and the line that the predictor gives: what "
        "is left about it is the variation between levels that it does not explain.",
        ("group", "predictor"),
        intercepts.without_level_predictor,
        intercepts.intercepts,
    ),
    Plot(
        "caterpillar",
        "Caterpillar plot of effects",
        "The effects of all levels in order with 95 % intervals: which differ from the average.",
        ("group", "term"),
        subject.no_groups,
        caterpillar.caterpillar,
    ),
    Plot(
        "shrinkage",
        "Shrinkage",
        "An arrow for each level from the estimate by its own rows to that of the model.",
        ("group", "term"),
        subject.no_groups,
        shrinkage.shrinkage,
    ),
    Plot(
        "residuals",
        "Residuals against fitted values",
        "A cloud without shape is good; a bend asks for another term, a funnel for another scale.",
        (),
        nothing,
        residuals.residuals,
        "needed",
    ),
    Plot(
        "residual-quantiles",
        "Normal quantile plot of the residuals",
        "Points on the line are as a normal distribution has them; ends that bend away are tails.",
        (),
        nothing,
        quantiles.of_residuals,
        "needed",
    ),
    Plot(
        "effect-quantiles",
        "Normal quantile plot of effects",
        "Conditional modes against normal quantiles; shrinkage makes them look more normal than "
        "the effects are.",
        ("group", "term"),
        subject.no_groups,
        quantiles.of_effects,
    ),
    Plot(
        "profile",
        "Profile curves",
        "How fast the likelihood falls as a parameter leaves its estimate: a straight line is a "
        "normal estimate, a bent one has an interval that is not symmetric.",
        ("parameter", "level"),
        nothing,
        profiles.profiles,
    ),
    Plot(
        "predictive",
        "Predictive distribution of a new row",
        "How likely each value of the response is for a new row, and how much of it is over the "
        "action level.",
        ("at", "action_level", "level"),
        subject.not_invertible,
        predictive.predictive,
        "wanted",
    ),
    Plot(
        "map",
        "Map of counties",
        "The counties of Minnesota: the median of a new row, the probability that it is over the "
        "action level, or the standard error of the county's line.",
        ("group", "measure", "at", "action_level"),
        counties.without_counties,
        maps.county_map,
        "needed",
    ),
)

PLOTS: Final[Mapping[str, Plot]] = {plot.name: plot for plot in _TABLE}

COMMON: Final = ("format", "title", "x_title", "y_title", "unit", "width", "height", "scale")
"""Parameters of all plots."""


def choices(plot: Plot, fit: Fit, name: str) -> Sequence[str] | None:
    """Return what a parameter of a plot may be for a model; ``None`` for free values."""
    match plot.name, name:
        case _, "format":
            return ("vega-lite", "svg", "png", "html")
        case _, "measure":
            return ("median", "exceedance", "uncertainty")
        case _, "group":
            return [effects.group for effects in fit.random]
        case _, "term":
            return list(dict.fromkeys(t for effects in fit.random for t in effects.terms))
        case _, "parameter":
            return [parameter.name for parameter in parameters(fit)]
        case "lines", "predictor":
            return lines.candidates(fit)
        case "intercepts", "predictor":
            return intercepts.level_predictors(fit)
        case "lines", "levels":
            return fit.random[0].levels
    return None
