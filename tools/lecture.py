"""Have the service draw the figures of docs/lecture.md.

    python -m tools.lecture

Each figure is kept twice in docs/lecture: as the Vega-Lite JSON that the service answers, and as
its SVG, which names the digest of that JSON. The tests ask the service for the JSON again.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from tools.live import serving
from tools.pictures import slim

FOLDER: Final = Path(__file__).resolve().parent.parent / "docs" / "lecture"
DATASET: Final = "minnesota-radon"
FLOOR: Final = "log(radon + 0.1) ~ floor + (1 | county)"
URANIUM: Final = "log(radon + 0.1) ~ floor + log_uranium + (1 | county)"

COUNTIES: Final = (
    *("LAC QUI PARLE", "AITKIN", "KOOCHICHING", "DOUGLAS"),
    *("CLAY", "STEARNS", "RAMSEY", "ST LOUIS"),
)

LINES: Final = (
    *(("levels", county) for county in COUNTIES),
    ("x_title", "0 basement, 1 first floor"),
)
HOUSE: Final = (
    ("at", "county:HENNEPIN"),
    ("at", "floor:0"),
    ("title", "A house with a basement in Hennepin County"),
)


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of the lecture: a plot of a model, as it is asked for."""

    name: str
    formula: str
    plot: str
    query: tuple[tuple[str, str], ...] = ()


FIGURES: Final = (
    Figure("means", "log(pmax(radon, 0.1)) ~ 1 + (1 | county)", "means"),
    Figure("pooling", FLOOR, "pooling"),
    Figure("lines", FLOOR, "lines", LINES),
    Figure("uranium", URANIUM, "intercepts", (("x_title", "uranium of the county (log ppm)"),)),
    Figure("house", URANIUM, "predictive", HOUSE),
    Figure("map", URANIUM, "map", (("measure", "exceedance"), ("at", "floor:0"))),
)


def asked(client: httpx.Client, form: str) -> Iterator[tuple[Figure, str]]:
    """Yield every figure as the service draws it, as ``vega-lite`` or ``svg``."""
    for figure in FIGURES:
        model = client.post("/v1/models", json={"dataset": DATASET, "formula": figure.formula})
        path = f"/v1/models/{model.raise_for_status().json()['id']}/plots/{figure.plot}"
        answer = client.get(path, params=[("format", form), *figure.query])
        yield figure, answer.raise_for_status().text


def written(specification: dict[str, Any]) -> str:
    """Return a specification as it is kept."""
    return json.dumps(specification, ensure_ascii=False, indent=None, sort_keys=True) + "\n"


def digest(kept: str) -> str:
    """Return what an SVG names its specification by."""
    return hashlib.sha256(kept.encode()).hexdigest()[:16]


def main() -> None:
    """Draw and keep them all."""
    FOLDER.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder)) as live,
        httpx.Client(base_url=live.url, timeout=60) as client,
    ):
        names = {}
        for figure, text in asked(client, "vega-lite"):
            kept = written(json.loads(text))
            (FOLDER / f"{figure.name}.json").write_text(kept, encoding="utf-8")
            names[figure.name] = digest(kept)
        for figure, text in asked(client, "svg"):
            picture = f"{slim(text).rstrip()}\n<!-- {names[figure.name]} -->\n"
            (FOLDER / f"{figure.name}.svg").write_text(picture, encoding="utf-8")
            print(f"{figure.name}.svg: {len(picture) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
