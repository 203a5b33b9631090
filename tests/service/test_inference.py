"""Tables of terms and of fixed effects over HTTP: the numbers of lmerTest and pbkrtest."""

from __future__ import annotations

import io

import httpx
import pytest
from pyarrow import csv

from tests.reference.inference import InferenceCase
from tests.service.cases import CAKE, CASES, OATS, every_case, get, model_of
from tests.service.test_problems import read

pytestmark = pytest.mark.anyio


@every_case
async def test_the_terms_are_tested_as_lmertest_and_pbkrtest_do(
    client: httpx.AsyncClient, known: InferenceCase
) -> None:
    model = await model_of(client, known)
    for kind, methods in known["anova"].items():
        for df, rows in methods.items():
            found = (await get(client, f"{model}/anova", type=kind, df=df))["items"]
            assert [item["term"] for item in found] == [row["term"] for row in rows]
            for own, row in zip(found, rows, strict=True):
                assert own["p_value"] == pytest.approx(row["p_value"], rel=1e-3)
                numbers = (own["sum_sq"], own["mean_sq"], own["f_value"], own["df_den"])
                known_ones = (row["sum_sq"], row["mean_sq"], row["f_value"], row["df_den"])
                assert numbers == pytest.approx(known_ones, rel=1e-5)
                assert own["df_num"] == row["df_num"]


async def test_type_one_takes_the_terms_in_any_order(client: httpx.AsyncClient) -> None:
    model = await model_of(client, OATS)
    usual = (await get(client, f"{model}/anova", type="I"))["items"]
    assert [row["term"] for row in usual] == ["nitro", "Variety"]
    order = ["Variety", "nitro"]
    turned = (await get(client, f"{model}/anova", type="I", order=order))["items"]
    assert [row["term"] for row in turned] == order
    problem = read(await client.get(f"{model}/anova?type=I&order=nitro&order=block"))
    assert (problem.errors[0].code, problem.errors[0].pointer) == ("unknown_order", "#/query/order")


async def test_fixed_effects_by_kenward_and_roger_carry_the_adjusted_errors(
    client: httpx.AsyncClient,
) -> None:
    model = await model_of(client, OATS)
    (known,) = (case for case in CASES if case["name"] == OATS)
    expected = known["anova"]["III"]["kenward-roger"][0]
    rows = (await get(client, f"{model}/fixed-effects", df="kenward-roger"))["items"]
    (nitro,) = (row for row in rows if row["term"] == "nitro")
    assert nitro["t_value"] ** 2 == pytest.approx(expected["f_value"], rel=1e-6)
    assert nitro["df"] == pytest.approx(expected["df_den"], rel=1e-6)
    assert nitro["p_value"] == pytest.approx(expected["p_value"], rel=1e-4)


@pytest.mark.parametrize(
    "path", ["fixed-effects", "anova", "marginal-means/Variety", "marginal-means/Variety?pairs=1"]
)
async def test_kenward_and_roger_need_reml_and_the_answer_says_so(
    client: httpx.AsyncClient, path: str
) -> None:
    model = await model_of(client, OATS, "ML")
    joint = "&" if "?" in path else "?"
    problem = read(await client.get(f"{model}/{path}{joint}df=kenward-roger"))
    assert (problem.status, problem.code) == (422, "invalid_request")
    assert (problem.errors[0].code, problem.errors[0].pointer) == ("needs_reml", "#/query/df")
    assert "REML" in problem.errors[0].hint


@pytest.mark.parametrize(
    ("path", "columns"),
    [
        ("fixed-effects?df=none", "term estimate std_error df t_value p_value lower upper"),
        ("anova", "term sum_sq mean_sq df_num df_den f_value p_value"),
        (
            "marginal-means/recipe:temperature",
            "levels.recipe levels.temperature estimate std_error df lower upper",
        ),
        (
            "marginal-means/recipe?pairs=true",
            "first.recipe second.recipe estimate std_error df t_value p_value lower upper",
        ),
    ],
)
async def test_every_table_can_be_had_as_csv(
    client: httpx.AsyncClient, path: str, columns: str
) -> None:
    model = await model_of(client, CAKE)
    answer = await client.get(f"{model}/{path}", headers={"accept": "text/csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    found = csv.read_csv(io.BytesIO(answer.content))
    assert found.column_names == columns.split()
    told = (await client.get(f"{model}/{path}")).json()
    items = told.get("pairs") or told["items"]
    last = columns.split()[-1]
    assert found[last].to_pylist() == pytest.approx([item[last] for item in items])


@pytest.mark.parametrize(
    "path", ["fixed-effects", "anova", "marginal-means/x", "anova?type=IV", "anova?df=kr"]
)
async def test_a_model_that_is_not_there_or_an_option_that_is_none_is_refused(
    client: httpx.AsyncClient, path: str
) -> None:
    problem = read(await client.get(f"/v1/models/m_none/{path}"))
    assert problem.status == (422 if "?" in path else 404)
