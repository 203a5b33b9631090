"""How the figures of benchmarks are drawn, in the look of the service's charts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import altair as alt

from service.charts import theme
from service.plots.figure import Columns, Figure

STEP: Final = 19
"""Pixels of a program."""
WIDTH: Final = 430
LABELS: Final = 165
"""Pixels of the names before the points."""
ROOM: Final = 160
"""Pixels behind the last point, for what stands beside it."""

TIME: Final = (
    "datum.value > 0 && datum.value < 1 ? format(datum.value * 1000, ',~g') + ' ms'"
    " : format(datum.value, ',~g') + ' s'"
)
MEMORY: Final = "format(datum.value, ',~g') + ' MB'"
COUNT: Final = (
    "datum.value >= 1e9 ? format(datum.value / 1e9, '~g') + ' billion' : datum.value >= 1e6 ?"
    " format(datum.value / 1e6, '~g') + ' million' : format(datum.value, ',~g')"
)
COLOURS: Final = (theme.BLUE, theme.ORANGE, theme.PALE)
SHAPES: Final = ("circle", "diamond", "square")
DASHES: Final = ([1, 0], [6, 3], [2, 2])


def ladder(figure: Figure) -> Any:
    """Return the contests below each other, on one axis."""
    rungs, contests = figure.tables["rungs"], figure.tables["contests"]
    low, high = _ends(value for value in rungs["value"] if value is not None)
    # as much further as the labels behind the last points take
    scale = alt.Scale(type="log", domain=[low, high * (high / low) ** (ROOM / WIDTH)], nice=False)
    titles = list(zip(contests["title"], contests["about"], strict=True))
    last = len(titles) - 1
    panels = [
        _contest(_of(rungs, title), title, about, scale, figure.words["x"] if i == last else None)
        for i, (title, about) in enumerate(titles)
    ]
    return alt.vconcat(*panels, spacing=14)


def _of(table: Columns, contest: str) -> Columns:
    places = [i for i, name in enumerate(table["contest"]) if name == contest]
    return {name: [column[i] for i in places] for name, column in table.items()}


def _contest(rungs: Columns, title: str, about: str, scale: alt.Scale, x_title: str | None) -> Any:
    domain = scale.to_dict()["domain"]
    axis = alt.Axis(
        values=_steps(domain[0], domain[1]),
        labelExpr=MEMORY if "MB" in (x_title or "") else TIME,
        labels=x_title is not None,
        ticks=x_title is not None,
        domain=x_title is not None,
    )
    labels = alt.Axis(minExtent=LABELS, maxExtent=LABELS, ticks=False, domain=False, grid=False)
    base = alt.Chart(theme.data(rungs)).encode(
        y=alt.Y("name:N", sort=list(rungs["name"]), axis=labels).title(None)
    )
    x = alt.X("value:Q", scale=scale, axis=axis).title(x_title)
    known, unknown = "isValid(datum.value)", "!isValid(datum.value)"
    ours, others = "datum.ours", "!datum.ours && isValid(datum.value)"
    layers = alt.layer(
        base.transform_filter(known)
        .mark_rule(color=theme.PALE, strokeWidth=1.5)
        .encode(x=alt.X("from:Q", scale=scale), x2=alt.X2("value:Q")),
        base.transform_filter(others)
        .mark_point(filled=True, shape="diamond", size=70, opacity=1)
        .encode(
            x=x,
            color=alt.condition("datum.kin", alt.value(theme.BLUE), alt.value(theme.ORANGE)),
        ),
        base.transform_filter(ours)
        .mark_point(filled=True, shape="circle", size=80, color=theme.BLUE, opacity=1)
        .encode(x=x),
        base.transform_filter(known)
        .transform_calculate(behind="max(datum.value, datum.from)")
        .mark_text(align="left", dx=8, fontSize=11, color=theme.INK)
        .encode(x=alt.X("behind:Q", scale=scale), text="label:N"),
        base.transform_filter(unknown)
        .mark_text(align="left", dx=8, fontSize=11, fontStyle="italic", color="#6b6b6b")
        .encode(x=alt.X("from:Q", scale=scale), text="label:N"),
    )
    named = alt.TitleParams(
        title,
        subtitle=about or alt.Undefined,
        anchor="start",
        frame="bounds",
        fontSize=12,
        subtitleFontSize=11,
        subtitleColor="#555555",
        offset=4,
        limit=640,
    )
    return layers.properties(width=WIDTH, height=STEP * len(rungs["name"]), title=named)


def curves(figure: Figure) -> Any:
    """Return the panels beside each other."""
    wide = 300 if len(figure.tables) > 1 else WIDTH
    panels = [
        _panel(figure.tables[i], figure.words, i).properties(
            width=wide,
            height=250,
            title=alt.TitleParams(figure.words[f"title {i}"], fontSize=12, anchor="start"),
        )
        for i in figure.tables
    ]
    if len(panels) == 1:
        return panels[0]
    row = alt.hconcat(*panels, spacing=30)
    if len({tuple(dict.fromkeys(table["line"])) for table in figure.tables.values()}) == 1:
        return row
    return row.resolve_scale(color="independent", shape="independent", strokeDash="independent")


def _panel(table: Columns, words: Mapping[str, str], i: str) -> Any:
    names = list(dict.fromkeys(table["line"]))
    x_ends, y_ends = _ends(table["x"]), _ends(table["y"])
    # measured x are few: they are the ticks, but for the powers of ten that are more
    few = sorted(set(table["x"]))
    ticks = few if max(few) < 1000 else _powers(*x_ends)
    x = alt.X(
        "x:Q",
        scale=alt.Scale(type="log", domain=list(x_ends), nice=False),
        axis=alt.Axis(values=ticks, labelExpr=COUNT),
    ).title(words[f"x {i}"])
    y_title = words[f"y {i}"]
    form = MEMORY if "MB" in y_title else TIME
    if "log scale" in y_title:
        y_scale = alt.Scale(type="log", domain=list(y_ends), nice=False)
        y_axis = alt.Axis(values=_steps(*y_ends), labelExpr=form)
    else:
        y_scale = alt.Scale(domain=[0.0, 1.08 * max(table["y"])], nice=False)
        y_axis = alt.Axis(labelExpr=form, tickCount=6)
    y = alt.Y("y:Q", scale=y_scale, axis=y_axis).title(y_title)
    colour = _by_line(alt.Color, names, COLOURS)
    base = alt.Chart(theme.data(table)).encode(x=x, y=y, color=colour)
    return alt.layer(
        base.mark_line(strokeWidth=2).encode(strokeDash=_by_line(alt.StrokeDash, names, DASHES)),
        base.mark_point(filled=True, size=60, opacity=1).encode(
            shape=_by_line(alt.Shape, names, SHAPES)
        ),
    )


def _by_line(channel: Callable[..., Any], names: Sequence[str], marks: Sequence[Any]) -> Any:
    scale = alt.Scale(domain=list(names), range=list(marks[: len(names)]))
    legend = alt.Legend(title=None, orient="top", symbolSize=80, labelLimit=0)
    return channel("line:N", scale=scale, legend=legend if len(names) > 1 else None)


def _ends(values: Any) -> tuple[float, float]:
    """The ends of a logarithmic axis of the values, with room on either side."""
    low, high = theme.log_span(list(values))
    return low, high


def _powers(low: float, high: float) -> list[float]:
    """The powers of ten on an axis."""
    first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
    return [float(f"1e{power}") for power in range(first, last + 1)]


def _steps(low: float, high: float) -> list[float]:
    """The powers of ten on an axis, and where these are few their doubles and fives."""
    found = _powers(low, high)
    if len(found) >= 3:
        return found
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (float(f"{m}e{power}") for power in powers for m in (1, 2, 5))
    return [step for step in steps if low <= step <= high]


CHARTS: Final[Mapping[str, Callable[[Figure], Any]]] = {"curves": curves, "ladder": ladder}
