from __future__ import annotations

import csv
import io
import math
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest
from pyarrow import ipc, parquet

from service.schemas.predictions import PredictionColumns, PredictionItems
from service.settings import Settings
from tests.service.test_problems import read

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("radon")]

REFERENCE = Path(__file__).parents[1] / "reference/data/ref_M1_plus01_county_predictions.csv"
FORMULA = "log(radon + 0.1) ~ floor + (1 | county)"
AITKIN = {"county": "AITKIN", "floor": 0}

PARQUET = "application/vnd.apache.parquet"
ARROW = "application/vnd.apache.arrow.stream"


async def fit(client: httpx.AsyncClient, formula: str) -> str:
    body = {"dataset": "minnesota-radon", "formula": formula}
    answer = await client.post("/v1/models", json=body)
    assert answer.status_code == 201, answer.text
    return f"{answer.headers['location']}/predictions"


@pytest.fixture
async def url(client: httpx.AsyncClient) -> str:
    return await fit(client, FORMULA)


async def ask(client: httpx.AsyncClient, url: str, **body: Any) -> PredictionItems:
    answer = await client.post(url, json=body)
    assert answer.status_code == 200, answer.text
    return PredictionItems.model_validate_json(answer.content)


async def test_a_house_gets_both_intervals_and_the_outcome_on_its_own_scale(
    client: httpx.AsyncClient, url: str
) -> None:
    house = (await ask(client, url, rows=[AITKIN], thresholds=[4])).items[0]
    assert house.estimate == pytest.approx(1.2291388, abs=5e-8)
    assert house.std_error == pytest.approx(0.2401, abs=1e-4)
    assert house.prediction_std_error == pytest.approx(0.7645, abs=1e-4)
    assert house.outcome is not None
    assert house.outcome.median == pytest.approx(math.exp(house.estimate) - 0.1)
    assert house.outcome.exceedance[0].threshold == 4
    assert house.outcome.exceedance[0].probability == pytest.approx(0.406, abs=1e-3)


async def test_hennepin_and_a_county_not_seen_have_their_reference_values(
    client: httpx.AsyncClient, url: str
) -> None:
    rows = [{"county": "HENNEPIN", "floor": 0}, {"county": "NOWHERE", "floor": 0}]
    hennepin, nowhere = (await ask(client, url, rows=rows)).items
    assert hennepin.estimate == pytest.approx(1.39494945, abs=1e-6)
    assert hennepin.std_error == pytest.approx(0.06954372, abs=1e-6)
    assert hennepin.prediction_interval.lower == pytest.approx(-0.03406816, abs=1e-6)
    assert hennepin.prediction_interval.upper == pytest.approx(2.82396707, abs=1e-6)
    assert nowhere.estimate == pytest.approx(1.49239317, abs=1e-6)
    assert nowhere.std_error == pytest.approx(0.31927698, abs=1e-6)
    assert nowhere.prediction_interval.lower == pytest.approx(-0.06166686, abs=1e-6)
    assert nowhere.prediction_interval.upper == pytest.approx(3.04645321, abs=1e-6)
    assert (hennepin.new_levels, nowhere.new_levels) == ([], ["county"])


async def test_rows_columns_and_tables_say_the_same(client: httpx.AsyncClient, url: str) -> None:
    counties, floors = ["AITKIN", "ANOKA", "NOWHERE"], [0, 1, 0]
    rows = [{"county": c, "floor": f} for c, f in zip(counties, floors, strict=True)]
    items = (await ask(client, url, rows=rows, thresholds=[4, 0.5])).items
    by_column = await client.post(
        url, json={"columns": {"county": counties, "floor": floors}, "thresholds": [4, 0.5]}
    )
    columns = PredictionColumns.model_validate_json(by_column.content).columns
    assert columns["estimate"] == [item.estimate for item in items]
    assert columns["interval.lower"] == [item.interval.lower for item in items]
    assert columns["new_levels"] == [[], [], ["county"]]
    sent = pa.table({"county": counties, "floor": floors})
    for media in (PARQUET, ARROW, "text/csv"):
        table = await send(client, url, sent, media)
        for name, values in columns.items():
            if name != "new_levels":
                assert table[name] == pytest.approx(values, abs=1e-12)
        assert table["outcome.exceedance.4"] == columns["outcome.exceedance.4"]
        assert set(table) == set(columns)


