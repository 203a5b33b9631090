"""What plots there are, what they show, and what is told where there is none."""

from __future__ import annotations

import struct
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import altair as alt
import pytest
from jsonschema import Draft7Validator  # type: ignore[import-untyped]

from service.plots.registry import PLOTS
from service.schemas.plots import PlotList
from tests.service.plots.conftest import MODELS, Plotted
from tests.service.test_problems import read

pytestmark = pytest.mark.anyio

SCHEMA = Draft7Validator(alt.load_schema())

EVERYWHERE = ["residuals", "residual-quantiles", "profile"]
OWN = {
    "radon": [
        *("means", "pooling", "lines", "intercepts", "caterpillar", "shrinkage", "residuals"),
        *("residual-quantiles", "effect-quantiles", "profile", "predictive", "map"),
    ],
    "sleep": [
        *("means", "pooling", "lines", "caterpillar", "shrinkage", "residuals"),
        *("residual-quantiles", "effect-quantiles", "profile", "predictive"),
    ],
    "penicillin": [
        *("means", "caterpillar", "shrinkage", "residuals", "residual-quantiles"),
        *("effect-quantiles", "profile", "predictive"),
    ],
    "squares": ["residuals", "residual-quantiles", "profile", "predictive"],
}


def found_in(spec: Any, key: str) -> list[Any]:
    """Return all values under a key, wherever they stand."""
    match spec:
        case dict():
            here = [spec[key]] if key in spec else []
            return here + [x for inner in spec.values() for x in found_in(inner, key)]
        case list():
            return [x for inner in spec for x in found_in(inner, key)]
    return []


