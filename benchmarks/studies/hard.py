"""Data sets that are hard on the search for an optimum, and some that are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks.studies.designs import ROOT, Floats

EACH = 18
TRAP = "log(pmax(radon, 0.1)) ~ floor * log_uranium + (1 + floor | county)"


@dataclass(frozen=True)
class Hard:
    """A model and its table; the columns in ``factors`` are factors."""

    family: str
    formula: str
    table: pd.DataFrame
    factors: tuple[str, ...]
    reml: bool = True
    weights: str | None = None


Draw = Callable[[np.random.Generator], Hard]


def data_sets(seed: int) -> Iterator[Hard]:
    """Draw ``EACH`` data sets of every family."""
    for which, draw in enumerate(FAMILIES):
        for turn in range(EACH):
            yield draw(np.random.default_rng((seed, which, turn)))


def _groups(draw: np.random.Generator, count: int, least: int, most: int) -> pd.DataFrame:
    """Rows in ``count`` groups of unequal size, with predictors x, z and standard noise e."""
    g = np.repeat(np.arange(count), draw.integers(least, most + 1, count))
    n = len(g)
    return pd.DataFrame(
        {
            "g": g,
            "x": draw.normal(0.5, 1.0, n),
            "z": draw.standard_normal(n),
            "e": draw.standard_normal(n),
        }
    )


def _with_slopes(
    draw: np.random.Generator, table: pd.DataFrame, half: Floats, noise: float = 1.0
) -> pd.DataFrame:
    """Add y: effects with covariance half half' of the constant, x and z, as far as half goes."""
    columns = np.column_stack([np.ones(len(table)), table["x"], table["z"]])[:, : len(half)]
    effects = draw.standard_normal((table["g"].max() + 1, half.shape[1])) @ half.T
    lines = (columns * effects[table["g"]]).sum(axis=1)
    return table.assign(y=1.0 + 0.5 * table["x"] + lines + noise * table["e"])


def _no_variance(draw: np.random.Generator) -> Hard:
    table = _with_slopes(draw, _groups(draw, 20, 3, 7), np.zeros((1, 1)))
    return Hard("no variance between groups", "y ~ x + (1 | g)", table, ("g",))


def _little_variance(draw: np.random.Generator) -> Hard:
    table = _with_slopes(draw, _groups(draw, 40, 1, 12), np.array([[0.15]]))
    return Hard("little variance, unequal groups", "y ~ x + (1 | g)", table, ("g",))


def _large_variance(draw: np.random.Generator) -> Hard:
    table = _with_slopes(draw, _groups(draw, 25, 2, 9), np.array([[100.0]]), 0.01)
    return Hard("variances a hundred million apart", "y ~ x + (1 | g)", table, ("g",), reml=False)


def _slopes(draw: np.random.Generator) -> Hard:
    half = np.array([[1.0, 0.0], [0.2, 0.4]])
    table = _with_slopes(draw, _groups(draw, 18, 6, 10), half)
    return Hard("correlated slopes", "y ~ x + (x | g)", table, ("g",))


def _flat_slopes(draw: np.random.Generator) -> Hard:
    table = _with_slopes(draw, _groups(draw, 25, 3, 9), np.array([[0.8], [0.0]]))
    return Hard("slopes that do not vary", "y ~ x + (x | g)", table, ("g",))


def _one_line(draw: np.random.Generator) -> Hard:
    table = _with_slopes(draw, _groups(draw, 25, 3, 9), np.array([[0.8], [0.5]]))
    return Hard("correlation of one", "y ~ x + (x | g)", table, ("g",))


def _three_effects(draw: np.random.Generator) -> Hard:
    half = np.array([[1.0, 0.0, 0.0], [0.3, 0.3, 0.0], [-0.2, 0.2, 0.2]])
    table = _with_slopes(draw, _groups(draw, 20, 3, 8), half)
    return Hard("three effects in small groups", "y ~ x + z + (x + z | g)", table, ("g",))


def _years(draw: np.random.Generator) -> Hard:
    half = np.array([[1.0, 0.0], [0.1, 0.3]])
    table = _with_slopes(draw, _groups(draw, 25, 4, 10), half)
    table = table.assign(year=2000.0 + np.round(10.0 * table["x"]))
    return Hard("slopes on a year that is not centred", "y ~ year + (year | g)", table, ("g",))


def _weights(draw: np.random.Generator) -> Hard:
    table = _with_slopes(draw, _groups(draw, 20, 4, 9), np.array([[0.7, 0.0], [0.1, 0.2]]))
    table = table.assign(w=10.0 ** draw.uniform(-2.0, 2.0, len(table)))
    return Hard("weights over four decades", "y ~ x + (x | g)", table, ("g",), weights="w")


def _crossed(draw: np.random.Generator) -> Hard:
    n = 180
    table = pd.DataFrame({"a": draw.integers(0, 30, n), "b": draw.integers(0, 7, n)})
    a, b = draw.normal(0.0, 0.7, 30), draw.normal(0.0, 0.3, 7)
    table["y"] = 2.0 + a[table["a"]] + b[table["b"]] + draw.standard_normal(n)
    return Hard("crossed, not every pair", "y ~ 1 + (1 | a) + (1 | b)", table, ("a", "b"))


def _several(draw: np.random.Generator) -> Hard:
    n = 300
    table = pd.DataFrame(
        {
            "a": draw.integers(0, 15, n),
            "b": draw.integers(0, 4, n),
            "c": draw.integers(0, 12, n),
            "x": draw.normal(0.0, 1.0, n),
        }
    )
    a, slope = draw.normal(0.0, 0.6, 15), draw.normal(0.0, 0.2, 15)
    b, c = draw.normal(0.0, 0.3, (15, 4)), draw.normal(0.0, 0.5, 12)
    lines = a[table["a"]] + b[table["a"], table["b"]] + c[table["c"]] + slope[table["a"]] * table.x
    table["y"] = 1.0 + lines + draw.standard_normal(n)
    formula = "y ~ x + (x | a) + (1 | a:b) + (1 | c)"
    return Hard("nested, crossed and slopes", formula, table, ("a", "b", "c"))


def _trap(draw: np.random.Generator) -> Hard:
    """Counties of the survey drawn with replacement, each draw a county of its own."""
    houses = pd.read_csv(ROOT / "service/radon/data/minnesota-radon.csv")
    counties = sorted(set(houses["county"]))
    drawn = draw.choice(counties, len(counties))
    parts = [houses[houses["county"] == c].assign(county=i) for i, c in enumerate(drawn)]
    return Hard("the survey's counties, resampled", TRAP, pd.concat(parts), ("county",))


FAMILIES: tuple[Draw, ...] = (
    _slopes,
    _no_variance,
    _little_variance,
    _large_variance,
    _flat_slopes,
    _one_line,
    _three_effects,
    _years,
    _weights,
    _crossed,
    _several,
    _trap,
)
