"""The counties of Minnesota: their shapes, and which levels of a model they are."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from msgspec import Struct

from engine import Fit, Problem
from service.plots.subject import no_groups
from service.radon.tables import DATA, OUTLINES

STATE = "MN"


class County(Struct, frozen=True):
    """A county.

    Attributes:
        fips: code.
        name: as people write it.
        key: as the survey writes it.
        log_uranium: natural logarithm of ppm.
        shape: GeoJSON geometry.
    """

    fips: int
    name: str
    key: str
    log_uranium: float
    shape: Mapping[str, Any]


@cache
def counties() -> tuple[County, ...]:
    """Return all counties by code."""
    shapes = json.loads((OUTLINES / "MN.geojson").read_text(encoding="utf-8"))
    with (DATA / "counties.csv").open(encoding="utf-8", newline="") as file:
        known = {int(row["fips"]): row for row in csv.DictReader(file)}
    found = [
        County(
            fips=int(shape["id"]),
            name=shape["properties"]["name"],
            key=known[int(shape["id"])]["county"],
            log_uranium=float(known[int(shape["id"])]["log_uranium"]),
            shape=shape["geometry"],
        )
        for shape in shapes["features"]
    ]
    return tuple(sorted(found, key=lambda county: county.fips))


def levels_of(fit: Fit, group: str | None = None) -> tuple[str, dict[int, str]] | None:
    """Return the first group (or this one) whose levels are counties, and its level by code.

    Levels are codes, or all of them are names of the state's counties in the survey's spelling; of
    combinations of columns one is the code.
    """
    codes = {str(county.fips): county.fips for county in counties()}
    names = {county.key: county.fips for county in counties()}
    for effects in fit.random:
        if group is not None and effects.group != group:
            continue
        if all(level in names for level in effects.levels):
            return effects.group, {names[level]: level for level in effects.levels}
        found = {
            codes[part]: level
            for level in effects.levels
            for part in level.split(":")
            if part in codes
        }
        if found:
            return effects.group, found
    return None


def without_counties(fit: Fit) -> Problem | None:
    """Tell that no group of a model is the counties of Minnesota."""
    if (missing := no_groups(fit)) is not None:
        return missing
    if levels_of(fit) is not None:
        return None
    detail = "no group of the model is the counties of Minnesota, by name or FIPS code"
    return Problem("no_counties", detail, "fit one with (1 | county) or (1 | fips)", ())
