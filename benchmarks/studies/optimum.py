"""Does lme4 find a better optimum with any of its optimisers? Does it find as good a one?

    python -m benchmarks.studies.optimum --seed 1

Draws the data sets of ``hard``, fits them here and by every optimiser of ``lme4::allFit`` that the
R packages at hand allow (dfoptim, optimx), and compares the criteria,
all by the same judge (``by_rows``). Writes results/optimum.json.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NotRequired, TypedDict

import numpy as np

import engine
from benchmarks.studies.by_rows import ByRows
from benchmarks.studies.hard import Hard, data_sets
from benchmarks.studies.record import Made, keep, kept, made
from engine.criterion import Structure
from engine.fit import Fit
from engine.spec import Spec

NAME = "optimum"
OURS = "partialpool"
SCRIPT = Path(__file__).with_name("optimisers.R")
AT = 1e-6
"""A criterion this near to the best known is at the optimum."""
WORSE = (1e-6, 1e-3, 0.1)


class Said(TypedDict):
    """What the R script says of one optimiser on one data set.

    ``alarms`` are warnings of convergence, ``warnings`` all but those of a boundary.
    """

    criterion: NotRequired[float]
    theta: NotRequired[float | list[float]]
    alarms: NotRequired[int]
    warnings: NotRequired[int]
    failed: NotRequired[str]
    seconds: float


@dataclass(frozen=True, slots=True)
class Ending:
    """Where one search stopped; infinite values of a search that failed.

    Attributes:
        above: the criterion, by rows, over the best that any search reached.
        off: how far the program's own value of it is from that by rows.
        alarms, warnings: as in ``Said``.
        seconds: of the fit.
    """

    above: float
    off: float
    alarms: int
    warnings: int
    seconds: float


class Optimiser(TypedDict):
    """What one optimiser did with all data sets.

    ``worse``: ends above the best known by more than each of ``WORSE``; ``failed``: ends in an
    error; ``false_alarms``: warnings of convergence at the optimum; ``silent``: ends above it by
    more than 1e-3 without a warning.
    """

    name: str
    worse: list[int]
    failed: int
    false_alarms: int
    silent: int
    worst: float
    median_ms: float
    median_ratio: float


class Family(TypedDict):
    """One family of data sets: those on which lme4's default, and every optimiser, is worse."""

    name: str
    sets: int
    boundary: int
    default_worse: int
    every_worse: int
    ours_worse: int


class Optimum(TypedDict):
    """The study; ``ours_worse_by`` has every data set where a search of lme4 ended lower by > AT.

    ``digits``: of each program the largest error of the value it gives for its own optimum.
    """

    made: Made
    versions: dict[str, str]
    sets: int
    seed: int
    optimisers: list[Optimiser]
    families: list[Family]
    ours_worse_by: list[float]
    digits: dict[str, float]


@dataclass(frozen=True, slots=True)
class Compared:
    """One data set searched by all."""

    family: str
    boundary: bool
    ours: Ending
    theirs: dict[str, Ending]


def fit(hard: Hard) -> Fit:
    """Fit a data set here."""
    return engine.fit_spec(_spec(hard), hard.table)


def _spec(hard: Hard) -> Spec:
    return Spec.of(
        hard.formula,
        method="REML" if hard.reml else "ML",
        weights=hard.weights,
        categorical=hard.factors,
    )


def _timed(hard: Hard) -> tuple[Fit, float]:
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        found = fit(hard)
        seconds.append(time.perf_counter() - start)
    return found, statistics.median(seconds)


def by_lme4(sets: Sequence[Hard]) -> tuple[list[dict[str, Said]], dict[str, str]]:
    """Fit all data sets by all of lme4's optimisers."""
    with tempfile.TemporaryDirectory() as scratch:
        records = []
        for i, hard in enumerate(sets):
            hard.table.to_csv(Path(scratch, f"{i}.csv"), index=False)
            records.append(
                {
                    "file": f"{i}.csv",
                    "formula": hard.formula,
                    "factors": list(hard.factors),
                    "reml": hard.reml,
                    "weights": hard.weights,
                }
            )
        Path(scratch, "sets.json").write_text(json.dumps(records), "utf-8")
        subprocess.run(["Rscript", str(SCRIPT), scratch], check=True)
        found = json.loads(Path(scratch, "found.json").read_text("utf-8"))
    return found["found"], found["versions"]


