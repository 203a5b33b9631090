"""Run every benchmark and write results.md: ``make bench``."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks import fits, loopback
from benchmarks.machine import machine

RESULTS = Path(__file__).parent / "results.md"

PREFACE = """# Measured

Written by `make bench`, all in one run; run it again to see your machine. The peers' packages are
installed from requirements/bench.txt into `.venv-bench`; lme4 takes part where `Rscript` finds it
(Debian: `r-cran-lme4`), and `wrk` makes the load where it is installed.

"""


def main() -> None:
    """Parse the command line, measure, write and print the report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--peers", type=Path, help="Python with requirements/bench.txt installed")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each program in a round")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    sections = (
        machine(),
        fits.report(options.peers, options.rounds, options.seconds),
        loopback.report(options.rounds, options.seconds),
    )
    text = PREFACE + "\n".join(sections)
    options.out.write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
