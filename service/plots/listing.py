"""The plots that a model has, as they are told."""

from __future__ import annotations

from typing import Any, Final, get_args
from urllib.parse import quote

from pydantic_core import PydanticUndefined

from engine import Fit
from service.caps import REQUEST
from service.plots.registry import COMMON, PLOTS, Plot, choices
from service.schemas.plots import PlotFormat, PlotItem, PlotList, PlotParameter, PlotQuery

FORMATS: Final[tuple[PlotFormat, ...]] = get_args(PlotFormat)


def plots_of(model: str, fit: Fit, *, rows: bool) -> PlotList:
    """Return the plots of a model; without its rows those that need them are left out."""
    own = [
        plot
        for plot in PLOTS.values()
        if plot.lacks(fit) is None and (rows or plot.rows != "needed")
    ]
    return PlotList(
        model=model,
        parameters=[_parameter(PLOTS["residuals"], fit, name) for name in COMMON],
        items=[_item(model, fit, plot) for plot in own],
    )


def _item(model: str, fit: Fit, plot: Plot) -> PlotItem:
    base = f"/v1/models/{quote(model, safe='')}/plots/{plot.name}"
    return PlotItem(
        name=plot.name,
        title=plot.title,
        shows=plot.shows,
        alt=plot.alt(fit),
        parameters=[_parameter(plot, fit, name) for name in plot.takes],
        formats=list(FORMATS),
        links={form: f"{base}?format={form}" for form in FORMATS},
    )


def _parameter(plot: Plot, fit: Fit, name: str) -> PlotParameter:
    field = PlotQuery.model_fields[name]
    offered = choices(plot, fit, name)
    default: Any = None if field.default is PydanticUndefined else field.default
    repeated = isinstance(default, list)
    return PlotParameter(
        name=name,
        description=field.description or "Probability that the interval covers.",
        choices=None if offered is None else list(offered[: REQUEST.page_items]),
        default=None if repeated else default,
        repeated=repeated,
    )
