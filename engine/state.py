"""The constants that scale(), center() and poly() take from the rows a model is fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self, TypeAlias, TypedDict

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float64]


class StandardizationDict(TypedDict):
    """A ``Standardization`` in plain JSON."""

    kind: Literal["standardization"]
    center: float
    scale: float


class PolynomialDict(TypedDict):
    """A ``Polynomial`` in plain JSON."""

    kind: Literal["polynomial"]
    alpha: list[float]
    norm2: list[float]


StateDict: TypeAlias = StandardizationDict | PolynomialDict


@dataclass(frozen=True, slots=True)
class Standardization:
    """``(x - center) / scale``."""

    center: float
    scale: float

    @classmethod
    def learn(cls, x: Vector, *, center: bool, scale: bool) -> Self:
        """Return R's constants of ``scale(x, center, scale)`` for x of shape (n,).

        The scale is the root of the sum of squares over n - 1, about the mean when centred and
        about zero when not. It is zero for a constant column; what comes of it is not finite.
        """
        middle = float(x.mean()) if center else 0.0
        deviations = x - middle
        spread = float(np.sqrt(deviations @ deviations / (len(x) - 1))) if scale else 1.0
        return cls(middle, spread)

    def apply(self, x: Vector) -> Vector:
        """Return the standardised values, of the shape of x."""
        return (x - self.center) / self.scale

    def as_dict(self) -> StandardizationDict:
        """Return the constants as plain JSON."""
        return {"kind": "standardization", "center": self.center, "scale": self.scale}


@dataclass(frozen=True, slots=True)
class Polynomial:
    """Orthogonal polynomials by their three-term recurrence, the ``coefs`` of R's ``poly()``.

    With p_0 = 1: ``p_k = (x - alpha_k) p_(k-1) - norm2_(k+1) / norm2_k p_(k-2)``, each divided by
    the root of its squared norm in the end. ``alpha`` has one number for each degree; ``norm2`` two
    more: 1, then the squared norms of p_0, p_1, ... on the training rows.

    Source: Kennedy and Gentle (1980), Statistical Computing, pp. 343-4, as in R.
    """

    alpha: tuple[float, ...]
    norm2: tuple[float, ...]

    @classmethod
    def learn(cls, x: Vector, degree: int) -> Self:
        """Return the recurrence orthogonal on x: shape (n,), more distinct values than degree."""
        middle = float(x.mean())
        centred = x - middle
        alpha: list[float] = []
        norm2 = [1.0, float(len(x))]
        before, current = np.zeros_like(x), np.ones_like(x)
        for _ in range(degree):
            alpha.append(float(current @ (centred * current)) / norm2[-1])
            # the ratio multiplies zeros in the first round
            ratio = norm2[-1] / norm2[-2]
            before, current = current, (centred - alpha[-1]) * current - ratio * before
            norm2.append(float(current @ current))
        return cls(tuple(each + middle for each in alpha), tuple(norm2))

    def apply(self, x: Vector) -> Vector:
        """Return the polynomials of degree 1, 2, ... at x as columns: shape (n, degree)."""
        columns = np.empty((len(x), len(self.alpha)))
        before, current = np.zeros_like(x), np.ones_like(x)
        for k, alpha in enumerate(self.alpha):
            ratio = self.norm2[k + 1] / self.norm2[k]
            before, current = current, (x - alpha) * current - ratio * before
            columns[:, k] = current / np.sqrt(self.norm2[k + 2])
        return columns

    def as_dict(self) -> PolynomialDict:
        """Return the constants as plain JSON."""
        return {"kind": "polynomial", "alpha": list(self.alpha), "norm2": list(self.norm2)}


State: TypeAlias = Standardization | Polynomial


def state_from_dict(data: StateDict) -> State:
    """Return the state that ``as_dict`` wrote."""
    if data["kind"] == "standardization":
        return Standardization(data["center"], data["scale"])
    return Polynomial(_floats(data["alpha"]), _floats(data["norm2"]))


def _floats(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
