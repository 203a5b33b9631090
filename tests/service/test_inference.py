"""Tests, contrasts and means over HTTP: the numbers of lmerTest, pbkrtest and emmeans."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import numpy as np
import pytest
from pyarrow import csv

from tests.reference.inference import InferenceCase, categorical, fitted, inference_cases, table
from tests.service.test_problems import read

pytestmark = pytest.mark.anyio

CASES = inference_cases()
OATS, CAKE = "oats", "cake"

every_case = pytest.mark.parametrize("known", CASES, ids=lambda known: known["name"])


async def model_of(
    client: httpx.AsyncClient, known: InferenceCase | str, method: str = "REML"
) -> str:
    """Fit a case over HTTP and return the path of its model."""
    if isinstance(known, str):
        known = next(case for case in CASES if case["name"] == known)
    columns = {str(name): values.tolist() for name, values in table(known).items()}
    body = {
        "data": {"columns": columns},
        "formula": known["formula"],
        "categorical": categorical(known),
        "contrasts": known["contrasts"],
        "method": method,
    }
    answer = await client.post("/v1/models", json=body)
    assert answer.status_code in {200, 201}, answer.text
    return str(answer.headers["location"])


async def get(client: httpx.AsyncClient, path: str, **query: Any) -> dict[str, Any]:
    answer = await client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def contrasts(client: httpx.AsyncClient, model: str, **body: Any) -> dict[str, Any]:
    answer = await client.post(f"{model}/contrasts", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def agree(
    items: Sequence[Mapping[str, Any]], expected: Mapping[str, Any], rtol: float, atol: float = 0.0
) -> None:
    """Assert that a table has these columns, and nulls in the same places."""
    for name, values in expected.items():
        found = np.array([item[name] for item in items], dtype=float)
        np.testing.assert_allclose(found, np.array(values, dtype=float), rtol, atol, err_msg=name)


def factors_of(term: str) -> frozenset[str]:
    """What an interaction is of: the canonical form of a formula may order it otherwise."""
    return frozenset(term.split(":"))


@every_case
async def test_the_terms_are_tested_as_lmertest_and_pbkrtest_do(
    client: httpx.AsyncClient, known: InferenceCase
) -> None:
    model = await model_of(client, known)
    for kind, methods in known["anova"].items():
        for df, rows in methods.items():
            found = (await get(client, f"{model}/anova", type=kind, df=df))["items"]
            by_term = {factors_of(item["term"]): item for item in found}
            assert len(by_term) == len(rows)
            for row in rows:
                own = by_term[factors_of(row["term"])]
                assert own["p_value"] == pytest.approx(row["p_value"], rel=1e-3)
                numbers = (own["sum_sq"], own["mean_sq"], own["f_value"], own["df_den"])
                known_ones = (row["sum_sq"], row["mean_sq"], row["f_value"], row["df_den"])
                assert numbers == pytest.approx(known_ones, rel=1e-5)
                assert own["df_num"] == row["df_num"]


@every_case
async def test_several_contrasts_at_once_have_the_f_test_of_the_packages(
    client: httpx.AsyncClient, known: InferenceCase
) -> None:
    model = await model_of(client, known)
    terms = fitted(known["name"]).coefficients
    for record in known["f_tests"]:
        columns, values = np.atleast_1d(record["columns"]), np.atleast_1d(record["rhs"])
        asked = [
            {"weights": {terms[column]: 1}, "rhs": value}
            for column, value in zip(columns.tolist(), values.tolist(), strict=True)
        ]
        for df, expected in (
            ("satterthwaite", record["satterthwaite_rhs"]),
            ("kenward-roger", record["kenward_roger_rhs"]),
        ):
            joint = (await contrasts(client, model, contrasts=asked, df=df, joint=True))["joint"]
            own = [joint["f_value"], joint["df_num"], joint["df_den"], joint["p_value"]]
            assert own == pytest.approx(expected[:4], rel=1e-4)


@every_case
async def test_means_and_their_differences_are_those_of_emmeans(
    client: httpx.AsyncClient, known: InferenceCase
) -> None:
    model = await model_of(client, known)
    for record in known["means"]:
        path = f"{model}/marginal-means/{':'.join(record['factors'])}"
        found = await get(client, path, df=record["ddf"])
        assert found["pairs"] is None
        own = {"estimate": record["estimate"], "std_error": record["se"], "df": record["df"]}
        agree(found["items"], own, 2e-6)
        agree(found["items"], {"lower": record["lower"], "upper": record["upper"]}, 2e-6)
        levels = [list(item["levels"].values()) for item in found["items"]]
        assert levels == list(map(list, zip(*record["levels"], strict=True)))
        for adjust, pairs in record["pairs"].items():
            items = (await get(client, path, df=record["ddf"], pairs=True, adjust=adjust))["pairs"]
            agree(items, {"std_error": pairs["se"], "df": pairs["df"]}, 1e-5)
            bounds = {"lower": pairs["lower"], "upper": pairs["upper"]}
            agree(items, {"estimate": pairs["estimate"], **bounds}, 1e-5, 1e-6)
            agree(items, {"p_value": pairs["p"]}, 1e-3, 1e-12)


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


async def test_a_contrast_is_a_weighted_sum_against_its_value(client: httpx.AsyncClient) -> None:
    model = await model_of(client, OATS)
    effects = {row["term"]: row for row in (await get(client, f"{model}/fixed-effects"))["items"]}
    asked = [
        {"name": "slope", "weights": {"nitro": 1}, "rhs": 70},
        {"weights": {"(Intercept)": 1, "nitro": 0.3}},
    ]
    found = await contrasts(client, model, contrasts=asked, level=0.95)
    slope, line = found["items"]
    assert found["joint"] is None
    assert (slope["name"], slope["rhs"], line["name"]) == ("slope", 70, None)
    for name in ("estimate", "std_error", "df", "lower", "upper"):
        assert slope[name] == pytest.approx(effects["nitro"][name], rel=1e-9)
    assert slope["t_value"] == pytest.approx((slope["estimate"] - 70) / slope["std_error"])
    assert line["estimate"] == pytest.approx(
        effects["(Intercept)"]["estimate"] + 0.3 * effects["nitro"]["estimate"]
    )


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({"contrasts": [{"weights": {"nitr": 1}}]}, "unknown_coefficient", "0/weights/nitr"),
        ({"contrasts": [{"weights": {"a/b": 1}}]}, "unknown_coefficient", "0/weights/a~1b"),
        ({"contrasts": [{"weights": {"nitro": 0}}]}, "bad_contrast", "0/weights"),
        ({"contrasts": [{"weights": {"nitro": 1e-200}}]}, "bad_contrast", "0/weights/nitro"),
        ({"contrasts": [{"weights": {"nitro": 1e200}}]}, "less_than_equal", "0/weights/nitro"),
        ({"contrasts": [{"weights": {}}]}, "too_short", "0/weights"),
        ({"contrasts": [{"weights": {"nitro": 1}, "value": 1}]}, "unknown_key", "0/value"),
    ],
)
async def test_a_contrast_that_makes_no_sense_is_pointed_to(
    client: httpx.AsyncClient, body: dict[str, Any], code: str, pointer: str
) -> None:
    model = await model_of(client, OATS)
    problem = read(await client.post(f"{model}/contrasts", json=body))
    first = problem.errors[0]
    assert (problem.status, first.code) == (422, code)
    assert first.pointer == f"#/contrasts/{pointer}"
    assert first.hint


async def test_a_misspelt_coefficient_is_answered_with_the_one_that_was_meant(
    client: httpx.AsyncClient,
) -> None:
    model = await model_of(client, OATS)
    asked = [{"weights": {"nitro": 1}}, {"weights": {"VarietyVictoria": 1}}]
    (error,) = read(await client.post(f"{model}/contrasts", json={"contrasts": asked})).errors
    assert error.pointer == "#/contrasts/1/weights/VarietyVictoria"
    assert "did you mean VarietyVictory?" in error.hint


async def test_an_interaction_written_the_other_way_round_is_answered_with_its_name(
    client: httpx.AsyncClient,
) -> None:
    model = await model_of(client, "oats_factor")
    (name, *_) = [
        row["term"]
        for row in (await get(client, f"{model}/fixed-effects"))["items"]
        if ":" in row["term"]
    ]
    turned = ":".join(reversed(name.split(":")))
    asked = {"contrasts": [{"weights": {turned: 1}}]}
    (error,) = read(await client.post(f"{model}/contrasts", json=asked)).errors
    assert f"did you mean {name}?" in error.hint


async def test_a_coefficient_that_is_aliased_is_told_as_such(client: httpx.AsyncClient) -> None:
    columns = {
        "y": [1.1, 0.9, 1.4, 2.2, 2.5, 2.1],
        "x": [1, 2, 3, 4, 5, 7],
        "z": [2, 4, 6, 8, 10, 14],
        "g": list("aabbcc"),
    }
    body = {"data": {"columns": columns}, "formula": "y ~ x + z + (1 | g)"}
    model = (await client.post("/v1/models", json=body)).headers["location"]
    asked = {"contrasts": [{"weights": {"z": 1}}]}
    (error,) = read(await client.post(f"{model}/contrasts", json=asked)).errors
    assert error.code == "aliased_coefficient"


async def test_contrasts_that_follow_from_others_need_values_of_zero(
    client: httpx.AsyncClient,
) -> None:
    model = await model_of(client, OATS)
    asked: list[dict[str, Any]] = [{"weights": {"nitro": 1}}, {"weights": {"nitro": 2}}]
    found = await contrasts(client, model, contrasts=asked, joint=True)
    assert found["joint"]["df_num"] == 1
    asked[1]["rhs"] = 3
    answer = await client.post(f"{model}/contrasts", json={"contrasts": asked, "joint": True})
    (error,) = read(answer).errors
    assert (error.code, error.pointer) == ("dependent_contrasts", "#/contrasts")


async def test_numeric_columns_are_held_where_they_are_asked_to_be(
    client: httpx.AsyncClient,
) -> None:
    model = await model_of(client, OATS)
    at_mean = await get(client, f"{model}/marginal-means/Variety")
    at_zero = await get(client, f"{model}/marginal-means/Variety", at="nitro:0")
    assert at_mean["held"] == {"nitro": [pytest.approx(0.3)]}
    assert at_zero["held"] == {"nitro": [0]}
    (slope,) = [
        row
        for row in (await get(client, f"{model}/fixed-effects"))["items"]
        if row["term"] == "nitro"
    ]
    lower = [
        mean["estimate"] - other["estimate"]
        for mean, other in zip(at_mean["items"], at_zero["items"], strict=True)
    ]
    assert lower == pytest.approx([0.3 * slope["estimate"]] * 3)


@pytest.mark.parametrize(
    ("path", "code", "pointer"),
    [
        ("Variety?at=nitro", "bad_value", "#/query/at/0"),
        ("Variety?at=nitro:x", "bad_value", "#/query/at/0"),
        ("Variety?at=nitro:inf", "bad_value", "#/query/at/0"),
        ("Variety?at=nitro:1&at=nitro:2", "duplicate_column", "#/query/at/1"),
        ("Variety?at=nitro:1&at=rain:2", "unknown_column", "#/query/at/1"),
        ("Variety?adjust=scheffe", "literal_error", "#/query/adjust"),
        ("Variety?adjusted=holm", "unknown_key", "#/query/adjusted"),
        ("Variety:", "bad_factors", "#/path/factors"),
    ],
)
async def test_what_means_cannot_be_asked_for_is_said(
    client: httpx.AsyncClient, path: str, code: str, pointer: str
) -> None:
    model = await model_of(client, OATS)
    problem = read(await client.get(f"{model}/marginal-means/{path}"))
    assert problem.status == 422
    assert (problem.errors[0].code, problem.errors[0].pointer) == (code, pointer)


async def test_a_factor_that_the_fixed_effects_do_not_have_is_a_404(
    client: httpx.AsyncClient,
) -> None:
    model = await model_of(client, OATS)
    problem = read(await client.get(f"{model}/marginal-means/Variety:Block"))
    assert (problem.status, problem.code) == (404, "factor_not_found")
    assert problem.errors[0].pointer == "#/path/factors"
    assert "Variety" in problem.errors[0].hint


async def test_a_factor_name_may_hold_what_paths_hold(client: httpx.AsyncClient) -> None:
    columns = {
        "y": [1.1, 0.9, 1.4, 2.2, 2.5, 2.1, 0.3, 1.9],
        "a/b:c": list("uvuvuvuv"),
        "g": list("aabbccdd"),
    }
    body = {"data": {"columns": columns}, "formula": "y ~ `a/b:c` + (1 | g)"}
    model = (await client.post("/v1/models", json=body)).headers["location"]
    found = await get(client, f"{model}/marginal-means/%60a%2Fb%3Ac%60")
    assert [item["levels"] for item in found["items"]] == [{"a/b:c": "u"}, {"a/b:c": "v"}]


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


async def test_a_cell_without_rows_has_null_numbers_and_empty_cells(
    client: httpx.AsyncClient,
) -> None:
    model = await model_of(client, "cake_empty_cell")
    path = f"{model}/marginal-means/recipe:temperature"
    items = (await get(client, path))["items"]
    (missing,) = [item for item in items if item["estimate"] is None]
    assert missing["levels"] == {"recipe": "B", "temperature": "225"}
    content = (await client.get(path, headers={"accept": "text/csv"})).text
    assert '"B","225",,,,,' in content


async def test_contrasts_can_be_had_as_a_table(client: httpx.AsyncClient) -> None:
    model = await model_of(client, OATS)
    answer = await client.post(
        f"{model}/contrasts",
        json={"contrasts": [{"name": "slope", "weights": {"nitro": 1}}]},
        headers={"accept": "text/csv"},
    )
    assert csv.read_csv(io.BytesIO(answer.content))["name"].to_pylist() == ["slope"]


@pytest.mark.parametrize(
    "path", ["fixed-effects", "anova", "marginal-means/x", "anova?type=I", "anova?df=kr"]
)
async def test_a_model_that_is_not_there_or_an_option_that_is_none_is_refused(
    client: httpx.AsyncClient, path: str
) -> None:
    problem = read(await client.get(f"/v1/models/m_none/{path}"))
    assert problem.status == (422 if "?" in path else 404)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("df", ["satterthwaite", "kenward-roger", "residual", "none"])
async def test_numbers_of_any_size_are_answered(client: httpx.AsyncClient, df: str) -> None:
    model = await model_of(client, OATS)
    terms = fitted(OATS).coefficients
    for weights in ([1e100, 1e-100], [1e-100, -1e-100], [1e100, 1e100], [1e-100, 1]):
        for rhs in (0, 1e100, -1e-300):
            asked = [
                {"weights": dict(zip(terms, weights, strict=False)), "rhs": rhs},
                {"weights": {terms[-1]: weights[0]}, "rhs": rhs},
            ]
            found = await contrasts(client, model, contrasts=asked, df=df, joint=True)
            assert found["joint"]["df_num"] == 2
    for value in ("1e100", "-1e-300", "1e3"):
        path = f"{model}/marginal-means/Variety"
        query = {"df": df, "at": f"nitro:{value}", "pairs": "true"}
        answer = await client.get(path, params=query)
        assert answer.status_code == 200, answer.text
