"""The survey's tables that come with the service; data/README.md says where they are from."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from msgspec import Struct

DATA = Path(__file__).parent / "data"

OUTLINES: Final = DATA / "outlines"
"""Of the counties: GeoJSON, a file for each surveyed state, by its two letters."""


class BundledTable(Struct, frozen=True):
    """A table that is a dataset from the first start: a CSV file as a user could upload it."""

    name: str
    path: Path
    description: str


MINNESOTA: Final = "minnesota-radon"
NATION: Final = "us-radon"


def bundled() -> tuple[BundledTable, ...]:
    """Every table to be loaded as a dataset, smallest first."""
    return (
        BundledTable(
            name=MINNESOTA,
            path=DATA / "minnesota-radon.csv",
            description=(
                "919 houses in 85 counties of Minnesota: county, fips, floor of the test "
                "(0 basement, 1 first floor), radon in pCi/L, log of the county's uranium in ppm. "
                "State Residential Radon Survey, short-term winter screening tests."
            ),
        ),
        BundledTable(
            name=NATION,
            path=DATA / "us-radon.csv",
            description=(
                "12,777 houses in seven states and on Indian lands (state R5): state, county, "
                "fips, floor of the test (0 basement, 1 first floor and so on), radon in pCi/L, "
                "log of the county's uranium in ppm. State Residential Radon Survey; missing where "
                "not known. Group by fips: some counties have no name."
            ),
        ),
    )


def bundled_table(name: str) -> BundledTable:
    """Return the bundled table of this name."""
    return next(each for each in bundled() if each.name == name)
