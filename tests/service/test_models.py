from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from service.catalog import Dataset
from service.context import Services
from service.schemas.fits import FittedModel, ModelList, Validation
from service.settings import Settings
from tests.service.jobs import finished
from tests.service.keeping import RADON, another
from tests.service.test_problems import read

RADON_LINES = RADON.read_text().splitlines()

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("radon")]

FLOOR = {"dataset": "minnesota-radon", "formula": "log(radon + 0.1) ~ floor + (1 | county)"}


async def post(client: httpx.AsyncClient, **changes: Any) -> httpx.Response:
    return await client.post("/v1/models", json={**FLOOR, **changes})


async def fitted(client: httpx.AsyncClient, **changes: Any) -> FittedModel:
    answer = await post(client, **changes)
    assert answer.status_code in {200, 201}, answer.text
    return FittedModel.model_validate_json(answer.content)


async def test_a_fit_gives_the_table_of_the_lecture(client: httpx.AsyncClient) -> None:
    model = await fitted(client)
    intercept, floor = model.fixed_effects
    assert (intercept.term, round(intercept.estimate, 4)) == ("(Intercept)", 1.4924)
    assert (floor.term, round(floor.estimate, 4)) == ("floor", -0.6629)
    assert model.statistics.criterion == pytest.approx(2097.522, abs=1e-3)
    assert (model.n_rows, model.groups) == (919, {"county": 85})
    assert model.response.model_dump() == {
        "expression": "log(radon + 0.1)",
        "column": "radon",
        "invertible": True,
    }
    assert model.random_effects[0].std_dev == pytest.approx([0.3154], abs=1e-4)
    assert model.residual_std_dev == pytest.approx(0.7258, abs=1e-4)


async def test_a_new_fit_is_created_and_says_where_it_is(client: httpx.AsyncClient) -> None:
    answer = await post(client)
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/models/{answer.json()['id']}"
    assert answer.headers["cache-status"] == "partialpool; fwd=miss; stored"
    assert "fit;dur=" in answer.headers["server-timing"]
    assert (await client.get(answer.headers["location"])).content == answer.content


async def test_a_known_fit_is_found_without_any_work(
    client: httpx.AsyncClient, parts: Services
) -> None:
    first = await post(client)
    await post(client)
    fits, submitted = parts.fitting.fits, parts.compute.submitted
    again = await post(client)
    assert (again.status_code, again.headers["cache-status"]) == (200, "partialpool; hit")
    assert again.content == first.content
    assert (parts.fitting.fits, parts.compute.submitted) == (fits, submitted) == (1, submitted)


@pytest.mark.parametrize(
    "formula",
    [
        "log(radon+0.1)~floor+(1|county)",
        "log(radon + 0.1) ~ 1 + floor + (1 | county)",
        "log(radon + 0.1) ~ (1 | county) + floor",
    ],
)
async def test_a_formula_that_means_the_same_is_the_same_model(
    client: httpx.AsyncClient, formula: str
) -> None:
    first = await post(client)
    again = await post(client, formula=formula)
    assert (again.status_code, again.content) == (200, first.content)


PLOTS = {
    "data": {
        "columns": {
            "y": [3.1, 4.0, 5.2, 2.9, 4.4, 5.0, 3.6, 4.1, 5.9, 2.2, 3.3, 4.9],
            "variety": list("bcabcabcabca"),
            "nitro": [0.0, 0.2, 0.4, 0.6] * 3,
            "block": list("uuuvvvwwwxxx"),
        }
    }
}


async def plots(client: httpx.AsyncClient, formula: str) -> httpx.Response:
    return await client.post("/v1/models", json={**PLOTS, "formula": formula})


async def test_coefficients_have_the_names_and_the_order_of_r(client: httpx.AsyncClient) -> None:
    model = (await plots(client, "y ~ variety*nitro + (1|block)")).json()
    assert model["formula"] == "y ~ variety * nitro + (1 | block)"
    # names(fixef(lmer(y ~ variety * nitro + (1 | block))))
    assert [row["term"] for row in model["fixed_effects"]] == [
        *("(Intercept)", "varietyb", "varietyc", "nitro"),
        *("varietyb:nitro", "varietyc:nitro"),
    ]


async def test_terms_in_another_order_are_the_model_as_it_was_first_written(
    client: httpx.AsyncClient,
) -> None:
    first = await plots(client, "y ~ variety*nitro + (1|block)")
    again = await plots(client, "y ~ (1|block) + nitro:variety + nitro + variety")
    assert (again.status_code, again.content) == (200, first.content)
    await client.delete(first.headers["location"])
    turned = await plots(client, "y ~ nitro*variety + (1|block)")
    assert turned.headers["location"] == first.headers["location"]
    terms = [row["term"] for row in turned.json()["fixed_effects"]]
    assert terms[1:5] == ["nitro", "varietyb", "varietyc", "nitro:varietyb"]


