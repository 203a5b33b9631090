from __future__ import annotations

from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

import engine
from service.schemas.predictions import PredictionItems
from service.schemas.simulations import Simulations
from service.settings import Settings
from service.tabular import MEDIA_TYPES
from tests.service.keeping import RADON
from tests.service.test_effects import table_of
from tests.service.test_problems import read

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("radon")]

FORMULA = "log(radon + 0.1) ~ floor + (1 | county)"
AITKIN = {"county": "AITKIN", "floor": 0}
NOWHERE = {"county": "NOWHERE", "floor": 0}


async def model_of(client: httpx.AsyncClient, formula: str, **more: Any) -> str:
    body = {"formula": formula, **(more or {"dataset": "minnesota-radon"})}
    answer = await client.post("/v1/models", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


@pytest.fixture
async def model(client: httpx.AsyncClient) -> str:
    return await model_of(client, FORMULA)


async def ask(client: httpx.AsyncClient, model: str, **body: Any) -> Simulations:
    answer = await client.post(f"{model}/simulations", json=body)
    assert answer.status_code == 200, answer.text
    return Simulations.model_validate_json(answer.content)


async def test_the_survey_is_drawn_again_as_the_engine_draws_it(
    client: httpx.AsyncClient, model: str
) -> None:
    found = await ask(client, model, n_sim=3, seed=11)
    data = pd.read_csv(RADON, dtype={"county": str})
    fit = engine.fit(FORMULA, data)
    values = np.array([item.values for item in found.items])
    np.testing.assert_allclose(values, engine.simulate(fit, data, 3, 11), rtol=1e-6)
    outcome = np.array([item.outcome for item in found.items])
    np.testing.assert_allclose(outcome, np.exp(values) - 0.1, rtol=1e-12)
    assert [item.row for item in found.items] == list(range(919))


async def test_draws_of_new_houses_have_the_distribution_that_is_predicted(
    client: httpx.AsyncClient, model: str
) -> None:
    rows = [AITKIN, NOWHERE, {"county": "HENNEPIN", "floor": 1}]
    answer = await client.post(f"{model}/predictions", json={"rows": rows, "thresholds": [4]})
    expected = PredictionItems.model_validate_json(answer.content).items
    found = await ask(
        client,
        model,
        rows=rows,
        n_sim=10_000,
        seed=5,
        random_effects="keep",
        parameter_uncertainty=True,
    )
    for item, house in zip(found.items, expected, strict=True):
        drawn, outcome = np.array(item.values), np.array(item.outcome)
        error = house.prediction_std_error / 100.0
        assert drawn.mean() == pytest.approx(house.estimate, abs=5 * error)
        assert drawn.std() == pytest.approx(house.prediction_std_error, rel=0.04)
        assert house.outcome is not None
        above = house.outcome.exceedance[0].probability
        assert np.mean(outcome > 4) == pytest.approx(above, abs=0.025)


async def test_a_seed_decides_every_draw_and_parts_make_the_whole(
    client: httpx.AsyncClient, model: str
) -> None:
    asked = {"rows": [AITKIN, NOWHERE], "seed": 2}
    whole, again = [await ask(client, model, n_sim=6, **asked) for _ in range(2)]
    assert whole == again
    head = await ask(client, model, n_sim=4, **asked)
    tail = await ask(client, model, n_sim=2, first=4, **asked)
    for i, item in enumerate(whole.items):
        assert item.values == head.items[i].values + tail.items[i].values
    other = await ask(client, model, n_sim=6, **{**asked, "seed": 3})
    assert other.items[0].values != whole.items[0].values


async def test_effects_are_kept_or_drawn_anew(client: httpx.AsyncClient, model: str) -> None:
    fitted = (await client.get(model)).json()
    sigma = fitted["residual_std_dev"]
    between = fitted["random_effects"][0]["std_dev"][0]
    for how, spread in (("keep", sigma), ("redraw", float(np.hypot(sigma, between)))):
        found = await ask(client, model, rows=[AITKIN, AITKIN], n_sim=10_000, random_effects=how)
        first, second = (np.array(item.values) for item in found.items)
        assert first.std() == pytest.approx(spread, rel=0.04)
        shared = 0.0 if how == "keep" else between**2 / spread**2
        assert np.corrcoef(first, second)[0, 1] == pytest.approx(shared, abs=0.05)


@pytest.mark.parametrize("media", MEDIA_TYPES)
async def test_draws_are_tables_too(client: httpx.AsyncClient, model: str, media: str) -> None:
    body = {"rows": [AITKIN, NOWHERE], "n_sim": 3, "seed": 1, "first": 2}
    items = (await ask(client, model, **body)).items
    answer = await client.post(f"{model}/simulations", json=body, headers={"accept": media})
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, media)
    table = table_of(answer).to_pydict()
    assert table["row"] == [0, 0, 0, 1, 1, 1]
    assert table["draw"] == [2, 3, 4, 2, 3, 4]
    assert table["value"] == pytest.approx([v for item in items for v in item.values])
    assert table["outcome"] == pytest.approx([v for item in items for v in item.outcome or ()])


