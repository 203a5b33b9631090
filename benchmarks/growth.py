"""How time and memory of a fit grow, file to answer: ``python -m benchmarks.growth``.

Each case is a Parquet file of generated rows (normal predictors, levels at random, effects with
standard deviation 0.3 beside a residual one of 0.75; numbers as 32-bit floats) and is fitted from a
scan in a process of its own. Seconds are of the wall and of the processor, the latter for machines
that do other work; memory is the peak of the process. Writes benchmarks/results-growth.md.

    python -m benchmarks.growth --folder TABLES --prepare      write tables, measure nothing
    python -m benchmarks.growth --folder TABLES --only rows    one kind; the other rows stay
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

import engine
from benchmarks import machine

PAGE = Path(__file__).with_name("results-growth.md")
PART = 1_000_000
FILE_ROWS = 50_000_000
"""Rows of one file; a case of more rows has several."""

Row = dict[str, float | str]
Numbers: TypeAlias = NDArray[Any]
"""32-bit floats or integers."""


@dataclass(frozen=True, slots=True)
class Case:
    """A table and its model.

    Attributes:
        name: what grows.
        rows: of the table.
        predictors: numeric columns.
        levels: of each grouping factor.
    """

    name: str
    rows: int
    predictors: int
    levels: tuple[int, ...]

    @property
    def formula(self) -> str:
        """All predictors, and an intercept by every factor."""
        terms = [f"x{i}" for i in range(self.predictors)]
        terms += [f"(1 | g{i})" for i in range(len(self.levels))]
        return f"y ~ {' + '.join(terms)}"

    @property
    def crossing(self) -> str:
        """The numbers of levels, as the page shows them."""
        return " x ".join(f"{n:,}" for n in self.levels)

    @property
    def key(self) -> str:
        """How a line of the page begins."""
        return f"| {self.name} | {self.rows:,} | {self.predictors} | {self.crossing} |"

    @property
    def folder(self) -> str:
        """A name for its table."""
        return "-".join(map(str, (self.rows, self.predictors, *self.levels)))


M = 1_000_000
CASES = (
    *(Case("rows", n * M, 3, (3_000,)) for n in (1, 10, 30, 100, 300, 1_000)),
    *(Case("groups", 10 * M, 3, (j,)) for j in (10_000, 100_000, M)),
    *(Case("predictors", M, p, (3_000,)) for p in (5, 10, 20, 50)),
    Case("crossed factors", 10 * M, 3, (3_000, 500)),
    Case("crossed factors", 10 * M, 3, (3_000, 500, 50)),
    Case("crossed factors", M, 3, (3_000, 500, 50)),
)


def table(case: Case, folder: Path) -> Path:
    """Return the folder of a table within another one, written if it is not there already."""
    own = folder / case.folder
    if not own.exists():
        with TemporaryDirectory(dir=folder) as unfinished:
            write(Path(unfinished, "rows"), case)
            Path(unfinished, "rows").rename(own)
    return own


def write(folder: Path, case: Case, seed: int = 1) -> None:
    """Write the rows into a new folder, in files of ``FILE_ROWS``."""
    folder.mkdir()
    draw = np.random.default_rng(seed)
    effects = [0.3 * draw.normal(size=n).astype(np.float32) for n in case.levels]
    for first in range(0, case.rows, FILE_ROWS):
        writer: pq.ParquetWriter | None = None
        for start in range(first, min(first + FILE_ROWS, case.rows), PART):
            part = _part(draw, case, effects, min(PART, case.rows - start))
            path = folder / f"{first // FILE_ROWS:04d}.parquet"
            writer = writer or pq.ParquetWriter(path, part.schema, compression="zstd")
            writer.write_table(part, row_group_size=262_144)
        if writer is not None:
            writer.close()


def _part(draw: np.random.Generator, case: Case, effects: list[Numbers], n: int) -> pa.Table:
    columns: dict[str, Numbers] = {}
    y = 1.4 + 0.75 * draw.standard_normal(n, np.float32)
    for i in range(case.predictors):
        columns[f"x{i}"] = draw.standard_normal(n, np.float32).round(2)
        y += np.float32(0.1) * columns[f"x{i}"]
    for i, own in enumerate(effects):
        columns[f"g{i}"] = draw.integers(0, len(own), n, np.int32)
        y += own[columns[f"g{i}"]]
    return pa.table({**columns, "y": y.round(2)})


def measure(folder: Path, formula: str) -> Row:
    """Fit from a scan of a folder, once, libraries loaded; pages of the files may be cold."""
    engine.fit("y ~ (1 | g)", pl.LazyFrame({"y": [1.0, 2.0, 4.0, 3.0], "g": [1, 1, 2, 2]}))
    wall, processor = time.perf_counter(), time.process_time()
    fit = engine.fit(formula, pl.scan_parquet(folder / "*.parquet"))
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    return {
        "seconds": wall,
        "processor": processor,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
        "sigma": fit.sigma,
    }


def run(case: Case, folder: Path) -> Row:
    """Measure the fit of a table in a process of its own."""
    size = sum(path.stat().st_size for path in folder.iterdir())
    task = ["-m", "benchmarks.growth", "--measure", str(folder), case.formula]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *task], check=True, stdout=subprocess.PIPE, text=True, env=environment
    )
    row: Row = json.loads(done.stdout)
    return row | {
        "file": size / 1e6,
        "rate": case.rows / float(row["processor"]) / 1e6,
        "load": os.getloadavg()[0],
    }


HEAD = """# How time and memory grow