def values_of(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all rows that stand in a chart."""
    return [row for rows in spec["datasets"].values() for row in rows]


@pytest.mark.parametrize("model", OWN)
async def test_a_model_has_the_plots_of_what_it_has(plotted: Plotted, model: str) -> None:
    answer = await plotted.client.get(plotted.models[model])
    found = PlotList.model_validate_json(answer.content)
    assert [item.name for item in found.items] == OWN[model]
    for item in found.items:
        assert item.alt
        assert item.shows
        assert set(item.links) == {"vega-lite", "svg", "png", "html"}
        told = {parameter.name: parameter for parameter in item.parameters}
        assert tuple(told) == PLOTS[item.name].takes


@pytest.mark.parametrize("model", OWN)
async def test_every_plot_is_vega_lite_with_words_and_its_own_data(
    plotted: Plotted, model: str
) -> None:
    for plot in OWN[model]:
        answer = await plotted.get(model, plot)
        assert answer.status_code == 200, (plot, answer.text)
        assert answer.headers["content-type"] == "application/json"
        spec = answer.json()
        bare = {**spec, "datasets": {name: [] for name in spec["datasets"]}}
        assert not list(SCHEMA.iter_errors(bare)), plot
        assert spec["$schema"].startswith("https://vega.github.io/schema/vega-lite/v6")
        assert len(spec["description"]) > 40, plot
        assert spec["title"]["text"]
        assert not found_in(spec, "url"), plot
        assert values_of(spec), plot
        titles = [title for title in found_in(spec, "title") if isinstance(title, str) and title]
        assert titles or plot == "map"


@pytest.mark.parametrize("plot", PLOTS)
async def test_every_plot_is_a_picture_that_says_what_it_shows(plotted: Plotted, plot: str) -> None:
    svg = await plotted.get("radon", plot, format="svg")
    assert svg.headers["content-type"] == "image/svg+xml"
    root = ElementTree.fromstring(svg.text)  # noqa: S314  what the service wrote itself
    assert root.get("role") == "img"
    title, description = root[0].text, root[1].text
    told = (await plotted.get("radon", plot)).json()
    assert (title, description) == (told["title"]["text"], told["description"])
    marks = [path for path in root.iter() if path.get("aria-roledescription")]
    assert len(marks) > 3


async def test_a_png_has_the_size_that_is_asked_for(plotted: Plotted) -> None:
    sizes = []
    for scale in (1, 2):
        answer = await plotted.get(
            "sleep", "residuals", format="png", width=300, height=200, scale=scale
        )
        assert answer.headers["content-type"] == "image/png"
        assert answer.content.startswith(b"\x89PNG\r\n\x1a\n")
        sizes.append(struct.unpack(">II", answer.content[16:24]))
    (width, height), double = sizes
    assert 300 < width < 420
    assert 200 < height < 330
    assert double == (2 * width, 2 * height)


async def test_the_form_is_that_of_the_query_or_else_of_accept(plotted: Plotted) -> None:
    path = f"{plotted.models['sleep']}/caterpillar"
    answer = await plotted.client.get(path, headers={"accept": "image/svg+xml"})
    assert answer.headers["content-type"] == "image/svg+xml"
    answer = await plotted.client.get(path, headers={"accept": "text/html,*/*;q=0.8"})
    assert answer.headers["content-type"].startswith("text/html")
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert "unsafe-eval" not in answer.headers["content-security-policy"]
    named = {"accept": "text/html"}
    answer = await plotted.client.get(path, params={"format": "vega-lite"}, headers=named)
    assert answer.headers["content-type"] == "application/json"
    answer = await plotted.client.get(path, headers={"accept": "image/gif"})
    assert read(answer).code == "not_acceptable"


async def test_all_85_counties_have_a_line_with_room_for_its_label(plotted: Plotted) -> None:
    spec = (await plotted.get("radon", "caterpillar")).json()
    levels = {row["level"] for row in values_of(spec) if "level" in row}
    assert len(levels) == 85
    assert spec["height"] >= 12 * 85


async def test_the_pooling_plot_shows_the_numbers_of_the_comparison(plotted: Plotted) -> None:
    spec = (await plotted.get("radon", "pooling")).json()
    model = plotted.models["radon"].removesuffix("/plots")
    page = (await plotted.client.get(f"{model}/pooling/county")).json()
    panels = [panel["title"] for panel in spec["hconcat"]]
    assert panels == ["No pooling", "Partial pooling"]
    shown = [row["estimate"] for row in values_of(spec) if "estimate" in row]
    for way in ("no_pooling", "partial_pooling"):
        for item in page["items"]:
            assert any(abs(x - item[way]["estimate"]) < 1e-5 for x in shown)


async def test_an_arrow_goes_from_no_pooling_to_partial_pooling(plotted: Plotted) -> None:
    """Both ends are the same quantity: that of the level's own uranium, where the floor is 0."""
    spec = (await plotted.get("radon", "shrinkage")).json()
    model = plotted.models["radon"].removesuffix("/plots")
    page = (await plotted.client.get(f"{model}/pooling/county")).json()
    arrows = {row["level"]: row for row in values_of(spec) if "y2" in row}
    for item in page["items"]:
        arrow = arrows[item["level"]]
        assert arrow["y"] == pytest.approx(item["no_pooling"]["estimate"], abs=1e-5)
        assert arrow["y2"] == pytest.approx(item["partial_pooling"]["estimate"], abs=1e-5)


async def test_slopes_and_intercepts_shrink_in_their_plane(plotted: Plotted) -> None:
    spec = (await plotted.get("sleep", "shrinkage")).json()
    assert "slope of Days" in found_in(spec, "title")
    assert any("x2" in row for row in values_of(spec))
    alone = (await plotted.get("sleep", "shrinkage", term="Days")).json()
    assert spec["title"] != alone["title"]


async def test_lines_are_drawn_of_the_levels_that_are_asked_for(plotted: Plotted) -> None:
    answer = await plotted.get("radon", "lines", levels=["ANOKA", "ST LOUIS"])
    panels = {row["panel"] for row in values_of(answer.json()) if "panel" in row}
    assert panels == {"ANOKA (n = 52)", "ST LOUIS (n = 116)"}
    problem = read(await plotted.get("radon", "lines", levels=["ANOKA", "NOWHERE"]))
    assert (problem.status, problem.errors[0].pointer) == (422, "#/query/levels/1")


async def test_the_area_over_the_action_level_is_the_probability_of_the_prediction(
    plotted: Plotted,
) -> None:
    row = {"county": "AITKIN", "floor": 0, "log_uranium": -0.689}
    at = [f"{name}:{value}" for name, value in row.items()]
    spec = (await plotted.get("radon", "predictive", at=at, action_level=3)).json()
    model = plotted.models["radon"].removesuffix("/plots")
    body = {"rows": [row], "thresholds": [3]}
    told = (await plotted.client.post(f"{model}/predictions", json=body)).json()["items"][0]
    over = told["outcome"]["exceedance"][0]["probability"]
    assert f"P(over 3) = {over:.0%}" in spec["title"]["subtitle"]
    layers = spec["vconcat"][0]["layer"]
    above = spec["datasets"][layers[1]["data"]["name"]]
    area = sum((b["x"] - a["x"]) * (a["y"] + b["y"]) / 2.0 for a, b in pairwise(above))
    assert area == pytest.approx(over, abs=0.02)


async def test_a_new_row_that_is_not_given_is_typical_of_its_group(plotted: Plotted) -> None:
    spec = (await plotted.get("radon", "predictive", at="county:LAC QUI PARLE")).json()
    assert "floor 0, log_uranium 0.311" in spec["title"]["text"]


async def test_the_map_has_all_counties_and_joins_names_and_codes_alike(
    plotted: Plotted,
) -> None:
    spec = (await plotted.get("radon", "map")).json()
    shapes = {row["properties"]["name"]: row["properties"] for row in values_of(spec)}
    assert len(shapes) == 87
    assert shapes["Lac qui Parle"]["n"] == 2
    assert shapes["Grant"]["n"] == 0
    assert shapes["Grant"]["value"] is not None  # by its uranium
    codes = (await plotted.get("codes", "map", measure="exceedance")).json()
    shares = {row["properties"]["name"]: row["properties"]["value"] for row in values_of(codes)}
    assert 0.0 < shares["Lac qui Parle"] < 1.0
    for measure in ("median", "uncertainty"):
        assert (await plotted.get("codes", "map", measure=measure)).status_code == 200


async def test_titles_and_units_can_be_given(plotted: Plotted) -> None:
    told = {"title": "<b>Nights</b>", "x_title": "effect in ms", "unit": "ms"}
    spec = (await plotted.get("sleep", "caterpillar", **told)).json()
    assert spec["title"]["text"] == "<b>Nights</b>"
    assert "effect in ms" in found_in(spec, "title")
    assert "Reaction (ms)" in str((await plotted.get("sleep", "means", unit="ms")).json())
    assert "radon in pCi/L" in str((await plotted.get("radon", "means")).json())
    svg = await plotted.get("sleep", "caterpillar", format="svg", **told)
    assert "<b>" not in svg.text
    page = await plotted.get("sleep", "caterpillar", format="html", **told)
    assert "<b>" not in page.text


@pytest.mark.parametrize(
    ("model", "plot", "code"),
    [
        ("squares", "caterpillar", "no_groups"),
        ("no intercepts", "means", "no_intercepts"),
        ("penicillin", "pooling", "several_groups"),
        ("plain", "intercepts", "no_level_predictor"),
        ("plain", "lines", "no_predictor"),
        ("no way back", "predictive", "not_invertible"),
        ("sleep", "map", "no_counties"),
    ],
)
async def test_what_a_model_lacks_is_told(
    plotted: Plotted, model: str, plot: str, code: str
) -> None:
    assert plot not in await plotted.names(model)
    problem = read(await plotted.get(model, plot))
    assert (problem.status, problem.code) == (404, "plot_not_found")
    assert problem.errors[0].code == code
    assert problem.errors[0].hint


async def test_a_name_that_no_plot_has_is_told_the_names_there_are(plotted: Plotted) -> None:
    problem = read(await plotted.get("sleep", "pie"))
    assert (problem.status, problem.code) == (404, "plot_not_found")
    assert "caterpillar" in problem.detail


@pytest.mark.parametrize(
    ("plot", "query", "pointer"),
    [
        ("caterpillar", {"levels": "308"}, "#/query/levels"),
        ("caterpillar", {"group": "county"}, "#/query/group"),
        ("caterpillar", {"term": "Nights"}, "#/query/term"),
        ("lines", {"predictor": "Nights"}, "#/query/predictor"),
        ("profile", {"parameter": "tau"}, "#/query/parameter/0"),
        ("predictive", {"at": "Nights:3"}, "#/query/at/0"),
        ("predictive", {"at": "Days:many"}, "#/query/at/0"),
        ("predictive", {"at": ["Days:1", "Days:2"]}, "#/query/at/1"),
        ("residuals", {"width": 100_000}, "#/query/width"),
        ("residuals", {"scale": 100}, "#/query/scale"),
        ("residuals", {"format": "gif"}, "#/query/format"),
        ("residuals", {"colour": "red"}, "#/query/colour"),
    ],
)
async def test_a_parameter_that_will_not_do_is_pointed_to(
    plotted: Plotted, plot: str, query: dict[str, Any], pointer: str
) -> None:
    problem = read(await plotted.get("sleep", plot, **query))
    assert (problem.status, problem.errors[0].pointer) == (422, pointer)


async def test_profile_curves_may_become_a_job(plotted: Plotted) -> None:
    path = f"{plotted.models['sleep']}/profile"
    query: dict[str, Any] = {"level": 0.9, "parameter": ["sigma", "Days"]}
    answer = await plotted.client.get(path, params=query, headers={"prefer": "respond-async"})
    assert answer.status_code == 202, answer.text
    job = answer.json()
    assert job["title"].startswith("profile curves of m_")
    answer = await plotted.client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    panels = {row["parameter"] for row in values_of(answer.json()) if "parameter" in row}
    assert panels == {"sigma", "Days"}


async def test_without_its_rows_a_model_has_the_plots_that_need_none(plotted: Plotted) -> None:
    columns = {"y": [1.1, 0.9, 1.4, 2.2, 2.5, 2.1, 0.3, 0.7], "g": list("aaabbbcc")}
    body = {"data": {"columns": columns}, "formula": "y ~ 1 + (1 | g)"}
    model = (await plotted.client.post("/v1/models", json=body)).headers["location"]
    listed = (await plotted.client.get(f"{model}/plots")).json()
    names = {item["name"] for item in listed["items"]}
    assert {"caterpillar", "pooling", "predictive"} <= names
    assert "residuals" not in names
    problem = read(await plotted.client.get(f"{model}/plots/residuals"))
    assert problem.code == "rows_not_kept"
    problem = read(await plotted.client.get(f"{model}/plots/predictive"))
    assert problem.errors[0].code == "missing_value"
    answer = await plotted.client.get(f"{model}/plots/predictive?at=g:a")
    assert answer.status_code == 200, answer.text


def test_every_kind_of_model_here_is_a_case() -> None:
    assert set(OWN) <= set(MODELS)
    assert set(EVERYWHERE) <= set.intersection(*(set(names) for names in OWN.values()))
