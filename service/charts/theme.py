"""How all charts look: light, readable in greyscale and by the colour-blind."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import altair as alt

from service.plots.figure import Columns, Figure

# The three ways of pooling differ in lightness and in dash too (colours after Okabe and Ito).
WAYS: Final = ("complete pooling", "no pooling", "partial pooling")
WAY_COLOURS: Final = ("#767676", "#e69f00", "#00427e")
WAY_DASHES: Final = ([2, 3], [8, 4], [1, 0])

INK: Final = "#222222"
BLUE: Final = "#0072b2"
ORANGE: Final = "#d55e00"
PALE: Final = "#9a9a9a"
SKY: Final = "#a6cee3"

WIDTH: Final = 420
HEIGHT: Final = 320

_FONT: Final = "Liberation Sans, Arial, Helvetica, sans-serif"


def data(columns: Columns) -> alt.InlineData:
    """Return a table as data that stand in the chart."""
    names = list(columns)
    rows = [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return alt.InlineData(values=rows)


def finish(chart: Any, figure: Figure) -> Any:
    """Return a chart with its title, its description and the look of all charts."""
    title = alt.TitleParams(
        figure.title,
        subtitle=list(figure.subtitle),
        anchor="start",
        fontSize=15,
        subtitleFontSize=12,
        subtitleColor="#555555",
        offset=12,
        limit=0,
    )
    return (
        chart.properties(title=title, description=figure.alt, background="white", padding=12)
        .configure(font=_FONT)
        .configure_axis(
            labelFontSize=11,
            titleFontSize=12,
            titleFontWeight="normal",
            gridColor="#e6e6e6",
            labelColor=INK,
            titleColor=INK,
            labelLimit=220,
            titleLimit=600,
            titlePadding=9,
        )
        .configure_legend(
            labelFontSize=11, titleFontSize=12, titleFontWeight="normal", columnPadding=20
        )
        .configure_header(labelFontSize=12, titleFontSize=12, labelColor=INK)
        .configure_view(stroke="#cccccc")
    )


def span(*columns: Sequence[float | None], room: float = 0.05) -> list[float]:
    """Return the least and the greatest of all values, with room on either side."""
    values = [x for column in columns for x in column if x is not None]
    if not values:
        return [0.0, 1.0]
    low, high = min(values), max(values)
    aside = room * (high - low) or max(abs(low), 1.0) * room
    return [low - aside, high + aside]


def log_span(sizes: Sequence[float]) -> list[float]:
    """Return the ends of a log axis of sizes, with room on either side."""
    low, high = math.log(min(sizes)), math.log(max(sizes))
    aside = max(0.06 * (high - low), 0.1)
    return [math.exp(low - aside), math.exp(high + aside)]


def x_axis(figure: Figure, field: str, scale: alt.Scale | None = None, **axis: Any) -> alt.X:
    """Return a number on the x axis, titled."""
    own = scale or alt.Scale(zero=False)
    return alt.X(field, type="quantitative", scale=own, axis=alt.Axis(**axis)).title(
        figure.words["x"]
    )


def y_axis(figure: Figure, field: str, scale: alt.Scale | None = None) -> alt.Y:
    """Return a number on the y axis, titled."""
    own = scale or alt.Scale(zero=False)
    return alt.Y(field, type="quantitative", scale=own).title(figure.words["y"])


def size_axis(figure: Figure, field: str, sizes: Sequence[float]) -> alt.X:
    """Return numbers of rows on the x axis, by their logarithm."""
    low, high = log_span(sizes)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [m * 10**p for p in powers for m in (1, 2, 5) if low <= m * 10**p <= high and p >= 0]
    if len(ticks) > 9:
        ticks = [tick for tick in ticks if str(tick)[0] == "1"]
    return x_axis(figure, field, size_scale(sizes), values=ticks, format="~s")


def size_scale(sizes: Sequence[float]) -> alt.Scale:
    """Return the scale of numbers of rows."""
    return alt.Scale(type="log", domain=log_span(sizes), nice=False)


def tooltips(**named: str) -> list[alt.Tooltip]:
    """Return what is told of a mark: a field under each title."""
    return [
        alt.Tooltip(field, type="nominal", title=title)
        if field in {"level", "name", "row", "parameter", "n", "rows"}
        else alt.Tooltip(field, type="quantitative", title=title, format=".4g")
        for title, field in named.items()
    ]
