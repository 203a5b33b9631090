"""Run every benchmark and write results.md: ``make bench``; the long ones: ``make bench-large``.

python -m benchmarks --peers PYTHON                 all, into results.md
python -m benchmarks --peers PYTHON --only models   one part, printed
python -m benchmarks --peers PYTHON --large         models that peers take long for
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from benchmarks import fits, loopback
from benchmarks.machine import machine
from benchmarks.models.cases import LARGE, USUAL
from benchmarks.models.race import Limits
from benchmarks.models.report import report as models

HERE = Path(__file__).parent
PARTS = ("fits", "models", "loopback")
USUAL_LIMIT, LARGE_LIMIT = 60.0, 900.0

PREFACE = """# Measured

Written by `{command}`, all in one run; run it again to see your machine. The peers' packages are
installed from requirements/bench.txt into `.venv-bench`; R's lme4 takes part where `Rscript` finds
it, and `wrk` makes the load where it is installed (Debian: `r-cran-lme4 r-cran-pbkrtest
r-cran-jsonlite r-cran-mlmrev wrk`).

"""


def main() -> None:
    """Parse the command line, measure, write and print the report."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--peers", type=Path, help="Python with requirements/bench.txt installed")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each program in a round")
    parser.add_argument("--only", choices=PARTS, help="a part, printed and not kept")
    parser.add_argument("--case", action="append", help="of the models, those of this name")
    parser.add_argument("--limit", type=float, help="seconds a program has for a model")
    parser.add_argument("--large", action="store_true", help="into results-large.md")
    options = parser.parse_args()
    known = [case.name for case in (LARGE if options.large else USUAL)]
    for name in options.case or ():
        if name not in known:
            parser.error(f"no case {name!r}; there are: {', '.join(known)}")
    if options.case:
        options.only = "models"
    command = "make bench-large" if options.large else "make bench"
    text = PREFACE.format(command=command) + "\n".join((machine(), *_sections(options)))
    if options.only is None:
        name = "results-large.md" if options.large else "results.md"
        (HERE / name).write_text(text, "utf-8")
    print(text)


def _sections(options: argparse.Namespace) -> Iterator[str]:
    parts = (options.only,) if options.only else ("models",) if options.large else PARTS
    if "fits" in parts:
        yield fits.report(options.peers, options.rounds, options.seconds)
    if "models" in parts:
        limit = options.limit or (LARGE_LIMIT if options.large else USUAL_LIMIT)
        cases = [
            case
            for case in (LARGE if options.large else USUAL)
            if not options.case or case.name in options.case
        ]
        yield models(cases, options.peers, Limits(limit))
    if "loopback" in parts:
        yield loopback.report(options.rounds, options.seconds)


if __name__ == "__main__":
    main()