async def test_a_response_without_a_way_back_has_no_outcome(client: httpx.AsyncClient) -> None:
    model = await model_of(client, "radon - log_uranium ~ floor + (1 | county)")
    assert (await ask(client, model, rows=[AITKIN])).items[0].outcome is None
    answer = await client.post(
        f"{model}/simulations", json={"rows": [AITKIN]}, headers={"accept": "text/csv"}
    )
    assert table_of(answer).column_names == ["row", "draw", "value"]


async def test_rows_without_a_value_are_not_drawn(client: httpx.AsyncClient) -> None:
    columns = {
        "y": [1.1, 0.9, None, 1.4, 2.2, 2.5, 2.1, 0.3, 0.7, 0.2],
        "g": ["a", "a", "a", "a", "b", "b", "b", "c", "c", "c"],
        "w": [1, 1, 1, 4, 1, 1, 1, 1, 1, 100],
    }
    model = await model_of(client, "y ~ 1 + (1 | g)", data={"columns": columns}, weights="w")
    problem = read(await client.post(f"{model}/simulations", json={}))
    assert (problem.code, problem.status) == ("rows_not_kept", 409)
    assert (await client.post("/v1/datasets", json={"columns": columns})).status_code == 201
    found = await ask(client, model, n_sim=4000, random_effects="keep")
    assert [item.row for item in found.items] == [0, 1, 3, 4, 5, 6, 7, 8, 9]
    sigma = (await client.get(model)).json()["residual_std_dev"]
    spread = {item.row: np.std(np.array(item.values)) for item in found.items}
    assert spread[0] == pytest.approx(sigma, rel=0.06)
    assert spread[3] == pytest.approx(sigma / 2, rel=0.06)
    rows = [{"g": "a"}, {"g": "a", "w": 4}]
    plain, four = (await ask(client, model, rows=rows, n_sim=4000, random_effects="keep")).items
    assert np.std(np.array(plain.values)) == pytest.approx(sigma, rel=0.06)
    assert np.std(np.array(four.values)) == pytest.approx(sigma / 2, rel=0.06)


async def test_no_rows_have_no_draws_and_no_predictors_are_needed_where_there_are_none(
    client: httpx.AsyncClient, model: str
) -> None:
    assert (await ask(client, model, rows=[])).items == []
    constant = await model_of(client, "radon ~ 1")
    assert len((await ask(client, constant, rows=[{}, {}])).items) == 2


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"rows": [{"county": "AITKIN"}]}, "missing_key", "#/rows/0/floor"),
        ({"rows": [{**AITKIN, "x": 1}]}, "extra_key", "#/rows/0/x"),
        ({"rows": [{**AITKIN, "floor": "a"}]}, "not_numeric", "#/rows/0/floor"),
        ({"n_sim": 0}, "greater_than_equal", "#/n_sim"),
        ({"n_sim": 10_001}, "less_than_equal", "#/n_sim"),
        ({"seed": -1}, "greater_than_equal", "#/seed"),
        ({"seed": 2**53}, "less_than_equal", "#/seed"),
        ({"first": -1}, "greater_than_equal", "#/first"),
        ({"random_effects": "all"}, "literal_error", "#/random_effects"),
        ({"n_sims": 2}, "unknown_key", "#/n_sims"),
        ({"n_sim": 5000}, "too_many_values", "#/n_sim"),
        ({"rows": [AITKIN] * 101, "n_sim": 10_000}, "too_many_values", "#/n_sim"),
    ],
)
async def test_each_mistake_is_pointed_to(
    client: httpx.AsyncClient, model: str, body: dict[str, Any], code: str, pointer: str
) -> None:
    problem = read(await client.post(f"{model}/simulations", json=body))
    assert problem.status == 422
    assert [(item.code, item.pointer) for item in problem.errors] == [(code, pointer)]
    assert problem.errors[0].hint


async def test_the_caps_are_published(client: httpx.AsyncClient, settings: Settings) -> None:
    limits = (await client.get("/v1/limits")).json()
    assert limits["max_simulated_values"] == settings.max_simulated_values
    assert limits["max_simulations"] == 10_000


async def test_simulations_of_a_model_that_is_not_there_are_a_404(
    client: httpx.AsyncClient,
) -> None:
    problem = read(await client.post("/v1/models/m_x/simulations", json={}))
    assert problem.code == "model_not_found"


async def test_draws_in_a_form_that_there_is_not_are_a_406(
    client: httpx.AsyncClient, model: str
) -> None:
    answer = await client.post(f"{model}/simulations", json={}, headers={"accept": "image/png"})
    assert read(answer).code == "not_acceptable"
