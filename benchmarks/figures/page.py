"""The blocks of docs/benchmarks.md: the figures, and tables of what the results say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from benchmarks.blocks import Blocks
from benchmarks.figures.figures import FOLDER, figures
from benchmarks.figures.ladders import races
from benchmarks.figures.results import FOLDER as RESULTS
from benchmarks.figures.results import Table, machine, number, sections
from benchmarks.programs import OURS, PEERS
from benchmarks.rounds import table

PAGE: Final = FOLDER.parents[1] / "benchmarks.md"
COMMANDS: Final = {
    "results.md": "bench",
    "results-large.md": "bench-large",
    "results-scan.md": "bench-scan",
    "results-growth.md": "bench-growth",
    "results-crossed.md": "bench-crossed",
    "results-cluster.md": "bench-cluster",
}


def link(page: str) -> str:
    """A link from the page to one of results."""
    return f"[{page}](../benchmarks/{page})"


def machines() -> str:
    """What each page was measured on."""
    rows = []
    for page, target in COMMANDS.items():
        if (RESULTS / page).exists():
            processor, load, libraries, *_ = machine(page)
            python = libraries.partition(";")[0]
            busy = load.rpartition(": ")[2]
            rows.append((link(page), f"`make {target}`", processor, python, busy))
    return table(("results", "command", "machine", "Python", "load average before"), rows)


def agreement() -> str:
    """How far each program is from the lowest criterion found, at most, and where it was best."""
    found: dict[str, list[float]] = {name: [] for name in (OURS, *PEERS)}
    for section in (own for _, details in races() for own in details):
        for own in section.tables:
            if "criterion over the lowest" in own.head and "Kenward" not in section.title:
                columns = (own.cells(name) for name in ("program", "criterion over the lowest"))
                for name, cell in zip(*columns, strict=True):
                    above = number(cell)
                    if above is not None:
                        found[name].append(above)
    rows = [(name, str(len(above)), f"{max(above):.0e}") for name, above in found.items() if above]
    return table(("program", "models", "largest criterion over the lowest"), rows)


def distances() -> str:
    """How far each program's answers for the survey are from the reference."""
    for section in sections("results.md"):
        for own in section.tables:
            if "std. errors" in own.head:
                return _columns(own, ("program", "criterion", "fixed", "std. errors", "counties"))
    return ""


def models() -> str:
    """The times of models, of ours and as ratios."""
    rows = [
        row
        for summary, _ in races()
        for row in _cells(summary, ("model", OURS, *PEERS))
        if not row[0].startswith("Kenward-Roger")
    ]
    return table(("model", OURS, *(f"{name}, × ours" for name in PEERS)), rows)


def kenward_roger() -> str:
    """The times of Kenward-Roger's table."""
    rows = [
        (row[0].removeprefix("Kenward-Roger, ").removesuffix(" rows"), *row[1:])
        for summary, _ in races()
        for row in _cells(summary, ("model", OURS, "lme4"))
        if row[0].startswith("Kenward-Roger")
    ]
    rows.sort(key=lambda row: number(row[0]) or 0.0)
    return table(("rows", OURS, "lme4 and pbkrtest, × ours"), rows)


def scan() -> str:
    """The fit beside scans and peers."""
    parts = []
    for section in sections("results-scan.md"):
        if section.tables:
            tables = "\n".join(table(own.head, own.rows) for own in section.tables)
            parts.append(f"{section.title}:\n\n{tables}")
    return "\n".join(parts)


def growth() -> str:
    """Time and memory of what grows."""
    found = [own for section in sections("results-growth.md") for own in section.tables]
    names = ("grows", "rows", "predictors", "levels", "s", "processor s", "peak MB", "load")
    return "".join(_columns(own, names) for own in found)


def crossed() -> str:
    """How far the answers by iterations are from those of the exact path."""
    found = sections("results-crossed.md")
    return table(found[0].tables[-1].head, found[0].tables[-1].rows) if found else ""


def cluster() -> str:
    """Seconds by workers, and whether the answers are the same."""
    for section in sections("results-cluster.md"):
        for own in section.tables:
            equal = " ".join(line for line in section.lines if "equal" in line or "differ" in line)
            return f"{table(own.head, own.rows)}\n{equal}"
    return ""


def _cells(own: Table, names: tuple[str, ...]) -> list[tuple[str, ...]]:
    places = [own.head.index(name) for name in names]
    return [tuple(row[place] for place in places) for row in own.rows]


def _columns(own: Table, names: tuple[str, ...]) -> str:
    return table(names, _cells(own, names))


def _shown(name: str, block: Callable[[], str] | None, said: str) -> Callable[[], str]:
    """Return a block with a figure, if there is one, and its table."""

    def made() -> str:
        figure = figures().get(name)
        parts = [] if block is None else [block()]
        if figure is not None:
            where = f"images/benchmarks/{name}.svg"
            parts.insert(0, f"![{figure.title}. {said}]({where})")
        return "\n\n".join(parts)

    return made


BLOCKS: Final[Blocks] = {
    "machines": machines,
    "distances": distances,
    "agreement": agreement,
    "models": _shown("models", models, "A point for each program; the table below has the ratios."),
    "memory": _shown("memory", None, "A point for each program; the picture's text has them all."),
    "kenward-roger": _shown(
        "kenward-roger", kenward_roger, "Two lines by rows; the table below has their points."
    ),
    "scan": _shown("scan", scan, "A point for each program; the table below has them."),
    "growth": _shown("rows", None, "Lines of time and of memory; the table below has the points."),
    "growth-of-others": _shown(
        "others", growth, "Lines of time; the table below has their points."
    ),
    "crossed": _shown("crossed", crossed, "A point for each way of solving, by size."),
    "cluster": _shown("cluster", cluster, "Lines by workers; the table below has their points."),
}
