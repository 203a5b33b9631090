"""Crossed designs in the shape of MovieLens up to its size: ``python -m benchmarks.crossed``.

The ratings are those of ``benchmarks.ratings``, in a Parquet file. Each size is fitted in a process
of its own by ``engine.fit`` from a scan of the file; where the matrix of the smaller factor's
effects has room, the model is fitted by the exact path too and the answers are laid side by side.
Seconds are of the wall and of the processor, the latter for machines that do other work; memory is
the peak of the process. Writes benchmarks/results-crossed.md.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
from msgspec.structs import replace

import engine
from benchmarks import machine, ratings
from engine.fit import Fit, fit_products
from engine.prepared import prepare
from engine.spec import Spec

PAGE = Path(__file__).with_name("results-crossed.md")
SIZES = ((1_000_000, 6_000, 3_700), (10_000_000, 70_000, 30_000), (32_000_000, 200_000, 84_000))
LECTURES = Path(__file__).parents[1] / "tests" / "reference" / "data" / "InstEval.csv.gz"
INSTEVAL = "y ~ 1 + service + (1 | s) + (1 | d) + (1 | dept)"
"""The lecture ratings that come with lme4."""

Row = dict[str, float | str]


def timed(run: Callable[[], Fit]) -> tuple[Fit, float, float]:
    """The fit, seconds and processor seconds."""
    wall, processor = time.perf_counter(), time.process_time()
    fit = run()
    return fit, time.perf_counter() - wall, time.process_time() - processor


def peak() -> float:
    """The most memory that the process has held so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def measure(path: Path, formula: str, *, exact: bool) -> Row:
    """Fit the model of a file, without a dense factor and, if asked, with one."""
    scan = pl.scan_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path).lazy()
    wall, processor = time.perf_counter(), time.process_time()
    prepared = prepare(Spec.of(formula), scan)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    fit, own_wall, own_processor = timed(lambda: fit_products(replace(prepared, iterative=True)))
    known = fit.approximation
    if known is None:
        raise RuntimeError("the model was to be solved by iterations")
    row: Row = {
        "rows": fit.n_rows,
        "levels": " x ".join(f"{len(effects.levels):,}" for effects in fit.random),
        "scan": wall,
        "scan processor": processor,
        "fit": own_wall,
        "fit processor": own_processor,
        "peak": peak(),
        "sd": ", ".join(f"{np.sqrt(own.covariance[0, 0]):.5f}" for own in fit.random),
        "probes": known.probes,
        "criterion": known.criterion,
        "theta": float(known.theta.max()),
        "share": known.theta_share,
        "conditional": float(known.conditional.max()),
    }
    if exact:
        other, wall, processor = timed(lambda: fit_products(prepared))
        row |= {"exact": wall, "exact processor": processor, "exact peak": peak()}
        row |= differences(fit, other)
    return row


def differences(fit: Fit, exact: Fit) -> Row:
    """How far the answers are from those of the exact path."""
    spreads = [
        np.sqrt(own.conditional[:, 0, 0] / other.conditional[:, 0, 0]) - 1.0
        for own, other in zip(fit.random, exact.random, strict=True)
    ]
    modes = [
        float(np.abs(own.modes - other.modes).max())
        for own, other in zip(fit.random, exact.random, strict=True)
    ]
    return {
        "d criterion": fit.statistics.criterion - exact.statistics.criterion,
        "d theta": float(np.abs(fit.theta / exact.theta - 1.0).max()),
        "d beta": float((np.abs(fit.beta - exact.beta) / exact.std_errors).max()),
        "d se": float(np.abs(fit.std_errors / exact.std_errors - 1.0).max()),
        "d modes": max(modes),
        "d conditional": max(float(np.sqrt(np.mean(own**2))) for own in spreads),
    }


def run(path: Path, formula: str, *, exact: bool) -> Row:
    """Measure in a process of its own."""
    task = ["--measure", str(path), formula, str(int(exact))]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks.crossed", *task]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    row: Row = json.loads(done.stdout)
    return row


HEAD = """# Crossed designs too large for a dense factor

`make bench-crossed`: ratings of users and items with long tails (`benchmarks/ratings.py`),
`rating ~ 1 + x + (1 | user) + (1 | item)`, REML, from Parquet; the model with three factors is
lme4's InstEval. For the shape of MovieLens 32M, MixedModels.jl is reported to need 56 GB and
18,740 s. Other work on the machine lengthens seconds of the wall, and those of the processor less.
"""
ERRORS = """
What is estimated by random probes, and its Monte-Carlo standard errors as the fit reports them: of
the criterion; of theta, relative, and as a share of its standard error by the data; of the standard
deviations of modes given the data, relative. True standard deviations of ratings: 0.45, 0.5.
"""
BESIDE = """
Beside the exact path, where the dense matrix has room: differences of the criterion, of theta
(relative), of fixed effects (in standard errors), of standard errors (relative), of modes
(largest), of their standard deviations (relative, root mean square).
"""


def page(rows: list[Row]) -> str:
    """The page of results."""
    load = f"- load average at the end: {os.getloadavg()[0]:.1f}\n"
    whole = table(
        rows,
        ("rows", "levels", "scan s", "(processor)", "fit s", "(processor)", "peak GB"),
        "{rows:,} | {levels} | {scan:.1f} | {scan processor:.1f} | {fit:.1f} | "
        "{fit processor:.1f} | {peak:.2f}",
    )
    errors = table(
        rows,
        ("rows", "standard deviations", "probes", "criterion", "theta", "share", "sds"),
        "{rows:,} | {sd} | {probes} | {criterion:.1e} | {theta:.1e} | {share:.1e} | "
        "{conditional:.1e}",
    )
    beside = table(
        [row for row in rows if "exact" in row],
        ("rows", "s", "(processor)", "GB", "criterion", "theta", "beta", "se", "modes", "sds"),
        "{rows:,} | {exact:.1f} | {exact processor:.1f} | {exact peak:.2f} | {d criterion:.1e} | "
        "{d theta:.1e} | {d beta:.1e} | {d se:.1e} | {d modes:.1e} | {d conditional:.1e}",
    )
    return "\n".join([HEAD, machine.machine() + load, whole, ERRORS, errors, BESIDE, beside])


def table(rows: list[Row], names: Sequence[str], form: str) -> str:
    """A table in Markdown."""
    lines = [" | ".join(names), " | ".join("---:" for _ in names)]
    lines += [form.format_map(row) for row in rows]
    return "\n".join(f"| {line} |" for line in lines) + "\n"


def main() -> None:
    """Measure all sizes, or one in this process."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crossed", description=__doc__)
    parser.add_argument("--sizes", type=int, default=len(SIZES), help="how many, smallest first")
    parser.add_argument("--folder", type=Path, help="keeps the ratings, and takes those it has")
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        path, formula, exact = asked.measure
        print(json.dumps(measure(Path(path), formula, exact=exact == "1")))
        return
    rows = [run(LECTURES, INSTEVAL, exact=True)]
    print(json.dumps(rows[0]), flush=True)
    with TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary)
        for size, users, items in SIZES[: asked.sizes]:
            path = folder / f"{size}.parquet"
            if not path.exists():
                ratings.write(path, size, users, items)
            rows.append(run(path, ratings.FORMULA, exact=items**2 <= engine.CAPS.crossed_elements))
            PAGE.write_text(page(rows), "utf-8")
            print(json.dumps(rows[-1]), flush=True)


if __name__ == "__main__":
    main()
