"""Plots without their colours: in greyscale and for the colour-blind all parts are told apart."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import combinations, pairwise
from typing import Any

import pytest

from service.charts import theme
from service.dashboard import assets
from tests.service.plots.colours import BLIND, distance, lightness
from tests.service.plots.conftest import Plotted
from tests.service.plots.test_plots import found_in

LIGHTER = 15.0
"""L* by which parts of one kind differ at least; a step of 2 is seen side by side."""
APART = 15.0
"""Distance in L*a*b* of what the colour-blind see."""

KNOWN = {*theme.WAY_COLOURS, theme.INK, theme.BLUE, theme.ORANGE, theme.PALE, theme.SKY}
HEX = re.compile(r"#[0-9a-f]{6}")


def layers_of(spec: Any) -> Iterator[list[Mapping[str, Any]]]:
    """Yield the layers that lie on each other, panel by panel."""
    match spec:
        case {"layer": list(layers)}:
            yield [layer for layer in layers if "mark" in layer]
        case dict():
            for inner in spec.values():
                yield from layers_of(inner)
        case list():
            for inner in spec:
                yield from layers_of(inner)


def colours_of(spec: dict[str, Any]) -> set[str]:
    """Return the colours of what is drawn."""
    drawn = {
        key: inner for key, inner in spec.items() if key not in {"config", "datasets", "title"}
    }
    return set(HEX.findall(json.dumps(drawn).lower()))


def look(layer: Mapping[str, Any]) -> tuple[str, tuple[str, ...], str | None]:
    """Return what a layer draws: its kind, all that sets it apart but colour, and its colour."""
    mark, encoding = layer["mark"], layer.get("encoding", {})
    upright = "across" if {"x2", "y2"} <= set(encoding) else "x" if "x2" in encoding else "y"
    apart = [str(mark.get(key)) for key in ("strokeDash", "shape", "filled", "fill") if key in mark]
    kind = str(mark["type"])
    ruled = [upright, *sorted(set(encoding) & {"x", "y", "x2", "y2"})] if kind == "rule" else []
    colour = mark.get("color") or mark.get("stroke")
    return kind, (*apart, *ruled), colour if isinstance(colour, str) else None


@pytest.mark.anyio
@pytest.mark.parametrize("model", ["radon", pytest.param("sleep", marks=pytest.mark.slow)])
async def test_parts_of_one_kind_differ_in_more_than_colour(plotted: Plotted, model: str) -> None:
    """In shape or dash, or else in lightness; a map's or a histogram's scale is monotone in it."""
    for plot in await plotted.names(model):
        spec = (await plotted.get(model, plot)).json()
        assert colours_of(spec) <= KNOWN, plot
        schemes = {each for each in found_in(spec, "scheme") if isinstance(each, str)}
        assert schemes <= {"cividis"}, plot
        for layers in layers_of(spec):
            for one, other in combinations(map(look, layers), 2):
                if one[0] == other[0] and one[1] == other[1] and one[2] != other[2]:
                    assert one[2] is not None, (plot, one)
                    assert other[2] is not None, (plot, other)
                    far = abs(lightness(one[2]) - lightness(other[2]))
                    assert far >= LIGHTER, (plot, one, other)


def test_the_three_ways_of_pooling_differ_in_lightness_and_in_dash() -> None:
    for one, other in combinations(theme.WAY_COLOURS, 2):
        assert abs(lightness(one) - lightness(other)) >= LIGHTER
        for blindness in BLIND:
            assert distance(one, other, blindness) >= APART
    assert len({tuple(dash) for dash in theme.WAY_DASHES}) == len(theme.WAYS)


def test_points_stand_out_from_their_bars_and_all_from_the_paper() -> None:
    for colour in (theme.INK, theme.BLUE, theme.ORANGE, theme.PALE, *theme.WAY_COLOURS):
        assert lightness("white") - lightness(colour) >= 25
    assert lightness(theme.PALE) - lightness(theme.BLUE) >= LIGHTER
    assert lightness(theme.SKY) - lightness(theme.BLUE) >= 2 * LIGHTER


@pytest.mark.parametrize("theme_name", ["light", "dark"])
def test_the_shades_of_the_dashboards_map_are_steps_of_lightness(theme_name: str) -> None:
    own = variables(theme_name)
    shades = [lightness(own[f"shade-{i}"]) for i in range(5)]
    steps = [after - before for before, after in pairwise(shades)]
    assert all(step < -7 for step in steps) or all(step > 7 for step in steps)
    assert abs(lightness(own["below"]) - lightness(own["above"])) >= 2 * LIGHTER
    for i in range(4):
        for blindness in BLIND:
            assert distance(own[f"shade-{i}"], own[f"shade-{i + 1}"], blindness) >= 7


def variables(theme_name: str) -> dict[str, str]:
    """Return the colours that the dashboard's pages have by name."""
    text = assets()["styles/base.css"].plain.decode()
    chosen = text.split(':root[data-theme="dark"]')[1] if theme_name == "dark" else text
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", chosen.split("}")[0]))
