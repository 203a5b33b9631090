"""Figures of programs beside each other: a point for each, on a logarithmic axis."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.figures.results import Section, Table, certain, number, seconds, sections
from benchmarks.programs import OURS, PEERS
from service.plots.figure import Figure


@dataclass(frozen=True, slots=True)
class Rung:
    """A program in one contest.

    Attributes:
        name: of the program.
        value: what is drawn; None for a program without, which ``label`` says why.
        label: beside the point.
        ours: whether others are measured by it.
    """

    name: str
    value: float | None
    label: str
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Contest:
    """Programs that did the same."""

    title: str
    about: str
    rungs: tuple[Rung, ...]


def models() -> list[Contest]:
    """The times of a fit, by model."""
    return [*_survey(), *_models(_time)]


def memory() -> list[Contest]:
    """The peaks of memory, by model; without programs that told none."""
    found = _models(_peak)
    return [contest for contest in found if len(contest.rungs) > 1]


def _survey() -> Iterator[Contest]:
    for section in sections("results.md"):
        for table in section.tables[:1]:
            if "ms a fit" in table.head:
                rungs = [
                    Rung(name, milliseconds / 1e3, _beside(f"{milliseconds:.3g} ms", ratio), not i)
                    for i, (name, milliseconds, ratio) in enumerate(
                        zip(
                            table.cells("program"),
                            map(certain, table.cells("ms a fit")),
                            map(certain, table.cells("times ours")),
                            strict=True,
                        )
                    )
                ]
                about = section.title.replace("`", "").removeprefix("A fit of ")
                yield Contest("radon", f"{about}: 919 houses, 85 counties, REML", tuple(rungs))


def _models(rungs_of: Callable[[dict[str, str], Table], Iterator[Rung]]) -> list[Contest]:
    found = []
    for summary, details in races():
        for row in summary.rows:
            name = row[0]
            section = next((own for own in details if own.title == name), None)
            if section is None or name.startswith("Kenward-Roger"):
                continue
            rungs = rungs_of(dict(zip(summary.head, row, strict=True)), section.tables[0])
            found.append(Contest(name, _about(section), tuple(rungs)))
    return found


def _about(section: Section) -> str:
    return section.lines[0].replace("`", "").rstrip(".")


def races() -> Iterator[tuple[Table, list[Section]]]:
    """The summaries of models beside the peers, each with the sections that tell them apart."""
    for page in ("results.md", "results-large.md"):
        found = sections(page)
        for section in found:
            if section.title == "Models beside the peers":
                yield section.tables[0], found


def _time(row: dict[str, str], detail: Table) -> Iterator[Rung]:
    times = dict(zip(detail.cells("program"), detail.cells("time"), strict=True))
    yield Rung(OURS, seconds(times[OURS]), _first(times[OURS]), ours=True)
    for name in PEERS:
        ratio, time = number(row[name]), times.get(name, "")
        if seconds(time) is None or not row[name].endswith("×"):
            yield Rung(name, None, _briefly(row[name]))
        else:
            yield Rung(name, seconds(time), _beside(_first(time), ratio))


def _peak(_: dict[str, str], detail: Table) -> Iterator[Rung]:
    names, peaks = detail.cells("program"), map(number, detail.cells("peak MB"))
    found = {name: peak for name, peak in zip(names, peaks, strict=True) if peak is not None}
    for name, peak in found.items():
        label = f"{peak:,.0f} MB"
        own = name == OURS
        yield Rung(name, peak, label if own else _beside(label, peak / found[OURS]), ours=own)


def scan() -> list[Contest]:
    """A fit beside bare scans of its file, and the peers on the same rows."""
    found = []
    for section in sections("results-scan.md"):
        if section.tables:
            own, *others = section.tables
            times = dict(zip(own.cells("reads the file"), own.cells("seconds"), strict=True))
            for table in others:
                times |= dict(
                    zip(table.cells("holds the rows"), table.cells("seconds"), strict=True)
                )
            found.append(Contest(section.title, "", tuple(_scanned(times))))
    return found


NAMES = {
    "bare": "Polars: sums of columns",
    "grouped": "Polars: sums by county",
    "fit": f"{OURS}: the fit",
    "numpy": f"{OURS}: sums by numpy",
    "gpboost": "gpboost, rows in memory",
    "lme4, no derivatives": "lme4, rows in memory",
}


def _scanned(times: dict[str, str]) -> Iterator[Rung]:
    fit = certain(times["fit"])
    for name, text in times.items():
        if text.startswith("more"):
            yield Rung(NAMES[name], None, f"{text.partition(',')[0]} s")
            continue
        value = certain(text)
        label = f"{1e3 * value:.3g} ms" if value < 1.0 else f"{value:.3g} s"
        own = name == "fit"
        yield Rung(NAMES[name], value, label if own else _beside(label, value / fit), ours=own)


def crossed() -> list[Contest]:
    """Processor time of crossed factors by iterations, and by the exact path where it has room."""
    found = sections("results-crossed.md")
    if not found:
        return []
    whole, _, beside = found[0].tables
    exact = {row[0]: row for row in beside.rows}
    contests = []
    for rows, levels, _, scanned, _, fitted, peak in whole.rows:
        own = certain(scanned) + certain(fitted)
        rungs = [Rung("iterations", own, f"{own:.3g} s, {peak} GB", ours=True)]
        if rows in exact:
            other = certain(scanned) + certain(exact[rows][2])
            label = f"{other:.3g} s, {exact[rows][3]} GB"
            rungs.append(Rung("exact factor", other, _beside(label, other / own)))
        contests.append(Contest(f"{rows} ratings", levels.replace("x", "×"), tuple(rungs)))
    return contests


def _first(text: str) -> str:
    return text.partition(" (")[0]


def _beside(label: str, ratio: float | None) -> str:
    if ratio is None:
        return label
    many = f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.1f}" if ratio >= 1 else f"{ratio:.2f}"
    return f"{label}  ·  {many}×"


def _briefly(remark: str) -> str:
    return remark.replace("ended in an error, or wanted more memory than it may", "no answer")


def ladder(title: str, subtitle: Sequence[str], contests: Sequence[Contest], x: str) -> Figure:
    """Return the figure of contests; in words, what is measured against what."""
    rows = [(contest, rung) for contest in contests for rung in contest.rungs]
    own = {
        contest.title: next(rung.value for rung in contest.rungs if rung.ours)
        for contest in contests
    }
    return Figure(
        chart="ladder",
        title=title,
        subtitle=tuple(subtitle),
        alt=f"{title}. " + "; ".join(map(_told, contests)) + ".",
        tables={
            "contests": {
                "title": [contest.title for contest in contests],
                "about": [contest.about for contest in contests],
            },
            "rungs": {
                "contest": [contest.title for contest, _ in rows],
                "name": [rung.name for _, rung in rows],
                "value": [rung.value for _, rung in rows],
                "label": [rung.label for _, rung in rows],
                "ours": [rung.ours for _, rung in rows],
                "kin": [rung.name.startswith(OURS) for _, rung in rows],
                "from": [own[contest.title] for contest, _ in rows],
            },
        },
        words={"x": x},
    )


def _told(contest: Contest) -> str:
    return f"{contest.title}: " + ", ".join(f"{rung.name} {rung.label}" for rung in contest.rungs)
