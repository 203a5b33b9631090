"""The commands: sums of a file, sums of sums, and fits of either."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from engine.display import display
from engine.errors import EngineError, Problem, SpecError
from engine.expression import States
from engine.files import ENDINGS, read_table
from engine.fit import Fit, fit_spec
from engine.progress import Progress, silent
from engine.spec import Spec
from engine.summaries import (
    Summary,
    digest_of,
    fit_summary,
    merge,
    read_summary,
    require_made_for,
    summarise,
    write_summary,
)

FAILED = 1
"""Exit code when what was asked cannot be done; 2 is for a command that cannot be read."""
PROGRAM = "python -m engine"
_ARROW = (".arrow", ".arrows")


def main(arguments: Sequence[str] | None = None, prog: str = PROGRAM) -> int:
    """Run one command of a program of this name; return its exit code."""
    options = parser(prog).parse_args(arguments)
    try:
        run = {"summarise": _summarise, "merge": _merge, "fit": _fit}[options.command]
        run(options)
    except EngineError as error:
        for problem in error.problems:
            hint = f" ({problem.hint})" if problem.hint else ""
            sys.stderr.write(f"error: {problem.detail}{hint}\n")
        return FAILED
    except OSError as error:
        sys.stderr.write(f"error: {error.filename}: {error.strerror}\n")
        return FAILED
    return 0


def _summarise(options: argparse.Namespace) -> None:
    spec = _spec(options)
    constants = None if options.constants is None else _constants(options.constants)
    summary = summarise(
        spec,
        read_table(options.file, _wanted(spec)),
        constants=constants,
        min_count=options.min_count,
        suppress=options.suppress,
    )
    left_out = [f"{summary.n_dropped} rows that miss a value"] * bool(summary.n_dropped)
    if summary.n_suppressed:
        small = f"{summary.n_suppressed} rows in cells of fewer than {summary.min_count} rows"
        left_out.append(small)
    note = f"{summary.n_rows} rows summed"
    _write(summary, options.out, note + (f"; left out: {', '.join(left_out)}" if left_out else ""))


def _merge(options: argparse.Namespace) -> None:
    summaries = [_read(path) for path in options.files]
    digests = [digest_of(summary) for summary in summaries]
    for i, digest in enumerate(digests):
        if digest in digests[:i]:
            twin = options.files[digests.index(digest)]
            raise SpecError(
                Problem(
                    "same_summary",
                    f"{options.files[i]} holds the same sums as {twin}",
                    "the rows would count twice: name each summary once",
                )
            )
    merged = merge([summaries[i] for i in sorted(range(len(digests)), key=digests.__getitem__)])
    _write(merged, options.out, f"{merged.n_rows} rows of {len(summaries)} summaries")


def _fit(options: argparse.Namespace) -> None:
    spec = None if options.formula is None else _spec(options)
    method, contrasts = options.method, dict(options.contrast) or None
    sys.stdout.write(display(fit_file(options.file, spec, method=method, contrasts=contrasts)))


def fit_file(
    path: Path,
    spec: Spec | None,
    *,
    method: str | None = None,
    contrasts: Mapping[str, str] | None = None,
    progress: Progress = silent,
) -> Fit:
    """Fit a table, or the sums of a summary.

    Args:
        path: the file.
        spec: the model; needed for a table, and checked against that of a summary when given.
        method: of a summary, which leaves the choice; a table has it of ``spec``.
        contrasts: likewise.
        progress: told how far it is.

    Raises:
        EngineError: it cannot be read, or not be fitted.
        OSError: the file cannot be read.
    """
    if _is_table(path):
        if spec is None:
            raise SpecError(Problem("no_formula", "a table is fitted to a formula", "give one"))
        return fit_spec(spec, read_table(path, _wanted(spec)), progress=progress)
    summary = _read(path)
    if spec is not None:
        require_made_for(summary, replace(summary.spec, formula=spec.formula))
    return fit_summary(summary, method=method, contrasts=contrasts)


def _spec(options: argparse.Namespace) -> Spec:
    return Spec.of(
        options.formula,
        method=getattr(options, "method", None) or "REML",
        weights=options.weights,
        offset=options.offset,
        categorical=options.categorical,
        contrasts=dict(getattr(options, "contrast", ())),
    )


def _wanted(spec: Spec) -> tuple[str, ...]:
    return (*spec.columns, *spec.categorical, *(name for name, _ in spec.contrasts))


def _is_table(path: Path) -> bool:
    """Whether a file holds rows; an Arrow file says itself which of the two it is."""
    if path.suffix.lower() in _ARROW:
        try:
            read_summary(path.read_bytes())
        except EngineError as error:
            return error.problems[0].code == "not_a_summary"
        return False
    return path.suffix.lower() in ENDINGS


def _read(path: Path) -> Summary:
    try:
        return read_summary(path.read_bytes())
    except EngineError as error:
        raise SpecError(
            *(
                Problem(p.code, f"{path}: {_place(p.path)}{p.detail}", p.hint, p.path)
                for p in error.problems
            )
        ) from error


def _place(path: tuple[str | int, ...]) -> str:
    return "".join(f"/{part}" for part in path) + ": " if path else ""


def _constants(path: Path) -> States:
    return _read(path).constants


def _write(summary: Summary, out: Path | None, note: str) -> None:
    """Write a summary to its file and the note to standard output, or to both of the standard."""
    if out is None:
        sys.stderr.write(note + "\n")
        sys.stdout.write(write_summary(summary).decode() + "\n")
        return
    sys.stdout.write(note + "\n")
    out.write_bytes(write_summary(summary, "arrow" if out.suffix.lower() in _ARROW else "json"))


def parser(prog: str = PROGRAM) -> argparse.ArgumentParser:
    """Return what reads the commands."""
    whole = argparse.ArgumentParser(prog=prog, description=__doc__)
    commands = whole.add_subparsers(dest="command", required=True)
    summary = commands.add_parser("summarise", help="write the sums that a model needs of a table")
    summary.add_argument("file", type=Path, help=f"a table: {', '.join(ENDINGS)}")
    _model(summary, formula_needed=True)
    summary.add_argument(
        "--min-count",
        type=int,
        default=1,
        metavar="N",
        help="refuse when a cell has fewer rows; 1, the default, checks nothing",
    )
    summary.add_argument(
        "--suppress", action="store_true", help="leave out the rows of smaller cells instead"
    )
    summary.add_argument(
        "--constants",
        type=Path,
        metavar="SUMMARY",
        help="take the constants of scale, center and poly from this summary",
    )
    merged = commands.add_parser("merge", help="add summaries of different rows")
    merged.add_argument("files", type=Path, nargs="+", metavar="SUMMARY")
    for command in (summary, merged):
        command.add_argument(
            "--out",
            type=Path,
            metavar="FILE",
            help="where to write: JSON, or Arrow for .arrow; standard output by default",
        )
    fitted = commands.add_parser("fit", help="fit a table or a summary and print R's display")
    fitted.add_argument("file", type=Path, metavar="FILE|SUMMARY")
    _model(fitted, formula_needed=False)
    fitted.add_argument("--method", choices=["REML", "ML"], help="REML by default")
    fitted.add_argument(
        "--contrast",
        type=_contrast,
        action="append",
        default=[],
        metavar="COLUMN=CODING",
        help="treatment, sum or helmert; may be given several times",
    )
    return whole


def _model(command: argparse.ArgumentParser, *, formula_needed: bool) -> None:
    command.add_argument("--formula", required=formula_needed, help="in lme4's language")
    command.add_argument("--weights", metavar="COLUMN", help="of prior weights")
    command.add_argument("--offset", metavar="COLUMN", help="taken from the response")
    command.add_argument(
        "--categorical",
        action="append",
        default=[],
        metavar="COLUMN",
        help="numbers that are levels; may be given several times",
    )


def _contrast(text: str) -> tuple[str, str]:
    column, separator, coding = text.rpartition("=")
    if not separator:
        raise argparse.ArgumentTypeError("write COLUMN=CODING")
    return column, coding
