"""The outcome: the response's column, and predictions brought back to its scale."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp

import numpy as np
import scipy
from msgspec import Struct

from engine import expression
from engine.fit import Fit
from engine.response import Inverse, invert
from engine.table import Floats

FARTHEST = 16.0
"""How many standard deviations from its centre a predictive distribution is integrated."""
NEGLIGIBLE = 1e-12


@dataclass(frozen=True, slots=True)
class ResponseDescription:
    """What a model explains.

    Attributes:
        expression: the left side of the formula.
        column: the one column in it; ``None`` when there are several.
        invertible: whether predictions can be brought back to the scale of the column.
    """

    expression: str
    column: str | None
    invertible: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """Predictions on the scale of the response's column; NaN where they do not exist.

    Attributes:
        median, mean: of the predictive distribution (r,).
        lower, upper: prediction interval (r,).
        thresholds: (c,).
        exceedance: probability that a new observation is above each threshold, (r, c): 1 below all
            values that the outcome can take, and 0 above them.
    """

    median: Floats
    mean: Floats
    lower: Floats
    upper: Floats
    thresholds: Floats
    exceedance: Floats


def describe_response(fit: Fit) -> ResponseDescription:
    """Describe the response of a fit."""
    response = fit.design.response
    columns = expression.columns(response.expr)
    return ResponseDescription(
        expression=expression.text(response.expr),
        column=columns[0] if len(columns) == 1 else None,
        invertible=invert(response.expr, response.states) is not None,
    )


class Cuts(Struct, frozen=True):
    """Thresholds on both scales.

    Attributes:
        thresholds: on the scale of the column (c,).
        passed: on the scale of the model (c,).
        sure: 1 for one below all that an outcome can be, 0 for one not below the highest, else nan;
            (c,), or ``None`` when all are nan.
    """

    thresholds: Floats
    passed: Floats
    sure: Floats | None

    @classmethod
    def of(cls, inverse: Inverse, thresholds: Floats) -> Cuts:
        """Bring thresholds to the scale of the model."""
        low, high = inverse.outcomes
        sure = np.where(thresholds < low, 1.0, np.where(thresholds >= high, 0.0, np.nan))
        return cls(thresholds, inverse.passed(thresholds), None if np.isnan(sure).all() else sure)

    def exceedance(self, inverse: Inverse, above: Floats) -> Floats:
        """Probabilities, for standardised distances above the thresholds (..., c)."""
        inside = scipy.special.ndtr(above if inverse.increasing else -above)
        return inside if self.sure is None else np.where(np.isnan(self.sure), inside, self.sure)


def bring_back(
    inverse: Inverse,
    estimate: Floats,
    spread: Floats,
    lower: Floats,
    upper: Floats,
    cuts: Cuts,
) -> Outcome:
    """Push a normal distribution through the inverse of the response's expression.

    Args:
        inverse: the way back.
        estimate: means of the new observations (r,).
        spread: their standard deviations (r,).
        lower: prediction interval on the scale of the model (r,).
        upper: its other end (r,).
        cuts: the thresholds.
    """
    ends = inverse.backward(lower), inverse.backward(upper)
    return Outcome(
        median=inverse.backward(estimate),
        mean=_mean(inverse, estimate, spread),
        lower=ends[0] if inverse.increasing else ends[1],
        upper=ends[1] if inverse.increasing else ends[0],
        thresholds=cuts.thresholds,
        exceedance=cuts.exceedance(inverse, (estimate[:, None] - cuts.passed) / spread[:, None]),
    )


def bring_back_one(
    inverse: Inverse,
    estimate: float,
    spread: float,
    lower: float,
    upper: float,
    cuts: Cuts,
) -> Outcome:
    """As :func:`bring_back` for one row; by plain arithmetic where the inverse is exponential."""
    exponential = inverse.exponential()
    if exponential is None or not inverse.increasing:
        return bring_back(inverse, *_arrays(estimate, spread, lower, upper), cuts)
    scale, rate, shift = exponential
    try:
        mean = scale * exp(rate * estimate + 0.5 * (rate * spread) ** 2) + shift
        median, low, high = (scale * exp(rate * y) + shift for y in (estimate, lower, upper))
    except OverflowError:
        return bring_back(inverse, *_arrays(estimate, spread, lower, upper), cuts)
    return Outcome(
        median=np.array([median]),
        mean=np.array([mean]),
        lower=np.array([low]),
        upper=np.array([high]),
        thresholds=cuts.thresholds,
        exceedance=cuts.exceedance(inverse, (estimate - cuts.passed) / spread)[None, :],
    )


def _arrays(a: float, b: float, c: float, d: float) -> tuple[Floats, Floats, Floats, Floats]:
    return np.array([a]), np.array([b]), np.array([c]), np.array([d])


def _mean(inverse: Inverse, estimate: Floats, spread: Floats) -> Floats:
    """Mean of the outcome: in closed form where there is one, else by quadrature."""
    if (exponential := inverse.exponential()) is not None:
        scale, rate, shift = exponential
        with np.errstate(over="ignore"):
            return scale * np.exp(rate * estimate + 0.5 * (rate * spread) ** 2) + shift
    if (affine := inverse.affine()) is not None:
        return affine[0] + affine[1] * estimate
    with np.errstate(all="ignore"):
        return _integral(inverse, estimate, spread)


def _integral(inverse: Inverse, estimate: Floats, spread: Floats) -> Floats:
    """Mean by the double exponential rule, which bears roots and poles at the ends of the range.

    What the normal distribution puts outside the range counts at its ends (Takahasi, Mori 1974).
    """
    ends = [(end - estimate) / spread for end in inverse.range]
    low, high = (np.clip(end, -FARTHEST, FARTHEST) for end in ends)
    t = np.arange(-3.2, 3.2, 0.03)
    place = np.tanh(np.pi / 2.0 * np.sinh(t))
    weight = 0.03 * np.pi / 2.0 * np.cosh(t) / np.cosh(np.pi / 2.0 * np.sinh(t)) ** 2
    half, middle = (high - low)[:, None] / 2.0, (high + low)[:, None] / 2.0
    z = middle + half * place
    values = inverse.backward(estimate[:, None] + spread[:, None] * z)
    values *= np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
    mean = (values * weight * half).sum(axis=1)
    # No mean exists where the density does not outrun the outcome.
    most = NEGLIGIBLE * np.abs(values).max(axis=1)
    missing = (low == -FARTHEST) & (np.abs(values[:, 0]) > most)
    missing |= (high == FARTHEST) & (np.abs(values[:, -1]) > most)
    for beyond, end in zip((ends[0], -ends[1]), inverse.range, strict=True):
        share, value = scipy.special.ndtr(beyond), float(inverse.backward(np.array(end)))
        if np.isfinite(value):
            mean += share * value
        else:
            missing |= share > NEGLIGIBLE
    return np.where(missing | ~np.isfinite(mean), np.nan, mean)
