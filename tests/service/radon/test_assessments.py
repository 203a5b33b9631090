"""The homeowner's question over HTTP."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from service.settings import Settings
from tests.service.keeping import another
from tests.service.radon.asking import FORMULA, assessed, decided, listed
from tests.service.test_problems import read

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def client(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    """One service for all questions of this module: they change nothing."""
    directory = tmp_path_factory.mktemp("radon")
    async with another(Settings(data_dir=directory, bundled_data=False)) as shared:
        yield shared


async def test_a_county_and_a_floor_are_enough(client: httpx.AsyncClient) -> None:
    found = await assessed(client, county="AITKIN")
    assert (found.county.fips, found.basis, found.unit) == (27001, "county", "pCi/L")
    assert found.evidence.n == 4
    assert found.evidence.own_weight + found.evidence.borrowed_weight == pytest.approx(1.0)
    assert found.evidence.raw.mean == pytest.approx(2.075)
    thresholds = [each.threshold for each in found.distribution.exceedance]
    assert thresholds == [2.0, 2.7, 4.0]
    assert found.summary.count(".") >= 1
    assert "Aitkin County, Minnesota" in found.summary
    assert found.before_measurement is None


async def test_the_answer_is_that_of_the_model_it_links_to(client: httpx.AsyncClient) -> None:
    found = await assessed(client, county="Aitkin", floor="first")
    model = (await client.get(found.model.href)).json()
    assert model["formula"] == found.model.formula == FORMULA
    row = {"county": "AITKIN", "floor": 1, "log_uranium": found.county.log_uranium}
    body = {"rows": [row], "thresholds": [2, 2.7, 4]}
    answer = await client.post(f"{found.model.href}/predictions", json=body)
    (item,) = answer.json()["items"]
    outcome, said = item["outcome"], found.distribution
    assert (said.median, said.mean) == pytest.approx((outcome["median"], outcome["mean"]))
    assert (said.intervals[1].lower, said.intervals[1].upper) == pytest.approx(
        (outcome["prediction_interval"]["lower"], outcome["prediction_interval"]["upper"])
    )
    assert [each.probability for each in said.exceedance] == pytest.approx(
        [each["probability"] for each in outcome["exceedance"]]
    )
    effects = (await client.get(f"{found.model.href}/effects/county?limit=1")).json()["items"][0]
    assert found.evidence.own_weight == pytest.approx(effects["pooling_weight"])


async def test_all_87_counties_of_minnesota_are_answered(client: httpx.AsyncClient) -> None:
    found = await listed(client)
    assert (found.count, len(found.items), found.next) == (87, 87, None)
    by_basis = {own.county: own.basis for own in found.items if own.basis != "county"}
    assert by_basis == {"GRANT": "uranium", "RED LAKE": "uranium"}
    for own in found.items:
        assert own.lower < own.median_lower < own.median < own.median_upper < own.upper
        assert own.median < own.mean
        assert 0.0 <= own.own_weight < 1.0
        assert list(own.exceedance) == ["2", "2.7", "4"]
        assert sorted(own.exceedance.values(), reverse=True) == list(own.exceedance.values())


async def test_a_county_without_houses_is_answered_through_its_uranium(
    client: httpx.AsyncClient,
) -> None:
    found = await assessed(client, county="Red Lake")
    assert (found.basis, found.evidence.n, found.evidence.own_weight) == ("uranium", 0, 0.0)
    assert (found.evidence.raw.n, found.evidence.raw.mean) == (0, None)
    assert found.distribution.median > 0.0


async def test_the_list_says_what_an_assessment_says(client: httpx.AsyncClient) -> None:
    page = await listed(client, floor="first", unit="Bq/m3", action_level=200, limit=3)
    found = await assessed(
        client, fips=page.items[2].fips, floor="first", unit="Bq/m3", action_level=200
    )
    own = page.items[2]
    assert own.median == pytest.approx(found.distribution.median)
    assert own.recommendation == found.decision.recommendation
    assert list(own.exceedance.values()) == pytest.approx(
        [each.probability for each in found.distribution.exceedance]
    )
    assert list(own.exceedance) == ["74", "99.9", "148", "200"]


async def test_counties_come_in_pages_and_as_a_table(client: httpx.AsyncClient) -> None:
    names: list[int] = []
    cursor: str | None = None
    while True:
        query = {"limit": "40"} | ({} if cursor is None else {"cursor": cursor})
        page = await listed(client, **query)
        names += [own.fips for own in page.items]
        if (cursor := page.next) is None:
            break
    answer = await client.get("/v1/radon/counties", headers={"accept": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert names == [int(row["fips"]) for row in rows] == list(range(27001, 27174, 2))
    assert 0.0 < float(rows[0]["exceedance.4"]) < 1.0


@pytest.mark.parametrize("kind", ["short-term", "long-term"])
async def test_a_test_of_the_house_narrows_the_answer(client: httpx.AsyncClient, kind: str) -> None:
    before = await assessed(client, county="AITKIN")
    after = await assessed(client, county="AITKIN", measurement={"value": 8, "kind": kind})
    assert after.before_measurement == before.distribution
    assert after.distribution.geometric_sd < before.distribution.geometric_sd
    assert before.distribution.median < after.distribution.median < 8.0
    assert f"your {kind} test" in after.summary


async def test_units_agree(client: httpx.AsyncClient) -> None:
    asked: dict[str, Any] = {"county": "Winona", "floor": "first"}
    ours = await assessed(
        client, **asked, action_level=5, measurement={"value": 3.1, "kind": "short-term"}
    )
    theirs = await assessed(
        client,
        **asked,
        unit="Bq/m3",
        action_level=185,
        measurement={"value": 114.7, "kind": "short-term"},
    )
    for name in ("median", "mean", "geometric_mean", "offset"):
        assert getattr(theirs.distribution, name) == pytest.approx(
            37.0 * getattr(ours.distribution, name)
        )
    assert theirs.distribution.geometric_sd == pytest.approx(ours.distribution.geometric_sd)
    for one, other in zip(
        ours.distribution.exceedance, theirs.distribution.exceedance, strict=True
    ):
        assert other.threshold == pytest.approx(37.0 * one.threshold)
        assert other.probability == pytest.approx(one.probability)
    assert theirs.decision.expected_loss.measure == pytest.approx(
        ours.decision.expected_loss.measure
    )
    assert ours.decision.remediate_if_above is not None
    assert theirs.decision.remediate_if_above == pytest.approx(
        37.0 * ours.decision.remediate_if_above
    )
    assert theirs.evidence.raw.mean == pytest.approx(37.0 * (ours.evidence.raw.mean or 0.0))


async def test_the_decision_of_an_assessment_can_be_had_from_its_distribution(
    client: httpx.AsyncClient,
) -> None:
    found = await assessed(client, county="Lac qui Parle", remediation_cost=1500, test_cost=20)
    said = found.distribution
    own = await decided(
        client,
        geometric_mean=said.geometric_mean,
        geometric_sd=said.geometric_sd,
        offset=said.offset,
        remediation_cost=1500,
        test_cost=20,
    )
    for name in ("remediate", "nothing", "measure"):
        assert getattr(own.expected_loss, name) == pytest.approx(
            getattr(found.decision.expected_loss, name)
        )
    (_, ends), (_, expected) = own.distribution.intervals, found.distribution.intervals
    assert (ends.lower, ends.upper) == pytest.approx((expected.lower, expected.upper))


async def test_a_decision_has_the_numbers_of_the_contract(client: httpx.AsyncClient) -> None:
    found = await decided(client, geometric_mean=2.0, geometric_sd=2.3, action_level=4)
    assert found.recommendation == "measure"
    loss = found.expected_loss
    assert (loss.remediate, loss.nothing, loss.measure) == pytest.approx(
        (3572.78, 2829.26, 2390.48), abs=0.01
    )
    assert found.value_of_test == pytest.approx(438.78, abs=0.01)
    assert found.remediate_if_above == pytest.approx(4.0669, abs=1e-4)
    assert found.probability_remediate == pytest.approx(0.2026, abs=1e-4)


async def test_a_reading_updates_a_belief(client: httpx.AsyncClient) -> None:
    found = await decided(
        client,
        geometric_mean=2.0,
        geometric_sd=2.3,
        measurement={"value": 3, "kind": "long-term"},
    )
    assert found.distribution.geometric_mean == pytest.approx(2.9449, abs=1e-4)
    assert found.distribution.geometric_sd == pytest.approx(1.195, abs=1e-3)


async def test_nothing_is_never_advised_without_what_epa_says(client: httpx.AsyncClient) -> None:
    found = await decided(client, geometric_mean=0.5, geometric_sd=2.3)
    assert found.recommendation == "nothing"
    assert "every home be tested" in found.advice[0]
    assert "EPA advises to test every home" in found.summary


async def test_the_living_area_ratio_is_applied_and_told(client: httpx.AsyncClient) -> None:
    whole = await assessed(client, county="Clay")
    part = await assessed(client, county="Clay", living_area_ratio=0.6)
    assert part.distribution.median == pytest.approx(0.6 * whole.distribution.median)
    assert any("0.6 times" in each for each in part.assumptions)
    assert any("1 times" in each for each in whole.assumptions)
    tested = await assessed(
        client,
        county="Clay",
        living_area_ratio=0.6,
        measurement={"value": 5, "kind": "short-term"},
    )
    plain = await assessed(client, county="Clay", measurement={"value": 5, "kind": "short-term"})
    assert tested.distribution.median == pytest.approx(0.6 * plain.distribution.median)


@pytest.mark.parametrize(
    ("asked", "scope", "basis"),
    [
        ({"county": "Maricopa", "state": "AZ"}, "national", "county"),
        ({"fips": 42133}, "national", "county"),
        ({"fips": 25001}, "national", "county"),
        ({"county": "Nantucket", "state": "Massachusetts"}, "national", "state"),
        ({"county": "Aitkin", "model": "national"}, "national", "county"),
        ({"county": "Grant", "model": "national"}, "national", "uranium"),
        ({"county": "Grant", "model": "minnesota"}, "minnesota", "uranium"),
    ],
)
async def test_every_surveyed_state_is_answered(
    client: httpx.AsyncClient, asked: dict[str, Any], scope: str, basis: str
) -> None:
    found = await assessed(client, **asked)
    assert (found.model.scope, found.basis) == (scope, basis)
    assert 0.1 < found.distribution.median < 20.0
    assert ("log_uranium" in found.model.formula) is (found.county.log_uranium is not None)


async def test_houses_differ_as_they_do_in_their_state(client: httpx.AsyncClient) -> None:
    found = [
        await assessed(client, county=county, state=state)
        for county, state in (("York", "PA"), ("Cass", "ND"))
    ]
    pennsylvania, dakota = (each.distribution.geometric_sd for each in found)
    assert pennsylvania > 1.2 * dakota
    assert any("as they do in Pennsylvania" in each for each in found[0].assumptions)


async def test_the_counties_of_all_states_are_listed(client: httpx.AsyncClient) -> None:
    answer = await client.get(
        "/v1/radon/counties", params={"state": "all"}, headers={"accept": "text/csv"}
    )
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 443
    assert {row["state"] for row in rows} == {"AZ", "IN", "MA", "MN", "MO", "ND", "PA"}


@pytest.mark.parametrize(
    ("asked", "code", "pointer", "hint"),
    [
        ({"county": "Aitkn"}, "unknown_county", "#/county", "Did you mean AITKIN?"),
        ({"county": "Aitkin", "state": "ND"}, "unknown_county", "#/county", "state=ND"),
        ({"county": "Dane", "state": "WI"}, "unknown_state", "#/state", "MN (Minnesota)"),
        ({"fips": 55025}, "unknown_fips", "#/fips", "/v1/radon/counties"),
        ({"fips": 27001, "state": "AZ"}, "unknown_state", "#/state", "Minnesota"),
        ({"fips": 27001, "county": "Aitkin"}, "either_or", "#/county", "fips"),
        ({}, "either_or", "#/county", "fips"),
        ({"fips": 4013, "model": "minnesota"}, "other_state", "#/model", "national"),
        ({"fips": 27001, "action_level": 2}, "action_level_too_low", "#/action_level", "below"),
        ({"fips": 27001, "unit": "Bq/m3", "action_level": 74}, "action_level_too_low",
         "#/action_level", "below"),
        ({"fips": 27001, "flor": "first"}, "unknown_key", "#/flor", "floor"),
        ({"fips": 27001, "floor": "attic"}, "literal_error", "#/floor", "basement"),
        ({"fips": 27001, "measurement": {"value": -1, "kind": "short-term"}},
         "greater_than_equal", "#/measurement/value", ""),
        ({"fips": 27001, "remediation_cost": 0}, "greater_than", "#/remediation_cost", ""),
    ],
)  # fmt: skip
async def test_what_cannot_be_answered_says_where_and_why(
    client: httpx.AsyncClient, asked: dict[str, Any], code: str, pointer: str, hint: str
) -> None:
    answer = await client.post("/v1/radon/assessments", json={"floor": "basement"} | asked)
    problem = read(answer)
    assert (problem.status, problem.errors[0].code, problem.errors[0].pointer) == (
        422,
        code,
        pointer,
    )
    assert hint in problem.errors[0].hint


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"state": "WI"}, "#/query/state"),
        ({"state": "all", "model": "minnesota"}, "#/query/model"),
        ({"action_level": "1.5"}, "#/query/action_level"),
        ({"floor": "attic"}, "#/query/floor"),
        ({"cursor": "x"}, "#/query/cursor"),
    ],
)
async def test_a_list_that_cannot_be_had_says_why(
    client: httpx.AsyncClient, query: dict[str, str], pointer: str
) -> None:
    problem = read(await client.get("/v1/radon/counties", params=query))
    assert (problem.status, problem.errors[0].pointer) == (422, pointer)


async def test_an_offset_above_the_level_is_refused(client: httpx.AsyncClient) -> None:
    body = {"geometric_mean": 0.1, "geometric_sd": 2, "offset": 0.1}
    problem = read(await client.post("/v1/radon/decisions", json=body))
    assert problem.errors[0].pointer == "#/offset"