`make bench-growth`: `y ~ x0 + ... + (1 | g0) + ...`, REML, from Parquet, file to answer, one call
in a process of its own. Other work on the machine lengthens seconds of the wall, and those of the
processor less; its load average is told beside each. A row that the last run left out stands as the
run before measured it on this machine.
"""


def line(case: Case, row: Row) -> str:
    """The line of a case on the page."""
    form = "{file:.0f} | {seconds:.2f} | {processor:.2f} | {rate:.1f} | {peak:.0f} | {load:.1f} |"
    return f"{case.key} {form.format_map(row)}"


def kept(about: str, text: str) -> dict[Case, str]:
    """The lines of a page, if it was measured on the machine that ``about`` tells of."""
    if about.partition("\n")[0] not in text.splitlines():
        return {}
    lines = text.splitlines()
    found = {case: next((own for own in lines if own.startswith(case.key)), "") for case in CASES}
    return {case: own for case, own in found.items() if own}


def page(about: str, lines: dict[Case, str]) -> str:
    """The page of results."""
    names = [
        *("grows", "rows", "predictors", "levels", "file MB", "s", "processor s"),
        *("M rows / processor s", "peak MB", "load"),
    ]
    head = [f"| {' | '.join(own)} |" for own in (names, ["---:"] * len(names))]
    return "\n".join([HEAD, about, *head, *(lines[case] for case in CASES if case in lines), ""])


def measured(cases: list[Case], folder: Path | None) -> Iterator[tuple[Case, Row]]:
    """Measure cases, smallest first, by the tables of a folder or else by tables that go again."""
    for case in cases:
        with TemporaryDirectory() as temporary:
            yield case, run(case, table(case, folder or Path(temporary)))


def main() -> None:
    """Measure all cases, or some, or one in this process."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.growth",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = tuple(dict.fromkeys(case.name for case in CASES))
    parser.add_argument("--most", type=int, default=1_000 * M, help="rows of the largest case")
    parser.add_argument("--only", choices=kinds, help="cases of this kind")
    parser.add_argument("--folder", type=Path, help="keeps the tables, and takes those it has")
    parser.add_argument("--prepare", action="store_true", help="write the tables of --folder alone")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        print(json.dumps(measure(Path(asked.measure[0]), asked.measure[1])))
        return
    if asked.prepare and asked.folder is None:
        parser.error("--prepare needs --folder")
    cases = [case for case in CASES if case.rows <= asked.most and asked.only in {None, case.name}]
    cases.sort(key=lambda case: case.rows)
    if asked.folder is not None:
        asked.folder.mkdir(parents=True, exist_ok=True)
    if asked.prepare:
        for case in cases:
            print(table(case, asked.folder), flush=True)
        return
    about = machine.machine()
    lines = kept(about, PAGE.read_text("utf-8")) if PAGE.exists() else {}
    for case, row in measured(cases, asked.folder):
        lines[case] = line(case, row)
        print(lines[case], flush=True)
        PAGE.write_text(page(about, lines), "utf-8")


if __name__ == "__main__":
    main()
