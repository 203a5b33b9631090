"""What follows from the criterion at its optimum: likelihood, AIC, shares of variance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from engine.criterion import Criterion, Structure
from engine.crossproducts import CrossProducts
from engine.descent import Optimum
from engine.deviance import Deviance
from engine.forms import criterion_of
from engine.optimum import lowest_value
from engine.solution import Solution
from engine.table import Floats
from engine.units import Units


@dataclass(frozen=True, slots=True)
class Statistics:
    """Statistics of a fit, as ``arm::display`` and lme4 name them.

    Attributes:
        criterion: -2 log-likelihood, restricted for REML, at the optimum.
        log_likelihood: minus half the criterion.
        df: parameters: fixed effects, theta and sigma.
        aic, bic: from the criterion; bic with log n.
        ml: the ML deviance, searched for when it is first asked for.
        icc: share of the variance between levels, averaged over the rows when there are slopes;
            ``None`` without groups.
        r_squared_marginal, r_squared_conditional: of Nakagawa, Johnson, Schielzeth (2017) and
            Johnson (2014).
    """

    criterion: float
    log_likelihood: float
    df: int
    aic: float
    bic: float
    ml: Deviance
    icc: float | None
    r_squared_marginal: float
    r_squared_conditional: float

    @classmethod
    def known(cls, *, deviance: float, dic: float, **others: float | None) -> Self:
        """What :meth:`values` gave."""
        found = cls(ml=Deviance(deviance), **others)  # type: ignore[arg-type]  # as they came
        if found.dic != dic:
            raise ValueError("dic is not 2 deviance - criterion")
        return found

    @property
    def deviance(self) -> float:
        """The ML deviance at the ML optimum."""
        return self.ml.value

    @property
    def dic(self) -> float:
        """2 deviance - criterion (equal to the deviance for ML)."""
        return 2.0 * self.deviance - self.criterion

    def values(self) -> Mapping[str, float | None]:
        """All statistics by name."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        del own["ml"]
        return {**own, "deviance": self.deviance, "dic": self.dic}


def summarise(
    criterion: Criterion,
    optimum: Optimum,
    method: Literal["REML", "ML"],
    products: CrossProducts,
    kept: NDArray[np.intp],
    units: Units,
    solution: Solution,
) -> Statistics:
    """Compute the statistics; a REML fit is fitted by ML too, when its deviance is asked for."""
    value = _in_data_units(criterion, optimum.value, products, units)
    ml = Deviance(value)
    if method == "REML":
        near = optimum.theta
        ml = Deviance(partial(_ml_deviance, products, kept, criterion.structure, near, units))
    df = criterion.blocks.p + len(optimum.theta) + 1
    fixed, between, within = _variances(products, kept, solution, units)
    whole = fixed + between + within
    return Statistics(
        criterion=value,
        log_likelihood=-value / 2.0,
        df=df,
        aic=value + 2.0 * df,
        bic=value + float(np.log(products.n)) * df,
        ml=ml,
        icc=between / (between + within) if products.groups else None,
        r_squared_marginal=fixed / whole,
        r_squared_conditional=(fixed + between) / whole,
    )


@np.errstate(over="ignore", invalid="ignore")
def _ml_deviance(
    products: CrossProducts,
    kept: NDArray[np.intp],
    structure: Structure,
    near: Floats,
    units: Units,
) -> float:
    """The ML deviance at the ML optimum, from the cross-products; ``near`` is the REML optimum."""
    criterion = criterion_of(products, kept, structure, "ML")
    return _in_data_units(criterion, lowest_value(criterion, near), products, units)


def _in_data_units(
    criterion: Criterion, value: float, products: CrossProducts, units: Units
) -> float:
    """Undo the scaling of y and of X in a value of the criterion, and add the weights' constant."""
    value += 2.0 * criterion.count * float(np.log(units.y)) - products.log_weights
    return float(value - 2.0 * units.log_det if criterion.reml else value)


def _variances(
    products: CrossProducts, kept: NDArray[np.intp], solution: Solution, units: Units
) -> tuple[float, float, float]:
    """Variances over the rows: of the fixed part, of the random part (mean), residual."""
    mm, weight = products.mm, float(products.mm[0, 0])
    mean = mm[0, kept] @ solution.beta / weight
    square = solution.beta @ mm[kept[:, None], kept] @ solution.beta / weight
    spread = max(0.0, square - mean**2) * products.n / (products.n - 1)
    between = 0.0
    for group, t in zip(products.groups, solution.t, strict=True):
        zz = group.zz.sum(axis=0)
        between += solution.sigma**2 * float(np.vdot(t @ t.T, zz)) / weight
    scale = units.y**2
    return float(spread) * scale, between * scale, solution.sigma**2 * scale
