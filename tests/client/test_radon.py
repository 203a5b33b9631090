"""The homeowner's question, asked by clients and from a shell."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from click.shell_completion import BashComplete
from pydantic import ValidationError

from partialpool import AsyncClient, Client, ProblemError
from partialpool.cli import main
from partialpool.cli.commands import cli
from service.schemas.radon import AssessmentRequest, DecisionRequest, Measurement
from tests.client.conftest import number
from tools.live import Live


def test_a_house_is_assessed_by_county_or_by_code(client: Client) -> None:
    found = client.assess_radon("Aitkin", "basement")
    assert (found.county.fips, found.evidence.n, found.unit) == (27001, 4, "pCi/L")
    assert found.decision.recommendation == "measure"
    assert found == client.assess_radon(27001, "basement")
    assert found == client.assess_radon(AssessmentRequest(county="AITKIN", floor="basement"))


def test_a_measurement_and_costs_are_weighed(client: Client) -> None:
    test = {"value": 8, "kind": "short-term"}
    found = client.assess_radon("Aitkin", "basement", measurement=test)
    assert found.before_measurement is not None
    assert found.distribution.median > found.before_measurement.median
    assert found.decision.recommendation == "remediate"
    same = Measurement(value=8, kind="short-term")
    assert client.assess_radon("Aitkin", "basement", measurement=same) == found
    dear = client.assess_radon("Aitkin", "basement", measurement=test, remediation_cost=100_000)
    assert dear.decision.recommendation != "remediate"


def test_levels_are_in_the_unit_that_is_asked_for(client: Client) -> None:
    american = client.assess_radon("Lancaster", "first", state="PA")
    other = client.assess_radon("Lancaster", "first", state="Pennsylvania", unit="Bq/m3")
    assert other.distribution.median == pytest.approx(37 * american.distribution.median)
    assert american.county.state == "PA"


def test_the_decision_is_that_of_the_assessment(client: Client) -> None:
    house = client.assess_radon("Aitkin", "basement")
    level = house.distribution
    found = client.decide_radon(level.geometric_mean, level.geometric_sd, offset=level.offset)
    assert found.recommendation == house.decision.recommendation
    assert found.value_of_test == pytest.approx(house.decision.value_of_test)
    asked = DecisionRequest(geometric_mean=2.0, geometric_sd=2.3)
    assert client.decide_radon(asked) == client.decide_radon(2.0, 2.3)


def test_counties_are_a_dataframe(client: Client) -> None:
    found = client.radon_counties()
    assert len(found) == 87
    own = found.set_index("county")
    house = client.assess_radon("Aitkin", "basement")
    assert number(own, "AITKIN", "median") == pytest.approx(house.distribution.median)
    assert 0 < number(own, "AITKIN", "exceedance.4") < 1
    first = client.radon_counties("MN", floor="first", action_level=3).set_index("county")
    assert number(first, "AITKIN", "median") < number(own, "AITKIN", "median")
    assert "exceedance.3" in first


def test_what_cannot_be_asked_is_refused_with_its_reason(client: Client) -> None:
    with pytest.raises(ProblemError) as error:
        client.assess_radon("Aitken", "basement")
    assert error.value.pointer == "#/county"
    assert "AITKIN" in str(error.value)
    with pytest.raises(ValidationError, match="floor"):
        client.assess_radon("Aitkin")


async def _awaited(url: str) -> tuple[object, ...]:
    async with AsyncClient(url) as client:
        house = await client.assess_radon("Aitkin", "basement")
        found = await client.decide_radon(2.0, 2.3)
        return house.county.fips, found.unit, len(await client.radon_counties("ND"))


def test_the_client_that_awaits_has_the_same_calls(live: Live) -> None:
    assert asyncio.run(_awaited(live.url)) == (27001, "pCi/L", 53)


def test_a_shell_prints_the_answer_and_writes_the_services_json(
    live: Live, client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    house = ["radon", "assess", "--county", "Aitkin", "--floor", "basement", "--url", live.url]
    assert main(house) == 0
    found = client.assess_radon("Aitkin", "basement")
    printed = capsys.readouterr().out
    assert printed.startswith(found.summary)
    assert "14% of what is particular to the county comes from its own 4 houses" in printed
    assert "advised" in printed
    assert main([*house, "--reading", "8", "--unit", "Bq/m3", "--json"]) == 0
    test = {"value": 8, "kind": "short-term"}
    again = client.assess_radon("Aitkin", "basement", measurement=test, unit="Bq/m3")
    assert json.loads(capsys.readouterr().out) == again.model_dump(mode="json")


def test_a_shell_weighs_a_belief(live: Live, capsys: pytest.CaptureFixture[str]) -> None:
    belief = ["--geometric-mean", "2", "--geometric-sd", "2.3", "--url", live.url]
    assert main(["radon", "decide", *belief]) == 0
    assert "make a long-term test" in capsys.readouterr().out


def test_a_shell_lists_counties(live: Live, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["radon", "counties", "--url", live.url]
    assert main(asked) == 0
    head, first, *rest = capsys.readouterr().out.splitlines()
    assert (head.split()[:2], first.split()[0], len(rest)) == (["county", "n"], "AITKIN", 86)
    assert main([*asked, "--json"]) == 0
    items = json.loads(capsys.readouterr().out)["items"]
    page = httpx.get(f"{live.url}/v1/radon/counties", params={"limit": 1}).json()
    assert items[0] == page["items"][0]
    assert main([*asked, "--csv", "--state", "ND"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + 53


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["assess", "--county", "Aitken", "--floor", "basement"], 1, "Did you mean AITKIN"),
        (["assess", "--county", "Aitkin"], 2, "--floor"),
        (["decide", "--geometric-mean", "2", "--geometric-sd", "0.5"], 2, "--geometric-sd"),
        (["counties", "--json", "--csv"], 2, "one of --json and --csv"),
    ],
)
def test_a_shell_says_what_is_wrong(
    live: Live,
    arguments: list[str],
    code: int,
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["radon", *arguments, "--url", live.url]) == code
    assert said in capsys.readouterr().err


def test_a_shell_completes_the_commands_and_their_values() -> None:
    whole = BashComplete(cli, {}, "partialpool", "_PARTIALPOOL_COMPLETE")
    commands = whole.get_completions(["radon"], "")
    assert [item.value for item in commands] == ["assess", "counties", "decide"]
    floors = whole.get_completions(["radon", "assess", "--floor"], "")
    assert [item.value for item in floors] == ["basement", "first"]
