"""The ML deviance with one parameter held, as a smooth function without bounds of all others.

A fixed effect that is held moves y: with beta = a t / a'a + N g for a'N = 0, the model has
y - X a t / a'a for response and X N for columns. See ``leading`` for the random effects.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from msgspec import Struct

from engine.criterion import Evaluation
from engine.descent import Objective
from engine.forms import form_of
from engine.inference.deviance import KnownSigma, Optimal
from engine.inference.leading import Correlation, Deviation, View
from engine.inference.parameters import Parameter
from engine.recombination import with_columns
from engine.table import Floats


class Held(Protocol):
    """A parameter that can be held at any value of an inner coordinate."""

    @property
    def start(self) -> Floats:
        """The free parameters at the ML optimum."""

    @property
    def at_optimum(self) -> float:
        """The coordinate there."""

    @property
    def step(self) -> float:
        """A first guess of the distance to the ends of an interval."""

    @property
    def limits(self) -> tuple[float, float]:
        """Limits of the coordinate: infinite, or values that can be held themselves."""

    @property
    def can_vanish(self) -> bool:
        """Whether a search from elsewhere than ``start`` may end where an effect has vanished."""

    def objective(self, coordinate: float) -> Objective:
        """The deviance of the free parameters."""

    def value(self, coordinate: float) -> float:
        """The parameter in the data's units."""


def hold(optimal: Optimal, parameter: Parameter) -> Held | None:
    """The way to hold a parameter; ``None`` for a correlation that does not exist."""
    if parameter.kind == "fixed":
        return _FixedEffect.of(optimal, parameter.at[0])
    if parameter.kind == "sigma":
        return _Sigma.of(optimal)
    offset = sum(len(effects.terms) for effects in optimal.fit.random[: parameter.at[0]])
    leading = [offset + effect for effect in parameter.at[1:]]
    view = View.of(optimal, leading)
    if parameter.kind == "sd":
        return Deviation.of(view)
    return Correlation.of(view)


class _FixedEffect(Struct, frozen=True, dict=True):
    optimal: Optimal
    direction: Floats
    origin: float
    start: Floats
    at_optimum: float
    step: float
    limits: tuple[float, float] = (-math.inf, math.inf)
    can_vanish: bool = False

    @classmethod
    def of(cls, optimal: Optimal, j: int) -> _FixedEffect:
        units = optimal.fit.units
        direction = units.x[j]
        error = optimal.sigma * float(np.linalg.norm(direction @ optimal.spread))
        at = float(direction @ optimal.beta)
        return cls(optimal, direction, float(units.constant[j]), optimal.theta, at, 2.0 * error)

    def value(self, coordinate: float) -> float:
        return self.optimal.fit.units.y * coordinate + self.origin

    def objective(self, coordinate: float) -> Objective:
        a = self.direction
        q, _ = np.linalg.qr(a[:, None], mode="complete")
        p = len(a)
        columns = np.zeros((p + 1, p))
        columns[:p, :-1] = q[:, 1:]
        columns[:p, -1] = -a * coordinate / (a @ a)
        columns[p, -1] = 1.0
        criterion = self.optimal.criterion
        moved = form_of(with_columns(criterion.blocks, columns), criterion.structure, "ML")
        if len(self.start):
            return moved
        return lambda free: Evaluation(moved.value_at(free), np.empty(0), np.empty((0, 0)))


class _Sigma(Struct, frozen=True, dict=True):
    """Sigma, by its logarithm."""

    optimal: Optimal
    start: Floats
    at_optimum: float
    step: float
    limits: tuple[float, float] = (-math.inf, math.inf)
    can_vanish: bool = False

    @classmethod
    def of(cls, optimal: Optimal) -> _Sigma:
        step = 2.0 / math.sqrt(2.0 * optimal.criterion.blocks.n)
        return cls(optimal, optimal.theta, math.log(optimal.sigma), step)

    def value(self, coordinate: float) -> float:
        return self.optimal.fit.units.y * math.exp(coordinate)

    def objective(self, coordinate: float) -> Objective:
        known = KnownSigma(self.optimal.criterion, self.at_optimum)

        def evaluate(theta: Floats) -> Evaluation | None:
            here = known(theta, coordinate)
            if here is None:
                return None
            return Evaluation(here.value, here.gradient[:-1], here.hessian[:-1, :-1])

        return evaluate
