"""The normal distribution, of one number and of two."""

from __future__ import annotations

from math import copysign, erfc, inf, sqrt
from statistics import NormalDist
from typing import Final

import scipy

_STANDARD: Final = NormalDist()


def below(z: float) -> float:
    """Return the probability that a standard normal number is below ``z``."""
    return 0.5 * erfc(-z / sqrt(2.0))


def quantile(probability: float) -> float:
    """Return what a standard normal number is below with this probability, within (0, 1)."""
    return _STANDARD.inv_cdf(probability)


def both_below(h: float, k: float, rho: float) -> float:
    """Return the probability that two standard normal numbers are below ``h`` and ``k``.

    ``rho`` is their correlation, within (-1, 1). By Owen's T: Owen 1956, Annals of Mathematical
    Statistics 27, 1075-1090.
    """
    apart = below(h) + below(k)
    opposite = (h < 0.0) != (k < 0.0)  # the product of two tiny numbers would be zero
    wedges = _wedge(h, k, rho) + _wedge(k, h, rho)
    return min(max(0.5 * (apart - opposite) - wedges, 0.0), 1.0)


def _wedge(h: float, k: float, rho: float) -> float:
    root = sqrt((1.0 - rho) * (1.0 + rho))
    if h != 0.0:
        slope = (k / h - rho) / root
    else:
        slope = (1.0 - rho) / root if k == 0.0 else copysign(inf, k)
    return float(scipy.special.owens_t(h, slope))
