"""The factor at the optimum, from which intervals and tests are computed."""

from __future__ import annotations

from msgspec import Struct

from engine.table import Floats


class Solution(Struct, frozen=True):
    """The factor at the optimum, in the pilots' units: what intervals and tests are computed from.

    Attributes:
        t: T, the relative covariance factor of each grouping factor, (k, k).
        upper: R of D = [X y]'V^-1[X y] = R'R, (p + 1, p + 1).
        beta: fixed effects, (p,).
        sigma: residual standard deviation.
    """

    t: tuple[Floats, ...]
    upper: Floats
    beta: Floats
    sigma: float
