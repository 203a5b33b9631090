"""The columns of a model within the levels of a group: about their means by level."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from engine.cholesky import independent_columns
from engine.fit import Fit
from engine.table import Floats

CONSTANT = 1e-11
"""A column that does not vary within levels leaves only rounding of its whole sum of squares."""


class Within(Struct, frozen=True):
    """M = [1 X y] about its means by level, in the pilots' units.

    Attributes:
        weight: sum of the weights of each level (J,).
        mean: of the columns of M by level (J, m).
        products: of the deviations (m, m).
        varying: columns of X, the intercept aside, that vary within levels.
        slopes: those of them that no others make up.
    """

    weight: Floats
    mean: Floats
    products: Floats
    varying: NDArray[np.intp]
    slopes: NDArray[np.intp]

    @classmethod
    def of(cls, fit: Fit, which: int, intercept: int) -> Within:
        """The columns within the levels of a factor whose effect ``intercept`` is an intercept."""
        products = fit.products
        group = products.groups[which]
        weight = group.zz[:, intercept, intercept]
        mean = group.zm[:, intercept, :] / weight[:, None]
        within = products.mm - (mean * weight[:, None]).T @ mean
        columns = fit.kept[fit.kept > 0]
        varies = within.diagonal()[columns] > CONSTANT * products.mm.diagonal()[columns]
        varying = columns[varies]
        slopes = varying[independent_columns(within[np.ix_(varying, varying)])]
        return cls(weight, mean, within, varying, slopes)
