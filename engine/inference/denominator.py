"""Which degrees of freedom a test of fixed effects has: by name."""

from __future__ import annotations

from typing import Literal, get_args

from engine.errors import Problem, SpecError
from engine.fit import Fit
from engine.inference.approximation import Approximation, Constant
from engine.inference.kenward_roger import KenwardRoger
from engine.inference.satterthwaite import Satterthwaite

DegreesOfFreedom = Literal["satterthwaite", "kenward-roger", "residual", "none"]


def approximation(fit: Fit, df: str) -> Approximation:
    """The covariance of the fixed effects and the degrees of freedom that ``df`` names.

    Args:
        fit: the model.
        df: "satterthwaite", "kenward-roger" (REML fits; with the adjusted covariance), "residual"
            (n - p) or "none" (the normal distribution).

    Raises:
        SpecError: ``df`` is none of these, or Kenward and Roger's method is asked of an ML fit.
    """
    residual = Constant(fit.covariance, float(fit.n_rows - len(fit.beta)))
    match df:
        case "satterthwaite":
            return Satterthwaite.of(fit) if fit.random else residual
        case "kenward-roger":
            return KenwardRoger.of(fit)
        case "residual":
            return residual
        case "none":
            return Constant(fit.covariance, float("inf"))
        case _:
            offered = ", ".join(get_args(DegreesOfFreedom))
            raise SpecError(
                Problem(
                    "unknown_option",
                    f"df is not one of {offered}",
                    f"use one of {offered}",
                    ("df",),
                )
            )
