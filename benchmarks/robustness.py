"""How often the search for theta ends above the best optimum, on small sets made to be hard.

Every set is searched as a fit searches, and then from random points of all sizes and signs, each
followed by Newton's method to its end. A search whose end is above the lowest of these is a miss.

    python -m benchmarks.robustness --sets 1000 --seed 1 --keep
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import pandas as pd

from benchmarks.studies.record import Made, keep, made
from engine.criterion import Criterion
from engine.descent import descend
from engine.errors import EngineError
from engine.optimum import lowest_value, minimise
from engine.prepared import prepare
from engine.spec import Spec

RANDOM_STARTS = 20
MISS = 1e-4
"""So far above the best, in the criterion (deviance), an end is a miss."""
HEAD = (
    "sets",
    "number",
    "several optima",
    "misses",
    "largest",
    "misses of the ML deviance",
    "largest",
    "below all random ends",
    "not converged",
    "evaluations",
    "ms",
)
FEW_ROWS = 16
"""With so few rows the criterion of several effects is hardly that of any data one would fit."""
ONE_FACTOR = {
    1: ("(1 | g)", "(0 + x | g)"),
    2: ("(x | g)", "(x | g)", "(x || g)", "(0 + x + z | g)"),
    3: ("(x + z | g)", "(x + z | g)", "(x + z || g)", "(1 | g) + (0 + x + z | g)"),
}
SECOND_FACTOR = ("(1 | h)", "(1 | h)", "(x | h)", "(x || h)")
FIXED = ("1", "x", "x + u", "u", "x * u")


@dataclass(frozen=True, slots=True)
class Set:
    """One table and its model; ``k`` effects by level of the first factor, and ``factors``."""

    spec: Spec
    data: pd.DataFrame
    k: int
    factors: int

    @property
    def kind(self) -> str:
        """The row of the report."""
        if self.k > 1 and len(self.data) <= FEW_ROWS:
            return f"{FEW_ROWS} rows or fewer"
        effects = f"{self.k} effect{'s' if self.k > 1 else ''}"
        return f"{effects}, {'one factor' if self.factors == 1 else 'two factors'}"


@dataclass(frozen=True, slots=True)
class Searched:
    """What the search of one set came to.

    Attributes:
        excess: its end above the lowest of the random ends; negative where it is below.
        ml_excess: the same of the ML deviance that a REML fit reports; 0 for ML.
        converged: whether it says so.
        several: whether the random ends are not all one optimum.
        evaluations: of the criterion.
        seconds: that the search took.
    """

    excess: float
    ml_excess: float
    converged: bool
    several: bool
    evaluations: int
    seconds: float


def hard_set(seed: int, number: int) -> Set:
    """A small table whose effects are hard to tell apart.

    Few levels of very unequal sizes; effects of sizes three powers of ten apart, some of which do
    not vary or are functions of one another; noise with outliers.
    """
    draw = np.random.default_rng([seed, number])
    k, factors = int(draw.integers(1, 4)), 1 + int(draw.random() < 0.35)
    n_levels = int(draw.integers(3, 11))
    sizes = draw.integers(1, 7, n_levels)
    sizes += (draw.random(n_levels) < 0.15) * draw.integers(0, 40, n_levels)
    sizes[: k + 1] += k
    g = np.repeat(np.arange(n_levels), sizes)
    n = len(g)
    x = _predictor(draw, g, n_levels)
    z = draw.standard_normal(n) * 3.0 + 2.0
    u = draw.standard_normal(n_levels)
    columns = np.column_stack([np.ones(n), x, z])
    y = u[g] + (columns[:, :k] * _effects(draw, n_levels, k)[g]).sum(axis=1)
    y += draw.standard_t(2, n) if draw.random() < 0.3 else draw.standard_normal(n)
    data = pd.DataFrame({"x": x, "z": z, "u": u[g], "g": g.astype(str)})
    random = str(draw.choice(ONE_FACTOR[k]))
    if factors == 2:
        n_second = int(draw.integers(3, 9))
        h = g % n_second if draw.random() < 0.3 else draw.integers(0, n_second, n)
        y += (columns[:, :2] * _effects(draw, n_second, 2)[h]).sum(axis=1)
        data["h"] = h.astype(str)
        random += f" + {draw.choice(SECOND_FACTOR)}"
    data["y"] = y
    method = "REML" if draw.random() < 0.6 else "ML"
    return Set(Spec.of(f"y ~ {draw.choice(FIXED)} + {random}", method=method), data, k, factors)


def _predictor(draw: np.random.Generator, g: np.ndarray, n_levels: int) -> np.ndarray:
    """A column that varies evenly, rarely, by outliers, or hardly within levels."""
    n = len(g)
    match int(draw.integers(0, 4)):
        case 0:
            return draw.standard_normal(n)
        case 1:
            return (draw.random(n) < 0.3).astype(float)
        case 2:
            return np.asarray(draw.exponential(1.0, n) ** 2)
        case _:
            return np.asarray(draw.standard_normal(n_levels)[g] + 0.1 * draw.standard_normal(n))


def _effects(draw: np.random.Generator, n_levels: int, k: int) -> np.ndarray:
    """Effects (n_levels, k) with outliers, of all sizes."""
    root = np.tril(draw.standard_normal((k, k)))
    match int(draw.integers(0, 6)):
        case 0:
            root[:, 1:] = 0.0  # functions of the first
        case 1:
            root[draw.integers(0, k)] = 0.0  # one does not vary
        case 2:
            root = np.diag(root.diagonal())
        case 3:
            root *= 0.05  # they nearly vanish
    scale = 10.0 ** draw.uniform(-1.5, 1.5, k)
    return np.asarray(draw.standard_t(3, (n_levels, k)) @ root.T * scale)


def search(one: Set, seed: int) -> Searched:
    """Search a set as a fit does, and from random starts."""
    criterion = prepare(one.spec, one.data).criterion
    start = time.perf_counter()
    found = minimise(criterion)
    seconds = time.perf_counter() - start
    ends = random_ends(criterion, seed)
    ml_excess = 0.0
    if criterion.reml:
        ml = criterion.with_method("ML")
        ml_excess = lowest_value(ml, found.theta) - min(random_ends(ml, seed))
    return Searched(
        excess=found.value - min(ends),
        ml_excess=ml_excess,
        converged=found.converged,
        several=max(ends) - min(ends) > MISS,
        evaluations=found.evaluations,
        seconds=seconds,
    )


def random_ends(criterion: Criterion, seed: int) -> list[float]:
    """Values of the ends of searches from random points, by Newton's method."""
    draw = np.random.default_rng(seed)
    t = len(criterion.structure.rows)
    starts = [
        draw.standard_normal(t) * 10.0 ** draw.uniform(-1.5, 1.5, t) for _ in range(RANDOM_STARTS)
    ]
    ends = [descend(criterion, point) for point in starts]
    return [criterion.value_at(end.theta) for end in ends if np.isfinite(end.value)] or [np.inf]


