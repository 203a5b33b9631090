"""Outlines from TopoJSON: lines that are shared, steps of a grid, islands."""

from __future__ import annotations

import json
from typing import Any

from tools.build_outlines import build

# Two neighbours of Minnesota's, the second with an island; and a county of Alabama.
TOPOLOGY: dict[str, Any] = {
    "transform": {"scale": [0.5, 0.25], "translate": [-90.0, 40.0]},
    "arcs": [
        [[2, 0], [0, 4]],
        [[2, 4], [-2, 0], [0, -4], [2, 0]],
        [[2, 4], [2, 0], [0, -4], [-2, 0]],
        [[10, 10], [1, 0], [0, 1], [-1, -1]],
    ],
    "objects": {
        "counties": {
            "geometries": [
                {"type": "Polygon", "id": "27001", "properties": {"name": "A"}, "arcs": [[0, 1]]},
                {
                    "type": "MultiPolygon",
                    "id": "27003",
                    "properties": {"name": "B"},
                    "arcs": [[[-3, -1]], [[3]]],
                },
                {"type": "Polygon", "id": "01001", "properties": {"name": "C"}, "arcs": [[3]]},
            ]
        }
    },
}


def test_lines_are_put_together_to_closed_rings_in_degrees() -> None:
    found = build(TOPOLOGY)
    assert json.loads(found["PA"])["features"] == []
    one, two = json.loads(found["MN"])["features"]
    assert (one["id"], one["properties"]["name"]) == ("27001", "A")
    (ring,) = one["geometry"]["coordinates"]
    assert ring == [[-89, 40], [-89, 41], [-90, 41], [-90, 40], [-89, 40]]
    shared, island = (polygon[0] for polygon in two["geometry"]["coordinates"])
    assert shared[0] == shared[-1]
    assert {tuple(point) for point in shared} >= {(-89, 40), (-89, 41)}
    assert island == [[-85, 42.5], [-84.5, 42.5], [-84.5, 42.75], [-85, 42.5]]
