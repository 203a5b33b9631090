import csv
import math
from collections import Counter
from pathlib import Path

import pytest

from service.radon.tables import DATA, bundled
from tests.reference.cases import case, frame


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="ascii", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def minnesota() -> list[dict[str, str]]:
    return rows(DATA / "minnesota-radon.csv")


@pytest.fixture(scope="module")
def survey() -> list[dict[str, str]]:
    return rows(DATA / "us-radon.csv")


@pytest.fixture(scope="module")
def counties() -> dict[int, dict[str, str]]:
    return {int(row["fips"]): row for row in rows(DATA / "counties.csv")}


def test_every_bundled_table_is_a_file_with_a_name_of_its_own() -> None:
    tables = bundled()
    assert [table.name for table in tables] == ["minnesota-radon", "us-radon"]
    for table in tables:
        assert table.path.is_file()
        assert table.description


def test_minnesota_has_its_houses_and_counties(minnesota: list[dict[str, str]]) -> None:
    assert Counter(row["floor"] for row in minnesota) == {"0": 766, "1": 153}
    assert len({row["county"] for row in minnesota}) == 85
    assert len({row["fips"] for row in minnesota}) == 85
    readings = Counter(float(row["radon"]) for row in minnesota)
    assert (readings[0.0], readings[0.1]) == (3, 1)
    assert all(cell for row in minnesota for cell in row.values())


def test_minnesota_counties_keep_the_spaces_inside_and_lose_the_padding(
    minnesota: list[dict[str, str]],
) -> None:
    names = list(dict.fromkeys(row["county"] for row in minnesota))
    assert names[:6] == ["AITKIN", "ANOKA", "BECKER", "BELTRAMI", "BENTON", "BIG STONE"]
    assert {"LAC QUI PARLE", "LAKE OF THE WOODS", "ST LOUIS", "YELLOW MEDICINE"} <= set(names)
    assert all(name == name.strip() for name in names)


def test_minnesota_is_house_for_house_the_table_of_the_reference_fits(
    minnesota: list[dict[str, str]],
) -> None:
    columns = ["county", "floor", "radon", "log_uranium"]
    known = frame(case("seed_m0"))[columns].itertuples(index=False)
    ours = sorted(
        (r["county"].replace(" ", ""), int(r["floor"]), float(r["radon"]), float(r["log_uranium"]))
        for r in minnesota
    )
    theirs = sorted((str(c).replace(" ", ""), int(f), float(r), float(u)) for c, f, r, u in known)
    assert [row[:3] for row in ours] == [row[:3] for row in theirs]
    assert [row[3] for row in ours] == pytest.approx([row[3] for row in theirs], rel=1e-13)


def test_the_survey_has_every_house(survey: list[dict[str, str]]) -> None:
    assert len(survey) == 12777
    assert Counter(row["state"] for row in survey) == {
        "PA": 2389, "IN": 1914, "MO": 1859, "MA": 1659, "ND": 1596, "AZ": 1507, "R5": 934, "MN": 919
    }  # fmt: skip
    assert sum(float(row["radon"]) == 0 for row in survey) == 90


def test_what_the_survey_does_not_know_is_missing(survey: list[dict[str, str]]) -> None:
    missing = {column: sum(not row[column] for row in survey) for column in survey[0]}
    assert missing == {
        "state": 0, "county": 23, "fips": 0, "floor": 287, "radon": 0, "log_uranium": 384
    }  # fmt: skip
    floors = Counter(row["floor"] for row in survey)
    assert floors == {"0": 8465, "1": 3983, "2": 23, "3": 19, "": 287}


def test_minnesota_stands_in_the_survey_as_in_its_own_table(
    minnesota: list[dict[str, str]], survey: list[dict[str, str]]
) -> None:
    assert [row for row in survey if row["state"] == "MN"] == [
        {"state": "MN"} | row for row in minnesota
    ]


def test_every_county_of_minnesota_has_uranium(counties: dict[int, dict[str, str]]) -> None:
    uranium = {fips: row["uranium"] for fips, row in counties.items() if row["state"] == "MN"}
    assert list(uranium) == list(range(27001, 27174, 2))
    assert (uranium[27051], uranium[27125]) == ("1.47959", "1.03105")
    assert (counties[27051]["county"], counties[27125]["county"]) == ("GRANT", "RED LAKE")


def test_counties_without_uranium_are_missing_not_zero(counties: dict[int, dict[str, str]]) -> None:
    assert len(counties) == 3111
    assert sum(not row["uranium"] for row in counties.values()) == 44
    for row in counties.values():
        assert bool(row["uranium"]) == bool(row["log_uranium"])
        if row["uranium"]:
            log = math.log(float(row["uranium"]))
            assert float(row["log_uranium"]) == pytest.approx(log, rel=1e-13)


def test_houses_and_counties_agree_on_name_and_uranium(
    minnesota: list[dict[str, str]], counties: dict[int, dict[str, str]]
) -> None:
    for row in minnesota:
        county = counties[int(row["fips"])]
        assert (county["county"], county["log_uranium"]) == (row["county"], row["log_uranium"])
