"""Estimates with errors against sample size, in one panel or in two beside each other."""

from __future__ import annotations

from typing import Any

import altair as alt

from service.charts import theme
from service.plots.figure import Columns, Figure


def sizes(figure: Figure) -> Any:
    """Return a panel for each table, on one scale."""
    tables = figure.tables
    ends = theme.span(*(table[end] for table in tables.values() for end in ("lower", "upper")))
    width = figure.width or (theme.WIDTH if len(tables) == 1 else 320)
    height = figure.height or theme.HEIGHT
    panels = [
        _panel(figure, table, ends).properties(
            width=width, height=height, title=name if len(tables) > 1 else ""
        )
        for name, table in tables.items()
    ]
    return panels[0] if len(panels) == 1 else alt.hconcat(*panels, spacing=24)


def _panel(figure: Figure, table: Columns, ends: list[float]) -> Any:
    x = theme.size_axis(figure, "size", table["size"])
    scale = alt.Scale(domain=ends, nice=False, zero=False)
    y = theme.y_axis(figure, "estimate", scale)
    told = theme.tooltips(
        **{figure.words["level"]: "level", "rows": "n"}, estimate="estimate", error="std_error"
    )
    base = alt.Chart(theme.data(table)).encode(x=x)
    layers: list[Any] = []
    if "complete" in figure.numbers:
        line = alt.Chart(theme.data({"y": [figure.numbers["complete"]]}))
        layers.append(
            line.mark_rule(color=theme.PALE, strokeDash=[6, 4], strokeWidth=1.5).encode(
                y=alt.Y("y:Q", scale=scale)
            )
        )
    layers.append(
        base.mark_rule(color=theme.PALE, strokeWidth=1).encode(
            y=alt.Y("lower:Q", scale=scale), y2=alt.Y2("upper:Q")
        )
    )
    layers.append(
        base.mark_point(filled=True, size=28, color=theme.BLUE, opacity=1).encode(y=y, tooltip=told)
    )
    return alt.layer(*layers)