async def test_of_aliased_columns_the_later_one_goes_as_in_r(client: httpx.AsyncClient) -> None:
    model = (await plots(client, "y ~ nitro + I(2 * nitro) + (1|block)")).json()
    assert model["dropped_terms"] == ["I(2 * nitro)"]


async def test_a_random_term_given_twice_is_fitted_once(client: httpx.AsyncClient) -> None:
    model = await plots(client, "y ~ nitro + (1|block) + (1|block)")
    assert model.json()["statistics"]["df"] == 4
    again = await plots(client, "y ~ nitro + (1|block)")
    assert (again.status_code, again.content) == (200, model.content)


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "ML"},
        {"formula": "log(radon + 0.1) ~ floor + (1 + floor | county)"},
        {"categorical": ["floor"]},
        {"weights": "log_uranium", "formula": "radon ~ 1"},
    ],
)
async def test_another_model_is_another_model(
    client: httpx.AsyncClient, changes: dict[str, Any]
) -> None:
    first = await fitted(client)
    other = await post(client, **changes)
    assert other.status_code in {201, 422}
    assert other.json().get("id") != first.id


async def test_fifty_who_ask_at_once_cause_one_fit(
    client: httpx.AsyncClient, parts: Services
) -> None:
    answers = await asyncio.gather(*(post(client) for _ in range(50)))
    assert parts.fitting.fits == 1
    assert sorted(answer.status_code for answer in answers) == [200] * 49 + [201]
    assert len({answer.content for answer in answers}) == 1
    collapsed = [a for a in answers if a.headers["cache-status"].endswith("collapsed")]
    assert len(collapsed) == 49


async def test_a_fit_that_fails_fails_for_all_who_wait_and_can_be_tried_again(
    client: httpx.AsyncClient,
) -> None:
    for _ in range(2):
        answers = await asyncio.gather(*(post(client, formula="radon ~ flor") for _ in range(5)))
        assert {answer.status_code for answer in answers} == {422}


async def test_the_dataset_may_be_named_by_its_id(
    client: httpx.AsyncClient, radon: Dataset
) -> None:
    first = await post(client)
    again = await post(client, dataset=radon.id)
    assert (again.status_code, again.content) == (200, first.content)
    assert first.json()["dataset"] == radon.id


async def test_data_may_come_with_the_request(client: httpx.AsyncClient) -> None:
    columns = {"y": [1.1, 0.9, 1.4, 2.2, 2.5, 2.1], "g": ["a", "a", "b", "b", "c", "c"]}
    body = {"data": {"columns": columns}, "formula": "y ~ 1 + (1 | g)"}
    answer = await client.post("/v1/models", json=body)
    assert answer.status_code == 201
    assert answer.json()["dataset"].startswith("ds_")
    assert (await client.post("/v1/models", json=body)).status_code == 200


async def test_data_with_the_request_and_the_same_data_uploaded_are_one(
    client: httpx.AsyncClient, radon: Dataset
) -> None:
    lines = [line.split(",") for line in RADON_LINES]
    names, rows = lines[0], lines[1:]
    columns: dict[str, list[Any]] = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    for name in ("fips", "floor"):
        columns[name] = [int(cell) for cell in columns[name]]
    for name in ("radon", "log_uranium"):
        columns[name] = [float(cell) for cell in columns[name]]
    first = await post(client)
    body = {"formula": FLOOR["formula"], "data": {"columns": columns}}
    again = await client.post("/v1/models", json=body)
    assert (again.status_code, again.content) == (200, first.content)
    assert again.json()["dataset"] == radon.id


async def test_a_model_survives_a_restart(client: httpx.AsyncClient, settings: Settings) -> None:
    first = await post(client)
    async with another(settings) as restarted:
        again = await restarted.post("/v1/models", json=FLOOR)
        assert (again.status_code, again.content) == (200, first.content)
        found = await restarted.get(first.headers["location"])
        assert (found.content, found.headers["etag"]) == (first.content, first.headers["etag"])


async def test_a_model_stays_when_its_dataset_is_deleted(
    client: httpx.AsyncClient, parts: Services
) -> None:
    first = await post(client)
    await parts.datasets("default").delete("minnesota-radon")
    assert (await client.get(first.headers["location"])).status_code == 200
    assert read(await post(client)).code == "dataset_not_found"