def compare(hard: Hard, theirs: Mapping[str, Said]) -> Compared:
    """Fit one data set here, and judge where every search of it stopped by its rows."""
    found, seconds = _timed(hard)
    structure = Structure.of(tuple(size for own in found.random for size in own.sizes))
    judge = ByRows(found.spec, hard.table)
    ours = Said(criterion=found.statistics.criterion, theta=found.theta.tolist(), seconds=seconds)
    said = {OURS: ours} | dict(theirs)
    values = {name: _value(judge, found, structure, own) for name, own in said.items()}
    best = min(values.values())
    endings = {
        name: Ending(
            above=values[name] - best,
            off=abs(own.get("criterion", np.nan) - values[name]),
            alarms=own.get("alarms", 0),
            warnings=own.get("warnings", 0),
            seconds=own["seconds"],
        )
        for name, own in said.items()
    }
    return Compared(hard.family, found.convergence.boundary, endings.pop(OURS), endings)


def _value(judge: ByRows, found: Fit, structure: Structure, said: Said) -> float:
    if "theta" not in said:
        return np.inf
    t = structure.matrix(np.atleast_1d(np.array(said["theta"], dtype=np.float64)))
    ends = np.cumsum([0, *(len(own.terms) for own in found.random)]).tolist()
    return judge.at(tuple(t[a:b, a:b] for a, b in pairwise(ends)))


def study(seed: int) -> Optimum:
    """Run the study; ``made`` is filled in by ``main``."""
    sets = list(data_sets(seed))
    theirs, versions = by_lme4(sets)
    compared = [compare(hard, said) for hard, said in zip(sets, theirs, strict=True)]
    names = list(theirs[0])
    return Optimum(
        made=made(0.0),
        versions=versions,
        sets=len(sets),
        seed=seed,
        optimisers=[_optimiser(name, compared) for name in names],
        families=[_family(name, compared) for name in dict.fromkeys(s.family for s in sets)],
        ours_worse_by=[each.ours.above for each in compared if each.ours.above > AT],
        digits={
            OURS: max(each.ours.off for each in compared),
            names[0]: max(each.theirs[names[0]].off for each in compared),
        },
    )


def _optimiser(name: str, compared: Sequence[Compared]) -> Optimiser:
    ended = [each.theirs[name] for each in compared]
    finite = [own for own in ended if np.isfinite(own.above)]
    return Optimiser(
        name=name,
        worse=[sum(own.above > than for own in finite) for than in WORSE],
        failed=len(ended) - len(finite),
        false_alarms=sum(own.alarms > 0 and own.above <= AT for own in finite),
        silent=sum(own.warnings == 0 and own.above > WORSE[1] for own in finite),
        worst=max(own.above for own in finite),
        median_ms=1e3 * statistics.median(own.seconds for own in ended),
        median_ratio=statistics.median(
            each.theirs[name].seconds / each.ours.seconds for each in compared
        ),
    )


def _family(name: str, compared: Sequence[Compared]) -> Family:
    own = [each for each in compared if each.family == name]
    above = [[ending.above for ending in each.theirs.values()] for each in own]
    return Family(
        name=name,
        sets=len(own),
        boundary=sum(each.boundary for each in own),
        default_worse=sum(row[0] > WORSE[1] for row in above),
        every_worse=sum(min(row) > WORSE[1] for row in above),
        ours_worse=sum(each.ours.above > AT for each in own),
    )


def read() -> Optimum:
    """The study as it was run last."""
    found: Optimum = json.loads(kept(NAME))
    return found


def main() -> None:
    """Parse the command line, run, and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies.optimum")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    start = time.perf_counter()
    result = study(options.seed)
    result["made"] = made(time.perf_counter() - start)
    keep(NAME, result)


if __name__ == "__main__":
    main()