async def send(
    client: httpx.AsyncClient, url: str, table: pa.Table, media: str
) -> dict[str, list[Any]]:
    target = io.BytesIO()
    if media == PARQUET:
        parquet.write_table(table, target)
    elif media == ARROW:
        with ipc.new_stream(target, table.schema) as writer:
            writer.write_table(table)
    else:
        pa.csv.write_csv(table, target)
    answer = await client.post(
        url,
        params={"thresholds": [4, 0.5]},
        content=target.getvalue(),
        headers={"content-type": media},
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith(media)
    content = io.BytesIO(answer.content)
    if media == PARQUET:
        return dict(parquet.read_table(content).to_pydict())
    if media == ARROW:
        return dict(ipc.open_stream(content).read_all().to_pydict())
    return dict(pa.csv.read_csv(content).to_pydict())


async def test_all_170_county_lines_agree_with_the_reference(
    client: httpx.AsyncClient, url: str
) -> None:
    with REFERENCE.open() as file:
        reference = list(csv.DictReader(file))
    assert len(reference) == 170
    rows = [{"county": r["county"], "floor": int(r["floor"])} for r in reference]
    for item, expected in zip((await ask(client, url, rows=rows)).items, reference, strict=True):
        for name, value in compared(item, expected):
            assert value == pytest.approx(float(expected[name]), abs=1e-6)


def compared(item: Any, expected: dict[str, str]) -> list[tuple[str, float]]:
    found = {"mu": item.estimate, "se": item.std_error, "pred_sd": item.prediction_std_error}
    assert set(found) & set(expected), expected
    return [(name, value) for name, value in found.items() if name in expected]


@pytest.mark.parametrize(
    ("body", "code", "pointers"),
    [
        ({"rows": [{"county": "AITKIN"}]}, "missing_key", ["#/rows/0/floor"]),
        ({"rows": [AITKIN, {**AITKIN, "x": 1}]}, "extra_key", ["#/rows/1/x"]),
        ({"rows": [{**AITKIN, "floor": "0"}]}, "not_numeric", ["#/rows/0/floor"]),
        ({"rows": [{**AITKIN, "floor": None}]}, "not_numeric", ["#/rows/0/floor"]),
        ({"rows": [{**AITKIN, "county": None}]}, "missing_value", ["#/rows/0/county"]),
        ({"rows": [{}]}, "missing_key", ["#/rows/0/floor", "#/rows/0/county"]),
        ({"columns": {"county": ["A"]}}, "missing_key", ["#/columns/floor"]),
        ({"columns": {"county": ["A"], "floor": ["x"]}}, "not_numeric", ["#/columns/floor/0"]),
        ({"columns": {"county": ["A"], "floor": []}}, "unequal_columns", ["#/columns"]),
        (
            {"rows": [AITKIN, {"county": "X", "floor": 0}], "new_levels": "reject"},
            "new_level",
            ["#/rows/1/county"],
        ),
        ({"rows": [AITKIN], "level": 1}, "less_than", ["#/level"]),
        ({"rows": [AITKIN], "level": 0}, "greater_than", ["#/level"]),
        ({"rows": [AITKIN], "thresholds": [1] * 21}, "too_long", ["#/thresholds"]),
        ({"rows": [AITKIN], "new_levels": "guess"}, "literal_error", ["#/new_levels"]),
        ({"rows": [AITKIN], "extra": 1}, "unknown_key", ["#/extra"]),
        ({"rows": [AITKIN], "columns": {}}, "either_or", ["#/rows"]),
        ({}, "either_or", ["#/rows"]),
        ({"rows": [{"county": {}, "floor": 0}]}, None, ["#/rows/0/county"]),
    ],
)
async def test_each_mistake_is_pointed_to(
    client: httpx.AsyncClient, url: str, body: dict[str, Any], code: str | None, pointers: list[str]
) -> None:
    problem = read(await client.post(url, json=body))
    assert problem.status == 422
    assert [item.pointer for item in problem.errors] == pointers
    assert code is None or {item.code for item in problem.errors} == {code}
    assert all(item.hint for item in problem.errors)


async def test_a_level_of_a_factor_that_the_model_has_not_seen_cannot_be_predicted(
    client: httpx.AsyncClient,
) -> None:
    url = await fit(client, "log(radon + 0.1) ~ factor(floor) + (1 | county)")
    problem = read(await client.post(url, json={"rows": [{"county": "AITKIN", "floor": 7}]}))
    assert problem.errors[0].code == "unknown_level"
    assert problem.errors[0].pointer == "#/rows/0/floor"


async def test_no_more_than_a_hundred_mistakes_are_told(
    client: httpx.AsyncClient, url: str
) -> None:
    problem = read(await client.post(url, json={"rows": [{}] * 500}))
    assert len(problem.errors) == 100


async def test_there_is_a_cap_on_rows(
    client: httpx.AsyncClient, url: str, settings: Settings
) -> None:
    body: dict[str, list[Any]] = {"rows": [{}] * (settings.max_prediction_rows + 1)}
    problem = read(await client.post(url, json=body))
    assert (problem.code, problem.errors[0].pointer) == ("limit_passed", "#/rows")


async def test_no_rows_have_no_predictions(client: httpx.AsyncClient, url: str) -> None:
    assert (await ask(client, url, rows=[])).items == []


async def test_a_hundred_rows_are_predicted_as_one_is(client: httpx.AsyncClient, url: str) -> None:
    one = (await ask(client, url, rows=[AITKIN])).items[0]
    assert (await ask(client, url, rows=[AITKIN] * 100)).items == [one] * 100


async def test_a_model_without_predictors_says_the_same_of_every_row(
    client: httpx.AsyncClient,
) -> None:
    url = await fit(client, "radon ~ 1")
    first, second = (await ask(client, url, rows=[{}, {}])).items
    assert first == second


async def test_an_outcome_that_cannot_be_brought_back_is_null(client: httpx.AsyncClient) -> None:
    url = await fit(client, "radon - log_uranium ~ floor + (1 | county)")
    assert (await ask(client, url, rows=[AITKIN])).items[0].outcome is None


async def test_a_threshold_below_all_outcomes_is_exceeded_for_sure(
    client: httpx.AsyncClient, url: str
) -> None:
    house = (await ask(client, url, rows=[AITKIN], thresholds=[-5])).items[0]
    assert house.outcome is not None
    assert house.outcome.exceedance[0].probability == 1.0


@pytest.mark.parametrize("media", ["text/html", "", "application/xml"])
async def test_a_body_of_another_form_is_a_415(
    client: httpx.AsyncClient, url: str, media: str
) -> None:
    answer = await client.post(url, content=b"x", headers={"content-type": media})
    assert read(answer).code == "unsupported_media_type"


async def test_options_of_a_json_body_stand_in_the_body(
    client: httpx.AsyncClient, url: str
) -> None:
    problem = read(await client.post(url, params={"level": 0.9}, json={"rows": [AITKIN]}))
    assert problem.errors[0].pointer == "#/query"


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b"county,floor\nAITKIN\n", "#/rows/0"),
        (b"county,floor\nAITKIN,x\n", "#/rows/0/floor"),
        (b"county\nAITKIN\n", "#/columns/floor"),
        (b"county,floor,more\nAITKIN,0,1\n", "#/columns/more"),
        (b"", "#"),
    ],
)
async def test_each_mistake_in_a_table_is_pointed_to(
    client: httpx.AsyncClient, url: str, content: bytes, where: str
) -> None:
    answer = await client.post(url, content=content, headers={"content-type": "text/csv"})
    problem = read(answer)
    assert problem.status == 422
    assert problem.errors[0].pointer.startswith(where), problem


