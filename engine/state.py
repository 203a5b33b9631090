"""The constants that scale(), center() and poly() take from the rows a model is fitted to."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias, TypedDict

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float64]


class Over(NamedTuple):
    """What to find over all rows: its value on some of them, and how two values become one."""

    rows: Callable[[Vector], Vector]
    merge: Callable[[Vector, Vector], Vector] = np.add


Learning: TypeAlias = "Generator[Over, Vector, State]"
"""Asks for one thing after the other over all rows of a column, and ends with the constants."""


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

    @staticmethod
    def learning(*, center: bool, scale: bool) -> Learning:
        """Learn R's constants of ``scale(x, center, scale)``.

        The scale is the root of the sum of squares over n - 1, about the mean when centred and
        about zero when not. It is zero for a constant column; what comes of it is not finite.
        """
        count, total = yield _COUNT_AND_TOTAL
        middle = float(total / count) if center else 0.0
        spread = 1.0
        if scale:
            squares = yield Over(lambda x: np.array([(x - middle) @ (x - middle)]))
            spread = float(np.sqrt(squares[0] / (count - 1)))
        return Standardization(middle, spread)

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

    @staticmethod
    def learning(degree: int) -> Generator[Over, Vector, Polynomial]:
        """Learn the recurrence orthogonal on a column of more distinct values than ``degree``.

        Raises:
            ZeroDivisionError: the squares of the column are too small for doubles.
        """
        count, total = (yield _COUNT_AND_TOTAL).tolist()
        middle = total / count
        alpha: list[float] = []
        norm2 = [1.0]
        for k in range(degree + 1):
            products = yield Over(_Recurrence(middle, tuple(alpha), tuple(norm2)).products)
            norm2.append(float(products[0]))
            if k < degree:
                alpha.append(float(products[1]) / norm2[-1])
        return Polynomial(tuple(each + middle for each in alpha), tuple(norm2))

    def apply(self, x: Vector) -> Vector:
        """Return the polynomials of degree 1, 2, ... at x as columns: shape (n, degree)."""
        columns = np.empty((len(x), len(self.alpha)))
        for k, values in enumerate(_recurrence(x, self.alpha, self.norm2)):
            if k:
                columns[:, k - 1] = values / np.sqrt(self.norm2[k + 1])
        return columns

    def as_dict(self) -> PolynomialDict:
        """Return the constants as plain JSON."""
        return {"kind": "polynomial", "alpha": list(self.alpha), "norm2": list(self.norm2)}


State: TypeAlias = Standardization | Polynomial


@dataclass(frozen=True, slots=True)
class _Recurrence:
    """What is known of a recurrence so far: enough for its polynomial of highest degree, p."""

    middle: float
    alpha: tuple[float, ...]
    norm2: tuple[float, ...]

    def products(self, x: Vector) -> Vector:
        """The sums of p^2 and of p^2 times x about the mean."""
        centred = x - self.middle
        *_, p = _recurrence(centred, self.alpha, self.norm2)
        return np.array([p @ p, p @ (centred * p)])


def _recurrence(x: Vector, alpha: Sequence[float], norm2: Sequence[float]) -> Iterator[Vector]:
    """The polynomials of degree 0, 1, ... at x, one more than there are ``alpha``."""
    before, current = np.zeros_like(x), np.ones_like(x)
    yield current
    for k, each in enumerate(alpha):
        # the ratio multiplies zeros in the first round
        ratio = norm2[k + 1] / norm2[k]
        before, current = current, (x - each) * current - ratio * before
        yield current


_COUNT_AND_TOTAL = Over(lambda x: np.array([len(x), x.sum()]))


def state_from_dict(data: StateDict) -> State:
    """Return the state that ``as_dict`` wrote."""
    if data["kind"] == "standardization":
        return Standardization(data["center"], data["scale"])
    return Polynomial(_floats(data["alpha"]), _floats(data["norm2"]))


def _floats(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
