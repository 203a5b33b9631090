"""One model, all programs: agreement first, then time in interleaved rounds."""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.contestant import Contestant, OverTimeError
from benchmarks.models.cases import Case
from benchmarks.programs import OURS, PEERS, ours, peer
from benchmarks.rounds import Measured, interleaved
from benchmarks.task import write

AGREE = 1e-4
"""How far a criterion may be from the lowest, and a Kenward-Roger error from ours, relatively."""
QUICK = 5.0
"""Programs that take longer for their first fit are timed by it alone."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a program may take: seconds for an answer, bytes of address space."""

    seconds: float
    memory: int = 8 * 2**30


@dataclass(frozen=True, slots=True)
class Entry:
    """What one program did with one model.

    Attributes:
        name: of the program.
        remark: why it has no time, else empty.
        versions: what it is, where it ran.
        above: its criterion over the lowest of all; NaN where it has none.
        time: seconds of a fit; ``None`` where it is not at the optimum or has no answer.
        peak: most memory held, in bytes.
    """

    name: str
    remark: str
    versions: str = ""
    above: float = np.nan
    time: Measured | None = None
    peak: int | None = None


def race(case: Case, python: Path | None, limits: Limits) -> list[Entry]:
    """Run all programs on a model; ours is the first entry."""
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        folder = Path(scratch)
        write(case.task, case.table(), folder)
        started, out = _start(case, folder, python, limits, stack)
        peaks = {name: program.peak() for name, program in started.items()}
        above = _above(started)
        agree = {name: _agrees(started, name, above[name]) for name in started}
        times = _times(case, {n: p for n, p in started.items() if agree[n]})
        entries = [
            Entry(
                name=name,
                remark="" if agree[name] else "not the optimum",
                versions=program.hello["versions"],
                above=above[name],
                time=times.get(name),
                peak=peaks[name],
            )
            for name, program in started.items()
        ]
    return sorted([*entries, *out], key=lambda entry: (OURS, *PEERS).index(entry.name))


def _start(
    case: Case, folder: Path, python: Path | None, limits: Limits, stack: ExitStack
) -> tuple[dict[str, Contestant], list[Entry]]:
    """Let every program fit once, one after the other; those that did, and what of the others."""
    started: dict[str, Contestant] = {}
    out: list[Entry] = []
    for name in (OURS, *PEERS):
        print(f"{case.name}: {name}", file=sys.stderr)
        command = ours(folder) if name == OURS else peer(name, folder, python)
        if name in case.not_for or command is None:
            out.append(Entry(name, case.not_for.get(name, "not on this machine")))
            continue
        program = Contestant(name, command, limit=limits.seconds, memory=limits.memory)
        try:
            started[name] = stack.enter_context(program)
        except OverTimeError:
            out.append(Entry(name, f"not within {limits.seconds:g} s"))
        except RuntimeError:
            out.append(Entry(name, "ended in an error, or wanted more memory than it may"))
    return started, out


def _above(started: Mapping[str, Contestant]) -> dict[str, float]:
    criteria = {name: program.hello["answer"]["criterion"] for name, program in started.items()}
    best = min((value for value in criteria.values() if np.isfinite(value)), default=np.nan)
    return {name: value - best for name, value in criteria.items()}


def _agrees(started: Mapping[str, Contestant], name: str, above: float) -> bool:
    """Whether a program is at the lowest criterion, and its standard errors are ours, if any.

    Those of statsmodels follow another convention and are not compared.
    """
    own, other = (
        started[who].hello["answer"]["std_error"] if who in started else [] for who in (name, OURS)
    )
    compared = name != "statsmodels" and own and other
    same = not compared or np.allclose(own, other, rtol=AGREE)
    return bool(above <= AGREE and same)


def _times(case: Case, agreed: Mapping[str, Contestant]) -> dict[str, Measured]:
    """Time the quick in interleaved rounds; the first fit of the others is their time."""
    quick = {name: p for name, p in agreed.items() if case.rounds > 1 or _first(p) < QUICK}
    timed = interleaved(
        {name: partial(_median_fit, program, case.seconds) for name, program in quick.items()},
        case.rounds,
    )
    firsts = {name: Measured((_first(p),) * case.rounds) for name, p in agreed.items()}
    return firsts | timed


def _first(program: Contestant) -> float:
    return program.hello["seconds"]


def _median_fit(program: Contestant, seconds: float) -> float:
    return statistics.median(program.fit_for(seconds))