async def test_a_model_deleted_by_another_replica_is_gone_within_a_second(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    first = await post(client)
    location = first.headers["location"]
    await client.get(location)
    async with another(settings) as replica:
        assert (await replica.delete(location)).status_code == 204
    await asyncio.sleep(1.1)
    assert read(await client.get(location)).code == "model_not_found"
    assert (await post(client)).status_code == 201


async def test_a_damaged_model_is_not_served_and_is_made_anew_when_asked_for(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    first = await post(client)
    for blob in settings.data_dir.glob("blobs/*/*.fit"):
        blob.write_bytes(b"damaged")
    async with another(settings) as restarted:
        problem = read(await restarted.get(first.headers["location"]))
        assert (problem.code, problem.status) == ("corrupt_artefact", 500)
        again = await restarted.post("/v1/models", json=FLOOR)
        assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
        assert (await restarted.get(first.headers["location"])).status_code == 200


async def test_a_model_in_memory_is_not_read_from_its_file_again(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    """Only whether it is still kept is asked, each second."""
    location = (await post(client)).headers["location"]
    for blob in settings.data_dir.glob("blobs/*/*.fit"):
        blob.unlink()
    await asyncio.sleep(1.1)
    assert (await client.get(location)).status_code == 200


async def test_a_model_never_changes_so_a_client_need_not_fetch_it_twice(
    client: httpx.AsyncClient,
) -> None:
    answer = await post(client)
    location, etag = answer.headers["location"], answer.headers["etag"]
    assert not etag.startswith("W/")
    again = await client.get(location, headers={"if-none-match": etag})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == etag
    other = await client.get(location, headers={"if-none-match": '"other"'})
    assert other.status_code == 200


async def test_a_model_reads_as_r_prints_it(client: httpx.AsyncClient) -> None:
    location = (await post(client)).headers["location"]
    answer = await client.get(location, headers={"accept": "text/plain"})
    assert answer.headers["content-type"].startswith("text/plain")
    assert "(Intercept)  1.49     0.05" in answer.text
    assert "number of obs: 919, groups: county, 85" in answer.text
    tag = {"accept": "text/plain", "if-none-match": answer.headers["etag"]}
    assert (await client.get(location, headers=tag)).status_code == 304
    assert (await client.get(location)).headers["etag"] != answer.headers["etag"]


async def test_another_form_than_these_cannot_be_had(client: httpx.AsyncClient) -> None:
    location = (await post(client)).headers["location"]
    problem = read(await client.get(location, headers={"accept": "image/png"}))
    assert problem.code == "not_acceptable"


async def test_a_deleted_model_is_gone_and_comes_back_with_the_same_id(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    first = await post(client)
    location = first.headers["location"]
    assert (await client.delete(location)).status_code == 204
    assert list(settings.data_dir.glob("blobs/*/*.fit")) == []
    assert read(await client.get(location)).code == "model_not_found"
    assert read(await client.delete(location)).code == "model_not_found"
    again = await post(client)
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])


async def test_models_are_listed_newest_first_in_pages(client: httpx.AsyncClient) -> None:
    made = [
        (await fitted(client, formula=f"radon ~ {right}")).id
        for right in ("1", "floor", "floor + log_uranium")
    ]
    first = ModelList.model_validate_json(
        (await client.get("/v1/models", params={"limit": 2})).content
    )
    second = ModelList.model_validate_json(
        (await client.get("/v1/models", params={"limit": 2, "cursor": first.next})).content
    )
    assert [item.id for item in (*first.items, *second.items)] == made[::-1]
    assert second.next is None
    assert second.items[0].formula == "radon ~ 1"


@pytest.mark.parametrize(
    ("parameters", "where"), [({"limit": 0}, "limit"), ({"cursor": "x"}, "cursor")]
)
async def test_a_page_that_cannot_be_is_refused(
    client: httpx.AsyncClient, parameters: dict[str, Any], where: str
) -> None:
    problem = read(await client.get("/v1/models", params=parameters))
    assert problem.errors[0].pointer == f"#/query/{where}"


@pytest.mark.parametrize(
    ("changes", "code", "where"),
    [
        ({"formula": "radon ~ flor + (1 | county)"}, "invalid_model", "#/formula"),
        ({"formula": "radon ~ (1 | county"}, "invalid_formula", "#/formula"),
        ({"formula": "__import__('os').system('x')"}, "invalid_formula", "#/formula"),
        ({"formula": "radon ~ (a+b)^100000000"}, "invalid_formula", "#/formula"),
        ({"formula": "y" * 1_000_000}, "invalid_formula", "#/formula"),
        ({"formula": "county ~ floor"}, "unusable_data", "#/formula"),
        ({"weights": "wight"}, "invalid_model", "#/weights"),
        ({"method": "OLS"}, "invalid_request", "#/method"),
        ({"formla": "y ~ x"}, "invalid_request", "#/formla"),
        ({"formula": None}, "invalid_request", "#/formula"),
        ({"contrasts": {"floor": "odd"}}, "invalid_request", "#/contrasts/floor"),
        ({"dataset": None}, "invalid_request", "#/dataset"),
        ({"data": {"columns": {}}}, "invalid_request", "#/dataset"),
        (
            {"dataset": None, "data": {"columns": {"x": [1], "y": [1, 2]}}},
            "invalid_table",
            "#/data",
        ),
    ],
)
async def test_each_mistake_is_pointed_to(
    client: httpx.AsyncClient, changes: dict[str, Any], code: str, where: str
) -> None:
    problem = read(await post(client, **changes))
    assert problem.code == code, problem
    assert problem.errors[0].pointer.startswith(where), problem
    assert problem.errors[0].hint
    assert 400 <= problem.status < 500


async def test_a_dataset_that_is_not_there_is_a_404(client: httpx.AsyncClient) -> None:
    problem = read(await post(client, dataset="nothing"))
    assert (problem.code, problem.status) == ("dataset_not_found", 404)


async def test_a_body_that_is_too_large_for_json_is_refused_while_it_comes_in(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    body = b'{"formula": "' + b"y" * settings.max_json_bytes + b'"}'
    answer = await client.post(
        "/v1/models", content=body, headers={"content-type": "application/json"}
    )
    assert read(answer).code == "body_too_large"


async def test_inline_data_have_a_cap_on_rows(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    columns = {"y": list(range(settings.max_inline_rows + 1))}
    body = {"data": {"columns": columns}, "formula": "y ~ 1"}
    problem = read(await client.post("/v1/models", json=body))
    assert (problem.code, problem.errors[0].pointer[:6]) == ("limit_passed", "#/data")


@pytest.mark.parametrize("df", ["satterthwaite", "residual", "none"])
async def test_fixed_effects_come_with_the_degrees_of_freedom_asked_for(
    client: httpx.AsyncClient, df: str
) -> None:
    location = (await post(client)).headers["location"]
    answer = await client.get(f"{location}/fixed-effects", params={"df": df, "level": 0.5})
    row = answer.json()["items"][0]
    whole = (await client.get(location)).json()["fixed_effects"][0]
    assert row["estimate"] == whole["estimate"]
    assert row["lower"] > whole["lower"], "the level is lower"
    assert (row["df"] is None) == (row["p_value"] is None) == (df == "none")


@pytest.mark.parametrize(
    ("parameters", "where"),
    [({"df": "kenward"}, "df"), ({"level": 1}, "level"), ({"levl": 0.9}, "levl")],
)
async def test_what_fixed_effects_cannot_be_asked_for_is_said(
    client: httpx.AsyncClient, parameters: dict[str, Any], where: str
) -> None:
    location = (await post(client)).headers["location"]
    problem = read(await client.get(f"{location}/fixed-effects", params=parameters))
    assert problem.errors[0].pointer == f"#/query/{where}"


async def validated(client: httpx.AsyncClient, **changes: Any) -> Validation:
    answer = await client.post("/v1/models/validate", json={**FLOOR, **changes})
    assert answer.status_code == 200, answer.text
    return Validation.model_validate_json(answer.content)


async def test_a_good_model_is_measured_and_not_fitted(
    client: httpx.AsyncClient, parts: Services
) -> None:
    found = await validated(client)
    assert found.valid
    assert found.dimensions is not None
    assert found.dimensions.groups == {"county": 85}
    assert found.dimensions.fixed_effects == ["(Intercept)", "floor"]
    assert parts.fitting.fits == 0


async def test_every_problem_of_a_model_is_told_at_once(client: httpx.AsyncClient) -> None:
    found = await validated(client, formula="radon ~ flor + uranum + (1 | conty)")
    assert not found.valid
    assert found.dimensions is None
    assert len(found.problems) == 3
    assert "floor" in found.problems[0].hint


async def test_a_formula_that_cannot_be_read_is_told_too(client: httpx.AsyncClient) -> None:
    found = await validated(client, formula="radon ~ +")
    assert (found.valid, found.formula) == (False, None)
    assert found.problems[0].pointer == "#/formula"


async def test_who_waits_too_long_is_given_a_job_and_then_finds_the_fit(
    settings: Settings,
) -> None:
    hasty = settings.model_copy(update={"wait_seconds": 0, "thread_seconds": 0})
    async with another(hasty) as impatient:
        first = await post(impatient)
        assert first.status_code == 202
        assert int(first.headers["retry-after"]) > 0
        job = await finished(impatient, first.headers["location"])
        assert (job["state"], job["kind"]) == ("succeeded", "fit")
        again = await post(impatient)
        assert (again.status_code, again.headers["location"]) == (200, job["result"]["href"])
        assert again.json()["n_rows"] == 919
