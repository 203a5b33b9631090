"""Figures of what grows: lines on logarithmic axes, in one panel or several beside each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.figures.ladders import races
from benchmarks.figures.results import Table, certain, number, seconds, sections
from benchmarks.programs import OURS
from service.plots.figure import Columns, Figure

Points = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Panel:
    """Lines over one pair of axes.

    Attributes:
        title: above it.
        x, y: titles of the axes, with units; ``log scale`` in them makes it one.
        lines: points by name, in the order of the legend.
    """

    title: str
    x: str
    y: str
    lines: dict[str, Points]


WALL, PROCESSOR, PEAK = "wall time", "processor time", "peak memory"


def rows() -> list[Panel]:
    """Time and memory by rows."""
    table = _growth()
    if table is None:
        return []
    x = "rows (log scale)"
    return [
        Panel("Time", x, "seconds (log scale)", _times(table, "rows", "rows")),
        Panel(
            "Memory",
            x,
            "peak of the process, MB",
            {PEAK: _points(table, "rows", "rows", "peak MB")},
        ),
    ]


def others() -> list[Panel]:
    """Time by groups, and by predictors."""
    table = _growth()
    if table is None:
        return []
    y = "seconds (log scale)"
    found = [
        Panel(
            f"Groups, {_rows_of(table, 'groups')} rows",
            "groups (log scale)",
            y,
            _times(table, "groups", "levels"),
        ),
        Panel(
            f"Predictors, {_rows_of(table, 'predictors')} rows",
            "predictors (log scale)",
            y,
            _times(table, "predictors", "predictors"),
        ),
    ]
    return [panel for panel in found if any(panel.lines.values())]


def _growth() -> Table | None:
    tables = [table for section in sections("results-growth.md") for table in section.tables]
    return tables[0] if tables else None


def _times(table: Table, what: str, x: str) -> dict[str, Points]:
    return {
        WALL: _points(table, what, x, "s"),
        PROCESSOR: _points(table, what, x, "processor s"),
    }


def _points(table: Table, what: str, x: str, y: str) -> Points:
    cells = zip(table.cells("grows"), table.cells(x), table.cells(y), strict=True)
    return [(certain(a), certain(b)) for grows, a, b in cells if grows == what]


def _rows_of(table: Table, what: str) -> str:
    cells = zip(table.cells("grows"), table.cells("rows"), strict=True)
    return " or ".join(dict.fromkeys(rows for grows, rows in cells if grows == what))


PREFIX = "Kenward-Roger, "


def kenward_roger() -> list[Panel]:
    """The time of Kenward-Roger's table by rows, beside pbkrtest."""
    found: dict[str, Points] = {OURS: [], "lme4 and pbkrtest": []}
    for section in (own for _, details in races() for own in details):
        if section.title.startswith(PREFIX) and section.tables:
            size, table = certain(section.title.removeprefix(PREFIX)), section.tables[0]
            for name, text in zip(table.cells("program"), table.cells("time"), strict=True):
                time = seconds(text)
                if time is not None:
                    found[OURS if name == OURS else "lme4 and pbkrtest"].append((size, time))
    lines = {name: sorted(points) for name, points in found.items() if points}
    return [Panel("", "rows (log scale)", "seconds (log scale)", lines)] if lines else []


def cluster() -> list[Panel]:
    """The time of a fit by workers, beside the same without a cluster."""
    tables = [table for section in sections("results-cluster.md") for table in section.tables]
    if not tables:
        return []
    cells = list(zip(tables[0].cells("workers"), tables[0].cells("seconds"), strict=True))
    on = [(workers, certain(time)) for name, time in cells if (workers := number(name))]
    lines = {"cluster": on}
    for name, time in cells:
        if number(name) is None:
            lines[f"{name}, no cluster"] = [(workers, certain(time)) for workers, _ in on]
    return [Panel("", "workers (log scale)", "seconds", lines)]


def curves(title: str, subtitle: Sequence[str], panels: Sequence[Panel]) -> Figure:
    """Return the figure of panels."""
    tables: dict[str, Columns] = {}
    words: dict[str, str] = {}
    for i, panel in enumerate(panels):
        each = [(name, *point) for name, points in panel.lines.items() for point in points]
        names, x, y = (list(column) for column in zip(*each, strict=True))
        tables[str(i)] = {"line": names, "x": x, "y": y}
        words |= {f"title {i}": panel.title, f"x {i}": panel.x, f"y {i}": panel.y}
    return Figure(
        chart="curves",
        title=title,
        subtitle=tuple(subtitle),
        alt=f"{title}. " + " ".join(line for panel in panels for line in _told(panel)),
        tables=tables,
        words=words,
    )


def _told(panel: Panel) -> Iterator[str]:
    unit = "MB" if "MB" in panel.y else "s"
    for name, points in panel.lines.items():
        told = ", ".join(f"{x:,.0f}: {y:.3g} {unit}" for x, y in points)
        yield f"{panel.title or 'Time'} by {panel.x.removesuffix(' (log scale)')}, {name}: {told}."
