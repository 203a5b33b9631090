"""The section of the report on models of many shapes and sizes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.models.cases import Case
from benchmarks.models.race import AGREE, Entry, Limits, race
from benchmarks.models.tables import has_chem97
from benchmarks.programs import OURS
from benchmarks.rounds import table

Results = Sequence[tuple[Case, Sequence[Entry]]]

PACE = ("InstEval", "mixedlm", 2.5)
"""The seconds that a program takes for a model on the machine that the targets were set for."""


def report(cases: Sequence[Case], python: Path | None, limits: Limits) -> str:
    """Run all cases and write the section; ``python`` has the peers' packages."""
    return section([(case, race(case, python, limits)) for case in cases], limits)


def section(results: Results, limits: Limits) -> str:
    """Write what the races gave: one line each, how they were run, and every program's numbers."""
    parts = [_summary(results), _pace(results), _how(limits), _details(results)]
    return "## Models beside the peers\n\n" + "\n".join(part for part in parts if part)


def _summary(results: Results) -> str:
    head = ("model", "target", OURS, "met", *(entry.name for entry in results[0][1][1:]))
    return table(head, [_summed(case, entries) for case, entries in results])


def _summed(case: Case, entries: Sequence[Entry]) -> tuple[str, ...]:
    own, *peers = entries
    cells = [_against(entry, own) for entry in peers]
    return case.name, _target(case), _own(own), _met(case, own), *cells


def _pace(results: Results) -> str:
    """Say what the times would be on the machine of the targets, if this one's pace is known."""
    model, program, seconds = PACE
    times = {
        (case.name, entry.name): (case.target, entry.time.median)
        for case, entries in results
        for entry in entries
        if entry.time is not None
    }
    if (model, program) not in times:
        return ""
    slower = times[model, program][1] / seconds
    there = ", ".join(
        f"{case} {shown(median / slower)} ({shown(target)})"
        for (case, name), (target, median) in times.items()
        if name == OURS and target is not None
    )
    return (
        f"The targets were set for a machine on which {program} fits {model} in {shown(seconds)}; "
        f"this one took {slower:.2f} times as long in this run. At that pace the times of {OURS} "
        f"(and the targets) are {there}.\n"
    )


def _target(case: Case) -> str:
    parts = [shown(case.target)] if case.target is not None else []
    parts += [f"{case.target_peak / 1e9:g} GB"] if case.target_peak is not None else []
    return " and ".join(parts) or "–"


def _own(own: Entry) -> str:
    return own.remark if own.time is None else shown(own.time.median)


def _met(case: Case, own: Entry) -> str:
    if case.target is None:
        return "–"
    met = own.time is not None and own.time.median < case.target
    if case.target_peak is not None:
        met = met and own.peak is not None and own.peak < case.target_peak
    return "yes" if met else "no"


def _against(entry: Entry, own: Entry) -> str:
    if entry.time is None or own.time is None:
        return entry.remark
    ratio = entry.time.over(own.time)
    return f"{ratio:.1f}×" if ratio < 100 else f"{ratio:,.0f}×"


def shown(seconds: float) -> str:
    """Write a time with two or three digits and the unit that fits."""
    return f"{seconds * 1e3:.3g} ms" if seconds < 1.0 else f"{seconds:.3g} s"


def _how(limits: Limits) -> str:
    return (
        f"Of {OURS} the time of a fit, from a table in memory to the fixed effects and their "
        "standard errors; of the others how many times as long they take, in interleaved rounds. A "
        f"program whose criterion is more than {AGREE:g} above the lowest, or whose Kenward-Roger "
        "errors differ relatively by more than that, is *not the optimum* and has no time. "
        f"Programs have {limits.seconds:g} s for their first answer and "
        f"{limits.memory / 2**30:g} GiB of address space. *lme4, no derivatives* is "
        "`calc.derivs = FALSE`. GPBoost uses all cores and factorises "
        "exactly (its default approximates); the others have one thread of BLAS.\n"
    )


def _details(results: Results) -> str:
    parts = []
    for case, entries in results:
        rows = [_detail(entry) for entry in entries if entry.versions]
        head = ("program", "time", "criterion over the lowest", "peak MB")
        title = f"### {case.name}\n\n`{case.task.formula}`: {_rows(case)}.\n\n"
        parts.append(title + table(head, rows))
    return "\n".join(parts) + (
        "\nTimes are medians of the rounds (lowest–highest), or the first fit of a program that "
        "takes long. *Peak MB* is the most memory that a fresh process held which read the table "
        "and fitted once.\n\n" + _versions(results)
    )


def _rows(case: Case) -> str:
    if case.name == "Chem97" and not has_chem97():
        return case.title + " (drawn like them: R's mlmRev is not here)"
    return case.title


def _detail(entry: Entry) -> tuple[str, ...]:
    time = entry.remark
    if entry.time is not None:
        low, high = (shown(pick(entry.time.rounds)) for pick in (min, max))
        time = f"{shown(entry.time.median)} ({low}–{high})"
    above = "–" if np.isnan(entry.above) else f"{entry.above:.0e}"
    return entry.name, time, above, "–" if entry.peak is None else f"{entry.peak / 1e6:,.0f}"


def _versions(results: Results) -> str:
    found = {entry.name: entry.versions for _, entries in results for entry in entries}
    found |= {e.name: e.versions for _, entries in results for e in entries if e.versions}
    return "".join(f"- {name}: {versions or 'did not run'}\n" for name, versions in found.items())
