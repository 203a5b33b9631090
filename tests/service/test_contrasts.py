"""Contrasts over HTTP: the numbers of lmerTest and pbkrtest."""

from __future__ import annotations

import io
from typing import Any

import httpx
import numpy as np
import pytest
from pyarrow import csv

from tests.reference.inference import InferenceCase, fitted
from tests.service.cases import OATS, every_case, get, model_of
from tests.service.test_problems import read

pytestmark = pytest.mark.anyio


async def contrasts(client: httpx.AsyncClient, model: str, **body: Any) -> dict[str, Any]:
    answer = await client.post(f"{model}/contrasts", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


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


async def test_contrasts_can_be_had_as_a_table(client: httpx.AsyncClient) -> None:
    model = await model_of(client, OATS)
    answer = await client.post(
        f"{model}/contrasts",
        json={"contrasts": [{"name": "slope", "weights": {"nitro": 1}}]},
        headers={"accept": "text/csv"},
    )
    assert csv.read_csv(io.BytesIO(answer.content))["name"].to_pylist() == ["slope"]


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
