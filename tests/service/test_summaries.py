"""Sums instead of rows, over HTTP: kept, added, fitted as all rows are."""

from __future__ import annotations

import gzip
import json
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import ipc

import engine
from service import summaries
from service.api.examples import SUMMARY
from service.settings import Settings
from tests.service.keeping import RADON, another

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("radon")]

FORMULA = "log(radon + 0.1) ~ floor + (1 | county)"
SLOPES = "log(radon + 0.1) ~ floor * log_uranium + (1 + floor | county)"


@pytest.fixture(scope="module")
def survey() -> pd.DataFrame:
    return pd.read_csv(RADON)


async def send(
    client: httpx.AsyncClient, summary: engine.Summary | dict[str, Any] | bytes, **query: str
) -> httpx.Response:
    """Post a summary, as JSON; a summary of many rows as Arrow."""
    media = summaries.JSON
    match summary:
        case bytes():
            content = summary
        case dict():
            content = json.dumps(summary).encode()
        case _:
            media = summaries.ARROW if summary.n_rows > 200 else media
            content = engine.write_summary(summary, "arrow" if media == summaries.ARROW else "json")
    headers = {"content-type": media}
    return await client.post("/v1/datasets", params=query, content=content, headers=headers)


async def sites(client: httpx.AsyncClient, parts: list[engine.Summary]) -> list[str]:
    """Post a summary of each site and return the ids."""
    answers = [await send(client, part) for part in parts]
    assert [answer.status_code for answer in answers] == [201] * len(parts)
    return [answer.json()["id"] for answer in answers]


async def fitted(client: httpx.AsyncClient, dataset: str, **asked: Any) -> dict[str, Any]:
    answer = await client.post("/v1/models", json={"dataset": dataset, "formula": FORMULA} | asked)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def by_county(survey: pd.DataFrame, formula: str) -> list[engine.Summary]:
    """Five sites, each with counties of its own."""
    site = survey.county.astype("category").cat.codes % 5
    return [engine.summarise(formula, rows) for _, rows in survey.groupby(site)]


def at_random(survey: pd.DataFrame, formula: str) -> list[engine.Summary]:
    """Five sites that each have rows of most counties."""
    site = np.random.default_rng(7).integers(0, 5, len(survey))
    return [engine.summarise(formula, rows) for _, rows in survey.groupby(site)]


def worst(found: list[dict[str, Any]], expected: list[dict[str, Any]], *names: str) -> float:
    """The largest relative difference of numbers of these names."""
    pairs = [
        (own[name], its[name]) for own, its in zip(found, expected, strict=True) for name in names
    ]
    return max(float(abs(own - its) / abs(its)) for own, its in pairs)


@pytest.mark.parametrize("split", [by_county, at_random])
@pytest.mark.parametrize("formula", [FORMULA, SLOPES])
@pytest.mark.parametrize("method", ["REML", "ML"])
async def test_a_survey_split_into_five_sites_fits_as_the_pooled_rows(
    client: httpx.AsyncClient, survey: pd.DataFrame, split: Any, formula: str, method: str
) -> None:
    asked = {"formula": formula, "method": method}
    ids = await sites(client, split(survey, formula))
    added = await client.post("/v1/datasets/merge", json={"datasets": ids})
    assert added.status_code == 201, added.text
    assert added.json()["n_rows"] == 919
    federated = await fitted(client, added.json()["id"], **asked)
    pooled = await fitted(client, "minnesota-radon", **asked)
    effects = federated["fixed_effects"], pooled["fixed_effects"]
    assert [row["term"] for row in effects[0]] == [row["term"] for row in effects[1]]
    assert worst(*effects, "estimate", "std_error") < 1e-9
    assert worst(*effects, "df", "t_value", "lower", "upper") < 1e-8
    for name in ("residual_std_dev",):
        assert federated[name] == pytest.approx(pooled[name], rel=1e-9)
    for own, its in zip(federated["random_effects"], pooled["random_effects"], strict=True):
        np.testing.assert_allclose(own["std_dev"], its["std_dev"], rtol=1e-8)
    assert federated["statistics"]["criterion"] == pytest.approx(
        pooled["statistics"]["criterion"], rel=1e-12
    )
    counties = [
        (await client.get(f"/v1/models/{model['id']}/effects/county")).json()["items"]
        for model in (federated, pooled)
    ]
    assert [row["level"] for row in counties[0]] == [row["level"] for row in counties[1]]
    estimates = [[row["effects"]["(Intercept)"]["estimate"] for row in rows] for rows in counties]
    np.testing.assert_allclose(estimates[0], estimates[1], rtol=1e-7, atol=1e-10)


