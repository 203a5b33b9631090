"""What of a fit is an estimate by random probes, and how well it is known."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from engine.table import Floats


class Approximation(Struct, frozen=True):
    """Monte-Carlo standard errors of a fit of a crossed design too large for a dense factor.

    They are spreads over repeated probes, not over repeated data. Fixed effects, their covariance,
    sigma and conditional modes are exact given theta.

    Attributes:
        probes: random vectors that the traces are means over.
        criterion: standard error of the criterion, and of the deviance.
        theta: standard error of each element of theta relative to it; 0 at the boundary, (f,).
        theta_share: the largest standard error of an element of theta by the probes, relative to
            its standard error by the data.
        conditional: by factor, the root mean square of the relative standard errors of the
            conditional standard deviations of its levels, (f,).
        information: average information of the deviance in (log theta, log sigma), whose inverse
            is half their covariance, (f + 1, f + 1); rows of zeros at the boundary.
        slopes: R_X d(X'V^-1X)^-1 / d log theta_f R_X', (f, p, p).
        leverage: by factor, G_f Z_f'V^-1X in the pilots' units, (levels, p).
    """

    probes: int
    criterion: float
    theta: Floats
    theta_share: float
    conditional: Floats
    information: Floats
    slopes: Floats
    leverage: tuple[Floats, ...]

    @property
    def variance(self) -> Floats:
        """Asymptotic covariance of (log theta, log sigma); zero at the boundary."""
        free = self.information.diagonal() > 0.0
        out = np.zeros_like(self.information)
        out[np.ix_(free, free)] = 2.0 * np.linalg.inv(self.information[np.ix_(free, free)])
        return out

    def message(self) -> str:
        """The same in words."""
        theta, conditional = max(self.theta.tolist()), max(self.conditional.tolist())
        return (
            f"approximate: log-determinants were estimated with {self.probes} random probes; "
            f"their standard error in the criterion is {self.criterion:.2g}, in theta "
            f"{100.0 * theta:.2g} % ({100.0 * self.theta_share:.2g} % of its standard error by the "
            f"data), in standard deviations of random effects given the data "
            f"{100.0 * conditional:.2g} %; "
            "fixed effects, their standard errors and the random effects are exact given theta"
        )
