"""Arrows from one estimate to another."""

from __future__ import annotations

import math
from typing import Any

import altair as alt

from service.charts import theme
from service.plots.figure import Columns, Figure


def shrinkage(figure: Figure) -> Any:
    """Return an arrow for each level: hollow where it starts, a head where it ends."""
    table, by_size = figure.tables["arrows"], "log" in figure.numbers
    width, height = figure.width or 480, figure.height or 400
    ends_y = theme.span(table["y"], table["y2"])
    if by_size:
        sizes = table["x"] or [1.0]
        across, x = theme.size_scale(sizes), theme.size_axis(figure, "x", sizes)
        ends_x = [math.log(end) for end in theme.log_span(sizes)]
    else:
        ends_x = theme.span(table["x"], table["x2"])
        across = alt.Scale(domain=ends_x, nice=False, zero=False)
        x = theme.x_axis(figure, "x", across)
    pixels = (width / (ends_x[1] - ends_x[0]), height / (ends_y[1] - ends_y[0]))
    turned = {**table, "angle": _angles(table, pixels, by_size=by_size)}
    base = alt.Chart(theme.data(turned))
    told = theme.tooltips(
        **{figure.words["level"]: "level", "rows": "n", "alone": "y", "in the model": "y2"}
    )
    up = alt.Scale(domain=ends_y, nice=False, zero=False)
    y = theme.y_axis(figure, "y", up)
    fixed = [
        alt.Chart(theme.data({axis: [value]}))
        .mark_rule(color=theme.INK, strokeDash=[5, 4])
        .encode(**{axis: x if axis == "x" else y})
        for axis, value in figure.numbers.items()
        if axis != "log"
    ]
    start = base.encode(x=x, y=y)
    end = base.encode(x=alt.X("x2:Q", scale=across), y=alt.Y("y2:Q", scale=up), tooltip=told)
    head = alt.Angle("angle:Q", scale=alt.Scale(domain=[0, 360], range=[0, 360]))
    return alt.layer(
        *fixed,
        start.mark_rule(color=theme.PALE, strokeWidth=1).encode(
            x2=alt.X2("x2:Q"), y2=alt.Y2("y2:Q")
        ),
        start.mark_point(size=22, color=theme.ORANGE, strokeWidth=1.2, opacity=1, fill="white"),
        end.mark_point(shape="triangle", size=55, filled=True, color=theme.BLUE, opacity=1).encode(
            angle=head
        ),
    ).properties(width=width, height=height)


def _angles(table: Columns, pixels: tuple[float, float], *, by_size: bool) -> list[float]:
    """Return where each arrow points to on the screen: degrees from upwards, clockwise."""
    found = []
    for x, x2, y, y2 in zip(table["x"], table["x2"], table["y"], table["y2"], strict=True):
        right = 0.0 if by_size else (x2 - x) * pixels[0]
        found.append(round(math.degrees(math.atan2(right, (y2 - y) * pixels[1])) % 360.0, 2))
    return found
