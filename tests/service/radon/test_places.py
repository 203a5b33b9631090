from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.radon.places import STATES, UnknownPlaceError, places, plain, state_of
from service.radon.tables import OUTLINES

COUNTIES = list(places().by_fips.values())


@pytest.mark.parametrize(
    ("name", "fips"),
    [
        ("AITKIN", 27001),
        ("aitkin county", 27001),
        ("ST. LOUIS", 27137),
        ("St Louis", 27137),
        ("Saint Louis County", 27137),
        ("STLOUIS", 27137),
        ("LAC QUI PARLE", 27073),
        ("LACQUIPARLE", 27073),
        ("Lac-Qui-Parle", 27073),
        ("  lake of the   woods ", 27077),
        ("RED LAKE", 27125),
        ("Redlake", 27125),
        ("McLeod", 27085),
    ],
)
def test_a_county_is_found_however_it_is_written(name: str, fips: int) -> None:
    assert places().named(name, "MN").fips == fips


def test_a_city_is_not_taken_for_the_county_of_its_name() -> None:
    assert places().named("St. Louis", "MO").fips == 29189
    assert places().named("St. Louis City", "Missouri").fips == 29510


def test_every_county_is_found_by_its_title() -> None:
    for county in COUNTIES:
        name, state = county.title.split(", ")
        assert places().named(name, state) == county == places().coded(county.fips)


def test_names_are_unique_within_each_state_however_they_are_written() -> None:
    assert len({(own.state, plain(own.name)) for own in COUNTIES}) == len(COUNTIES) == 443


def test_titles_read_as_one_writes_them() -> None:
    titles = {own.fips: own.title for own in COUNTIES}
    assert titles[27073] == "Lac qui Parle County, Minnesota"
    assert titles[27077] == "Lake of the Woods County, Minnesota"
    assert titles[27085] == "McLeod County, Minnesota"
    assert titles[29510] == "St Louis City, Missouri"


def test_what_is_near_is_offered() -> None:
    with pytest.raises(UnknownPlaceError) as caught:
        places().named("Aitkn", "MN")
    assert "Did you mean AITKIN?" in caught.value.hint


def test_states_go_by_two_letters_or_by_name() -> None:
    assert state_of("mn") == state_of("Minnesota") == "MN"
    assert state_of("north dakota") == "ND"
    with pytest.raises(UnknownPlaceError, match="not made in this state"):
        state_of("WI")


@settings(deadline=None)
@given(st.text(max_size=40), st.sampled_from(sorted(STATES)))
def test_any_text_is_a_county_or_an_error_that_helps(name: str, state: str) -> None:
    known = [own for own in COUNTIES if own.state == state]
    if plain(name).removesuffix("COUNTY") in {plain(own.name) for own in known}:
        assert places().named(name, state) in known
    else:
        with pytest.raises(UnknownPlaceError) as caught:
            places().named(name, state)
        assert "/v1/radon/counties" in caught.value.hint


def test_the_raw_means_are_those_of_the_houses() -> None:
    aitkin = places().coded(27001)
    assert (aitkin.houses.n, aitkin.basements.n, aitkin.upper.n) == (4, 3, 1)
    assert aitkin.houses.mean == pytest.approx((2.2 + 2.2 + 2.9 + 1.0) / 4)
    grant = places().coded(27051)
    assert (grant.houses.n, grant.houses.mean, grant.houses.geometric_mean) == (0, None, None)


def test_houses_on_indian_lands_are_not_those_of_the_county_around() -> None:
    assert places().coded(27007).houses.n == 7  # and 68 of the Leech Lake reservation


@pytest.mark.parametrize("state", STATES)
def test_every_county_has_its_outline(state: str) -> None:
    features = json.loads((OUTLINES / f"{state}.geojson").read_text())["features"]
    codes = sorted(int(each["id"]) for each in features)
    assert codes == sorted(county.fips for county in places().of_state(state))
