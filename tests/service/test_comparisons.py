"""Likelihood ratios over HTTP: the numbers of lme4's anova and of lmerTest's ranova."""

from __future__ import annotations

import io
from typing import Any

import httpx
import pytest
from pyarrow import csv

from service.context import Services
from tests.reference.cases import HERE
from tests.reference.likelihood import ComparisonRecord, TermsRecord, described, likelihoods
from tests.service.keeping import keep
from tests.service.test_problems import read

pytestmark = pytest.mark.anyio

EXACT = 1e-7
INTERCEPTS = "Reaction ~ Days + (1 | Subject)"
SLOPES = "Reaction ~ Days + (Days | Subject)"


async def models_of(
    client: httpx.AsyncClient, parts: Services, data: str, method: str, *formulas: str
) -> list[str]:
    """Fit formulas to a table of the reference data and return the ids."""
    await keep(parts, HERE / "data" / f"{data}.csv", data)
    out = []
    for formula in formulas:
        body = {"dataset": data, "formula": formula, "method": method}
        answer = await client.post("/v1/models", json=body)
        assert answer.status_code in {200, 201}, answer.text
        out.append(str(answer.json()["id"]))
    return out


async def compared(client: httpx.AsyncClient, models: list[str], **options: Any) -> dict[str, Any]:
    answer = await client.post("/v1/comparisons", json={"models": models, **options})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.parametrize("known", likelihoods().comparisons, ids=lambda k: k["formulas"][-1])
async def test_a_comparison_is_that_of_anova(
    client: httpx.AsyncClient, parts: Services, known: ComparisonRecord
) -> None:
    models = await models_of(client, parts, known["data"], known["method"], *known["formulas"])
    found = await compared(client, models[::-1])
    assert found["method"] == known["by"]
    again = [] if known["by"] == known["method"] else models
    assert set(found["refitted"]) == set(again)
    assert [item["model"] for item in found["items"]] == models
    for i, item in enumerate(found["items"]):
        assert item["df"] == known["df"][i]
        own = [item["aic"], item["bic"], item["log_likelihood"], item["deviance"]]
        expected = [known[name][i] for name in ("aic", "bic", "log_likelihood", "deviance")]
        assert own == pytest.approx(expected, abs=EXACT)
        if i == 0:
            assert item["test"] is None
            continue
        assert item["test"]["df"] == known["chisq_df"][i]
        assert item["test"]["chisq"] == pytest.approx(known["chisq"][i], abs=EXACT)
        assert item["test"]["p_value"] == pytest.approx(known["p"][i], rel=1e-6)


@pytest.mark.parametrize("known", likelihoods().random_terms, ids=described)
async def test_random_terms_are_tested_as_ranova_does(
    client: httpx.AsyncClient, parts: Services, known: TermsRecord
) -> None:
    (model,) = await models_of(client, parts, known["data"], known["method"], known["formula"])
    items = (await client.get(f"/v1/models/{model}/random-effects-tests")).json()["items"]
    rows = zip(
        known["df"], known["log_likelihood"], known["aic"], known["chisq"], known["p"], strict=True
    )
    expected = sorted(list(rows)[1:])
    found = sorted(
        (
            *(item["df"], item["log_likelihood"], item["aic"]),
            *(item["test"]["chisq"], item["test"]["p_value"]),
        )
        for item in items
    )
    assert len(found) == len(expected)
    for own, reference in zip(found, expected, strict=True):
        assert own == pytest.approx(reference, rel=1e-6, abs=1e-12)


async def test_random_terms_can_be_had_as_a_table(
    client: httpx.AsyncClient, parts: Services
) -> None:
    (model,) = await models_of(client, parts, "sleepstudy", "REML", INTERCEPTS)
    path = f"/v1/models/{model}/random-effects-tests"
    (item,) = (await client.get(path)).json()["items"]
    answer = await client.get(path, headers={"accept": "text/csv"})
    table = csv.read_csv(io.BytesIO(answer.content))
    assert table["test.mixture_p_value"].to_pylist() == [item["test"]["mixture_p_value"]]
    assert item["test"]["mixture_p_value"] == pytest.approx(item["test"]["p_value"] / 2)


@pytest.mark.parametrize("test", [True, False])
async def test_a_comparison_can_be_had_as_a_table(
    client: httpx.AsyncClient, parts: Services, test: bool
) -> None:
    models = await models_of(client, parts, "sleepstudy", "REML", INTERCEPTS, SLOPES)
    items = (await compared(client, models, test=test))["items"]
    body = {"models": models, "test": test}
    answer = await client.post("/v1/comparisons", json=body, headers={"accept": "text/csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    table = csv.read_csv(io.BytesIO(answer.content))
    tested = ["chisq", "df", "p_value", "on_boundary", "mixture_p_value"]
    assert table.column_names == [
        *(name for name in items[0] if name != "test"),
        *(f"test.{name}" for name in tested),
    ]
    assert table["aic"].to_pylist() == pytest.approx([item["aic"] for item in items])
    chisq = [None, items[1]["test"]["chisq"]] if test else [None, None]
    assert table["test.chisq"].to_pylist() == chisq


async def test_models_that_are_not_nested_compare_without_a_test(
    client: httpx.AsyncClient, parts: Services
) -> None:
    models = await models_of(
        client, parts, "Oats", "ML", "yield ~ nitro + (1 | Block)", "yield ~ Variety + (1 | Block)"
    )
    answer = await client.post("/v1/comparisons", json={"models": models})
    (error,) = read(answer).errors
    assert (error.code, error.pointer) == ("not_nested", "#/models/1")
    found = await compared(client, models, test=False)
    assert {item["model"] for item in found["items"]} == set(models)
    assert [item["test"] for item in found["items"]] == [None, None]


async def test_models_of_other_rows_are_refused(client: httpx.AsyncClient, parts: Services) -> None:
    first = await models_of(client, parts, "sleepstudy", "ML", INTERCEPTS)
    rows = ["Reaction,Days,Subject"]
    rows += [
        f"{250 + 9 * day + 13 * (day * who % 5)},{day},{who}"
        for who in range(6)
        for day in range(8)
    ]
    other = {"content-type": "text/csv"}
    await client.post("/v1/datasets?name=other", content="\n".join(rows), headers=other)
    body = {"dataset": "other", "formula": SLOPES, "method": "ML", "categorical": ["Subject"]}
    second = (await client.post("/v1/models", json=body)).json()["id"]
    answer = await client.post("/v1/comparisons", json={"models": [*first, second]})
    problem = read(answer)
    assert (problem.status, problem.code) == (422, "invalid_request")
    assert (problem.errors[0].code, problem.errors[0].pointer) == ("different_rows", "#/models/1")


@pytest.mark.parametrize(
    ("models", "status", "code", "pointer"),
    [
        (["m_none"], 422, "too_short", "#/models"),
        (["m_none"] * 21, 422, "too_long", "#/models"),
        (["{model}", "m_none"], 404, "model_not_found", "#/models/1"),
        (["{model}", "{model}"], 422, "not_nested", "#/models/1"),
    ],
)
async def test_what_cannot_be_compared_is_pointed_to(
    client: httpx.AsyncClient,
    parts: Services,
    models: list[str],
    status: int,
    code: str,
    pointer: str,
) -> None:
    (model,) = await models_of(client, parts, "sleepstudy", "REML", SLOPES)
    body = {"models": [name.replace("{model}", model) for name in models]}
    problem = read(await client.post("/v1/comparisons", json=body))
    assert problem.status == status
    assert (problem.errors[0].code, problem.errors[0].pointer) == (code, pointer)
