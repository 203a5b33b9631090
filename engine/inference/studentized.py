"""The distribution of the studentized range, for Tukey's comparisons of all pairs of means.

    P(q) = int f(s) k int phi(z) (Phi(z) - Phi(z - q s))^(k - 1) dz ds

where df s^2 is chi-square. Both integrals are sums over an even grid, of z and of log s: such sums
of smooth functions that vanish at both ends converge faster than any power of the step. (Copenhaver
and Holland 1988, J. Stat. Comput. Simul. 30, 1, for the integrals.)
"""

from __future__ import annotations

import numpy as np
import scipy

from engine.table import Floats

NODES = 128
TAIL = 1e-17
MAX_STEPS = 100
ACCURACY = 1e-10


def survival(q: float, k: int, df: float) -> float:
    """The probability that the range of k means is greater than q standard errors.

    Args:
        q: range over standard error; NaN gives NaN.
        k: how many means, two or more.
        df: of the standard error; infinite when it is known.
    """
    if np.isnan(q) or np.isnan(df):
        return float("nan")
    s, weight = _scales(df)
    return min(1.0, float(weight @ _beyond(max(q, 0.0) * s, k)))


def quantile(probability: float, k: int, df: float) -> float:
    """The q below which the studentized range stays with the given probability."""
    if np.isnan(df):
        return float("nan")
    low, high = 0.0, 1.0
    tail = 1.0 - probability
    while survival(high, k, df) > tail:
        low, high = high, 2.0 * high
    for _ in range(MAX_STEPS):
        middle = 0.5 * (low + high)
        if high - low < ACCURACY * high:
            break
        low, high = (middle, high) if survival(middle, k, df) > tail else (low, middle)
    return 0.5 * (low + high)


def _scales(df: float) -> tuple[Floats, Floats]:
    """Nodes of s and their weights, which add up to one."""
    if np.isinf(df):
        return np.ones(1), np.ones(1)
    low = scipy.special.chdtri(df, 1.0 - 1e-15) / df
    high = scipy.special.chdtri(df, TAIL) / df
    t = np.linspace(0.5 * np.log(max(low, np.finfo(float).tiny)), 0.5 * np.log(high), NODES)
    log_density = df * (t - 0.5 * np.exp(2.0 * t))
    weight = np.exp(log_density - log_density.max())
    return np.exp(t), weight / weight.sum()


def _beyond(width: Floats, k: int) -> Floats:
    """The probability that k standard normal values span more than each width."""
    z = np.linspace(-8.5, 8.5, NODES)
    density = np.exp(-0.5 * z * z)
    density *= 1.0 / density.sum()
    below = scipy.special.ndtr(z)
    outside = scipy.special.ndtr(z - width[:, None])
    # k int phi(z) (Phi(z)^(k-1) - (Phi(z) - Phi(z - w))^(k-1)) dz: no digits are lost in the tail.
    ratio = np.minimum(outside / np.maximum(below, np.finfo(float).tiny), 1.0 - 1e-16)
    lost = -np.expm1((k - 1) * np.log1p(-ratio))
    return np.asarray(k * ((below ** (k - 1) * lost) @ density))