async def test_predictions_of_a_model_that_is_not_there_are_a_404(
    client: httpx.AsyncClient,
) -> None:
    problem = read(await client.post("/v1/models/m_x/predictions", json={"rows": []}))
    assert problem.code == "model_not_found"


@pytest.mark.parametrize(
    ("parameters", "where"),
    [
        ({"level": 2}, "#/query/level"),
        ({"thresholds": "x"}, "#/query/thresholds/0"),
        ({"new_levels": "guess"}, "#/query/new_levels"),
        ({"lvel": 0.9}, "#/query/lvel"),
    ],
)
async def test_each_mistake_in_the_options_of_a_table_is_pointed_to(
    client: httpx.AsyncClient, url: str, parameters: dict[str, Any], where: str
) -> None:
    answer = await client.post(
        url,
        params=parameters,
        content=b"county,floor\nAITKIN,0\n",
        headers={"content-type": "text/csv"},
    )
    assert read(answer).errors[0].pointer == where


async def test_a_number_beyond_all_doubles_is_refused(client: httpx.AsyncClient, url: str) -> None:
    problem = read(await client.post(url, json={"rows": [{**AITKIN, "floor": 10**400}]}))
    assert problem.errors[0].pointer == "#/rows/0/floor"


@pytest.mark.parametrize("rows", [1, 2])
async def test_numbers_too_large_to_predict_from_are_refused(
    client: httpx.AsyncClient, url: str, rows: int
) -> None:
    huge = [{**AITKIN, "floor": 1e300}] * rows
    problem = read(await client.post(url, json={"rows": huge}))
    assert problem.errors[-1].pointer == f"#/rows/{rows - 1}"


