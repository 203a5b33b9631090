"""Do simulated data recover their parameters? Coverage of intervals, bias of variances.

    python -m benchmarks.studies.coverage --n 1000 --seed 1

Replicate i of a design has a seed of its own, (seed, design, i): the result does not depend on the
number of processes. Writes results/coverage.json.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import TypedDict

import numpy as np

import engine
from benchmarks.studies.designs import Design, Draw, designs
from benchmarks.studies.intervals import covered, truth
from benchmarks.studies.record import Made, keep, kept, made

NAME = "coverage"


class Interval(TypedDict):
    """The coverage of one kind of interval of one quantity, in percent."""

    part: str
    quantity: str
    interval: str
    percent: float
    error: float


class Estimate(TypedDict):
    """A variance component: its truth, and mean estimates with their Monte Carlo errors."""

    quantity: str
    truth: float
    reml: float
    reml_error: float
    ml: float
    ml_error: float


class OfDesign(TypedDict):
    """What one design gave."""

    name: str
    title: str
    formula: str
    truth: dict[str, float]
    boundary: dict[str, float]
    intervals: list[Interval]
    variances: list[Estimate]


class Coverage(TypedDict):
    """The study."""

    made: Made
    n: int
    seed: int
    designs: list[OfDesign]


Row = dict[tuple[str, str, str], float]


def replicate(design: Design, which: int, seed: int, turn: int) -> Row:
    """Draw one table, fit it by REML and ML, and look at every interval and variance."""
    draw = design.draw(np.random.default_rng((seed, which, turn)))
    fit = engine.fit(design.formula, draw.table)
    row = dict(covered(design, draw, fit))
    for method in ("REML", "ML"):
        row |= dict(_variances(design, draw, method))
    return row


def _variances(
    design: Design, draw: Draw, method: str
) -> Iterator[tuple[tuple[str, str, str], float]]:
    fit = engine.fit(design.formula, draw.table, method=method)
    yield ("boundary", "", method), float(fit.convergence.boundary)
    for effects in fit.random:
        for k, term in enumerate(effects.terms):
            yield ("estimate", f"{term} | {effects.group}", method), float(effects.covariance[k, k])
    yield ("estimate", "residual", method), fit.sigma**2


def study(n: int, seed: int, workers: int) -> list[OfDesign]:
    """Run ``n`` replicates of every design in ``workers`` processes."""
    found = []
    with ProcessPoolExecutor(workers) as pool:
        for which, design in enumerate(designs()):
            run = partial(replicate, design, which, seed)
            rows = list(pool.map(run, range(n), chunksize=max(1, min(25, n // workers))))
            found.append(_summary(design, rows))
    return found


def _summary(design: Design, rows: list[Row]) -> OfDesign:
    columns = {key: np.array([row[key] for row in rows]) for key in rows[0]}
    means = {key: _mean(values) for key, values in columns.items()}
    intervals = [
        Interval(
            part=part,
            quantity=quantity,
            interval=kind,
            percent=round(100.0 * mean, 2),
            error=round(100.0 * error, 2),
        )
        for (part, quantity, kind), (mean, error) in means.items()
        if part not in {"estimate", "boundary"}
    ]
    any_table = design.draw(np.random.default_rng(0)).table
    true = truth(design, engine.fit(design.formula, any_table))
    return OfDesign(
        name=design.name,
        title=design.title,
        formula=design.formula,
        truth={name: round(value, 6) for name, value in true.items()},
        boundary={
            method: round(100.0 * means["boundary", "", method][0], 2) for method in ("REML", "ML")
        },
        intervals=intervals,
        variances=[_estimate(design, name, means) for part, name, m in means if (part, m) == _REML],
    )


_REML = ("estimate", "REML")


def _mean(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> tuple[float, float]:
    """The mean of the values that exist, and its standard error."""
    known = values[np.isfinite(values)]
    return float(known.mean()), float(known.std() / np.sqrt(len(known)))


def _estimate(
    design: Design, name: str, means: dict[tuple[str, str, str], tuple[float, float]]
) -> Estimate:
    reml, ml = means["estimate", name, "REML"], means["estimate", name, "ML"]
    term, _, group = name.partition(" | ")
    true = design.sigma**2
    if group:
        k = design.slopes[group].index(term)
        true = float(design.between[group][k, k])
    return Estimate(
        quantity=name,
        truth=round(true, 6),
        reml=round(reml[0], 6),
        reml_error=round(reml[1], 6),
        ml=round(ml[0], 6),
        ml_error=round(ml[1], 6),
    )


def read() -> Coverage:
    """The study as it was run last."""
    found: Coverage = json.loads(kept(NAME))
    return found


def main() -> None:
    """Parse the command line, run, and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies.coverage")
    parser.add_argument("--n", type=int, default=1000, help="simulations of each design")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--dry", action="store_true", help="print, write nothing")
    options = parser.parse_args()
    start = time.perf_counter()
    found = study(options.n, options.seed, options.workers)
    result = Coverage(
        made=made(time.perf_counter() - start), n=options.n, seed=options.seed, designs=found
    )
    if options.dry:
        print(json.dumps(result, indent=1))
        return
    keep(NAME, result)


if __name__ == "__main__":
    main()
