"""Profile curves, a panel for each parameter."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import altair as alt

from service.charts import theme
from service.plots.figure import Figure


def profiles(figure: Figure) -> Any:
    """Return a panel for each parameter, with the ends of its interval."""
    table = figure.tables["curves"]
    names = list(dict.fromkeys(table["parameter"]))
    columns = min(3, max(len(names), 1))
    cut = NormalDist().inv_cdf(0.5 + figure.numbers["level"] / 2.0)
    base = alt.Chart().encode(
        x=alt.X("x:Q", scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=5)).title(
            figure.words["x"]
        )
    )
    ends = [
        alt.Chart()
        .mark_rule(color=theme.PALE, strokeDash=[5, 4])
        .encode(y=alt.datum(value, type="quantitative"))
        for value in (-cut, cut)
    ]
    layers = alt.layer(
        *ends,
        base.mark_rule(color=theme.INK, strokeDash=[2, 2]).encode(
            x=alt.X("estimate:Q", aggregate="mean")
        ),
        base.mark_line(color=theme.BLUE, strokeWidth=2).encode(
            y=alt.Y("zeta:Q").title(figure.words["y"]),
            tooltip=theme.tooltips(parameter="parameter", value="x", zeta="zeta"),
        ),
        data=theme.data(table),
    ).properties(width=(figure.width or 600) // columns, height=figure.height or 180)
    header = alt.Header(title=None)
    return layers.facet(
        alt.Facet("parameter:N", sort=names, header=header), columns=columns
    ).resolve_scale(x="independent")