async def test_the_same_summaries_in_any_order_are_one_dataset(
    client: httpx.AsyncClient, survey: pd.DataFrame
) -> None:
    ids = await sites(client, by_county(survey, FORMULA))
    first = await client.post("/v1/datasets/merge", json={"datasets": ids})
    again = await client.post(
        "/v1/datasets/merge", params={"name": "all"}, json={"datasets": ids[::-1]}
    )
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json() | {"name": "all"}
    assert first.json()["summary"]["parts"] == sorted(ids)
    assert first.headers["location"] == f"/v1/datasets/{first.json()['id']}"


async def test_a_summary_is_one_dataset_whichever_way_it_is_written(
    client: httpx.AsyncClient, survey: pd.DataFrame
) -> None:
    summary = engine.summarise(FORMULA, survey)
    text, arrow = engine.write_summary(summary, "json"), engine.write_summary(summary, "arrow")
    asked = [
        (text, {"content-type": summaries.JSON}),
        (arrow, {"content-type": summaries.ARROW}),
        (gzip.compress(text), {"content-type": summaries.JSON, "content-encoding": "gzip"}),
        (gzip.compress(arrow), {"content-type": summaries.ARROW}),
    ]
    answers = [
        await client.post("/v1/datasets", content=content, headers=headers)
        for content, headers in asked
    ]
    assert [answer.status_code for answer in answers] == [201, 200, 200, 200]
    assert len({answer.text for answer in answers}) == 1
    told = answers[0].json()
    assert (told["kind"], told["n_rows"], told["n_columns"], told["columns"]) == (
        *("summary", 919, 0),
        [],
    )
    assert told["content_hash"] == engine.digest_of(summary)
    assert told["summary"] == {
        "formula": FORMULA,
        "weights": None,
        "offset": None,
        "categorical": [],
        "factors": {},
        "groups": {"county": 85},
        "n_dropped": 0,
        "n_suppressed": 0,
        "min_count": 1,
        "appendable": True,
        "parts": [],
    }
    listed = (await client.get("/v1/datasets")).json()["items"]
    assert {row["id"]: row["kind"] for row in listed}[told["id"]] == "summary"
    assert {row["name"]: row["kind"] for row in listed}["minnesota-radon"] == "table"


async def test_a_fit_of_sums_answers_whatever_needs_no_rows(
    client: httpx.AsyncClient, survey: pd.DataFrame
) -> None:
    (site,) = await sites(client, [engine.summarise(SLOPES, survey)])
    model = f"/v1/models/{(await fitted(client, site, formula=SLOPES))['id']}"
    for path in (
        *("", "/fixed-effects", "/fixed-effects?df=kenward-roger", "/anova"),
        *("/fixed-effects?interval=profile", "/fixed-effects?interval=bootstrap&n_sim=20"),
        *("/variance-parameters", "/random-effects-tests", "/effects/county", "/pooling/county"),
    ):
        answer = await client.get(model + path)
        assert answer.status_code == 200, (path, answer.text)
    rows = [{"county": "AITKIN", "floor": 0, "log_uranium": 0.1}]
    assert (await client.post(f"{model}/predictions", json={"rows": rows})).status_code == 200
    diagnosed = (await client.get(f"{model}/diagnostics")).json()
    assert diagnosed["rows"] is None
    assert diagnosed["rows_missing"] == "The model was fitted to sums: the rows are not here."


async def test_what_needs_rows_says_that_there_are_none(
    client: httpx.AsyncClient, survey: pd.DataFrame
) -> None:
    (site,) = await sites(client, [engine.summarise(FORMULA, survey)])
    model = f"/v1/models/{(await fitted(client, site))['id']}"
    for path in (
        f"/v1/datasets/{site}/rows",
        f"{model}/diagnostics/rows",
        f"{model}/diagnostics/levels/county",
    ):
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (409, "only_sums")
    answer = await client.post(f"{model}/simulations", json={"n_sim": 2})
    assert (answer.status_code, answer.json()["code"]) == (409, "only_sums"), answer.text


