"""A fit from a Parquet file beside Polars summing its columns: ``python -m benchmarks.scan``.

The table is drawn from a known model: 3,000 counties (text), ``floor`` (0 or 1), ``uranium``
(of the county), ``x`` (normal, three decimals) and

    y = 1.4 - 0.6 floor + 0.7 uranium + 0.1 x + a_county + e,   sd(a) = 0.3, sd(e) = 0.75,

four decimals; row groups of 262,144 rows, zstd. Each contestant runs in processes of its own, in
turn; what is measured is the whole call, imports done, after one call that warms the file's pages.
Wall time is the least of the rounds, as other load only adds to it; processor time and peak memory
are told beside it. ``bare`` sums all columns (of the text, its rows are counted), ``grouped`` sums
them by county; ``fit`` has one thread of polars, as a worker of the service has, which leaves a
core to the sums; ``numpy`` is the same without compiled sums. With ``--peers PYTHON`` lme4 and
GPBoost fit the same rows once, which they hold in memory already: their time is that of the fit
alone, and they have 400 seconds for it. Writes benchmarks/results-scan.md.
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
import pyarrow as pa
import pyarrow.parquet as pq

import engine
from benchmarks import task
from benchmarks.contestant import Contestant, OverTimeError
from benchmarks.machine import machine
from benchmarks.programs import peer
from engine import native

PAGE = Path(__file__).with_name("results-scan.md")
COUNTIES = 3_000
PART = 1_000_000
NUMBERS = ("floor", "uranium", "x", "y")
FORMULA = "y ~ floor + uranium + x + (1 | county)"


def write(path: Path, rows: int, seed: int = 1) -> None:
    draw = np.random.default_rng(seed)
    names = pa.array([f"county {j:04d}" for j in range(COUNTIES)])
    uranium, effect = draw.normal(size=COUNTIES), 0.3 * draw.normal(size=COUNTIES)
    writer: pq.ParquetWriter | None = None
    for start in range(0, rows, PART):
        n = min(PART, rows - start)
        j = draw.integers(0, COUNTIES, n)
        floor = (draw.random(n) < 0.17).astype(np.float64)
        x = draw.normal(size=n).round(3)
        y = 1.4 - 0.6 * floor + 0.7 * uranium[j] + 0.1 * x + effect[j] + 0.75 * draw.normal(size=n)
        county = pa.DictionaryArray.from_arrays(pa.array(j, pa.int32()), names).cast(pa.string())
        part = pa.table(
            {"county": county, "floor": floor, "uranium": uranium[j], "x": x, "y": y.round(4)}
        )
        writer = writer or pq.ParquetWriter(path, part.schema, compression="zstd")
        writer.write_table(part, row_group_size=262_144)
    if writer is not None:
        writer.close()


def bare(path: Path) -> None:
    rows = pl.scan_parquet(path)
    rows.select(pl.col("county").len(), pl.col(NUMBERS).sum()).collect(engine="streaming")


def grouped(path: Path) -> None:
    sums = pl.scan_parquet(path).group_by("county").agg(pl.len(), pl.col(NUMBERS).sum())
    sums.collect(engine="streaming")


def fit(path: Path) -> None:
    engine.fit(FORMULA, engine.scan_parquet(path))


def by_numpy(path: Path) -> None:
    native.LIBRARY = None
    fit(path)


CONTESTANTS: dict[str, Callable[[Path], None]] = {
    "bare": bare,
    "grouped": grouped,
    "fit": fit,
    "numpy": by_numpy,
}


# As the service's workers have it: the sums are made beside polars, which leaves them a core.
SETTINGS = {name: {"POLARS_MAX_THREADS": "1"} for name in ("fit", "numpy")}


def measure(name: str, path: Path) -> None:
    """Print the seconds, processor seconds and peak megabytes of one call."""
    run = CONTESTANTS[name]
    run(path)
    wall, processor = time.perf_counter(), time.process_time()
    run(path)
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([wall, processor, peak]))


def rounds(path: Path, count: int) -> dict[str, list[list[float]]]:
    found: dict[str, list[list[float]]] = {name: [] for name in CONTESTANTS}
    for _ in range(count):
        for name, measured in found.items():
            command = [sys.executable, "-m", "benchmarks.scan", "--measure", name, str(path)]
            env = os.environ | {"OPENBLAS_NUM_THREADS": "1"} | SETTINGS.get(name, {})
            done = subprocess.run(command, check=True, capture_output=True, text=True, env=env)
            measured.append(json.loads(done.stdout))
    return found


PEERS = ("lme4, no derivatives", "gpboost")
LIMIT = 400.0


def peers(path: Path, python: Path) -> dict[str, tuple[float, float] | None]:
    """Seconds of one fit and peak megabytes of each peer there is; None if it took long."""
    found: dict[str, tuple[float, float] | None] = {}
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        predictors = ("floor", "uranium", "x")
        asked = task.Task(FORMULA, FORMULA, "y", predictors, ("county",))
        task.write(asked, pl.read_parquet(path).to_pandas(), folder)
        for name in PEERS:
            command = peer(name, folder, python)
            if command is None:
                continue
            try:
                with Contestant(name, command, limit=LIMIT) as one:
                    found[name] = float(one.hello["seconds"]), (one.peak() or 0) / 1e6
            except OverTimeError:
                found[name] = None
    return found


def best(found: dict[str, list[list[float]]]) -> dict[str, list[float]]:
    """The least seconds and processor seconds of the rounds, and the highest peak."""
    least = {name: [min(own) for own in zip(*each, strict=True)] for name, each in found.items()}
    return {name: [*own[:2], max(each[2] for each in found[name])] for name, own in least.items()}


def scans(found: dict[str, list[float]]) -> str:
    """The table of the contestants that read the file."""
    names = ["reads the file", "seconds", "processor seconds", "peak MB"]
    names += ["x bare", "x grouped", "by processor"]
    lines = [f"| {' | '.join(names)} |", "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for name, (wall, processor, peak) in found.items():
        ratios = [wall / found[other][0] for other in ("bare", "grouped")]
        shares = [processor / found[other][1] for other in ("bare", "grouped")]
        lines.append(
            f"| {name} | {wall:.3f} | {processor:.3f} | {peak:.0f} | {ratios[0]:.2f} | "
            f"{ratios[1]:.2f} | {shares[0]:.2f}, {shares[1]:.2f} |"
        )
    return "\n".join(lines)


def beside(found: dict[str, tuple[float, float] | None], fit: list[float]) -> str:
    """The table of the peers, and how many times as long as the fit they take."""
    lines = [
        "| holds the rows | seconds | peak MB | x fit | memory x fit |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, own in found.items():
        if own is None:
            lines.append(f"| {name} | more than {LIMIT:.0f}, with its start | – | – | – |")
        else:
            seconds, peak = own
            shown = f"{seconds:.1f} | {peak:.0f} | {seconds / fit[0]:.0f} | {peak / fit[2]:.1f}"
            lines.append(f"| {name} | {shown} |")
    return "\n".join(lines)


def section(rows: int, count: int, python: Path | None, folder: Path) -> str:
    """Measure one size, and return its part of the page."""
    path = folder / "rows.parquet"
    write(path, rows)
    load = os.getloadavg()[0]
    found = best(rounds(path, count))
    parts = [
        f"## {rows:,} rows, {COUNTIES:,} counties",
        f"Load average before: {load:.1f}; rounds: {count}.",
        scans(found),
    ]
    if python is not None:
        parts.append(beside(peers(path, python), found["fit"]))
    return "\n\n".join(parts)


def page(about: str, sections: Sequence[str]) -> str:
    """The page of results."""
    said = (__doc__ or "").partition("\n\n")[2].rpartition(" Writes\n")[0]
    head = f"# A fit beside a scan\n\nWritten by `make bench-scan`.\n\n{said}"
    return "\n\n".join([head, about.rstrip(), *sections]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scan", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", type=Path, help="python that has the peers' packages")
    parser.add_argument("--output", type=Path, default=PAGE, help="the page that is written")
    parser.add_argument("--measure", nargs=2, metavar=("NAME", "FILE"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        measure(asked.measure[0], Path(asked.measure[1]))
        return
    about, sections = machine(), list[str]()
    for rows in asked.rows:
        with TemporaryDirectory() as folder:
            sections.append(section(rows, asked.rounds, asked.peers, Path(folder)))
        print(sections[-1], end="\n\n", flush=True)
        asked.output.write_text(page(about, sections), "utf-8")


if __name__ == "__main__":
    main()
