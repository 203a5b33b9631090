from pathlib import Path

import pytest

from service.radon.tables import DATA
from tools.build_radon_data import build, county_uranium, main, read

HOUSE = {"state": "MN", "stfips": "27", "cntyfips": "1", "county": "AITKIN", "floor": "1"}
HOUSE |= {"activity": "2.2"}
COUNTY = {"st": "MN", "stfips": "27", "ctfips": "1", "cty": "AITKIN", "Uppm": "0.502054"}


def line(table: str, house: dict[str, str], counties: list[dict[str, str]]) -> str:
    return build([house], counties)[table].decode().splitlines()[-1]


def test_a_house_gets_the_uranium_of_its_county_by_fips() -> None:
    assert line("minnesota-radon.csv", HOUSE, [COUNTY]) == "AITKIN,27001,1,2.2,-0.6890475953545"


def test_a_floor_of_nine_is_missing() -> None:
    assert line("us-radon.csv", HOUSE | {"floor": "9"}, [COUNTY]).split(",")[3] == ""


def test_a_uranium_of_zero_is_missing() -> None:
    county = COUNTY | {"Uppm": "0"}
    assert line("us-radon.csv", HOUSE, [county]) == "MN,AITKIN,27001,1,2.2,"
    assert line("counties.csv", HOUSE, [county]) == "MN,AITKIN,27001,,"


def test_a_house_whose_code_is_no_county_has_no_uranium() -> None:
    assert line("us-radon.csv", HOUSE | {"cntyfips": "999"}, [COUNTY]).endswith("27999,1,2.2,")


def test_minnesota_is_told_by_the_sampled_state() -> None:
    house = HOUSE | {"state": "R5", "state2": "MN"}
    assert line("minnesota-radon.csv", house, [COUNTY]).startswith("county,")


def test_a_county_that_stands_twice_makes_no_second_row() -> None:
    tables = build([HOUSE], [COUNTY, COUNTY])
    assert len(tables["minnesota-radon.csv"].splitlines()) == 2
    assert len(tables["counties.csv"].splitlines()) == 2


def test_a_county_with_two_values_of_uranium_stops_the_build() -> None:
    with pytest.raises(ValueError, match="Two values of uranium for AITKIN, MN"):
        county_uranium([COUNTY, COUNTY | {"Uppm": "0.6"}])


def test_counties_are_spelled_as_the_houses_spell_them() -> None:
    house, county = HOUSE | {"county": "BIG STONE"}, COUNTY | {"cty": "BIGSTONE"}
    assert line("counties.csv", house, [county]).startswith("MN,BIG STONE,")
    reservation = house | {"state": "R5", "county": "RED LAKE"}
    assert line("counties.csv", reservation, [county]).startswith("MN,BIGSTONE,")


def test_cells_lose_their_padding(tmp_path: Path) -> None:
    path = tmp_path / "srrs2.dat"
    path.write_text("county,activity\nBIG STONE           ,     2.2\n", encoding="ascii")
    assert read(path) == [{"county": "BIG STONE", "activity": "2.2"}]


def test_a_file_that_is_not_the_survey_is_refused(tmp_path: Path) -> None:
    for name in ("srrs2.dat", "cty.dat"):
        (tmp_path / name).write_text("county\n", encoding="ascii")
    with pytest.raises(SystemExit, match="SHA-256 differs"):
        main([str(tmp_path)])


@pytest.mark.slow
def test_the_survey_as_published_gives_the_bundled_bytes(tmp_path: Path) -> None:
    main([str(tmp_path / "survey"), "--out", str(tmp_path)])
    built = {path.name: path.read_bytes() for path in tmp_path.glob("*.csv")}
    assert built == {path.name: path.read_bytes() for path in DATA.glob("*.csv")}
