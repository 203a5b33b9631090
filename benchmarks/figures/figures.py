"""All figures, by name; the same results make the same figures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from msgspec import to_builtins

from benchmarks.figures import curves, ladders
from benchmarks.figures.curves import Panel
from benchmarks.figures.ladders import Contest
from service.plots.figure import Figure

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs" / "images" / "benchmarks"


def _ladder(
    contests: Callable[[], list[Contest]], title: str, subtitle: str, x: str
) -> Callable[[], Figure | None]:
    def made() -> Figure | None:
        found = contests()
        return ladders.ladder(title, (subtitle,), found, x) if found else None

    return made


def _curves(
    panels: Callable[[], list[Panel]], title: str, subtitle: str
) -> Callable[[], Figure | None]:
    def made() -> Figure | None:
        found = panels()
        return curves.curves(title, (subtitle,), found) if found else None

    return made


_MADE: Final[Mapping[str, Callable[[], Figure | None]]] = {
    "models": _ladder(
        ladders.models,
        "Time of a fit, by program",
        "Medians of interleaved rounds; then how many times as long as ours",
        "time of a fit (log scale)",
    ),
    "memory": _ladder(
        ladders.memory,
        "Memory of a fit, by program",
        "The most that a fresh process held which read the table and fitted once; then times ours",
        "peak of the process, MB (log scale)",
    ),
    "kenward-roger": _curves(
        curves.kenward_roger,
        "Kenward-Roger's table, by rows",
        "The table alone, without the fit",
    ),
    "scan": _ladder(
        ladders.scan,
        "A fit beside a scan of its file",
        "Least of the rounds, then times the fit; lme4 and gpboost fit once, rows in memory",
        "time (log scale)",
    ),
    "rows": _curves(
        curves.rows,
        "A fit from Parquet, as rows grow",
        "File to answer, one call in a process of its own",
    ),
    "others": _curves(
        curves.others,
        "A fit from Parquet, as groups and predictors grow",
        "File to answer, one call in a process of its own",
    ),
    "crossed": _ladder(
        ladders.crossed,
        "Crossed factors, with and without a dense factor",
        "Processor time of scan and fit, peak of memory, and how many times the iterations",
        "processor time of scan and fit (log scale)",
    ),
    "cluster": _curves(
        curves.cluster,
        "A fit on a cluster of one machine",
        "One thread in each worker; all workers share the machine's cores",
    ),
}


@cache
def figures() -> dict[str, Figure]:
    """Return all figures whose results are there."""
    made = {name: make() for name, make in _MADE.items()}
    return {name: figure for name, figure in made.items() if figure is not None}


def digest(figure: Figure) -> str:
    """Return what a picture names its figure by."""
    text = json.dumps(to_builtins(figure), ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def mark(figure: Figure) -> str:
    """Return the last line of the picture of a figure."""
    return f"<!-- {digest(figure)} -->\n"


def path_of(name: str) -> Path:
    """Return where the picture of a figure is kept."""
    return FOLDER / f"{name}.svg"
