"""Counties, darker or lighter by a number."""

from __future__ import annotations

from typing import Any

import altair as alt

from service.charts import theme
from service.plots.figure import Figure


def county_map(figure: Figure) -> Any:
    """Return the counties, white with a broken outline where there is no number."""
    table, measure = figure.tables["counties"], figure.words["measure"]
    shapes = [
        {
            "type": "Feature",
            "geometry": shape,
            "properties": {"name": name, "value": value, "n": n},
        }
        for shape, name, value, n in zip(
            *(table[key] for key in ("shape", "name", "value", "n")), strict=True
        )
    ]
    style = ".0%" if measure == "exceedance" else ".3~g"
    told = [
        alt.Tooltip("properties.name:N", title="county"),
        alt.Tooltip("properties.value:Q", title=figure.words["value"], format=style),
        alt.Tooltip("properties.n:Q", title="rows"),
    ]
    colour = alt.Color(
        "properties.value:Q",
        scale=alt.Scale(scheme="cividis", reverse=True, zero=False, nice=False),
        legend=alt.Legend(
            title=figure.words["legend"],
            format=style,
            gradientLength=220,
            orient="right",
            tickCount=6,
        ),
    )
    chart = alt.Chart(alt.InlineData(values=shapes))
    without = chart.mark_geoshape(
        fill="white", stroke=theme.PALE, strokeWidth=0.7, strokeDash=[3, 2]
    ).encode(tooltip=told)
    with_value = (
        chart.transform_filter("isValid(datum.properties.value)")
        .mark_geoshape(stroke="white", strokeWidth=0.7)
        .encode(color=colour, tooltip=told)
    )
    return (
        alt.layer(without, with_value)
        .project(type="mercator")
        .properties(width=figure.width or 440, height=figure.height or 500)
    )
