"""The designs of the coverage study: tables of predictors and levels, and the truth behind y."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Design:
    """A model whose parameters are known, with the rows it is observed at.

    Attributes:
        name: of one word.
        title: what it is like.
        formula: with the response y.
        table: n rows, without y.
        fixed: value of each fixed effect, in the order of the formula; "(Intercept)" is the ones.
        between: of each grouping factor the covariance of its effects, (k, k).
        slopes: of each grouping factor the k columns its effects multiply.
        sigma: residual standard deviation.
    """

    name: str
    title: str
    formula: str
    table: pd.DataFrame
    fixed: Mapping[str, float]
    between: Mapping[str, Floats]
    slopes: Mapping[str, tuple[str, ...]]
    sigma: float

    @cached_property
    def mean(self) -> Floats:
        """X beta, (n,)."""
        beta = np.array(list(self.fixed.values()))
        return np.asarray(_columns(self.table, tuple(self.fixed)) @ beta)

    @cached_property
    def codes(self) -> Mapping[str, tuple[NDArray[np.int64], tuple[str, ...]]]:
        """Of each grouping factor the level of each row, (n,), and the names of the levels."""
        found = {}
        for group in self.between:
            codes, levels = pd.factorize(self.table[group], sort=True)
            found[group] = (codes.astype(np.int64), tuple(map(str, levels)))
        return found

    @cached_property
    def z(self) -> Mapping[str, Floats]:
        """Of each grouping factor the columns that its effects multiply, (n, k)."""
        return {group: _columns(self.table, names) for group, names in self.slopes.items()}

    def draw(self, generator: np.random.Generator) -> Draw:
        """Draw the effects of every level, and a response of every row."""
        effects: dict[str, Floats] = {}
        line = self.mean.copy()
        for group, covariance in self.between.items():
            codes, levels = self.codes[group]
            half = np.linalg.cholesky(covariance)
            own = generator.standard_normal((len(levels), len(half))) @ half.T
            effects[group] = own
            line += (self.z[group] * own[codes]).sum(axis=1)
        noise = self.sigma * generator.standard_normal(len(line))
        return Draw(self.table.assign(y=line + noise), effects)


@dataclass(frozen=True)
class Draw:
    """A simulated table and the effects behind it, (levels, k) of each grouping factor."""

    table: pd.DataFrame
    effects: Mapping[str, Floats]


def _columns(table: pd.DataFrame, names: tuple[str, ...]) -> Floats:
    ones = np.ones(len(table))
    return np.column_stack(
        [ones if n == "(Intercept)" else table[n].to_numpy(dtype=np.float64) for n in names]
    )


def _covariance(sd: tuple[float, ...], correlation: float = 0.0) -> Floats:
    matrix = np.full((len(sd), len(sd)), correlation)
    np.fill_diagonal(matrix, 1.0)
    return np.asarray(matrix * np.outer(sd, sd))


def _radon() -> Design:
    houses = pd.read_csv(ROOT / "service/radon/data/minnesota-radon.csv")
    return Design(
        name="radon",
        title="the survey's 919 houses in its 85 counties (1 to 116 each), a predictor of the "
        "house and one of the county",
        formula="y ~ floor + log_uranium + (1 | county)",
        table=houses[["county", "floor", "log_uranium"]],
        fixed={"(Intercept)": 1.5, "floor": -0.66, "log_uranium": 0.7},
        between={"county": _covariance((0.3,))},
        slopes={"county": ("(Intercept)",)},
        sigma=0.73,
    )


def _slopes() -> Design:
    table = pd.DataFrame(
        {"subject": np.repeat([f"s{i:02d}" for i in range(18)], 10), "days": np.tile(range(10), 18)}
    )
    return Design(
        name="slopes",
        title="18 subjects on 10 days each, intercepts and slopes correlated by 0.3",
        formula="y ~ days + (days | subject)",
        table=table,
        fixed={"(Intercept)": 250.0, "days": 10.0},
        between={"subject": _covariance((25.0, 6.0), 0.3)},
        slopes={"subject": ("(Intercept)", "days")},
        sigma=25.0,
    )


def _crossed() -> Design:
    plate, sample = np.divmod(np.arange(24 * 6), 6)
    table = pd.DataFrame(
        {
            "plate": [f"p{i:02d}" for i in plate],
            "sample": [f"s{i}" for i in sample],
            "dose": ((plate + sample) % 2).astype(float),
        }
    )
    return Design(
        name="crossed",
        title="24 plates crossed with 6 samples, one row each, a treatment within both",
        formula="y ~ dose + (1 | plate) + (1 | sample)",
        table=table,
        fixed={"(Intercept)": 23.0, "dose": 0.3},
        between={"plate": _covariance((0.8,)), "sample": _covariance((1.8,))},
        slopes={"plate": ("(Intercept)",), "sample": ("(Intercept)",)},
        sigma=0.55,
    )


def _few() -> Design:
    table = pd.DataFrame(
        {"site": np.repeat([f"s{i}" for i in range(8)], 5), "x": np.tile(np.arange(-2.0, 3.0), 8)}
    )
    return Design(
        name="few",
        title="8 sites of 5 rows that differ little: the estimate of their variance is often zero",
        formula="y ~ x + (1 | site)",
        table=table,
        fixed={"(Intercept)": 1.0, "x": 0.5},
        between={"site": _covariance((0.4,))},
        slopes={"site": ("(Intercept)",)},
        sigma=1.0,
    )


def designs() -> tuple[Design, ...]:
    """The designs, in the order they are shown."""
    return _radon(), _slopes(), _crossed(), _few()
