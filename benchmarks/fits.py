"""One model, four programs: the time of a fit and how near its answer is to the reference."""

from __future__ import annotations

import statistics
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.contestant import Answer, Contestant
from benchmarks.programs import LME4, OURS, ours, peer
from benchmarks.rounds import Measured, interleaved, table
from benchmarks.task import Task, write
from service.radon.tables import bundled
from tests.reference.cases import case

HOUSES = next(str(known.path) for known in bundled() if known.name == "minnesota-radon")
TABLES = f"{OURS}, all its tables"
TASK = Task(
    formula="log(radon + 0.1) ~ 1 + floor + (1 | county)",
    plain="log_radon ~ 1 + floor + (1 | county)",
    response="log_radon",
    fixed=("floor",),
    random=("county",),
    want="effects",
)


def report(peers: Path | None, rounds: int, seconds: float) -> str:
    """Time all programs that are there and write the section of the report.

    ``peers`` is the Python that has the peers' packages, or None; ``seconds`` are of each round.
    """
    with ExitStack() as stack:
        commands = _commands(peers, Path(stack.enter_context(tempfile.TemporaryDirectory())))
        missing = [name for name, command in commands.items() if command is None]
        programs = [
            stack.enter_context(Contestant(name, command))
            for name, command in commands.items()
            if command is not None
        ]
        times = interleaved(
            {program.name: partial(_median_fit, program, seconds) for program in programs}, rounds
        )
        rows = [_row(program, times[program.name], times[OURS]) for program in programs]
    head = ("program", "ms a fit", "times ours", *_DISTANCES)
    versions = [f"- {program.name}: {program.hello['versions']}\n" for program in programs]
    absent = [f"- {name}: not measured, it is not on this machine\n" for name in missing]
    return (
        "## A fit of `log(radon + 0.1) ~ 1 + floor + (1 | county)`\n\n"
        "919 houses, 85 counties, by REML: from a table in memory to the fixed effects with their\n"
        "standard errors and the county effects with theirs.\n\n"
        + table(head, rows)
        + f"\nOf each of {rounds} interleaved rounds of {seconds:g} s, the median fit; *ms a fit* "
        "is the median (lowest–highest) of these, *times ours* the median of the rounds' ratios. "
        "The distances are from `tests/reference` (lme4, searched to 1e-9): of the criterion; of "
        "the fixed effects, of their standard errors and of the county effects, in standard errors "
        "(county standard deviations).\n\n" + "".join(versions + absent) + "- " + _REMARKS
    )


_DISTANCES = ("criterion", "fixed", "std. errors", "counties")
_REMARKS = (
    "mixedlm's formulas know no functions: the logarithm is taken before its clock starts. "
    "statsmodels takes standard errors from the observed information of all parameters, which is "
    "another convention. *All its tables* adds Satterthwaite tests, county lines with joint "
    "errors, pooling weights and no pooling, which the peers' times do not hold.\n"
)


def houses_task(want: str, folder: Path) -> Path:
    """Write the model of the houses and its table into a new folder."""
    houses = pd.read_csv(HOUSES)[["county", "floor", "radon"]]
    folder.mkdir()
    write(replace(TASK, want=want), houses.assign(log_radon=np.log(houses["radon"] + 0.1)), folder)
    return folder


def _commands(peers: Path | None, scratch: Path) -> dict[str, list[str] | None]:
    effects = houses_task("effects", scratch / "effects")
    commands: dict[str, list[str] | None] = {
        OURS: ours(effects),
        TABLES: ours(houses_task("tables", scratch / "tables")),
    }
    return commands | {
        name: peer(name, effects, peers) for name in (LME4, "mixedlm", "statsmodels")
    }


def _median_fit(program: Contestant, seconds: float) -> float:
    return statistics.median(program.fit_for(seconds))


def _row(program: Contestant, time: Measured, ours: Measured) -> tuple[str, ...]:
    return (
        program.name,
        time.shown(1e3, 2),
        f"{time.over(ours):.1f}",
        *(f"{distance:.0e}" for distance in distances(program.hello["answer"])),
    )


def distances(answer: Answer) -> tuple[float, ...]:
    """Return how far an answer is from the reference, in the order of ``_DISTANCES``."""
    known = case("lecture_floor")
    counties = known.ranef["county"]
    effects = {name.replace(" ", ""): value for name, value in answer["effects"].items()}
    ours = np.array([effects[level] for level in counties.levels])
    scale = known.varcor[0].sd_or_correlation
    return (
        abs(answer["criterion"] - known.criterion),
        float(np.max(np.abs(answer["estimate"] - known.fixed.estimate) / known.fixed.se)),
        float(np.max(np.abs(answer["std_error"] - known.fixed.se) / known.fixed.se)),
        float(np.max(np.abs(ours - counties.values[:, 0])) / scale),
    )