def study(n_sets: int, seed: int, factors: Sequence[int]) -> Iterator[tuple[str, int, Searched]]:
    """Kind, number and result of every set with so many factors that can be fitted."""
    for number in range(n_sets):
        one = hard_set(seed, number)
        if one.factors not in factors:
            continue
        try:
            yield one.kind, number, search(one, number)
        except EngineError:  # as many effects as rows
            continue


def report(results: dict[str, list[Searched]]) -> str:
    """The table of a study in Markdown."""
    lines = [
        f"| {' | '.join(HEAD)} |",
        "| --- " + "| ---: " * (len(HEAD) - 1) + "|",
    ]
    lines += [_row(kind, results[kind]) for kind in sorted(results)]
    return "\n".join(lines)


def _row(kind: str, found: Sequence[Searched]) -> str:
    excess = [one.excess for one in found]
    ml = [one.ml_excess for one in found]
    cells = (
        kind,
        str(len(found)),
        str(sum(one.several for one in found)),
        str(sum(each > MISS for each in excess)),
        f"{max(excess):.1e}",
        str(sum(each > MISS for each in ml)),
        f"{max(ml):.1e}",
        str(sum(each < -MISS for each in excess)),
        str(sum(not one.converged for one in found)),
        f"{statistics.mean(one.evaluations for one in found):.0f}",
        f"{1e3 * statistics.median(one.seconds for one in found):.2f}",
    )
    return f"| {' | '.join(cells)} |"


class Robustness(TypedDict):
    """The study as it is kept: its table, and the sets that were missed."""

    made: Made
    table: str
    missed: list[str]


def main() -> None:
    """Parse the command line, run the study, print its table and the sets that were missed."""
    start = time.perf_counter()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.robustness", description=__doc__)
    parser.add_argument("--sets", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--factors", type=int, nargs="+", choices=(1, 2), default=(1, 2))
    parser.add_argument("--keep", action="store_true", help="for docs/studies.md")
    options = parser.parse_args()
    results: dict[str, list[Searched]] = defaultdict(list)
    missed = []
    for kind, number, found in study(options.sets, options.seed, options.factors):
        results[kind].append(found)
        if max(found.excess, found.ml_excess) > MISS:
            missed.append(f"{number} ({kind}): {found.excess:.2e}, ML {found.ml_excess:.2e}")
    print(f"{options.sets} sets of seed {options.seed}\n\n{report(results)}")
    print("\nMissed:", *(missed or ["none"]), sep="\n")
    if options.keep:
        origin = made(time.perf_counter() - start)
        keep("robustness", Robustness(made=origin, table=report(results), missed=missed))


if __name__ == "__main__":
    main()
