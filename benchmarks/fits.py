"""One model, four programs: the time of a fit and how near its answer is to the reference."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.contestant import Answer, Contestant
from benchmarks.rounds import Measured, interleaved, table
from service.radon.tables import bundled
from tests.reference.cases import case

HERE = Path(__file__).parent
HOUSES = next(str(known.path) for known in bundled() if known.name == "minnesota-radon")
OURS = "partialpool"


def report(peers: Path | None, rounds: int, seconds: float) -> str:
    """Time all programs that are there and write the section of the report.

    ``peers`` is the Python that has the peers' packages, or None; ``seconds`` are of each round.
    """
    missing: list[str] = []
    with ExitStack() as stack:
        programs = [
            stack.enter_context(Contestant(name, command))
            for name, command in _commands(peers, missing).items()
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


def _commands(peers: Path | None, missing: list[str]) -> dict[str, list[str]]:
    module = "benchmarks.contestants."
    commands = {
        OURS: [sys.executable, "-m", f"{module}partialpool", HOUSES, "fit"],
        f"{OURS}, all its tables": [
            sys.executable, "-m", f"{module}partialpool", HOUSES, "tables",
        ],
    }  # fmt: skip
    if _has_lme4():
        commands["lme4"] = ["Rscript", str(HERE / "contestants" / "lme4.R"), HOUSES]
    else:
        missing.append("lme4")
    for name in ("mixedlm", "statsmodels"):
        if peers is not None:
            commands[name] = [str(peers), "-m", f"{module}{name}", HOUSES]
        else:
            missing.append(name)
    return commands


def _has_lme4() -> bool:
    if shutil.which("Rscript") is None:
        return False
    probe = 'quit(status = !requireNamespace("lme4", quietly = TRUE))'
    return subprocess.run(["Rscript", "-e", probe], check=False).returncode == 0


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