async def test_fits_of_sums_and_of_rows_are_compared(
    client: httpx.AsyncClient, survey: pd.DataFrame
) -> None:
    (site,) = await sites(client, [engine.summarise(FORMULA, survey)])
    models = [
        (await fitted(client, site))["id"],
        (await fitted(client, "minnesota-radon", formula=SLOPES))["id"],
    ]
    answer = await client.post("/v1/comparisons", json={"models": models})
    assert answer.status_code == 200, answer.text


async def test_a_summary_fits_its_own_formula_by_any_method_and_contrasts(
    client: httpx.AsyncClient, survey: pd.DataFrame
) -> None:
    survey = survey.assign(storey=np.where(survey.floor == 0, "basement", "first"))
    summary = engine.summarise("radon ~ log_uranium + storey + (1|county)", survey)
    assert (await send(client, summary, name="storeys")).status_code == 201
    asked = {"formula": "radon ~ (1 | county) + storey + log_uranium", "method": "ML"}
    model = await fitted(client, "storeys", **asked, contrasts={"storey": "sum"})
    terms = [row["term"] for row in model["fixed_effects"]]
    assert terms == ["(Intercept)", "log_uranium", "storey1"]
    assert model["method"] == "ML"
    again = await client.post(
        "/v1/models", json={"dataset": "storeys", **asked, "contrasts": {"storey": "sum"}}
    )
    assert again.status_code == 200


@pytest.mark.parametrize(
    ("asked", "code", "pointer", "hint"),
    [
        ({"formula": "log(radon + 0.1) ~ 1 + (1 | county)"}, "other_formula", "#/formula", FORMULA),
        ({"weights": "floor"}, "other_weights", "#/weights", "it has no weights"),
        ({"offset": "floor"}, "other_offset", "#/offset", "it has no offset"),
        ({"categorical": ["floor"]}, "different_kinds", "#/categorical", "leave it out"),
        ({"missing": "fail"}, "missing_values", "#/missing", '"drop"'),
    ],
)
async def test_another_model_is_refused_with_a_hint(
    client: httpx.AsyncClient,
    survey: pd.DataFrame,
    asked: dict[str, Any],
    code: str,
    pointer: str,
    hint: str,
) -> None:
    gap = pd.DataFrame({name: [None] for name in survey}).astype(survey.dtypes, errors="ignore")
    summary = engine.summarise(FORMULA, pd.concat([survey, gap]))
    (site,) = await sites(client, [summary])
    body = {"dataset": site, "formula": FORMULA} | asked
    answer = await client.post("/v1/models", json=body)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["code"], error["pointer"]) == (code, pointer)
    assert hint in error["hint"]
    checked = (await client.post("/v1/models/validate", json=body)).json()
    assert not checked["valid"]
    assert [problem["code"] for problem in checked["problems"]] == [code]


async def test_a_model_is_validated_against_a_summary(
    client: httpx.AsyncClient, survey: pd.DataFrame
) -> None:
    (site,) = await sites(client, [engine.summarise(SLOPES, survey)])
    told = [
        (
            await client.post("/v1/models/validate", json={"dataset": dataset, "formula": SLOPES})
        ).json()
        for dataset in (site, "minnesota-radon")
    ]
    assert told[0] == told[1]
    assert told[0]["valid"]


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 422, "invalid_summary"),
        (b"county,floor\n", 422, "invalid_summary"),
        (b"{", 422, "invalid_summary"),
        (b"{}", 422, "invalid_summary"),
        (b'{"format": "partialpool-summary/9"}', 422, "invalid_summary"),
        (b"\x1f\x8b{}", 422, "invalid_summary"),
        (b"ARROW1\0\0", 422, "invalid_summary"),
        (b"{" + b" " * 40_000_000, 413, "body_too_large"),
        (json.dumps(SUMMARY | {"formula": "y ~"}).encode(), 422, "invalid_summary"),
        (json.dumps(SUMMARY | {"formula": "y ~ x*"}).encode(), 422, "invalid_summary"),
        (json.dumps(SUMMARY | {"products": [5, 10.5, 10.5, 20]}).encode(), 422, "invalid_summary"),
    ],
)
async def test_what_is_no_summary_is_refused(
    client: httpx.AsyncClient, content: bytes, status: int, code: str
) -> None:
    answer = await send(client, content)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.json()["errors"]