async def test_an_interval_for_nearly_all_is_finite(client: httpx.AsyncClient, url: str) -> None:
    house = (await ask(client, url, rows=[AITKIN], level=1 - 2**-53)).items[0]
    assert house.interval.upper is not None


SLOPES = "log(radon + 0.1) ~ floor + (1 + floor | county)"
CONTEXT = "log(radon + 0.1) ~ floor + ave(floor, county) + (1 | county)"


async def test_without_random_effects_a_row_needs_no_group(
    client: httpx.AsyncClient, url: str
) -> None:
    (house,) = (await ask(client, url, rows=[{"floor": 0}], random_effects="none")).items
    answer = (await client.get(url.removesuffix("/predictions"))).json()
    intercept = answer["fixed_effects"][0]
    assert house.estimate == pytest.approx(intercept["estimate"], rel=1e-12)
    assert house.std_error == pytest.approx(intercept["std_error"], rel=1e-9)
    spread = math.hypot(house.std_error, answer["residual_std_dev"])
    assert house.prediction_std_error == pytest.approx(spread, rel=1e-12)
    assert house.new_levels == []


async def test_random_effects_are_counted_term_by_term_in_every_form(
    client: httpx.AsyncClient,
) -> None:
    url = await fit(client, SLOPES)
    rows = [AITKIN, {"county": "HENNEPIN", "floor": 1}]
    answers = {
        terms: (await ask(client, url, rows=rows, random_effects=list(terms))).items
        for terms in [("(1 | county)",), ("(0 + floor | county)",), ("(1 + floor | county)",)]
    }
    whole = (await ask(client, url, rows=rows)).items
    fixed = [{"floor": row["floor"]} for row in rows]
    none = (await ask(client, url, rows=fixed, random_effects=[])).items
    first, second, both = answers.values()
    assert both == whole
    for i in range(2):
        parts = first[i].estimate + second[i].estimate - none[i].estimate
        assert parts == pytest.approx(whole[i].estimate)
    sent = b"county,floor\nAITKIN,0\nHENNEPIN,1\n"
    table = await client.post(
        url,
        params={"random_effects": "(1 | county)"},
        content=sent,
        headers={"content-type": "text/csv"},
    )
    found = pa.csv.read_csv(io.BytesIO(table.content)).to_pydict()
    assert found["estimate"] == pytest.approx([item.estimate for item in first], rel=1e-12)
    by_column = {"columns": {"floor": [0, 1]}, "random_effects": "none"}
    columns = (await client.post(url, json=by_column)).json()["columns"]
    assert columns["estimate"] == pytest.approx([item.estimate for item in none])


@pytest.mark.parametrize(
    ("asked", "code", "pointer"),
    [
        (["(1 | county)", "(1 | state)"], "unknown_random_term", "#/random_effects/1"),
        (["county"], "formula_random_term", "#/random_effects/0"),
        (["(1 | county"], "formula_syntax", "#/random_effects/0"),
        ("county", "random_effects", "#/random_effects"),
        (["(1 | county)"] * 21, "random_effects", "#/random_effects"),
        ([1], "random_effects", "#/random_effects"),
        (None, "random_effects", "#/random_effects"),
    ],
)
async def test_random_terms_that_are_not_of_the_model_are_pointed_to(
    client: httpx.AsyncClient, url: str, asked: Any, code: str, pointer: str
) -> None:
    body = {"rows": [AITKIN], "random_effects": asked}
    problem = read(await client.post(url, json=body))
    assert (problem.status, problem.code) == (422, "invalid_request")
    assert [(item.code, item.pointer) for item in problem.errors] == [(code, pointer)]
    assert problem.errors[0].hint
    if isinstance(asked, list) and isinstance(asked[-1], str):
        answer = await client.post(
            url,
            params={"random_effects": asked},
            content=b"county,floor\nAITKIN,0\n",
            headers={"content-type": "text/csv"},
        )
        items = [(item.code, item.pointer) for item in read(answer).errors]
        assert items == [(code, pointer.replace("#/", "#/query/"))]


