"""Turn the counties of us-atlas into the outlines of service/radon/data/outlines.

    npm pack us-atlas@3.0.1 && tar xzf us-atlas-3.0.1.tgz
    python -m tools.build_outlines package/counties-10m.json [--out FOLDER]

A file for each surveyed state: GeoJSON with the FIPS code as id, in degrees with four decimals.
TopoJSON keeps the lines that counties share once, in whole steps of a grid, each point as its way
from the one before.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeAlias

from service.radon.places import STATES
from service.radon.tables import OUTLINES

SHA256 = "145aaf5d1433352a6a1d8e86b5f149c7c653f9171baf14aaf75ee66575def1b0"

# The states by the first two digits of their counties' codes.
CODES = {"04": "AZ", "18": "IN", "25": "MA", "27": "MN", "29": "MO", "38": "ND", "42": "PA"}

Line: TypeAlias = list[list[float]]


def main(arguments: Sequence[str] | None = None) -> None:
    """Build the outlines from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, prog="build_outlines")
    parser.add_argument("source", type=Path, help="counties-10m.json of us-atlas 3.0.1")
    parser.add_argument("--out", type=Path, default=OUTLINES, help="folder for the outlines")
    options = parser.parse_args(arguments)
    content = options.source.read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise SystemExit(f"{options.source} is not that of us-atlas 3.0.1: its SHA-256 differs.")
    options.out.mkdir(parents=True, exist_ok=True)
    for state, text in build(json.loads(content)).items():
        (options.out / f"{state}.geojson").write_text(text, "ascii")


def build(topology: Mapping[str, Any]) -> dict[str, str]:
    """Return the GeoJSON of each state."""
    arcs = list(_arcs(topology))
    counties = topology["objects"]["counties"]["geometries"]
    found: dict[str, list[dict[str, Any]]] = {state: [] for state in STATES}
    for county in counties:
        state = CODES.get(county["id"][:2])
        if state is not None:
            found[state].append(_feature(county, arcs))
    return {
        state: json.dumps(
            {"type": "FeatureCollection", "features": features}, separators=(",", ":")
        )
        for state, features in found.items()
    }


def _arcs(topology: Mapping[str, Any]) -> Iterator[Line]:
    (scale_x, scale_y), (left, bottom) = (topology["transform"][k] for k in ("scale", "translate"))
    for arc in topology["arcs"]:
        xs, ys = (list(accumulate(way)) for way in zip(*arc, strict=True))
        yield [
            [round(x * scale_x + left, 4), round(y * scale_y + bottom, 4)]
            for x, y in zip(xs, ys, strict=True)
        ]


def _feature(county: Mapping[str, Any], arcs: Sequence[Line]) -> dict[str, Any]:
    several = county["type"] == "MultiPolygon"
    polygons = county["arcs"] if several else [county["arcs"]]
    drawn = [[_ring(ring, arcs) for ring in polygon] for polygon in polygons]
    return {
        "type": "Feature",
        "id": county["id"],
        "properties": {"name": county["properties"]["name"]},
        "geometry": {"type": county["type"], "coordinates": drawn if several else drawn[0]},
    }


def _ring(places: Sequence[int], arcs: Sequence[Line]) -> Line:
    """Join lines; a negative place, counted from the end, is a line the other way round."""
    ring: Line = []
    for place in places:
        line = arcs[place] if place >= 0 else arcs[~place][::-1]
        ring += line[1:] if ring else line
    return ring


if __name__ == "__main__":
    main()
