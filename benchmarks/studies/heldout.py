"""Predictions of houses that a model has not seen, and how good they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

import engine
from service.radon.spread import spread_by_state

Floats = NDArray[np.float64]
Folds = NDArray[np.intp]

OFFSET = 0.1
FLOOR = 0.1
ROUNDING = 0.05
"""Readings are to one decimal: one of 2.2 is any between 2.15 and 2.25."""
ACTION = 4.0
BINS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 1.0)


@dataclass(frozen=True)
class Candidate:
    """A model to be judged.

    Attributes:
        name: in the tables.
        formula: of log(radon + 0.1), or of log(pmax(radon, 0.1)) where ``clipped``.
        fixed: a column whose levels have fixed effects, so that a new level has none.
        fallback: the formula that answers for such a level.
        clipped: which of the two logarithms.
        spread: whether the residual standard deviation is that of the house's state.
    """

    name: str
    formula: str
    fixed: str | None = None
    fallback: str = ""
    clipped: bool = False
    spread: bool = False


@dataclass(frozen=True)
class Predicted:
    """Predictive distributions of r readings: normal on the scale of the logarithm.

    Attributes:
        mean, sd: of the logarithm (r,).
        clipped: of which logarithm.
        known: whether the model had anything to say of the house itself (r,).
    """

    mean: Floats
    sd: Floats
    clipped: bool
    known: NDArray[np.bool_]

    def above(self, level: Floats | float) -> Floats:
        """Probability that a reading is above a level, (r,)."""
        level = np.asarray(level, dtype=float)
        shifted = level if self.clipped else level + OFFSET
        with np.errstate(divide="ignore", invalid="ignore"):
            z = (self.mean - np.log(np.maximum(shifted, 0.0))) / self.sd
        return np.asarray(special.ndtr(z))

    def error(self, radon: Floats) -> Floats:
        """How far log(radon + 0.1) is from what was predicted of it, (r,)."""
        median = np.exp(self.mean) - (0.0 if self.clipped else OFFSET)
        return np.asarray(np.log(radon + OFFSET) - np.log(np.maximum(median, 0.0) + OFFSET))

    def log_score(self, radon: Floats) -> Floats:
        """Logarithm of the probability of the reading as it was reported, (r,)."""
        low = np.where(radon < FLOOR, -1.0, radon - ROUNDING)
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.above(low) - self.above(radon + ROUNDING)))

    def within(self, radon: Floats, level: float) -> NDArray[np.bool_]:
        """Whether each reading is in its interval of this level, (r,)."""
        value = np.maximum(radon, FLOOR) if self.clipped else radon + OFFSET
        z = (np.log(value) - self.mean) / self.sd
        return np.asarray(np.abs(z) <= special.ndtri(0.5 + 0.5 * level))


class Scores(TypedDict):
    """How good the predictions of one candidate are."""

    name: str
    formula: str
    unknown: int
    rmse: float
    log_score: float
    behind: float
    behind_error: float
    within_50: float
    within_95: float
    brier: float


class Bin(TypedDict):
    """Houses whose probability of more than 4 pCi/L was said to be between two values."""

    low: float
    high: float
    n: int
    said: float
    found: float


def by_row(n: int, folds: int, seed: int) -> Folds:
    """Folds of nearly equal size, at random, (n,)."""
    return np.random.default_rng(seed).permutation(np.arange(n) % folds)


def by_group(groups: pd.Series, folds: int | None, seed: int) -> Folds:
    """Folds of whole groups: ``folds`` of them, or one for each group, (n,)."""
    codes, levels = pd.factorize(groups)
    if folds is None:
        return np.asarray(codes, dtype=np.intp)
    return by_row(len(levels), folds, seed)[codes]


def held_out(candidate: Candidate, table: pd.DataFrame, folds: Folds) -> Predicted:
    """Predict each row by the model fitted to the other folds."""
    n = len(table)
    mean, sd, known = np.empty(n), np.empty(n), np.ones(n, dtype=bool)
    for fold in np.unique(folds):
        out = folds == fold
        for rows, formula, knows in _parts(candidate, table, out):
            fit = engine.fit(formula, table[~out])
            new = {
                own.name: table[own.name].to_numpy()[rows].tolist()
                for own in engine.predictors(fit)
            }
            said = engine.predict(fit, new)
            mean[rows], sd[rows] = said.estimate, said.prediction_std_error
            if candidate.spread:
                own = spread_by_state(fit, table[~out], table["state"][~out].tolist())
                sd[rows] = np.hypot(said.std_error, table["state"][rows].map(own))
            known[rows] = knows
    return Predicted(mean, sd, candidate.clipped, known)


def _parts(
    candidate: Candidate, table: pd.DataFrame, out: NDArray[np.bool_]
) -> Iterator[tuple[NDArray[np.bool_], str, bool]]:
    """The rows left out, with the formula that answers for them: levels not seen have another."""
    if candidate.fixed is None:
        yield out, candidate.formula, True
        return
    seen = table[candidate.fixed].isin(table[candidate.fixed][~out].unique()).to_numpy()
    for rows, formula, knows in (
        (out & seen, candidate.formula, True),
        (out & ~seen, candidate.fallback, False),
    ):
        if rows.any():
            yield rows, formula, knows


def together(parts: list[Predicted]) -> Predicted:
    """The predictions of several partitions one after the other."""
    return Predicted(
        np.concatenate([part.mean for part in parts]),
        np.concatenate([part.sd for part in parts]),
        parts[0].clipped,
        np.concatenate([part.known for part in parts]),
    )


def scores(
    candidate: Candidate, said: Predicted, radon: Floats, best: Predicted, houses: int
) -> Scores:
    """Score predictions of readings.

    ``behind`` is how much worse the log score is than that of ``best``, by house, with its standard
    error over the ``houses``; readings of several partitions follow each other.
    """
    difference = (best.log_score(radon) - said.log_score(radon)).reshape(-1, houses).mean(axis=0)
    return Scores(
        name=candidate.name,
        formula=candidate.formula,
        unknown=round(float((~said.known).mean()) * houses),
        rmse=_rounded(np.sqrt(np.square(said.error(radon)).mean())),
        log_score=_rounded(said.log_score(radon).mean()),
        behind=_rounded(difference.mean()),
        behind_error=_rounded(difference.std(ddof=1) / np.sqrt(houses)),
        within_50=_percent(said.within(radon, 0.5)),
        within_95=_percent(said.within(radon, 0.95)),
        brier=_rounded(np.square(said.above(ACTION) - (radon > ACTION)).mean()),
    )


def reliability(said: Predicted, radon: Floats, partitions: int) -> list[Bin]:
    """What was said of 4 pCi/L beside what was found, by how likely it was said to be."""
    probability, over = said.above(ACTION), radon > ACTION
    found = []
    for low, high in pairwise(BINS):
        rows = (probability >= low) & (probability < high)
        if rows.any():
            found.append(
                Bin(
                    low=low,
                    high=high,
                    n=round(int(rows.sum()) / partitions),
                    said=_percent(probability[rows]),
                    found=_percent(over[rows]),
                )
            )
    return found


def _percent(values: NDArray[np.bool_] | Floats) -> float:
    return round(100.0 * float(np.mean(values)), 2)


def _rounded(value: float) -> float:
    return round(float(value), 5)
