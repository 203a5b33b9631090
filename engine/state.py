"""The constants that scale(), center(), poly() and ave() take from the rows of a fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Self, TypeAlias, TypedDict

import numpy as np
from numpy.typing import NDArray

from engine.table import Codes, Factor

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


@dataclass(frozen=True)
class GroupMeans:
    """Means by group: ``ave(x, a, b)`` has one for every combination of levels that has rows.

    Attributes:
        levels: of each group, one level for each of the columns it is made of.
        means: of each group.
    """

    levels: tuple[tuple[str, ...], ...]
    means: tuple[float, ...]

    @classmethod
    def learn(cls, x: Vector, factors: Sequence[Factor]) -> Self:
        """Return the means of x, shape (n,), in the groups that the factors make together.

        As R's ``mean``, a second pass mends the rounding of the first: where x is the same in all
        rows of a group, that is its mean exactly.
        """
        codes, levels = _combined(factors)
        rows = np.bincount(codes, minlength=len(levels))
        overall = x.mean()
        means = overall + np.bincount(codes, x - overall, len(levels)) / rows
        means += np.bincount(codes, x - means[codes], len(levels)) / rows
        return cls(levels, tuple(means.tolist()))

    def apply(self, factors: Sequence[Factor]) -> Vector:
        """Return the mean of each row's group, shape (n,); nan where the fit had no rows of it."""
        codes, levels = _combined(factors)
        place = np.array([self._place.get(level, -1) for level in levels], dtype=np.intp)
        return self._padded[place][codes]

    @cached_property
    def _place(self) -> Mapping[tuple[str, ...], int]:
        return {level: j for j, level in enumerate(self.levels)}

    @cached_property
    def _padded(self) -> Vector:
        return np.array([*self.means, np.nan])


def _combined(factors: Sequence[Factor]) -> tuple[Codes, tuple[tuple[str, ...], ...]]:
    """Return the group of each row, and the levels that make each group."""
    codes, groups = factors[0].codes, [(level,) for level in factors[0].levels]
    for factor in factors[1:]:
        found, codes = np.unique(codes * len(factor.levels) + factor.codes, return_inverse=True)
        pairs = (divmod(code, len(factor.levels)) for code in found.tolist())
        groups = [(*groups[a], factor.levels[b]) for a, b in pairs]
    return codes, tuple(groups)


State: TypeAlias = Standardization | Polynomial | GroupMeans