async def test_a_group_that_is_not_counted_is_an_extra_key(
    client: httpx.AsyncClient, url: str
) -> None:
    problem = read(await client.post(url, json={"rows": [AITKIN], "random_effects": "none"}))
    assert [(item.code, item.pointer) for item in problem.errors] == [
        ("extra_key", "#/rows/0/county")
    ]


async def test_a_row_may_carry_its_weight(client: httpx.AsyncClient) -> None:
    columns = {
        "y": [1.1, 0.9, 1.4, 2.2, 2.5, 2.1, 0.3, 0.7, 0.2],
        "g": ["a", "a", "a", "b", "b", "b", "c", "c", "c"],
        "n": [1, 4, 2, 1, 4, 2, 1, 4, 2],
    }
    body = {"data": {"columns": columns}, "formula": "y ~ 1 + (1 | g)", "weights": "n"}
    answer = await client.post("/v1/models", json=body)
    url, sigma = f"{answer.headers['location']}/predictions", answer.json()["residual_std_dev"]
    rows = [{"g": "a"}, {"g": "a", "n": 4}, {"g": "a", "n": None}]
    (alone,) = (await ask(client, url, rows=rows[:1])).items
    plain, four, null = (await ask(client, url, rows=rows)).items
    assert alone == plain == null
    assert [item.weight for item in (plain, four, null)] == [1.0, 4.0, 1.0]
    for item, weight in ((plain, 1.0), (four, 4.0)):
        expected = math.hypot(item.std_error, sigma / weight**0.5)
        assert item.prediction_std_error == pytest.approx(expected, rel=1e-12)
    for wrong, code in ((0, "bad_weight"), (-1, "bad_weight"), ("x", "not_numeric")):
        problem = read(await client.post(url, json={"rows": [{"g": "a", "n": wrong}]}))
        assert [(i.code, i.pointer) for i in problem.errors] == [(code, "#/rows/0/n")]
    sent = await client.post(url, content=b"g,n\na,4\na,\n", headers={"content-type": "text/csv"})
    found = pa.csv.read_csv(io.BytesIO(sent.content)).to_pydict()
    assert found["weight"] == [4.0, 1.0]
    by_column = await client.post(url, json={"columns": {"g": ["a"], "n": [4]}})
    assert by_column.json()["columns"]["weight"] == [4.0]


async def test_a_model_without_weights_says_nothing_of_them(
    client: httpx.AsyncClient, url: str
) -> None:
    item = (await client.post(url, json={"rows": [AITKIN]})).json()["items"][0]
    assert "weight" not in item


async def test_a_county_not_seen_brings_the_mean_of_its_houses(client: httpx.AsyncClient) -> None:
    url = await fit(client, CONTEXT)
    new = {"county": "NOWHERE", "floor": 0}
    problem = read(await client.post(url, json={"rows": [AITKIN, new]}))
    assert [(i.code, i.pointer) for i in problem.errors] == [("unknown_level", "#/rows/1/county")]
    assert '"ave(floor, county)"' in problem.errors[0].hint
    rows = [AITKIN, {**new, "ave(floor, county)": 0.25}, {**AITKIN, "ave(floor, county)": 0.25}]
    known, house, given = (await ask(client, url, rows=rows)).items
    assert house.new_levels == ["county"]
    assert given.estimate == pytest.approx(known.estimate, rel=1e-12)
    assert house.std_error > known.std_error
    problem = read(await client.post(url, json={"rows": [{**AITKIN, "ave(floor)": 1}]}))
    assert problem.errors[0].code == "extra_key"
    assert "A row may have: ave(floor, county)" in problem.errors[0].hint
