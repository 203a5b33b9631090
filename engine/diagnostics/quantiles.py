"""Normal quantile plots: values in order beside what a normal sample of their number would be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from engine.table import Codes, Floats


@dataclass(frozen=True, slots=True)
class NormalQuantiles:
    """Order statistics of n values, all or a selection of q.

    Attributes:
        n: how many values there are.
        place: of each in the values as given (q,).
        expected: normal quantiles of (i - 1/2) / n, (q,).
        values: in ascending order (q,).
        lower, upper: ends of 95 % intervals, each for its place alone, of a normal sample with the
            line's slope and intercept; (q,).
        slope, intercept: of the line through the quartiles, as R's ``qqline``.
    """

    n: int
    place: Codes
    expected: Floats
    values: Floats
    lower: Floats
    upper: Floats
    slope: float
    intercept: float


def normal_quantiles(values: Floats, most: int | None = None) -> NormalQuantiles:
    """Normal quantiles of one or more values; of at most ``most``, evenly spaced and both ends.

    Order statistics of n uniform values have beta distributions (David, Nagaraja 2003, Order
    Statistics, section 2.3).
    """
    n, order = len(values), np.argsort(values, kind="stable")
    picked = np.arange(n)
    if most is not None and n > most:
        picked = np.unique(np.round(np.linspace(0, n - 1, most)).astype(np.int64))
    ranks = picked + 1.0
    expected = scipy.special.ndtri((ranks - 0.5) / n)
    quartiles = np.quantile(values, (0.25, 0.75))
    slope = float((quartiles[1] - quartiles[0]) / (2.0 * scipy.special.ndtri(0.75)))
    intercept = float(quartiles.mean())
    lower, upper = (
        np.asarray(
            intercept
            + slope * scipy.special.ndtri(scipy.special.betaincinv(ranks, n + 1.0 - ranks, p))
        )
        for p in (0.025, 0.975)
    )
    return NormalQuantiles(
        n, order[picked], expected, values[order[picked]], lower, upper, slope, intercept
    )