async def test_what_is_wrong_in_a_summary_has_a_pointer(client: httpx.AsyncClient) -> None:
    content = json.loads(json.dumps(SUMMARY))
    content["groups"][0]["rows"] = [2, 4]
    answer = await send(client, content)
    assert [error["pointer"] for error in answer.json()["errors"]] == ["#/groups/0/rows"]


async def test_an_arrow_file_made_to_swell_is_refused_before_it_is_read(
    settings: Settings,
) -> None:
    swelling = pa.table({"name": ["products"], "numbers": [[0.0] * 3_000_000], "texts": [None]})
    sink = pa.BufferOutputStream()
    options = ipc.IpcWriteOptions(compression="zstd")
    with ipc.new_stream(sink, swelling.schema, options=options) as writer:
        writer.write_table(swelling)
    content = bytes(sink.getvalue())
    assert len(content) < 100_000
    tight = settings.model_copy(update={"max_decoded_bytes": 10_000_000})
    async with another(tight) as client:
        headers = {"content-type": summaries.ARROW}
        answer = await client.post("/v1/datasets", content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_summaries_that_do_not_add_up_are_refused(
    client: httpx.AsyncClient, survey: pd.DataFrame
) -> None:
    parts = [
        engine.summarise(FORMULA, survey[::2]),
        engine.summarise(FORMULA, survey[1::2]),
        engine.summarise(SLOPES, survey[1::2]),
    ]
    first, second, other = await sites(client, parts)
    both = await client.post("/v1/datasets/merge", json={"datasets": [first, second]})
    for asked, status, code, pointer in (
        ([first, other], 422, "different_models", "datasets/"),
        ([first, first], 422, "same_rows", "#/datasets/1"),
        ([both.json()["id"], first], 422, "same_rows", "#/datasets/1"),
        ([first, "minnesota-radon"], 422, "not_a_summary", "#/datasets/1"),
        ([first, "nowhere"], 404, "dataset_not_found", "#/datasets/1"),
        ([first], 422, "too_short", "#/datasets"),
    ):
        answer = await client.post("/v1/datasets/merge", json={"datasets": asked})
        assert answer.status_code == status, answer.text
        (error,) = answer.json()["errors"]
        assert error["code"] == code
        assert pointer in error["pointer"]


async def test_rows_that_come_later_are_added(
    client: httpx.AsyncClient, survey: pd.DataFrame
) -> None:
    parts = [engine.summarise(FORMULA, survey[:900]), engine.summarise(FORMULA, survey[900:])]
    ids = await sites(client, parts)
    grown = await client.post("/v1/datasets/merge", json={"datasets": ids})
    model = await fitted(client, grown.json()["id"])
    pooled = engine.fit(FORMULA, survey)
    found = [row["estimate"] for row in model["fixed_effects"]]
    np.testing.assert_allclose(found, pooled.beta, rtol=1e-12)


async def test_a_deleted_summary_is_gone_with_its_file(
    client: httpx.AsyncClient, survey: pd.DataFrame, settings: Settings
) -> None:
    (site,) = await sites(client, [engine.summarise(FORMULA, survey)])
    stored = settings.data_dir / "blobs"
    assert len([path for path in stored.rglob("*.summary") if path.is_file()]) == 1
    assert (await client.delete(f"/v1/datasets/{site}")).status_code == 204
    assert not [path for path in stored.rglob("*.summary") if path.is_file()]


async def test_a_summary_is_fitted_by_a_job(
    client: httpx.AsyncClient, survey: pd.DataFrame
) -> None:
    (site,) = await sites(client, [engine.summarise(SLOPES, survey)])
    body, asynchronous = {"dataset": site, "formula": SLOPES}, {"prefer": "respond-async"}
    begun = await client.post("/v1/models", json=body, headers=asynchronous)
    assert begun.status_code == 202, begun.text
    waited = await client.post("/v1/models", json=body, headers={"prefer": "wait=60"})
    assert waited.status_code in {200, 201}, waited.text
    pooled = engine.fit(SLOPES, survey)
    found = [row["estimate"] for row in waited.json()["fixed_effects"]]
    np.testing.assert_allclose(found, pooled.beta, rtol=1e-9)


async def test_the_preview_takes_tables_alone(client: httpx.AsyncClient) -> None:
    headers = {"content-type": summaries.JSON}
    answer = await client.post("/v1/datasets/preview", json=SUMMARY, headers=headers)
    assert answer.status_code == 415
    assert summaries.JSON not in answer.headers["accept-post"]
